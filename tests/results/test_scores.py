"""Selection without labels, final scores, the summary and its check by seqeval."""

from __future__ import annotations

import subprocess
import sys

import pytest
from projects import ROOT

from diziner.common.errors import DizinerError
from diziner.pipeline.selection import select
from diziner.records.agreement import Agreement
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.records.selection import Voter
from diziner.results.correlation import CORRELATIONS
from diziner.results.final_scores import final_metrics, final_scores
from diziner.results.summary import check_with_seqeval, forecast_report, summarise
from diziner.results.summary_table import table
from diziner.results.validity import Point

GOLD = {"a": (Span(0, 2, "PER"),), "b": (Span(1, 2, "LOC"), Span(3, 4, "LOC"))}
DOCUMENTS = [Document(name, ("w",) * 5, "w w w w w") for name in ("a", "b")]
BEFORE = [Annotation("a", (Span(0, 1, "PER"),)), Annotation("b", (Span(1, 2, "LOC"),), drops={"overlap": 1})]
AFTER = [Annotation("a", (Span(0, 2, "PER"),)), Annotation("b", failure=Failure("refused", "no"))]
MEAN = {0: {"x": 0.3}, 1: {"x": 0.5}}
SELECTION = {"annotator": "x", "round": 1, "mean": {"x": 0.5}, "overall": {"0": 0.25, "1": 0.5, "10": 0.75}}


def test_the_round_and_annotator_of_the_highest_agreement_are_chosen_and_ties_are_defined() -> None:
    names = ("a", "b", "c")
    agreements = {
        number: Agreement(
            annotators=names, documents=2, pairs={}, mean={"b": 0.6, "a": 0.6, "c": 0.1}, overall=overall,
            weights={"a": 0.4, "b": 0.4, "c": 0.2}, coalition=("a", "b"), of_all={},
        )
        for number, overall in ((0, 0.5), (1, 0.7), (2, 0.7))
    }  # fmt: skip
    settings = {"a": {"model": "m"}, "b": {}, "c": {}}
    chosen = select(agreements, settings)
    assert (chosen.round, chosen.annotator, chosen.settings, chosen.voters) == (1, "a", {"model": "m"}, {})
    assert select(agreements, settings, "coalition").voters == {"a": Voter(0.4, {"model": "m"}), "b": Voter(0.4, {})}


def test_rounds_are_compared_by_the_annotators_that_took_part_in_all_of_them() -> None:
    """Round 1 looks better only because the annotator that nobody agrees with was left out of it."""

    def agreement(names: tuple[str, ...], *rows: tuple[float, ...]) -> Agreement:
        mean = {name: (sum(row) - 1) / (len(row) - 1) for name, row in zip(names, rows, strict=True)}
        overall = round(sum(mean.values()) / len(mean), 9)
        return Agreement(names, 2, {"strict_span_f1": rows}, mean, overall, {}, (), {})

    before = agreement(("a", "b", "lazy"), (1.0, 0.7, 0.1), (0.7, 1.0, 0.1), (0.1, 0.1, 1.0))
    after = agreement(("a", "b"), (1.0, 0.6), (0.6, 1.0))
    assert after.overall > before.overall
    chosen = select({0: before, 1: after}, {"a": {}, "b": {}, "lazy": {}})
    assert (chosen.round, chosen.annotator, chosen.overall) == (0, "a", {0: 0.7, 1: 0.6})
    # Nobody to compare by: each round by its own.
    other = agreement(("c", "d"), (1.0, 0.5), (0.5, 1.0))
    assert select({0: other, 1: after}, {name: {} for name in "abcd"}).overall == {0: 0.5, 1: 0.6}


