"""Strict span scores: hand-made cases, and parity with seqeval to 1e-12."""

import random
import warnings
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.protocols import score_protocols
from diziner.scoring.strict import STRICT_PROTOCOL, Score, score_counts, strict_span_scores
from diziner.spans.overlaps import resolve_overlaps
from diziner.spans.tags import ill_formed, spans_to_tags, tags_to_spans

Corpus = list[list[str]]
Readings = tuple[list[tuple[Span, ...]], list[tuple[Span, ...]]]


def random_corpus(generator: random.Random, lengths: list[int], well_formed: bool) -> Corpus:
    choices = [
        "O",
        "O",
        "O",
        *(f"{prefix}-{label}" for prefix in "BI" for label in ("PER", "LOC", "MISC", "X-Y")),
    ]
    corpus = [[generator.choice(choices) for _ in range(length)] for length in lengths]
    return [list(spans_to_tags(tags_to_spans(tags), len(tags))) for tags in corpus] if well_formed else corpus


def disturbed(generator: random.Random, corpus: Corpus, other: Corpus) -> Corpus:
    """`corpus` with about a third of its tags from `other`, so that some spans agree."""
    return [
        [theirs if generator.random() < 0.3 else ours for ours, theirs in zip(*rows, strict=True)]
        for rows in zip(corpus, other, strict=True)
    ]


def decode(corpus: Corpus) -> dict[str, tuple[Span, ...]]:
    return {f"d{place}": tags_to_spans(tags) for place, tags in enumerate(corpus)}


def encode(corpus: Corpus) -> Corpus:
    return [list(spans_to_tags(tags_to_spans(tags), len(tags))) for tags in corpus]


@pytest.mark.parametrize("well_formed", [True, False])
@pytest.mark.parametrize("mode", ["strict", None])
def test_parity_with_seqeval(well_formed: bool, mode: str | None) -> None:
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    generator = random.Random(f"{well_formed} {mode}")
    settings = {"mode": mode, "scheme": IOB2} if mode else {}
    repairs = 0
    for _ in range(20):
        lengths = [generator.randint(1, 12) for _ in range(15)]
        gold = random_corpus(generator, lengths, well_formed)
        predicted = disturbed(generator, gold, random_corpus(generator, lengths, well_formed))
        repairs += sum(map(ill_formed, gold + predicted))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = classification_report(encode(gold), encode(predicted), output_dict=True, **settings)
        ours = strict_span_scores(decode(gold), decode(predicted))
        assert theirs.pop("macro avg")["f1-score"] == pytest.approx(ours.macro_f1, abs=1e-12)
        micro = theirs.pop("micro avg")
        theirs.pop("weighted avg")
        assert set(theirs) == set(ours.per_type)
        for row, score in [
            (micro, ours.micro),
            *((theirs[label], score) for label, score in ours.per_type.items()),
        ]:
            assert row["precision"] == pytest.approx(score.precision, abs=1e-12)
            assert row["recall"] == pytest.approx(score.recall, abs=1e-12)
            assert row["f1-score"] == pytest.approx(score.f1, abs=1e-12)
            assert row["support"] == score.gold
        assert 0 < ours.micro.f1 < 1
    assert repairs or well_formed


def test_raw_ill_formed_tags_are_where_we_differ_from_seqeval_strict() -> None:
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    gold, predicted = [["B-PER", "I-PER", "O", "B-LOC"]], [["I-PER", "I-PER", "O", "B-LOC"]]
    assert f1_score(gold, predicted, mode="strict", scheme=IOB2) == pytest.approx(2 / 3)  # I-PER is discarded
    assert f1_score(gold, predicted) == 1.0  # seqeval's default repairs, as we do
    assert strict_span_scores(decode(gold), decode(predicted)).micro.f1 == 1.0
    assert ill_formed(predicted[0]) == 1


def test_seqevals_modes_differ_under_iob2_by_a_tag_that_nothing_opens_and_by_nothing_else() -> None:
    """All sequences of up to four tags of two types."""
    from seqeval.metrics.sequence_labeling import get_entities
    from seqeval.scheme import IOB2, Entities

    differ = 0
    for tags in (tags for length in range(1, 5) for tags in product(("O", "B-X", "I-X", "B-Y", "I-Y"), repeat=length)):
        default = {(label, start, end + 1) for label, start, end in get_entities(list(tags))}
        strict = {(each.tag, each.start, each.end) for each in Entities([list(tags)], IOB2).entities[0]}
        assert (default != strict) == bool(ill_formed(tags)), tags
        assert default == {(span.type, span.start, span.end) for span in tags_to_spans(tags)}
        differ += default != strict
    assert differ > 400
    with pytest.raises(ValueError, match="Invalid token is found: E-X"):
        Entities([["B-X", "E-X"]], IOB2)


