"""Parquet files and datasets saved by `datasets`: columns of their own, some rows in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.parquetfile import first_line, parquet_rows, parquet_schema
from diziner.forms.choices import Choices
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonkeys import LABEL_COLUMNS
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table

if TYPE_CHECKING:
    import pyarrow

PARQUET_MAGIC = b"PAR1"


def parquet_table(task: Task) -> Table:
    """Return the rows of a parquet file; names of integer tags are read from its metadata if `datasets` wrote it.

    Errors: UserError for a file that is not parquet or has not the columns.
    """
    schema = parquet_schema(task.path)
    rows = parquet_rows(task.path)
    values = (Value(f"{task.path}, row {number}", row) for number, row in enumerate(rows))
    return _table(task, values, schema)


def saved_table(task: Task) -> Table:
    """Return a dataset saved with `Dataset.save_to_disk`; of a saved DatasetDict, name a split's folder.

    Errors: UserError for a folder that holds no dataset or several, or has not the columns.
    """
    import datasets

    folder = task.path
    if (folder / "dataset_dict.json").is_file():
        splits = ", ".join(sorted(child.name for child in folder.iterdir() if child.is_dir()))
        raise UserError(f"{folder}: holds several splits ({splits}); name one, as in {folder.name}/<split>")
    if not (folder / "dataset_info.json").is_file():
        raise UserError(
            f"{folder}: not a folder of Dataset.save_to_disk (no dataset_info.json), nor one of brat's, "
            "nor one with shards of `diziner label`"
        )
    try:
        dataset: Any = datasets.Dataset.load_from_disk(str(folder))
    # Whatever is not as it was saved, 100,000 brackets among it.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{folder}: not a folder of Dataset.save_to_disk: {first_line(error)}") from None
    values = (Value(f"{folder}, row {number}", row) for number, row in enumerate(dataset))
    return _table(task, values, dataset.features.arrow_schema)


def looks_like_parquet(look: Look) -> bool:
    """Whether a file begins as parquet files do."""
    return look.head.startswith(PARQUET_MAGIC)


def looks_like_saved(look: Look) -> bool:
    """Whether a folder is one of `Dataset.save_to_disk`, or whether nothing else is known of it."""
    return look.path.is_dir() and not any(look.path.glob("*.ann"))


def _table(task: Task, values: Iterator[Value], schema: pyarrow.Schema) -> Table:
    names = class_names(schema, task.choices)
    if names and not task.choices.labels:
        from dataclasses import replace

        task = replace(task, choices=replace(task.choices, labels=names))
    return rows_of_values(task, values)


def class_names(schema: pyarrow.Schema, choices: Choices) -> tuple[str, ...]:
    """Return the names of the class labels in the metadata that `datasets` writes; none if there are none.

    Those of the column of tags or spans that is chosen, else of the first usual one, else of the only one with some.
    """
    try:
        features = jsontext.body((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return ()
    named = {key: found for key, value in features.items() if (found := _names(value))}
    own = [str(choices.columns[key]) for key in ("tags", "spans") if key in choices.columns]
    chosen = next((key for key in own or LABEL_COLUMNS if key in named), "")
    if chosen:
        return named[chosen]
    return next(iter(named.values())) if len(named) == 1 else ()


def _names(feature: object) -> tuple[str, ...]:
    if isinstance(feature, list) and feature:
        feature = feature[0]
    if not isinstance(feature, dict):
        return ()
    if feature.get("_type") == "ClassLabel":
        return tuple(feature.get("names") or ())
    if "feature" in feature:
        return _names(feature["feature"])
    # The features of a span, by name: its label has some.
    found = [names for names in map(_names, feature.values()) if names]
    return found[0] if len(found) == 1 else ()
