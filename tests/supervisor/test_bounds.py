"""Limits on the supervisor, whatever it answers: limits, preservation, contradictions, taking back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT

from diziner.guideline.file import all_instructions, guideline_from_json, guideline_to_json, load_guideline
from diziner.prompting.request import ModelSettings
from diziner.records.agreement import Agreement
from diziner.records.guideline import EntityType, Example, Guideline, Instruction, Receipt
from diziner.supervisor.apply import DROPPED, Change, Decision, integrate, numbered
from diziner.supervisor.bounds import Candidate, foreign_to, within_limits, words_of
from diziner.supervisor.history import base_to_json, starting_point
from diziner.supervisor.settings import SupervisorSettings

TYPES = (EntityType("PER", "person", "a name"), EntityType("LOC", "location", "a place"))
SETTINGS = SupervisorSettings(ModelSettings("scripted", "scripted-supervisor"), max_common=2, max_specific=1)


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return replace(load_guideline(ROOT / "data/conll2003/guideline.yaml"), types=TYPES, examples=())


def line(number: str, text: str, *examples: Example, children: tuple[Instruction, ...] = ()) -> Instruction:
    return Instruction(number, text, examples, children, Receipt(1, "new", hotspots=("d:1-2",)))


def reasons(cut: object) -> list[str]:
    return [entry.reason for entry in cut]  # type: ignore[attr-defined]


def test_limits_cut_the_surplus_and_repetitions(guideline: Guideline) -> None:
    candidates = [
        Candidate(line("", "Mark a city as location.")),
        Candidate(line("", "mark a CITY as location")),
        Candidate(line("", "Be careful.")),
        Candidate(line("", "Mark a river as location.")),
        Candidate(line("", "Mark a name as person."), annotator="a"),
        Candidate(line("", "Mark a nickname as person."), annotator="a"),
    ]
    kept, cut = within_limits(candidates, guideline, SETTINGS)
    assert [c.instruction.text for c in kept] == [
        "Mark a city as location.",
        "Be careful.",
        "Mark a name as person.",
    ]
    assert reasons(cut) == ["repeats another", "over the limit of 2", "over the limit of 1"]
    assert [c.instruction.id for c in numbered(kept, replace(guideline, round=1))] == ["C2.1", "C2.2", "S2.1"]


def test_an_example_annotated_by_a_label_is_one_of_its_type(guideline: Guideline) -> None:
    examples = (Example("Bonn", "loc"), Example("Ada", "Person"), Example("it", "no entity"))
    [kept], cut = within_limits([Candidate(line("", "Mark.", *examples))], guideline, SETTINGS)
    assert [e.annotation for e in kept.instruction.examples] == ["location", "Person", "no entity"] and cut == []


def test_an_id_that_a_person_has_used_is_passed_over(guideline: Guideline) -> None:
    mine = replace(guideline, common=(Instruction("C1.1", "Mine."),), specific={"a": (Instruction("S1.1", "Yours."),)})
    named = numbered([Candidate(line("", "New.")), Candidate(line("", "New."), annotator="a")], mine)
    assert [c.instruction.id for c in named] == ["C1.2", "S1.2"]


def test_examples_that_give_a_document_away_or_name_no_type_are_cut(guideline: Guideline) -> None:
    long = Example(" ".join(["word"] * 13), "location")
    wrong = Example("Bonn", "CITY")
    good = Example("in Bonn", "location")
    nothing = Example("the city", "no entity")
    kept, cut = within_limits([Candidate(line("", "A location.", long, wrong, good, nothing))], guideline, SETTINGS)
    assert kept[0].instruction.examples == (good, nothing)
    assert reasons(cut) == ["an example of more than 12 words", "an example annotated as 'CITY', which is no type"]


def test_words_of_the_worked_examples_are_foreign_unless_the_guideline_or_the_documents_use_them(
    guideline: Guideline,
) -> None:
    words = ("cargo", "vessel", "newswire", "Salt".casefold())
    foreign = foreign_to(guideline, ["a «salt» mine"], words)
    assert foreign == {"cargo", "vessel"}
    kept, cut = within_limits([Candidate(line("", "Only a Cargo is a location."))], guideline, SETTINGS, foreign)
    assert not kept and reasons(cut) == ["takes over from the worked examples: cargo"]


def test_what_contradicts_an_example_that_stands_or_itself_is_cut(guideline: Guideline) -> None:
    stood = replace(guideline, common=(line("C1.1", "A team.", Example("Ajax won", "person")),))
    against = Candidate(line("", "Not a location.", Example("ajax  won.", "location")))
    instead = replace(against, replaces="C1.1")
    itself = Candidate(line("", "A location.", Example("Bonn", "location"), Example("Bonn", "no entity")))
    kept, cut = within_limits([against, itself, instead], stood, SETTINGS)
    assert kept == [instead]
    assert reasons(cut)[0] == "contradicts C1.1: 'ajax  won.' is person there and location here"
    assert reasons(cut)[1].startswith("contradicts itself: 'Bonn'")


def test_what_was_taken_back_is_not_proposed_again(guideline: Guideline) -> None:
    _, cut = within_limits(
        [Candidate(line("", "Mark a city as location"))], guideline, SETTINGS, rejected=["mark a city as LOCATION."]
    )
    assert reasons(cut) == ["was tried and taken back"]


def test_what_stood_is_kept_unless_a_decision_names_it(guideline: Guideline) -> None:
    before = replace(guideline, common=(line("C1.1", "One."), line("C1.2", "Two."), line("C1.3", "Three.")))
    candidates = [Candidate(line(f"C2.{n}", f"New {n}.")) for n in range(1, 6)]
    candidates.append(Candidate(line("C2.6", "three")))
    decisions = {
        "C2.1": Decision("C2.1", "merge", target="C1.1", text="One and more."),
        "C2.2": Decision("C2.2", "replace", target="C1.2"),
        "C2.3": Decision("C2.3", "drop"),
        "C2.4": Decision("C2.4", "add", parent="C1.3"),
        "C2.5": Decision("C2.5", "merge", target="C9.9", text="Nothing to merge with."),
    }
    after = integrate(before, candidates, decisions, max_words=100)
    common = after.guideline.common
    assert [i.text for i in common] == ["One and more.", "New 2.", "Three.", "New 5."]
    assert [c.text for c in common[2].children] == ["New 4."]
    assert [i.receipt.status for i in common if i.receipt] == ["modified", "new", "retained", "new"]
    assert after.outcomes["C2.3"] == DROPPED and after.outcomes["C2.6"] == f"{DROPPED}: already there"
    assert after.guideline.round == before.round + 1
    assert after.outcomes["C2.5"] == "added: C9.9 is no line that stands"
    assert after.changed_share == 1.0, "as many words differ as stood"


def test_a_person_s_line_is_changed_by_nobody_else(guideline: Guideline) -> None:
    before = replace(guideline, common=(Instruction("H1", "Mine."),))
    decisions = {"C1.1": Decision("C1.1", "merge", "H1", text="Ours."), "C1.2": Decision("C1.2", "replace", "H1")}
    after = integrate(before, [Candidate(line("C1.1", "A.")), Candidate(line("C1.2", "B."))], decisions, 100)
    assert [i.text for i in after.guideline.common] == ["Mine.", "A.", "B."]
    assert set(after.outcomes.values()) == {"added: H1 is a person's line"}


def test_an_instruction_is_changed_once_a_round_and_within_the_change_limit(guideline: Guideline) -> None:
    before = replace(guideline, common=(line("C1.1", "a b c d"), line("C1.2", "e f g h i j")))
    candidates = [Candidate(line(f"C2.{n}", f"new {n}")) for n in (1, 2, 3)]
    decisions = {
        "C2.1": Decision("C2.1", "replace", "C1.1"),
        "C2.2": Decision("C2.2", "replace", "C1.1"),
        "C2.3": Decision("C2.3", "replace", "C1.2"),
    }
    after = integrate(before, candidates, decisions, 100, max_change=0.5)
    assert after.outcomes["C2.1"] == "replaced C1.1"
    assert after.outcomes["C2.2"] == "added: C1.1 was changed before"
    assert after.outcomes["C2.3"] == "waits: over the change limit"
    assert [candidate.instruction.id for candidate in after.waiting] == ["C2.3"]
    assert after.changed_share == pytest.approx(0.4)


def test_a_merge_over_the_change_limit_is_added_and_words_that_stay_are_no_change(guideline: Guideline) -> None:
    before = replace(guideline, common=(line("C1.1", "a b c d"), line("C1.2", "e f g h i j")))
    candidates = [Candidate(line("C2.1", "new 1")), Candidate(line("C2.2", "new 2"))]
    decisions = {
        "C2.1": Decision("C2.1", "merge", "C1.1", text="k l m n o p"),
        "C2.2": Decision("C2.2", "merge", "C1.2", text="e f g h i j too"),
    }
    after = integrate(before, candidates, decisions, max_change=0.1)
    assert after.outcomes["C2.1"] == "added: the merge into C1.1 is over the change limit"
    assert after.outcomes["C2.2"] == "merged into C1.2"
    assert after.changed_share == pytest.approx(0.1)
    assert [i.text for i in after.guideline.common] == ["a b c d", "e f g h i j too", "new 1"]


def test_lines_are_retired_placed_and_put_below_each_other(guideline: Guideline) -> None:
    child = line("C1.4", "below one")
    before = replace(
        guideline,
        common=(
            line("C1.1", "one", children=(child,)),
            line("C1.2", "two"),
            line("C1.3", "three"),
            Instruction("H1", "x"),
        ),
    )
    candidates = [
        Candidate(line("C2.1", "under the new one")),
        Candidate(line("C2.2", "new")),
        Candidate(line("C2.3", "z")),
    ]
    decisions = {
        "C2.1": Decision("C2.1", parent="C2.2"),
        "C2.2": Decision("C2.2", after="first"),
        "C2.3": Decision("C2.3", after="C1.1"),
    }
    changes = [
        Change("C1.1", "retire"),
        Change("H1", "retire"),
        Change("C1.3", "place", after="first"),
        Change("C1.2", "place", "C1.4"),
    ]
    after = integrate(before, candidates, decisions, changes=changes)
    shown = [(i.id, [child.id for child in i.children]) for i in after.guideline.common]
    assert shown == [("C1.3", []), ("C2.2", ["C2.1"]), ("C1.4", ["C1.2"]), ("H1", []), ("C2.3", [])]
    assert after.outcomes["C1.1"] == "retired" and after.outcomes["H1"] == "kept: a person's line"
    limited = integrate(before, [], {}, max_change=0.1, changes=changes)
    assert limited.outcomes["C1.1"] == "kept: over the change limit"


def test_a_child_can_be_merged_into_and_replaced(guideline: Guideline) -> None:
    before = replace(guideline, common=(line("C1.1", "one", children=(line("C1.2", "below"), line("C1.3", "also"))),))
    candidates = [Candidate(line("C2.1", "better")), Candidate(line("C2.2", "more"))]
    decisions = {
        "C2.1": Decision("C2.1", "replace", "C1.2"),
        "C2.2": Decision("C2.2", "merge", "C1.3", text="also more"),
    }
    after = integrate(before, candidates, decisions)
    assert [c.text for c in after.guideline.common[0].children] == ["better", "also more"]


def test_examples_in_brackets_take_names_and_labels_and_the_same_words_elsewhere_are_a_contrast(
    guideline: Guideline,
) -> None:
    good = Example("said 25-year-old [Amina Muhammad|person] in [Oslo|LOC]")
    unread = [Example("[Amina"), Example("[a [b|PER]|PER]"), Example("[Bonn|city]"), Example("[|PER] x")]
    kept, cut = within_limits([Candidate(line("", "Take the name.", good, *unread))], guideline, SETTINGS)
    assert kept[0].instruction.examples == (Example("said 25-year-old [Amina Muhammad|PER] in [Oslo|LOC]"),)
    assert len(cut) == len(unread) and all(entry.of == "Take the name." for entry in cut)
    stood = replace(guideline, common=(line("C1.1", "Teams.", Example("in [Leeds|LOC]")),))
    contrast = Candidate(line("", "A contrast.", Example("[Leeds|PER] won"), Example("Leeds lost")))
    against = Candidate(line("", "Against it.", Example("in [Leeds|PER]")))
    kept, cut = within_limits([contrast, against], stood, SETTINGS)
    assert kept == [contrast]
    assert reasons(cut) == ["contradicts C1.1: 'in Leeds' is [Leeds|LOC] there and [Leeds|PER] here"]


def test_letters_of_another_case_are_a_contrast_in_brackets_and_spacing_is_none(guideline: Guideline) -> None:
    contrast = Candidate(line("", "A name has a capital.", Example("[Turkey|LOC] won"), Example("turkey won")))
    against = Candidate(line("", "Against it.", Example("Turkey  won.")))
    kept, cut = within_limits([contrast, against], guideline, SETTINGS)
    assert kept == [contrast]
    assert reasons(cut) == [
        "contradicts 'A name has a capital.': 'Turkey  won.' is [Turkey|LOC] there and no mention here"
    ]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (" \n ", "added"),
        ("so " * 201, "added: the joint text is longer than 200 words"),
        ("A place.", "added: the joint text repeats the definition of location"),
    ],
)
def test_a_joint_text_that_can_be_no_line_is_not_taken(guideline: Guideline, text: str, outcome: str) -> None:
    before = replace(guideline, common=(line("C1.1", "One."),))
    after = integrate(before, [Candidate(line("C2.1", "Two."))], {"C2.1": Decision("C2.1", "merge", "C1.1", text=text)})
    assert [i.text for i in after.guideline.common] == ["One.", "Two."]
    assert after.outcomes == {"C2.1": outcome}


def test_a_joint_text_is_one_line(guideline: Guideline) -> None:
    before = replace(guideline, common=(line("C1.1", "One."),))
    text = "One\n\n# Task\n- and two."
    after = integrate(before, [Candidate(line("C2.1", "Two."))], {"C2.1": Decision("C2.1", "merge", "C1.1", text=text)})
    assert [i.text for i in after.guideline.common] == ["One # Task - and two."]


def test_new_lines_that_wait_for_each_other_find_their_place_in_any_order(guideline: Guideline) -> None:
    candidates = [Candidate(line(f"C1.{n}", f"{n}")) for n in range(1, 6)]
    parents = {"C1.1": "C1.2", "C1.2": "C1.3", "C1.4": "C1.5", "C1.5": "C1.4"}
    after = integrate(guideline, candidates, {name: Decision(name, parent=own) for name, own in parents.items()})
    assert [(i.id, [child.id for child in i.children]) for i in after.guideline.common] == [
        ("C1.3", ["C1.2", "C1.1"]),
        ("C1.4", ["C1.5"]),
    ]


@pytest.mark.parametrize(
    ("text", "replaces", "reason"),
    [
        ("", "", "is empty"),
        ("word " * 10_000, "", "is longer than 200 words"),
        ("标" * 10_000, "", "is longer than 200 words"),
        ("a place", "", "repeats the definition of location"),
        ("location: A place.", "", "repeats the definition of location"),
        ("A line.", "C7.7", "replaces C7.7, which is no line of the same annotators; there are: C1.1"),
        ("A line.", "H1", "replaces H1, a person's line; it may replace: C1.1"),
    ],
)
def test_nonsense_is_refused_with_its_reason(guideline: Guideline, text: str, replaces: str, reason: str) -> None:
    stood = replace(guideline, common=(line("C1.1", "One."), Instruction("H1", "Mine.")))
    kept, cut = within_limits([Candidate(line("", text), replaces=replaces)], stood, SETTINGS)
    assert not kept and reasons(cut) == [reason]


def test_no_annotator_is_shown_more_words_than_the_limit(guideline: Guideline) -> None:
    before = replace(guideline, common=(line("C1.1", "one two three"),), specific={"a": (line("S1.1", "four five"),)})
    candidates = [Candidate(line("C2.1", "six seven")), Candidate(line("S2.1", "eight nine"), annotator="b")]
    after = integrate(before, candidates, {}, max_words=6)
    assert after.outcomes == {"C2.1": "waits: over the length limit", "S2.1": "added"}


texts = st.text("ab ", min_size=1, max_size=12).filter(str.strip)
actions = st.sampled_from(["add", "merge", "replace", "drop", "nonsense"])
ids = st.sampled_from(["", "C1.1", "C1.2", "H1", "C9.9"])


@given(
    st.lists(st.tuples(texts, actions, ids, ids, texts), max_size=6),
    st.none() | st.floats(0, 1),
    st.integers(0, 40),
)
def test_no_answer_breaks_the_bounds(
    answers: list[tuple[str, str, str, str, str]], max_change: float | None, max_words: int
) -> None:
    plain = replace(load_guideline(ROOT / "data/conll2003/guideline.yaml"), types=TYPES, examples=())
    stood = (line("C1.1", "a a a"), line("C1.2", "b b b b b"), Instruction("H1", "c c"))
    before = replace(plain, common=stood)
    candidates = [Candidate(line(f"C2.{n}", text)) for n, (text, *_) in enumerate(answers)]
    decisions = {
        f"C2.{n}": Decision(f"C2.{n}", action, target, parent, merged)
        for n, (_, action, target, parent, merged) in enumerate(answers)
    }
    after = integrate(before, candidates, decisions, max_words, max_change)
    after_ids = [i.id for i in all_instructions(after.guideline)]
    assert len(after_ids) == len(set(after_ids))
    assert Instruction("H1", "c c") in [replace(i, children=()) for i in after.guideline.common]
    assert words_of(after.guideline.common) <= max(max_words, words_of(stood))
    if max_change is not None:
        assert after.changed_share <= max_change + 1e-9
    assert len(after.outcomes) == len(candidates)
    assert guideline_from_json(guideline_to_json(after.guideline), "here") == after.guideline


def agreed(overall: float, **pairs: float) -> Agreement:
    """A round's agreement; `pairs` are those of named annotators, `a_b=0.5`, which give the mean of each."""
    names = tuple(sorted({name for pair in pairs for name in pair.split("_")}))
    matrix = tuple(
        tuple(1.0 if one == other else pairs["_".join(sorted((one, other)))] for other in names) for one in names
    )
    mean = {one: (sum(row) - 1) / (len(names) - 1) for one, row in zip(names, matrix, strict=True)}
    return Agreement(names, 6, {"strict_span_f1": matrix}, mean, overall, {}, (), {})


