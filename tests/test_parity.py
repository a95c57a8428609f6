"""Our numbers against those of an independent implementation, for every case file in a folder.

The folder is `DIZINER_PARITY`, else `shared/parity` beside the repository.
"""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from projects import ROOT

from diziner.agreement.analysis import analyse
from diziner.agreement.bias import annotator_biases
from diziner.agreement.columns import Patterns, find_patterns
from diziner.agreement.consensus import spans_of, vote
from diziner.agreement.disagreement import TokenMeasures, pattern_measures
from diziner.agreement.encoding import Codes, Corpus, encode
from diziner.agreement.exact_measures import ExactMeasures
from diziner.agreement.hotspots import KINDS, Blocks, kinds_of, merged_runs, thresholds
from diziner.agreement.pairwise import contingency_tables, exact_kappas, exact_span_f1, pair_measures, span_matches
from diziner.agreement.settings import AnalysisSettings
from diziner.agreement.weights import annotator_weights, coalition_of
from diziner.common.exact import as_written
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.spans.tags import spans_to_tags, tags_to_spans

FOLDER = Path(os.environ.get("DIZINER_PARITY") or ROOT.parent / "shared" / "parity")
CASES = sorted(FOLDER.glob("*.json"))
PARAMETERS: list[Path | None] = [*CASES] or [None]
HALF = Fraction(1, 2)
DECIDING = ("u_star", "elite_internal", "tv_between")
LEGACY = AnalysisSettings(weights="hybrid", legacy_zero_threshold=True)
REFERENCE_KINDS = {
    "elite_split": "True Elite Split",
    "systematic_bias": "Systematic Bias",
    "complex": "Complex (Elite Split + Systematic Bias)",
    "minor": "Minor Disagreement",
}
COLUMNS = {
    "D_bio": "d_bio",
    "D_type": "d_type",
    "U": "u_boundary",
    "U_star": "u_star",
    "TV_between": "tv_between",
    "elite_internal": "elite_internal",
    "rest_internal": "rest_internal",
    "elite_dominance": "elite_dominance",
}
close = pytest.approx


class Case:
    """One case file, read into our records and measured with the file's own hybrid weights."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        self.expected: dict[str, Any] = content["expected"]
        self.sentences: list[dict[str, Any]] = content["sentences"]
        self.names = sorted(self.sentences[0]["labels_by_models"])
        self.documents = [
            Document(f"{number:06d}", tuple(sentence["tokens"]), " ".join(sentence["tokens"]))
            for number, sentence in enumerate(self.sentences)
        ]
        self.annotations = {
            name: [
                Annotation(document.id, tags_to_spans(sentence["labels_by_models"][name]))
                for document, sentence in zip(self.documents, self.sentences, strict=True)
            ]
            for name in self.names
        }
        self.types = sorted({tag[2:] for name in self.names for tag in self.joined(name) if tag != "O"})
        self.corpus: Corpus = encode(self.documents, self.annotations, self.types)
        self.patterns: Patterns = find_patterns(self.corpus.codes, self.corpus.missing)
        self.weights = [as_written(self.expected["weights_hybrid"][name]) for name in self.names]
        self.coalition = coalition_of(self.names, self.weights, HALF)
        elite = np.array([name in self.coalition for name in self.names])
        by_pattern = pattern_measures(self.patterns, np.array([float(weight) for weight in self.weights]), elite)
        self.measures: TokenMeasures = by_pattern.of(self.patterns.index)
        self.limits = thresholds(by_pattern, self.patterns, ExactMeasures(self.patterns, self.weights, elite), LEGACY)
        hot, split, biased = (self.limits[name].patterns[self.patterns.index] for name in DECIDING)
        self.blocks: Blocks = kinds_of(merged_runs(hot, self.corpus.offsets), split, biased)

    def joined(self, name: str) -> list[str]:
        """An annotator's tags of all sentences, one after the other."""
        return [tag for sentence in self.sentences for tag in sentence["labels_by_models"][name]]

    def majority(self) -> Codes:
        """Per token the BIO label of greatest weight; of equals the first one seen."""
        codes = []
        for column in self.corpus.codes.T.tolist():
            mass: dict[int, float] = {}
            for code, weight in zip(column, self.weights, strict=True):
                mass[code] = mass.get(code, 0.0) + float(weight)
            codes.append(max(mass, key=mass.__getitem__))
        return np.array(codes, self.corpus.codes.dtype)

    def by_name(self, weights: list[Fraction]) -> dict[str, float]:
        return dict(zip(self.names, map(float, weights), strict=True))

    def tags(self, codes: Codes) -> list[list[str]]:
        spans = spans_of(codes, self.corpus)
        return [list(spans_to_tags(spans[item.id], len(item.tokens))) for item in self.documents]


