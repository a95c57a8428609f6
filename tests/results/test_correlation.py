"""Does agreement predict F1? Correlations, their intervals by resampling documents, and their mean."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_project import MetricProject, drawn
from numpy.typing import NDArray
from projects import ROOT
from viewer_rooms import make_room

from diziner.cli import main
from diziner.common.files import check, write_json
from diziner.common.yamlfile import read_yaml
from diziner.layout import CORRELATION, PUBLISHED
from diziner.records.annotations import Annotation, Failure, Span
from diziner.results import correlation, correlation_intervals
from diziner.results.correlation import CORRELATIONS, correlations, mean_over_benchmarks, places_of
from diziner.results.correlation_intervals import documents_by_rounds, estimates, resampled_correlations
from diziner.results.correlation_report import correlation_report, headline, published_mean
from diziner.results.final_scores import points_of
from diziner.results.pilot_counts import RoundCounts, count_round
from diziner.results.summary_table import correlation_table
from diziner.results.validity import Point
from diziner.scoring.resampling import Draws
from diziner.scoring.strict import strict_span_scores

stats = pytest.importorskip("scipy.stats")  # comes with scikit-learn

Ints = NDArray[np.int64]
share = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
clouds = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), share, share), min_size=1, max_size=16, unique_by=lambda p: p[:2]
)


def points_from(cloud: list[tuple[int, int, float, float]]) -> list[Point]:
    return [Point(number, f"a{name}", x, y) for number, name, x, y in cloud]


def plain_within(xs: list[float], ys: list[float], groups: list[object]) -> float | None:
    """Pearson's r of deviations from group means, by numpy and scipy."""
    if len(xs) - len(set(groups)) < 3:
        return None
    less = []
    for values in (xs, ys):
        exact = [Fraction(str(value)) for value in values]
        means = {g: Fraction(sum(v for v, own in zip(exact, groups, strict=True) if own == g), groups.count(g))
                 for g in groups}  # fmt: skip
        less.append([float(v - means[g]) for v, g in zip(exact, groups, strict=True)])
    if not any(less[0]) or not any(less[1]):
        return None
    return float(stats.pearsonr(*less)[0])


@given(clouds)
def test_correlations_are_those_of_scipy(cloud: list[tuple[int, int, float, float]]) -> None:
    found = correlations(points_from(cloud))
    xs, ys = [p[2] for p in cloud], [p[3] for p in cloud]
    for name, groups in (("within_round", [p[0] for p in cloud]), ("within_annotator", [p[1] for p in cloud])):
        assert found[name] == pytest.approx(plain_within(xs, ys, list(groups)), abs=1e-7)
    if len(cloud) < 4 or len(set(xs)) == 1 or len(set(ys)) == 1:
        assert found["pearson"] is found["spearman"] is None
    else:
        assert found["pearson"] == pytest.approx(stats.pearsonr(xs, ys)[0], abs=1e-9)
        assert found["spearman"] == pytest.approx(stats.spearmanr(xs, ys)[0], abs=1e-9)


def test_correlations_worked_by_hand() -> None:
    """Each annotator falls where its agreement rises, but who agrees more is better: groups turn the sign."""
    cloud = [
        Point(0, "a", 0.1, 0.2), Point(1, "a", 0.2, 0.1), Point(2, "a", 0.3, 0.0),
        Point(0, "b", 0.6, 0.9), Point(1, "b", 0.7, 0.8), Point(2, "b", 0.8, 0.7),
    ]  # fmt: skip
    found = correlations(cloud)
    assert found["within_annotator"] == -1.0
    # In every round b is 0.5 above a in agreement and 0.7 above it in F1.
    assert found["within_round"] == 1.0
    # Annotator a agrees least, and three points are left.
    assert found["without_lowest"] is None
    # Sums of squares 0.415 and 0.775, of products 0.485: between annotators 0.525, within them -0.04.
    assert found["pearson"] == pytest.approx(0.485 / (0.415 * 0.775) ** 0.5)
    # Ranks 1 2 3 4 5 6 and 3 2 1 6 5 4: 1 - 6 * 16 / 210.
    assert found["spearman"] == pytest.approx(1 - 6 * 16 / 210)
    assert correlations(cloud[:3])["pearson"] is None
    assert correlations([Point(0, str(n), 0.5, n / 10) for n in range(6)])["pearson"] is None
    assert correlations([]) == dict.fromkeys(CORRELATIONS)


