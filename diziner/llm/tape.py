"""Tapes: recorded responses as JSON Lines, to replay without a model and to move between stores.

The first line is the provenance (`{"tape": 1, "models": {...}, "recorded": "..."}`). Then come the texts that
several requests share (`{"part", "content"}`), then the rows (`{"key", "request", "response"}`, or
`refusal` in place of the response), each kind sorted; a row's message holds its `content`, or the `part` where that is
kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl, write_jsonl
from diziner.llm.rows import Row, reply_from_json, reply_to_json
from diziner.prompting.request import Refusal, Reply, key_of

TapeRow = Row

_FORMAT = 1


def read_tape(path: Path) -> list[TapeRow]:
    """The rows of a tape.

    Errors: UserError with file and line for a broken row or a key that does not fit its request.
    """
    lines = read_jsonl(path)
    if not lines or not isinstance(lines[0], dict) or lines[0].get("tape") != _FORMAT:
        raise UserError(f'{path}:1: not a tape: its first line must be a provenance object with "tape": 1')
    parts: dict[str, str] = {}
    rows: list[TapeRow] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            if "part" in line:
                parts[line["part"]] = line["content"]
                if line["part"] != _part(line["content"]):
                    raise UserError(f"{path}:{number}: the text does not fit the name of the part: it was edited")
                continue
            key, request = line["key"], line["request"]
            reply = reply_from_json(line if "refusal" in line else line["response"])
            request["messages"] = [
                {"role": m["role"], "content": parts[m["part"]] if "part" in m else m["content"]}
                for m in request["messages"]
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}:{number}: not a tape row: {error}") from None
        texts = (reply.code, reply.detail) if isinstance(reply, Refusal) else (reply.text, reply.finish_reason)
        if not all(isinstance(text, str) for text in texts):
            raise UserError(f"{path}:{number}: not a tape row: text and finish_reason must be strings")
        if key != key_of(request):
            raise UserError(f"{path}:{number}: the key does not fit the request: the row was edited")
        rows.append((key, request, reply))
    return rows


def write_tape(path: Path, provenance: Mapping[str, Any], rows: Iterable[TapeRow]) -> None:
    """Write a tape atomically."""
    chosen = sorted(rows, key=lambda row: row[0])
    uses = Counter(message["content"] for _, request, _ in chosen for message in request["messages"])
    parts = {content: _part(content) for content, count in uses.items() if count > 1}
    texts = sorted(({"part": part, "content": content} for content, part in parts.items()), key=lambda t: t["part"])
    body = [
        {"key": key, "request": _with_parts(request, parts), **_reply_part(reply)} for key, request, reply in chosen
    ]
    write_jsonl(path, [{"tape": _FORMAT, **provenance}, *texts, *body])


def _reply_part(reply: Reply) -> dict[str, Any]:
    held = reply_to_json(reply)
    return held if isinstance(reply, Refusal) else {"response": held}


def _part(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _with_parts(request: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
    messages = [
        {"role": m["role"], "part": parts[m["content"]]} if m["content"] in parts else m for m in request["messages"]
    ]
    return {**request, "messages": messages}
