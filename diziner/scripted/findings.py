"""Findings of a scripted supervisor in a request: spans in question, and how most annotators read them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diziner.scripted.chance import choose
from diziner.scripted.guidance import Names
from diziner.scripted.reading import Message, type_names
from diziner.scripted.strings import normal

_SPAN = re.compile(r"«([^»\n]+)»")
_VALUE = r'(?P<value>(?:"[^"\n]*"|[^\n;,|"«(])+(?:;(?:"[^"\n]*"|[^\n;,|"«(])+)*)'
_NAMES = r"(?:\s*\((?P<{}>[^)\n]*)\))?"
_CONSENSUS = re.compile(
    rf'\bconsensus{_NAMES.format("before")}["*`]*\s*[:=]\s*["*`]*{_VALUE}{_NAMES.format("after")}', re.IGNORECASE
)
_ALTERNATIVE = re.compile(
    rf"^\s*(?:-\s*alternative\s*:\s*{_VALUE}{_NAMES.format('after')}|(?P<before>[\w.,/ -]+):\s+(?P<plain>.+))$",
    re.IGNORECASE,
)
_DECISIVE = 1_000_000  # what a consensus counts that does not say who holds it
_RULED = re.compile(
    r'\blabel ["“](?P<span>[^“”\n]{1,100}?)["”] as (?P<type>[^\n".;,]+)'
    r'|\bnever label ["“](?P<none>[^“”\n]{1,100}?)["”](?=[:.]|$)',
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s*[-*•]\s+(?P<id>\S+):\s")
_LIMIT = re.compile(r"^- At most (\d+) (?:instructions? to everyone|to each single (annotator))", re.MULTILINE)
_SECTION = re.compile(r"## (?P<id>\w+)(?:, annotator (?P<whom>.+?))?: ")
# A reading with other bounds than the span in question: `ORG "Bank of England"`.
_WITH_TEXT = re.compile(r'(?P<type>[^"]+?)\s+"(?P<text>[^"]+)"')
_NOTHING = frozenset({"", "o", "none", "no", "no entity", "not an entity", "outside", "-"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A span and its reading: a type, or None for "no entity". `source` is the id of the list item or of the section
    (`## P1: …`) that it stands in, "" outside; `whom` the one annotator that the section is about, "" for all."""

    span: str
    type: str | None
    source: str = ""
    whom: str = ""

    def instruction(self) -> str:
        """Return the finding as one line of guidance, in words that scripted annotators follow."""
        quoted = f"“{self.span}”" if '"' in self.span else f'"{self.span}"'
        if self.type is None:
            return f"Never label {quoted}: it is no entity."
        return f"Label {quoted} as {self.type}."


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a supervisor's request says: findings in order of mention, the type names it knows, and the most lines
    that it asks for, to everyone (False) and to one annotator (True), where it says so."""

    spans: tuple[Finding, ...]
    types: tuple[str, ...]
    most: Mapping[bool, int] = field(default_factory=dict)


def findings_in(messages: Sequence[Message]) -> Findings:
    """Read a supervisor request.

    Spans stand in «...» in the last user message; `consensus (names): <type>` on the same line, or on a line after
    it, and `names: <type>` on the lines after that give their readings. A string is an entity if more annotators
    mark it than do not; of the types they give, the most frequent one counts (of equally frequent ones the first).
    A reading with a text of its own (`ORG "Bank of England"`) is about that text, and against the other. A
    consensus without names decides alone. A span without any reading is read by hash. Types may be named or
    abbreviated (`ORG`). Where no span is marked, instructions as this supervisor itself writes them count as
    findings: later phases are shown what came of earlier ones.
    """
    names = type_names((line for message in messages for line in message["content"].splitlines()), ())
    last = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
    # Results of earlier phases may be JSON: their quotation marks are escaped.
    last = last.replace('\\"', '"')
    findings = _marked(last, names) or _ruled(last, names)
    types = names.types or tuple(dict.fromkeys(f.type for f in findings if f.type))
    most = {bool(found[2]): int(found[1]) for found in _LIMIT.finditer(last)}
    return Findings(tuple(findings), types, most)


def _marked(text: str, names: Names) -> list[Finding]:
    findings: dict[tuple[str, str], Finding] = {}
    for source, whom, part in _sections(text):
        for finding in _marked_in(part, names):
            findings.setdefault((whom, finding.span), replace(finding, source=source, whom=whom))
    return list(findings.values())


def _sections(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the parts of a text by its headings of the second level: id, the annotator it names, text."""
    source = whom = ""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(("# ", "## ")):
            yield source, whom, "\n".join(lines)
            heading = _SECTION.match(line)
            source, whom = (heading["id"], heading["whom"] or "") if heading else ("", "")
            lines = []
        lines.append(line)
    yield source, whom, "\n".join(lines)


