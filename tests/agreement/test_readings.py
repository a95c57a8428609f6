"""Examples of disagreements: whole mentions of the consensus, and what each annotator marks in their place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agreement.test_analysis_of_any_round import TYPES, Round, rounds
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.agreement.analysis import Analysis, analyse, annotator_errors
from diziner.agreement.settings import AnalysisSettings
from diziner.common.errors import UserError
from diziner.records.annotations import Annotation, Span
from diziner.records.disagreements import ErrorExample
from diziner.records.documents import Document
from diziner.spans.tags import tags_to_spans

TEXT = "the Bank of England raised rates"
BANK = Document("d0", tuple(TEXT.split()), TEXT)
FULL = "O B-ORG I-ORG I-ORG O O"
TOKENS = AnalysisSettings()
MENTIONS = replace(TOKENS, readings="mentions")


def bank(chosen: AnalysisSettings, **tags: str) -> Analysis:
    rows = {name: [Annotation("d0", tags_to_spans(line.split()))] for name, line in tags.items()}
    return analyse([BANK], rows, TYPES, chosen)


def only_example(found: Analysis) -> ErrorExample:
    (group,) = found.groups
    (example,) = group.examples
    return example


@pytest.mark.parametrize(
    ("line", "reading"),
    [
        ("O B-ORG O O O O", 'ORG "Bank"'),
        ("O O O B-ORG O O", 'ORG "England"'),
        ("B-ORG I-ORG I-ORG I-ORG O O", 'ORG "the Bank of England"'),
        ("O B-ORG O B-ORG O O", 'ORG "Bank"; ORG "England"'),
        ("O B-ORG I-ORG I-ORG I-ORG I-ORG", 'ORG "Bank of England raised rates"'),
    ],
)
def test_other_bounds_are_shown_as_the_mention_that_they_make(line: str, reading: str) -> None:
    example = only_example(bank(MENTIONS, one=FULL, two=FULL, other=line))
    assert example.alternatives == ((reading, ("other",)),)
    assert example.agreeing == ("one", "two")
    # The mention of the consensus is shown whole, with what disputed tokens there are outside it.
    whole = "«Bank of England" in example.context or "«the Bank of England»" in example.context
    assert whole and example.span_text in TEXT
    assert example.consensus == ("ORG" if example.span_text == "Bank of England" else 'ORG "Bank of England"')


def test_a_shortened_mention_was_read_as_nothing_before() -> None:
    tags = {"one": FULL, "two": FULL, "short": "O B-ORG O O O O"}
    before, now = only_example(bank(TOKENS, **tags)), only_example(bank(MENTIONS, **tags))
    assert (before.span_text, before.alternatives) == ("of England", (("O", ("short",)),))
    assert (now.span_text, now.start, now.end, now.consensus) == ("Bank of England", 1, 4, "ORG")
    assert now.context == "the «Bank of England» raised rates"
    assert now.alternatives == (('ORG "Bank"', ("short",)),)


def test_one_that_misses_a_mention_stands_beside_those_that_cut_it_or_name_it_otherwise() -> None:
    tags = {"a": FULL, "b": FULL, "c": FULL, "cut": "O B-ORG O O O O", "none": "O O O O O O"}
    found = bank(MENTIONS, **tags, place="O O O B-LOC O O")
    by_subtype = {group.subtype: group.examples[0] for group in found.groups}
    assert set(by_subtype) == {"ORG_bounds", "ORG_to_O", "ORG_to_LOC"}
    for example in by_subtype.values():
        assert (example.span_text, example.consensus, example.agreeing) == ("Bank of England", "ORG", ("a", "b", "c"))
        assert sorted(example.alternatives) == [
            ('LOC "England"', ("place",)),
            ("O", ("none",)),
            ('ORG "Bank"', ("cut",)),
        ]


def test_one_long_mention_is_one_example_though_its_disputed_tokens_are_far_apart() -> None:
    text = "a b c d e f g h"
    line = " ".join(["B-ORG", *["I-ORG"] * 7])
    document = Document("d0", tuple(text.split()), text)
    tags = {"one": line, "two": line, "inner": "O B-ORG I-ORG I-ORG I-ORG I-ORG I-ORG O"}
    rows = {name: [Annotation("d0", tags_to_spans(own.split()))] for name, own in tags.items()}
    before, now = (annotator_errors(analyse([document], rows, TYPES, kind), "inner") for kind in (TOKENS, MENTIONS))
    assert [(group.tokens, group.mentions) for group in before] == [(3, 2)]
    (group,) = now
    assert (group.tokens, group.mentions) == (3, 1)
    (example,) = group.examples
    assert (example.span_text, example.consensus) == (text, "ORG")
    assert example.alternatives == (('ORG "b c d e f g"', ("inner",)),)


def test_tokens_beside_a_mention_are_shown_with_what_is_meant_there() -> None:
    found = bank(MENTIONS, one=FULL, two=FULL, place="B-LOC I-LOC I-LOC I-LOC O O")
    for group in found.groups:
        (example,) = group.examples
        assert (example.span_text, example.consensus) == ("the Bank of England", 'ORG "Bank of England"')
        assert example.alternatives == (('LOC "the Bank of England"', ("place",)),)
    assert {group.subtype for group in found.groups} == {"O_to_LOC", "ORG_to_LOC"}


def test_a_mention_that_joins_others_is_one_example() -> None:
    text = "a b c d e f g h i"
    document = Document("d0", tuple(text.split()), text)
    listed = "B-ORG I-ORG I-ORG I-ORG B-ORG I-ORG I-ORG I-ORG B-ORG"
    rows = {
        name: [Annotation("d0", tags_to_spans(line.split()))]
        for name, line in (("one", listed), ("two", listed), ("joins", " ".join(["B-ORG", *["I-ORG"] * 8])))
    }
    found = analyse([document], rows, TYPES, replace(MENTIONS, consensus="bio"))
    assert [hotspot.id for hotspot in found.hotspots] == ["d0:4-5", "d0:8-9"]
    assert found.groups == annotator_errors(found, "joins")
    (group,) = found.groups
    assert (group.subtype, group.tokens, group.mentions) == ("ORG_bounds", 2, 1)
    (example,) = group.examples
    assert (example.span_text, example.consensus) == (text, 'ORG "a b c d"; ORG "e f g h"; ORG "i"')
    assert example.alternatives == ((f'ORG "{text}"', ("joins",)),)
    assert example.hotspot == "d0:4-5"


@settings(max_examples=100)
@given(rounds(), st.sampled_from(("io", "bio")))
def test_every_reading_is_what_the_annotator_marked_around_the_mention(given_round: Round, kind: str) -> None:
    documents, rows = given_round
    chosen = replace(MENTIONS, consensus=kind, examples_per_group=1000)
    found = analyse(documents, rows, TYPES, chosen)
    texts = {document.id: document for document in documents}
    spans = {(name, row.id): row.spans for name, own in rows.items() for row in own if row.failure is None}
    groups = [*found.groups, *(group for name in rows for group in annotator_errors(found, name))]
    for example in (example for group in groups for example in group.examples):
        tokens = texts[example.document].tokens
        assert example.span_text == " ".join(tokens[example.start : example.end])

        place = (example.start, example.end)
        agreed = [
            (s.start, s.end)
            for s in found.consensus[example.document]
            if s.start < example.end and s.end > example.start
        ]
        # No mention of the consensus is cut.
        assert all(example.start <= start and end <= example.end for start, end in agreed)
        bare = agreed in ([], [place])

        def reading(
            marked: tuple[Span, ...],
            place: tuple[int, int] = place,
            bare: bool = bare,
            words: tuple[str, ...] = tokens,
        ) -> str:
            touching = [s for s in marked if s.start < place[1] and s.end > place[0]]
            parts = [
                s.type if bare and (s.start, s.end) == place else f'{s.type} "{" ".join(words[s.start : s.end])}"'
                for s in touching
            ]
            return "; ".join(parts) or "O"

        assert example.consensus == reading(found.consensus[example.document])
        readings = {name: reading for reading, names in example.alternatives for name in names}
        assert readings
        for name, own in readings.items():
            assert own == reading(spans[name, example.document]) != example.consensus
        for name in example.agreeing:
            assert reading(spans[name, example.document]) == example.consensus


@settings(max_examples=50)
@given(rounds())
def test_the_kind_of_reading_changes_no_count(given_round: Round) -> None:
    documents, rows = given_round
    before, now = (analyse(documents, rows, TYPES, chosen) for chosen in (TOKENS, MENTIONS))
    assert [(g.family, g.subtype, g.tokens) for g in now.groups] == [
        (g.family, g.subtype, g.tokens) for g in before.groups
    ]
    assert (now.totals, now.consensus, now.hotspots) == (before.totals, before.consensus, before.hotspots)
    assert all(new.mentions <= old.mentions for new, old in zip(now.groups, before.groups, strict=True))


def test_other_kinds_are_refused() -> None:
    with pytest.raises(UserError, match="readings: unknown kind 'spans'; one of tokens, mentions"):
        AnalysisSettings(readings="spans")
