"""Evidence files of a round: annotations are read, disagreements written, for every reference in one way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diziner.agreement.analysis import Analysis
from diziner.agreement.files import disagreements_to_json
from diziner.agreement.report import render_report
from diziner.common.files import check, write_json, write_text
from diziner.layout import Room
from diziner.records.annotations import Annotation, read_annotations, taking_part
from diziner.records.documents import Document


def round_annotations(room: Room, number: int, pool: Sequence[str]) -> dict[str, Sequence[Annotation]]:
    """Return a round's annotations by annotator, without those that its guideline leaves out."""
    return taking_part({name: read_annotations(room.annotations(number, name)) for name in pool})


def write_evidence(folder: Path, analysis: Analysis, documents: Sequence[Document]) -> None:
    """Write what the supervisor is shown of a round: disagreements.json, checked, and report.md."""
    disagreements = disagreements_to_json(analysis)
    check(disagreements, "disagreements", str(folder / "disagreements.json"))
    write_json(folder / "disagreements.json", disagreements)
    write_text(folder / "report.md", render_report(analysis, documents))
