"""BioC, as XML and JSON, and PubTator: texts of passages, labels by characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from diziner.common.errors import UserError
from diziner.common.wholenumbers import whole_number
from diziner.common.xmlfile import xml_elements
from diziner.forms.form import Gold, Look, Task
from diziner.forms.jsonfiles import Value, json_values, listed_objects
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import text_lines
from diziner.forms.rows import Table, Unreadable

_COLLECTIONS = ("documents", "PubTator3")  # what a collection's documents stand under


def bioc_xml_table(task: Task) -> Table:
    """Return the documents of a BioC collection in XML."""
    return rows_of_values(task, _xml_documents(task))


def bioc_json_table(task: Task) -> Table:
    """Return the documents of a BioC collection in JSON."""
    return rows_of_values(task, _json_documents(json_values(task.path), task.gold))


def pubtator_table(task: Task) -> Table:
    """Return the documents of a PubTator file: title and abstract, apart by one character."""
    return rows_of_values(task, _pubtator_documents(task))


def looks_like_bioc_xml(look: Look) -> bool:
    """Whether a file is XML with a collection in it."""
    return look.head.lstrip().startswith(b"<") and b"<collection" in look.head


def looks_like_bioc_json(look: Look) -> bool:
    """Whether the first document has passages, or is a collection of such."""
    first = next(iter(_opened(look.value)), None)
    return isinstance(first, Mapping) and isinstance(first.get("passages"), list)


def looks_like_pubtator(look: Look) -> bool:
    """Whether the first line is a title, NUMBER|t|…"""
    first = next((line for line in look.lines if line.strip()), "").split("|")
    return len(first) > 2 and first[1] == "t" and " " not in first[0]


def _opened(value: object) -> list[Any]:
    """Return the documents of a collection, which may be an entry of a list or stand under a name; else the value."""
    inside = [value.get(key) for key in _COLLECTIONS] if isinstance(value, Mapping) else []
    return next((each for each in inside if isinstance(each, list)), [value])


def _each_document(values: Iterable[Value | Unreadable]) -> Iterator[Value | Unreadable]:
    for item in values:
        documents = _opened(item.value) if isinstance(item, Value) else []
        if isinstance(item, Unreadable) or (len(documents) == 1 and documents[0] is item.value):
            yield item
            continue
        yield from (Value(f"{item.where}, document {number}", each) for number, each in enumerate(documents))


def _json_documents(values: Iterable[Value | Unreadable], gold: Gold) -> Iterator[Value | Unreadable]:
    for item in _each_document(values):
        value: Any = item.value if isinstance(item, Value) else None
        if not isinstance(value, Mapping) or not isinstance(value.get("passages"), list):
            yield item
            continue
        try:
            yield Value(item.where, _json_document(value, gold))
        except UserError as error:
            yield Unreadable(item.where, str(error), value)


def _json_document(value: Mapping[str, Any], gold: Gold) -> dict[str, Any]:
    parts = [
        part
        for passage in listed_objects(value["passages"], "passages of a document")
        for part in [passage, *listed_objects(passage.get("sentences"), "sentences of a passage")]
    ]
    texts = []
    for part in parts:
        if part.get("text"):
            if not isinstance(part["text"], str):
                raise UserError(f"text of a passage must be a string, found {part['text']!r:.40}")
            texts.append((_whole(part.get("offset", 0), "offset of a passage"), part["text"]))
    entities = []
    for part in [*parts, value] if gold != "ignored" else ():
        for each in listed_objects(part.get("annotations"), "annotations"):
            infons = each.get("infons")
            span = []
            for place in listed_objects(each.get("locations"), "locations of an annotation"):
                start = _whole(place.get("offset"), "offset of a location")
                span.append([start, start + _whole(place.get("length"), "length of a location")])
            kind = infons.get("type") if isinstance(infons, Mapping) else None
            entities.append({"span": span, "type": kind, "text": each.get("text")})
    identifier = value.get("id", "")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int | None):
        raise UserError(f"id must be a string or a whole number, found {identifier!r:.40}")
    return _document("" if identifier is None else str(identifier), texts, entities)


def _whole(value: object, what: str) -> int:
    """Return a whole number, which XML has as text. Errors: UserError for anything else."""
    if isinstance(value, str) and (number := whole_number(value.strip())) is not None:
        return number
    if type(value) is not int:
        raise UserError(f"{what} must be a whole number, found {value!r:.40}")
    return value


def _xml_documents(task: Task) -> Iterator[Value | Unreadable]:
    for number, element in enumerate(xml_elements(task.path, "document")):
        where = f"{task.path}, row {number}"
        try:
            yield Value(where, _xml_document(element, task.gold))
        except UserError as error:
            yield Unreadable(where, str(error), None)


def _xml_document(element: Element, gold: Gold) -> dict[str, Any]:
    texts, entities = [], []
    for passage in element.iter("passage"):
        for part in [passage, *passage.findall("sentence")]:
            if text := part.findtext("text"):
                texts.append((_whole(part.findtext("offset") or 0, "offset of a passage"), text))
    for each in element.iter("annotation") if gold != "ignored" else ():
        types = [infon.text for infon in each.findall("infon") if infon.get("key") in ("type", "entity_type")]
        span = []
        for place in each.findall("location"):
            start = _whole(place.get("offset"), "offset of a location")
            span.append([start, start + _whole(place.get("length"), "length of a location")])
        entities.append({"span": span, "type": types[0] if types else None, "text": each.findtext("text")})
    return _document(element.findtext("id") or "", texts, entities)


def _document(identifier: str, texts: list[tuple[int, str]], entities: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row of texts at their places, apart by blanks, from the first on.

    Errors: UserError for texts that stand at the same place and differ, as where offsets are left out or count bytes.
    """
    first = min((offset for offset, _ in texts), default=0)
    whole = ""
    for offset, text in sorted(texts):
        at = offset - first
        if whole[at : at + len(text)] != text:
            if at < len(whole):
                raise UserError(f"text {text!r:.40} at offset {offset} begins before the one before it ends")
            whole = whole.ljust(at)[:at] + text
    for each in entities:
        each["span"] = [[start - first, end - first] for start, end in each["span"]]
    return {**({"id": identifier} if identifier else {}), "text": whole, "entities": entities}


