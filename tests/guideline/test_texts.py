"""Texts of a guideline: examples in brackets, examples from agreement, choices about conflicts, words that differ."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.guideline.agreed import agreed_from_json, agreed_to_json, check_agreed, worked
from diziner.guideline.choices import choices_from, decision_for, with_choices, without_choice
from diziner.guideline.file import instruction_to_json
from diziner.guideline.instruction_examples import plain_text, with_labels, with_names
from diziner.guideline.lines import guideline_lines
from diziner.guideline.word_edits import changed_words, common_words, word_edits
from diziner.records.annotations import Span
from diziner.records.guideline import (
    AgreedExample,
    AgreedExamples,
    Choice,
    EntityType,
    Example,
    Goal,
    Guideline,
    Instruction,
)

TYPES = (EntityType("PER", "person", "a human"), EntityType("LOC", "place", "a place"))


def test_examples_of_instructions_name_types_as_annotators_know_them() -> None:
    marked, said = Example("[Ada|PER] of [York|LOC]"), Example("[sic] Ada|PER", "no entity")
    below = Instruction("C1.1", "Below.", (marked,))
    found = with_names([Instruction("C1", "Above.", (marked, said), (below,))], TYPES)
    assert found[0].examples == (Example("[Ada|person] of [York|place]"), said)
    assert found[0].children[0].examples == (Example("[Ada|person] of [York|place]"),)
    assert plain_text(marked) == "Ada of York"
    assert plain_text(said) == "[sic] Ada|PER"


def test_an_instruction_is_written_and_read_without_what_is_empty() -> None:
    full = Example("[Ada|PER] sang", "", "a name", "Ada sang")
    said = Example("Oslo", "no entity")
    below = Instruction("C1.1", "Below.", (said,))
    value = instruction_to_json(Instruction("C1", "Above.", (full,), (below,)))
    assert value == {
        "id": "C1",
        "text": "Above.",
        "examples": [{"text": "[Ada|PER] sang", "explanation": "a name", "error": "Ada sang"}],
        "children": [{"id": "C1.1", "text": "Below.", "examples": [{"text": "Oslo", "annotation": "no entity"}]}],
    }
    guideline = Guideline(
        "x", 0, Goal("Names.", "", "", ""), TYPES, common=(Instruction("C1", "Above.", (full,), (below,)),)
    )
    lines = guideline_lines(guideline)["instructions", ""]
    assert [(line.kind, line.depth, line.text) for line in lines] == [
        ("instruction", 0, "Above."),
        ("example", 1, "[Ada|PER] sang (a name) wrong: Ada sang"),
        ("instruction", 1, "Below."),
        ("example", 2, "Oslo → no entity"),
    ]


def test_a_type_is_known_by_its_label_and_its_name_in_any_case() -> None:
    assert with_labels("[Ada|Person] of [York|loc] [Bo|PER]", TYPES) == "[Ada|PER] of [York|LOC] [Bo|PER]"
    with pytest.raises(UserError, match=re.escape("[Ada L|human]: no such type; there are: person, place")):
        with_labels("of [Ada L|human]", TYPES)


EXAMPLES = AgreedExamples(
    "types",
    2,
    (
        AgreedExample("[Ada|PER] is in York", 1, "d1", ("a", "b"), 0.875),
        AgreedExample("[New York|LOC] !", 0, "d2", ("a", "c"), 1.0, "New\u00a0York!"),
    ),
)


def test_examples_from_agreement_come_back_from_their_file_and_show_their_mentions() -> None:
    assert agreed_from_json(agreed_to_json(EXAMPLES)) == EXAMPLES
    assert agreed_from_json(None) is None
    first, second = map(worked, EXAMPLES.examples)
    assert (first.tokens, first.text, first.spans) == (
        ("Ada", "is", "in", "York"),
        "Ada is in York",
        (Span(0, 1, "PER"),),
    )
    assert (first.mentions, second.mentions) == ([("Ada", "PER")], [("New\u00a0York", "LOC")])


def test_an_example_from_agreement_that_cannot_be_is_named() -> None:
    check_agreed(None, [], "g.yaml")
    check_agreed(EXAMPLES, ["PER", "LOC"], "g.yaml")
    with pytest.raises(UserError, match=re.escape("g.yaml: agreed.examples[1]: label LOC; allowed: PER, MISC")):
        check_agreed(EXAMPLES, ["PER", "MISC"], "g.yaml")
    with pytest.raises(UserError, match=re.escape("here: bracket notation, column 1: ")):
        worked(AgreedExample("[Ada", 0, "d", ("a",), 1.0), "here")
    with pytest.raises(UserError, match=r"here: .*'Ada'"):
        worked(AgreedExample("[Ada|PER]", 0, "d", ("a",), 1.0, "Eve"), "here")


FILE = """# a guideline
choices: # of people
- conflict: a_to_b
  decision: b
  # about c
