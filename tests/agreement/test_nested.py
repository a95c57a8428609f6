"""Nested spans: agreement, consensus and disagreement by span, held against plain counts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations

import pytest

from diziner.agreement.analysis import Analysis, analyse, annotator_errors
from diziner.agreement.candidates import candidates_of
from diziner.agreement.files import confusion_to_json, disagreements_to_json, tokens_frame
from diziner.agreement.report import render_report
from diziner.agreement.settings import AnalysisSettings
from diziner.agreement.voting import weighted_consensus
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.records.agreement import agreement_to_json
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.disagreements import hotspot_from_json, hotspot_to_json
from diziner.records.documents import Document
from diziner.scoring.strict import strict_span_scores

TYPES = ("DNA", "protein", "cell")
SPANS = AnalysisSettings(consensus="spans")
Rows = Mapping[str, Sequence[Annotation]]
LAYOUTS = 10_000


def layout(draw: random.Random, most: int = 3) -> tuple[list[Document], dict[str, list[Annotation]]]:
    """Random documents with random spans of annotators: nested, crossing, of two types at the same bounds."""
    documents = [
        Document(f"d{number}", tuple("abcdefg"[: draw.randint(1, 7)]), " ".join("abcdefg"[:7]))
        for number in range(draw.randint(1, most))
    ]
    names = [f"a{number}" for number in range(draw.randint(2, 4))]
    rows = {}
    for name in names:
        own = []
        for document in documents:
            pairs = list(combinations(range(len(document.tokens) + 1), 2))
            chosen = {draw.choice(pairs) for _ in range(draw.randint(0, 4))}
            spans = {Span(start, end, draw.choice(TYPES)) for start, end in chosen}
            spans |= {Span(start, end, draw.choice(TYPES)) for start, end in chosen if draw.random() < 0.15}
            own.append(Annotation(document.id, tuple(sorted(spans))))
        rows[name] = own
    if draw.random() < 0.2 and len(documents) > 1:
        own = rows[draw.choice(names)]
        own[-1] = Annotation(own[-1].id, failure=Failure("absent", ""))
    return documents, rows


def keys(rows: Sequence[Annotation]) -> set[tuple[str, Span]]:
    return {(row.id, span) for row in rows for span in row.spans}


def pair_f1(one: Sequence[Annotation], other: Sequence[Annotation]) -> Fraction:
    """Strict F1 of two annotators over the documents that both answered, as sets."""
    both = [(a, b) for a, b in zip(one, other, strict=True) if a.failure is None and b.failure is None]
    first, second = keys([a for a, _ in both]), keys([b for _, b in both])
    size = len(first) + len(second)
    return Fraction(2 * len(first & second), size) if size else Fraction(1)


def votes(rows: Rows, document: str, weights: Mapping[str, float]) -> dict[tuple[int, int], dict[str, set[str]]]:
    """Who gave which types to which bounds of a document."""
    found: dict[tuple[int, int], dict[str, set[str]]] = {}
    for name in weights:
        for row in rows[name]:
            for span in row.spans if row.id == document else ():
                found.setdefault((span.start, span.end), {}).setdefault(name, set()).add(span.type)
    return found


def voted(rows: Rows, document: str, weights: Mapping[str, Fraction]) -> set[Span]:
    """The consensus as it is defined: at each bounds the heaviest of O and the types by name; where somebody gave the
    same bounds two types, each type against O."""
    answered = [name for name in weights if any(r.id == document and r.failure is None for r in rows[name])]
    chosen = set()
    for (start, end), by in votes(rows, document, dict.fromkeys(answered, 0.0)).items():
        split = any(len(types) > 1 for types in by.values())
        given = sorted({label for types in by.values() for label in types})
        for ballot in [[label] for label in given] if split else [given]:
            mass = {"": Fraction(0), **dict.fromkeys(ballot, Fraction(0))}
            for name in answered:
                label = next((each for each in ballot if each in by.get(name, ())), "")
                mass[label] += weights[name]
            winner = max(mass, key=lambda label: (mass[label], label == "", [-ord(c) for c in label]))
            chosen |= {Span(start, end, winner)} if winner else set()
    return chosen


def test_measures_and_consensus_equal_plain_counts_on_random_layouts() -> None:
    draw = random.Random(8)
    seen = nested = split = 0
    while seen < LAYOUTS:  # documents
        documents, rows = layout(draw, draw.choice([1, 2, 50, 100]))
        shared = {n: {r.id for r in own if r.failure is None} for n, own in rows.items()}
        if any(not shared[a] & shared[b] for a, b in combinations(rows, 2)):
            continue
        analysis = analyse(documents, rows, TYPES, SPANS)
        names = analysis.agreement.annotators
        matrix = analysis.agreement.pairs["strict_span_f1"]
        for i, j in combinations(range(len(names)), 2):
            assert matrix[i][j] == pytest.approx(float(pair_f1(rows[names[i]], rows[names[j]])), abs=1e-12)
        one, other = names[:2]
        scores = strict_span_scores({r.id: r.spans for r in rows[one]}, {r.id: r.spans for r in rows[other]}).micro
        assert (scores.gold, scores.predicted) == (len(keys(rows[one])), len(keys(rows[other])))
        assert scores.correct == len(keys(rows[one]) & keys(rows[other]))

        weights = {name: draw.choice([0.1, 0.25, 0.3, 0.5]) for name in names}
        exact = {name: Fraction(str(weight)) for name, weight in weights.items()}
        consensus = weighted_consensus(documents, rows, TYPES, weights, "spans")
        for document in documents:
            if any(row.id == document.id and row.failure is None for own in rows.values() for row in own):
                assert set(consensus[document.id]) == voted(rows, document.id, exact)
            spans = [span for own in rows.values() for row in own if row.id == document.id for span in row.spans]
            nested += any(a.start <= b.start and b.end <= a.end and a != b for a in spans for b in spans)
            split += len(set(spans)) > len({(s.start, s.end) for s in spans})
            seen += 1
    assert nested > LAYOUTS // 2 and split > LAYOUTS // 10


def test_disagreements_are_the_spans_that_differ() -> None:
    """Each annotator's labels that differ from the consensus, at every bounds that anybody marked."""
    draw = random.Random(13)
    for _ in range(200):
        documents, rows = layout(draw)
        if any(row.failure for own in rows.values() for row in own):
            continue
        if any(len({(s.start, s.end) for s in row.spans}) < len(row.spans) for own in rows.values() for row in own):
            continue
        analysis = analyse(documents, rows, TYPES, SPANS)
        for name, own in rows.items():
            differing = Counter[str]()
            for row in own:
                agreed = {(s.start, s.end): s.type for s in analysis.consensus[row.id]}
                mine = {(s.start, s.end): s.type for s in row.spans}
                for bounds in {
                    (s.start, s.end) for each in rows.values() for r in each if r.id == row.id for s in r.spans
                }:
                    if agreed.get(bounds) != mine.get(bounds):
                        differing[row.id] += 1
            assert sum(group.tokens for group in annotator_errors(analysis, name)) == differing.total()
        for hotspot in analysis.hotspots:
            assert all(hotspot.start <= first < last <= hotspot.end for first, last in hotspot.candidates)
            assert len(hotspot.candidates) == len(hotspot.consensus)