def _pubtator_documents(task: Task) -> Iterator[Value | Unreadable]:
    block: list[tuple[int, str]] = []
    for number, line in text_lines(task.path):
        # Documents are apart by blank lines; where one is missing, another number begins another document.
        if block and (not line.strip() or _number(line) != _number(block[0][1])):
            yield _pubtator_document(block, task)
            block = []
        if line.strip():
            block.append((number, line))
    if block:
        yield _pubtator_document(block, task)


def _number(line: str) -> str:
    return re.split(r"[|\t]", line, maxsplit=1)[0].strip()


def _pubtator_document(block: list[tuple[int, str]], task: Task) -> Value | Unreadable:
    where = f"{task.path}:{block[0][0]}"
    texts, entities = [], []
    for number, line in block:
        parts = line.split("|", 2)
        cells = line.split("\t")
        if len(parts) == 3 and parts[1] in ("t", "a"):
            texts.append(parts[2])
        elif len(cells) > 1 and cells[1].isdecimal():
            start, end = map(whole_number, cells[1:3]) if len(cells) > 4 else (None, None)
            if start is None or end is None:
                reason = "a label has a number, a start, an end, its text and its type, with tabs between"
                return Unreadable(f"{task.path}:{number}", reason, line)
            entities.append({"start": start, "end": end, "text": cells[3], "type": cells[4]})
        elif len(cells) < 4:
            return Unreadable(f"{task.path}:{number}", "neither a title, an abstract, a label nor a relation", line)
    if not texts:
        return Unreadable(where, "labels without a title or an abstract", block[0][1])
    return Value(where, {"id": _number(block[0][1]), "text": "\n".join(texts), "entities": entities})
