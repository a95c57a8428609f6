"""Evidence files of a round: annotations are read, disagreements written, for every reference in one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from diziner.agreement.analysis import Analysis
from diziner.agreement.files import disagreements_to_json
from diziner.agreement.report import render_report
from diziner.common.errors import UserError
from diziner.common.files import check, write_json, write_text
from diziner.common.yamlfile import read_yaml
from diziner.layout import Room
from diziner.records.annotations import Annotation, read_annotations, taking_part
from diziner.records.documents import Document

_FEWEST = 2  # annotators, for disagreement


def round_annotations(room: Room, number: int, pool: Sequence[str]) -> dict[str, Sequence[Annotation]]:
    """Return a round's annotations by annotator, without those that its guideline leaves out, or whose model is gone.

    Errors: UserError if so many are left out that nobody is left to disagree with.
    """
    found = {name: read_annotations(room.annotations(number, name)) for name in pool}
    taken = taking_part(found)
    if len(taken) < min(_FEWEST, len(pool)):
        out = next(name for name in pool if name not in taken)
        failure = found[out][0].failure
        why = failure.detail if failure else ""
        raise UserError(
            f"{room.name} round {number}: {len(taken)} of {len(pool)} annotators take part, {_FEWEST} are needed; "
            f"{out} is left out {why}"
        )
    return taken


def type_names(room: Room, start: str) -> dict[str, str]:
    """Return the name of each type by its label: no refinement changes those of the guideline that all start from
    (`start`: rich or terse).

    The types alone are read, so that what a guideline has besides reruns no analysis; `annotate` has checked the file.
    """
    return {entry["label"]: entry["name"] for entry in read_yaml(room.guideline(0, start))["types"]}


def write_evidence(
    folder: Path,
    analysis: Analysis,
    documents: Sequence[Document],
    names: Mapping[str, str],
    others: Mapping[str, str] | None = None,
) -> None:
    """Write a round's disagreements for the supervisor (disagreements.json, checked) and for people (report.md, with
    the types' `names` by label, and what annotators are that are no language models)."""
    disagreements = disagreements_to_json(analysis)
    check(disagreements, "disagreements", str(folder / "disagreements.json"))
    write_json(folder / "disagreements.json", disagreements)
    write_text(folder / "report.md", render_report(analysis, documents, names, others))