GENE = Document("g", ("the", "IL-2", "gene", "promoter", "binds"), "the IL-2 gene promoter binds")


def analysis_of(**spans: Sequence[Span]) -> Analysis:
    return analyse([GENE], {name: [Annotation("g", tuple(own))] for name, own in spans.items()}, TYPES, SPANS)


def test_examples_show_who_reads_a_place_how_and_where_it_stands() -> None:
    draw = random.Random(3)
    seen: Counter[str] = Counter()
    for _ in range(60):
        documents, rows = layout(draw, 4)
        shared = {n: {r.id for r in own if r.failure is None} for n, own in rows.items()}
        if any(not shared[a] & shared[b] for a, b in combinations(rows, 2)):
            continue
        gold = {d.id: rows["a0"][number].spans for number, d in enumerate(documents)} if draw.random() < 0.3 else None
        analysis = analyse(documents, rows, TYPES, SPANS, reference=gold)
        tokens = {document.id: document.tokens for document in documents}
        hotspots = {hotspot.id: hotspot for hotspot in analysis.hotspots}
        for only in (None, *analysis.agreement.annotators):
            groups = analysis.groups if only is None else annotator_errors(analysis, only)
            for example in (example for group in groups for example in group.examples):
                place = (example.start, example.end)
                here = votes(rows, example.document, dict.fromkeys(rows, 0.0)).get(place, {})
                if any(len(types) > 1 for types in here.values()):
                    continue  # a place for each type
                text = tokens[example.document]
                assert example.span_text == " ".join(text[slice(*place)])
                before, after = text[max(0, place[0] - 3) : place[0]], text[place[1] : place[1] + 3]
                assert example.context == " ".join([*before, f"«{example.span_text}»", *after])
                agreed = [s.type for s in analysis.consensus[example.document] if (s.start, s.end) == place] or ["O"]
                assert [example.consensus] == agreed
                readings: dict[str, list[str]] = {}
                for name in analysis.agreement.annotators:
                    if example.document in shared[name]:
                        readings.setdefault(min(here.get(name, {"O"})), []).append(name)
                expected = readings.pop(example.consensus, [])
                assert list(example.agreeing) == ["gold labels"] * (gold is not None) + expected
                others = {reading: [n for n in names if only in (None, n)] for reading, names in readings.items()}
                ranked = sorted((-len(names), reading, names) for reading, names in others.items() if names)
                assert [(r, list(names)) for r, names in example.alternatives] == [(r, n) for _, r, n in ranked]
                if example.hotspot:
                    hotspot = hotspots[example.hotspot]
                    assert hotspot.document == example.document and place in hotspot.candidates
                    assert example.kind == hotspot.kind
                else:
                    assert example.kind == ""
                    assert all(place not in h.candidates for h in hotspots.values() if h.document == example.document)
                seen[example.kind] += 1
    assert min(seen[kind] for kind in ("", "complex", "systematic_bias", "elite_split")) > 10, seen