def test_one_annotator_far_below_the_others_is_told_apart() -> None:
    """Three good ones without any relation, and one that is bad at everything: the line is all its doing."""
    cloud = [
        Point(0, name, x, y) for name, x, y in [("a", 0.7, 0.7), ("b", 0.8, 0.8), ("c", 0.7, 0.8), ("d", 0.8, 0.7)]
    ]
    low = [Point(0, "low", 0.1, 0.1)]
    found = correlations([*cloud, *low])
    assert found["pearson"] is not None and found["pearson"] > 0.95
    assert found["without_lowest"] == 0.0
    # By its mean over its rounds, of equals the first by name; it leaves with all its points.
    rounds = [*cloud, *[Point(1, p.annotator, p.agreement, p.f1) for p in cloud], Point(0, "low", 0.75, 0.1)]
    assert places_of(rounds, CORRELATIONS["without_lowest"]) == [1, 2, 3, 5, 6, 7, 8]
    rounds.append(Point(1, "low", 0.6, 0.1))
    assert places_of(rounds, CORRELATIONS["without_lowest"]) == list(range(8))


@given(clouds)
def test_a_row_of_resamples_has_the_correlations_of_its_points(cloud: list[tuple[int, int, float, float]]) -> None:
    points = points_from(cloud)
    x, y = (np.array([[p[part] for p in cloud]] * 2) for part in (2, 3))
    expected = correlations(points)
    for name, values in resampled_correlations(x, y, points).items():
        own = expected[name]
        assert values == pytest.approx([np.nan if own is None else own] * 2, abs=1e-9, nan_ok=True)


def test_whole_numbers_of_large_pools_do_not_overflow() -> None:
    """Groups of 16, 15, … 5 annotators: the least common multiple of their sizes alone is 720,720."""
    generator = np.random.default_rng(1)
    points = [Point(r, f"a{n}", *generator.random(2).round(6).tolist()) for r in range(12) for n in range(16 - r)]
    x, y = (np.array([[getattr(p, part) for p in points]]) for part in ("agreement", "f1"))
    found = resampled_correlations(x, y, points)
    for name, value in correlations(points).items():
        assert found[name][0] == pytest.approx(value, abs=1e-9)


def plainly_measured(
    gold: dict[str, tuple[Span, ...]], rows: dict[str, list[Annotation]], times: dict[str, int]
) -> dict[str, tuple[float, float]]:
    """Agreement and F1 by annotator over documents that were written down as often as they count."""
    copies = [(f"{id_}/{n}", id_) for id_, often in times.items() for n in range(often)]
    answers = {name: {row.id: row for row in own} for name, own in rows.items()}
    found = {}
    for name, own in answers.items():
        pairs = []
        for other in answers.keys() - {name}:
            both = [c for c in copies if own[c[1]].failure is None and answers[other][c[1]].failure is None]
            one, two = ({copy: by[id_].spans for copy, id_ in both} for by in (own, answers[other]))
            pairs.append(strict_span_scores(one, two).micro.f1)
        scored = [(copy, id_) for copy, id_ in copies if id_ in gold]
        f1 = strict_span_scores({c: gold[i] for c, i in scored}, {c: own[i].spans for c, i in scored}).micro.f1
        found[name] = (sum(pairs) / len(pairs), f1)
    return found


SPANS = st.lists(st.sampled_from([Span(0, 1, "A"), Span(1, 3, "A"), Span(3, 4, "B")]), max_size=3, unique=True)