@pytest.fixture(scope="module", params=PARAMETERS, ids=lambda path: path.stem if path else "none")
def case(request: pytest.FixtureRequest) -> Case:
    if request.param is None:
        pytest.skip(f"no case files (*.json) in {FOLDER}; set DIZINER_PARITY to their folder")
    return Case(request.param)


def _pairs(corpus: Corpus) -> dict[str, Any]:
    return pair_measures(span_matches(corpus), contingency_tables(find_patterns(corpus.codes, corpus.missing)))


def _weights(corpus: Corpus, settings: AnalysisSettings) -> list[Fraction]:
    f1 = exact_span_f1(span_matches(corpus))
    tables = contingency_tables(find_patterns(corpus.codes, corpus.missing))
    return annotator_weights(f1, lambda: exact_kappas(tables, len(f1)), settings)


def test_pairwise_agreement(case: Case) -> None:
    ours = _pairs(case.corpus)
    for pair, values in case.expected["pairwise"].items():
        first, second = (case.names.index(name) for name in pair.split("|"))
        for measure, value in values.items():
            assert ours[measure][first, second] == close(value, abs=1e-9), (pair, measure)


def test_hybrid_weights_with_sentences_joined_as_the_reference_joins_them(case: Case) -> None:
    tokens = tuple(token for sentence in case.sentences for token in sentence["tokens"])
    joined = Document("joined", tokens, " ".join(tokens))
    rows = {name: [Annotation("joined", tags_to_spans(case.joined(name)))] for name in case.names}
    weights = _weights(encode([joined], rows, case.types), LEGACY)
    assert case.by_name(weights) == close(case.expected["weights_hybrid"], abs=1e-9)


def test_token_measures(case: Case) -> None:
    table = case.expected["token_metrics"]
    for theirs, ours in COLUMNS.items():
        difference = np.abs(getattr(case.measures, ours) - np.array(table[theirs]))
        assert difference.max() <= 1e-9, theirs
    shift = case.corpus.offsets[case.corpus.document_of]
    assert table["sentence_id"] == case.corpus.document_of.tolist()
    assert table["tok_idx"] == (np.arange(len(shift)) - shift).tolist()


def test_majority_labels(case: Case) -> None:
    tags = case.corpus.tags
    assert [tags[code] for code in case.majority().tolist()] == case.expected["token_metrics"]["maj_label"]


def test_thresholds(case: Case) -> None:
    ours = {name: limit.threshold for name, limit in case.limits.items()}
    assert ours == close(case.expected["thresholds"], abs=1e-9)


def test_hotspots_of_the_reference_values(case: Case) -> None:
    """From the file's own columns: every block, kind and maximum, with nothing left to rounding."""
    table = case.expected["token_metrics"]
    measures = TokenMeasures(**{ours: np.array(table[theirs]) for theirs, ours in COLUMNS.items()})
    limits = case.expected["thresholds"]
    hot, split, biased = (getattr(measures, name) >= limits[name] for name in DECIDING)
    blocks = kinds_of(merged_runs(hot, case.corpus.offsets), split, biased)
    assert _places(blocks, case) == [
        (theirs["sentence_id"], theirs["start"], theirs["end"]) for theirs in case.expected["hotspots"]
    ]
    rows = zip(case.expected["hotspots"], blocks.start, blocks.end, blocks.kind, strict=True)
    for theirs, start, end, kind in rows:
        assert REFERENCE_KINDS[KINDS[kind]] == theirs["disagreement_type"]
        block = slice(start, end)
        assert measures.u_star[block].mean() == close(theirs["U_star_mean"], abs=1e-9)
        for name in ("tv_between", "elite_internal", "elite_dominance"):
            expected = theirs[f"{name.replace('tv', 'TV')}_max"]
            assert getattr(measures, name)[block].max() == close(expected, abs=1e-9)


