"""Labelled documents as rows of a file: JSON Lines or parquet, the same content in both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.contracts import Annotation, Document
from stages.corpora.documents import document_row
from stages.files import atomic, dump_line
from stages.records import annotation_to_json


def labelled_row(document: Document, annotation: Annotation) -> dict[str, Any]:
    """A row of `labelled.schema.json`: the document, and its annotation or the failure in place of one."""
    return {**document_row(document), **annotation_to_json(annotation)}


def write_rows(path: Path, documents: Sequence[Document], annotations: Sequence[Annotation]) -> None:
    """Write a shard atomically; path's ending, .jsonl or .parquet, says how. The same rows give the same bytes."""
    rows = [labelled_row(document, mine) for document, mine in zip(documents, annotations, strict=True)]
    with atomic(path) as temporary:
        if path.suffix == ".parquet":
            _write_parquet(temporary, rows)
        else:
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{dump_line(row)}\n" for row in rows)


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow
    import pyarrow.parquet

    # Parquet has no mixed lists and no free keys: spans and drops become lists of records.
    table = pyarrow.Table.from_pylist(
        [
            {
                **row,
                "spans": [{"start": start, "end": end, "type": name} for start, end, name in row["spans"]],
                "drops": [{"reason": reason, "count": count} for reason, count in sorted(row["drops"].items())],
            }
            for row in rows
        ],
        schema=_parquet_schema(),
    )
    pyarrow.parquet.write_table(table, path, compression="zstd")


def _parquet_schema() -> Any:
    import pyarrow

    text, whole = pyarrow.string(), pyarrow.int32()
    return pyarrow.schema(
        {
            "id": text,
            "text": text,
            "tokens": pyarrow.list_(text),
            "spans": pyarrow.list_(pyarrow.struct({"start": whole, "end": whole, "type": text})),
            "failure": pyarrow.struct({"code": text, "detail": text}),
            "drops": pyarrow.list_(pyarrow.struct({"reason": text, "count": whole})),
            "repairs": whole,
            "responses": pyarrow.list_(text),
        }
    )
