"""Files of labelled rows: JSON Lines, or parquet with lists of records for what has free keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.files import atomic, dump_line, read_jsonl, refuse_key_in
from diziner.common.parquetfile import parquet_rows
from diziner.common.secret_values import knows_keys

Row = dict[str, Any]

PARQUET = ".parquet"
# Parquet has no mixed lists and no free keys: these become lists of records, of which the first column is the key. What
# else a document's file says about it, `other`, is one text, a JSON object.
_COUNTS = {"drops": "reason", "forms": "kind", "matched": "kind"}
_PLACES = ("start", "end")
_SPAN = (*_PLACES, "type")
_OUTVOTED = (*_SPAN, "share")


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a file of rows atomically; path's ending, .jsonl or .parquet, says how. The same rows give the same
    bytes."""
    with atomic(path) as temporary:
        if path.suffix == PARQUET:
            if knows_keys():
                for row in rows:
                    refuse_key_in(path, dump_line(row))
            _write_parquet(temporary, rows)
        else:
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{dump_line(row)}\n" for row in rows)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of such a file, as they were given to `write_rows`."""
    if path.suffix != PARQUET:
        yield from read_jsonl(path)
        return
    yield from map(_from_columns, parquet_rows(path))


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = _schema(voted=bool(rows) and "votes" in rows[0])
    table = pyarrow.Table.from_pylist([*map(_to_columns, rows)], schema=schema)
    pyarrow.parquet.write_table(table, path, compression="zstd")


def _to_columns(row: Mapping[str, Any]) -> Row:
    columns = {**row, **_places_to_columns(row)}
    for name, key in _COUNTS.items():
        columns[name] = [{key: kind, "count": count} for kind, count in sorted(row[name].items())]
    columns["other"] = dump_line(row["other"]) if row.get("other") else None
    if "votes" in row:
        columns["outvoted"] = [dict(zip(_OUTVOTED, each, strict=True)) for each in row["outvoted"]]
        columns["votes"] = [
            {"annotator": name, **vote, **_places_to_columns(vote)} for name, vote in sorted(row["votes"].items())
        ]
    return columns


def _places_to_columns(row: Mapping[str, Any]) -> Row:
    return {
        "spans": [dict(zip(_SPAN, span, strict=True)) for span in row["spans"]],
        "characters": [dict(zip(_PLACES, place, strict=True)) for place in row["characters"]],
    }


def _from_columns(columns: Mapping[str, Any]) -> Row:
    row = {**columns, **_places_from_columns(columns)}
    for name, key in _COUNTS.items():
        row[name] = {each[key]: each["count"] for each in columns[name]}
    if other := row.pop("other", None):
        row["other"] = jsontext.row(other)
    if "votes" in columns:
        row["outvoted"] = [[each[name] for name in _OUTVOTED] for each in columns["outvoted"]]
        row["votes"] = {
            vote["annotator"]: {"failure": vote["failure"], **_places_from_columns(vote)} for vote in columns["votes"]
        }
    return row


def _places_from_columns(columns: Mapping[str, Any]) -> Row:
    return {
        "spans": [[span[name] for name in _SPAN] for span in columns["spans"]],
        "characters": [[place[name] for name in _PLACES] for place in columns["characters"]],
    }


def _schema(voted: bool) -> Any:
    import pyarrow

    text, whole, number = pyarrow.string(), pyarrow.int32(), pyarrow.float64()
    span = {"start": whole, "end": whole, "type": text}
    spans = pyarrow.list_(pyarrow.struct(span))
    places = pyarrow.list_(pyarrow.struct({"start": whole, "end": whole}))
    failure = pyarrow.struct({"code": text, "detail": text})
    columns = {
        "id": text,
        "text": text,
        "tokens": pyarrow.list_(text),
        "spans": spans,
        "failure": failure,
        "drops": pyarrow.list_(pyarrow.struct({"reason": text, "count": whole})),
        "forms": pyarrow.list_(pyarrow.struct({"kind": text, "count": whole})),
        "repairs": whole,
        "responses": pyarrow.list_(text),
        "characters": places,
        "surfaces": pyarrow.list_(text),
        "matched": pyarrow.list_(pyarrow.struct({"kind": text, "count": whole})),
        "other": text,
    }
    if voted:
        vote = {"annotator": text, "spans": spans, "characters": places, "failure": failure}
        columns |= {
            "shares": pyarrow.list_(number),
            "outvoted": pyarrow.list_(pyarrow.struct({**span, "share": number})),
            "disagreement": number,
            "confidence": number,
            "votes": pyarrow.list_(pyarrow.struct(vote)),
        }
    return pyarrow.schema(columns)
