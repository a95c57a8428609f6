"""The answers behind a benchmark's outputs, as the response store and the tape have them: their tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from stages.files import read_json
from stages.llm.store import ResponseStore
from stages.llm.tape import read_tape
from stages.records import read_annotations
from stages.rooms import STORE, Room

SUPERVISOR = "supervisor"
CHOSEN = "test"  # who predicted the test documents, by the selection


class Counted(Protocol):
    """What a response says about its own size."""

    @property
    def prompt_tokens(self) -> int: ...

    @property
    def completion_tokens(self) -> int: ...


def response_keys(place: Room, rounds: Sequence[int], pool: Iterable[str]) -> dict[tuple[str, str], set[str]]:
    """The keys of all responses behind a benchmark's outputs, by (kind, name) of who was asked.

    Kinds: `annotator` with its name, ("supervisor", ""), and ("test", "") for whoever predicted the test documents.
    """
    found: dict[tuple[str, str], set[str]] = {}
    refined = [read_json(place.round(number) / "refinement.json")["responses"] for number in rounds if number]
    found[SUPERVISOR, ""] = {key for keys in refined for key in keys}
    for name in pool:
        rows = [row for number in rounds for row in read_annotations(place.annotations(number, name))]
        found["annotator", name] = {key for row in rows for key in row.responses}
    tested = [row for name in ("selected", "initial") for row in read_annotations(place.predictions(name))]
    found[CHOSEN, ""] = {key for row in tested for key in row.responses}
    return found


def answers_at_hand(place: Room, keys: Collection[str]) -> dict[str, Any]:
    """The responses among `keys` that the store, or else the room's tape, has."""
    wanted = set(keys)
    found: dict[str, Any] = dict(ResponseStore(STORE).get(sorted(wanted), failures=True))
    if wanted - found.keys() and place.tape.is_file():
        found.update(
            (key, response) for key, _, response in read_tape(place.tape) if key in wanted and key not in found
        )
    return found


def total_tokens(keys: Iterable[str], answers: Mapping[str, Counted]) -> int | None:
    """Prompt and completion tokens of all answers, each once; None if one is not at hand."""
    distinct = set(keys)
    if distinct - answers.keys():
        return None
    return sum(answers[key].prompt_tokens + answers[key].completion_tokens for key in distinct)
