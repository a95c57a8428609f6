"""Labels as models write them: from `person`, `PERSON`, `B-PER`, `persons` or `person (PER)` to the scheme's label."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from diziner.records.guideline import EntityType
from diziner.spans.folding import without_invisible

_TAGGED = re.compile(r"([BIESLUM])[-_](.+)", re.DOTALL)
_CONTINUES = frozenset("IELM")  # tags of tokens that go on or end a mention
_BETWEEN = re.compile(r"[()\[\]{}:/|,;=–—]+|\s-\s|->|→")
_EDGES = " \t\r\n\"'`“”‘’<>*.()[]{}#/|!;:,=~_"
# What a type is called where its own name stands beside it: `type: person`, `EntityType.PERSON`.
_FIELD = re.compile(
    r"\A\W*(?:(?:named[ _]?)?entity|ner)?[ _]?(?:type|label|class|tag|category|entity)\s*[:=.]\s*(?=\w)", re.IGNORECASE
)
_PLURALS = {"people": "person", "men": "man", "women": "woman", "children": "child"}


class Resolved(NamedTuple):
    """A label of the scheme; `plain` if it was answered as asked, `continues` if it tags a later token of a mention."""

    label: str
    plain: bool = False
    continues: bool = False


class Labels:
    """The labels of a scheme by all that models call them. A form that fits two labels fits none."""

    def __init__(self, types: Sequence[EntityType]) -> None:
        # Readable names and labels in any case; a name wins over another type's label.
        self._asked = {t.label.casefold(): t.label for t in types} | {t.name.casefold(): t.label for t in types}
        self._written = _unique(types, _written)
        self._singular = _unique(types, _singular)
        self._known: dict[str, Resolved | None] = {}

    def as_asked(self, given: str) -> str | None:
        """Return the label of a type that was answered as it was asked for, or None."""
        return self._asked.get(given) or self._asked.get(given.casefold().strip())

    def resolve(self, given: str) -> Resolved | None:
        """Return the label that an answered type stands for, or None."""
        if (label := self.as_asked(given)) is not None:
            return Resolved(label, plain=True)
        if given not in self._known:
            self._known[given] = self._otherwise(given)
        return self._known[given]

    def _otherwise(self, given: str) -> Resolved | None:
        if len(given) > 200:
            return None
        given = _FIELD.sub("", without_invisible(given))
        label = self._one(given) or self._of_parts(given)
        if label is not None:
            return Resolved(label)
        tagged = _TAGGED.fullmatch(given.strip(_EDGES))
        label = self._one(tagged[2]) if tagged else None
        return Resolved(label, continues=tagged[1] in _CONTINUES) if tagged and label is not None else None

    def _one(self, given: str) -> str | None:
        return self.as_asked(given) or self._written.get(_written(given)) or self._singular.get(_singular(given))

    def _of_parts(self, given: str) -> str | None:
        """Return the one label that all parts of a composed type name: `person (PER)`, `LOC: location`."""
        parts = [part for part in _BETWEEN.split(given) if part.strip(_EDGES)]
        labels = {self._one(part) for part in parts}
        return labels.pop() if len(parts) > 1 and len(labels) == 1 else None


def _unique(types: Iterable[EntityType], form: Callable[[str], str]) -> dict[str, str]:
    found: dict[str, set[str]] = defaultdict(set)
    for entity_type in types:
        for name in (entity_type.label, entity_type.name):
            found[form(name)].add(entity_type.label)
    return {name: labels.pop() for name, labels in found.items() if name and len(labels) == 1}


def _written(name: str) -> str:
    """Return a name without case, marks around it, the way its words are joined and the z of American spelling."""
    folded = unicodedata.normalize("NFKC", name).casefold().strip(_EDGES)
    return " ".join(re.split(r"[\s_-]+", folded)).strip().replace("z", "s")


def _singular(name: str) -> str:
    """Return a name in the singular, so that `Persons`, `people` and `person(s)` are alike; the last word counts."""
    *before, last = _written(re.sub(r"\(e?s\)\s*$", "", name, flags=re.IGNORECASE)).split(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif re.search(r"[^aeiou]ies$", last):
        last = f"{last[:-3]}y"
    elif re.search(r"(?:s|x|ch|sh)es$", last):
        last = last[:-2]
    elif len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is")):
        last = last[:-1]
    return " ".join([*before, last])
