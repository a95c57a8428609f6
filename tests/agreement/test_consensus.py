"""The consensus that keeps adjacent mentions of one type apart, against the one that merges them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from agreement.test_analysis_of_any_round import TYPES, Round, rounds
from hypothesis import given, settings
from hypothesis import strategies as st
from perf import naive_agreement as naive

from diziner.agreement.analysis import Analysis, analyse, annotator_errors
from diziner.agreement.columns import find_patterns
from diziner.agreement.consensus import vote
from diziner.agreement.settings import AnalysisSettings
from diziner.agreement.voting import weighted_consensus
from diziner.common.errors import UserError
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.spans.tags import spans_to_tags, tags_to_spans

IO, BIO = AnalysisSettings(consensus="io"), AnalysisSettings(consensus="bio")
HALF = Fraction(1, 2)
PARTIES = Document("d0", ("CDU", "/", "CSU", "SPD", "FDP"), "CDU / CSU SPD FDP")
LISTED = "B-ORG I-ORG I-ORG B-ORG B-ORG"
MERGED = "B-ORG I-ORG I-ORG I-ORG I-ORG"


def parties(chosen: AnalysisSettings, **tags: str) -> Analysis:
    rows = {name: [Annotation("d0", tags_to_spans(line.split()))] for name, line in tags.items()}
    return analyse([PARTIES], rows, TYPES, chosen)


def codes_of(*rows: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Rows of tags of one type X as codes."""
    return np.array([["OBI".index(tag) for tag in row] for row in rows], np.uint8)


def test_adjacent_mentions_stay_apart_where_most_say_so() -> None:
    tags = {"one": LISTED, "two": LISTED, "three": MERGED}
    assert parties(IO, **tags).consensus["d0"] == (Span(0, 5, "ORG"),)
    analysis = parties(BIO, **tags)
    assert analysis.consensus["d0"] == (Span(0, 3, "ORG"), Span(3, 4, "ORG"), Span(4, 5, "ORG"))


def test_a_mention_that_nobody_gave_is_no_error_of_those_who_listed_its_parts() -> None:
    tags = {"one": LISTED, "two": LISTED, "three": MERGED}
    merged, apart = parties(IO, **tags), parties(BIO, **tags)
    errors = {
        name: [
            [(g.subtype, g.tokens) for g in annotator_errors(found, annotator)] for annotator in ("one", "two", "three")
        ]
        for name, found in (("io", merged), ("bio", apart))
    }
    assert errors == {
        "io": [[("ORG_bounds", 2)], [("ORG_bounds", 2)], []],
        "bio": [[], [], [("ORG_bounds", 2)]],
    }
    assert apart.bias["one"].agreement_rate == 1.0 > merged.bias["one"].agreement_rate
    assert apart.bias["three"].agreement_rate < 1.0
    assert [tag for hotspot in apart.hotspots for tag in hotspot.consensus] == ["B-ORG", "B-ORG"]
    assert apart.columns["consensus"] == LISTED.split()
    (group,) = apart.groups
    assert [example.agreeing for example in group.examples] == [("one", "two")]


def test_only_voters_for_the_type_say_where_a_mention_begins_and_a_tie_goes_on() -> None:
    cases: list[tuple[tuple[str, ...], tuple[int | Fraction, ...], list[int]]] = [
        (("BB", "BB", "BI"), (1, 1, 1), [1, 1]),
        (("BB", "BI", "BI"), (1, 1, 1), [1, 2]),
        (("BB", "BI"), (1, 1), [1, 2]),
        (("BB", "BI", "BI"), (2, 1, 1), [1, 2]),
        (("BB", "BI", "BI"), (2 + Fraction(1, 10**30), 1, 1), [1, 1]),
        # One that marks the second token alone begins a mention there too.
        (("BB", "BI", "OB"), (1, 1, 1), [1, 1]),
        # One that marks nothing has no say in where mentions begin.
        (("BB", "BB", "BI", "OO"), (1, 1, 1, 1), [1, 1]),
        (("BB", "BI", "BI", "OO"), (1, 1, 1, 1), [1, 2]),
    ]
    for rows, weights, expected in cases:
        patterns = find_patterns(codes_of(*rows), missing=3)
        voted = vote(patterns, [Fraction(weight) for weight in weights], np.array([0, 2]), "bio")
        assert voted.tolist() == expected, rows


def test_votes_without_weight_count_equally_where_they_are_alone() -> None:
    codes = np.array([[3, 3], [1, 1], [1, 1], [1, 2]], np.uint8)
    voted = vote(find_patterns(codes, missing=3), [Fraction(1), *[Fraction(0)] * 3], np.array([0, 2]), "bio")
    assert voted.tolist() == [1, 1]


