"""Who is asked what: the calls of each phase, one case a call and all at once, and answers that mean what was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from projects import ROOT
from stub_supervisor import pattern as stub_pattern

from diziner.guideline.file import load_guideline
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.guideline import Guideline, Instruction, Receipt
from diziner.supervisor.at_once import integration
from diziner.supervisor.at_once.instructions import _for_good as for_good
from diziner.supervisor.bounds import Candidate, Cut
from diziner.supervisor.evidence import Evidence, Leaning
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.other_forms import fitted, with_known_names
from diziner.supervisor.phases import Supervisor
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings

PLAIN = load_guideline(ROOT / "data/conll2003/guideline.yaml")
STANDING = replace(PLAIN, common=(Instruction("H1", "Mine."), Instruction("C0.1", "Ours.", receipt=Receipt(0, "new"))))
GRAMMAR = SupervisorSettings(ModelSettings("there", "m", structured="grammar"), batch="one", max_patterns=2)


class Answers:
    """A supervisor that gives every call of a phase the same answer, and keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: dict[str, list[Request]] = {}

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        phase = label.removeprefix("test ")
        self.asked.setdefault(phase, []).extend(requests)
        return [Response(json.dumps(self.answers[phase]), "stop") for _ in requests]

    def cases(self, phase: str) -> list[str]:
        return [request.messages[-1].content for request in self.asked.get(phase, [])]


def group(name: str) -> ErrorGroup:
    example = ErrorExample(f"{name}:0-1", name, 0, 1, "Bonn", f"«Bonn» in {name}", "location", ("a",), (), "minor")
    return ErrorGroup("Ent_to_O", f"kind_{name}", 2, 1, (example,))


GROUPS = tuple(map(group, ("one", "two", "three")))
EVIDENCE = Evidence(
    GROUPS,
    {"a": GROUPS[:1], "b": GROUPS[1:], "c": (), "d": GROUPS[:1]},
    ("a", "c"),
    {name: Leaning(agreement, 0.9, 0, {}) for name, agreement in (("d", 0.1), ("c", 0.5), ("b", 0.7), ("a", 0.5))},
)
PATTERN = {"name": "n", "root_cause": "r", "readings": [], "principle": "Mark places.", "covered_by": ""}
LINE = {"text": "Mark places as location.", "examples": [], "replaces": ""}


def answers(**more: Any) -> Answers:
    usual = {
        "patterns": {"patterns": [PATTERN, {**PATTERN, "name": "second"}]},
        "diagnosis": {"summary": "s", "needs": [{"kind": "over_tagging", "need": "less"}]},
        "instructions": {"instructions": [LINE, {**LINE, "text": "Another."}]},
        "instructions, mended": {"instructions": []},  # all calls write the same line, and one of it is enough
        "goal": {"updated": False, "documents": "", "purpose": "", "types": "", "use": ""},
        "integration": {"decisions": []},
    }
    return Answers(**{**usual, **more})


def refined(asker: Answers, settings: SupervisorSettings, guideline: Guideline = STANDING) -> Refinement:
    return refine(StartingPoint(guideline, 0.5), EVIDENCE, settings, asker, "test")


@pytest.mark.parametrize(
    ("for_all", "names"),
    [(False, ["Annotator: b", "Annotator: d"]), (True, ["Annotator: a", "Annotator: b", "Annotator: d"])],
)
def test_one_by_one_those_who_depart_are_asked_about_each_by_itself(for_all: bool, names: list[str]) -> None:
    asker = answers()
    refined(asker, replace(GRAMMAR, specific_for_all=for_all))
    assert [case.splitlines()[0] for case in asker.cases("diagnosis")] == names
    of_b = next(case for case in asker.cases("diagnosis") if case.startswith("Annotator: b"))
    assert "«Bonn» in two" in of_b and "«Bonn» in three" in of_b and "in one" not in of_b
    # As many kinds of disagreement as the settings take, a call each.
    assert [("in one" in case, "in two" in case) for case in asker.cases("patterns")] == [(True, False), (False, True)]


