"""Labels of annotators that are files, for a round of a room: what the stage take writes, and a plan foresees."""

from __future__ import annotations

from collections.abc import Iterable

from diziner.annotator.given import GivenLabels, given_labels
from diziner.annotator.settings import AnnotatorSettings
from diziner.layout import Room
from diziner.pipeline.evidence_files import type_names
from diziner.records.documents import read_documents
from diziner.records.given import LabelFile


def labels_from_file(
    room: Room,
    number: int,
    rounds: Iterable[int],
    annotator: AnnotatorSettings,
    given: LabelFile,
    start: str,
    nested: bool = False,
) -> GivenLabels:
    """Return an annotator's rows for a round's pilot documents, from those of its file in the room.

    `rounds` are all rounds, whose documents the file may have, `start` says which guideline names the types.
    Errors: as `diziner.annotator.given.given_labels`.
    """
    pilot = {document.id: document for each in rounds for document in read_documents(room.pilot(each))}
    documents = read_documents(room.pilot(number))
    return given_labels(given, documents, pilot, list(type_names(room, start)), annotator, nested)