def test_documents_do_not_run_into_each_other() -> None:
    codes = codes_of("BIBI")
    voted = vote(find_patterns(codes, missing=3), [Fraction(1)], np.array([0, 2, 4]), "io")
    assert voted.tolist() == [1, 2, 1, 2]
    codes = codes_of("BBB", "BII", "BII")
    voted = vote(find_patterns(codes, missing=3), [Fraction(1, 3)] * 3, np.array([0, 1, 3]), "bio")
    assert voted.tolist() == [1, 1, 2]


@settings(max_examples=60)
@given(rounds())
def test_one_annotator_alone_is_the_consensus(given_round: Round) -> None:
    documents, rows = given_round
    name, own = next(iter(rows.items()))
    found = analyse(documents, {name: own}, TYPES, BIO)
    assert found.consensus == {row.id: row.spans for row in own if row.failure is None}
    assert found.totals.disagreeing == 0


@settings(max_examples=60)
@given(rounds(), st.integers(2, 4))
def test_annotators_of_one_mind_are_the_consensus(given_round: Round, size: int) -> None:
    documents, rows = given_round
    own = next(iter(rows.values()))
    found = analyse(documents, {f"annotator_{number}": own for number in range(size)}, TYPES, BIO)
    assert found.consensus == {row.id: row.spans for row in own if row.failure is None}
    assert (found.totals.disagreeing, found.hotspots, found.groups) == (0, (), ())


@settings(max_examples=100)
@given(rounds())
def test_types_are_voted_alike_and_only_beginnings_are_added(given_round: Round) -> None:
    documents, rows = given_round
    merged, apart = (analyse(documents, rows, TYPES, chosen) for chosen in (IO, BIO))
    for document in documents:
        if document.id in merged.consensus:
            before = spans_to_tags(merged.consensus[document.id], len(document.tokens))
            after = spans_to_tags(apart.consensus[document.id], len(document.tokens))
            assert [tag[2:] for tag in after] == [tag[2:] for tag in before]
            assert all(new == old or new == f"B{old[1:]}" for new, old in zip(after, before, strict=True))
    assert apart.agreement == merged.agreement
    assert apart.confusion.consensus == merged.confusion.consensus
    assert [(h.id, h.kind, h.score) for h in apart.hotspots] == [(h.id, h.kind, h.score) for h in merged.hotspots]


@settings(max_examples=60)
@given(rounds())
def test_each_split_has_more_than_half_of_its_voters_behind_it(given_round: Round) -> None:
    documents, rows = given_round
    merged, apart = (analyse(documents, rows, TYPES, chosen) for chosen in (IO, BIO))
    given_spans = {(name, row.id): row.spans for name, own in rows.items() for row in own if row.failure is None}
    weights = apart.agreement.weights
    for document, spans in apart.consensus.items():
        begun = {span.start for span in merged.consensus[document]}
        for span in spans:
            if span.start in begun:
                continue
            begin = go_on = 0.0
            for (name, where), own in given_spans.items():
                covering = [s for s in own if s.start <= span.start < s.end and s.type == span.type]
                if where == document and covering:
                    starts = covering[0].start == span.start
                    begin, go_on = begin + weights[name] * starts, go_on + weights[name] * (not starts)
            assert begin > go_on


def test_the_vote_of_a_coalition_follows_the_setting() -> None:
    rows = {name: [Annotation("d0", tags_to_spans(line.split()))] for name, line in (("a", LISTED), ("b", MERGED))}
    weights = {"a": 0.6, "b": 0.4}
    assert weighted_consensus([PARTIES], rows, TYPES, weights)["d0"] == (Span(0, 5, "ORG"),)
    assert weighted_consensus([PARTIES], rows, TYPES, weights, "bio")["d0"] == rows["a"][0].spans


@settings(max_examples=100)
@given(rounds(), st.sampled_from(("io", "bio")))
def test_the_vote_equals_plain_loops(given_round: Round, kind: str) -> None:
    documents, rows = given_round
    found = analyse(documents, rows, TYPES, AnalysisSettings(consensus=kind))
    lengths = {document.id: len(document.tokens) for document in documents}
    tags = {
        name: [None if row.failure else list(spans_to_tags(row.spans, lengths[row.id])) for row in own]
        for name, own in rows.items()
    }
    # A document that nobody answered has no labels, and no entry in the consensus.
    voted = [
        list(spans_to_tags(found.consensus[name], length)) if name in found.consensus else []
        for name, length in lengths.items()
    ]
    assert voted == naive.vote(tags, found.agreement.weights, kind)


@pytest.mark.parametrize("kind", ["", "BIO", "iob"])
def test_other_votes_are_refused(kind: str) -> None:
    with pytest.raises(UserError, match="consensus: unknown vote"):
        AnalysisSettings(consensus=kind)
