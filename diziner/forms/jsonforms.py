"""JSON forms that differ from plain rows in a key or two: GLiNER, LangExtract, Prodigy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value, json_values
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table, Unreadable

ENDINGS = (".jsonl", ".json", ".ndjson")

_BEGINNING = re.compile(rb'\s*(?:\[\s*)?\{\s*"')
_PASSED_OVER = ("reject", "ignore")  # answers of Prodigy's
Values = Iterable[Value | Unreadable]


def json_table(task: Task) -> Table:
    """Return rows of tokens with tags or spans, or of text with spans."""
    return rows_of_values(task, json_values(task.path))


def looks_like_json(look: Look) -> bool:
    """Whether a file has an ending of JSON, or begins with an object, or with what is cut or broken further on."""
    return look.suffix in ENDINGS or isinstance(look.value, dict) or _BEGINNING.match(look.head) is not None


def gliner_table(task: Task) -> Table:
    """Return rows of GLiNER's training data, whose spans are tokens with their ends included."""
    columns: dict[str, str | int] = {"tokens": "tokenized_text"}
    columns |= {"spans": "ner"} if task.gold != "ignored" else {}
    choices = replace(task.choices, columns=columns | dict(task.choices.columns))
    return rows_of_values(replace(task, choices=choices), json_values(task.path), "tokens-inclusive")


def looks_like_gliner(look: Look) -> bool:
    """Whether the first row has `tokenized_text` and `ner`."""
    return isinstance(look.value, dict) and {"tokenized_text", "ner"} <= look.value.keys()


def langextract_table(task: Task) -> Table:
    """Return documents of LangExtract; extractions without a place in the text are counted as repairs."""
    counts = Counter[str]()
    return rows_of_values(task, _placed(json_values(task.path), counts), counts=counts)


def looks_like_langextract(look: Look) -> bool:
    """Whether the first row has extractions."""
    return isinstance(look.value, dict) and isinstance(look.value.get("extractions"), list)


def prodigy_table(task: Task) -> Table:
    """Return the accepted examples of Prodigy; rejected and ignored ones are left out and counted as repairs.

    One without spans has no mentions, as Prodigy does not write what is empty.
    """
    counts = Counter[str]()
    return rows_of_values(task, _accepted(json_values(task.path), counts), counts=counts)


def looks_like_prodigy(look: Look) -> bool:
    """Whether the first row has a hash or an answer of Prodigy's."""
    row = look.value if isinstance(look.value, dict) else {}
    return bool({"_input_hash", "_task_hash"} & row.keys()) or row.get("answer") in ("accept", *_PASSED_OVER)


def _placed(values: Values, counts: Counter[str]) -> Iterator[Value | Unreadable]:
    for item in values:
        value: Any = item.value if isinstance(item, Value) else None
        if isinstance(value, Mapping) and isinstance(value.get("extractions"), list):
            wrong = next((each for each in value["extractions"] if not _is_extraction(each)), None)
            if wrong is not None or None in value["extractions"]:
                yield Unreadable(item.where, f"extraction {wrong!r:.60} is no object with a char_interval", value)
                continue
            placed = [_aligned(each) for each in value["extractions"] if _has_place(each)]
            counts["extractions without a place"] += len(value["extractions"]) - len(placed)
            identifier = {"id": value["document_id"]} if "document_id" in value and "id" not in value else {}
            yield Value(item.where, {**value, **identifier, "extractions": placed})
        else:
            yield item


def _is_extraction(value: object) -> bool:
    """Whether a value is an extraction, with a place or, as what was not found in the text has it, null for one."""
    return isinstance(value, Mapping) and isinstance(value.get("char_interval"), Mapping | None)


def _has_place(extraction: Mapping[str, Any]) -> bool:
    return (extraction.get("char_interval") or {}).get("start_pos") is not None


def _aligned(extraction: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an extraction; of one that was not found word for word, without its text, which is the model's."""
    exact = extraction.get("alignment_status") in (None, "match_exact")
    return extraction if exact else {key: each for key, each in extraction.items() if key != "extraction_text"}


def _accepted(values: Values, counts: Counter[str]) -> Iterator[Value | Unreadable]:
    for item in values:
        answer = (
            item.value.get("answer", "accept") if isinstance(item, Value) and isinstance(item.value, Mapping) else ""
        )
        if answer in _PASSED_OVER:
            counts[f"examples answered {answer}"] += 1
        elif answer not in ("accept", ""):
            yield Unreadable(item.where, f"answer {answer!r:.40}; allowed: accept, reject, ignore", None)
        elif isinstance(item, Value) and isinstance(item.value, Mapping) and "spans" not in item.value:
            yield Value(item.where, {**item.value, "spans": []})
        else:
            yield item
