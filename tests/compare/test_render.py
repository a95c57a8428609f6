"""Comparisons and checks as text: tables that fit, long changes cut, what is plain counted."""

from __future__ import annotations

from diziner.common.freshness import Standing, State
from diziner.compare.comparison import Comparison
from diziner.compare.gates import Check
from diziner.compare.render import (
    checks_json,
    checks_markdown,
    checks_text,
    comparison_json,
    comparison_markdown,
    comparison_text,
)
from diziner.compare.whatchanged import Changes

ROWS = [
    Comparison("ab", 0.5, 0.6, 40, 0.1, None, 0.05, 0.15, 0.01, 0.02, 0.08, True, True, "", "better"),
    Comparison("c", 0.5, 0.5, 30, 0.0, None, 0.0, 0.0, 1.0, None, None, False, True, "", "same"),
    Comparison("d", None, 0.25, 0, verdict="new", note="not paired: x"),
    Comparison("e", 0.5, 0.4, 9, -0.1, verdict="no scores"),
]


def shown(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_comparison_is_a_row() -> None:
    lines = comparison_text("old", "new", ROWS, Changes()).splitlines()
    assert lines[0] == "old -> new"
    assert [line.split() for line in lines[3:7]] == [
        ["ab", "40", "0.500", "0.600", "+0.100", "[+0.050,", "+0.150]", "0.020", "0.080*", "better"],
        ["c", "30", "0.500", "0.500", "+0.000", "-", "-", "same"],
        ["d", "-", "-", "0.250", "-", "-", "-", "new", "(not", "paired:", "x)"],
        ["e", "9", "0.500", "0.400", "-0.100", "-", "-", "no", "scores"],
    ]
    assert lines[7].split() == ["mean", "of", "3", "0.500", "0.500", "+0.000"]
    assert "mean of" not in comparison_text("old", "new", ROWS[1:3], Changes())
    assert comparison_text("a", "b", [], Changes()) == "a -> b\nno metrics in either\n"
    assert comparison_text("a", "b", [], Changes(), told=["Told."]).endswith("either\nTold.\n")
    found = comparison_json("old", "new", ROWS, Changes(code=("x",)))
    assert found["benchmarks"][0]["smallest"] == 0.08 and "exact_change" not in found["benchmarks"][0]
    assert found["mean"]["benchmarks"] == 3 and found["changes"]["code"] == ["x"]


def test_states_have_a_column_where_one_is_not_current() -> None:
    stale = {"ab": Standing(State.STALE), "c": Standing(State.CURRENT)}
    head, _, *rows = shown(comparison_text("a", "b", ROWS, Changes(), stale))[1:8]
    assert head[:3] == ["benchmark", "state", "n"]
    assert [row[:2] for row in rows] == [["ab", "stale"], ["c", "current"], ["d", "-"], ["e", "9"], ["mean", "of"]]
    assert "| ab | stale | 40 |" in comparison_markdown("a", "b", ROWS, Changes(), stale)
    for states in ({}, {"ab": Standing(State.CURRENT)}, None):
        assert shown(comparison_text("a", "b", ROWS, Changes(), states))[1][:2] == ["benchmark", "n"]


def test_markdown_has_a_row_of_dashes_as_wide_as_its_head() -> None:
    head, dashes, row = comparison_markdown("a", "b", ROWS[:1], Changes()).splitlines()[2:5]
    assert head.count("|") == dashes.count("|") == row.count("|") == 9
    assert set(dashes) == set("| -")


def test_twenty_changes_of_a_kind_are_shown_and_the_rest_counted() -> None:
    def lines(count: int) -> list[str]:
        text = comparison_text("a", "b", [], Changes(data=tuple(f"x{number}" for number in range(count))))
        return text.partition("\ndata\n")[2].split("\n")[:-1]

    assert lines(20) == [f"  x{number}" for number in range(20)]
    assert lines(22) == [*(f"  x{number}" for number in range(20)), "  and 2 more (--json has all)"]


def change(line: str) -> str:
    return comparison_text("a", "b", [], Changes(settings=(line,))).partition("\nsettings\n  ")[2].rstrip("\n")


def test_a_change_is_cut_at_160_characters_two_texts_where_they_begin_to_differ() -> None:
    assert change("+ " + "x" * 158) == "+ " + "x" * 158
    assert change("+ " + "x" * 159) == "+ " + "x" * 157 + "…"
    same, old, new = "s" * 100, "o" * 90, "n" * 90
    assert change(f'~ key: "{same}{old}" -> "{same}{new}"') == (
        f'~ key: "…{"s" * 20}{"o" * 50}…" -> "…{"s" * 20}{"n" * 50}…"'
    )
    whole = f'~ key: "{"s" * 72}" -> "{"s" * 73}"'
    assert len(whole) == 160 and change(whole) == whole
    assert change(f'~ {"k" * 120}: "{old}" -> "{new}"') == f'~ {"k" * 120}: "{"o" * 19}…" -> "{"n" * 8}…'
    # Room that a short text leaves is the other's.
    assert change(f'~ key: "{same}{old}" -> "{same}n"') == f'~ key: "…{"s" * 20}{old}" -> "…{"s" * 20}n"'
    assert change(f'~ key: "{"o" * 200}" -> "nn"') == f'~ key: "{"o" * 142}…" -> "nn"'
    assert change(f'~ {"k" * 150}: "{old}" -> "{new}"') == f'~ {"k" * 150}: "{"o" * 4}…'


CHECKS = [
    Check("a", "F1", "0.500", "at least 0.4", True),
    Check("b", "F1", "0.300", "at least 0.4", False),
    *(Check(name, "failed share", "0.070", "at most 0.05", False) for name in "cdefg"),
    Check("h", "state", "stale", "current, or stale", True),
    Check("", "USD, all benchmarks", "2.0000", "at most 1", False),
]


def test_checks_that_failed_come_first_alike_ones_together_and_others_are_counted() -> None:
    text = checks_text("main", CHECKS, "failed: 7", ["A note."])
    head, _, *rows, counts, note, summary = text.splitlines()[1:]
    assert text.startswith("gate against main\n") and head.split() == ["benchmark", "rule", "found", "allowed"]
    assert [" ".join(row.split()) for row in rows] == [
        "FAIL b F1 0.300 at least 0.4",
        "FAIL c, d, e and 2 more failed share 0.070 at most 0.05",
        "FAIL all USD, all benchmarks 2.0000 at most 1",
        "ok h state stale current, or stale",
    ]
    assert (counts, note, summary) == ("1 check passed: 1 F1", "A note.", "failed: 7")
    everything = checks_text("main", CHECKS, "failed: 7", everything=True)
    assert len(everything.splitlines()) == 3 + len(CHECKS) + 1 and "passed:" not in everything
    assert checks_text("main", CHECKS[:1], "ok") == "gate against main\n1 check passed: 1 F1\nok\n"
    markdown = checks_markdown("main", CHECKS, "failed", ["A note."])
    assert "| FAIL | b | F1 |" in markdown and "<summary>1 check passed: 1 F1</summary>" in markdown
    assert "<details>" not in checks_markdown("main", CHECKS, "failed", everything=True)
    found = checks_json("main", CHECKS, ROWS)
    assert not found["passed"] and checks_json("main", CHECKS[:1], [])["passed"]
    assert found["smallest_seen"] == {"ab": 0.08, "c": None, "d": None, "e": None}


def test_checks_too_wide_for_the_screen_are_paragraphs() -> None:
    long = [Check("some_benchmark", "F1 against the base", "-0.100, p 0.001, worse", "-0.02, or within noise", False)]
    for width in (40, 24, 20, 12):
        text = checks_text("main", long, "x", width=width)
        lines = text.splitlines()
        assert lines[1] == "FAIL  some_benchmark  F1 against the base"
        assert max(map(len, lines[2:-1])) <= max(20, width)
        assert " ".join(" ".join(lines[2:-1]).split()) == ("-0.100, p 0.001, worse (allowed: -0.02, or within noise)")
        assert all(line.startswith("      ") for line in lines[2:-1])
    assert "allowed" in checks_text("main", long, "x", width=110).splitlines()[1]