def test_a_grammar_holds_every_list_to_its_length() -> None:
    asker = answers()
    refinement = refined(asker, replace(GRAMMAR, max_specific=1))
    lengths = {
        phase: {
            value["maxItems"]
            for request in requests
            for value in (request.schema or {})["properties"].values()
            if value.get("type") == "array"
        }
        for phase, requests in asker.asked.items()
    }
    assert lengths.pop("goal") == set()
    assert set(lengths) == {"patterns", "diagnosis", "instructions", "instructions, mended", "integration"}
    assert all(own == {1} for own in lengths.values())
    mends = [[message.content for message in request.messages] for request in asker.asked["instructions, mended"]]
    assert all(str(LINE["text"]) in given and "repeats another" in why for *_, given, why in mends)
    # Of each list the first alone is taken, though the answers have two.
    assert [pattern["name"] for pattern in refinement.record["patterns"]] == ["n", "n"]
    assert not any("Another." in top.text for top in refinement.guideline.common)
    wide = answers()
    refined(wide, replace(GRAMMAR, max_specific=None))
    [bound] = {
        request.schema["properties"]["needs"]["maxItems"] for request in wide.asked["diagnosis"] if request.schema
    }
    assert bound == GRAMMAR.max_patterns
    free = answers()
    refined(free, replace(GRAMMAR, model=replace(GRAMMAR.model, structured="json_schema")))
    assert all("maxItems" not in json.dumps(request.schema) for own in free.asked.values() for request in own)
    assert all(request.schema is not None for own in free.asked.values() for request in own)
    none = answers()
    refined(none, replace(GRAMMAR, model=replace(GRAMMAR.model, structured="none")))
    assert all(request.schema is None for own in none.asked.values() for request in own)


@pytest.mark.parametrize(
    ("update", "show", "asked"), [(True, True, 1), (True, False, 0), (False, True, 0), (False, False, 0)]
)
def test_a_goal_is_rewritten_where_it_is_shown_and_may_be(update: bool, show: bool, asked: int) -> None:
    said = {"updated": True, "documents": "Mail.", "purpose": " ", "types": "Names.", "use": "Search."}
    asker = answers(goal=said)
    refinement = refined(asker, replace(GRAMMAR, update_goal=update, show_goal=show))
    assert len(asker.cases("goal")) == asked
    assert refinement.record["goal_updated"] == bool(asked)
    goal = refinement.guideline.goal
    assert (goal.documents == "Mail.") == bool(asked) and goal.purpose == STANDING.goal.purpose
    shown = asker.asked["patterns"][0].messages[0].content
    assert (STANDING.goal.documents in shown) == show


AT_ONCE = SupervisorSettings(ModelSettings("there", "m"), max_patterns=2)
ALL = {
    "patterns": {"patterns": [stub_pattern(1, ["G1"], [], clarify="What is a place?"), stub_pattern(2, ["G2"], [])]},
    "diagnosis": {"summary": "s", "needs": [{"kind": "over_tagging", "groups": ["E1"], "need": "less"}]},
    "instructions": {"instructions": [{**LINE, "annotator": "", "addresses": ["P1"]}]},
    "integration": {"decisions": [], "standing": []},
    "goal": {"updated": True, "documents": "Mail.", "purpose": " ", "types": "Names.", "use": "Search."},
}


@pytest.mark.parametrize(
    ("update", "show", "asked"), [(True, True, 1), (True, False, 0), (False, True, 0), (False, False, 0)]
)
def test_at_once_a_goal_is_rewritten_where_it_is_shown_and_may_be(update: bool, show: bool, asked: int) -> None:
    asker = answers(**ALL)
    refinement = refined(asker, replace(AT_ONCE, update_goal=update, show_goal=show))
    assert len(asker.cases("goal")) == asked and refinement.record["goal_updated"] == bool(asked)
    assert (refinement.guideline.goal.documents == "Mail.") == bool(asked)
    if asked:
        [case] = asker.cases("goal")
        assert "pattern 1: What is a place? Principle: principle 1" in case and "pattern 2" not in case