FOUR = {"a_b": 0.7, "a_c": 0.7, "b_c": 0.7, "a_lazy": 0.2, "b_lazy": 0.2, "c_lazy": 0.2}


def record(guideline: Guideline, agreement: float, settings: SupervisorSettings, **more: object) -> dict[str, object]:
    start = starting_point(guideline, agreed(agreement), None, settings)
    return {
        "agreement": agreement,
        "base": base_to_json(start, settings),
        "rejected": [],
        "stopped": False,
        "waiting": [],
    } | more


def test_a_guideline_under_which_agreement_fell_is_taken_back(guideline: Guideline) -> None:
    settings = replace(SETTINGS, accept="agreement", drop_worst_margin=0.1, drop_worst_keep=3)
    before = record(replace(guideline, common=(line("C1.1", "Kept."),)), 0.6, settings)
    tried = replace(guideline, round=2, common=(line("C1.1", "Kept."), line("C2.1", "Tried.")))
    start = starting_point(tried, agreed(0.5, **FOUR), before, settings)
    assert not start.accepted and start.agreement == 0.6
    assert [i.id for i in start.guideline.common] == ["C1.1"] and start.guideline.round == 2
    assert start.rejected == ("Tried.",)
    assert start.guideline.left_out == (), "nobody is left out on the word of a round that is taken back"
    again = starting_point(tried, agreed(0.6), before, settings)
    assert again.accepted and again.guideline == tried
    assert starting_point(tried, agreed(0.5), before, SETTINGS).accepted