@settings(max_examples=40)
@given(st.data())
def test_drawn_documents_count_as_often_as_they_are_drawn(data: st.DataObject) -> None:
    ids = [f"d{n}" for n in range(data.draw(st.integers(1, 4)))]
    rows = {
        name: [
            Annotation(id_, failure=Failure("refused", "no"))
            if data.draw(st.integers(0, 5)) == 0
            else Annotation(id_, tuple(sorted(data.draw(SPANS))))
            for id_ in ids
        ]
        for name in ("x", "y", "z")
    }
    gold = {id_: tuple(data.draw(SPANS)) for id_ in ids if data.draw(st.integers(0, 5))}
    times = [data.draw(st.integers(0, 3)) for _ in ids]
    counts = count_round(0, gold, rows)
    agreement, f1 = counts.measured(np.array([times]))
    drawn_ids = [id_ for id_, often in zip(ids, times, strict=True) if often]
    failed = {name: {row.id for row in own if row.failure} for name, own in rows.items()}
    apart = {
        name
        for pair in itertools.combinations(rows, 2)
        if all(id_ in failed[pair[0]] | failed[pair[1]] for id_ in drawn_ids)
        for name in pair
    }
    for place, name in enumerate(counts.annotators):
        assert np.isnan(agreement[0, place]) == (name in apart)
        assert np.isnan(f1[0, place]) == (not gold.keys() & set(drawn_ids))
        if name not in apart and gold.keys() & set(drawn_ids):
            expected = plainly_measured(gold, rows, dict(zip(ids, times, strict=True)))[name]
            assert (agreement[0, place], f1[0, place]) == pytest.approx(expected)


def made_room() -> tuple[list[Point], list[RoundCounts]]:
    files, _ = make_room("made-up", annotators=4, rounds=2, documents=12)
    assert files.scores is not None
    means = {part.number: part.agreement["mean"] for part in files.rounds}
    points = points_of(means, {int(number): own for number, own in files.scores["pilot"].items()})
    return points, [count_round(part.number, files.gold, part.annotations) for part in files.rounds]


def test_all_documents_once_give_the_agreement_and_f1_of_the_round() -> None:
    points, counts = made_room()
    assert len(points) == 8
    for part in counts:
        agreement, f1 = part.measured(np.ones((1, len(part.ids)), np.int64))
        own = [point for point in points if point.round == part.number]
        assert agreement[0] == pytest.approx([point.agreement for point in own], abs=1e-8)
        assert f1[0] == pytest.approx([point.f1 for point in own], abs=1e-6)


def test_resampling_is_the_same_in_any_blocks_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    points, counts = made_room()
    expected = estimates(points, counts, 100, 13)
    assert estimates(points, counts[::-1], 100, 13) == expected
    monkeypatch.setattr(correlation_intervals, "_CELLS_AT_ONCE", 500)
    assert estimates(points, counts, 100, 13) == expected
    assert estimates(points, counts, 100, 14) != expected
    for own in expected.values():
        assert own["low"] <= own["value"] <= own["high"]


def test_documents_that_rounds_share_are_drawn_for_them_at_once() -> None:
    def counts(number: int, *ids: str) -> RoundCounts:
        return count_round(number, {}, {"x": [Annotation(id_) for id_ in ids]})

    assert documents_by_rounds([counts(1, "b", "a"), counts(0, "a", "b")]) == [((0, 1), ("a", "b"))]
    assert documents_by_rounds([counts(0, "a"), counts(1, "b")]) == [((0,), ("a",)), ((1,), ("b",))]
    assert documents_by_rounds([counts(0, "a", "b"), counts(1, "b", "c")]) == [
        ((0,), ("a",)), ((0, 1), ("b",)), ((1,), ("c",)),
    ]  # fmt: skip


def test_resamples_without_a_correlation_are_counted_and_left_out() -> None:
    """Two documents; on the second all four annotators say the same, so a resample of it alone has no variance."""
    first = [Span(0, 1, "A"), Span(1, 2, "A"), Span(2, 3, "A"), Span(3, 4, "A")]
    gold = {"a": tuple(first), "b": (Span(0, 1, "A"),)}
    rows = {
        f"x{n}": [Annotation("a", tuple(first[: n + 1])), Annotation("b", (Span(0, 1, "A"),))] for n in range(4)
    }  # fmt: skip
    counts = count_round(0, gold, rows)
    agreement, f1 = counts.measured(np.array([[1, 1]]))
    points = [Point(0, name, float(agreement[0, n]), float(f1[0, n])) for n, name in enumerate(counts.annotators)]
    found = estimates(points, [counts], 400, 3)
    drawn = Draws(3).below(2, (400, 2))
    alone = int((drawn == 1).all(axis=1).sum())
    assert 70 <= alone <= 130
    assert found["pearson"]["undefined"] == alone and found["pearson"]["low"] is not None
    assert found["within_annotator"] == {"value": None, "low": None, "high": None, "undefined": 0}


