"""Selection without labels, final scores, the summary and its check by seqeval."""

from __future__ import annotations

import pytest

from stages.contracts import Annotation, Document, Failure, Span
from stages.errors import DizinerError
from stages.finalscore import final_metrics, final_scores
from stages.selection import select
from stages.summarise import check_with_seqeval, summarise, table

GOLD = {"a": (Span(0, 2, "PER"),), "b": (Span(1, 2, "LOC"), Span(3, 4, "LOC"))}
DOCUMENTS = [Document(name, ("w",) * 5, "w w w w w") for name in ("a", "b")]
BEFORE = [Annotation("a", (Span(0, 1, "PER"),)), Annotation("b", (Span(1, 2, "LOC"),), drops={"overlap": 1})]
AFTER = [Annotation("a", (Span(0, 2, "PER"),)), Annotation("b", failure=Failure("refused", "no"))]
SELECTION = {"annotator": "x", "round": 1, "overall": {"0": 0.25, "1": 0.5, "10": 0.75}}


def test_the_round_and_annotator_of_the_highest_agreement_are_chosen_and_ties_are_defined() -> None:
    overall = {0: 0.5, 1: 0.7, 2: 0.7}
    mean = {k: {"b": 0.6, "a": 0.6, "c": 0.1} for k in overall}
    chosen = select(overall, mean, {"a": {"model": "m"}, "b": {}, "c": {}})
    assert (chosen.round, chosen.annotator, chosen.settings) == (1, "a", {"model": "m"})


def test_scores_count_a_failed_document_as_nothing_found() -> None:
    scores = final_scores(GOLD, AFTER, BEFORE, {0: {"x": BEFORE}, 1: {"x": AFTER}}, samples=200, seed=1)
    assert scores["selected"]["micro"] == {
        "precision": 1.0, "recall": 0.333333, "f1": 0.5, "correct": 1, "predicted": 1, "gold": 3,
    }  # fmt: skip
    assert scores["initial"]["micro"]["f1"] == 0.4
    assert scores["gain"]["difference"] == pytest.approx(0.1)
    assert scores["pilot"] == {"0": {"x": 0.4}, "1": {"x": 0.5}}
    metrics = final_metrics(scores, SELECTION, AFTER)
    assert metrics["f1"] == 0.5 and metrics["f1_round0"] == 0.4 and metrics["failed_share"] == 0.5
    assert metrics["agreement_first"] == 0.25 and metrics["agreement_last"] == 0.75
    assert metrics["f1_low"] <= 0.5 <= metrics["f1_high"]


def test_without_gold_everything_but_f1_is_there() -> None:
    scores = final_scores({}, AFTER, BEFORE, {0: {"x": BEFORE}}, samples=10, seed=1)
    metrics = final_metrics(scores, SELECTION, BEFORE)
    assert metrics["f1"] is None and metrics["gain"] is None and scores["pilot"] == {"0": {"x": None}}
    assert metrics["documents"] == 2 and metrics["drop_share"] == pytest.approx(1 / 3, abs=1e-6)
    summary = summarise({"own": metrics})
    assert summary["mean"]["scored"] == 0 and summary["mean"]["f1"] is None
    assert "own" in table(summary, "strict span F1")


def test_seqeval_agrees_and_a_wrong_figure_stops_the_summary() -> None:
    metrics = final_metrics(final_scores(GOLD, BEFORE, AFTER, {}, 10, 1), SELECTION, BEFORE)
    check_with_seqeval("here", metrics, DOCUMENTS, GOLD, BEFORE)
    with pytest.raises(DizinerError, match=r"here: f1 is 0\.41, seqeval strict IOB2 says 0\.400000"):
        check_with_seqeval("here", {**metrics, "f1": 0.41}, DOCUMENTS, GOLD, BEFORE)


def test_the_summary_is_sorted_and_its_mean_says_over_what() -> None:
    metrics = final_metrics(final_scores(GOLD, BEFORE, AFTER, {}, 10, 1), SELECTION, BEFORE)
    summary = summarise({"b": metrics, "a": {**metrics, "f1": None}})
    assert list(summary["benchmarks"]) == ["a", "b"]
    assert summary["mean"] == {
        "benchmarks": 2, "documents": 4, "scored": 1, "f1": 0.4, "gain": -0.1,
        "agreement_first": 0.25, "agreement_last": 0.75,
    }  # fmt: skip