def test_a_nested_mention_that_one_misses_is_a_hotspot_with_its_readings() -> None:
    whole, inner = Span(1, 4, "DNA"), Span(1, 2, "protein")
    analysis = analysis_of(a=[whole, inner], b=[inner, whole], c=[whole])
    assert analysis.consensus["g"] == (inner, whole)
    [group] = analysis.groups
    assert (group.subtype, group.family) == ("protein_to_O", "Ent_to_O")
    [example] = group.examples
    assert (example.start, example.end, example.span_text) == (1, 2, "IL-2")
    assert example.context == "the «IL-2» gene promoter binds"
    assert (example.consensus, example.agreeing, example.alternatives) == ("protein", ("a", "b"), (("O", ("c",)),))
    [hotspot] = analysis.hotspots
    assert (hotspot.id, hotspot.candidates, hotspot.consensus) == ("g:1-2", ((1, 2),), ("B-protein",))
    written = hotspot_to_json(hotspot)
    assert hotspot_to_json(hotspot_from_json(written)) == written and written["candidates"] == [[1, 2]]
    assert example.hotspot == hotspot.id


def test_other_bounds_of_the_same_type_are_a_span_error() -> None:
    analysis = analysis_of(a=[Span(1, 3, "DNA")], b=[Span(1, 3, "DNA")], c=[Span(1, 4, "DNA")])
    assert {group.subtype for group in annotator_errors(analysis, "c")} == {"DNA_bounds"}
    [hotspot] = analysis.hotspots
    assert (hotspot.start, hotspot.end) == (1, 4)  # both bounds share tokens: one place


