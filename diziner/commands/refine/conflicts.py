"""Conflicts of a round: its cases of disagreement in clusters, with the documents that they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diziner.agreement.case_clusters import Cluster, clusters_of
from diziner.agreement.cases import cases_of
from diziner.agreement.held_back import held_back
from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.layout import Room
from diziner.pipeline.evidence_files import round_annotations
from diziner.records.documents import Document, read_documents
from diziner.records.guideline import EntityType
from diziner.records.type_names import renaming
from diziner.settings import Settings


@dataclass(frozen=True, slots=True)
class Conflicts:
    """A round's clusters of cases, and what they are told with: documents by id, types' names by label. `kinds` are
    the kinds of disagreement of the round's report, in labels."""

    round: int
    clusters: tuple[Cluster, ...]
    documents: Mapping[str, Document]
    names: Mapping[str, str]
    kinds: tuple[str, ...] = ()

    @property
    def cases(self) -> int:
        return sum(len(cluster.cases) for cluster in self.clusters)

    @property
    def differing(self) -> int:
        """Number of pairs of annotators that disagree, over all cases."""
        return sum(cluster.differing for cluster in self.clusters)

    def all_clusters(self) -> Iterator[Cluster]:
        """Yield each cluster, and behind it its parts."""
        for cluster in self.clusters:
            yield from (cluster, *cluster.parts)

    def spellings(self) -> dict[str, str]:
        """Return what a file of choices may call the conflicts, and what they are kept as."""
        rename = renaming(self.names)
        found = {cluster.name: cluster.name for cluster in self.all_clusters()}
        for kind in self.kinds:
            found |= {rename(kind): rename(kind), kind: rename(kind)}
        return found


def last_round(room: Room, settings: Settings) -> int:
    """Return the last round whose disagreements are there; if there is none, the first round."""
    return max((n for n in settings.rounds if _evidence(room, n).exists()), default=settings.rounds[0])


def read_conflicts(room: Room, number: int, types: Sequence[EntityType], settings: Settings) -> Conflicts:
    """Return the conflicts of a round, without the documents that are held back from its refinement.

    Errors: UserError if the round has not been run.
    """
    if not _evidence(room, number).exists():
        raise UserError(f"{_evidence(room, number)}: not there yet: run `dvc repro {room.folder}/dvc.yaml` first")
    groups = read_json(_evidence(room, number), "disagreements")["groups"]
    documents = read_documents(room.pilot(number))
    held = held_back(documents, settings.disagreement.held_back)
    shown = {document.id: document for document in documents if document.id not in held}
    names = {entry.label: entry.name for entry in types}
    cases = cases_of(tuple(shown.values()), round_annotations(room, number, settings.pool))
    return Conflicts(
        number, clusters_of(cases, shown, names), shown, names, tuple(group["subtype"] for group in groups)
    )


def _evidence(room: Room, number: int) -> Path:
    return room.round(number) / "disagreements.json"