def test_at_once_annotators_are_ranked_by_agreement_then_by_name() -> None:
    asker = answers(**ALL)
    refinement = refined(asker, AT_ONCE)
    [case] = asker.cases("patterns")
    context = asker.asked["patterns"][0].messages[0].content
    assert "- H1: Mine. [a person's line]\n- C0.1: Ours.\n" in f"{context}\n"
    assert re.findall(r"^- ([abcd])\b", case, re.MULTILINE) == ["b", "a", "c", "d"]
    assert len(asker.cases("diagnosis")) == 2
    assert refinement.record["findings"] == {
        "P1": {"annotator": None, "groups": ["G1"]},
        "P2": {"annotator": None, "groups": ["G2"]},
        "N1": {"annotator": "b", "groups": ["E1"]},
        "N2": {"annotator": "d", "groups": ["E1"]},
    }
    assert list(refinement.record["diagnoses"]) == ["b", "d"]
    assert refinement.record["addresses"] == {"C1.1": ["P1"]} and refinement.record["cut"] == []
    types = [f'"{PLAIN.types[0].name}"', PLAIN.types[0].name]
    assert any(name in asker.cases("instructions")[0] for name in types)


def test_what_is_over_a_limit_or_names_nothing_is_said() -> None:
    many = [stub_pattern(n, ["G1", "G9"] if n == 1 else ["G2"], []) for n in (1, 2, 3)]
    needs = [{"kind": "over_tagging", "groups": ["E1"], "need": f"need {n}"} for n in range(3)]
    asker = answers(**{**ALL, "patterns": {"patterns": many}, "diagnosis": {"summary": "s", "needs": needs}})
    refinement = refined(asker, replace(AT_ONCE, max_specific=1))
    over = "over the limit of 1"
    assert [(cut["text"], cut["reason"]) for cut in refinement.record["cut"]] == [
        ("pattern 3", "over the limit of 2"),
        ("pattern 1", "names G9, which is no kind of disagreement here"),
        *[(f"need {n}", over) for _ in range(2) for n in (1, 2)],
    ]
    wide = refined(
        answers(**{**ALL, "diagnosis": {"summary": "s", "needs": needs}}), replace(AT_ONCE, max_specific=None)
    )
    assert len(wide.record["findings"]) == 2 + 6 and wide.record["cut"] == []


def test_after_a_repair_turn_what_was_mended_is_cut_no_more() -> None:
    def candidate(text: str) -> Candidate:
        return Candidate(Instruction("", text))

    example, line, other = Cut("e1", "r", "Line A"), Cut("Mark every city.", "too long"), Cut("Be calm.", "empty")
    again = Cut("e2", "r", "Line C.")
    assert for_good([line, other], [], [candidate("Mark a city.")], []) == [other], "of the lines the one most like it"
    assert for_good([line], [], [], []) == [line]
    assert for_good([example, line], [], [candidate("Line C")], [again, Cut("Line D", "repeats")]) == [example, again]
    assert for_good([example], [candidate("line a.")], [], []) == []
    assert for_good([example], [candidate("Line A")], [], [Cut("e3", "r", "Line A")]) == [example]
    assert for_good([example, line], [candidate("Line A")], [], []) == [line]


def test_decisions_about_what_is_not_there_say_what_is() -> None:
    supervisor = Supervisor(STANDING, GRAMMAR, answers(), "test")
    new = Candidate(Instruction("C1.1", "New.", receipt=Receipt(1, "new")))
    question = integration._question(supervisor, [new])
    usual = {"candidate": "C1.1", "action": "merge", "target": "", "parent": "", "text": "t", "after": ""}

    def faults(*decisions: dict[str, str], standing: Sequence[dict[str, str]] = ()) -> list[str]:
        filled = [{**usual, **own} for own in decisions]
        places = [{"line": "", "action": "place", "parent": "", "after": "", **own} for own in standing]
        return integration._read({"decisions": filled, "standing": places}, question)[2]

    assert faults({"target": "C0.1"}) == faults({"action": "add"}) == []
    assert faults({}) == ["C1.1: merge with nothing; lines that may change: C0.1"]
    assert faults({"action": "replace", "target": "H1"}) == ["C1.1: replace with H1; lines that may change: C0.1"]
    assert faults({"candidate": "C9"}) == ["a decision about C9, which is no new instruction"]
    assert faults({"target": "C0.1"}, {"target": "C0.1"}) == ["C1.1: a second decision about it"]
    assert faults(standing=[{"line": "H1"}, {"line": "X", "action": "retire"}]) == [
        "retire X, which is no line that stands"
    ]
    assert question.choices["target"] == ["", "C0.1"] and question.choices["line"] == ["H1", "C0.1"]
    assert question.variables == {"words": 2, "change_words": None, "max_words": 600}
    half = integration._question(replace_settings(supervisor, max_change=0.5), [new])
    assert half.variables["change_words"] == 1 and half.limit == 1
    empty = integration._question(Supervisor(PLAIN, replace(GRAMMAR, max_change=0.5), answers(), "test"), [new])
    assert empty.choices["line"] == ["none"] and empty.variables["change_words"] is None


