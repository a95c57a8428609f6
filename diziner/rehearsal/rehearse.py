"""Rehearsal of a benchmark's whole pipeline in memory: what a run would ask, in its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from diziner.agreement.analysis import analyse
from diziner.agreement.files import disagreements_to_json
from diziner.annotator.annotate import annotate, annotate_if_there, requests_for
from diziner.annotator.settings import AnswerSettings
from diziner.common.errors import ModelGoneError, UserError
from diziner.corpora.card import load_card
from diziner.corpora.labelrows import read_label_file
from diziner.guideline.file import load_guideline
from diziner.layout import Room
from diziner.llm.ask import StoreAsker
from diziner.pipeline.addressed import addressed
from diziner.pipeline.glape import glape_scores, sampling
from diziner.pipeline.label_files import labels_from_file
from diziner.pipeline.line_acceptance import line_trials
from diziner.pipeline.prediction import predict
from diziner.pipeline.selection import select
from diziner.prompting.asker import Asker
from diziner.records.agreement import Agreement, agreement_from_json, agreement_to_json
from diziner.records.annotations import Annotation, taking_part
from diziner.records.documents import Document, read_documents
from diziner.records.gold import gold_of
from diziner.records.guideline import Guideline
from diziner.settings import Settings
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.evidence import evidence_from_json
from diziner.supervisor.history import starting_point
from diziner.supervisor.method import refine_by_method

Proceed = Callable[[Mapping[str, Sequence[Annotation]]], bool]


def rehearse(
    room: Room,
    settings: Settings,
    asker: StoreAsker,
    answers: AnswerSettings | None = None,
    proceed: Proceed = lambda _: True,
) -> None:
    """Go through all rounds, the selection and the predictions as the stages do; `asker` keeps count.

    Exact as far as the store's answers go; behind the first answer that is missing it is what stand-ins make
    of it: guidelines of later rounds, the supervisor's phases, the annotator selected. `answers` are the settings of
    annotations, if not those of `settings`. `proceed` is given each round's annotations and says whether to go on
    to what follows from them.
    Errors: UserError if the documents are not prepared.
    """
    answers = answers or settings.answers
    types = load_card(room.folder).types
    guidelines: dict[int, Guideline] = {0: load_guideline(room.guideline(0, settings.start))}
    agreements: dict[int, Agreement] = {}
    samples: dict[int, dict[str, list[list[Annotation]]]] = {}
    pool = [settings.annotator(name) for name in settings.pool]
    nested = settings.answers.nested
    evidence = record = annotated = None
    held_back: Sequence[str] = ()
    for number in settings.rounds:
        if evidence is not None and annotated is not None:
            label = f"{room.name} round {number},"
            before = guidelines[number - 1]
            files = settings.label_files
            start = starting_point(before, agreements[number - 1], record, settings.supervisor, files)
            trials = line_trials(settings.supervisor, held_back, annotated, pool, asker, label, answers)
            refinement = refine_by_method(
                start, evidence, annotated, settings.supervisor, asker, f"{label} supervisor:", trials
            )
            guidelines[number], record = refinement.guideline, refinement.record
        guideline = guidelines[number]
        documents = _prepared(room, room.pilot(number))
        annotations = {}
        for name in settings.pool:
            label, annotator = f"{room.name} round {number}, {name}", settings.annotator(name)
            if name in settings.label_files:
                path = room.label_file(settings.label_files[name])
                given = read_label_file(path, annotator.read)
                taken = labels_from_file(room, number, settings.rounds, annotator, given, settings.start, nested)
                annotations[name] = taken.annotations
            else:
                made = annotate_if_there(documents, guideline, annotator, asker, label, answers)
                annotations[name] = made.annotations
        samples[number] = _sampled(room, number, documents, guideline, settings, asker, answers)
        if not proceed(annotations):
            return
        present = taking_part(annotations)
        analysis = analyse(documents, present, types, settings.disagreement)
        agreements[number] = agreement_from_json(agreement_to_json(analysis.agreement))  # as in the file: rounded
        annotated = AnnotatedRound(documents, present, agreements[number])
        by_gold = settings.evidence.folder == "gold" and number in settings.evidence.gold_rounds
        if by_gold:
            analysis = analyse(documents, present, types, settings.disagreement, gold_of(documents, room.gold))
        held_back = analysis.held_back
        evidence = addressed(evidence_from_json(disagreements_to_json(analysis), guideline.types, by_gold), pool)
    scores = glape_scores(samples) if settings.selection.rule == "glape" else None
    entries, consensus = settings.annotator_entries, settings.disagreement.consensus
    selection = select(agreements, entries, settings.predictor, consensus, scores, settings.label_files)
    test = _prepared(room, room.test)
    for name, guideline in (("selected", guidelines[selection.round]), ("initial", guidelines[0])):
        predict(test, guideline, selection, asker, f"{room.name} test by the {name} guideline", answers)


def ask_first(room: Room, settings: Settings, asker: Asker, count: int) -> list[str]:
    """Ask every annotator for the first documents of round 0, as the stage will, to learn how long its answers are.

    Repair turns are left to the stage. Returns a line for each annotator whose model is gone.
    Errors: UserError if the documents are not prepared; those of `asker`.
    """
    documents = _prepared(room, room.pilot(0))[:count]
    guideline = load_guideline(room.guideline(0, settings.start))
    gone = []
    for name in settings.pool:
        annotator = settings.annotator(name)
        if annotator.model is None:
            continue
        requests = requests_for(documents, guideline, annotator, asker, settings.answers.show_goal)
        try:
            asker.ask(requests, f"{room.name} round 0, {name}")
        except ModelGoneError as error:
            gone.append(f"{name}: {error}; a run leaves it out")
    return gone


def _sampled(
    room: Room,
    number: int,
    documents: Sequence[Document],
    guideline: Guideline,
    settings: Settings,
    asker: StoreAsker,
    answers: AnswerSettings,
) -> dict[str, list[list[Annotation]]]:
    """Return the repeated answers of a round, as the stage resample asks for them."""
    own = settings.selection
    return {
        name: [
            annotate(
                documents,
                guideline,
                sampling(settings.annotator(name), sample, own.temperature),
                asker,
                f"{room.name} round {number}, {name}, sample {sample}",
                answers,
            ).annotations
            for sample in range(own.samples)
        ]
        for name in own.sampled
    }


def _prepared(room: Room, path: Path) -> Sequence[Document]:
    if not path.exists():
        raise UserError(
            f"{path}: not there yet: prepare the documents with `dvc repro {room.folder}/dvc.yaml:corpus` "
            "(no model is asked)"
        )
    return read_documents(path)
