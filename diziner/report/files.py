"""Files that the report reads: outputs of every round, of the choice and of the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from diziner.common.errors import UserError
from diziner.common.files import read_json, read_jsonl, read_text, validator
from diziner.common.parquetfile import parquet_rows, parquet_schema
from diziner.corpora.card import Card, load_card
from diziner.guideline.file import load_guideline
from diziner.layout import GUIDELINES, Room
from diziner.records.annotations import Annotation, Span, read_annotations, refuse_other_spans
from diziner.records.disagreements import Hotspot, hotspot_from_json
from diziner.records.documents import Document, read_documents
from diziner.records.gold import read_gold
from diziner.records.guideline import Guideline
from diziner.records.usage import Usage, read_usage
from diziner.results.room_metrics import figures_in, read_room_metrics
from diziner.spans.tags import OUTSIDE, tags_to_spans

_ALWAYS = {"cut", "outcomes", "waiting", "written"}  # what records of refinements of any version have
Part = TypeVar("Part")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class RoundFiles:
    """One round's outputs. `consensus` lacks documents that nobody answered; `refinement` is the record of how
    the round's guideline came about, None for round 0. `usage` is what each annotator's answers took; `groups` are the
    round's disagreements by kind, as disagreements.json has them, `held_back` the documents that are not in these."""

    number: int
    documents: tuple[Document, ...]
    annotations: Mapping[str, Sequence[Annotation]]
    agreement: Mapping[str, Any]
    confusion: Mapping[str, Any]
    hotspots: tuple[Hotspot, ...]
    consensus: Mapping[str, Sequence[Span]]
    metrics: Mapping[str, Any]
    guideline: Guideline
    refinement: Mapping[str, Any] | None = None
    usage: Mapping[str, Sequence[Usage]] = field(default_factory=dict)
    refinement_usage: Sequence[Usage] = ()
    groups: Sequence[Mapping[str, Any]] = ()
    held_back: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RoomFiles:
    """One benchmark's outputs; what has not been run yet is empty or None. `left_out` says why, where the last run left
    the benchmark out.

    `test` are the test documents, without gold. `predictions` and their `usage` are by the name of the guideline,
    `selected` or `initial`. `counted` is the number of test documents behind `figures`. `faults`: what could not be
    read, a line each; it is left out.
    """

    card: Card
    rounds: tuple[RoundFiles, ...] = ()
    selection: Mapping[str, Any] | None = None
    figures: Mapping[str, Any] | None = None
    scores: Mapping[str, Any] | None = None
    gold: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    predictions: Mapping[str, Sequence[Annotation]] = field(default_factory=dict)
    usage: Mapping[str, Sequence[Usage]] = field(default_factory=dict)
    counted: int | None = None
    faults: tuple[str, ...] = ()
    left_out: str = ""
    test: tuple[Document, ...] = ()

    def all_usage(self) -> Iterator[Usage]:
        """Yield what every request behind these outputs took; one behind several outputs comes several times."""
        for part in self.rounds:
            yield from chain(*part.usage.values(), part.refinement_usage)
        yield from chain(*self.usage.values())

    def supervisor_keys(self) -> set[str]:
        """Return the keys of the supervisor's responses."""
        return {row.key for part in self.rounds for row in part.refinement_usage}


def read_room(room: Room, rounds: Sequence[int], pool: Sequence[str], start: str) -> RoomFiles:
    """Return a room's outputs for the active rounds and annotators: rounds up to the first that has not been run,
    choice and scores where they are there. Gold may be absent. Of a room that the last run left out nothing is read but
    why: documents that have come since make that void.

    A round or file that is damaged, or missing beside others of its round, is left out and named in `faults`.
    Errors: UserError if the room's card cannot be read.
    """
    card = load_card(room.folder)
    if room.left_out.is_file() and not room.manifest.is_file():
        return RoomFiles(card, left_out=read_text(room.left_out).strip())
    faults: list[str] = []

    def part(read: Callable[[], Part], otherwise: Other) -> Part | Other:
        try:
            return read()
        except UserError as error:
            faults.append(str(error))
            return otherwise

    done: list[RoundFiles] = []
    for number in rounds:
        if not (room.round(number) / "agreement.json").is_file():
            break
        if (found := part(partial(_round, room, number, pool, start, card.types), None)) is not None:
            done.append(found)
    rows: dict[str, Sequence[Annotation]] = {}
    used: dict[str, Sequence[Usage]] = {}
    predicted = [name for name in GUIDELINES if room.predictions(name).is_file()]
    test = part(lambda: read_documents(room.test), None) if predicted and room.test.is_file() else None
    for name in predicted:
        if (own := part(partial(_predicted, room, name, test, card.types), None)) is not None:
            rows[name], used[name] = own
    whole = part(lambda: read_room_metrics(room.final_metrics) if room.has_results() else None, None)
    return RoomFiles(
        card=card,
        rounds=tuple(done),
        selection=part(lambda: _optional(room.selection, "selection"), None),
        figures=None if whole is None else figures_in(whole),
        scores=part(lambda: _optional(room.scores, "scores"), None),
        gold=part(partial(_gold, room, card), dict[str, Sequence[Span]]()),
        predictions=rows,
        usage=used,
        counted=len(whole["counts"]) if whole and "counts" in whole else None,
        test=test if test and rows else (),
        faults=tuple(faults),
    )


