"""Rows of JSON objects: tokens or text, with tags or spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from diziner.common.errors import UserError
from diziner.common.words import listed
from diziner.forms.form import Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonkeys import Keys, find_keys, held, is_token_list, token_text
from diziner.forms.lines import peek
from diziner.forms.rows import CHARACTERS, TOKENS, Row, Table, Unreadable, offsets_in
from diziner.forms.schemes import Style, find_style, require_style
from diziner.forms.spanlists import Given, given_spans
from diziner.forms.spanunits import TOKEN_UNITS, Sample, as_characters, find_unit, has_text
from diziner.forms.tagstrings import are_single_tokens, with_tokens

DISCONTINUOUS = "discontinuous"
_SAMPLE = 1000  # rows that are looked at before the first is read
_OURS = ("characters", "split", "failure")  # keys of rows that diziner writes


@dataclass(frozen=True, slots=True)
class _Plan:
    """Reading of a file's rows: their keys, what their spans count, the style of their tags."""

    keys: Keys
    unit: str
    style: Style | None
    counts: Counter[str]
    names: tuple[str, ...] = ()


def rows_of_values(
    task: Task, values: Iterable[Value | Unreadable], unit: str = "", counts: Counter[str] | None = None
) -> Table:
    """Return the rows of values that are objects. `unit` is that of their spans where the form says it; `counts`, what
    was left out of them, goes on being counted as they are read.

    Errors: UserError for values that can be read in two ways, with the option that decides.
    """
    sample, values = peek(values, _SAMPLE)
    if not task.choices.columns and are_single_tokens(sample):
        raise UserError(
            f"{sample[0].where}: each row has one word and its tag, as a token: a row is a document here; put tokens "
            "and tags into lists, or name the columns of a table: --columns token=…,tag=…,id=…, id that of sentences"
        )
    sample, values = peek(with_tokens(values, task.choices), _SAMPLE)
    objects = [item for item in sample if isinstance(item, Value) and isinstance(item.value, Mapping)]
    choices = task.choices
    keys = find_keys(objects, choices, task.gold)
    style = None
    if keys.tags:
        lists = [held(row.value, keys.tags) for row in objects]
        found = [tag for tags in lists if isinstance(tags, list) for tag in tags if isinstance(tag, str)]
        style = require_style(found or choices.labels, choices.scheme, f"{objects[0].where}: {keys.tags[0]}")
    if keys.spans:
        samples = list(_samples(objects, keys))
        unit = find_unit(samples, choices.spans, unit or _documented(objects, keys), keys.spans[0])
        if not choices.spans:
            _refuse_tags(samples, keys.spans[0])
    names = tuple(style.normal(choices.labels)) if style else choices.labels
    plan = _Plan(keys, unit, style, Counter() if counts is None else counts, choices.labels)
    rows = _rows(values, plan)
    return Table(task.split, rows, names, _said(plan), plan.counts)


def _refuse_tags(samples: Sequence[Sample], key: str) -> None:
    """Refuse spans whose labels are tags, each of a token: a mention of several would be as many."""
    labels = {str(span.label) for row in samples for span in row.spans}
    style = find_style(labels) if any(label.upper().startswith("B-") for label in labels) else None
    if style is not None and not style.joint and style.scheme != "IO":
        raise UserError(
            f"{samples[0].where}: {key}: labels are tags of single tokens, {listed(sorted(map(repr, labels)), 4)}; "
            'join them to mentions first (aggregation_strategy="simple" of pipelines); --spans characters, or tokens, '
            "keeps them as they are"
        )


def _documented(rows: Sequence[Value], keys: Keys) -> str:
    """Return the unit of spans that this project documents: those of its own rows, and `spans` beside tokens alone."""
    if keys.spans[:1] == ("ents",) and keys.text:
        return CHARACTERS  # spaCy's name for them
    ours = any(key in row.value for row in rows for key in _OURS)
    return TOKENS if keys.tokens and (ours or (keys.spans[:1] == ("spans",) and not keys.text)) else ""


def _said(plan: _Plan) -> str:
    keys, parts = plan.keys, []
    if keys.tags and plan.style and not plan.style.is_usual:
        parts.append(f"{keys.tags[0]} as {plan.style} tags")
    if keys.spans and (keys.spans[0] not in ("spans", "entities") or plan.unit not in (TOKENS, CHARACTERS)):
        parts.append(f"{keys.spans[0]} as spans of {plan.unit}")
    return ", ".join(parts)


def _samples(rows: Sequence[Value], keys: Keys) -> Iterator[Sample]:
    for row in rows:
        try:
            spans = given_spans(held(row.value, keys.spans) or [], held(row.value, keys.text))
        except UserError:
            continue  # said when the row is read
        spans = [span for span in spans if span.tokens is None]
        text = held(row.value, keys.text)
        listed = held(row.value, keys.tokens)
        tokens = [token_text(each, text) or "" for each in listed or ()] if is_token_list(listed) else None
        text = text if isinstance(text, str) else None
        yield Sample(row.where, spans, text, tokens, offsets_in(tokens, text))


