"""BioC, as XML and JSON, and PubTator: texts of passages, labels by characters."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value, json_values
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import text_lines
from diziner.forms.rows import Table, Unreadable


def bioc_xml_table(task: Task) -> Table:
    """Return the documents of a BioC collection in XML."""
    return rows_of_values(task, _xml_documents(task))


def bioc_json_table(task: Task) -> Table:
    """Return the documents of a BioC collection in JSON."""
    return rows_of_values(task, _json_documents(json_values(task.path)))


def pubtator_table(task: Task) -> Table:
    """Return the documents of a PubTator file: title and abstract, apart by one character."""
    return rows_of_values(task, _pubtator_documents(task))


def looks_like_bioc_xml(look: Look) -> bool:
    """Whether a file is XML with a collection in it."""
    return look.head.lstrip().startswith(b"<") and b"<collection" in look.head


def looks_like_bioc_json(look: Look) -> bool:
    """Whether the first document has passages."""
    return isinstance(look.value, dict) and isinstance(look.value.get("passages"), list)


def looks_like_pubtator(look: Look) -> bool:
    """Whether the first line is a title, NUMBER|t|…"""
    first = next((line for line in look.lines if line.strip()), "").split("|")
    return len(first) > 2 and first[1] == "t" and " " not in first[0]


def _json_documents(values: Iterable[Value | Unreadable]) -> Iterator[Value | Unreadable]:
    for item in values:
        value: Any = item.value if isinstance(item, Value) else None
        if not isinstance(value, Mapping) or not isinstance(value.get("passages"), list):
            yield item
            continue
        parts = [
            part
            for passage in value["passages"]
            for part in [passage, *(passage.get("sentences") or [])]
            if isinstance(part, Mapping)
        ]
        texts = [(part.get("offset", 0), part["text"]) for part in parts if part.get("text")]
        entities = []
        for part in [*parts, value]:
            for each in part.get("annotations") or []:
                places = each.get("locations") or []
                entities.append(
                    {
                        "span": [[place["offset"], place["offset"] + place["length"]] for place in places],
                        "type": (each.get("infons") or {}).get("type"),
                        "text": each.get("text"),
                    }
                )
        yield Value(item.where, _document(str(value.get("id", "")), texts, entities))


def _xml_documents(task: Task) -> Iterator[Value | Unreadable]:
    number = 0
    with readable(task.path), task.path.open("rb") as file:
        try:
            for _, element in ElementTree.iterparse(file):
                if element.tag == "document":
                    yield _xml_document(element, f"{task.path}, row {number}")
                    number += 1
                    element.clear()
        except ElementTree.ParseError as error:
            raise UserError(f"{task.path}: not XML: {error}") from None


def _xml_document(element: ElementTree.Element, where: str) -> Value | Unreadable:
    texts, entities = [], []
    for passage in element.iter("passage"):
        for part in [passage, *passage.findall("sentence")]:
            if text := part.findtext("text"):
                texts.append((int(part.findtext("offset") or 0), text))
    for each in element.iter("annotation"):
        types = [infon.text for infon in each.findall("infon") if infon.get("key") in ("type", "entity_type")]
        places = [(int(place.get("offset", 0)), int(place.get("length", 0))) for place in each.findall("location")]
        span = [[first, first + length] for first, length in places]
        entities.append({"span": span, "type": types[0] if types else None, "text": each.findtext("text")})
    return Value(where, _document(element.findtext("id") or "", texts, entities))


def _document(identifier: str, texts: list[tuple[int, str]], entities: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row of texts at their places, apart by blanks, from the first on."""
    first = min((offset for offset, _ in texts), default=0)
    whole = ""
    for offset, text in sorted(texts):
        at = offset - first
        if whole[at : at + len(text)] != text:
            whole = whole.ljust(at)[:at] + text
    for each in entities:
        each["span"] = [[start - first, end - first] for start, end in each["span"]]
    return {**({"id": identifier} if identifier else {}), "text": whole, "entities": entities}


def _pubtator_documents(task: Task) -> Iterator[Value | Unreadable]:
    block: list[tuple[int, str]] = []
    for line in text_lines(task.path):
        if line[1].strip():
            block.append(line)
        elif block:
            yield _pubtator_document(block, task)
            block = []
    if block:
        yield _pubtator_document(block, task)


def _pubtator_document(block: list[tuple[int, str]], task: Task) -> Value | Unreadable:
    where = f"{task.path}:{block[0][0]}"
    texts, entities = [], []
    for number, line in block:
        parts = line.split("|", 2)
        cells = line.split("\t")
        if len(parts) == 3 and parts[1] in ("t", "a"):
            texts.append(parts[2])
        elif len(cells) > 4 and cells[1].isdecimal() and cells[2].isdecimal():
            entities.append({"start": int(cells[1]), "end": int(cells[2]), "text": cells[3], "type": cells[4]})
        elif len(cells) < 4:
            return Unreadable(f"{task.path}:{number}", "neither a title, an abstract, a label nor a relation", line)
    if not texts:
        return Unreadable(where, "labels without a title or an abstract", block[0][1])
    identifier = block[0][1].partition("|")[0]
    return Value(where, {"id": identifier, "text": "\n".join(texts), "entities": entities})
