"""The pure parts of `diff` and `gate`: a comparison worked by hand, and each rule at its limit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from metric_project import Rows, drawn, table

from diziner.common.freshness import Standing, State
from diziner.compare.comparison import Comparison, Side, compare_all, mean_change, shown_p, shown_smallest
from diziner.compare.gates import Gates, base_notes, failed, judge, out_of_sight, sight_notes
from diziner.scoring.bootstrap import holm, paired_bootstrap
from diziner.scoring.power import Design, assumed_differences, paired_differences, smallest_change, spread
from diziner.scoring.significance import randomization_p_value

GATES = Gates(max_drop=0.1, significance=0.05, max_failed_share=0.05, max_usd=1.0)
OLD, WORSE, OTHER = drawn(1, 60, 0.8), drawn(2, 60, 0.5), drawn(3, 60, 0.75)


def side(rows: Rows | None = None, **metrics: Any) -> Side:
    return Side({"failed_share": 0.0, **metrics}, None if rows is None else table(rows))


def compared(old: Side, new: Side) -> Comparison:
    [row] = compare_all({"a": old}, {"a": new})
    return row


def test_changes_are_corrected_for_those_that_changed_alone() -> None:
    old = {name: side(OLD) for name in "abcd"}
    new = {"a": side(WORSE), "b": side(OTHER), "c": side(OLD), "e": side(OLD)}
    rows = {row.benchmark: row for row in compare_all(old, new)}
    assert {name: row.verdict for name, row in rows.items()} == {
        "a": "worse", "b": rows["b"].verdict, "c": "same", "d": "gone", "e": "new",
    }  # fmt: skip
    counts = {name: table(own).counts for name, own in {"old": OLD, "a": WORSE, "b": OTHER}.items()}
    p_values = [randomization_p_value(counts[name], counts["old"], 10_000, seed=13) for name in "ab"]
    assert [rows[name].p_value for name in "ab"] == p_values
    assert (rows["a"].adjusted, rows["b"].adjusted) == holm(p_values)
    assert (rows["c"].p_value, rows["c"].adjusted, rows["d"].p_value) == (1.0, None, None)
    interval = paired_bootstrap(counts["a"], counts["old"], 2000, seed=13)
    assert (rows["a"].change, rows["a"].low, rows["a"].high) == (interval.difference, interval.low, interval.high)
    assert all(row.documents == (0 if row.verdict == "gone" else 60) for row in rows.values())
    # Two tests for those that changed; one that has not would be a third.
    for name, tests in (("a", 2), ("b", 2)):
        differences = paired_differences(counts[name], counts["old"])
        assert differences is not None and not rows[name].assumed
        assert rows[name].smallest == smallest_change(differences, 60, Design(tests=tests))
    assumed = assumed_differences(spread(counts["old"]))
    assert assumed is not None and rows["c"].assumed
    assert rows["c"].smallest == smallest_change(assumed, 60, Design(tests=3))
    assert (rows["d"].smallest, rows["e"].smallest) == (None, None)


def test_without_counts_intervals_stand_for_standard_errors() -> None:
    """Half widths of 0.03 and 0.04 make one of 0.05: a change of 0.05 is 1.96 standard errors, p 0.05."""
    old = side(f1=0.5, f1_low=0.47, f1_high=0.53)
    row = compared(old, side(f1=0.55, f1_low=0.51, f1_high=0.59))
    assert (row.old, row.new, row.exact_change, row.change) == (0.5, 0.55, Fraction(1, 20), 0.05)
    assert [row.low, row.high, row.p_value] == pytest.approx([0.0, 0.1, 0.05], abs=1e-6)
    assert not row.paired and row.note == "not paired: no counts per document for the old run"
    # A drop is found in 8 of 10 samples from 1.96 + 0.84 standard errors on.
    assert row.smallest == pytest.approx((1.959964 + 0.841621) * 0.05 / 1.959964)
    wide = compared(old, side(f1=0.55, f1_low=0.0, f1_high=1.0))
    assert wide.smallest == pytest.approx((1.959964 + 0.841621) * math.hypot(0.03, 0.5) / 1.959964)
    assert compared(old, side(f1=0.55, f1_low=-1.0, f1_high=2.0)).smallest == 1.0
    for lacking in (side(f1=0.55), side(f1=0.55, f1_low=0.5), side(f1=0.55, f1_high=0.6)):
        row = compared(old, lacking)
        assert (row.verdict, row.low, row.p_value, row.smallest) == ("no scores", None, None, None)
        assert row.note.endswith("; no interval") and row.change == 0.05


def test_pairs_are_of_the_same_documents_with_the_same_gold() -> None:
    metrics = {"f1_low": 0.4, "f1_high": 0.6, "f1": 0.5}
    gold = [(correct, predicted, total + (number == 7)) for number, (correct, predicted, total) in enumerate(OLD)]
    for new, note in (
        (Side(metrics, table(gold)), "other test documents or gold"),
        (Side(metrics, table(OLD[:-1])), "other test documents or gold"),
        (Side(metrics, table(OLD), "two"), "other test documents or gold"),
        (Side(metrics), "no counts per document"),
    ):
        row = compared(Side(metrics, table(OLD), "one"), new)
        assert (row.paired, row.note) == (False, f"not paired: {note}")
    for known in (None, "one"):
        assert compared(Side(metrics, table(OLD), "one"), Side(metrics, table(WORSE), known)).paired


def test_what_has_no_score_on_a_side_is_new_or_gone() -> None:
    none, some = side([]), side(OLD)
    verdicts = [compared(*pair).verdict for pair in ((none, none), (none, some), (some, none))]
    assert verdicts == ["no scores", "new", "gone"]
    assert compared(side(f1=None, documents=7), side(f1=None, documents=8)).documents == 8


def test_means_are_over_what_both_runs_have_scored() -> None:
    rows = [Comparison("a", 0.5, 0.7), Comparison("b", 0.25, 0.0), Comparison("c", None, 0.9), Comparison("d", 0.9)]
    assert mean_change(rows) == {"benchmarks": 2, "old": 0.375, "new": 0.35, "change": -0.025}
    assert mean_change(rows[2:]) == {"benchmarks": 0, "old": None, "new": None, "change": None}


def test_figures_are_rounded_for_people() -> None:
    assert [shown_p(value) for value in (None, 0.001, 0.00099, 0.0516, 1.0)] == [
        "-", "0.001", "<0.001", "0.052", "1.000",
    ]  # fmt: skip
    rows = [Comparison("a", smallest=s, assumed=a) for s, a in ((None, False), (0.9999, False), (1.0, True))]
    assert [shown_smallest(row) for row in rows] == ["-", "1.000", "none*"]


def judged(gates: Gates = GATES, old: dict[str, Side] | None = None, **new: Side) -> dict[str, list[str]]:
    """The rules that each benchmark fails."""
    checks = judge(gates, compare_all(old or {}, new), new, {}, 0.5)
    found: dict[str, list[str]] = {}
    for check in checks:
        if not check.passed:
            found.setdefault(check.benchmark, []).append(check.rule)
    return found


def test_every_limit_is_still_within() -> None:
    floors = Gates(max_drop=0.0, significance=0.05, max_failed_share=0.05, max_usd=1.0, floors={"a": 0.5})
    assert judged(floors, a=side(f1=0.5, failed_share=0.05)) == {}
    assert judged(floors, a=side(f1=0.499, failed_share=0.051)) == {"a": ["F1", "failed share"]}
    assert judged(floors, a=side(f1=None)) == {"a": ["F1"]}
    for usd, fails in ((None, True), (1.0, False), (1.01, True)):
        assert failed(judge(GATES, [], {"a": side()}, {}, usd)) == ["USD, all benchmarks"] * fails
    free = Gates(max_drop=0.0, significance=0.05, max_failed_share=1.0, max_usd=None)
    assert failed(judge(free, [], {"a": side()}, {}, None)) == []


def test_a_drop_fails_where_it_is_larger_than_allowed_and_no_noise() -> None:
    old = {"a": side(OLD)}
    assert judged(GATES, old, a=side(WORSE)) == {"a": ["F1 against the base"]}
    assert judged(Gates(0.9, 0.05), old, a=side(WORSE)) == {}
    assert judged(GATES, old, a=side(OTHER)) == {}
    # No interval: nobody can call it noise.
    assert judged(GATES, {"a": side(f1=0.5)}, a=side(f1=0.39)) == {"a": ["F1 against the base"]}
    assert judged(GATES, {"a": side(f1=0.5)}, a=side(f1=0.4)) == {}
    [check] = [c for c in judge(GATES, compare_all({"a": side(f1=0.5)}, {"a": side(f1=0.4)}), {"a": side()}, {}, 0.0)
               if c.rule == "F1 against the base"]  # fmt: skip
    assert check.found == "-0.100 (not paired: no counts per document for the old run; no interval)"
    assert check.allowed == "-0.1, or within noise"
    [check] = [c for c in judge(GATES, compare_all(old, {"a": side(OLD)}), {"a": side()}, {}, 0.0)
               if c.rule == "F1 against the base"]  # fmt: skip
    assert check.found == "+0.000, the same counts"


def test_faults_fail_the_benchmark_that_they_are_of_and_the_summary() -> None:
    checks = judge(GATES, [], {"a": side()}, {"b": ["one", "two"], "": ["three"]}, 0.0)
    assert failed(checks) == ["b", "summary"]
    assert [check.found for check in checks if not check.passed] == ["one", "two", "three"]


def test_what_was_never_run_passes_unless_somebody_wants_its_figure() -> None:
    def rules(state: State, gates: Gates = GATES, allow_stale: bool = False, **new: Side) -> list[tuple[str, bool]]:
        states = {"a": Standing(state), "": Standing(State.CURRENT)}
        checks = judge(gates, [], new, {"a": ["broken"]} if not new else {}, 0.0, states, allow_stale)
        return [(check.rule, check.passed) for check in checks if check.benchmark == "a"]

    wanted = Gates(0.1, 0.05, {"a": 0.5})
    assert rules(State.NOT_RUN) == [("state", True)]
    assert rules(State.NOT_RUN, wanted) == [("state", True), ("metrics", False)]
    assert rules(State.STALE) == [("state", False), ("metrics", False)]
    assert rules(State.CURRENT) == [("metrics", False)]
    assert rules(State.STALE, a=side()) == [("state", False), ("failed share", True)]
    assert rules(State.STALE, allow_stale=True, a=side()) == [("state", True), ("failed share", True)]


def test_a_benchmark_that_is_retired_may_be_gone() -> None:
    retired = Gates(0.1, 0.05, {"a": 0.5}, retired=frozenset("ab"))
    rows = compare_all({"a": side(OLD), "b": side(OLD)}, {"b": side(WORSE)})
    checks = judge(retired, rows, {"b": side(WORSE)}, {}, 0.0)
    assert {check.benchmark for check in checks} == {"b"} and failed(checks) == ["b"]


def test_drops_that_documents_do_not_show_are_told() -> None:
    rows = [Comparison(name, smallest=s, documents=60) for name, s in (("a", 0.1), ("b", 0.1000004), ("c", 0.2))]
    rows += [Comparison("d"), Comparison("e", smallest=1.0, documents=4)]
    assert [row.benchmark for row in out_of_sight(GATES, rows)] == ["c", "e"]
    [note] = sight_notes(GATES, rows)
    assert "max_drop of 0.1 in 2 of 4 benchmarks" in note and "c 0.200 of n 60, e none of n 4" in note
    assert "`diziner plan --detect 0.1`" in note
    assert sight_notes(GATES, rows[:2]) == []
    many = [Comparison(f"b{number}", smallest=0.5) for number in range(6)]
    assert ", b3 0.500 of n 0, and 2 more;" in sight_notes(GATES, many)[0]
    assert ", b3 0.500 of n 0;" in sight_notes(GATES, many[:4])[0]
    assert sight_notes(Gates(0.0, 0.05), many[:1])[0].endswith("are b0 0.500 of n 0")


def test_a_base_that_nothing_can_fall_below_is_told() -> None:
    new = [Comparison(f"b{number}", verdict="new") for number in range(6)]
    same = Comparison("s", change=0.0, verdict="same")
    moved = Comparison("m", change=0.1, verdict="better")
    assert "b0, b1, b2, b3 and 2 more, so" in base_notes("main", new)[0]
    assert "b0, b1, b2, b3, so" in base_notes("main", new[:4])[0]
    assert [len(base_notes(*each)) for each in (("HEAD", [same]), ("main", [same]), ("HEAD", [same, moved]))] == [
        1,
        0,
        0,
    ]
    assert base_notes("HEAD", []) == []
