"""The chosen round of a run: its pilot documents, who labelled them and how, and how long its guideline is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diziner.common.files import read_json
from diziner.common.yamlfile import read_yaml
from diziner.layout import Room
from diziner.records.annotations import Annotation, read_annotations, taking_part
from diziner.records.documents import Document, read_documents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PilotRound:
    """Round that agreement is compared by; `words`: of the instructions in its guideline. Nothing of it is gold."""

    round: int
    documents: tuple[Document, ...]
    annotations: Mapping[str, Sequence[Annotation]]
    words: int


def read_chosen_round(project: Path, room: Room, pool: Sequence[str]) -> PilotRound:
    """Read the round that a run in `project` selected for a benchmark, without annotators that it left out."""
    number: int = read_json(project / room.selection, "selection")["round"]
    documents = read_documents(project / room.pilot(number))
    rows = {name: read_annotations(project / room.annotations(number, name), documents) for name in pool}
    return PilotRound(
        number,
        documents,
        taking_part(rows),
        instruction_words(read_yaml(project / room.selected_guideline, "guideline")),
    )


def instruction_words(guideline: Mapping[str, Any]) -> int:
    """Return the words of all instructions of a guideline's file, examples included."""
    instructions = guideline["instructions"]
    tops = [*instructions["common"], *(line for block in instructions["specific"].values() for line in block)]
    lines = [line for top in tops for line in (top, *top.get("children", ()))]
    texts = [entry["text"] for line in lines for entry in (line, *line.get("examples", ()))]
    return sum(len(text.split()) for text in texts)


def pair_counts(documents: Sequence[Document], rows: Mapping[str, Sequence[Annotation]]) -> Counts:
    """Count, for each pair of annotators in the order of names and each document: equal spans, and spans of both.

    Shape (pairs, documents, 2). A document that one of a pair failed has no span of the other either: strict span F1
    of a pair is 2 x equal / spans of both over the documents that both answered (method section 3).
    """
    import numpy as np

    found = {name: {row.id: row for row in own} for name, own in rows.items()}
    pairs = list(combinations(sorted(found), 2))
    counts = np.zeros((len(pairs), len(documents), 2), np.int64)
    for place, (first, second) in enumerate(pairs):
        for number, document in enumerate(documents):
            one, other = found[first][document.id], found[second][document.id]
            if one.failure is None and other.failure is None:
                equal = len(set(one.spans) & set(other.spans))
                counts[place, number] = equal, len(one.spans) + len(other.spans)
    return counts
