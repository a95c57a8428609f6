"""Acceptance of instructions one by one, by agreement on documents that the supervisor has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT

from diziner.agreement.analysis import analyse, annotator_errors
from diziner.agreement.held_back import held_back
from diziner.agreement.report import render_report
from diziner.agreement.settings import AnalysisSettings
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.errors import ProviderError
from diziner.common.files import check
from diziner.endpoints import Endpoint
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.pipeline.line_acceptance import LineTrials, overall_agreement
from diziner.prompting.request import ModelSettings
from diziner.records.agreement import Agreement
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.records.guideline import Guideline, Instruction, Receipt
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import refine
from diziner.supervisor.settings import SupervisorSettings

TEXTS = ("Bob Smith of Ajax met Ada Lovelace .", "Rome beat Ajax 3 - 1 .", "Shares of Acme fell in Rome .")
DOCUMENTS = [Document(f"d{number}", tuple(text.split()), text) for number, text in enumerate(TEXTS)]
HELD = DOCUMENTS[:2]
POOL = [
    AnnotatorSettings(name, ModelSettings("scripted", f"scripted-{name}", structured="json_schema"))
    for name in ("careful", "eager")
]
BASE = load_guideline(ROOT / "data/conll2003/guideline.yaml")
AJAX = Instruction("C1", 'Never label "Ajax": it is no entity.')  # both mark it alike
ROME = Instruction("C1", 'Never label "Rome": it is no entity.')  # one marks it
NEUTRAL = Instruction("C1", "Read the sentence twice.")


@pytest.fixture
def trials(tmp_path: Path) -> LineTrials:
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})
    rows = {a.name: annotate(DOCUMENTS, BASE, a, asker, "round 0") for a in POOL}
    names = tuple(rows)
    agreement = Agreement(names, 3, {}, {}, 0.0, dict.fromkeys(names, 0.5), (), {})
    before = AnnotatedRound(DOCUMENTS, rows, agreement)
    return LineTrials(HELD, before, POOL, asker, "round 1,", AnswerSettings())


def common(line: Instruction) -> Guideline:
    return replace(BASE, common=(line,))


def test_a_line_under_which_agreement_falls_is_taken_back_and_the_others_stay(trials: LineTrials) -> None:
    specific = replace(BASE, specific={"careful": (AJAX,)})
    alone = {"A": common(AJAX), "R": common(ROME), "N": common(NEUTRAL), "S": specific}
    outcomes = trials.taken_back(BASE, alone)
    assert list(outcomes) == ["A", "S"]
    assert outcomes["A"].startswith("dropped: taken back: agreement fell from 0.") and " to 0." in outcomes["A"]
    record = trials.record()
    assert {line: entry["kept"] for line, entry in record.items()} == {"A": False, "R": True, "N": True, "S": False}
    assert record["N"]["before"] == record["N"]["after"] == record["R"]["before"] < record["R"]["after"]
    assert record["S"]["asked"] == ["careful"] and record["R"]["asked"] == ["careful", "eager"]
    # Two annotators and two documents for a common line; nothing is asked about what is not held back.
    assert len({used.key for used in trials.usage}) == 3 * 2 * 2 + 1 * 2


def test_a_margin_asks_for_more(trials: LineTrials) -> None:
    trials.margin = 0.01
    outcomes = trials.taken_back(BASE, {"R": common(ROME), "N": common(NEUTRAL)})
    assert list(outcomes) == ["N"] and "by less than 0.01" in outcomes["N"]


def test_what_changes_nothing_that_annotators_are_told_asks_nobody(trials: LineTrials) -> None:
    standing = replace(BASE, common=(replace(NEUTRAL, receipt=Receipt(1, "new")),))
    retained = replace(BASE, common=(replace(NEUTRAL, receipt=Receipt(1, "retained")),))
    assert trials.taken_back(standing, {"N": retained}) == {} and not trials.trials and not trials.usage


def test_an_annotator_that_is_left_out_takes_no_part(trials: LineTrials) -> None:
    outcomes = trials.taken_back(replace(BASE, left_out=("eager",)), {"A": common(AJAX)})
    assert outcomes == {} and trials.record()["A"] == {
        "asked": ["careful"], "before": 1.0, "after": 1.0, "failed": 0, "kept": True,
    }  # fmt: skip


def broken(trials: LineTrials, base_url: str, tmp_path: Path) -> None:
    endpoint = Endpoint("scripted", "hosted", api_base=base_url, attempts=1)
    trials.asker = StoreAsker(ResponseStore(tmp_path / "other.sqlite"), {"scripted": endpoint})


def test_a_line_that_makes_answers_fail_is_taken_back(trials: LineTrials, tmp_path: Path) -> None:
    with ScriptedServer(Faults(empty=1.0)) as server:
        broken(trials, server.base_url, tmp_path)
        outcomes = trials.taken_back(BASE, {"N": common(NEUTRAL)})
    assert outcomes == {"N": "dropped: taken back: 4 answers failed under it"}


def test_annotators_that_cannot_be_reached_decide_nothing(trials: LineTrials, tmp_path: Path) -> None:
    with ScriptedServer(Faults(server_error=1.0)) as server:
        broken(trials, server.base_url, tmp_path)
        with pytest.raises(ProviderError, match=r"round 1, N alone, careful: 2 of 2 calls failed \(unavailable"):
            trials.taken_back(BASE, {"N": common(NEUTRAL)})


SPANS = st.lists(st.sampled_from([(0, 1, "PER"), (2, 3, "PER"), (2, 3, "LOC")]), unique_by=lambda s: s[0])
ALL, SOME = st.tuples(SPANS, SPANS, SPANS), st.tuples(*[st.one_of(st.none(), SPANS)] * 3)
ROUND = st.builds(lambda first, rest: [first, *rest], ALL, st.lists(SOME, max_size=5))


def round_of(answers: Sequence[Sequence[Any]]) -> tuple[list[Document], dict[str, list[Annotation]]]:
    documents = [Document(f"d{number}", ("a", "b", "c"), "a b c") for number in range(len(answers))]
    failed = Failure("malformed", "no JSON")
    rows: dict[str, list[Annotation]] = {
        name: [
            Annotation(document.id, failure=failed)
            if own[place] is None
            else Annotation(document.id, tuple(sorted(Span(*span) for span in own[place])))
            for document, own in zip(documents, answers, strict=True)
        ]
        for place, name in enumerate("xyz")
    }
    return documents, rows


@given(ROUND)
def test_agreement_is_that_of_a_round_s_analysis(answers: Sequence[Sequence[Any]]) -> None:
    documents, rows = round_of(answers)
    assert float(overall_agreement(rows)) == analyse(documents, rows, ["PER", "LOC"]).agreement.overall


@given(ROUND, st.integers(0, 8))
def test_documents_held_back_are_in_nothing_that_the_supervisor_is_shown(
    answers: Sequence[Sequence[Any]], count: int
) -> None:
    documents, rows = round_of(answers)
    settings = AnalysisSettings(held_back=count, percentile=0.0, examples_per_group=99)
    analysis = analyse(documents, rows, ["PER", "LOC"], settings)
    assert len(analysis.held_back) == min(count, len(documents) - 1)
    assert analysis.held_back == held_back(documents[::-1], count)
    groups = [*analysis.groups, *(group for name in rows for group in annotator_errors(analysis, name))]
    shown = {example.document for group in groups for example in group.examples}
    assert not shown & set(analysis.held_back)
    report = render_report(analysis, documents)
    assert not [name for name in analysis.held_back if f"({name}, tokens" in report]
    # The others' are all there, and every figure of the round is of all documents.
    whole = analyse(documents, rows, ["PER", "LOC"], replace(settings, held_back=0))
    assert shown == {e.document for group in whole.groups for e in group.examples} - set(analysis.held_back)
    assert (analysis.agreement, analysis.hotspots, analysis.totals) == (whole.agreement, whole.hotspots, whole.totals)


@pytest.fixture
def evidence() -> Any:
    from diziner.records.disagreements import ErrorExample, ErrorGroup
    from diziner.supervisor.evidence import Evidence, Leaning

    leanings = {"careful": Leaning(0.5, 1.0, 0, {}), "eager": Leaning(0.5, 0.9, 1, {"organization": 1})}
    example = ErrorExample(
        "d2:5-6", "d2", 5, 6, "Rome", "fell in «Rome» .", "no entity", ("careful",), (("organization", ("eager",)),),
        "minor",
    )  # fmt: skip
    group = ErrorGroup("O_to_Ent", "no entity_to_organization", 1, 1, (example,))
    return Evidence((group,), {"careful": (), "eager": (group,)}, ("careful",), leanings)


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_refinement_keeps_what_passes_and_records_what_does_not(
    trials: LineTrials, evidence: Any, margin: float
) -> None:
    trials.margin = margin
    model = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
    settings = SupervisorSettings(model, accept="lines", update_goal=False)
    refined = refine(StartingPoint(BASE, 0.5), evidence, settings, trials.asker, "test", trials)
    check(refined.record, "refinement", "record")
    assert refined.record["trials"]
    lines = {i.id for i in [*refined.guideline.common, *(i for b in refined.guideline.specific.values() for i in b)]}
    assert lines == {line for line, entry in refined.record["trials"].items() if entry["kept"]}
    dropped = {line: text for line, text in refined.record["outcomes"].items() if "taken back" in text}
    assert dropped.keys() == refined.record["trials"].keys() - lines
    assert len(refined.record["rejected"]) == len(dropped) and bool(dropped) == bool(margin)
    assert refined.record["kept_previous"] is bool(margin)
    assert {used.key for used in trials.usage} <= {used.key for used in refined.usage}
