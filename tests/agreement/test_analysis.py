"""The whole analysis: what it says on small inputs, and what it refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from perf.synthetic import make_corpus

from diziner.agreement.analysis import Analysis, analyse, annotator_errors
from diziner.agreement.settings import AnalysisSettings
from diziner.common.errors import UserError
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.spans.tags import tags_to_spans

TYPES = ("LOC", "ORG", "PER")
FAILED = Failure("timeout", "no answer in 60 s")


def document(name: str, text: str) -> Document:
    return Document(name, tuple(text.split()), text)


def answers(**tags: list[str]) -> dict[str, list[Annotation]]:
    """annotator=["O B-PER", …] in order of documents d0, d1, …; "-" is a failure."""
    return {
        name: [
            Annotation(f"d{number}", failure=FAILED)
            if line == "-"
            else Annotation(f"d{number}", tags_to_spans(line.split()))
            for number, line in enumerate(lines)
        ]
        for name, lines in tags.items()
    }


BANK = document("d0", "the Bank of England raised rates")


def bank(**tags: str) -> Analysis:
    return analyse([BANK], answers(**{name: [line] for name, line in tags.items()}), TYPES)


def test_readings_of_a_boundary_dispute() -> None:
    analysis = bank(one="O B-ORG I-ORG I-ORG O O", two="O B-ORG I-ORG I-ORG O O", three="B-ORG I-ORG I-ORG I-ORG O O")
    assert analysis.consensus == {"d0": (Span(1, 4, "ORG"),)}
    (group,) = analysis.groups
    # "the" is O in the consensus, yet no new entity: the same type is meant with other bounds.
    assert (group.family, group.subtype, group.tokens, group.mentions) == ("Span_Error", "ORG_bounds", 2, 1)
    (example,) = group.examples
    assert (example.document, example.start, example.end) == ("d0", 0, 2)
    assert example.span_text == "the Bank"
    assert example.context == "«the Bank» of England raised"
    assert example.consensus == 'ORG "Bank of England"'
    assert example.alternatives == (('ORG "the Bank of England"', ("three",)),)
    assert example.hotspot == analysis.hotspots[0].id == "d0:0-2"
    assert example.kind == analysis.hotspots[0].kind


def test_families_of_errors() -> None:
    found = bank(
        one="O B-ORG I-ORG I-ORG O O",
        two="O B-ORG I-ORG I-ORG O O",
        misses="O O O O O O",
        renames="O B-LOC I-LOC I-LOC O B-PER",
    )
    families = {
        name: [(group.family, group.subtype, group.tokens) for group in annotator_errors(found, name)]
        for name in ("one", "misses", "renames")
    }
    assert families == {
        "one": [],
        "misses": [("Ent_to_O", "ORG_to_O", 3)],
        "renames": [("Ent_to_Ent", "ORG_to_LOC", 3), ("O_to_Ent", "O_to_PER", 1)],
    }


def test_splitting_an_entity_is_a_boundary_error() -> None:
    found = bank(one="O B-ORG I-ORG I-ORG O O", two="O B-ORG I-ORG I-ORG O O", splits="O B-ORG O B-ORG O O")
    (group,) = annotator_errors(found, "splits")
    assert (group.subtype, group.tokens) == ("ORG_bounds", 2)
    assert group.examples[0].alternatives == (('ORG "England"', ("splits",)),)
    assert group.examples[0].consensus == 'ORG "Bank of England"'


def test_mentions_join_tokens_at_most_two_apart() -> None:
    line = document("d0", "a b c d e f g h")
    rows = answers(one=["O O O O O O O O"], two=["O O O O O O O O"], three=["B-PER O B-PER O O B-PER O O"])
    (group,) = annotator_errors(analyse([line], rows, TYPES), "three")
    assert (group.subtype, group.tokens, group.mentions) == ("O_to_PER", 3, 2)
    assert [example.span_text for example in group.examples] == ["a b c", "f"]
    assert group.examples[0].alternatives == (('PER "a"; PER "c"', ("three",)),)


def test_examples_are_seeded_limited_and_in_order() -> None:
    documents, rows, types = make_corpus(60, 5, 2, seed=3)
    few = AnalysisSettings(examples_per_group=3)
    first, again, other = (
        analyse(documents, rows, types, chosen).groups for chosen in (few, few, replace(few, seed=14))
    )
    assert first == again
    assert first != other
    assert [replace(group, examples=()) for group in first] == [replace(group, examples=()) for group in other]
    for group in first:
        assert len(group.examples) == min(3, group.mentions)
        places = [(example.document, example.start) for example in group.examples]
        assert places == sorted(places)
    assert [group.tokens for group in first] == sorted((group.tokens for group in first), reverse=True)
    assert not any(g.examples for g in analyse(documents, rows, types, replace(few, examples_per_group=0)).groups)


def test_a_zero_is_never_hot_unless_asked_for() -> None:
    quiet = document("d0", "a b c d e f g h i j")
    rows = answers(one=["O O O O O O O O O B-PER"], two=["O O O O O O O O O B-PER"], three=["O O O O O O O O O O"])
    assert [hotspot.id for hotspot in analyse([quiet], rows, TYPES).hotspots] == ["d0:9-10"]
    legacy = analyse([quiet], rows, TYPES, AnalysisSettings(legacy_zero_threshold=True))
    assert [(hotspot.id, hotspot.kind) for hotspot in legacy.hotspots] == [("d0:0-10", "complex")]


def test_full_agreement_has_no_hotspots() -> None:
    analysis = bank(one="O B-ORG I-ORG I-ORG O O", two="O B-ORG I-ORG I-ORG O O")
    agreement = analysis.agreement
    assert not analysis.hotspots and not analysis.groups
    assert agreement.overall == agreement.of_all["fleiss_kappa"] == agreement.of_all["krippendorff_alpha"] == 1.0
    assert all(value == 1.0 for matrix in agreement.pairs.values() for row in matrix for value in row)


def test_no_entities_at_all() -> None:
    analysis = bank(one="O O O O O O", two="O O O O O O")
    assert analysis.agreement.overall == analysis.agreement.of_all["fleiss_kappa"] == 1.0
    assert analysis.consensus == {"d0": ()}
    assert analysis.totals.disagreeing == 0
    without_types = analyse([BANK], answers(one=["O O O O O O"], two=["O O O O O O"]), ())
    assert without_types.agreement.overall == 1.0


def test_a_single_annotator_agrees_with_itself() -> None:
    analysis = bank(only="O B-ORG I-ORG I-ORG O O")
    agreement = analysis.agreement
    assert (agreement.overall, agreement.weights, agreement.coalition) == (1.0, {"only": 1.0}, ("only",))
    assert agreement.of_all["fleiss_kappa"] == agreement.of_all["krippendorff_alpha"] == 1.0
    assert analysis.hotspots == ()
    assert analysis.consensus == {"d0": (Span(1, 4, "ORG"),)}


def test_one_annotator_finds_nothing() -> None:
    agreement = bank(finds="O B-ORG O O O O", blind="O O O O O O").agreement
    assert agreement.pairs["strict_span_f1"][0][1] == 0.0
    assert agreement.pairs["type_accuracy"][0][1] == 0.0
    assert agreement.pairs["cohens_kappa"][0][1] == 0.0
    assert agreement.weights == {"blind": 0.5, "finds": 0.5}


def test_spans_do_not_match_across_documents() -> None:
    documents = [document("d0", "a b"), document("d1", "a b")]
    rows = answers(one=["B-PER O", "O O"], two=["O O", "B-PER O"])
    assert analyse(documents, rows, TYPES).agreement.pairs["strict_span_f1"][0][1] == 0.0


def test_an_entity_ends_with_its_document() -> None:
    documents = [document("d0", "a b"), document("d1", "a b")]
    rows = answers(one=["O B-PER", "B-PER O"], two=["O B-PER", "B-PER O"])
    assert analyse(documents, rows, TYPES).consensus == {
        "d0": (Span(1, 2, "PER"),),
        "d1": (Span(0, 1, "PER"),),
    }


def test_a_failure_is_no_vote() -> None:
    documents = [BANK, document("d1", "Paris is calm")]
    rows = answers(
        one=["O B-ORG I-ORG I-ORG O O", "B-LOC O O"],
        two=["O B-ORG I-ORG I-ORG O O", "-"],
        three=["O B-ORG I-ORG I-ORG O O", "-"],
        four=["O B-ORG I-ORG I-ORG O O", "O O O"],
    )
    analysis = analyse(documents, rows, TYPES)
    assert analysis.failed == {"four": 0, "one": 0, "three": 1, "two": 1}
    # Two failures as votes for O would have beaten the mention; equal weights leave a tie, which is O.
    assert analysis.consensus["d1"] == ()
    (hotspot,) = analysis.hotspots
    assert hotspot.labels == {"four": ("O",), "one": ("B-LOC",)}
    assert analysis.agreement.pairs["strict_span_f1"][2] == pytest.approx((1.0,) * 4)
    assert analysis.bias["two"].agreement_rate == 1.0
    assert analysis.columns["answered"] == [4] * 6 + [2] * 3


def test_documents_that_nobody_answered_are_left_out() -> None:
    documents = [BANK, document("d1", "Paris is calm")]
    rows = answers(one=["O B-ORG I-ORG I-ORG O O", "-"], two=["O B-ORG I-ORG I-ORG O O", "-"])
    analysis = analyse(documents, rows, TYPES)
    assert set(analysis.consensus) == {"d0"}
    assert (analysis.totals.documents, analysis.totals.unanswered) == (1, 1)
    assert analysis.failed == {"one": 1, "two": 1}


def test_bias_and_confusion_add_up() -> None:
    documents, rows, types = make_corpus(40, 5, 3, failing=0.1, seed=8)
    analysis = analyse(documents, rows, types)
    size = {item.id: len(item.tokens) for item in documents}
    for name, bias in analysis.bias.items():
        assert sum(bias.type_bias.values()) == bias.over_tagging
        matrix = np.array(analysis.confusion.consensus[name])
        answered = sum(size[row.id] for row in rows[name] if row.failure is None)
        assert matrix.sum() == answered
        assert (matrix.sum(axis=0) - matrix.sum(axis=1))[1:].tolist() == list(bias.type_bias.values())
        assert bias.coalition_rate == float(name in analysis.agreement.coalition)
    between = np.array(analysis.confusion.between)
    assert (between == between.T).all()
    answering = Counter(row.id for own in rows.values() for row in own if row.failure is None)
    assert between.sum() == sum(size[name] * count * (count - 1) for name, count in answering.items())


def test_kinds_of_hotspots() -> None:
    def tags(**changes: str) -> str:
        """Twenty one-token people with a token between them, but for some positions."""
        line = ["B-PER", "O"] * 20
        for position, tag in changes.items():
            line[int(position[1:])] = tag
        return " ".join(line)

    rows = answers(
        a=[tags(t4="B-LOC")],
        b=[tags(t0="B-LOC", t4="B-ORG")],
        c=[tags(t38="B-ORG", t10="O", t20="O", t28="O")],
        d=[tags(t38="B-ORG", t14="O", t24="O", t32="O")],
    )
    text = " ".join(f"w{number}" for number in range(40))
    analysis = analyse([document("d0", text)], rows, TYPES, AnalysisSettings(percentile=70.0, bias_percentile=100.0))
    assert analysis.agreement.coalition == ("a", "b")
    assert {(hotspot.start, hotspot.kind) for hotspot in analysis.hotspots} == {
        (0, "elite_split"),
        (4, "complex"),
        (38, "systematic_bias"),
        *((start, "minor") for start in (10, 14, 20, 24, 28, 32)),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.clear(), "no annotators"),
        (lambda rows: rows["one"].pop(), r"annotator 'one' has no row for document 'd1'"),
        (lambda rows: rows["one"].append(Annotation("d9")), r"'one' has a row for document 'd9'"),
        (lambda rows: rows["one"].append(Annotation("d0")), r"'one' has two rows for document 'd0'"),
        (
            lambda rows: rows["one"].__setitem__(0, Annotation("d0", (Span(2, 9, "PER"),))),
            r"annotator 'one', document 'd0': span 2-9 is empty or outside the document's 2 tokens",
        ),
        (
            lambda rows: rows["two"].__setitem__(1, Annotation("d1", (Span(0, 1, "GPE"),))),
            r"annotator 'two', document 'd1': span 0-1 has type 'GPE'; allowed: LOC, ORG, PER",
        ),
        (
            lambda rows: rows["two"].__setitem__(1, Annotation("d1", (Span(0, 2, "PER"), Span(1, 2, "ORG")))),
            r"annotator 'two', document 'd1': two spans cover token 1",
        ),
        (
            lambda rows: rows.__setitem__("two", [Annotation(name, failure=FAILED) for name in ("d0", "d1")]),
            r"annotator 'two' answered none of 2 documents \(first: 'd0', timeout\)",
        ),
        (
            lambda rows: rows.update(
                one=[Annotation("d0"), Annotation("d1", failure=FAILED)],
                two=[Annotation("d0", failure=FAILED), Annotation("d1")],
            ),
            r"annotators 'one' and 'two' answered no document in common",
        ),
    ],
)
def test_what_is_refused(change: Callable[[dict[str, list[Annotation]]], None], message: str) -> None:
    documents = [document("d0", "a b"), document("d1", "c d")]
    rows = answers(one=["B-PER O", "O O"], two=["O O", "O O"])
    change(rows)
    with pytest.raises(UserError, match=message) as caught:
        analyse(documents, rows, TYPES)
    assert "\n" not in str(caught.value)


def test_documents_and_types_that_are_refused() -> None:
    rows = answers(one=["O O O O O O"])
    with pytest.raises(UserError, match="no documents"):
        analyse([], {"one": []}, TYPES)
    with pytest.raises(UserError, match="document 'd0' is given twice"):
        analyse([BANK, BANK], rows, TYPES)
    for types in (("PER", "PER"), ("O", "PER")):
        with pytest.raises(UserError, match="types must differ"):
            analyse([BANK], rows, types)
    with pytest.raises(UserError, match="span 0-1 has type 'PER'; allowed: none"):
        analyse([BANK], answers(one=["B-PER O O O O O"]), ())
    with pytest.raises(UserError, match="annotator 'nobody' is not in this analysis; one of one"):
        annotator_errors(analyse([BANK], rows, TYPES), "nobody")


def test_a_document_without_tokens() -> None:
    empty = Document("d0", (), "")
    rows = answers(one=[""], two=[""])
    analysis = analyse([empty], rows, TYPES)
    assert analysis.agreement.overall == analysis.agreement.of_all["krippendorff_alpha"] == 1.0
    assert (analysis.hotspots, analysis.groups, analysis.consensus) == ((), (), {"d0": ()})
    beside = answers(one=["", "B-PER"], two=["", "O"])
    assert [item.id for item in analyse([empty, document("d1", "a")], beside, TYPES).hotspots] == ["d1:0-1"]


def test_spans_may_come_in_any_order() -> None:
    sorted_spans = (Span(0, 1, "PER"), Span(2, 4, "ORG"))
    first, second = (
        analyse([BANK], {"one": [Annotation("d0", spans)], "two": [Annotation("d0")]}, TYPES)
        for spans in (sorted_spans, sorted_spans[::-1])
    )
    assert first == second


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("percentile", 101.0),
        ("split_percentile", -1.0),
        ("bias_percentile", float("nan")),
        ("coalition_cutoff", 0.0),
        ("weights", "best"),
        ("weight_floor", 0.0),
        ("percentile", -0.1),
        ("percentile", 100.1),
        ("coalition_cutoff", 1.1),
        ("weight_floor", 1.1),
        ("analysis_weights", "best"),
        ("consensus", "best"),
        ("readings", "best"),
        ("examples_per_group", -1),
        ("held_back", -1),
    ],
)
def test_settings_that_are_refused(setting: str, value: object) -> None:
    with pytest.raises(UserError, match=f"^{setting}: "):
        AnalysisSettings(**{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("percentile", (0.0, 100.0)),
        ("split_percentile", (0.0, 100.0)),
        ("bias_percentile", (0.0, 100.0)),
        ("coalition_cutoff", (0.001, 0.99, 1.0)),
        ("weight_floor", (0.001, 0.99, 1.0)),
        ("analysis_weights", (None, "kappa")),
        ("examples_per_group", (0,)),
        ("held_back", (0,)),
    ],
)
def test_settings_at_their_limits_are_taken(setting: str, values: Sequence[object]) -> None:
    for value in values:
        assert getattr(AnalysisSettings(**{setting: value}), setting) == value  # type: ignore[arg-type]


def test_errors_against_a_reference_are_all_shown_and_agreement_stays() -> None:
    given = answers(one=["O B-ORG I-ORG I-ORG O O"], two=["O B-ORG I-ORG I-ORG O O"])
    usual = analyse([BANK], given, TYPES)
    found = analyse([BANK], given, TYPES, reference={"d0": [Span(3, 4, "LOC")]})
    assert (usual.groups, usual.totals.disagreeing) == ((), 0)
    assert found.agreement == usual.agreement
    assert found.hotspots == ()
    assert found.consensus == {"d0": (Span(3, 4, "LOC"),)}
    # Both annotators differ on three tokens: two where the reference has none, one where it has another type.
    assert {group.subtype: group.tokens for group in found.groups} == {"O_to_ORG": 4, "LOC_to_ORG": 2}
    assert found.totals.below_threshold == found.totals.disagreeing == 6
    assert sum(found.totals.families_below.values()) == 6 and sum(found.totals.families.values()) == 0