def test_counts_by_hand() -> None:
    gold = {"a": [Span(0, 2, "PER"), Span(3, 4, "LOC")], "b": [Span(0, 1, "PER")]}
    predicted = {"a": [Span(0, 2, "PER"), Span(3, 5, "LOC"), Span(6, 7, "ORG")], "b": []}
    scores = strict_span_scores(gold, predicted)
    assert scores.micro == Score(1 / 3, 1 / 3, 1 / 3, correct=1, predicted=3, gold=3)
    assert scores.per_type == {
        "LOC": Score(0.0, 0.0, 0.0, correct=0, predicted=1, gold=1),
        "ORG": Score(0.0, 0.0, 0.0, correct=0, predicted=1, gold=0),
        "PER": Score(1.0, 0.5, 2 / 3, correct=1, predicted=1, gold=2),
    }
    assert scores.macro_f1 == pytest.approx(2 / 9)
    assert list(scores.per_type) == ["LOC", "ORG", "PER"]


def test_equal_offsets_in_two_documents_are_two_spans() -> None:
    span = Span(0, 1, "PER")
    assert strict_span_scores({"a": [span], "b": [span]}, {"a": [span], "b": []}).micro.recall == 0.5
    assert strict_span_scores({"a": [span], "b": []}, {"a": [], "b": [span]}).micro.f1 == 0.0


@pytest.mark.parametrize("gold", [{}, {"a": []}])
def test_no_span_anywhere_is_one(gold: dict[str, list[Span]]) -> None:
    scores = strict_span_scores(gold, gold)
    assert (scores.micro.f1, scores.macro_f1, scores.per_type) == (1.0, 1.0, {})


def test_one_side_empty_is_zero() -> None:
    span = Span(0, 1, "PER")
    assert strict_span_scores({"a": [span]}, {"a": []}).micro == Score(0.0, 0.0, 0.0, 0, 0, 1)
    assert strict_span_scores({"a": []}, {"a": [span]}).micro == Score(0.0, 0.0, 0.0, 0, 1, 0)
    assert score_counts(0, 0, 0).f1 == 1.0


def test_duplicate_spans_count_once() -> None:
    span = Span(0, 1, "PER")
    assert strict_span_scores({"a": [span]}, {"a": [span, span]}).micro.precision == 1.0


@pytest.mark.parametrize(("gold", "predicted", "lacking"), [("abcde", "e", "prediction"), ("e", "abcde", "gold")])
def test_different_documents_are_refused_naming_a_few(gold: str, predicted: str, lacking: str) -> None:
    with pytest.raises(UserError) as error:
        strict_span_scores({name: [] for name in gold}, {name: [] for name in predicted})
    assert str(error.value).startswith(f"{lacking} lacks 4 of 5 documents: a, b, c, ...")


def test_the_protocol_has_a_name() -> None:
    assert STRICT_PROTOCOL == "strict span F1"


@st.composite
def two_readings(draw: st.DrawFn) -> Readings:
    """Gold and predicted spans of some documents, without overlaps; predictions often repeat gold."""
    span = st.builds(
        lambda start, length, label: Span(start, start + length, label),
        st.integers(0, 9),
        st.integers(1, 4),
        st.sampled_from(("PER", "LOC", "X-Y")),
    )
    gold, predicted = [], []
    for _ in range(draw(st.integers(1, 4))):
        right = resolve_overlaps(draw(st.lists(span, max_size=5)), ())[0]
        kept = [each for each in right if draw(st.booleans())]
        gold.append(right)
        predicted.append(resolve_overlaps([*kept, *draw(st.lists(span, max_size=4))], ())[0])
    return gold, predicted


@given(two_readings())
def test_parity_with_nervaluate(readings: Readings) -> None:
    """Strict and exact (here: boundary) counts are equal, in all and by type; nervaluate pairs partial matches
    greedily, so ours are at least as many."""
    nervaluate = pytest.importorskip("nervaluate")
    gold, predicted = readings
    found = nervaluate.Evaluator(*map(dictionaries, readings), tags=["PER", "LOC", "X-Y"], loader="dict").evaluate()
    texts = [Document(f"d{place}", tuple("abcdefghijklm"), "") for place in range(len(gold))]
    right, guessed = ({f"d{place}": rows for place, rows in enumerate(side)} for side in readings)
    ours = score_protocols(texts, right, guessed, ["strict", "boundary", "muc_partial", "type"])
    theirs = found["overall"]
    for name, score in (("strict", ours["strict"]), ("exact", ours["boundary"])):
        assert (theirs[name].correct, theirs[name].actual, theirs[name].possible) == (
            score.correct,
            score.predicted,
            score.gold,
        )
        if score.predicted + score.gold:
            assert theirs[name].precision == pytest.approx(score.precision, abs=1e-12)
            assert theirs[name].recall == pytest.approx(score.recall, abs=1e-12)
            assert theirs[name].f1 == pytest.approx(score.f1, abs=1e-12)
    for label, score in strict_span_scores(right, guessed).per_type.items():
        by_type = found["entities"][label]["strict"]
        assert (by_type.correct, by_type.actual, by_type.possible) == (score.correct, score.predicted, score.gold)
        assert by_type.f1 == pytest.approx(score.f1, abs=1e-12)
    if any(gold) and any(predicted):
        assert ours["muc_partial"].f1 >= theirs["partial"].f1 - 1e-12
        assert ours["type"].f1 >= theirs["ent_type"].f1 - 1e-12


def dictionaries(side: list[tuple[Span, ...]]) -> list[list[dict[str, object]]]:
    """Spans as nervaluate takes them: the last token is included."""
    return [[{"label": span.type, "start": span.start, "end": span.end - 1} for span in row] for row in side]
