"""Who the supervisor can address: annotators that read the guideline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from diziner.annotator.settings import AnnotatorSettings
from diziner.supervisor.evidence import Evidence


def addressed(evidence: Evidence, pool: Iterable[AnnotatorSettings]) -> Evidence:
    """Return evidence in which nobody has disagreements of their own who reads no guideline: an instruction for people
    of an earlier labelling, or for a function, would bind nobody."""
    deaf = {annotator.name for annotator in pool if not annotator.follows_guidelines}
    own = {name: () if name in deaf else groups for name, groups in evidence.by_annotator.items()}
    return replace(evidence, by_annotator=own)
