"""Field cases of the ways `reply` and `refusal`: what a server sends, and what becomes of the document."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate
from label_place import make_place, rows
from loopback import completion, replying

from diziner.annotator.settings import AnnotatorSettings
from diziner.cli import main
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline

TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("field", 0, Goal("a", "b", "c", "d"), TYPES)
DOCUMENTS = 40
REFUSED = 17
MARKER = "Quarndale"
_ANSWER = completion()


def reply_outcome(case: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The one document's spans and the calls it took, or its failure's code and detail."""
    sent = json.loads((folder / case["input"]).read_text(encoding="utf-8"))
    return outcome_of_reply(sent["status"], sent["body"], case["document"])


def outcome_of_reply(status: int, body: Any, text: str, provider: str = "openai") -> dict[str, Any]:
    """As `reply_outcome`, of a reply that is given; a body of bytes is sent as it is."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as there,
        replying(lambda _: (status, {}, body)) as (base_url, bodies),
    ):
        patch.setattr("diziner.llm.lane._FIRST_WAIT_S", 0.01)
        endpoint = Endpoint("web", "hosted", provider=provider, api_base=base_url, attempts=2, timeout_s=20.0)
        asker = StoreAsker(ResponseStore(Path(there) / "store.sqlite"), {"web": endpoint})
        settings = AnnotatorSettings("reader", ModelSettings("web", "any", structured="json_object"))
        [row] = annotate([Document("d0", tuple(text.split()), text)], GUIDELINE, settings, asker, "field")
        if row.failure is not None:
            return {"failure": row.failure.code, "detail": row.failure.detail, "calls": len(bodies)}
        return {"spans": [[span.start, span.end, span.type] for span in row.spans], "calls": len(bodies)}


def refusal_outcome(case: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The code of the one document's failure, and all that `diziner label` wrote to standard error."""
    sent = json.loads((folder / case["input"]).read_text(encoding="utf-8"))
    return outcome_of_refusal(sent["status"], sent["body"])


def outcome_of_refusal(status: int, body: Any) -> dict[str, Any]:
    """As `refusal_outcome`, of a refusal that is given. Holds the command to the rest of what it owes."""
    says: list[str] = []

    def reply(asked: Mapping[str, Any]) -> tuple[int, dict[str, str], Any]:
        return (status, {}, body) if MARKER in asked["messages"][-1]["content"] else (200, {}, _ANSWER)

    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as there,
        replying(reply) as (base_url, bodies),
    ):
        place = make_place(Path(there), patch)
        place.web(base_url, attempts=2)
        texts = [f"Mara Lind sent {n} letters ." for n in range(DOCUMENTS)]
        texts[REFUSED] = f"Mara Lind saw {MARKER} ."
        lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
        place.input.write_text("".join(f"{line}\n" for line in lines))
        for calls in (DOCUMENTS, 0):
            before = len(bodies)
            says.append(label(place.words(), patch))
            assert len(bodies) - before == calls
            found = rows(place.out)
            failed = [row for row in found if row["failure"]]
            assert len(found) == DOCUMENTS and [row["id"] for row in failed] == [f"d{REFUSED}"]
    failure = failed[0]["failure"]
    return {"code": failure["code"], "detail": failure["detail"], "stderr": "".join(says)}


def label(words: list[str], patch: pytest.MonkeyPatch) -> str:
    """Run `diziner label` in this process; what it wrote to standard error. Its exit code must be 0."""
    patch.setattr(sys, "argv", ["diziner", "label", *words])
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            main()
    except SystemExit as stopped:
        assert not stopped.code, told.getvalue()
    return told.getvalue()