def _predicted(
    room: Room, name: str, test: Sequence[Document] | None, types: Sequence[str]
) -> tuple[Sequence[Annotation], Sequence[Usage]]:
    return read_annotations(room.predictions(name), test, types), read_usage(room.prediction_usage(name))


def _gold(room: Room, card: Card) -> Mapping[str, Sequence[Span]]:
    gold = read_gold(room.gold) if room.gold.is_file() else {}
    for document, spans in gold.items():
        for span in spans:
            if span.type not in card.types:
                raise UserError(f"{room.gold}: {document}: {span.type!r} is not one of {', '.join(card.types)}")
    return gold


def _round(room: Room, number: int, pool: Sequence[str], start: str, types: Sequence[str]) -> RoundFiles:
    folder = room.round(number)
    record = folder / "refinement.json"
    disagreements = _optional(folder / "disagreements.json", "disagreements") or {}
    documents = read_documents(room.pilot(number))
    agreement = read_json(folder / "agreement.json", "agreement")
    if others := sorted({*agreement["annotators"]} - {*pool}):
        raise UserError(f"{folder / 'agreement.json'}: {others[0]!r} is no active annotator")
    return RoundFiles(
        number=number,
        documents=documents,
        annotations={name: read_annotations(room.annotations(number, name), documents, types) for name in pool},
        agreement=agreement,
        confusion=read_json(folder / "confusion.json", "confusion"),
        hotspots=_hotspots(folder / "hotspots.jsonl", documents),
        consensus=_consensus(folder / "tokens.parquet", documents, types),
        metrics=read_json(room.round_metrics(number), "round_metrics"),
        guideline=load_guideline(room.guideline(number, start)),
        refinement=_record(record) if record.is_file() else None,
        usage={name: read_usage(room.usage(number, name)) for name in pool},
        refinement_usage=read_usage(room.refinement_usage(number)) if record.is_file() else (),
        groups=disagreements.get("groups", ()),
        held_back=disagreements.get("held_back", ()),
    )


def _hotspots(path: Path, documents: Sequence[Document]) -> tuple[Hotspot, ...]:
    lengths = {document.id: len(document.tokens) for document in documents}
    found = tuple(map(hotspot_from_json, read_jsonl(path, "hotspot")))
    for hotspot in found:
        if not 0 <= hotspot.start < hotspot.end <= lengths.get(hotspot.document, -1):
            place = f"{hotspot.start}-{hotspot.end} of {hotspot.document}"
            raise UserError(f"{path}: hotspot {hotspot.id}: {place} is no place of the round's documents")
    return found


def _record(path: Path) -> Mapping[str, Any]:
    value: Mapping[str, Any] = read_json(path)
    try:
        # A record of an earlier version may lack keys that this one has.
        validator("refinement", frozenset({"required"}))(value)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    if absent := sorted(_ALWAYS - value.keys()):
        raise UserError(f"{path}: not the record of a refinement: it has no {', '.join(absent)}")
    return value


def _consensus(path: Path, documents: Sequence[Document], types: Sequence[str]) -> dict[str, tuple[Span, ...]]:
    found = _voted(path)
    for document in documents:
        refuse_other_spans(found.get(document.id, ()), document, types, path)
    return found


def _voted(path: Path) -> dict[str, tuple[Span, ...]]:
    names = parquet_schema(path).names
    if missing := {"document", "token", "consensus"} - set(names):
        raise UserError(f"{path}: not a token table: it has no column {', '.join(sorted(missing))}")
    if "end" in names:  # a row a candidate span, which may be nested
        spans: dict[str, list[Span]] = {}
        for row in parquet_rows(path, ["document", "token", "end", "consensus"]):
            tag = row["consensus"]
            own = [Span(row["token"], row["end"], tag[2:])] if tag != OUTSIDE else []
            spans.setdefault(row["document"], []).extend(own)
        return {document: tuple(sorted(own)) for document, own in spans.items()}
    tags: dict[str, list[str]] = {}
    for row in parquet_rows(path, ["document", "consensus"]):
        tags.setdefault(row["document"], []).append(row["consensus"])
    return {document: tags_to_spans(own) for document, own in tags.items()}


def _optional(path: Path, schema: str | None = None) -> Any:
    return read_json(path, schema) if path.is_file() else None
