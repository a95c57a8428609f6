"""Tags beside a text without tokens, or written as one string: the text is cut where tags are for its words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diziner.forms.choices import Choices
from diziner.forms.jsonfiles import Value
from diziner.forms.rows import Unreadable
from diziner.forms.schemes import are_tags

_TEXTS = ("text", "sentence", "content", "tokens", "words")
_TAGS = ("ner_tags", "tags", "labels", "ner", "ner_labels", "label", "bio_tags", "iob_tags", "word_labels")
_BETWEEN = re.compile(r"[\s,]+")


def with_tokens(values: Iterable[Value | Unreadable], choices: Choices) -> Iterator[Value | Unreadable]:
    """Yield values; of one whose tags are as many as the words of its text, or as its characters that are no white
    space, these are its tokens."""
    columns = choices.columns
    texts = [str(columns[key]) for key in ("tokens", "text") if key in columns] or _TEXTS
    tags = [str(columns["tags"])] if "tags" in columns else () if "spans" in columns else _TAGS
    for item in values:
        if isinstance(item, Value) and isinstance(item.value, Mapping):
            yield Value(item.where, _cut(item.value, texts, tags))
        else:
            yield item


def _cut(row: Mapping[str, Any], texts: Iterable[str], tag_keys: Iterable[str]) -> Mapping[str, Any]:
    key = next((key for key in texts if row.get(key) is not None), "")
    text = row.get(key)
    if not isinstance(text, str):
        return row
    for tag_key in tag_keys:
        tags = _tags(row.get(tag_key))
        if not tags:
            continue
        words = next((words for words in (text.split(), [*"".join(text.split())]) if len(words) == len(tags)), None)
        if words:
            rest = {each: value for each, value in row.items() if each not in (key, tag_key)}
            return {**rest, "tokens": words, "ner_tags": tags} | ({} if key == "tokens" else {"text": text})
    return row


def _tags(value: object) -> list[str]:
    """Return tags of a list or a string that are tags and no bare labels; none for anything else."""
    tags = [each for each in _BETWEEN.split(value) if each] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        return []
    return tags if are_tags(tags) else []
