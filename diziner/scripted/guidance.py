"""Guidance as a scripted annotator understands it: which type an instruction gives to a quoted string."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from diziner.scripted.strings import QUOTED, normal, quoted

_NEGATION = re.compile(r"\b(?:not|never|nor|cannot|no entity|no entities)\b|n['’]t\b", re.IGNORECASE)
# Ends the reach of a negation: "not a person but a location".
_TURN = re.compile(r"\b(?:but|instead)\b|[.;:]", re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """Type names as answered, and `aliases` that prompts may use for them: normal form -> name."""

    types: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def find(self, text: str) -> str | None:
        """Return the type that a text names, by name or alias, whatever its case, with _ for spaces or without."""
        return self._by_form.get(_form(text))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches any name or alias as a whole word, also in the plural; the longest first."""
        forms = sorted(self._by_form, key=lambda form: (-len(form), form))
        names = "|".join(re.escape(form).replace(r"\ ", r"[\s_]+") for form in forms)
        return re.compile(rf"(?<!\w)(?:({names})(?:e?s)?)(?!\w)", re.IGNORECASE)

    @cached_property
    def _by_form(self) -> dict[str, str]:
        return {**self.aliases, **{_form(name): name for name in self.types}}


def _form(text: str) -> str:
    return normal(text.replace("_", " "))


class _Mention(NamedTuple):
    """A type named in a line: where, which, and whether the line says that it is not this one."""

    start: int
    end: int
    type: str
    negated: bool


def rulings(line: str, names: Names) -> dict[str, str | None]:
    """Return what one line rules: quoted string -> type, or None for "no entity"; {} where it rules nothing.

    `Label "Chicago" as location`            -> location
    `"Chicago" is not a person but a location` -> location
    `Never label "Monday"`, `"it" is no entity` -> None
    A quoted string takes the first type after it that is not negated, else the last before it.
    """
    quotes = [(match.start(), match.end(), quoted(match)) for match in QUOTED.finditer(line)]
    if not any(string for _, _, string in quotes):
        return {}
    # A quoted string is a thing spoken of: type names and negations inside it do not count.
    bare = QUOTED.sub(lambda match: " " * len(match[0]), line)
    mentions = _mentions(bare, names)
    result: dict[str, str | None] = {}
    for start, end, string in quotes:
        if not string:
            continue
        after = next((m for m in mentions if m.start >= end and not m.negated), None)
        before = next((m for m in reversed(mentions) if m.end <= start and not m.negated), None)
        if after is not None:
            result[string] = after.type
        elif before is not None and not _NEGATION.search(bare, before.end, start):
            result[string] = before.type
        elif _NEGATION.search(bare):
            result[string] = None
    return result


def _mentions(bare: str, names: Names) -> list[_Mention]:
    mentions: list[_Mention] = []
    end, negated = 0, False
    for match in names.pattern.finditer(bare):
        between = bare[end : match.start()]
        turns = list(_TURN.finditer(between))
        negated = bool(_NEGATION.search(between[turns[-1].end() :] if turns else between)) or (negated and not turns)
        end = match.end()
        name = names.find(match[1])
        if name is not None:
            mentions.append(_Mention(match.start(), end, name, negated))
    return mentions
