"""Receipts held against what the lines of a round rest on: a line's own patterns, and lines that waited."""

from __future__ import annotations

from dataclasses import replace

import pytest
from projects import ROOT

from diziner.guideline.file import load_guideline
from diziner.guideline.receipts import Causes, RoundEvidence, receipt_problems
from diziner.records.guideline import Guideline, Instruction, Receipt

EVIDENCE = {0: RoundEvidence({"a:0-1": "a", "b:0-1": "b"}, {"a", "b"}), 1: RoundEvidence({"c:0-1": "c"}, {"c"})}
OWN = {"C1.1": Causes(("P1",), {"a:0-1"}, {"a"})}


def guideline(number: int, receipt: Receipt, name: str = "C1.1") -> Guideline:
    plain = load_guideline(ROOT / "data/conll2003/guideline.yaml")
    return replace(plain, round=number, common=(Instruction(name, "A line.", receipt=receipt),))


def problems(made: Guideline, waited: tuple[str, ...] = ()) -> list[str]:
    before = replace(made, round=made.round - 1, common=())
    return receipt_problems(made, before, EVIDENCE, {"key"}, causes=OWN, waited=waited)


def test_a_receipt_of_its_own_patterns_holds() -> None:
    assert problems(guideline(1, Receipt(1, "new", ("a:0-1",), ("a",), ("key",)))) == []


@pytest.mark.parametrize(
    ("hotspots", "documents", "said"),
    [
        (("a:0-1", "b:0-1"), ("a", "b"), "hotspot b:0-1 is of none of the patterns that it settles (P1)"),
        (("a:0-1",), ("a", "b"), "document b is of none of the patterns that it settles (P1)"),
    ],
)
def test_a_receipt_that_names_anothers_evidence_does_not(
    hotspots: tuple[str, ...], documents: tuple[str, ...], said: str
) -> None:
    found = problems(guideline(1, Receipt(1, "new", hotspots, documents, ("key",))))
    assert f"C1.1: {said}" in found


def test_a_line_that_waited_keeps_the_receipt_of_its_round() -> None:
    late = guideline(2, Receipt(1, "new", ("a:0-1",), ("a",), ("key",)), "C2.1")
    assert problems(late, waited=("A line.",)) == []
    assert problems(late) == ["C2.1: is said to be new in round 2, but its receipt is of round 1"]


def test_lines_without_a_receipt_have_to_be_of_the_guideline_before_and_the_others_are_still_looked_at() -> None:
    made = guideline(1, Receipt(1, "new", ("z:0-1",), ("a",), ("key",)))
    bare = tuple(Instruction(name, f"Line {name}.") for name in ("H1", "H2"))
    after = replace(made, common=(*bare, *made.common))
    before = replace(made, round=0, common=bare[:1])
    told = ["H2: has no receipt and is not a line of the guideline before", "C1.1: no hotspot z:0-1 in round 0"]
    assert receipt_problems(after, before, EVIDENCE, {"key"}) == told
    assert receipt_problems(after, None, EVIDENCE, {"key"}) == told[1:]


def test_a_receipt_says_which_rounds_were_looked_in() -> None:
    old = Instruction("C1.1", "A line.", receipt=Receipt(1, "new", ("a:0-1",), ("a",), ("key",)))
    line = replace(old, text="Another.", receipt=Receipt(2, "modified", ("z:0-1",), ("a",), ("key",)))
    made = replace(guideline(2, Receipt(2, "modified", (), (), ())), common=(line,))
    found = receipt_problems(made, replace(made, round=1, common=(old,)), EVIDENCE, {"key"})
    assert "C1.1: no hotspot z:0-1 in rounds 0 to 1" in found