- conflict: c_to_d
  decision: c
left_out: []
"""
HELD = (Choice("a_to_b", "b"), Choice("c_to_d", "c"))


def test_choices_are_put_into_a_file_and_taken_out_with_all_else_as_it_was() -> None:
    new = [Choice("c_to_d", "d is right"), Choice("e_to_f", "f"), Choice("e_to_f", "e")]
    text = with_choices(FILE, HELD, new)
    assert yaml.safe_load(text)["choices"] == [
        {"conflict": "a_to_b", "decision": "b"},
        {"conflict": "c_to_d", "decision": "d is right"},
        {"conflict": "e_to_f", "decision": "e"},
    ]
    assert all(line in text.splitlines() for line in FILE.splitlines() if line != "  decision: c")
    assert yaml.safe_load(without_choice(FILE, HELD, "c_to_d"))["choices"] == [{"conflict": "a_to_b", "decision": "b"}]


def test_a_decision_is_said_with_what_it_rules_out() -> None:
    assert decision_for(["person", "place"], "place") == "place is right, not person"
    assert decision_for(["person"], "person") == "person is right"


def test_a_file_of_choices_is_read_or_its_mistake_is_named() -> None:
    conflicts = {f"k{n}_to_l{n}": f"kept {n}" for n in range(10)}
    given = {"k1_to_l1": " one \n two ", "k2_to_l2": None}
    assert choices_from(given, conflicts, "c.yaml") == [Choice("kept 1", "one two")]
    with pytest.raises(UserError, match=re.escape("c.yaml: must map conflicts to decisions, such as `kept 0: text`")):
        choices_from(["k1_to_l1"], conflicts, "c.yaml")

    def refused(name: str, conflicts: dict[str, str]) -> str:
        with pytest.raises(UserError) as error:
            choices_from({name: "x"}, conflicts, "c.yaml")
        return str(error.value).partition("there are: ")[2]

    nearest = refused("k3_to_l33", conflicts)
    assert nearest.startswith("k3_to_l3, ") and nearest.endswith(", …")
    few = {"person_to_place": "p", "person_to_group": "g"}
    assert refused("persn_to_place", few) == "person_to_place, person_to_group"
    assert refused("zzz", few) == "person_to_place, person_to_group"
    assert refused("zzz", conflicts) == ", ".join(list(conflicts)[:8]) + ", …"
    assert refused("zzz", {}) == "none"


texts = st.lists(st.sampled_from(["a", "b", "B", "c", " ", "  ", ",", "."]), max_size=12).map("".join)


@given(texts, texts)
def test_spaces_alone_are_kept_at_the_ends_only_and_no_edit_is_empty(before: str, after: str) -> None:
    edits = word_edits(before, after)
    assert all(edit.text for edit in edits)
    assert not any(edit.mark == "=" and edit.text.isspace() for edit in edits[1:-1])
    marks = [edit.mark for edit in edits]
    assert all(one != other for one, other in pairwise(marks))


@given(texts, texts)
def test_words_in_common_and_words_that_differ_are_counted(before: str, after: str) -> None:
    words = [re.findall(r"\w+", text.casefold()) for text in (before, after)]
    share, changed = common_words(before, after), changed_words(before, after)
    assert share == common_words(before.upper(), f" {after}!")
    assert (share == 1) == (words[0] == words[1]) == (changed == 0)
    if not set(words[0]) & set(words[1]):
        assert changed == max(map(len, words))


def test_a_text_of_which_hardly_a_word_is_left_is_replaced_whole() -> None:
    assert [tuple(e) for e in word_edits("a b c d e f g", "a x y z u v w")] == [
        ("-", "a b c d e f g"),
        ("+", "a x y z u v w"),
    ]
    assert [tuple(e) for e in word_edits("a b c", "a x y")] == [("=", "a "), ("-", "b c"), ("+", "x y")]
    assert common_words("a b c d e f g", "a x y z u v w") == 0.0
    assert common_words("a b c", "a x y") == pytest.approx(1 / 3)


def test_words_that_a_long_text_repeats_count_as_others_do() -> None:
    long = "a b " * 150
    assert common_words(long, f"c {long}") == pytest.approx(600 / 601)
    assert changed_words(long, f"c {long}") == 1
    assert [tuple(edit) for edit in word_edits(long, f"c {long}")] == [("+", "c "), ("=", long)]