def test_scores_count_a_failed_document_as_nothing_found() -> None:
    scores = final_scores(GOLD, AFTER, BEFORE, {0: {"x": BEFORE}, 1: {"x": AFTER}}, MEAN, samples=200, seed=1)
    assert scores["selected"]["micro"] == {
        "precision": 1.0, "recall": 0.333333, "f1": 0.5, "correct": 1, "predicted": 1, "gold": 3,
    }  # fmt: skip
    assert scores["initial"]["micro"]["f1"] == 0.4
    assert scores["gain"]["difference"] == pytest.approx(0.1)
    assert scores["pilot"] == {"0": {"x": 0.4}, "1": {"x": 0.5}}
    assert scores["validity"] == {
        "points": 2, "resamples": 200,
        "correlations": {key: {"value": None, "low": None, "high": None, "undefined": 0} for key in CORRELATIONS},
        "oracle": {"round": 1, "annotator": "x", "agreement": 0.5, "f1": 0.5},
    }  # fmt: skip
    metrics = final_metrics(scores, SELECTION, AFTER)
    assert metrics["f1"] == 0.5 and metrics["f1_round0"] == 0.4 and metrics["failed_share"] == 0.5
    assert metrics["agreement_first"] == 0.25 and metrics["agreement_last"] == 0.75
    assert metrics["f1_low"] <= 0.5 <= metrics["f1_high"]


def test_without_gold_everything_but_f1_is_there() -> None:
    scores = final_scores({}, AFTER, BEFORE, {0: {"x": BEFORE}}, MEAN, samples=10, seed=1)
    metrics = final_metrics(scores, SELECTION, BEFORE)
    assert metrics["f1"] is None and metrics["gain"] is None and scores["pilot"] == {"0": {"x": None}}
    assert metrics["documents"] == 2 and metrics["drop_share"] == pytest.approx(1 / 3, abs=1e-6)
    summary = summarise({"own": metrics})
    assert summary["over"][0]["scored"] == 0 and summary["mean"]["f1"] is None
    assert "own" in table(summary, 120)


def test_seqeval_agrees_and_a_wrong_figure_stops_the_summary() -> None:
    metrics = final_metrics(final_scores(GOLD, BEFORE, AFTER, {}, {}, 10, 1), SELECTION, BEFORE)
    check_with_seqeval("here", metrics, DOCUMENTS, GOLD, BEFORE)
    with pytest.raises(DizinerError, match=r"here: f1 is 0\.41, seqeval strict IOB2 says 0\.400000"):
        check_with_seqeval("here", {**metrics, "f1": 0.41}, DOCUMENTS, GOLD, BEFORE)


LOADS_SEQEVAL = """
import sys
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.results.summary import check_with_seqeval
row = Annotation("a", (Span(0, 1, "PER"),))
metrics = dict.fromkeys(("precision", "recall", "f1"), 1.0)
check_with_seqeval("a", metrics, [Document("a", ("w",), "w")], {"a": row.spans}, [row])
assert "seqeval.metrics" in sys.modules
print([name for name in ("sklearn", "sklearn.exceptions", "pandas", "scipy") if name in sys.modules])
"""


def test_seqeval_is_loaded_without_sklearn() -> None:
    """It takes the class of a warning from there; with sklearn come pandas and scipy, which take a second to load."""
    done = subprocess.run([sys.executable, "-c", LOADS_SEQEVAL], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_summary_is_sorted_and_its_mean_says_over_what() -> None:
    metrics = final_metrics(final_scores(GOLD, BEFORE, AFTER, {}, {}, 10, 1), SELECTION, BEFORE)
    summary = summarise({"b": metrics, "a": {**metrics, "f1": None}})
    assert [row["benchmark"] for row in summary["benchmarks"]] == ["a", "b"]
    assert [row["f1"] for row in summary["benchmarks"]] == [None, 0.4]
    assert summary["mean"] == {"f1": 0.4, "gain": -0.1, "agreement_first": 0.25, "agreement_last": 0.75}
    assert summary["over"] == [{"documents": 4, "scored": 1}]


def test_forecasts_need_four_benchmarks_and_say_how_often_they_held() -> None:
    metrics = {f"b{n}": {"agreement_selected": 0.1 * n, "f1": 0.1 * n} for n in range(1, 7)}
    points = {name: [Point(0, "x", own["f1"], own["f1"])] for name, own in metrics.items()}
    report = forecast_report(metrics, points)
    assert report["coverage"] == 1.0 and list(report["benchmarks"]) == sorted(metrics)
    assert report["benchmarks"]["b3"]["estimate"] == pytest.approx(0.3)
    metrics["b1"]["f1"] = metrics["b2"]["f1"] = metrics["b3"]["f1"] = None  # type: ignore[assignment]
    assert forecast_report(metrics, points) == {"level": 0.8, "coverage": None, "benchmarks": {}}
