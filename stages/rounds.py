"""What the analyses of a round share, whatever they hold it against: its annotations in, the evidence out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stages.agreement import Analysis, disagreements_to_json, render_report
from stages.annotator.failures import taking_part
from stages.contracts import Annotation, Document
from stages.files import check, write_json, write_text
from stages.records import read_annotations
from stages.rooms import Room


def round_annotations(place: Room, number: int, pool: Sequence[str]) -> dict[str, Sequence[Annotation]]:
    """A round's annotations by annotator, without those that its guideline leaves out."""
    return taking_part({name: read_annotations(place.annotations(number, name)) for name in pool})


def write_evidence(folder: Path, analysis: Analysis, documents: Sequence[Document]) -> None:
    """What the supervisor is shown of a round: disagreements.json, checked, and report.md."""
    disagreements = disagreements_to_json(analysis)
    check(disagreements, "disagreements", str(folder / "disagreements.json"))
    write_json(folder / "disagreements.json", disagreements)
    write_text(folder / "report.md", render_report(analysis, documents))
