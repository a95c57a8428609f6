"""Label Studio's exports: JSON (tasks with annotations) and JSON-MIN (a row an annotation)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diziner.common.errors import UserError
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value, json_values
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table, Unreadable

_MIN_KEYS = ("annotation_id", "annotator", "lead_time", "created_at", "updated_at")
_LABELS = ("labels", "hypertextlabels", "paragraphlabels")


def label_studio_table(task: Task) -> Table:
    """Return the tasks of a JSON export, each with the labels of its one annotation; cancelled ones do not count.

    Of several annotations of a task, --columns annotator=ID says whose is read (the one who completed it).
    """
    chosen = task.choices.columns.get("annotator")
    columns = {key: column for key, column in task.choices.columns.items() if key != "annotator"}
    plain = replace(task, choices=replace(task.choices, columns=columns))
    return rows_of_values(plain, _tasks(json_values(task.path), chosen))


def label_studio_min_table(task: Task) -> Table:
    """Return the rows of a JSON-MIN export; a row without a label has no mentions."""
    return rows_of_values(task, _rows(json_values(task.path)))


def looks_like_label_studio(look: Look) -> bool:
    """Whether the first value is a task."""
    value = look.value
    return isinstance(value, dict) and isinstance(value.get("data"), dict) and isinstance(_annotations(value), list)


def looks_like_label_studio_min(look: Look) -> bool:
    """Whether the first value is a row of JSON-MIN."""
    return isinstance(look.value, dict) and sum(key in look.value for key in _MIN_KEYS) > 2


def _annotations(task: Mapping[str, Any]) -> Any:
    return task.get("annotations", task.get("completions", task.get("predictions")))


def _rows(values: Iterable[Value | Unreadable]) -> Iterator[Value | Unreadable]:
    for item in values:
        if isinstance(item, Value) and isinstance(item.value, dict) and "label" not in item.value:
            yield Value(item.where, {**item.value, "label": []})
        else:
            yield item


def _tasks(values: Iterable[Value | Unreadable], chosen: str | int | None) -> Iterator[Value | Unreadable]:
    for item in values:
        if isinstance(item, Unreadable) or not isinstance(item.value, dict):
            yield item
            continue
        try:
            yield Value(item.where, _task(item.value, chosen))
        except UserError as error:
            yield Unreadable(item.where, str(error), item.value)


def _task(task: Mapping[str, Any], chosen: str | int | None) -> dict[str, Any]:
    data = task.get("data")
    if not isinstance(data, Mapping):
        raise UserError("a task of Label Studio has data and annotations; this has no data")
    row: dict[str, Any] = {"id": task["id"]} if "id" in task else {}
    row |= {key: value for key, value in data.items() if key not in ("annotations", "entities", "spans", "label")}
    given = task.get("annotations", task.get("completions", []))
    annotations = [each for each in given if isinstance(each, Mapping) and not each.get("was_cancelled")]
    if chosen is not None:
        annotations = [each for each in annotations if str(chosen) in _people(each)]
    if len(annotations) > 1:
        people = ", ".join(sorted({name for each in annotations for name in _people(each)[:1]}))
        raise UserError(
            f"{len(annotations)} annotations of one task, by {people}; say whose to read: --columns annotator=ID"
        )
    if annotations:
        row["spans"] = [region for each in annotations for region in _regions(each.get("result", []))]
    return row


def _people(annotation: Mapping[str, Any]) -> list[str]:
    by = annotation.get("completed_by")
    if isinstance(by, Mapping):
        return [str(by[key]) for key in ("email", "id", "username") if key in by]
    return [str(by)]


def _regions(result: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Yield the spans among the results of an annotation, which may also be choices, relations, ratings."""
    for item in result:
        value = item.get("value") if isinstance(item, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        labels = next((value[key] for key in _LABELS if value.get(key)), None)
        place = value.get("globalOffsets", value)
        if labels is None or not isinstance(place, Mapping) or "start" not in place:
            continue
        region = {"start": _number(place["start"]), "end": _number(place.get("end")), "labels": labels}
        yield region | ({"text": value["text"]} if isinstance(value.get("text"), str) else {})


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
