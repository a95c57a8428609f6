"""spaCy's JSON: pairs of text and entities, and documents of paragraphs, sentences and tokens (version 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value, json_values
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
        sentences = paragraph.get("sentences", []) if isinstance(paragraph, Mapping) else []
        tokens = [token for sentence in sentences for token in sentence.get("tokens", [])]
        row: dict[str, Any] = {"tokens": [token.get("orth") for token in tokens]}
        if isinstance(paragraph.get("raw"), str):
            row["text"] = paragraph["raw"]
        if "id" in document:
            row["id"] = f"{document['id']}-{number}" if several else document["id"]
        tags = [token.get("ner") for token in tokens]
        if any(tags):
            row["ner_tags"] = [tag or "O" for tag in tags]
        elif isinstance(paragraph.get("entities"), list):
            row["entities"] = paragraph["entities"]
        yield Value(where, row) if tokens else Value(where, {key: row[key] for key in row if key != "tokens"})
