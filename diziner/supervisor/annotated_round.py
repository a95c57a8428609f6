"""The round that a refinement begins with, as its annotators leave it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diziner.records.agreement import Agreement
from diziner.records.annotations import Annotation
from diziner.records.documents import Document


@dataclass(frozen=True, slots=True)
class AnnotatedRound:
    """A round as its annotators leave it: its documents, the annotations of those who take part, their agreement."""

    documents: Sequence[Document]
    annotations: Mapping[str, Sequence[Annotation]]
    agreement: Agreement
