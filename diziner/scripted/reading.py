"""Reading of a prompt by a scripted annotator. Only markers are relied upon, never the wording.

The markers: `<document>`, `<instructions>`, type lines `- name: definition` followed by lines `yes: "a", "b"`
and `no: "c"`, entities in JSON (`"text": ..., "type": ...`), and brackets (`[string|type]`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.scripted.guidance import Names, rulings
from diziner.scripted.strings import normal, quotations

Message = Mapping[str, str]

_TYPE_LINE = re.compile(r"\s*[-*•]\s+(?P<name>[^:(\n]{1,60}?)\s*(?:\((?P<label>[^)\n]*)\))?\s*:")
_VERDICT_LINE = re.compile(r"\s*(?:[-*•]\s+)?(?P<verdict>yes|no)\s*:", re.IGNORECASE)
_HEADING = re.compile(r"[^\s*•-]")
_JSON_STRING = r'"((?:[^"\\\n]|\\.)*)"'
_JSON_ENTITY = re.compile(rf'"text"\s*:\s*{_JSON_STRING}\s*,\s*"type"\s*:\s*{_JSON_STRING}')
_BRACKET = re.compile(r"\[([^\[\]|\n]+)\|([^\[\]|\n]+)\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt as understood.

    `rulings`: string -> type an instruction gives it, None where it is said to be no entity. `shown`: normal
    form of an example -> its spelling and type. `excluded`: (normal form, type) of negative examples. `guided`: there
    are instructions. `wording`: the first line of the conversation, which tells prompts apart.
    """

    document: str
    types: tuple[str, ...]
    rulings: Mapping[str, str | None]
    shown: Mapping[str, tuple[str, str]]
    excluded: frozenset[tuple[str, str]]
    guided: bool = False
    wording: str = ""

    @property
    def vetoed(self) -> frozenset[str]:
        """The normal forms of what is ruled to be no entity."""
        return frozenset(normal(string) for string, name in self.rulings.items() if name is None)


def read(messages: Sequence[Message], types: Sequence[str]) -> Reading:
    """Read an annotation request. `types` are the names allowed in answers; () = those of the type lines.

    Errors: UserError where no user message holds a document, or no type is known.
    """
    position, document = _last_document(messages)
    texts = [message["content"] for message in messages]
    # The document is data: nothing in it may pass for an example or an instruction.
    texts[position] = texts[position].replace(document, "")
    guidance = [line for text in texts for line in _lines(sections(text, "instructions"))]
    definitions = [line for text in texts for line in text.splitlines()]
    names = type_names(definitions, types)
    if not names.types:
        raise UserError("annotation request: no entity type in its schema, nor a line `- name: definition`")
    shown, excluded = _examples(definitions, names)
    shown.update(_worked_examples(texts, names))
    ruled: dict[str, str | None] = {}
    for line in guidance:
        ruled.update(rulings(line, names))
    return Reading(
        document=document.strip(),
        types=names.types,
        rulings=ruled,
        shown=shown,
        excluded=frozenset(excluded),
        guided=bool(guidance),
        wording=texts[0].strip().partition("\n")[0],
    )


def has_document(messages: Sequence[Message]) -> bool:
    """Return whether a user message holds a document."""
    return any(message["role"] == "user" and sections(message["content"], "document") for message in messages)


def sections(text: str, tag: str) -> list[str]:
    """Return what stands between `<tag>` and `</tag>`: where one opens a line, only those that do.

    So a sentence that talks about the markers is not taken for a section.
    """
    found = list(re.finditer(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL))
    opening = [match for match in found if not text[: match.start()].rpartition("\n")[2].strip()]
    return [match[1] for match in opening or found]


def type_names(lines: Iterable[str], types: Sequence[str]) -> Names:
    """Return the type names of the type lines, with their labels in parentheses as aliases.

    With `types`, these names alone; else those of the first list of type lines, in order.
    """
    allowed = {normal(name): name for name in types}
    found: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for line in lines:
        match = None if _VERDICT_LINE.match(line) else _TYPE_LINE.match(line)
        if match is None:
            # Other lists of a prompt look the same: only the first one defines types.
            if found and not types and _HEADING.match(line):
                break
            continue
        name = allowed.get(normal(match["name"]), None if types else match["name"])
        if name is None:
            continue
        found.setdefault(normal(name), name)
        if match["label"]:
            aliases.setdefault(normal(match["label"]), name)
    return Names(tuple(types) or tuple(found.values()), aliases)


def _last_document(messages: Sequence[Message]) -> tuple[int, str]:
    for position in range(len(messages) - 1, -1, -1):
        if messages[position]["role"] == "user":
            found = sections(messages[position]["content"], "document")
            if found:
                return position, found[-1]
    raise UserError("annotation request: no user message holds <document> ... </document>")


def _lines(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines() if line.strip()]


def _examples(lines: Iterable[str], names: Names) -> tuple[dict[str, tuple[str, str]], set[tuple[str, str]]]:
    shown: dict[str, tuple[str, str]] = {}
    excluded: set[tuple[str, str]] = set()
    current: str | None = None
    for line in lines:
        verdict = _VERDICT_LINE.match(line)
        if verdict is None:
            match = _TYPE_LINE.match(line)
            current = names.find(match["name"]) if match else current
        elif current is not None:
            for string in quotations(line[verdict.end() :]):
                if verdict["verdict"].lower() == "yes":
                    shown.setdefault(normal(string), (string, current))
                else:
                    excluded.add((normal(string), current))
    return shown, excluded


def _worked_examples(texts: Iterable[str], names: Names) -> dict[str, tuple[str, str]]:
    shown: dict[str, tuple[str, str]] = {}
    for text in texts:
        pairs = [(_unescape(match[1]), _unescape(match[2])) for match in _JSON_ENTITY.finditer(text)]
        pairs += [(match[1], match[2]) for match in _BRACKET.finditer(text)]
        for string, name in pairs:
            found = names.find(name)
            if found is not None and string.strip():
                shown.setdefault(normal(string), (string.strip(), found))
    return shown


def _unescape(text: str) -> str:
    try:
        return str(jsontext.body(f'"{text}"'))
    except jsontext.JsonError:
        return text
