"""Scoring protocols: each one's defining case, order-freeness, optimal pairing, input checks."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.pairing import count_boundary_pairs, count_type_pairs, maximum_matching
from diziner.scoring.protocols import PROTOCOLS, Protocol, score_protocols
from diziner.scoring.strict import Score, strict_span_scores
from diziner.scoring.surfaces import normalise
from diziner.spans.overlaps import resolve_overlaps

Spans = tuple[Span, ...]
Extents = list[tuple[int, int]]
Rows = dict[str, list[Span]]

LABELS = ("PER", "LOC")
LENGTH = 10


def spans(overlapping: bool = False) -> st.SearchStrategy[Spans]:
    one = st.builds(
        lambda start, length, label: Span(start, min(LENGTH, start + length), label),
        st.integers(0, LENGTH - 1),
        st.integers(1, 4),
        st.sampled_from(LABELS),
    )
    many = st.lists(one, max_size=6)
    return many.map(lambda found: tuple(found) if overlapping else resolve_overlaps(found, LABELS)[0])


def documents(*texts: str) -> list[Document]:
    return [Document(f"d{place}", tuple(text.split()), text) for place, text in enumerate(texts)]


def score(name: str, texts: list[str], gold: list[list[Span]], predicted: list[list[Span]]) -> Score:
    corpus = documents(*texts)
    ids = [document.id for document in corpus]
    gold_by_id, predicted_by_id = dict(zip(ids, gold, strict=True)), dict(zip(ids, predicted, strict=True))
    return score_protocols(corpus, gold_by_id, predicted_by_id, [name])[name]


@pytest.mark.parametrize(
    ("name", "text", "gold", "predicted", "counts"),
    [
        # One string tagged twice in gold, once in the prediction: (correct, predicted, gold).
        ("strict", "Paris likes Paris", [(0, 1), (2, 3)], [(0, 1)], (1, 1, 2)),
        ("multiset_of_strings", "Paris likes Paris", [(0, 1), (2, 3)], [(0, 1)], (1, 1, 2)),
        ("set_of_strings", "Paris likes Paris", [(0, 1), (2, 3)], [(0, 1)], (1, 1, 1)),
        ("word_aligned_set", "Paris likes Paris", [(0, 1), (2, 3)], [(0, 1)], (1, 1, 1)),
        # The right string in the wrong place.
        ("strict", "Paris likes Paris", [(0, 1)], [(2, 3)], (0, 1, 1)),
        ("multiset_of_strings", "Paris likes Paris", [(0, 1)], [(2, 3)], (1, 1, 1)),
        ("set_of_strings", "Paris likes Paris", [(0, 1)], [(2, 3)], (1, 1, 1)),
        # Articles, punctuation and case.
        ("multiset_of_strings", "The Hague", [(0, 2)], [(1, 2)], (0, 1, 1)),
        ("set_of_strings", "The Hague", [(0, 2)], [(1, 2)], (1, 1, 1)),
        ("word_aligned_set", "U.S. or us", [(0, 1)], [(2, 3)], (1, 1, 1)),
        # Boundaries.
        ("boundary", "a b c", [(0, 2)], [(0, 3)], (0, 1, 1)),
        ("type", "a b c", [(0, 2)], [(1, 3)], (1, 1, 1)),
        ("type", "a b c", [(0, 1)], [(1, 2)], (0, 1, 1)),
        ("type", "a b c d", [(0, 4)], [(0, 1), (1, 2), (3, 4)], (1, 3, 1)),
        ("muc_partial", "a b c d", [(0, 4)], [(0, 1), (1, 2), (3, 4)], (0, 3, 1)),
        ("muc_partial", "a b c d", [(0, 1), (2, 4)], [(0, 1), (2, 3)], (1, 2, 2)),
    ],
)
def test_units(name: str, text: str, gold: Extents, predicted: Extents, counts: tuple[int, int, int]) -> None:
    found = score(name, [text], [[Span(*at, "LOC") for at in gold]], [[Span(*at, "LOC") for at in predicted]])
    assert (found.correct, found.predicted, found.gold) == counts


@pytest.mark.parametrize(
    ("name", "correct"),
    [
        ("strict", 0),
        ("seqeval_default", 0),
        ("boundary", 1),
        ("type", 0),
        ("muc_partial", 1),
        ("set_of_strings", 0),
    ],
)
def test_a_wrong_type(name: str, correct: int) -> None:
    assert score(name, ["a"], [[Span(0, 1, "LOC")]], [[Span(0, 1, "PER")]]).correct == correct


def test_half_credit() -> None:
    gold, predicted = (
        [[Span(0, 1, "LOC"), Span(2, 4, "LOC")]],
        [[Span(0, 1, "LOC"), Span(2, 3, "LOC"), Span(4, 5, "LOC")]],
    )
    found = score("muc_partial", ["a b c d e"], gold, predicted)
    assert (found.precision, found.recall) == (1.5 / 3, 1.5 / 2)
    assert found.f1 == pytest.approx(2 * 0.5 * 0.75 / 1.25)


def test_types_that_normalise_alike_are_one_type_for_word_aligned_set_only() -> None:
    gold, predicted = [[Span(0, 1, "SUB_AREA")]], [[Span(0, 1, "SUBAREA")]]
    assert score("set_of_strings", ["a"], gold, predicted).f1 == 0.0
    assert score("word_aligned_set", ["a"], gold, predicted).f1 == 1.0


def test_reference_pools_character_offsets_of_all_documents() -> None:
    """Two documents with the same gold, one of them predicted: 1.0 there, 2/3 here."""
    gold, predicted = [[Span(0, 1, "LOC")]] * 2, [[Span(0, 1, "LOC")], []]
    assert score("reference", ["Paris", "Paris"], gold, predicted).f1 == 1.0
    assert score("strict", ["Paris", "Paris"], gold, predicted).f1 == pytest.approx(2 / 3)
    # Equal token offsets are not equal character offsets.
    assert score("reference", ["Paris", "Rome"], gold, predicted).f1 == pytest.approx(2 / 3)
    shifted = [[Span(1, 2, "LOC")], [Span(2, 3, "LOC")]]
    assert score("reference", ["ab c", "a b c"], shifted, [shifted[0], []]).recall == 0.5
    same = [[Span(1, 2, "LOC")], [Span(2, 3, "LOC")]]
    assert score("reference", ["abc x", "a b x"], same, [same[0], []]).recall == 1.0
    assert score("reference", ["a b", "a b"], [[Span(1, 2, "LOC")]] * 2, [[Span(1, 2, "LOC")], []]).recall == 1.0


def test_string_normalisation() -> None:
    assert normalise("The  U.S. (of A) Theatre") == "us of theatre"
    assert normalise("the") == normalise("...") == ""


@given(spans(), spans(), spans(), spans(), st.integers(0, 99))
def test_no_protocol_depends_on_order_and_perfect_is_one(a: Spans, b: Spans, c: Spans, d: Spans, seed: int) -> None:
    corpus = documents("a b c d e f g h i j", "The x The y z z z . . a")
    gold, predicted = {"d0": a, "d1": b}, {"d0": c, "d1": d}
    scores = score_protocols(corpus, gold, predicted, list(PROTOCOLS))
    assert list(scores) == list(PROTOCOLS)
    assert scores["strict"] == scores["seqeval_default"] == strict_span_scores(gold, predicted).micro
    generator = random.Random(seed)

    def shuffled(rows: dict[str, Spans]) -> Rows:
        return {name: generator.sample(rows[name], len(rows[name])) for name in reversed(rows)}

    assert score_protocols(corpus[::-1], shuffled(gold), shuffled(predicted), list(PROTOCOLS)) == scores
    swapped = score_protocols(corpus, predicted, gold, list(PROTOCOLS))
    for name, found in scores.items():
        assert 0.0 <= found.f1 <= 1.0
        assert (swapped[name].precision, swapped[name].recall) == (found.recall, found.precision)
        assert swapped[name].f1 == found.f1
    assert all(found.f1 == 1.0 for found in score_protocols(corpus, gold, gold, list(PROTOCOLS)).values())
    assert scores["strict"].correct <= min(scores["boundary"].correct, scores["type"].correct)
    assert scores["muc_partial"].f1 >= scores["boundary"].f1


def best_pairing(weights: list[list[float]]) -> float:
    """The greatest total weight over all one-to-one pairings, by trying each."""
    if not weights or not weights[0]:
        return 0.0
    if len(weights) > len(weights[0]):
        weights = [list(column) for column in zip(*weights, strict=True)]
    places = itertools.permutations(range(len(weights[0])), len(weights))
    return max(sum(row[place] for row, place in zip(weights, chosen, strict=True)) for chosen in places)


@given(spans(overlapping=True), spans(overlapping=True))
def test_pairings_are_optimal_even_for_nested_spans(gold: Spans, predicted: Spans) -> None:
    gold, predicted = gold[:5], predicted[:5]

    def partial(one: Span, other: Span) -> float:
        if (one.start, one.end) == (other.start, other.end):
            return 1.0
        return 0.5 if one.start < other.end and other.start < one.end else 0.0

    same_type = [[float(one.type == other.type and partial(one, other) > 0) for one in gold] for other in predicted]
    assert count_type_pairs(gold, predicted) == best_pairing(same_type)
    exact, overlapping = count_boundary_pairs(gold, predicted)
    assert exact + 0.5 * overlapping == best_pairing([[partial(one, other) for one in gold] for other in predicted])


@given(st.lists(st.lists(st.integers(0, 4), unique=True), max_size=5))
def test_maximum_matching_equals_trying_all(edges: list[list[int]]) -> None:
    assert maximum_matching(edges) == best_pairing([[float(node in row) for node in range(5)] for row in edges])


def test_long_chains_of_overlaps() -> None:
    """Each prediction but one straddles two gold spans; greedy from the right end would lose pairs."""
    gold = [Span(2 * place, 2 * place + 2, "PER") for place in range(300)]
    predicted = [Span(2 * place + 1, 2 * place + 3, "PER") for place in range(300)]
    assert count_type_pairs(gold, predicted) == count_type_pairs(gold, predicted[::-1]) == 300
    assert count_boundary_pairs(gold[::-1], predicted) == (0, 300)


@pytest.mark.parametrize(
    ("gold", "predicted", "names", "message"),
    [
        ({"d0": []}, {"d0": []}, ["strict", "loose"], "unknown scoring protocol 'loose'; there are strict,"),
        ({"d0": []}, {"d1": []}, ["strict"], "prediction lacks 1 of 1 document: d0"),
        ({"d9": []}, {"d9": []}, ["strict"], "document d9 is not among"),
        ({"d0": []}, {"d0": [Span(1, 3, "PER")]}, ["strict"], "predicted document d0: PER span [1, 3)"),
        ({"d0": [Span(1, 1, "PER")]}, {"d0": []}, ["strict"], "gold document d0: PER span [1, 1)"),
    ],
)
def test_wrong_input_is_refused(gold: Rows, predicted: Rows, names: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        score_protocols(documents("a b"), gold, predicted, names)
    assert message in str(error.value)


def whole_and_by_document(name: str, texts: list[str]) -> tuple[list[int], list[int]]:
    """Counts of all documents at once, and the sums of what each has alone: gold has all tokens but the last, what is
    predicted the first, the last, and both after the first."""
    documents = [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]
    lengths = {d.id: len(d.tokens) for d in documents}
    gold = {name: [Span(n, n + 1, "A") for n in range(length - 1)] for name, length in lengths.items()}
    predicted = {name: [Span(0, 1, "A"), Span(1, 3, "A"), Span(n - 1, n, "A")] for name, n in lengths.items()}
    own = PROTOCOLS[name]

    def counts(some: list[Document]) -> list[int]:
        if own.credit is not None:
            rows = [own.credit(gold[d.id], predicted[d.id]) for d in some]
            return [sum(column) for column in zip(*rows, strict=True)]
        ids = [d.id for d in some]
        score = own({d.id: d for d in some}, {i: gold[i] for i in ids}, {i: predicted[i] for i in ids})
        return [score.correct, score.predicted, score.gold]

    return counts(documents), [sum(column) for column in zip(*(counts([d]) for d in documents), strict=True)]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_documents_count_alone_unless_a_protocol_says_that_it_pools_them(name: str) -> None:
    whole, parts = whole_and_by_document(name, ["Ann saw Bob", "Ann saw Bob", "one two three four"])
    assert (whole != parts) == PROTOCOLS[name].pooled


@pytest.mark.parametrize("name", PROTOCOLS)
def test_tokens_do_not_matter_unless_a_protocol_says_that_it_reads_them(name: str) -> None:
    one, other = (whole_and_by_document(name, text)[0] for text in (["a b b", "c d e e"], ["a b c", "defg h i j"]))
    assert (one != other) == PROTOCOLS[name].reads_tokens


def test_partial_matches_count_half() -> None:
    """The first of three, the last that is not in gold, and the second overlapped; the same again of four."""
    assert whole_and_by_document("muc_partial", ["a b c", "a b c d"])[1] == [2 * 2 + 2, 2 * 6, 2 * 5]


def test_a_plug_ins_protocol_stands_for_itself_unless_it_says_more() -> None:
    def scorer(documents: object, gold: object, predicted: object) -> Score:
        """Count nothing.

        The text of its page.
        """
        return Score(0.0, 0.0, 0.0, 0, 0, 0)

    own = Protocol("mine", "Mine", scorer)
    assert (own.reads_tokens, own.pooled, own.credit, own.section) == (False, False, None, "The text of its page.")
    scorer.__doc__ = None
    assert own.section == ""
