"""Labels of annotators that are files, for a round of a room: what the stage take writes, and a plan foresees."""

from __future__ import annotations

from collections.abc import Iterable

from diziner.annotator.given import GivenLabels, given_labels, read_own_rows
from diziner.annotator.settings import AnnotatorSettings
from diziner.layout import Room
from diziner.pipeline.evidence_files import type_names
from diziner.records.documents import read_documents


def labels_from_file(
    room: Room, number: int, rounds: Iterable[int], annotator: AnnotatorSettings, file: str, start: str
) -> GivenLabels:
    """Return an annotator's rows for a round's pilot documents, from its file in the room's folder `annotators`.

    `rounds` are all rounds, whose documents the file may have, `start` says which guideline names the types.
    Errors: as `diziner.annotator.given.given_labels`.
    """
    path = room.label_file(file)
    pilot = {document.id: document for each in rounds for document in read_documents(room.pilot(each))}
    documents = read_documents(room.pilot(number))
    return given_labels(path, read_own_rows(path), documents, pilot, list(type_names(room, start)), annotator)
