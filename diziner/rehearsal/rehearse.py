"""Rehearsal of a benchmark's whole pipeline in memory: what a run would ask, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diziner.agreement.analysis import analyse
from diziner.agreement.files import disagreements_to_json
from diziner.agreement.report import render_report
from diziner.annotator.annotate import annotate
from diziner.common.errors import UserError
from diziner.corpora.card import load_card
from diziner.guideline.file import load_guideline
from diziner.layout import Room
from diziner.pipeline.prediction import predict
from diziner.pipeline.selection import select
from diziner.records.agreement import Agreement, agreement_from_json, agreement_to_json
from diziner.records.annotations import taking_part
from diziner.records.documents import Document, read_documents
from diziner.records.gold import gold_of
from diziner.records.guideline import Guideline
from diziner.rehearsal.asker import Rehearser
from diziner.settings import Settings
from diziner.supervisor.evidence import evidence_from_json
from diziner.supervisor.history import starting_point
from diziner.supervisor.refine import refine


def rehearse(room: Room, settings: Settings, asker: Rehearser) -> None:
    """Go through all rounds, the selection and the predictions as the stages do; `asker` keeps count.

    Exact as far as the store's answers go; behind the first answer that is missing it is what stand-ins make
    of it: guidelines of later rounds, the supervisor's phases, the annotator selected.
    Errors: UserError if the documents are not prepared.
    """
    types = load_card(room.folder).types
    guidelines: dict[int, Guideline] = {0: load_guideline(room.guideline(0, settings.start))}
    agreements: dict[int, Agreement] = {}
    evidence = record = None
    for number in settings.rounds:
        if evidence is not None:
            label = f"{room.name} round {number}, supervisor:"
            before = guidelines[number - 1]
            start = starting_point(before, agreements[number - 1], record, settings.supervisor)
            refinement = refine(start, evidence, settings.supervisor, asker, label)
            guidelines[number], record = refinement.guideline, refinement.record
        guideline = guidelines[number]
        documents = _prepared(room, room.pilot(number))
        annotations = {}
        for name in settings.pool:
            label = f"{room.name} round {number}, {name}"
            made = annotate(documents, guideline, settings.annotator(name), asker, label, settings.answers)
            annotations[name] = made.annotations
        taken = taking_part(annotations)
        analysis = analyse(documents, taken, types, settings.disagreement)
        agreements[number] = agreement_from_json(agreement_to_json(analysis.agreement))  # as in the file: rounded
        by_gold = settings.evidence.folder == "gold" and number in settings.evidence.gold_rounds
        if by_gold:
            analysis = analyse(documents, taken, types, settings.disagreement, gold_of(documents, room.gold))
        report = render_report(analysis, documents)
        evidence = evidence_from_json(disagreements_to_json(analysis), report, guideline.types, by_gold)
    selection = select(agreements, settings.annotator_entries, settings.predictor)
    test = _prepared(room, room.test)
    for name, guideline in (("selected", guidelines[selection.round]), ("initial", guidelines[0])):
        predict(test, guideline, selection, asker, f"{room.name} test by the {name} guideline", settings.answers)


def _prepared(room: Room, path: Path) -> Sequence[Document]:
    if not path.exists():
        raise UserError(
            f"{path}: not there yet: prepare the documents with `dvc repro {room.folder}/dvc.yaml:corpus` "
            "(no model is asked)"
        )
    return read_documents(path)