def test_too_few_resamples_with_a_value_give_no_interval() -> None:
    """Gold is on document a alone, and c is the only one that x0 shares: both are drawn in 41 % of resamples of 12."""
    spans = [Span(0, 1, "A"), Span(1, 2, "A"), Span(2, 3, "A"), Span(3, 4, "A")]
    failed = Failure("refused", "no")
    others = [f"d{n}" for n in range(10)]
    rows = {
        f"x{n}": [
            Annotation("a", failure=failed) if n == 0 else Annotation("a", tuple(spans[: n + 1])),
            Annotation("c", tuple(spans[: n + 1])),
            *(Annotation(id_, failure=failed if n == 0 else None) for id_ in others),
        ]
        for n in range(4)
    }
    counts = count_round(0, {"a": tuple(spans)}, rows)
    agreement, f1 = counts.measured(np.ones((1, 12), np.int64))
    points = [Point(0, name, float(agreement[0, n]), float(f1[0, n])) for n, name in enumerate(counts.annotators)]
    found = estimates(points, [counts], 400, 3)["pearson"]
    assert found["value"] is not None and found["low"] is found["high"] is None
    assert 200 < found["undefined"] < 280


def annotators_at_work(generator: np.random.Generator, documents: int) -> RoundCounts:
    """Six annotators of rising skill on documents of two or three mentions, of which some are hard for all."""
    skill = np.linspace(-0.5, 1.5, 6)
    mentions = generator.integers(2, 4, documents)
    hard = generator.normal(0, 1, (documents, 3)) + generator.normal(0, 0.7, (documents, 1))
    there = np.arange(3) < mentions[:, None]
    right = (generator.random((documents, 6, 3)) < 1 / (1 + np.exp(hard[:, None] - skill[:, None]))) & there[:, None]
    wrong = generator.random((documents, 6, 2)) < 1 / (1 + np.exp(1 + 0.7 * skill[:, None]))
    found = np.concatenate([right, wrong], axis=2).astype(np.int64)
    size = found.sum(axis=2)
    pairs = [
        np.stack([(found[:, a] * found[:, b]).sum(axis=1), size[:, a] + size[:, b], np.ones(documents, int)], axis=1)
        for a, b in itertools.combinations(range(6), 2)
    ]
    gold = np.repeat(mentions[:, None], 6, axis=1)
    scores = np.stack([right.sum(axis=2), size, gold], axis=2).astype(np.int64)
    ids = tuple(f"d{n:05}" for n in range(documents))
    return RoundCounts(0, ids, tuple("abcdef"), np.stack(pairs, axis=1), scores, np.ones(documents, np.int64))


def points_at(counts: RoundCounts) -> list[Point]:
    agreement, f1 = counts.measured(np.ones((1, len(counts.ids)), np.int64))
    return [Point(0, name, float(agreement[0, n]), float(f1[0, n])) for n, name in enumerate(counts.annotators)]


def test_intervals_hold_the_correlation_of_as_many_other_documents() -> None:
    """95 % are asked for; the percentiles of a correlation hold more, as resamples are noisier than the sample."""
    generator = np.random.default_rng(5)
    others = [correlations(points_at(annotators_at_work(generator, 25))) for _ in range(400)]
    expected = {
        kind: np.mean([own[kind] for own in others if own[kind] is not None]) for kind in ("pearson", "spearman")
    }
    held: dict[str, list[bool]] = {kind: [] for kind in expected}
    width: dict[int, list[float]] = {25: [], 100: []}
    for _ in range(120):
        counts = annotators_at_work(generator, 25)
        found = estimates(points_at(counts), [counts], 200, 1)
        for kind, value in expected.items():
            held[kind].append(found[kind]["low"] <= value <= found[kind]["high"])
        width[25].append(found["pearson"]["high"] - found["pearson"]["low"])
    for own in held.values():
        assert np.mean(own) >= 0.92
    for _ in range(20):
        counts = annotators_at_work(generator, 100)
        found = estimates(points_at(counts), [counts], 200, 1)
        width[100].append(found["pearson"]["high"] - found["pearson"]["low"])
    # Not by being as wide as all there is: four times the documents, about half the width.
    assert np.mean(width[25]) < 1.0 and np.mean(width[100]) < 0.7 * np.mean(width[25])


