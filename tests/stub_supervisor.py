"""A supervisor behind a loopback server whose answers a test writes: labelled a stub wherever it shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loopback import completion, replying

from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings

MODEL = ModelSettings("stub", "stub-supervisor", structured="json_schema", max_tokens=16000)

Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]  # by phase: the request's body -> the answer


def enum_of(body: Mapping[str, Any], *names: str) -> list[str]:
    """The values that a field of the schema sent may take."""
    part = body["response_format"]["json_schema"]["schema"]
    for name in names:
        part = part["properties"][name]
        part = part.get("items", part)
    return list(part["enum"])


def phase_of(body: Mapping[str, Any]) -> str:
    """The phase of a request, by its schema; a repair turn is `mend` behind it."""
    schema = body["response_format"]["json_schema"]["schema"]
    asked = len([message for message in body["messages"] if message["role"] == "user"])
    return f"{schema['title']}{' mend' if asked > 1 else ''}"


def pattern(number: int, groups: list[str], types: list[str], **more: Any) -> dict[str, Any]:
    """A pattern as a strong supervisor gives it."""
    usual = {
        "name": f"pattern {number}",
        "frequency": "high",
        "groups": groups,
        "types": types,
        "root_cause": f"cause {number}",
        "readings": [{"reading": "one way", "supporters": [], "reason": f"reason {number}"}],
        "principle": f"principle {number}",
        "clarify": "",
        "covered_by": "none",
    }
    return usual | more


@contextmanager
def stub(folder: Path, answers: Answers) -> Iterator[tuple[StoreAsker, list[tuple[str, dict[str, Any]]]]]:
    """An asker whose supervisor answers each phase as written; phases without an answer say nothing. Yields it with
    the requests that came, by phase."""
    seen: list[tuple[str, dict[str, Any]]] = []
    empty = {
        "patterns": {"patterns": []},
        "diagnosis": {"summary": "", "needs": []},
        "instructions": {"instructions": []},
        "goal": {"updated": False, "documents": "", "purpose": "", "types": "", "use": ""},
        "integration": {"decisions": [], "standing": []},
    }

    def reply(body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        phase = phase_of(body)
        seen.append((phase, body))
        value = answers[phase](body) if phase in answers else empty[phase.partition(" ")[0]]
        return 200, {}, completion(json.dumps(value))

    with replying(reply) as (url, _):
        endpoint = Endpoint("stub", "hosted", api_base=url, attempts=1)
        yield StoreAsker(ResponseStore(folder / "store.sqlite"), {"stub": endpoint}), seen
