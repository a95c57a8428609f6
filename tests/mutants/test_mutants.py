"""Mutation testing itself: what is changed, what is drawn, which tests are asked, what is counted."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from mutants.__main__ import Verdict, counts, covering, drawn, known_reasons, reason_for, report
from mutants.copies import ROOT
from mutants.lines import NOTE, Notes
from mutants.sites import Mutant, mutants_of

SOURCE = '''"""Docstring 1."""
from dataclasses import dataclass

LIMIT: int = 3

@dataclass(frozen=True)
class Box:
    """Docstring 2."""

    size: int = 0

    def fits(self, é: list[int]) -> bool:
        if not é:
            raise ValueError(f"{1 + 1} is too few")
        assert len(é) < 9
        for one, two in zip(é, é, strict=True):
            if one == two and (
                one in é
            ):
                continue
        return self.size <= len(é) * 2
'''


def test_places_are_changed_one_at_a_time_and_what_no_test_can_see_is_left_alone() -> None:
    made = mutants_of("diziner/room/box.py", SOURCE)
    assert [(m.line, m.function, m.text, m.instead) for m in made] == [
        (4, "", "3", "4"),
        (10, "Box", "0", "1"),
        (13, "Box.fits", "not é", "(é)"),
        (17, "Box.fits", "one == two", "(one != two)"),
        (17, "Box.fits", "one == two and (\n                one in é\n            )", "(one == two or one in é)"),
        (18, "Box.fits", "one in é", "(one not in é)"),
        (20, "Box.fits", "continue", "break"),
        (21, "Box.fits", "self.size <= len(é) * 2", "(self.size < len(é) * 2)"),
        (21, "Box.fits", "len(é) * 2", "(len(é) // 2)"),
        (21, "Box.fits", "2", "3"),
    ]
    for mutant in made:
        changed = mutant.applied(SOURCE)
        ast.parse(changed)
        assert changed != SOURCE and mutant.room == "room"
    assert len({mutant.applied(SOURCE) for mutant in made}) == len(made)


def test_a_draw_is_the_same_again_and_a_larger_one_holds_it() -> None:
    few, more, other = drawn(40, 1), drawn(80, 1), drawn(40, 2)
    assert len(few) == 40 and few == drawn(40, 1) == sorted(few)
    assert set(few) < set(more) and len(set(few) & set(other)) < 10


def test_statements_are_noted_before_they_run_with_the_lines_of_their_heads() -> None:
    seen: list[tuple[int, int, bool]] = []
    tree = Notes("box.py").visit(ast.parse(SOURCE))
    space: dict[str, Any] = {NOTE: lambda path, *lines: seen.append(lines), "__name__": __name__}
    exec(compile(tree, "box.py", "exec"), space)
    assert seen == [(2, 2, False), (4, 4, False), (7, 7, False), (10, 10, False), (12, 12, False)]
    seen.clear()
    assert space["Box"]().fits([1])
    assert seen == [
        (13, 13, True), (15, 15, True), (16, 16, True), (17, 19, True), (20, 20, True), (21, 21, True),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="2 is too few"):
        space["Box"]().fits([])


def test_tests_that_run_the_line_are_asked_shortest_first_all_for_a_line_of_an_import() -> None:
    inside, at_import = (m for m in mutants_of("diziner/room/box.py", SOURCE) if m.line in (4, 13))
    inside, at_import = sorted((inside, at_import), key=lambda m: -m.line)
    path = "diziner/room/box.py"
    ran = {
        "": {"seconds": 0.0, "lines": {path: [4, 7]}},
        "long": {"seconds": 2.0, "lines": {path: [13]}},
        "short": {"seconds": 1.0, "lines": {path: [13, 15]}},
        "other": {"seconds": 0.5, "lines": {path: [15]}},
    }
    assert covering(inside, ran) == ["short", "long"]
    assert covering(at_import, ran) == ["other", "short", "long"]


def test_a_run_fails_below_its_share_or_with_a_survivor_that_has_no_reason(capsys: pytest.CaptureFixture[str]) -> None:
    mutants = mutants_of("diziner/room/box.py", SOURCE)

    def found(killed: int, reason: str) -> list[Verdict]:
        return [Verdict(m, "failed" if n < killed else "", 1, reason) for n, m in enumerate(mutants)]

    assert [report("a", found(killed, "equal"), 0.9) for killed in (10, 9, 8)] == [0, 0, 1]
    assert report("a", found(9, ""), 0.9) == 1
    said = capsys.readouterr().out
    assert "listed, yet killed" in said and "room: 9 of 10 killed (90.0%), 1 alive, 0 listed" in said
    assert counts([Verdict(mutants[0], "out of time", 1)]) == "1 of 1 killed (100.0%, 1 out of time), 0 alive, 0 listed"


def test_every_reason_is_of_a_mutant_that_there_is() -> None:
    entries = known_reasons()
    paths = {entry["path"] for entry in entries}
    there = [m for path in paths for m in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))]
    for entry in entries:
        assert any(reason_for(mutant, [entry]) for mutant in there), entry
        assert len(entry["reason"]) > 10


def test_a_reason_with_a_line_is_of_no_other_line() -> None:
    two = Mutant("diziner/a/b.py", 0, 1, 7, "constant", "f", "1", "2", "return x[1]")
    entry = {"path": "diziner/a/b.py", "function": "f", "text": "1", "instead": "2", "reason": "equal"}
    assert reason_for(two, [entry]) == reason_for(two, [{**entry, "line": "return x[1]"}]) == "equal"
    assert reason_for(two, [{**entry, "line": "return x[:1]"}]) == reason_for(two, [{**entry, "function": "g"}]) == ""


def test_a_mutant_is_printed_on_one_line() -> None:
    mutant = Mutant("diziner/a/b.py", 0, 3, 7, "not", "", "not\n  x", "(x)")
    assert str(mutant) == "diziner/a/b.py:7 (module): not x  ->  (x)"
