"""Annotations, usage and selections to and from files. Documents and gold are read and written in `stages.corpora`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.contracts import Agreement, Annotation, Failure, Selection, Span, Usage, Voter
from stages.files import read_jsonl, write_jsonl


def annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    """A row of an annotation file."""
    failure = annotation.failure
    return {
        "id": annotation.id,
        "spans": [[s.start, s.end, s.type] for s in annotation.spans],
        "failure": None if failure is None else {"code": failure.code, "detail": failure.detail},
        "drops": dict(annotation.drops),
        "repairs": annotation.repairs,
        "responses": list(annotation.responses),
    }


def annotation_from_json(row: Mapping[str, Any]) -> Annotation:
    """The inverse of `annotation_to_json`."""
    return Annotation(
        row["id"],
        spans_from_json(row["spans"]),
        None if row["failure"] is None else Failure(**row["failure"]),
        row["drops"],
        row["repairs"],
        tuple(row["responses"]),
    )


def spans_from_json(spans: list[list[Any]]) -> tuple[Span, ...]:
    """`[[start, end, type], ...]` as spans."""
    return tuple(Span(*span) for span in spans)


def read_annotations(path: Path) -> list[Annotation]:
    """The rows of an annotation file, checked, in file order."""
    return [annotation_from_json(row) for row in read_jsonl(path, "annotation")]


def write_usage(path: Path, rows: Iterable[Usage]) -> None:
    """Usage as JSON Lines, sorted by key; without `provenance` where it is not recorded."""
    values = [asdict(row) for row in sorted(rows, key=lambda row: row.key)]
    write_jsonl(path, [{k: v for k, v in row.items() if v or k != "provenance"} for row in values])


def read_usage(path: Path) -> list[Usage]:
    """The rows of a usage file, checked, in file order."""
    return [Usage(**row) for row in read_jsonl(path, "usage")]


def agreement_from_json(value: Mapping[str, Any]) -> Agreement:
    """The Agreement of a checked agreement.json."""
    return Agreement(
        annotators=tuple(value["annotators"]),
        documents=value["documents"],
        pairs={name: tuple(map(tuple, matrix)) for name, matrix in value["pairs"].items()},
        mean=value["mean"],
        overall=value["overall"],
        weights=value["weights"],
        coalition=tuple(value["coalition"]),
        fleiss_kappa=value["fleiss_kappa"],
        krippendorff_alpha=value["krippendorff_alpha"],
    )


def selection_to_json(selection: Selection) -> dict[str, Any]:
    """selection.json."""
    return {
        "round": selection.round,
        "annotator": selection.annotator,
        "settings": dict(selection.settings),
        "overall": {str(number): round(value, 9) for number, value in sorted(selection.overall.items())},
        "mean": {name: round(value, 9) for name, value in sorted(selection.mean.items())},
        "voters": {
            name: {"weight": round(voter.weight, 9), "settings": dict(voter.settings)}
            for name, voter in sorted(selection.voters.items())
        },
    }


def selection_from_json(value: Mapping[str, Any]) -> Selection:
    """The inverse of `selection_to_json`."""
    return Selection(
        value["round"],
        value["annotator"],
        value["settings"],
        {int(number): agreement for number, agreement in value["overall"].items()},
        value["mean"],
        {name: Voter(**voter) for name, voter in value["voters"].items()},
    )
