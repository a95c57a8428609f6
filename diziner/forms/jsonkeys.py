"""Keys of JSON rows: which holds tokens, text, tags, spans, under all the names that tools give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diziner.common.errors import UserError
from diziner.forms.choices import Choices
from diziner.forms.form import Gold
from diziner.forms.jsonfiles import Value
from diziner.forms.schemes import OUTSIDE, are_tags, find_style
from diziner.forms.spanlists import given_spans, is_mention, looks_like_spans
from diziner.forms.textlists import is_written_list, list_in

_TOKENS = ("tokens", "words", "tokenized_text", "token", "tokenized", "sentence", "text")
_TEXT = ("text", "sentence", "content", "raw_text", "raw", "body", "document", "data")
_TAGS = ("ner_tags", "tags", "labels", "ner", "ner_labels", "label", "bio_tags", "iob_tags")
_SPANS = (
    "spans", "entities", "label", "labels", "ner", "annotations", "annotation", "mentions", "entity_mentions",
    "extractions", "named_entities", "ents",
)  # fmt: skip
_ALWAYS = ("spans", "entities")  # these hold spans, whatever they look like
LABEL_COLUMNS = (*_TAGS, *_SPANS)
LABEL_KEYS = frozenset(LABEL_COLUMNS)
# What has places and labels, and holds no mentions.
_NEVER = ("relations", "events", "links", "coreferences", "characters", "sentences", "sentence_spans", "meta", "other")
GRAMMAR = re.compile("chunk|pos(?![a-z])|dep|lemma")  # keys of what is no mention
_LIKE_GOLD = re.compile("gold|target|ner(?![a-z])|entit|mention|annotation|label|bio(?![a-z])|iob")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of a file's rows, empty for what it has not; a row has the first of them that it holds."""

    id: str = ""
    tokens: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    spans: tuple[str, ...] = ()

    @property
    def used(self) -> set[str]:
        return {self.id, *self.tokens, *self.text, *self.tags, *self.spans}