def _rows(items: Iterable[Value | Unreadable], plan: _Plan) -> Iterator[Row | Unreadable]:
    for item in items:
        if isinstance(item, Unreadable):
            yield item
        elif not isinstance(item.value, Mapping):
            kind = type(item.value).__name__
            yield Unreadable(item.where, f"a row must be a JSON object, found {kind}", item.value)
        else:
            try:
                yield Row(item.where, _row(item.value, plan))
            except UserError as error:
                yield Unreadable(item.where, str(error), item.value)


def _row(value: Mapping[str, Any], plan: _Plan) -> dict[str, Any]:
    keys = plan.keys
    row: dict[str, Any] = {key: value[key] for key in _OURS if key in value}
    for key, own in (("id", (keys.id,)), ("text", keys.text), ("tokens", keys.tokens)):
        found = next((name for name in own if value.get(name) is not None), next((n for n in own if n in value), None))
        if found is not None:
            row[key] = value[found]
    if not {"text", "tokens"} & row.keys():
        there = ", ".join(sorted(map(str, value))) or "nothing"
        raise UserError(f"neither tokens nor text; there is: {there}; name them: --columns text=NAME or tokens=NAME")
    if is_token_list(row.get("tokens")):
        row["tokens"] = [token_text(token, row.get("text")) for token in row["tokens"]]
    tags = held(value, keys.tags)
    if isinstance(tags, list) and plan.style and all(isinstance(tag, str) for tag in tags):
        tags = plan.style.normal(tags)
    if tags is not None:
        row["tags"] = tags
    spans = held(value, keys.spans) if tags is None else None
    if spans is not None:
        row["spans"], row["unit"] = _placed(given_spans(spans, row.get("text")), row, plan)
    row["other"] = {key: each for key, each in value.items() if key not in keys.used and key not in _OURS}
    return row


def _placed(spans: Sequence[Given], row: Mapping[str, Any], plan: _Plan) -> tuple[list[list[Any]], str]:
    """Return spans as [start, end, label] and what they count; discontinuous ones are counted and left out."""
    tokens, text = row.get("tokens"), row.get("text")
    whole = [one for span in spans if len((one := _joined(span, plan.unit, text)).pieces) == 1]
    plan.counts[DISCONTINUOUS] += len(spans) - len(whole)
    if whole and isinstance(tokens, list) and all(span.tokens is not None for span in whole):
        return [_by_tokens(span, plan, tokens, text) for span in whole], TOKENS
    if plan.unit in TOKEN_UNITS:
        return [_of_tokens(span, plan, tokens) for span in whole], TOKENS
    found = []
    for span in whole:
        start, end = as_characters(text, span.pieces[0], plan.unit) if isinstance(text, str) else span.pieces[0]
        if isinstance(text, str) and span.text is not None and not has_text(text, [(start, end)], span.text):
            raise UserError(
                f"span [{span.start}, {span.end}) of {span.label!r} says that its text is {span.text!r}, but there "
                f"stands {text[max(start, 0) : max(end, 0)]!r}"
            )
        found.append([start, end, _label(span, plan)])
    return found, CHARACTERS


def _joined(span: Given, unit: str, text: object) -> Given:
    """Return a span whose pieces have nothing but white space between them, as brat cuts at line ends, as one piece."""
    if len(span.pieces) == 1:
        return span
    if unit in TOKEN_UNITS:
        joined = all(one[1] + (unit != TOKENS) == other[0] for one, other in pairwise(span.pieces))
    else:
        places = [as_characters(text, piece, unit) for piece in span.pieces] if isinstance(text, str) else []
        gaps = [text[one[1] : other[0]] for one, other in pairwise(places)] if isinstance(text, str) else ["?"]
        joined = not "".join(gaps).strip() and all(one[1] <= other[0] for one, other in pairwise(places))
    return span._replace(pieces=((span.start, span.end),)) if joined else span


def _of_tokens(span: Given, plan: _Plan, tokens: object) -> list[Any]:
    """Return a span of tokens; these must have its own text, if it states some."""
    end = span.end + (plan.unit != TOKENS)
    if span.text is not None and isinstance(tokens, list):
        own = " ".join(tokens[max(span.start, 0) : max(end, 0)])
        if "".join(own.split()) != "".join(span.text.split()):
            raise UserError(
                f"span [{span.start}, {span.end}) of {span.label!r} says that its text is {span.text!r}, but its "
                f"tokens are {own!r}; --spans says what spans count"
            )
    return [span.start, end, _label(span, plan)]


def _label(span: Given, plan: _Plan) -> str:
    """Return the label of a span; that of a number is its name.

    Errors: UserError for a number without one.
    """
    if isinstance(span.label, str):
        return span.label
    if not 0 <= span.label < len(plan.names):
        raise UserError(f"label {span.label} has no name; --labels FILE says what each number means")
    return plan.names[span.label]


def _by_tokens(span: Given, plan: _Plan, tokens: Sequence[str], text: object) -> list[Any]:
    """Return a span that names its tokens by these; its characters, if there is a text, must be theirs."""
    first, last = span.tokens or (0, 0)
    own = "".join(tokens[first : last + 1]) if 0 <= first <= last < len(tokens) else ""
    meant = text[span.start : span.end] if isinstance(text, str) else own
    if not own or "".join(own.split()) != "".join(meant.split()):
        raise UserError(
            f"span [{span.start}, {span.end}) of {span.label!r} is {meant!r} in the text, but its tokens {first} to "
            f"{last} are {own!r}"
        )
    return [first, last + 1, _label(span, plan)]
