"""Reader of hub datasets, through `datasets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.quiet import quiet_datasets
from diziner.common.system_errors import of_this_machine
from diziner.corpora.at_hand import hub_answers, unreachable
from diziner.forms.rows import Row, Table, select_columns

Columns = Mapping[str, str | int]
_LONGEST = 200  # characters of a library's message that are passed on


def hub_table(options: Mapping[str, Any], columns: Columns, split: str) -> Table:
    """Return one split of a hub dataset, at the revision of a card's `options`. Only data files are read, no code is
    run.

    Raises:
        UserError: the dataset, revision, configuration, split or a column is missing, or the hub cannot
            be reached.
    """
    name, revision, configuration = options["id"], options["revision"], options.get("config")
    config = f", config {configuration}" if configuration else ""
    where = f"hub dataset {name} (revision {revision}{config}), split {split}"
    online = Path(name).exists() or hub_answers()  # before the library is loaded: it reads then whether to ask
    datasets = quiet_datasets()
    try:
        dataset = datasets.load_dataset(
            name if online or "files" not in options else _snapshot(name, revision),
            name=configuration,
            revision=revision,
            data_files=dict(options.get("files", {})) or None,
            split=split,
        )
    except (datasets.exceptions.DatasetsError, OSError, RuntimeError, ValueError) as error:
        if (own := of_this_machine(error)) is not None:
            raise own from None  # not of this benchmark: no reason to go on without it
        if not online:
            raise UserError(f"{where}: {unreachable(name)}") from None
        raise UserError(f"{where}: {_first_line(_cause(error))}{_hint(error, options)}") from None
    return _table(dataset, where, columns, split)


def _snapshot(name: str, revision: str) -> str:
    """Return the folder of a revision's files in the cache of the hub's client: `datasets` finds copies of its own by
    the addresses of files, which only the hub tells."""
    import huggingface_hub

    return str(huggingface_hub.snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True))


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
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def _cause(error: BaseException) -> BaseException:
    """Return what an error of a reader was, which `datasets` hides behind one of its own."""
    inner = error.__cause__ or error.__context__
    return inner if type(error).__name__ == "DatasetGenerationError" and inner is not None else error


def _hint(error: BaseException, options: Mapping[str, Any]) -> str:
    if "script" in str(error):
        return "; the card's revision must hold data files, for example refs/convert/parquet"
    at = f"{options['id']} at {options['revision']}"
    named = f", where the card has {', '.join(sorted(options['files'].values()))}" if "files" in options else ""
    return (
        f"; look what files {at} has{named}, and mend the card's sources.hub, or take the room's files from elsewhere"
    )
