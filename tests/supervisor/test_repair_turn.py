"""The repair turn of phase 3: what was kept stays, nothing goes unnamed, no limit is passed by saying it twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from round_zero import round_zero
from stub_supervisor import MODEL, pattern, stub

from diziner.guideline.file import all_instructions
from diziner.results.refinement_counts import refinement_line
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings

TEXTS = [f"Rule {word}." for word in ("one", "two", "three", "four", "five", "six")]
BROKEN = "said [Amina"
SETTINGS = SupervisorSettings(MODEL, max_specific=None, max_words=None, max_change=None, max_example_words=None)


def line(text: str, *examples: str, addresses: tuple[str, ...] = ("P1",)) -> dict[str, Any]:
    shown = [{"text": example, "explanation": "", "error": ""} for example in examples]
    return {"annotator": "none", "text": text, "addresses": [*addresses], "examples": shown, "replaces": "none"}


def refined(
    folder: Path, first: list[dict[str, Any]], again: list[dict[str, Any]], most: int | None = None
) -> Refinement:
    """A refinement of round 0 by a supervisor that gives instructions, and others in the repair turn."""
    guideline, evidence = round_zero("conll2003")
    settings = replace(SETTINGS, max_common=most)
    answers = {
        "patterns": lambda body: {"patterns": [pattern(1, ["G1"], [])]},
        "instructions": lambda body: {"instructions": first},
        "instructions mend": lambda body: {"instructions": again},
    }
    with stub(folder, answers) as (asker, _):
        return refine(StartingPoint(guideline, 0.5), evidence, settings, asker, "test")


def outcome(refinement: Refinement) -> tuple[list[str], list[tuple[str, str]]]:
    """The texts of the guideline, and what was cut for which reason."""
    kept = [instruction.text for instruction in all_instructions(refinement.guideline)]
    return kept, [(entry["text"], entry["reason"]) for entry in refinement.record["cut"]]


@pytest.mark.parametrize("turn", [slice(None), slice(None, None, -1), slice(3, None)], ids=["all", "reversed", "rest"])
def test_what_is_over_a_limit_stays_out_and_named_however_often_it_is_given(turn: slice, tmp_path: Path) -> None:
    lines = [line(text) for text in TEXTS]
    refinement = refined(tmp_path, lines, lines[turn], most=3)
    kept, cut = outcome(refinement)
    assert kept == TEXTS[:3]
    assert cut == [(text, "over the limit of 3") for text in TEXTS[3:]]
    assert refinement_line(refinement.record).startswith("wrote 6, kept 3, cut 3: ")


def test_a_line_that_is_given_again_as_it_was_mends_no_other(tmp_path: Path) -> None:
    broken = line("Both.", "[Oslo|LOC] won", "[Oslo|ORG] won")
    kept, cut = outcome(refined(tmp_path, [line(TEXTS[0]), broken], [line(TEXTS[0]), broken]))
    assert kept == [TEXTS[0]]
    assert cut == [("Both.", "contradicts itself: 'Oslo won' is [Oslo|LOC] there and [Oslo|ORG] here")]


def test_a_line_is_mended_under_its_own_text_another_one_or_in_its_example(tmp_path: Path) -> None:
    clash = ("[Oslo|LOC] won", "[Oslo|ORG] won")
    first = [line("Both.", *clash, BROKEN), line("So too of towns.", *clash), line(TEXTS[0], BROKEN)]
    mended = [line("Both.", clash[0]), line("So too of all towns.", clash[0]), line(TEXTS[0], "said [Amina|PER]")]
    refinement = refined(tmp_path, first, mended)
    assert outcome(refinement) == ([TEXTS[0], "Both.", "So too of all towns."], [])
    assert [len(instruction.examples) for instruction in all_instructions(refinement.guideline)] == [1, 1, 1]


def test_an_example_that_stays_broken_is_named_and_its_line_stays(tmp_path: Path) -> None:
    refinement = refined(tmp_path, [line(TEXTS[0], BROKEN)], [line(TEXTS[0], BROKEN)])
    kept, cut = outcome(refinement)
    assert kept == [TEXTS[0]]
    assert [text for text, _ in cut] == [BROKEN] and refinement.record["cut"][0]["of"] == TEXTS[0]


def test_a_line_for_a_pattern_that_exists_and_one_that_does_not_is_for_the_first(tmp_path: Path) -> None:
    refinement = refined(tmp_path, [line(TEXTS[0], addresses=("P1", "P7")), line(TEXTS[1], addresses=("P7",))], [])
    kept, cut = outcome(refinement)
    assert kept == [TEXTS[0]]
    assert cut == [(TEXTS[1], "addresses P7; there are: P1")]
    assert refinement.record["addresses"] == {"C1.1": ["P1"]}


def test_an_answer_that_cannot_be_used_is_said_in_the_line() -> None:
    guideline, _ = round_zero("conll2003")
    stopped = refine(StartingPoint(guideline, 0.5, stopped=True), Evidence((), {}, ()), SETTINGS, None, "test")  # type: ignore[arg-type]
    phase = {"phase": "instructions", "calls": 1, "repairs": 1, "failed": ["unparsable"]}
    record = {**stopped.record, "stopped": False, "phases": [phase]}
    assert refinement_line(record) == "wrote 0, kept 0: instructions: 1 of 1 answers unusable (unparsable)"
