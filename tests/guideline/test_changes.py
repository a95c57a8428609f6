"""Changes between two guidelines: every line, every word, on terminals of any width and in markdown."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from projects import ROOT

from diziner.commands.guideline.terminal import change_text
from diziner.commands.guideline.wording import change_markdown
from diziner.guideline.changes import MODIFIED, NEW, REMOVED, RETAINED, GuidelineChange, LineChange, compare_guidelines
from diziner.guideline.file import load_guideline
from diziner.guideline.lines import guideline_lines
from diziner.guideline.word_edits import common_words, word_edits
from diziner.records.guideline import Choice, EntityType, Example, Goal, Guideline, Instruction, Receipt

GOAL = Goal("Letters of a town.", "Mark who and where.", "Whole names.", "An index.")
TYPES = (
    EntityType("PER", "person", "a name of one", ("Ada",), ("the nurse",)),
    EntityType("LOC", "location", "a place"),
)
RECEIPT = Receipt(1, "new", ("d1:0-2", "d2:3-4"), ("d1", "d2"), ("a" * 64,))


def line(name: str, text: str, *examples: Example, children: tuple[Instruction, ...] = ()) -> Instruction:
    return Instruction(name, text, examples, children, RECEIPT)


def guideline(*common: Instruction, **rest: object) -> Guideline:
    return replace(Guideline("letters", 0, GOAL, TYPES, common=common), **rest)  # type: ignore[arg-type]


def lines(change: GuidelineChange, part: str, annotator: str = "") -> list[LineChange]:
    return [entry for b in change.blocks if (b.part, b.annotator) == (part, annotator) for entry in b.lines]


def statuses(change: GuidelineChange, part: str = "instructions", annotator: str = "") -> list[tuple[str, str]]:
    return [(entry.status, entry.line.text) for entry in lines(change, part, annotator)]


words = st.lists(st.sampled_from(["mark", "leave", "a", "city", "as", "place", ",", "\n"]), max_size=6).map(" ".join)
texts = words.filter(str.strip)
examples = st.lists(st.builds(Example, texts, st.sampled_from(["person", "", "no entity"]), words), max_size=2).map(
    tuple
)
receipts = st.sampled_from([None, RECEIPT, replace(RECEIPT, status="retained")])


@st.composite
def instructions(draw: st.DrawFn, prefix: str) -> tuple[Instruction, ...]:
    numbers = draw(st.lists(st.integers(0, 5), max_size=4, unique=True))
    children = st.builds(Instruction, st.sampled_from([f"{prefix}x{n}" for n in range(3)]), texts, examples)
    return tuple(
        Instruction(
            f"{prefix}{number}",
            draw(texts),
            draw(examples),
            tuple(draw(st.lists(children, max_size=2, unique_by=lambda child: child.id))) if not place else (),
            draw(receipts),
        )
        for place, number in enumerate(numbers)
    )


guidelines = st.builds(
    Guideline,
    st.just("letters"),
    st.integers(0, 3),
    st.builds(Goal, words, words, words, words),
    st.lists(
        st.builds(
            EntityType,
            st.sampled_from(["PER", "LOC", "ORG"]),
            texts,
            words,
            st.lists(texts, max_size=2).map(tuple),
            st.lists(texts, max_size=2).map(tuple),
        ),
        max_size=3,
        unique_by=lambda t: t.label,
    ).map(tuple),
    st.lists(texts, max_size=3).map(tuple),
    instructions("C"),
    st.dictionaries(st.sampled_from(["a", "b"]), instructions("S")),
    st.lists(st.builds(Choice, st.sampled_from(["x", "y"]), texts), max_size=2).map(tuple),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple),
)


def said(value: Guideline) -> Guideline:
    """A guideline without what no model is told: receipts, its number, blocks of nobody's lines."""

    def plain(entries: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
        return tuple(replace(entry, receipt=None, children=plain(entry.children)) for entry in entries)

    specific = {name: plain(entries) for name, entries in value.specific.items() if entries}
    return replace(value, round=0, common=plain(value.common), specific=specific)


@settings(max_examples=60)
@given(guidelines, guidelines)
def test_a_change_holds_both_versions_whole_and_is_none_only_between_equals(
    before: Guideline, after: Guideline
) -> None:
    change = compare_guidelines(before, after)
    assert change.changed == (said(before) != said(after))
    assert not compare_guidelines(before, replace(before, round=9)).changed
    old, new = guideline_lines(before), guideline_lines(after)
    for block in change.blocks:
        key = (block.part, block.annotator)
        assert [entry.after for entry in block.lines if entry.after] == new.get(key, [])
        left = [entry.before for entry in block.lines if entry.before]
        assert sorted(map(repr, left)) == sorted(map(repr, old.get(key, [])))
        for entry in block.lines:
            was = "".join(text for mark, text in entry.edits if mark != "+")
            now = "".join(text for mark, text in entry.edits if mark != "-")
            assert was == (entry.before.text if entry.before else "")
            assert now == (entry.after.text if entry.after else "")
    counts = change.counts()
    assert counts[RETAINED] + counts[MODIFIED] + counts[NEW] == sum(map(len, new.values()))
    assert counts[RETAINED] + counts[MODIFIED] + counts[REMOVED] == sum(map(len, old.values()))


@settings(max_examples=30)
@given(guidelines, guidelines, st.integers(1, 200))
def test_every_output_shows_any_change_within_its_width(before: Guideline, after: Guideline, width: int) -> None:
    change = compare_guidelines(before, after)
    text, markdown = change_text(change, width), change_markdown(change)
    titles = ("letters round", "Instructions for", "Example sentences", "Annotators left")
    assert all(len(row) <= max(width, 40) for row in text.splitlines() if not row.startswith(titles))
    for entry in (entry for block in change.blocks for entry in block.lines if entry.changed):
        assert all(word in text and word in markdown for word in re.findall(r"\w+", entry.line.text))


@given(words, words)
def test_word_edits_lead_from_one_text_to_the_other(before: str, after: str) -> None:
    steps = word_edits(before, after)
    assert "".join(e.text for e in steps if e.mark != "+") == before
    assert "".join(e.text for e in steps if e.mark != "-") == after
    assert all(e.text for e in steps) and (before == after) == all(e.mark == "=" for e in steps)
    assert common_words(before, before) == 1.0


def test_a_line_is_known_again_by_name_by_text_and_by_likeness() -> None:
    before = guideline(
        line("C1.1", "Mark a city as location."),
        line("C1.2", "Leave titles such as Mrs outside the span of a person."),
        line("C1.3", "Mark rivers."),
        line("C1.4", "Nobody needs this line."),
    )
    after = guideline(
        line("C1.1", "Mark every city as location."),
        line("C2.1", "Leave titles such as Mrs and Dr outside the span of a person."),
        line("H1", "Mark rivers."),
        line("C2.2", "Dates are never mentions."),
    )
    change = compare_guidelines(before, after)
    assert statuses(change) == [
        (MODIFIED, "Mark every city as location."),
        (MODIFIED, "Leave titles such as Mrs and Dr outside the span of a person."),
        (MODIFIED, "Mark rivers."),
        (REMOVED, "Nobody needs this line."),
        (NEW, "Dates are never mentions."),
    ]
    assert "~ C1.2 → C2.1 Leave titles such as Mrs{+ and Dr+} outside the" in change_text(change, 100)
    assert "~ C1.3 → H1 Mark rivers." in change_text(change, 100)
    assert change.counts() == {"retained": 10, "modified": 3, "new": 1, "removed": 1, "moved": 0}


def test_every_part_of_a_guideline_is_compared() -> None:
    example = Example("Reuters", "organization", "an agency")
    before = guideline(line("C1.1", "Mark agencies.", example), examples=("[Ada|PER] sang .",))
    after = guideline(
        line("C1.1", "Mark agencies.", replace(example, annotation="no entity")),
        goal=replace(GOAL, use="An index of people."),
        types=(replace(TYPES[0], definition="the name of one", positive=("Ada", "Mary")), TYPES[1]),
        examples=("[Ada|PER] sang .", "[York|LOC] is old ."),
        specific={"model_a": (line("S1.1", "Mark whole names."),)},
        choices=(Choice("person_to_location", "person"),),
        left_out=("model_b",),
    )
    change = compare_guidelines(before, after)
    assert {(b.part, b.annotator) for b in change.blocks if b.changed} == {
        ("goal", ""), ("types", ""), ("examples", ""), ("instructions", ""), ("instructions", "model_a"),
        ("choices", ""), ("left_out", ""),
    }  # fmt: skip
    assert [s for s, _ in statuses(change)] == [RETAINED, MODIFIED]
    assert (NEW, "Mary") in statuses(change, "types") and (MODIFIED, "the name of one") in statuses(change, "types")
    text = change_text(change, 80)
    for shown in ("use: An index{+ of people+}.", "mark: Mary", "Instructions for model_a", "Annotators left out"):
        assert shown in text
    assert "purpose:" not in text and "purpose:" in change_text(change, 80, everything=True)


def test_order_is_a_change_for_it_is_one_to_the_model() -> None:
    one, two, three = line("C1", "Mark cities."), line("C2", "Leave dates."), line("C3", "Names are whole.")
    change = compare_guidelines(guideline(one, two, three), guideline(three, one, two))
    assert change.changed and [entry.moved for entry in lines(change, "instructions")] == [True, False, False]
    below = compare_guidelines(guideline(one, two), guideline(replace(one, children=(two,))))
    assert below.counts()["moved"] == 1


def test_wide_terminals_have_two_columns_and_narrow_ones_one() -> None:
    before = guideline(line("C1.1", "Mark a city as location."))
    after = guideline(line("C1.1", "Mark a town as location."), line("C1.2", "Dates are never mentions."))
    change = compare_guidelines(before, after)
    wide = change_text(change, 150)
    assert re.search(r"~ C1\.1 Mark a \[-city-\] as location\. +│ C1\.1 Mark a \{\+town\+\} as location\.", wide)
    assert re.search(r"│ +↳ round 1, 2 hotspots \(d1:0-2, d2:3-4\), 2 documents", wide)
    narrow = change_text(change, 60)
    assert "│" not in narrow and "~ C1.1 Mark a [-city-]{+town+} as location." in narrow
    assert "\x1b[" not in narrow
    coloured = change_text(change, 60, colour=True)
    assert "\x1b[31m[-city-]\x1b[0m\x1b[32m{+town+}\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == narrow


def test_text_of_a_guideline_steers_neither_terminal_nor_page() -> None:
    hostile = "Mark \x1b[31m<b>@someone</b> \u202e [x](http://y) `*_~ as location."
    named = replace(guideline(line("C\x1b[1m", hostile)), benchmark="\x1b[2J")
    change = compare_guidelines(guideline(), named)
    assert "\x1b" not in change_text(change, 80) and "\u202e" not in change_text(change, 80)
    shown = change_markdown(change)
    assert "<b>" not in shown and "@someone" not in shown and "\x1b" not in shown
    assert r"\[x\](http://y) \`\*\_\~" in shown


def test_the_shipped_guidelines_differ_from_themselves_in_nothing() -> None:
    for path in sorted(ROOT.glob("data/*/guideline.yaml")):
        loaded = load_guideline(path)
        assert not compare_guidelines(loaded, loaded).changed
