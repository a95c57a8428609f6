"""Label Studio's exports: JSON (tasks with annotations) and JSON-MIN (a row an annotation)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from diziner.common.errors import UserError
from diziner.forms.form import Gold, Look, Task
from diziner.forms.jsonfiles import Value, json_values, listed_objects
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table, Unreadable
from diziner.forms.spanlists import looks_like_spans

_MIN_KEYS = ("annotation_id", "annotator", "lead_time", "created_at", "updated_at")
_LABELS = ("labels", "hypertextlabels", "paragraphlabels")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Whose labels are read, and of which layer, where that was said; whether labels are needed; layers seen so far."""

    annotator: str | int | None
    layer: str | int | None
    gold: Gold
    seen: set[str]

    def takes(self, layer: object) -> bool:
        """Whether labels of a layer are read.

        Errors: UserError for a second layer where none is chosen.
        """
        if self.layer is not None:
            return str(layer) == str(self.layer)
        if isinstance(layer, str):
            self.seen.add(layer)
        if len(self.seen) > 1:
            names = sorted(self.seen)
            raise UserError(
                f"labels of two layers, {' and '.join(map(repr, names))}; say which to read: --columns spans={names[0]}"
            )
        return True


def label_studio_table(task: Task) -> Table:
    """Return the tasks of a JSON export, each with the labels of its one annotation; cancelled ones do not count, and
    regions that nobody gave a label are counted as repairs.

    Of several annotations of a task, --columns annotator=ID says whose is read (the one who completed it), of several
    layers of labels --columns spans=NAME which (the name of its control).
    """
    chosen = _Chosen(task.choices.columns.get("annotator"), task.choices.columns.get("spans"), task.gold, set())
    plain = _without(task, "annotator", "spans")
    counts = Counter[str]()
    return rows_of_values(plain, _tasks(json_values(task.path), chosen, counts), counts=counts)


def label_studio_min_table(task: Task) -> Table:
    """Return the rows of a JSON-MIN export; a row without a label has no mentions.

    Of several annotations of a task, which are as many rows, --columns annotator=ID says whose is read.
    """
    chosen = task.choices.columns.get("annotator")
    return rows_of_values(_without(task, "annotator"), _rows(json_values(task.path), chosen, task.gold))


def _without(task: Task, *keys: str) -> Task:
    """Return a task without the columns of some keys: they were read here, as what the form means by them."""
    columns = {key: column for key, column in task.choices.columns.items() if key not in keys}
    return replace(task, choices=replace(task.choices, columns=columns))


def looks_like_label_studio(look: Look) -> bool:
    """Whether the first value is a task."""
    value = look.value
    return isinstance(value, dict) and isinstance(value.get("data"), dict) and isinstance(_annotations(value), list)


def looks_like_label_studio_min(look: Look) -> bool:
    """Whether the first value is a row of JSON-MIN."""
    return isinstance(look.value, dict) and sum(key in look.value for key in _MIN_KEYS) > 2


def _annotations(task: Mapping[str, Any]) -> Any:
    return task.get("annotations", task.get("completions", task.get("predictions")))


def _rows(values: Iterable[Value | Unreadable], chosen: str | int | None, gold: Gold) -> Iterator[Value | Unreadable]:
    by: dict[str, str] = {}
    for item in values:
        row = item.value if isinstance(item, Value) else None
        if not isinstance(row, dict):
            yield item
            continue
        own = _people({"completed_by": row.get("annotator")})
        if chosen is not None and str(chosen) not in own:
            continue
        name = str(row.get("id", ""))
        if name in by and name and gold != "ignored":
            raise UserError(
                f"{item.where}: a second annotation of task {name}, by {own[0]} after {by[name]}; say whose to read: "
                "--columns annotator=ID"
            )
        if name in by and name:
            continue  # the same text again
        by[name] = own[0] if own else ""
        # JSON-MIN leaves out what is empty; where a row has spans under another name, that one is read.
        yield item if "label" in row or _has_spans(row) else Value(item.where, {**row, "label": []})


def _has_spans(row: Mapping[str, Any]) -> bool:
    return any(looks_like_spans(value) for value in row.values())


def _tasks(values: Iterable[Value | Unreadable], chosen: _Chosen, counts: Counter[str]) -> Iterator[Value | Unreadable]:
    for item in values:
        if isinstance(item, Unreadable) or not isinstance(item.value, dict):
            yield item
            continue
        try:
            row = _text(item.value)
            yield Value(item.where, row if chosen.gold == "ignored" else row | _labels(item.value, chosen, counts))
        except UserError as error:
            yield Unreadable(item.where, str(error), item.value)


def _text(task: Mapping[str, Any]) -> dict[str, Any]:
    data = task.get("data")
    if not isinstance(data, Mapping):
        raise UserError("a task of Label Studio has data and annotations; this has no data")
    row: dict[str, Any] = {"id": task["id"]} if "id" in task else {}
    return row | {key: value for key, value in data.items() if key not in ("annotations", "entities", "spans", "label")}


def _labels(task: Mapping[str, Any], chosen: _Chosen, counts: Counter[str]) -> dict[str, Any]:
    given = listed_objects(task.get("annotations", task.get("completions")), "annotations of a task")
    annotations = [each for each in given if not each.get("was_cancelled")]
    if not annotations and task.get("predictions") and chosen.gold == "needed":
        raise UserError("has predictions, which nobody has confirmed, and no annotation")
    if not annotations and chosen.gold == "needed":
        raise UserError("a task that nobody annotated, or whose annotations were cancelled; export the others alone")
    if chosen.annotator is not None:
        annotations = [each for each in annotations if str(chosen.annotator) in _people(each)]
    if len(annotations) > 1:
        people = ", ".join(sorted({name for each in annotations for name in _people(each)[:1]}))
        raise UserError(
            f"{len(annotations)} annotations of one task, by {people}; say whose to read: --columns annotator=ID"
        )
    if not annotations:
        return {}
    return {"spans": [region for each in annotations for region in _regions(each, chosen, counts)]}


def _people(annotation: Mapping[str, Any]) -> list[str]:
    by = annotation.get("completed_by")
    if isinstance(by, Mapping):
        return [str(by[key]) for key in ("email", "id", "username") if key in by]
    return [str(by)]


def _regions(annotation: Mapping[str, Any], chosen: _Chosen, counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the spans among the results of an annotation, which may also be choices, relations, ratings."""
    if annotation.get("result") is None:
        raise UserError("an annotation has no result; one without labels has the result []")
    for item in listed_objects(annotation["result"], "results of an annotation"):
        value = item.get("value")
        found = [value[key] for key in _LABELS if key in value] if isinstance(value, Mapping) else []
        if not found and item.get("type") not in _LABELS:
            continue
        if not chosen.takes(item.get("from_name")):
            continue
        place = value.get("globalOffsets", value) if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping) or not isinstance(place, Mapping) or "start" not in place:
            raise UserError(f"a region has no start: {item!r:.80}")
        labels = next(filter(None, found), None)
        if labels is None:
            counts["regions without a label"] += 1
            continue
        if not isinstance(labels, str | list):
            raise UserError(f"labels of a region must be a list, found {labels!r:.40}")
        region = {"start": place["start"], "end": place.get("end"), "labels": labels}
        # Line ends in the text of a region are written as \\n.
        text = value.get("text")
        yield region | ({"text": text.replace("\\n", "\n")} if isinstance(text, str) else {})
