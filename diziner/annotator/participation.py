"""Participation of annotators in a round: the guideline may leave some out, who are not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diziner.records.annotations import Annotation

LEFT_OUT = "left_out"  # the failure code of an annotator that the guideline leaves out


def taking_part(annotations: Mapping[str, Sequence[Annotation]]) -> dict[str, Sequence[Annotation]]:
    """The annotators that were asked, without those that the guideline leaves out."""
    return {
        name: rows
        for name, rows in annotations.items()
        if not all(row.failure is not None and row.failure.code == LEFT_OUT for row in rows)
    }
