"""Examples from agreement: which documents become examples, from annotations alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT

from diziner.guideline.agreed import worked
from diziner.guideline.file import guideline_from_json, guideline_to_json, load_guideline
from diziner.prompting.request import ModelSettings
from diziner.records.agreement import Agreement
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.supervisor.agreed_examples import (
    EMPTY_POOL,
    POOL,
    Agreed,
    agreed_documents,
    example_of,
    span_f1,
    varied,
    with_agreed_examples,
)
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import Refinement
from diziner.supervisor.settings import SupervisorSettings

NAMES = ("a", "b", "c")
SETTINGS = SupervisorSettings(
    ModelSettings("local", "m"), examples="fixed", examples_shown=2, examples_words=6, examples_agreement=0.5
)


def document(name: str, words: str) -> Document:
    return Document(name, tuple(words.split()), words)


def rows_of(answers: Mapping[str, Sequence[Any]]) -> dict[str, list[Annotation]]:
    """Annotations by annotator from (document, spans or None for a failure) by annotator."""
    failed = Failure("malformed", "no JSON")
    return {
        name: [
            Annotation(id_, failure=failed) if spans is None else Annotation(id_, tuple(Span(*s) for s in spans))
            for id_, spans in own
        ]
        for name, own in answers.items()
    }


def agreed_in(documents: Sequence[Document], answers: Mapping[str, Sequence[Any]], **weights: float) -> list[Agreed]:
    return agreed_documents(documents, rows_of(answers), weights or dict.fromkeys(answers, 1 / 3), SETTINGS)


def test_the_answer_of_two_with_the_most_agreement_stands_and_names_who_gave_it() -> None:
    documents = [document("d", "Ada met Bob")]
    ada, both = [(0, 1, "PER")], [(0, 1, "PER"), (2, 3, "PER")]
    [found] = agreed_in(documents, {"a": [("d", both)], "b": [("d", both)], "c": [("d", ada)]}, a=0.4, b=0.4, c=0.2)
    assert (found.annotators, found.spans) == (("a", "b"), (Span(0, 1, "PER"), Span(2, 3, "PER")))
    assert found.agreement == Fraction(8, 10) + Fraction(2, 10) * Fraction(2, 3)
    example = example_of(found, 3)
    assert (example.sentence, example.round, example.agreement) == ("[Ada|PER] met [Bob|PER]", 3, 0.933333333)


def test_of_two_answers_with_the_same_agreement_the_first_in_order_of_mentions_stands() -> None:
    early, late = [(0, 1, "PER")], [(1, 2, "PER")]
    for names in ("abcd", "cdab"):
        answers = {name: [("d", spans)] for name, spans in zip(names, (early, early, late, late), strict=True)}
        [found] = agreed_in([document("d", "Ada met Bob .")], answers, a=0.25, b=0.25, c=0.25, d=0.25)
        assert (found.spans, found.agreement) == ((Span(*early[0]),), Fraction(1, 2))
        assert found.annotators == tuple(sorted(names[:2]))


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"a": [(0, 1, "PER")], "b": [(2, 3, "PER")], "c": []}, "no two gave the same"),
        ({"a": [(0, 1, "PER")], "b": None, "c": None}, "one alone answered"),
        ({"a": [], "b": [], "c": [(0, 1, "PER")]}, "nothing, but not all agree"),
    ],
)
def test_without_agreement_a_document_is_no_example(answers: Mapping[str, Any], why: str) -> None:
    assert agreed_in([document("d", "Ada met Bob")], {n: [("d", s)] for n, s in answers.items()}) == [], why


def test_weights_decide_and_long_documents_and_tokens_with_spaces_stay_out() -> None:
    one, other = [(0, 1, "PER")], [(2, 3, "LOC")]
    answers = {"a": [("d", one)], "b": [("d", one)], "c": [("d", other)]}
    documents = [document("d", "Ada met Bob")]
    assert agreed_in(documents, answers, a=0.2, b=0.2, c=0.6) == []  # two of three, and not half of the weight
    assert len(agreed_in(documents, answers, a=0.3, b=0.3, c=0.4)) == 1
    assert agreed_in([document("d", "Ada met Bob and many more")], answers) != []
    assert agreed_in([document("d", "Ada met Bob and many more people")], answers) == []
    assert agreed_in([Document("d", ("Ada", "met up", "Bob"), "Ada met up Bob")], answers) == []


def test_a_text_that_is_not_its_tokens_with_spaces_is_kept_as_it_is() -> None:
    written = Document("d", ("Ada", "(", "UK", ")"), "Ada (UK)")
    spans = [(0, 1, "PER"), (2, 3, "LOC")]
    [found] = agreed_in([written], {name: [("d", spans)] for name in NAMES})
    shown = worked(example_of(found, 0))
    assert (shown.text, shown.tokens) == (written.text, written.tokens)
    assert shown.mentions == [("Ada", "PER"), ("UK", "LOC")]


def entry(name: str, *types: str, agreement: str = "1") -> Agreed:
    spans = tuple(Span(place, place + 1, label) for place, label in enumerate(types))
    words = document(name, " ".join(["w"] * (len(types) + 1)))
    return Agreed(words, spans, ("a", "b"), Fraction(agreement), True)


def ids(chosen: Sequence[Agreed]) -> list[str]:
    return [one.document.id for one in chosen]


def test_types_that_are_not_shown_yet_come_first_then_agreement_then_the_id() -> None:
    agreed = [
        entry("e", "PER"),
        entry("d", "PER"),
        entry("c", "PER", "LOC", agreement="0.6"),
        entry("b", "ORG", agreement="0.7"),
        entry("a", "ORG", agreement="0.8"),
    ]
    assert ids(varied(agreed, "fixed", 4)) == ["c", "a", "d", "b", "e"]  # one more than are shown


def test_one_document_without_a_mention_is_the_last_of_those_shown() -> None:
    agreed = [entry("x"), entry("y"), entry("a", "PER"), entry("b", "LOC"), entry("c", "PER"), entry("d", "LOC")]
    assert ids(varied(agreed, "fixed", 3)) == ["a", "b", "x", "c"]
    assert ids(varied(agreed, "fixed", 1)) == ["a", "b"]
    assert ids(varied(agreed[:2], "fixed", 3)) == ["x"]


SPANS = st.lists(
    st.sampled_from([(0, 1, "PER"), (2, 3, "PER"), (2, 3, "LOC"), (4, 5, "ORG")]), unique_by=lambda s: s[0]
)
ANSWERS = st.one_of(st.none(), SPANS)
ROUNDS = st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), max_size=40)


@given(ROUNDS, st.sampled_from(["fixed", "similar"]), st.integers(1, 6), st.randoms(use_true_random=False))
def test_any_round_gives_bounded_examples_that_annotators_gave_whatever_the_order(
    answers: list[tuple[Any, ...]], choice: str, shown: int, source: Any
) -> None:
    documents = [document(f"d{number:02}", f"Ada met Bob in Rome {number}") for number in range(len(answers))]
    rows = rows_of(
        {name: [(d.id, own[i]) for d, own in zip(documents, answers, strict=True)] for i, name in enumerate(NAMES)}
    )
    weights = {"a": 0.5, "b": 0.3, "c": 0.2}
    agreed = agreed_documents(documents, rows, weights, SETTINGS)
    chosen = varied(agreed, choice, shown)
    assert len(chosen) <= (shown + 1 if choice == "fixed" else POOL + EMPTY_POOL)
    assert len(set(ids(chosen))) == len(chosen) and set(ids(chosen)) <= {d.id for d in documents}
    by_id = {name: {row.id: row for row in own} for name, own in rows.items()}
    for one in chosen:
        own = {name: by_id[name][one.document.id] for name in NAMES}
        gave = [name for name in NAMES if own[name].failure is None and set(own[name].spans) == set(one.spans)]
        assert list(one.annotators) == gave and len(gave) >= 2
        voters = [name for name in NAMES if own[name].failure is None]
        total = sum(Fraction(str(weights[name])) for name in voters)
        mean = sum(Fraction(str(weights[n])) * span_f1(one.spans, own[n].spans) for n in voters) / total
        assert one.agreement == mean >= Fraction(1, 2)
        assert one.spans or gave == voters
    # Every type that some agreed document has is shown before any document brings nothing new.
    types = {name for one in agreed for name in one.types}
    seen: set[str] = set()
    for one in chosen:
        assert not one.spans or one.types - seen or seen == types
        seen |= one.types
    shuffled = source.sample(documents, len(documents))
    mixed = {name: source.sample(own, len(own)) for name, own in source.sample(list(rows.items()), len(rows))}
    assert varied(agreed_documents(shuffled, mixed, weights, SETTINGS), choice, shown) == chosen


def refinement_of(settings: SupervisorSettings, accepted: bool = True, stopped: bool = False) -> Refinement:
    guideline = load_guideline(ROOT / "data/conll2003/guideline.yaml")
    documents = [document("d", "Ada met Bob"), document("e", "Rain fell")]
    rows = rows_of({name: [("d", [(0, 1, "PER")]), ("e", [])] for name in NAMES})
    weights = dict.fromkeys(NAMES, 1 / 3)
    agreement = Agreement(NAMES, 2, {}, {}, 1.0, weights, (), {})
    start = StartingPoint(guideline, 1.0, accepted=accepted, stopped=stopped)
    refined = Refinement(replace(guideline, round=1), {"kept_previous": True})
    return with_agreed_examples(refined, start, AnnotatedRound(documents, rows, agreement), settings)


def test_the_next_guideline_has_the_examples_and_its_file_keeps_them() -> None:
    made = refinement_of(SETTINGS)
    assert made.record == {"kept_previous": False, "examples": {"documents": 2, "agreed": 2, "chosen": ["d", "e"]}}
    assert made.guideline.agreed is not None
    assert [(e.sentence, e.round, e.document) for e in made.guideline.agreed.examples] == [
        ("[Ada|PER] met Bob", 0, "d"),
        ("Rain fell", 0, "e"),
    ]
    assert guideline_from_json(guideline_to_json(made.guideline), "here") == made.guideline


@pytest.mark.parametrize(
    ("settings", "state"),
    [(replace(SETTINGS, examples="none"), {}), (SETTINGS, {"accepted": False}), (SETTINGS, {"stopped": True})],
)
def test_without_the_setting_and_after_a_round_that_was_taken_back_nothing_changes(
    settings: SupervisorSettings, state: dict[str, bool]
) -> None:
    made = refinement_of(settings, **state)
    assert made.guideline.agreed is None and made.record == {"kept_previous": True}


def test_examples_that_stand_already_are_no_change_and_a_changed_guideline_stays_one() -> None:
    made = refinement_of(SETTINGS)
    start = StartingPoint(made.guideline, 1.0)
    documents = [document("d", "Ada met Bob"), document("e", "Rain fell")]
    rows = rows_of({name: [("d", [(0, 1, "PER")]), ("e", [])] for name in NAMES})
    before = AnnotatedRound(documents, rows, Agreement(NAMES, 2, {}, {}, 1.0, dict.fromkeys(NAMES, 1 / 3), (), {}))
    for kept in (True, False):
        again = with_agreed_examples(Refinement(made.guideline, {"kept_previous": kept}), start, before, SETTINGS)
        assert again.guideline == made.guideline and again.record["kept_previous"] is kept


def test_where_nobody_has_weight_all_count_alike() -> None:
    one, other = [(0, 1, "PER")], [(2, 3, "LOC")]
    answers = {"a": [("d", one)], "b": [("d", one)], "c": [("d", other)]}
    [found] = agreed_in([document("d", "Ada met Bob")], answers, a=0.0, b=0.0, c=0.0)
    assert (found.agreement, found.unanimous) == (Fraction(2, 3), False)


def test_a_document_of_no_token_or_one_is_read_as_any_other() -> None:
    assert agreed_in([Document("d", (), "")], {name: [("d", [])] for name in NAMES}) == []
    assert len(agreed_in([Document("d", ("Ada",), "Ada")], {name: [("d", [])] for name in NAMES})) == 1
