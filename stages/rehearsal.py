"""A benchmark's whole pipeline in memory, with an asker that calls nobody: what a run would ask, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stages.agreement import AnalysisSettings, agreement_to_json, analyse, disagreements_to_json, render_report
from stages.annotator.annotate import annotate
from stages.annotator.failures import taking_part
from stages.contracts import Agreement, Document, Guideline
from stages.corpora.card import load_card
from stages.corpora.documents import read_documents
from stages.corpora.gold import gold_of
from stages.errors import UserError
from stages.llm.rehearsal import Rehearser
from stages.prediction import predict
from stages.records import agreement_from_json
from stages.rooms import Room
from stages.selection import select
from stages.settings import Settings
from stages.supervisor.evidence import evidence_from_json
from stages.supervisor.guideline import load_guideline
from stages.supervisor.history import starting_point
from stages.supervisor.refine import refine


def rehearse(place: Room, settings: Settings, asker: Rehearser) -> None:
    """Go through all rounds, the selection and the predictions as the stages do; `asker` keeps count.

    Exact as far as the store's answers go; behind the first answer that is missing it is what stand-ins make
    of it: guidelines of later rounds, the supervisor's phases, the annotator selected.
    Errors: UserError if the documents are not prepared.
    """
    types = load_card(place.folder).types
    analysis_settings = AnalysisSettings(**settings.raw["disagreement"])
    guidelines: dict[int, Guideline] = {0: load_guideline(place.guideline(0))}
    agreements: dict[int, Agreement] = {}
    evidence = record = None
    for entry in settings.raw["rounds"]:
        number = entry["id"]
        if evidence is not None:
            label = f"{place.name} round {number}, supervisor:"
            before = guidelines[number - 1]
            start = starting_point(before, agreements[number - 1], record, settings.supervisor)
            refinement = refine(start, evidence, settings.supervisor, asker, label)
            guidelines[number], record = refinement.guideline, refinement.record
        guideline = guidelines[number]
        documents = _prepared(place, place.pilot(number))
        annotations = {}
        for name in settings.pool:
            label = f"{place.name} round {number}, {name}"
            annotations[name] = annotate(documents, guideline, settings.annotator(name), asker, label, settings.answers)
        taken = taking_part(annotations)
        analysis = analyse(documents, taken, types, analysis_settings)
        agreements[number] = agreement_from_json(agreement_to_json(analysis.agreement))  # as in the file: rounded
        shown = settings.raw["evidence"]
        by_gold = shown["folder"] == "gold" and number in shown["gold_rounds"]
        if by_gold:
            analysis = analyse(documents, taken, types, analysis_settings, gold_of(documents, place.gold))
        report = render_report(analysis, documents)
        evidence = evidence_from_json(disagreements_to_json(analysis), report, guideline.types, by_gold)
    selection = select(agreements, settings.raw["annotators"], settings.raw["selection"]["predictor"])
    test = _prepared(place, place.test)
    for name, guideline in (("selected", guidelines[selection.round]), ("initial", guidelines[0])):
        predict(test, guideline, selection, asker, f"{place.name} test by the {name} guideline", settings.answers)


def _prepared(place: Room, path: Path) -> Sequence[Document]:
    if not path.exists():
        raise UserError(
            f"{path}: not there yet: prepare the documents with `.venv/bin/dvc repro {place.folder}/dvc.yaml:corpus` "
            "(no model is asked)"
        )
    return read_documents(path)