def test_hotspots_of_our_values(case: Case) -> None:
    """From our columns: the same, but where the reference misses a threshold in its last bits only.

    There a value equals the threshold in exact arithmetic. Ours reaches it, as values are rounded to 12
    places; the reference's depends on the order of its sums.
    """
    if not _missed_by_rounding(case, "U_star", "u_star").any():
        ours, theirs = _places(case.blocks, case), case.expected["hotspots"]
        assert ours == [(row["sentence_id"], row["start"], row["end"]) for row in theirs]
    missed = _missed_by_rounding(case, "TV_between", "tv_between")
    missed |= _missed_by_rounding(case, "elite_internal", "elite_internal")
    expected = {
        (row["sentence_id"], row["start"], row["end"]): row["disagreement_type"] for row in case.expected["hotspots"]
    }
    places = _places(case.blocks, case)
    for place, start, end, kind in zip(places, case.blocks.start, case.blocks.end, case.blocks.kind, strict=True):
        if not missed[start:end].any() and place in expected:
            assert REFERENCE_KINDS[KINDS[kind]] == expected[place]
    assert missed.mean() < 0.01


def _missed_by_rounding(case: Case, theirs: str, limit: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    values, threshold = np.array(case.expected["token_metrics"][theirs]), case.expected["thresholds"][limit]
    missed: np.ndarray[Any, np.dtype[np.bool_]] = (values < threshold) & (values > threshold - 1e-12)
    return missed


def _places(blocks: Blocks, case: Case) -> list[tuple[int, int, int]]:
    """Sentence, first and last token (included)."""
    document = np.searchsorted(case.corpus.offsets, blocks.start, side="right") - 1
    shift = case.corpus.offsets[document]
    columns = (document, blocks.start - shift, blocks.end - 1 - shift)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_bias(case: Case) -> None:
    ours = annotator_biases(case.corpus, case.majority(), case.coalition)
    table = case.expected["bias"]
    for number, name in enumerate(table["annotator"]):
        assert ours[name].agreement_rate == close(table["agreement_rate"][number], abs=1e-9)
        assert ours[name].coalition_rate == close(table["coalition_rate"][number], abs=1e-9)
        assert ours[name].over_tagging == table["entity_over_tagging"][number]


def test_summary(case: Case) -> None:
    summary = case.expected["summary"]
    assert len(case.documents) == summary["num_sentences"]
    assert len(case.measures.u_star) == summary["total_tokens"]
    assert len(case.blocks.start) == summary["total_hotspots"]
    documents = np.searchsorted(case.corpus.offsets, case.blocks.start, side="right")
    assert len(np.unique(documents)) == summary["sentences_with_hotspots"]
    for theirs in ("D_bio", "D_type", "U", "U_star"):
        mean = getattr(case.measures, COLUMNS[theirs]).mean()
        assert mean == close(summary[f"avg_{theirs}"], abs=1e-9)


def test_weights_elite_and_votes(case: Case) -> None:
    weights = _weights(case.corpus, AnalysisSettings())
    assert case.by_name(weights) == close(case.expected["weights_f1"], abs=1e-9)
    elite = coalition_of(case.names, weights, HALF)
    assert sorted(elite) == sorted(case.expected["elite"])
    everybody = vote(case.patterns, weights, case.corpus.offsets)
    assert case.tags(everybody) == case.expected["majority_vote"]
    chosen = [weight if name in elite else Fraction(0) for name, weight in zip(case.names, weights, strict=True)]
    assert case.tags(vote(case.patterns, chosen, case.corpus.offsets)) == case.expected["elite_majority_vote"]


def test_whole_analysis_uses_these_parts(case: Case) -> None:
    analysis = analyse(case.documents, case.annotations, case.types)
    votes = [list(spans_to_tags(analysis.consensus[item.id], len(item.tokens))) for item in case.documents]
    assert votes == case.expected["majority_vote"]
    assert analysis.agreement.weights == close(case.expected["weights_f1"], abs=1e-9)