def _marked_in(text: str, names: Names) -> list[Finding]:
    votes: dict[str, Counter[str]] = {}
    for span, readings in _cases(text):
        votes.setdefault(span, Counter())
        parsed = [(_read(span, value, names), weight) for value, weight in readings]
        strings = dict.fromkeys(string for marks, _ in parsed for string in marks)
        for string in dict.fromkeys([span, *strings]) if parsed else ():
            counter = votes.setdefault(string, Counter())
            for marks, weight in parsed:
                counter[marks.get(string, "")] += weight
    findings = []
    for span, counter in votes.items():
        types = Counter({name: count for name, count in counter.items() if name and count})
        if counter:
            # most_common is stable: of equal counts, the first seen comes first.
            entity = types.total() >= max(1, counter[""])
            findings.append(Finding(span, types.most_common(1)[0][0] if entity else None))
        elif not any(span in other for other, read in votes.items() if read):
            findings.append(Finding(span, choose(names.types, "reading", span) if names.types else None))
    return findings


def _read(span: str, value: str, names: Names) -> dict[str, str]:
    """Return the entities of a reading: string -> type; empty for "no entity"."""
    marks = {}
    for part in value.split("; "):
        bounded = _WITH_TEXT.match(part.strip())
        name = _type(bounded["type"] if bounded else part, names)
        if name:
            marks[bounded["text"] if bounded else span] = name
    return marks


def _cases(text: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yield (span, its readings with how many annotators gave each) in order; none where a span is only mentioned."""
    cases: list[tuple[str, list[tuple[str, int]]]] = []
    latest: list[list[tuple[str, int]]] = []
    for line in text.splitlines():
        # The span stands twice where it is marked again in its context.
        spans = list(dict.fromkeys(span for match in _SPAN.finditer(line) if (span := match[1].strip())))
        held = [(m["value"], _count(m["before"] or m["after"])) for m in _CONSENSUS.finditer(line)]
        if spans:
            new: list[tuple[str, list[tuple[str, int]]]] = [(span, []) for span in spans]
            cases += new
            latest = [readings for _, readings in new]
        if held and len(held) == len(latest):
            for readings, reading in zip(latest, held, strict=True):
                readings.append(reading)
        elif held:
            for readings in latest:
                readings.extend(held)
        elif not spans and any(latest) and (other := _ALTERNATIVE.match(line)):
            for readings in latest:
                readings.append((other["value"] or other["plain"], _count(other["after"] or other["before"])))
    yield from cases


def _count(names: str | None) -> int:
    if names is None:
        return _DECISIVE
    return 0 if names.startswith("nobody") else len(names.split(","))


def _ruled(text: str, names: Names) -> list[Finding]:
    found: dict[str, Finding] = {}
    for line in text.splitlines():
        item = _ITEM.match(line)
        for match in _RULED.finditer(line):
            span = match["none"] or match["span"]
            name = None if match["none"] else _type(match["type"], names) or None
            found.setdefault(span, Finding(span, name, item["id"] if item else ""))
    return list(found.values())


def _type(value: str, names: Names) -> str:
    """Return the type in a consensus value, "" for no entity. BIO2 tags count as their types."""
    value = re.sub(r"\(.*", "", value).strip(" \"'`*._")
    tags = [tag for tag in value.split() if tag.startswith(("B-", "I-"))]
    if tags:
        value = tags[0][2:]
    if normal(value) in _NOTHING or set(value.split()) == {"O"}:
        return ""
    named = names.pattern.search(value)
    return names.find(named[1] if named else value) or _abbreviated(value, names.types) or value


def _abbreviated(label: str, types: Sequence[str]) -> str | None:
    """Return the one type whose name begins with a label, or else has its letters in order: PER, person."""
    letters = label.casefold()
    beginning = [name for name in types if name.casefold().startswith(letters)]
    in_order = re.compile(".*".join(map(re.escape, letters)))
    spread = [name for name in types if in_order.match(name.casefold())]
    return next((found[0] for found in (beginning, spread) if len(found) == 1), None)
