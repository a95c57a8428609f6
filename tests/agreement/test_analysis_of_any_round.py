"""Analysis of random rounds: what holds for every one of them."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.agreement.analysis import analyse, annotator_errors
from diziner.agreement.error_families import FAMILIES
from diziner.agreement.hotspots import KINDS
from diziner.agreement.settings import AnalysisSettings
from diziner.records.annotations import Annotation, Failure
from diziner.records.documents import Document
from diziner.spans.tags import spans_to_tags, tags_to_spans

TYPES = ("LOC", "ORG", "PER")
FAILED = Failure("timeout", "no answer in 60 s")

Round = tuple[list[Document], dict[str, list[Annotation]]]


@st.composite
def rounds(draw: st.DrawFn) -> Round:
    """Random documents and annotators with failures, such that every pair has a document in common."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    documents = [
        Document(f"d{number}", tuple("abcdefghi"[:length]), " ".join("abcdefghi"[:length]))
        for number, length in enumerate(lengths)
    ]
    labels = ["O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI")]
    rows: dict[str, list[Annotation]] = {}
    for name in "wxyz"[: draw(st.integers(1, 4))]:
        rows[name] = []
        for number, item in enumerate(documents):
            if number and draw(st.integers(0, 4)) == 0:
                rows[name].append(Annotation(item.id, failure=FAILED))
                continue
            size = len(item.tokens)
            tags = draw(st.lists(st.sampled_from(labels), min_size=size, max_size=size))
            rows[name].append(Annotation(item.id, tags_to_spans(tags)))
    return documents, rows


@settings(max_examples=80)
@given(rounds(), st.sampled_from([0.0, 50.0, 80.0, 100.0]), st.sampled_from(("io", "bio")))
def test_every_disagreement_is_counted_once(given_round: Round, percentile: float, consensus: str) -> None:
    documents, rows = given_round
    chosen = AnalysisSettings(percentile=percentile, consensus=consensus)
    analysis = analyse(documents, rows, TYPES, chosen)
    totals = analysis.totals
    expected: Counter[str] = Counter()
    labels = 0
    for item in documents:
        if item.id not in analysis.consensus:
            continue
        usual = spans_to_tags(analysis.consensus[item.id], len(item.tokens))
        for name, own in rows.items():
            row = next(row for row in own if row.id == item.id)
            if row.failure is None:
                labels += len(usual)
                tags = spans_to_tags(row.spans, len(usual))
                expected[name] += sum(tag != other for tag, other in zip(tags, usual, strict=True))
    assert totals.labels == labels
    assert totals.disagreeing == expected.total() == totals.in_hotspots + totals.below_threshold
    assert totals.in_hotspots == sum(group.tokens for group in analysis.groups)
    assert totals.in_hotspots == sum(totals.disagreeing_by_kind.values())
    assert totals.below_threshold == sum(totals.families_below.values())
    for family in FAMILIES:
        own_groups = [group for group in analysis.groups if group.family == family]
        assert totals.families[family] == sum(group.tokens for group in own_groups)
    for name in rows:
        assert sum(group.tokens for group in annotator_errors(analysis, name)) == expected[name]
    by_document: Counter[str] = Counter()
    for hotspot in analysis.hotspots:
        for tags in hotspot.labels.values():
            pairs = zip(tags, hotspot.consensus, strict=True)
            by_document[hotspot.id] += sum(tag != usual for tag, usual in pairs)
    columns = analysis.columns
    in_table: Counter[str] = Counter()
    for place, count in zip(columns["hotspot"], columns["disagreeing"], strict=True):
        in_table[place] += count
    assert in_table.pop("", 0) == totals.below_threshold
    assert +in_table == +by_document
    assert sum(by_document.values()) == totals.in_hotspots
    assert sum(totals.hotspots.values()) == len(analysis.hotspots)
    assert totals.hot_tokens == sum(hotspot.end - hotspot.start for hotspot in analysis.hotspots)


@settings(max_examples=50)
@given(rounds(), st.randoms(use_true_random=False), st.sampled_from(("io", "bio", "spans")))
def test_order_changes_nothing(given_round: Round, shuffler: random.Random, consensus: str) -> None:
    documents, rows = given_round
    names = shuffler.sample(list(rows), len(rows))
    shuffled = {name: shuffler.sample(rows[name], len(rows[name])) for name in names}
    chosen = AnalysisSettings(consensus=consensus)
    first = analyse(documents, rows, TYPES, chosen)
    second = analyse(shuffler.sample(documents, len(documents)), shuffled, TYPES[::-1], chosen)
    assert first == second
    assert first.columns == second.columns
    assert [annotator_errors(first, name) for name in rows] == [annotator_errors(second, name) for name in rows]


@settings(max_examples=50)
@given(rounds())
def test_values_are_finite_and_hotspots_lie_apart(given_round: Round) -> None:
    documents, rows = given_round
    analysis = analyse(documents, rows, TYPES)
    agreement = analysis.agreement
    assert sum(agreement.weights.values()) == pytest.approx(1.0)
    numbers = [agreement.overall, agreement.of_all["fleiss_kappa"], agreement.of_all["krippendorff_alpha"]]
    assert np.isfinite([*numbers, *np.ravel(list(agreement.pairs.values()))]).all()
    assert all(np.isfinite(values).all() for values in list(analysis.columns.values())[3:11])
    for before, after in pairwise(analysis.hotspots):
        assert (before.document, before.end) < (
            after.document,
            after.start,
        ) or before.document < after.document
    for hotspot in analysis.hotspots:
        assert hotspot.id == f"{hotspot.document}:{hotspot.start}-{hotspot.end}"
        assert hotspot.kind in KINDS
        assert 0.0 < hotspot.score <= 1.0
