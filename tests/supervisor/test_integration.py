"""Integration of new lines and the budget of evidence: every number is worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from projects import ROOT

from diziner.guideline.file import load_guideline
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.guideline import Example, Guideline, Instruction, Receipt
from diziner.supervisor.apply import Change, Decision, integrate, numbered, shown_words, words_that_stand
from diziner.supervisor.at_once.shown_groups import shown_groups, with_ids
from diziner.supervisor.bounds import Candidate
from diziner.supervisor.evidence import receipt_of
from diziner.supervisor.outline import Outline


def line(number: str, text: str, *examples: Example, children: tuple[Instruction, ...] = ()) -> Instruction:
    return Instruction(number, text, examples, children, Receipt(1, "new", documents=(f"of {number}",)))


EXAMPLE = Example("Ada met Bob", "person", "a first name", "")  # 3 + 1 + 3 words
PLAIN = replace(load_guideline(ROOT / "data/conll2003/guideline.yaml"), round=1, examples=())
# 4 + 7, 2 below it, 3, 1 of a person, and 3 of one annotator: 20 words stand.
BEFORE = replace(
    PLAIN,
    common=(
        line("C1.1", "a b c d", EXAMPLE, children=(line("C1.2", "e f"),)),
        line("C1.3", "g h i"),
        Instruction("H1", "j"),
    ),
    specific={"one": (line("S1.1", "k l m"),)},
)
NEW = Candidate(line("C2.1", "v w x y"))


def outcome(decision: Decision, max_change: float | None = None, candidate: Candidate = NEW) -> tuple[str, float]:
    after = integrate(BEFORE, [candidate], {candidate.instruction.id: decision}, None, max_change)
    return after.outcomes[candidate.instruction.id], after.changed_share


def test_words_are_counted_with_children_and_examples() -> None:
    assert words_that_stand(BEFORE) == 20
    assert shown_words(BEFORE) == 20
    assert shown_words(replace(BEFORE, specific={**BEFORE.specific, "two": (line("S1.2", "n o"),)})) == 20
    assert shown_words(PLAIN) == 0


def test_a_replacement_costs_its_words_and_the_examples_that_go_with_the_line_a_merge_keeps_them() -> None:
    replacing = Decision("C2.1", "replace", "C1.1")
    assert outcome(replacing) == ("replaced C1.1", 11 / 20)
    merging = Decision("C2.1", "merge", "C1.1", text="a b c d and e")
    assert outcome(merging) == ("merged into C1.1", 2 / 20)
    after = integrate(BEFORE, [NEW], {"C2.1": merging}).guideline.common[0]
    assert (after.text, after.examples, [child.id for child in after.children]) == (
        "a b c d and e",
        (EXAMPLE,),
        ["C1.2"],
    )
    assert after.receipt == Receipt(2 - 1, "modified", documents=("of C1.1", "of C2.1"))
    replaced = integrate(BEFORE, [NEW], {"C2.1": replacing}).guideline.common[0]
    assert (replaced.id, replaced.examples, [child.id for child in replaced.children]) == ("C2.1", (), ["C1.2"])


def test_a_change_of_just_the_share_is_within_the_limit() -> None:
    replacing = Decision("C2.1", "replace", "C1.1")
    assert outcome(replacing, 0.55) == ("replaced C1.1", 0.55)
    assert outcome(replacing, 0.549) == ("waits: over the change limit", 0.0)
    merging = Decision("C2.1", "merge", "C1.3", text="g h i and more")
    assert outcome(merging, 0.1) == ("merged into C1.3", 0.1)
    assert outcome(merging, 0.05) == ("added: the merge into C1.3 is over the change limit", 0.0)
    retiring = integrate(BEFORE, [], {}, None, 0.15, [Change("C1.3", "retire")])
    assert (retiring.outcomes, retiring.changed_share) == ({"C1.3": "retired"}, 0.15)
    kept = integrate(BEFORE, [], {}, None, 0.149, [Change("C1.3", "retire")])
    assert (kept.outcomes, kept.changed_share) == ({"C1.3": "kept: over the change limit"}, 0.0)


def test_a_retired_line_counts_without_its_children_which_take_its_place() -> None:
    after = integrate(
        BEFORE, [], {}, changes=[Change("C1.1", "retire"), Change("C1.1", "retire"), Change("X", "retire")]
    )
    assert [top.id for top in after.guideline.common] == ["C1.2", "C1.3", "H1"]
    assert (after.outcomes, after.changed_share) == ({"C1.1": "retired"}, 11 / 20)
    every = [Change(name, "retire") for name in ("C1.1", "C1.2", "C1.3", "S1.1", "H1")]
    bare = integrate(BEFORE, [], {}, changes=every)
    assert [top.id for top in bare.guideline.common] == ["H1"] and bare.guideline.specific == {}
    assert bare.changed_share == 19 / 20


@pytest.mark.parametrize(
    ("decision", "replaces", "expected"),
    [
        (Decision("C2.1"), "", "added"),
        (Decision("C2.1", "nonsense", "C1.3"), "", "added"),
        (Decision("C2.1", "add", "C1.3"), "", "added"),
        (Decision("C2.1"), "C1.3", "replaced C1.3"),
        (Decision("C2.1", "add", "C1.1"), "C1.3", "replaced C1.1"),
        (Decision("C2.1", "replace"), "", "added"),
        (Decision("C2.1", "merge", "C1.3"), "", "added"),
        (Decision("C2.1", "replace", "C2.1"), "", "added: C2.1 is no line that stands"),
        (Decision("C2.1", "replace", "H1"), "", "added: H1 is a person's line"),
        (Decision("C2.1", "replace", "S1.1"), "", "added: S1.1 is no line that stands"),
        (Decision("C2.1", parent="C1.2"), "", "added below C1.1"),
        (Decision("C2.1", parent="X"), "", "added"),
        (Decision("C2.1", "merge", "C1.3", text="A b C  d."), "", "dropped: already there"),
    ],
)
def test_what_a_decision_comes_to(decision: Decision, replaces: str, expected: str) -> None:
    assert outcome(decision, candidate=replace(NEW, replaces=replaces))[0] == expected


def test_a_line_is_changed_once_and_a_new_one_is_no_target() -> None:
    candidates = [NEW, Candidate(line("C2.2", "z z")), Candidate(line("C2.3", "q q"))]
    decisions = {
        "C2.1": Decision("C2.1", "replace", "C1.3"),
        "C2.2": Decision("C2.2", "merge", "C1.3", text="g h i z"),
        "C2.3": Decision("C2.3", "replace", "C2.1"),
    }
    after = integrate(BEFORE, candidates, decisions)
    assert after.outcomes == {
        "C2.1": "replaced C1.3",
        "C2.2": "added: C1.3 was changed before",
        "C2.3": "added: C2.1 is no line that stands",
    }
    late = integrate(BEFORE, candidates[1:2], {"C2.2": decisions["C2.2"]}, changes=[Change("C1.3", "retire")])
    assert late.outcomes == {"C2.2": "added: C1.3 was changed before", "C1.3": "retired"}


def test_what_was_changed_is_not_retired_and_is_placed_all_the_same() -> None:
    merging = {"C2.1": Decision("C2.1", "merge", "C1.3", text="g h i and more")}
    changes = [Change("C1.3", "place", after="first"), Change("C1.1", "place", "C1.3"), Change("X", "place")]
    after = integrate(BEFORE, [NEW], merging, changes=changes)
    assert [top.id for top in after.guideline.common] == ["C1.3", "C1.1", "H1"]
    # C1.1 has a line below it, so it cannot go below another.
    assert after.outcomes == {"C2.1": "merged into C1.3", "C1.3": "placed"}


def test_the_limit_of_words_is_that_of_the_annotator_who_is_shown_most() -> None:
    own = Candidate(line("S2.1", "v w x"), "two")
    assert integrate(BEFORE, [own], {}, max_words=20).outcomes == {"S2.1": "added"}
    assert integrate(BEFORE, [NEW], {}, max_words=24).outcomes == {"C2.1": "added"}
    over = integrate(BEFORE, [NEW, own], {}, max_words=23)
    assert over.outcomes == {"C2.1": "waits: over the length limit", "S2.1": "added"}
    assert over.waiting == (NEW,) and set(over.guideline.specific) == {"one", "two"}
    none_specific = replace(BEFORE, specific={})
    assert integrate(none_specific, [NEW], {}, max_words=21).outcomes == {"C2.1": "added"}
    assert integrate(none_specific, [NEW], {}, max_words=20).outcomes == {"C2.1": "waits: over the length limit"}


def test_ids_are_those_of_the_next_round_and_counted_apart() -> None:
    stands = replace(
        BEFORE, common=(*BEFORE.common, Instruction("C2.2", "mine")), specific={"one": (line("S2.1", "x"),)}
    )
    candidates = [
        Candidate(line("", text), who) for text, who in (("a", None), ("b", "one"), ("c", None), ("d", "two"))
    ]
    assert [c.instruction.id for c in numbered(candidates, stands)] == ["C2.1", "S2.2", "C2.3", "S2.3"]


def test_an_outline_is_changed_by_value() -> None:
    outline = Outline(BEFORE.common)
    new = line("N", "n", children=(line("M", "m"),))
    assert [top.id for top in outline.beside(new).tops] == ["C1.1", "C1.3", "H1", "N"]
    assert [top.id for top in outline.beside(new, "first").tops] == ["N", "C1.1", "C1.3", "H1"]
    assert [top.id for top in outline.beside(new, "C1.2").tops] == ["C1.1", "N", "C1.3", "H1"]
    assert [top.id for top in outline.beside(new, "X").tops] == ["C1.1", "C1.3", "H1", "N"]
    assert [child.id for child in outline.below("C1.1", new).tops[0].children] == ["C1.2", "N"]
    [child] = outline.with_line("C1.2", new).tops[0].children
    assert (child.id, child.children) == ("N", ())
    moved = outline.moved("C1.1", "", "C1.3")
    assert moved is not None
    assert [(top.id, len(top.children)) for top in moved.tops] == [("C1.3", 0), ("C1.1", 1), ("H1", 0)]
    lifted = outline.moved("C1.2", "", "first")
    assert lifted is not None
    assert [(top.id, len(top.children)) for top in lifted.tops] == [("C1.2", 0), ("C1.1", 0), ("C1.3", 0), ("H1", 0)]
    below = outline.moved("C1.3", "C1.2", "")
    assert below is not None
    assert [(top.id, [c.id for c in top.children]) for top in below.tops] == [("C1.1", ["C1.2", "C1.3"]), ("H1", [])]
    for name, parent, after in (
        ("X", "", ""),
        ("C1.3", "X", ""),
        ("C1.3", "C1.3", ""),
        ("C1.1", "C1.2", ""),
        ("C1.1", "C1.3", ""),
        ("C1.3", "", "C1.3"),
    ):
        assert outline.moved(name, parent, after) is None, (name, parent, after)
    assert outline.tops == BEFORE.common


def group(name: str, count: int) -> ErrorGroup:
    examples = tuple(
        ErrorExample(f"{name}{n}:0-1", f"{name}{n}", 0, 1, "Bonn", f"«Bonn» {n}", "location", ("a",), (), "minor")
        for n in range(count)
    )
    return ErrorGroup("Ent_to_O", name, count, count, examples)


@pytest.mark.parametrize("pad", range(4))  # every remainder of characters by token
def test_evidence_is_shortened_until_it_fits_and_no_further(pad: int) -> None:
    groups = with_ids([group(f"alpha{'x' * pad}", 11), group("beta", 6), group("gamma", 1)], "G")
    assert list(groups) == ["G1", "G2", "G3"]
    whole = shown_groups(groups)
    smallest: dict[int, tuple[int, str]] = {}
    for budget in range(len(whole) // 4 + 2, 0, -1):
        text = shown_groups(groups, budget)
        assert len(text) <= 4 * budget or "«Bonn»" not in text
        smallest[text.count("«Bonn»")] = budget, text
    # 10 + 6 + 1 of them at most, then five, three, two and one of each kind; then kinds are left out.
    counts = list(smallest)
    assert counts[:5] == [17, 11, 7, 5, 3] and counts[-1] == 0 and counts == sorted(counts, reverse=True)
    assert smallest[17][1] == whole
    for count in counts[:5]:
        budget, text = smallest[count]
        assert budget == -(-len(text) // 4)


def test_a_budget_of_nothing_names_every_kind() -> None:
    groups = with_ids([group("alpha", 2), group("beta", 1)], "E")
    text = shown_groups(groups, 0)
    assert "«Bonn»" not in text
    assert "E1 alpha (2 mentions)" in text and "E2 beta (1 mention)" in text


def test_a_receipt_has_the_first_examples_of_each_kind_once() -> None:
    many, few = group("alpha", 5), group("beta", 1)
    receipt = receipt_of(3, [many, few, few], ["k1", "k2", "k1"])
    assert receipt == Receipt(
        3,
        "new",
        ("alpha0:0-1", "alpha1:0-1", "alpha2:0-1", "beta0:0-1"),
        ("alpha0", "alpha1", "alpha2", "beta0"),
        ("k1", "k2"),
    )
    assert len(receipt_of(3, [many], [], shown=None).documents) == 5


def test_a_guideline_in_which_nothing_stands_changes_by_nothing() -> None:
    after = integrate(PLAIN, [NEW], {}, max_change=0.0)
    assert (after.outcomes, after.changed_share) == ({"C2.1": "added"}, 0.0)
    assert after.guideline == replace(PLAIN, round=2, common=(NEW.instruction,))


def same(guideline: Guideline) -> Guideline:
    return integrate(guideline, [], {}).guideline


def test_what_stands_is_retained_and_a_person_s_line_has_no_receipt() -> None:
    after = same(BEFORE)
    assert [line.receipt and line.receipt.status for line in after.common] == ["retained", "retained", None]
    assert [child.receipt and child.receipt.status for child in after.common[0].children] == ["retained"]
    assert (after.round, words_that_stand(after)) == (2, 20)


def test_no_more_kinds_are_left_out_than_the_budget_asks_for() -> None:
    groups = with_ids([group(f"kind{number:02}", 1) for number in range(40)], "G")
    for left in (1, 5, 20):
        wanted = dict(list(groups.items())[: 40 - left])
        budget = len(shown_groups(wanted)) // 4 + 12 * left  # with room for the names of those that are left out
        shown = shown_groups(groups, budget).count("«Bonn»")
        assert 40 - 2 * left - 2 <= shown < 40, (left, shown)
