"""Difference, in words, of a request that a tape has no answer to from the recorded request nearest to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from diziner.llm.tape import TapeRow
from diziner.prompting.request import Request, Response

_DOCUMENT = "<document>"  # what the text of a document begins with, in its message
_SHOWN = 60  # characters of a line or a value
_BEFORE = 24  # characters shown before the first that differs
# The schema follows from the other settings and from the guideline's types: it is named if nothing else differs.
_DERIVED = "schema"


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` differs, and what is to be restored for the tape to have the answer."""

    what: str
    restore: str


def difference(request: Mapping[str, Any], recorded: Sequence[TapeRow], is_repair: bool = False) -> Difference:
    """Hold a request against the recorded ones of its model, both in canonical form; at least one is recorded.

    The nearest is the one about the same document (or the same disagreements), with the fewest other lines, then
    with the fewest other settings. A repair turn is held against the conversations that it could continue.
    """
    if is_repair:
        return _of_repair(request, recorded)
    asked = _Asked(request)
    others = [_Asked(row) for _, row, _ in recorded]
    nearest = min(others, key=asked.distance)
    settings = asked.settings_beside(nearest)
    if nearest.subject != asked.subject:
        return _of_subject(asked, nearest, settings, len(others))
    parts, restore = [], []
    if nearest.roles != asked.roles:
        parts.append(f"a conversation of {len(asked.roles)} messages, recorded was one of {len(nearest.roles)}")
        restore.append("the style of the annotator in params.yaml, or the guideline's example sentences")
    elif nearest.opening != asked.opening:
        parts.append(f"prompt or guideline text: {_first_line(asked.opening, nearest.opening)}")
        restore.append("that text in the round's guideline.yaml or in diziner/prompts")
    if settings:
        parts += settings.values()
        restore.append(f"{', '.join(settings)} in params.yaml")
    if not parts:
        parts, restore = ["the schema that answers are held to"], ["the guideline's types or diziner/schemas"]
    return Difference("; ".join(parts), ", and ".join(restore))


def without_answer(tape: Path, label: str, request: Request, others: int, found: Difference, cannot: Exception) -> str:
    """Return the error's two lines: what the tape lacks and why; what to do. `cannot` says why the model is not asked.

    `others` are the requests of the same work that have no answer either.
    """
    about = f", {_line(request.about)}" if request.about else ""
    more = f" and {others} more" if others else ""
    return (
        f"{tape}: no answer is recorded for {label}{about}{more}; what differs from the recording: {found.what}\n"
        f"restore {found.restore}; or have the model asked: {cannot}"
    )


class _Asked:
    """A canonical request taken apart: its settings, what it is about, and the texts before that."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._settings = {key: value for key, value in request.items() if key != "messages"}
        messages = request["messages"]
        last: str = messages[-1]["content"]
        before, mark, text = last.rpartition(_DOCUMENT)
        self.is_about_document = bool(mark)
        self.subject = text if mark else last
        self.roles = tuple(message["role"] for message in messages)
        earlier = [message["content"] for message in messages[:-1]]
        self.opening = (*earlier, before.rstrip()) if before.rstrip() and mark else tuple(earlier)

    @cached_property
    def _lines(self) -> Counter[str]:
        return Counter("\n".join((*self.opening, self.subject)).split("\n"))

    def distance(self, other: _Asked) -> tuple[bool, int, int]:
        """Return how far a recorded request is from this one, for comparing."""
        lines = (self._lines - other._lines).total() + (other._lines - self._lines).total()
        return self.subject != other.subject, lines, len(self.settings_beside(other))

    def settings_beside(self, other: _Asked) -> dict[str, str]:
        """Return the settings that differ, each with both values in words, but for the schema."""
        return {
            name: f"{name} is {_value(value)}, recorded was {_value(other._settings.get(name))}"
            for name, value in self._settings.items()
            if name != _DERIVED and value != other._settings.get(name)
        }


def _of_subject(asked: _Asked, nearest: _Asked, settings: Mapping[str, str], count: int) -> Difference:
    """Say that nothing recorded is about the same."""
    nowhere = f"in none of the {count} requests recorded of this model"
    if asked.is_about_document:
        parts = [f"its text is {nowhere}: other pilot or test documents, or an edited text"]
        restore = "the documents (`corpus` in params.yaml, sample.txt or files of your own)"
        if nearest.opening != asked.opening:
            parts.append(f"prompt or guideline text, too: {_first_line(asked.opening, nearest.opening)}")
            restore += ", and the round's guideline.yaml or diziner/prompts"
    else:
        texts = [(*each.opening, each.subject) for each in (asked, nearest)]
        parts = [f"what is asked is {nowhere}: other disagreements, guideline or prompt, {_first_line(*texts)}"]
        restore = "what the question is made of (the round's annotations, its guideline.yaml, diziner/prompts)"
    if settings:
        restore += f", and {', '.join(settings)} in params.yaml"
    return Difference("; ".join([*parts, *settings.values()]), restore)


def _of_repair(request: Mapping[str, Any], recorded: Sequence[TapeRow]) -> Difference:
    *before, answer, turn = request["messages"]
    for _, row, _ in recorded:
        if row["messages"][:-1] == [*before, answer]:
            line = _first_line([turn["content"]], [row["messages"][-1]["content"]])
            return Difference(
                f"the words of the repair turn: {line}",
                "diziner/prompts/repair.v1.md, or what finds fault with answers (diziner/prompting, diziner/schemas)",
            )
    replies = [reply for _, row, reply in recorded if row["messages"] == before]
    kept = {reply.text for reply in replies if isinstance(reply, Response)}
    if answer["content"] in kept:
        return Difference(
            "the recorded answer could be read, or was given no repair turn, and now it gets one",
            "what reads answers (diziner/prompting/parse.py, diziner/schemas, answers.repair_turns in params.yaml)",
        )
    return Difference(
        "the answer to be mended is the response store's, and not on the tape",
        "the recorded answers (move the response store away)",
    )


def _first_line(now: Sequence[str], was: Sequence[str]) -> str:
    """Return the first line that differs between two rows of texts, now and recorded, each cut to where it differs.

    An empty line only if no other line differs.
    """
    lines = [[] if text is None else text.split("\n") for text in _first_pair(now, was)]
    full = _first_pair(*(list(filter(str.strip, own)) for own in lines))
    mine, other = _first_pair(*lines) if full == (None, None) else full
    characters = enumerate(zip_longest(mine or "", other or ""))
    same = next((place for place, (own, theirs) in characters if own != theirs), 0)
    start = max(0, same - _BEFORE) if same > _SHOWN - _BEFORE else 0
    return f"now {_quoted(mine, start)}, recorded was {_quoted(other, start)}"


def _first_pair(now: Sequence[str], was: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the first two that differ; None where there is none any more."""
    return next((pair for pair in zip_longest(now, was) if pair[0] != pair[1]), (None, None))


def _quoted(line: str | None, start: int) -> str:
    if not line:
        return "no such line" if line is None else "an empty line"
    return f"“{'…' if start else ''}{_line(line[start:])}”"


def _value(value: Any) -> str:
    return _line(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _line(text: str) -> str:
    """Return the text on one line, without what could move a terminal's cursor, cut."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}…"