def test_the_mean_over_benchmarks_has_student_s_interval() -> None:
    expected = stats.t.ppf(0.975, np.arange(1, 31))
    assert list(correlation._T) == pytest.approx(expected, abs=1e-6)
    values = {"a": 0.5, "b": None, "c": 0.7, "d": 0.9}
    found = mean_over_benchmarks(values)
    assert found is not None and found.value == pytest.approx(0.7) and found.benchmarks == 3
    assert (found.low, found.high) == pytest.approx((0.7 - 4.302653 * 0.2 / 3**0.5, 1.0))
    alone = mean_over_benchmarks({"a": 0.5, "b": None})
    assert alone is not None and (alone.value, alone.low, alone.high, alone.benchmarks) == (0.5, None, None, 1)
    assert mean_over_benchmarks({"a": None}) is None
    generator = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        own = mean_over_benchmarks(dict(zip("abcdefgh", generator.uniform(0.2, 0.9, 8).round(6).tolist(), strict=True)))
        assert own is not None and own.low is not None and own.high is not None
        inside += own.low <= 0.55 <= own.high
    assert 0.92 <= inside / 400 <= 0.98


def report_of(**pearson: float | None) -> dict[str, Any]:
    estimate = {"low": None, "high": None, "undefined": 0}
    return correlation_report(
        {
            name: {
                "points": 6,
                "resamples": 10,
                "correlations": {kind: {"value": value, **estimate} for kind in CORRELATIONS},
            }
            for name, value in pearson.items()
        }
    )


def test_the_paper_s_values_stand_beside_those_of_the_same_benchmarks() -> None:
    published = read_yaml(ROOT / PUBLISHED, "published")
    printed = published["correlations"]["pearson"]
    assert published["correlations"]["source"] in published["sources"]
    assert printed.keys() == {path.parent.name for path in ROOT.glob("data/*/benchmark.yaml")}
    everything = published_mean(report_of(**dict.fromkeys(printed, 0.5)), published)
    assert everything is not None and (round(everything.value, 3), everything.benchmarks) == (0.675, 18)
    report = report_of(fabner=0.2, conll2003=0.4, letters=0.6, genia=None)
    check(report, "correlation", "here")
    text = headline(report, published)
    assert text.startswith(
        "Does agreement predict F1? Pearson's r 0.400 [-0.097, 0.897], mean over 3 benchmarks (paper, 2 of them: 0.455)"
    )
    table = correlation_table(report, published, 500)
    lines = {line.split("  ")[0]: line for line in table.splitlines()}
    assert lines["genia"].split()[2:5] == ["not", "defined", "-"] and lines["letters"].split()[3] == "-"
    assert lines["fabner"].split()[2:4] == ["0.200", "0.071"] and "0.455" in lines["mean"]
    assert "arXiv 2604.15866v1" in table
    assert "paper" not in correlation_table(report, None, 500) and "paper" not in headline(report, None)
    assert "Not defined" in headline(report_of(genia=None), published)
    assert "0.200, on fabner (paper: 0.071)" in headline(report_of(fabner=0.2, genia=None), published)


def test_the_command_answers_in_a_line_and_by_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    MetricProject(tmp_path).score("conll2003", drawn(1, 20))

    def said(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["diziner", "summary", *words])
        main()
        return capsys.readouterr().out

    assert "predict" not in said(), "a run of an earlier version has no such file"
    report = report_of(conll2003=0.25)
    write_json(tmp_path / CORRELATION, report)
    line = " ".join(said().split())
    assert "r 0.250, on conll2003; without the annotator that agrees least 0.250; within rounds 0.250" in line
    assert "paper" not in said("--correlation")
    (tmp_path / PUBLISHED).write_bytes((ROOT / PUBLISHED).read_bytes())
    assert "(paper: 0.839)" in said() and "Published values" not in said()
    assert "Spearman [95 %]" in said("--correlation") and "Spearman" not in said()
    assert json.loads(said("--json"))["correlation"] == report
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, said("--correlation").splitlines())) <= 50