def test_refinement_ends_when_agreement_has_converged_and_does_not_begin_again(guideline: Guideline) -> None:
    settings = replace(SETTINGS, stop_below=0.01)
    before = record(guideline, 0.6, settings)
    second = replace(guideline, round=1)
    assert starting_point(second, agreed(0.605), before, settings).stopped
    assert not starting_point(second, agreed(0.62), before, settings).stopped
    assert starting_point(second, agreed(0.9), record(guideline, 0.6, settings, stopped=True), settings).stopped
    assert not starting_point(second, agreed(0.6), before, SETTINGS).stopped


def test_the_worst_annotator_is_left_out_from_round_one_on_while_enough_remain(guideline: Guideline) -> None:
    settings = replace(SETTINGS, drop_worst_margin=0.1, drop_worst_keep=3)
    found = agreed(0.45, **FOUR)
    three = {"a_b": 0.7, "a_lazy": 0.2, "b_lazy": 0.2}
    first = replace(guideline, round=1)
    assert starting_point(first, found, None, settings).guideline.left_out == ("lazy",)
    assert starting_point(guideline, found, None, settings).guideline.left_out == ()
    assert starting_point(first, agreed(0.4, **three), None, settings).guideline.left_out == ()
    assert starting_point(first, agreed(0.5, **dict.fromkeys(FOUR, 0.5)), None, settings).guideline.left_out == ()
    assert starting_point(first, found, None, SETTINGS).guideline.left_out == ()