def held(row: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """Return what a row holds under the first of some keys that it has; None if it has none."""
    return next((row[key] for key in keys if row.get(key) is not None), None)


def find_keys(rows: Sequence[Value], choices: Choices, gold: Gold) -> Keys:
    """Find the keys of rows that are objects: those that are named, else those whose values are of the right kind.

    Errors: UserError for a named key that is not there, two keys of a row that both hold labels, and labels under a key
    that is none of the usual, with the option that decides.
    """
    named = {key: str(column) for key, column in choices.columns.items()}
    present = {key for row in rows for key in row.value}
    for key, column in named.items():
        if rows and column not in present:
            there = ", ".join(sorted(map(str, rows[0].value)))
            raise UserError(f"{rows[0].where}: no column {column!r} for {key}; there are: {there}")
    given: dict[str, tuple[str, ...]] = {key: (column,) for key, column in named.items()}
    if named and choices.only_named:
        own = (given.get(key, ()) for key in ("tokens", "text", "tags", "spans"))
        return Keys(named.get("id", ""), *own)
    tokens = given.get("tokens") or _first(rows, _TOKENS, is_token_list, ("tokens", "words"))
    own_text = () if "text" in tokens else ("text",)
    text = given.get("text") or _first(rows, [key for key in _TEXT if key not in tokens], _is_string, own_text)
    identifier = named.get("id") or ("id" if choices.usual_id and "id" in present else "")
    if gold == "ignored":
        return Keys(identifier, tokens, text)
    free = present - {*tokens, *text, identifier}
    tags, spans = given.get("tags", ()), given.get("spans", ())
    if not tags and not spans:
        spans = _one(rows, "spans", [key for key in _SPANS if key in free and _any(rows, key, looks_like_spans)])
        tagged = [key for key in _TAGS if tokens and key in free and _any(rows, key, _is_tag_list)]
        tags = _one(rows, "tags", tagged if not spans else [key for key in tagged if _are_tags(rows, key)])
    if not tags and not spans:
        _refuse_unread(rows, free, tokens)
        spans = tuple(key for key in _SPANS if key in free and _may_be_empty(rows, key))[:1]
        tags = tuple(key for key in _TAGS[:3] if tokens and key in free and key not in spans)[:1]
    if not given.keys() & {"tags", "spans"}:
        # What is of the wrong kind in a few rows is said with these.
        tags += tuple(key for key in _TAGS[:2] if tags and key in free and key not in tags)
        spans += tuple(key for key in _ALWAYS if key in free and key not in spans)
    return Keys(identifier, tokens, text, tags, spans)


def is_token_list(value: object) -> bool:
    """Whether a value is a list of tokens: strings, objects with a text, or such with their place in the row's."""
    if not isinstance(value, list) or not value:
        return False
    return all(token_text(each) is not None or _has_place(each) for each in value)


def token_text(token: object, text: object = None) -> str | None:
    """Return the text of a token, which is a string or an object with one, or with its place in the row's `text`; None
    for anything else."""
    if not isinstance(token, Mapping):
        return token if isinstance(token, str) else None
    own = next((token[key] for key in ("text", "orth", "word", "token", "form") if key in token), None)
    if own is None and isinstance(text, str) and _has_place(token):
        own = text[token["start"] : token["end"]]
    return own if isinstance(own, str) else None


def _has_place(token: object) -> bool:
    """Whether a token says where it stands, as those of spaCy's Doc.to_json do."""
    bounds = (token.get("start"), token.get("end")) if isinstance(token, Mapping) else ()
    return len(bounds) == 2 and all(type(bound) is int and bound >= 0 for bound in bounds)


def _first(
    rows: Sequence[Value], keys: Sequence[str], fits: Callable[[Any], bool], always: Sequence[str]
) -> tuple[str, ...]:
    found = tuple(key for key in keys if _any(rows, key, fits))
    return found or tuple(key for key in always if any(key in row.value for row in rows))[:1]


def _one(rows: Sequence[Value], what: str, found: Sequence[str]) -> tuple[str, ...]:
    """Return keys that hold tags or spans; of several in one row, which must hold the same, the first is read."""
    for row in rows:
        both = [key for key in found if row.value.get(key)]
        if both[1:] and both[0] != "ner_tags" and any(row.value[key] != row.value[both[0]] for key in both):
            names = " and ".join(map(repr, both))
            raise UserError(f"{row.where}: {what} under {names}; say which to read: --columns {what}={both[0]}")
    return tuple(found)


def _refuse_unread(rows: Sequence[Value], free: set[str], tokens: Sequence[str]) -> None:
    if mention := next((row for row in rows if _is_mention(row.value)), None):
        raise UserError(
            f"{mention.where}: a row a span; here a row is a document: list its spans in it, as "
            '"spans": [[start, end, label], …], or read the texts alone: --columns text=NAME'
        )
    for key in sorted(free - {*_NEVER}):
        if _any(rows, key, _are_spans):
            what = "spans"
        elif _any(rows, key, _holds_spans):
            raise UserError(
                f"{rows[0].where}: no labels under a usual name, but there are spans inside {key!r}; put them beside "
                "the text, or name the form: --form"
            )
        elif _LIKE_GOLD.search(key.lower()) and _any(rows, key, _lack_places):
            raise UserError(
                f"{rows[0].where}: {key!r} looks like mentions without a start and an end each, and no other key has "
                "labels; give them places in the text, or name the key that has some: --columns spans=NAME"
            )
        elif _hold_tags(rows, key, tokens) and not GRAMMAR.search(key.lower()):
            what = "tags"
        else:
            continue
        raise UserError(
            f"{rows[0].where}: no labels under a usual name, but {key!r} looks like {what}: --columns {what}={key} "
            f"reads it, --columns {what}=NAME another"
        )


def _are_spans(value: object) -> bool:
    """Whether a value is a list of spans with labels, also as text; three numbers may be anything."""
    value = list_in(str(value)) if is_written_list(value) else value
    return looks_like_spans(value) and all(isinstance(span.label, str) for span in given_spans(value))


def _lack_places(value: object) -> bool:
    """Whether a value lists objects with a label and no place each, or has lists of strings by label."""
    if isinstance(value, Mapping):
        lists = list(value.values())
        return any(map(_are_strings, lists)) and all(each == [] or _are_strings(each) for each in lists)
    items = value if isinstance(value, list) else []
    return bool(items) and all(isinstance(each, Mapping) and is_mention(each) for each in items)


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_mention(row: Mapping[str, Any]) -> bool:
    """Whether a row is itself one span: it has a start, an end and a label, and a text that has such a place."""
    text = held(row, _TEXT)
    found = given_spans([row]) if isinstance(text, str) and looks_like_spans([row]) else []
    return len(found) == 1 and isinstance(text, str) and 0 <= found[0].start < found[0].end <= len(text)


def _hold_tags(rows: Sequence[Value], key: str, tokens: Sequence[str]) -> bool:
    """Whether a key holds tags of a scheme, or labels with O among them, one for each token or word; of a list under a
    name that says so, whatever it holds."""
    found: set[str] = set()
    listed = False
    for row in rows:
        value, own = row.value.get(key), held(row.value, tokens or _TEXT)
        if isinstance(value, str):
            value = list_in(value) if is_written_list(value) else value.replace(",", " ").split()
        if not _is_tag_list(value):
            continue
        words = own.split() if isinstance(own, str) else own
        if not isinstance(words, list) or len(words) != len(value):
            return False
        listed = listed or isinstance(row.value[key], list)
        found.update(each for each in value if isinstance(each, str))
    if listed and _LIKE_GOLD.search(key.lower()):
        return True
    return len(found) > 1 and OUTSIDE in found and find_style(found) is not None


def _holds_spans(value: object, depth: int = 3) -> bool:
    """Whether spans stand somewhere inside a value."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    found = (_are_spans(each) or _are_spans([each]) or _holds_spans(each, depth - 1) for each in inside)
    return depth > 0 and any(found)


def _any(rows: Sequence[Value], key: str, fits: Callable[[Any], bool]) -> bool:
    return any(fits(row.value.get(key)) for row in rows)


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_tag_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) or type(each) is int for each in value)


def _are_tags(rows: Sequence[Value], key: str) -> bool:
    """Whether strings under a key are tags of a scheme, at least one of a mention, and not bare labels."""
    lists = [row.value.get(key) for row in rows]
    found = {each for value in lists if isinstance(value, list) for each in value if isinstance(each, str)}
    return are_tags(found) and bool(found - {OUTSIDE, "o"})


def _may_be_empty(rows: Sequence[Value], key: str) -> bool:
    """Whether a key holds lists without a span, or is one that must hold spans."""
    values = [row.value.get(key) for row in rows if row.value.get(key) is not None]
    return bool(values) and (key in _ALWAYS or all(value in ([], {}) for value in values))
