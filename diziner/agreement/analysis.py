"""Analysis of one round: from annotations to agreement, consensus, hotspots and error groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from diziner.agreement.bias import AnnotatorBias, Confusion, annotator_biases, type_confusion
from diziner.agreement.candidates import candidates_of
from diziner.agreement.columns import Patterns, find_patterns, label_mass
from diziner.agreement.consensus import spans_of, vote
from diziner.agreement.disagreement import COLUMNS, TokenMeasures, pattern_measures
from diziner.agreement.encoding import Corpus, Floats, encode
from diziner.agreement.error_families import Disagreements
from diziner.agreement.error_groups import Readings
from diziner.agreement.exact_measures import ExactMeasures
from diziner.agreement.held_back import held_back, shown_alone
from diziner.agreement.hotspots import kinds_of, thresholds
from diziner.agreement.measures import SET_MEASURES
from diziner.agreement.pairwise import contingency_tables, exact_kappas, exact_span_f1, pair_measures, span_matches
from diziner.agreement.settings import SPANS, AnalysisSettings
from diziner.agreement.totals import Totals, count_totals
from diziner.agreement.units import SpanUnits, TokenUnits, Units
from diziner.agreement.weights import analysis_weights, annotator_weights, coalition_of, mean_of_others
from diziner.common.errors import UserError
from diziner.common.exact import as_written
from diziner.common.garbage import without_search_for_garbage
from diziner.records.agreement import Agreement
from diziner.records.annotations import Annotation, Span
from diziner.records.disagreements import ErrorGroup, Hotspot
from diziner.records.documents import Document

GOLD = "gold labels"  # what agrees with a given reference, besides annotators


@dataclass(frozen=True, slots=True)
class Analysis:
    """Results of one round's analysis; everything in order of document id and annotator name.

    `groups` are the disagreements of all annotators with the consensus inside hotspots. `consensus`
    leaves out documents that nobody answered. `held_back` are documents whose disagreements are in no
    group. `failed` counts failures per annotator. The fields after
    `thresholds` are the arrays behind the rest.
    """

    agreement: Agreement
    hotspots: tuple[Hotspot, ...]
    consensus: Mapping[str, tuple[Span, ...]]
    groups: tuple[ErrorGroup, ...]
    totals: Totals
    bias: Mapping[str, AnnotatorBias]
    confusion: Confusion
    failed: Mapping[str, int]
    held_back: tuple[str, ...]
    thresholds: Mapping[str, float]
    settings: AnalysisSettings
    units: Units = field(repr=False, compare=False)
    measures: TokenMeasures = field(repr=False, compare=False)
    readings: Readings = field(repr=False, compare=False)
    disagreements: Disagreements = field(repr=False, compare=False)
    grouped: Disagreements = field(repr=False, compare=False)

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The token table as plain lists of equal length, built anew on each use.

        document, token, consensus (BIO2 tag), the columns of TokenMeasures, answered (annotators that
        labelled it), disagreeing (those that differ from the consensus), hotspot (id, or "" outside). Where spans
        may be nested a row is a candidate span, from `token` to `end`.
        """
        corpus = self.readings.corpus
        ids = [document.id for document in corpus.documents]
        tags = corpus.tags
        hotspots = [*(hotspot.id for hotspot in self.hotspots), ""]
        document = corpus.document_of
        tokens = len(document)
        return {
            "document": [ids[number] for number in document.tolist()],
            **{name: column.tolist() for name, column in self.units.places(corpus).items()},
            "consensus": [tags[code] for code in self.readings.consensus.tolist()],
            **{name: getattr(self.measures, name).tolist() for name in COLUMNS},
            "answered": corpus.answered.sum(axis=0)[document].tolist(),
            "disagreeing": np.bincount(self.disagreements.token, minlength=tokens).tolist(),
            # Tokens outside have block -1, the last entry.
            "hotspot": [hotspots[block] for block in self.readings.block_of.tolist()],
        }


def analyse(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    types: Sequence[str],
    settings: AnalysisSettings | None = None,
    reference: Mapping[str, Sequence[Span]] | None = None,
) -> Analysis:
    """Analyse one round: one row per annotator and document, failures included as such.

    A failed document is no vote: its annotator's labels are missing there and the weights of the others
    are renormalised. A single annotator agrees with itself: all agreement is 1.0 and there are no
    hotspots. Nothing depends on the order of annotators, documents or types.

    `reference` (document id -> spans, every document) takes the place of the consensus as what errors are
    counted against, inside hotspots and below: supervision by gold labels, for comparison only.

    Errors: UserError, see `diziner.agreement.encoding.encode`.
    """
    with without_search_for_garbage():
        return _analysed(documents, annotations, types, settings or AnalysisSettings(), reference)


