"""Tags that stand otherwise than in a list beside one of tokens: in one string, beside a text without tokens, which is
cut where tags are for its words, or in each token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from diziner.forms.choices import Choices
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonkeys import LABEL_KEYS
from diziner.forms.rows import Unreadable
from diziner.forms.schemes import OUTSIDE, are_tags
from diziner.forms.textlists import LISTS, with_lists

_TEXTS = ("text", "sentence", "content", "tokens", "words")
_TAGS = ("ner_tags", "tags", "labels", "ner", "ner_labels", "label", "bio_tags", "iob_tags", "word_labels")
_TOKENS = ("tokens", "words")
_SURE = ("ner_tag", "ner_tags", "ner", "ner_label")  # of a token: these hold its tag, whatever it looks like
_MAYBE = ("tag", "label", "bio", "entity")  # these may hold its part of speech
_FEWEST = 2  # rows of which it is seen whether they are tokens
_BETWEEN = re.compile(r"[\s,]+")


def with_tokens(values: Iterable[Value | Unreadable], choices: Choices) -> Iterator[Value | Unreadable]:
    """Yield values with lists that may be written as text; of one whose tags are as many as the words of its text, or
    as its characters that are no white space, these are its tokens; tags that stand in its tokens are put beside them.
    """
    named = {key: str(column) for key, column in choices.columns.items()}
    texts = [named[key] for key in ("tokens", "text") if key in named] or _TEXTS
    tags = [named["tags"]] if "tags" in named else () if "spans" in named else _TAGS
    lists = {*LISTS, *(column for key, column in named.items() if key not in ("id", "text"))}
    for item in values:
        if isinstance(item, Value) and isinstance(item.value, Mapping):
            row = with_lists(item.value, lists)
            yield Value(item.where, _cut(row if named else _beside(row), named, texts, tags))
        else:
            yield item


def are_single_tokens(values: Sequence[Value | Unreadable]) -> bool:
    """Whether each of several rows has one word and its tag, as a token has, and some of them the tag of a mention."""
    rows = [item.value for item in values if isinstance(item, Value)]
    if len(rows) < _FEWEST or not all(isinstance(row, Mapping) for row in rows):
        return False
    tags = []
    for row in rows:
        text = next((row[key] for key in (*_TEXTS, "word", "token") if isinstance(row.get(key), str)), "")
        tag = next((row[key] for key in (*_SURE, *_MAYBE, *_TAGS) if isinstance(row.get(key), str)), "")
        if len(text.split()) != 1 or not tag:
            return False
        tags.append(tag)
    return {*tags} != {OUTSIDE} and are_tags(tags)


def _beside(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose tokens are objects with a tag each, with these tags beside them."""
    tokens = next((row[key] for key in _TOKENS if isinstance(row.get(key), list)), ())
    if not tokens or not all(isinstance(token, Mapping) for token in tokens) or LABEL_KEYS & row.keys():
        return row
    for key in (*_SURE, *_MAYBE):
        tags = [token.get(key) for token in tokens]
        if all(isinstance(tag, str) for tag in tags) and (key in _SURE or are_tags(tags)):
            return {**row, "ner_tags": tags}
    return row


def _cut(
    row: Mapping[str, Any], named: Mapping[str, str], texts: Iterable[str], tag_keys: Iterable[str]
) -> Mapping[str, Any]:
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
            beside = {} if named.get("tokens", "tokens") == key else {named.get("text", "text"): text}
            return {**rest, **beside, named.get("tokens", "tokens"): words, named.get("tags", "ner_tags"): tags}
    return row


def _tags(value: object) -> list[str]:
    """Return tags of a list or a string that are tags and no bare labels; none for anything else."""
    tags = [each for each in _BETWEEN.split(value) if each] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        return []
    return tags if are_tags(tags) else []
