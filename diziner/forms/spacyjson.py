"""spaCy's JSON: pairs of text and entities, and documents of paragraphs, sentences and tokens (version 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diziner.common.errors import UserError
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value, json_values, listed_objects
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table, Unreadable


def spacy_table(task: Task) -> Table:
    """Return the documents of a file, for which a paragraph counts."""
    return rows_of_values(task, _documents(json_values(task.path)))


def looks_like_spacy(look: Look) -> bool:
    """Whether the first value is a pair of text and entities, or a document of paragraphs."""
    return _is_pair(look.value) or (isinstance(look.value, dict) and isinstance(look.value.get("paragraphs"), list))


def _is_pair(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return pair and isinstance(value[1], dict) and "entities" in value[1]


def _documents(values: Iterable[Value | Unreadable]) -> Iterator[Value | Unreadable]:
    for item in values:
        value = item.value if isinstance(item, Value) else None
        if _is_pair(value):
            assert isinstance(value, list)
            yield Value(item.where, {"text": value[0], **value[1]})
        elif isinstance(value, Mapping) and isinstance(value.get("paragraphs"), list):
            yield from _paragraphs(item.where, value)
        else:
            yield item


def _paragraphs(where: str, document: Mapping[str, Any]) -> Iterator[Value | Unreadable]:
    several = len(document["paragraphs"]) > 1
    for number, paragraph in enumerate(document["paragraphs"]):
        place = f"{where}, paragraph {number}" if several else where
        try:
            row = _paragraph(paragraph)
        except UserError as error:
            yield Unreadable(place, str(error), paragraph)
            continue
        if "id" in document:
            row["id"] = f"{document['id']}-{number}" if several else document["id"]
        yield Value(place, row)


def _paragraph(paragraph: object) -> dict[str, Any]:
    if not isinstance(paragraph, Mapping):
        raise UserError(f"a paragraph must be an object, found {paragraph!r:.40}")
    row: dict[str, Any] = {"text": paragraph["raw"]} if isinstance(paragraph.get("raw"), str) else {}
    sentences = listed_objects(paragraph.get("sentences"), "sentences of a paragraph")
    lacking = next((each for each in sentences if each.get("tokens") is None), None)
    if lacking is not None:
        raise UserError(f"a sentence has no tokens: {lacking!r:.60}")
    tokens = [token for each in sentences for token in listed_objects(each["tokens"], "tokens of a sentence")]
    if tokens:
        row["tokens"] = [token.get("orth") for token in tokens]
    tags = [token.get("ner") for token in tokens]
    if any(tags):
        if None in tags:
            number = tags.index(None)
            raise UserError(f"token {number} {tokens[number].get('orth')!r} has no ner, unlike others")
        row["ner_tags"] = tags
    elif isinstance(paragraph.get("entities"), list):
        row["entities"] = paragraph["entities"]
    return row