def _analysed(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    types: Sequence[str],
    settings: AnalysisSettings,
    reference: Mapping[str, Sequence[Span]] | None,
) -> Analysis:
    truth = None if reference is None else _as_rows(documents, reference)
    units: Units = TokenUnits(documents)
    if settings.consensus == SPANS:
        sources = annotations if truth is None else {**annotations, "the reference": truth}
        units = SpanUnits(candidates_of(documents, sources, types))
    corpus = encode(units.documents, {name: units.rows(own) for name, own in annotations.items()}, types)
    patterns = find_patterns(corpus.codes, corpus.missing)
    tables = contingency_tables(patterns)
    matches = span_matches(corpus)
    f1 = exact_span_f1(matches)
    weights = annotator_weights(f1, lambda: exact_kappas(tables, len(f1)), settings)
    measuring = analysis_weights(f1, lambda: exact_kappas(tables, len(f1)), settings)
    coalition = coalition_of(corpus.annotators, measuring, as_written(settings.coalition_cutoff))
    elite = np.array([name in coalition for name in corpus.annotators])
    by_pattern = pattern_measures(patterns, np.array([float(weight) for weight in measuring]), elite)
    limits = thresholds(by_pattern, patterns, ExactMeasures(patterns, measuring, elite), settings)
    reached = {name: limit.patterns[patterns.index] for name, limit in limits.items()}
    blocks = kinds_of(units.runs(reached["u_star"], corpus), reached["elite_internal"], reached["tv_between"])
    measures = by_pattern.of(patterns.index)
    if truth is None:
        consensus = vote(patterns, weights, corpus.offsets, "io" if settings.consensus == "io" else "bio")
    else:
        consensus = encode(units.documents, {"reference": units.rows(truth)}, types).codes[0]
    disagreements = units.disagreements(corpus, consensus)
    named = "" if reference is None else GOLD
    whole = settings.readings == "mentions"
    readings = Readings(corpus, consensus, blocks, blocks.of_token(len(consensus)), named, whole)
    held = held_back(documents, settings.held_back)
    grouped = shown_alone(disagreements, corpus, held)
    shown = grouped.only((readings.block_of[grouped.token] >= 0) | (reference is not None))
    everybody = range(len(corpus.annotators))
    return Analysis(
        agreement=_agreement(corpus, patterns, pair_measures(matches, tables), mean_of_others(f1), weights, coalition),
        hotspots=units.hotspots(corpus, blocks, measures, consensus),
        consensus=units.spans(spans_of(consensus, corpus)),
        groups=units.groups(shown, readings, everybody, settings.examples_per_group, settings.seed),
        totals=count_totals(disagreements, readings),
        bias=annotator_biases(corpus, consensus, coalition),
        confusion=type_confusion(corpus, consensus, tables),
        failed=corpus.failed,
        held_back=held,
        thresholds={name: limit.threshold for name, limit in limits.items()},
        settings=settings,
        units=units,
        measures=measures,
        readings=readings,
        disagreements=disagreements,
        grouped=grouped,
    )


def annotator_errors(analysis: Analysis, annotator: str) -> tuple[ErrorGroup, ...]:
    """Return one annotator's disagreements with the consensus, in hotspots and below (method section 7).

    Token counts add up to all its labels that differ from the consensus, in documents that are not held back.

    Errors: UserError for an annotator that is not in the analysis.
    """
    readings = analysis.readings
    names = readings.corpus.annotators
    if annotator not in names:
        raise UserError(f"annotator {annotator!r} is not in this analysis; one of {', '.join(names)}")
    number = names.index(annotator)
    own = analysis.grouped.only(analysis.grouped.annotator == number)
    settings = analysis.settings
    return analysis.units.groups(own, readings, [number], settings.examples_per_group, settings.seed)


def _as_rows(documents: Sequence[Document], reference: Mapping[str, Sequence[Span]]) -> list[Annotation]:
    return [Annotation(document.id, tuple(reference[document.id])) for document in documents]


def _agreement(
    corpus: Corpus,
    patterns: Patterns,
    pairs: Mapping[str, Floats],
    mean: Sequence[Fraction],
    weights: Sequence[Fraction],
    coalition: tuple[str, ...],
) -> Agreement:
    counts = label_mass(patterns.codes, np.ones(len(corpus.annotators)), corpus.missing).astype(np.int64)
    return Agreement(
        annotators=corpus.annotators,
        documents=len(corpus.documents),
        pairs={name: tuple(map(tuple, matrix.tolist())) for name, matrix in pairs.items()},
        mean=dict(zip(corpus.annotators, map(float, mean), strict=True)),
        overall=float(sum(mean, Fraction(0)) / len(mean)),
        weights=dict(zip(corpus.annotators, map(float, weights), strict=True)),
        coalition=coalition,
        common=() if corpus.answered.all() else tuple(map(tuple, _documents_in_common(corpus))),
        of_all={name: measure.of(counts, patterns.counts) for name, measure in SET_MEASURES.items()},
    )


def _documents_in_common(corpus: Corpus) -> list[list[int]]:
    answered = corpus.answered.astype(np.int64)
    common: list[list[int]] = (answered @ answered.T).tolist()
    return common