def test_mentions_of_a_type_that_share_no_token_are_one_too_many_and_one_too_few() -> None:
    for own in ([Span(3, 5, "DNA")], [Span(0, 1, "DNA")]):
        analysis = analysis_of(a=[Span(1, 3, "DNA")], b=[Span(1, 3, "DNA")], c=own)
        assert {group.subtype for group in annotator_errors(analysis, "c")} == {"DNA_to_O", "O_to_DNA"}


def test_files_of_a_nested_analysis_fit_their_schemas() -> None:
    analysis = analysis_of(a=[Span(1, 4, "DNA"), Span(1, 2, "protein")], b=[Span(1, 4, "DNA")])
    check(agreement_to_json(analysis.agreement), "agreement", "agreement.json")
    check(disagreements_to_json(analysis), "disagreements", "disagreements.json")
    for hotspot in analysis.hotspots:
        check(hotspot_to_json(hotspot), "hotspot", "hotspots.jsonl")
    assert confusion_to_json(analysis)["totals"]["tokens"] == 2
    frame = tokens_frame(analysis)
    assert frame["token"].to_list() == [1, 1] and frame["end"].to_list() == [4, 2]
    report = render_report(analysis, [GENE])
    assert "2 candidate spans" in report and "1 label in 1 mention" in report and "| Labels |" in report


def test_no_mention_at_all_is_full_agreement() -> None:
    analysis = analysis_of(a=[], b=[])
    assert analysis.agreement.overall == 1.0 and analysis.hotspots == () and analysis.consensus["g"] == ()


def test_gold_takes_the_place_of_the_consensus() -> None:
    rows = {name: [Annotation("g", (Span(1, 4, "DNA"),))] for name in "ab"}
    gold = {"g": (Span(1, 4, "DNA"), Span(1, 2, "protein"))}
    analysis = analyse([GENE], rows, TYPES, SPANS, gold)
    assert {group.subtype for group in analysis.groups} == {"protein_to_O"}
    [example] = analysis.groups[0].examples
    assert example.agreeing == ("gold labels",)


def test_places_are_of_the_documents_at_hand_and_two_types_of_one_annotator_are_two() -> None:
    one, other = (Document(name, ("a", "b", "c"), "a b c") for name in ("d1", "d2"))
    dna, protein, whole = Span(0, 1, "DNA"), Span(0, 1, "protein"), Span(0, 3, "cell")
    rows = {
        "a": [Annotation("elsewhere", (Span(0, 9, "nothing"),)), Annotation("d1", (protein, dna, whole))],
        "b": [Annotation("d2", (dna, dna)), Annotation("d1", (Span(2, 3, "DNA"),))],
        "c": [Annotation("d2", (protein,))],
    }
    found = candidates_of([other, one], rows, TYPES)
    assert found.places == {
        "d1": ((0, 3, ""), (0, 1, "DNA"), (0, 1, "protein"), (2, 3, "")),
        "d2": ((0, 1, ""),),
    }


def test_a_span_that_is_wrong_is_named_by_its_tokens() -> None:
    with pytest.raises(UserError, match="annotator 'a', document 'g': span 1-9 is empty or outside the document's 5"):
        analysis_of(a=[Span(1, 9, "DNA")], b=[])
    with pytest.raises(UserError, match="span 1-2 has type 'RNA'; allowed: DNA, cell, protein"):
        analysis_of(a=[Span(1, 2, "RNA")], b=[])


def test_flat_annotations_have_the_same_span_f1_by_span_as_by_token() -> None:
    rows = {"a": [Span(1, 3, "DNA")], "b": [Span(1, 3, "DNA"), Span(3, 4, "cell")], "c": [Span(1, 2, "DNA")]}
    annotations = {name: [Annotation("g", tuple(own))] for name, own in rows.items()}
    by_span, by_token = (analyse([GENE], annotations, TYPES, each) for each in (SPANS, AnalysisSettings()))
    for measure in ("strict_span_f1", "boundary_f1", "type_accuracy"):
        assert by_span.agreement.pairs[measure] == by_token.agreement.pairs[measure]
    assert by_span.agreement.weights == by_token.agreement.weights