def replace_settings(supervisor: Supervisor, **more: Any) -> Supervisor:
    return replace(supervisor, settings=replace(supervisor.settings, **more))


ITEM = {
    "type": "object",
    "required": ["text", "kind", "sure", "examples"],
    "properties": {
        "text": {"type": "string"},
        "kind": {"enum": ["over_tagging", "none"]},
        "sure": {"type": "boolean"},
        "examples": {"type": "array", "items": {"type": "string"}},
        "count": {"type": "integer"},
    },
}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"text": 3, "sure": "Yes "}, {"text": "3", "examples": [], "sure": True}),
        ({"text": 1.5, "sure": "no"}, {"text": "1.5", "examples": [], "sure": False}),
        ({"text": "t", "sure": "TRUE"}, {"text": "t", "examples": [], "sure": True}),
        ({"text": "t", "sure": "false"}, {"text": "t", "examples": [], "sure": False}),
        ({"text": "t", "sure": "perhaps"}, {"text": "t", "examples": [], "sure": "perhaps"}),
        ({"text": None, "sure": 1}, {"text": "", "examples": [], "sure": 1}),
        ({"text": [], "sure": None}, {"text": "", "examples": [], "sure": None}),
        ({"text": True, "count": "3"}, {"text": True, "examples": [], "count": "3"}),
        ({"text": ["x"], "examples": None}, {"text": ["x"], "examples": []}),
        ({" Text": "t", "examples": "e"}, {"text": "t", "examples": ["e"]}),
        ({"text": "t", "examples": [1, None]}, {"text": "t", "examples": ["1", ""]}),
        ({"text": "t", "kind": "Over tagging!", "more": 1}, {"text": "t", "examples": [], "kind": "Over tagging!"}),
        ({"text": "t", "kind": "OVER-TAGGING"}, {"text": "t", "examples": [], "kind": "over_tagging"}),
        ({"text": "t", "kind": 5}, {"text": "t", "examples": [], "kind": 5}),
        ("the text alone", {"text": "the text alone", "examples": []}),
        ({"kind": "none", "sure": True}, {"kind": "none", "sure": True}),
        (7, 7),
        (None, None),
    ],
)
def test_what_is_meant_is_read_and_no_more(given: Any, meant: Any) -> None:
    assert fitted(given, ITEM) == meant


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("P1", "P1"),
        ("p1", "P1"),
        ("2", "P2"),
        ("[P1]", "P1"),
        ("p1: team names", "P1"),
        ("P12", "P12"),
        ("1", "P1"),
        ("P1.5", "P1.5"),
        ("P7", "P7"),
        ("n/a", ""),
        ("None ", ""),
        ("-", ""),
        ("all", "all"),
        (5, 5),
        (None, None),
    ],
)
def test_a_name_is_one_of_those_that_were_given_or_stays_as_it_is(word: Any, name: Any) -> None:
    choices = {"covered_by": ["", "P1", "P2", "P12"], "annotator": ["", "a"], "groups": ["P1", "Q1"]}
    assert with_known_names({"covered_by": word}, choices) == {"covered_by": name}
    assert with_known_names([{"x": {"covered_by": [word, "p2"]}}], choices) == [{"x": {"covered_by": [name, "P2"]}}]
    assert with_known_names({"other": word}, choices) == {"other": word}


def test_everyone_is_nobody_in_particular_for_an_annotator_alone() -> None:
    choices = {"annotator": ["", "a"], "groups": ["P1", "Q1"]}
    assert with_known_names({"annotator": "Everyone"}, choices) == {"annotator": ""}
    assert with_known_names({"groups": "none"}, choices) == {"groups": "none"}
    assert with_known_names({"groups": "1"}, choices) == {"groups": "1"}, "two would fit"
