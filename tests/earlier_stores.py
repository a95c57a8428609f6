"""Stores as earlier versions wrote them, for tests of what becomes of them."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from diziner.llm.rows import compact
from diziner.prompting.request import Message, ModelSettings, Request, Response

GUIDELINE = "Mark every mention of a person, a place or an organisation; leave out titles and articles. " * 60
SPENDING = (
    "CREATE TABLE spending (work TEXT, repair INTEGER, address TEXT, model TEXT, revision TEXT, structured TEXT, "
    "reported TEXT, fingerprint TEXT, calls INTEGER, unanswered INTEGER, unpriced INTEGER, prompt_tokens INTEGER, "
    "completion_tokens INTEGER, nano_usd INTEGER, compared_reported INTEGER, compared_priced INTEGER, PRIMARY KEY "
    "(work, repair, address, model, revision, structured, reported, fingerprint)) WITHOUT ROWID"
)
RESERVATIONS = "CREATE TABLE reservations (id INTEGER PRIMARY KEY, nano_usd INTEGER NOT NULL)"


def asked(number: int, text: str = GUIDELINE) -> Request:
    return Request("openai", ModelSettings("here", "model-1", seed=3), (Message("user", f"{text}\n\nd{number}"),))


def answer(number: int) -> Response:
    return Response(f'{{"entities": [{number}]}}', "stop", "model-1-0824", "fp_1", 10, 4, 0.25)


def earlier(path: Path, count: int, digests: bool = True) -> None:
    """A store as it was written before requests were deltas; without `digests` as before there were accounts, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        column = ", digest TEXT" if digests else ""
        connection.execute(
            "CREATE TABLE responses (key TEXT PRIMARY KEY, answer INTEGER NOT NULL, request TEXT NOT NULL, response "
            f"TEXT NOT NULL{column}) WITHOUT ROWID"
        )
        if digests:
            connection.execute(SPENDING)
            connection.execute(RESERVATIONS)
            connection.execute(f"INSERT INTO spending VALUES ({','.join('1' * 16)})")
        connection.execute("PRAGMA user_version = 1")
        for number in range(count):
            fields = asdict(answer(number))
            del fields["cached_tokens"]
            key, text = asked(number).key, compact(fields)
            digest = [hashlib.sha256(f"{key} {text}".encode()).hexdigest()[:16]] if digests else []
            row = [key, 1, compact(asked(number).canonical()), text, *digest]
            connection.execute(f"INSERT INTO responses VALUES ({','.join('?' * len(row))})", row)
        connection.commit()
