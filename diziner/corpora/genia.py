"""Reader of GENIA's term corpus 3.02 as its project gives it out: one XML file, GENIAcorpus3.02.xml.

A document is a sentence of a title or an abstract. Mentions are terms of the five usual classes, the outermost of
nested ones. A term's class is what its own `sem` begins with: DNA_domain_or_region is DNA, all other classes are none.
The terms of a coordination that share words ("B and T cells") have no class of their own, only their whole has, such as
`(AND G#cell_type G#cell_type)`: they are no mentions, as in the copies that papers on nested NER use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from diziner.common.errors import UserError
from diziner.common.xmlfile import xml_root
from diziner.forms.rows import Row, Table

FILE = "GENIAcorpus3.02.xml"
_OWN = {"pilot": "dev", "test": "test"}  # our splits by the usual names
_CLASS = re.compile(r"G#(\w.*)")
_TENTH = 10


def split_tables(folder: Path, split: str, types: Sequence[str]) -> Iterator[Table]:
    """Yield the sentences of a split. `folder` holds the file, or a folder that does.

    The last tenth of all sentences is for tests, the tenth of the rest before it for development, which pilot sets are
    drawn from.

    Errors: UserError for no such file, one that is no XML, and one without sentences or terms.
    """
    path = next((place for place in (folder / FILE, *sorted(folder.glob(f"*/{FILE}"))) if place.is_file()), None)
    if path is None:
        raise UserError(f"{folder}: no {FILE} in it or in a folder of it; name that of GENIA's term corpus 3.02")
    rows = list(sentences(path, types))
    if not any(row.value["spans"] for row in rows):
        raise UserError(
            f"{path}: {len(rows)} sentences with no term of {', '.join(types)}; is it the term corpus of GENIA 3.02?"
        )
    pilots, tests = _begins(len(rows))
    yield Table(_OWN[split], rows[tests:] if split == "test" else rows[pilots:tests])


def sentences(path: Path, types: Sequence[str]) -> Iterator[Row]:
    """Yield all sentences in their order as rows of text and character spans.

    Errors: UserError for a file that is no XML.
    """
    root = xml_root(path)
    for article in root.iter("article"):
        name = " ".join((article.findtext("articleinfo/bibliomisc") or "?").split())
        for number, sentence in enumerate(article.iter("sentence")):
            text, spans = _marked(sentence, types)
            if text:
                yield Row(f"{path}: {name}, sentence {number}", {"text": text, "spans": spans})


def _begins(sentences: int) -> tuple[int, int]:
    """Return where the sentences for development and those for tests begin.

    >>> pilots, tests = _begins(18_546)
    >>> tests - pilots, 18_546 - tests
    (1669, 1854)
    """
    tests = sentences - sentences // _TENTH
    return tests - tests // _TENTH, tests


def _marked(sentence: Element, types: Sequence[str]) -> tuple[str, list[list[object]]]:
    """Return a sentence's text, with white space as one blank and none at the ends, and its mentions in order."""
    parts: list[str] = []
    spans: list[list[object]] = []
    length = 0

    def add(text: str | None) -> None:
        nonlocal length
        plain = re.sub(r"\s+", " ", text or "")
        if plain.startswith(" ") and (not length or parts[-1].endswith(" ")):
            plain = plain[1:]
        if plain:
            parts.append(plain)
            length += len(plain)

    def walk(element: Element, inside: bool) -> None:
        label = None if inside else _type_of(element, types)
        begin = length
        add(element.text)
        for child in element:
            walk(child, inside or label is not None)
            add(child.tail)
        if label is not None:
            said = "".join(parts)[begin:length]
            start, end = begin + len(said) - len(said.lstrip()), begin + len(said.rstrip())
            if start < end:
                spans.append([start, end, label])

    walk(sentence, inside=False)
    return "".join(parts).rstrip(), spans


def _type_of(element: Element, types: Sequence[str]) -> str | None:
    """Return the type that a term's class belongs to; None of a class that is not wanted, and of what is no term.

    >>> term = Element("cons", sem="G#DNA_domain_or_region")
    >>> _type_of(term, ["protein", "DNA"])
    'DNA'
    """
    found = _CLASS.fullmatch(element.get("sem", "")) if element.tag == "cons" else None
    own = found[1] if found else ""
    return next((label for label in types if own == label or own.startswith(f"{label}_")), None)
