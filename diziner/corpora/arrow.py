"""Reader of hub datasets, through `datasets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diziner.common.errors import UserError
from diziner.forms.rows import Row, Table, select_columns

Columns = Mapping[str, str | int]


def hub_table(options: Mapping[str, Any], columns: Columns, split: str) -> Table:
    """Return one split of a hub dataset, at the revision of a card's `options`. Only data files are read, no code is
    run.

    Raises:
        UserError: the dataset, revision, configuration, split or a column is missing, or the hub cannot
            be reached.
    """
    import datasets

    name, revision, configuration = options["id"], options["revision"], options.get("config")
    config = f", config {configuration}" if configuration else ""
    where = f"hub dataset {name} (revision {revision}{config}), split {split}"
    try:
        dataset = datasets.load_dataset(
            name,
            name=configuration,
            revision=revision,
            data_files=dict(options.get("files", {})) or None,
            split=split,
        )
    except (datasets.exceptions.DatasetsError, OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{where}: {_first_line(error)}{_hint(error)}") from None
    return _table(dataset, where, columns, split)


def _table(dataset: Any, where: str, columns: Columns, split: str) -> Table:
    chosen = select_columns(dataset.column_names, columns, where, usual_id=False)
    feature = dataset.features.get(chosen.get("tags"))
    names = tuple(getattr(getattr(feature, "feature", None), "names", ()))

    def rows() -> Iterator[Row]:
        for index, row in enumerate(dataset.select_columns(list(chosen.values()))):
            yield Row(f"{where}, row {index}", {key: row[column] for key, column in chosen.items()})

    return Table(split, rows(), names)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _hint(error: BaseException) -> str:
    if "script" in str(error):
        return "; the card's revision must hold data files, for example refs/convert/parquet"
    return ""