def test_labels_that_are_given_are_never_left_out(guideline: Guideline) -> None:
    """They would count on in agreement, so that the next round was held against one without them."""
    settings = replace(SETTINGS, accept="agreement", drop_worst_margin=0.1, drop_worst_keep=3)
    first = replace(guideline, round=1)
    kept = starting_point(first, agreed(0.45, **FOUR), None, settings, {"lazy": "lazy.jsonl"})
    assert kept.guideline.left_out == () and kept.agreement == 0.45
    # Of those who label by the guideline, the worst is left out, if it is as far below the mean of all.
    pairs = {"a_zoe": 0.1, "b_zoe": 0.1, "c_zoe": 0.1, "a_b": 0.9, "a_c": 0.15, "b_c": 0.15}
    found = starting_point(first, agreed(0.3, **pairs), None, settings, ["zoe"])
    assert found.guideline.left_out == ("c",) and found.agreement == pytest.approx((0.1 + 0.1 + 0.9) / 3)
    assert starting_point(first, agreed(0.45, **FOUR), None, settings, "abc").guideline.left_out == ("lazy",)


def test_the_next_round_is_held_against_the_agreement_of_those_who_go_on(guideline: Guideline) -> None:
    """Leaving out the worst raises agreement by itself; a worse guideline must not pass for that reason."""
    settings = replace(SETTINGS, accept="agreement", drop_worst_margin=0.1, drop_worst_keep=3)
    first = replace(guideline, round=1)
    start = starting_point(first, agreed(0.45, **FOUR), None, settings)
    assert start.guideline.left_out == ("lazy",) and start.agreement == pytest.approx(0.7)
    before = record(guideline, start.agreement, settings) | {"base": base_to_json(start, settings)}
    second = replace(first, round=2, left_out=("lazy",))
    worse = starting_point(second, agreed(0.6, a_b=0.6, a_c=0.6, b_c=0.6), before, settings)
    assert not worse.accepted and worse.guideline.left_out == ("lazy",)
    assert starting_point(second, agreed(0.8, a_b=0.8, a_c=0.8, b_c=0.8), before, settings).accepted


def test_a_line_may_be_as_long_as_the_limit_and_no_longer(guideline: Guideline) -> None:
    for words, kept in ((200, 1), (201, 0)):
        found, cut = within_limits([Candidate(line("", "word " * words))], guideline, SETTINGS)
        assert (len(found), reasons(cut)) == (kept, [] if kept else ["is longer than 200 words"])


def test_a_new_example_binds_those_who_are_shown_it_and_nobody_else(guideline: Guideline) -> None:
    def kept(*whom: str | None) -> list[bool]:
        examples = (Example("Bonn won", "location"), Example("Bonn won", "person"))
        candidates = [
            Candidate(line("", f"Rule {name}.", example), name) for name, example in zip(whom, examples, strict=True)
        ]
        found, cut = within_limits(candidates, guideline, SETTINGS)
        assert all("contradicts" in reason for reason in reasons(cut))
        return [candidate in found for candidate in candidates]

    assert kept(None, "a") == kept(None, None) == [True, False]
    assert kept("a", "b") == [True, True]
