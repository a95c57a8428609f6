"""Decoding of rows, by hand: repairs are counted one by one, what fits nothing is refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from diziner.common.errors import UserError
from diziner.corpora import arrow
from diziner.corpora.decode import Decoded, Decoder, unfit_label
from diziner.corpora.goldforms import to_bio
from diziner.corpora.settings import check_embedder
from diziner.corpora.texts import cut_ranges
from diziner.embedding.minilm_files import MINILM, MINILM_FILES
from diziner.forms.rows import Row
from diziner.records.annotations import Span

TOKENS = ["Ann", "Lee", "saw", "Rome"]
ANY, TYPED = Decoder(None), Decoder(("PER", "LOC"))


def decoded(value: dict[str, Any], decoder: Decoder = TYPED) -> Decoded:
    return decoder.decode(Row("here", value))


def refused(value: dict[str, Any], decoder: Decoder = TYPED) -> str:
    with pytest.raises(UserError) as error:
        decoded(value, decoder)
    return str(error.value)


def test_blanks_inside_of_tokens_become_no_break_spaces_and_are_counted() -> None:
    row = decoded({"tokens": ["New York", "", "a\tb c", "Ann"], "spans": [[0, 1, "LOC"], [3, 4, "PER"]]})
    assert row.tokens == ("New\xa0York", "a\xa0b\xa0c", "Ann")
    assert row.text == "New\xa0York a\xa0b\xa0c Ann"
    assert (row.spans, row.repairs) == ((Span(0, 1, "LOC"), Span(2, 3, "PER")), 3)
    own = decoded({"text": "(New York) Ann!", "tokens": ["New York", "Ann"]})
    assert (own.text, own.repairs, own.spans) == ("(New\xa0York) Ann!", 1, None)
    assert decoded({"tokens": TOKENS}).repairs == 0


@pytest.mark.parametrize(
    ("tags", "bio", "mended"),
    [
        ("B-A I-A O", "B-A I-A O", 0),
        ("S-A S-A U-A", "B-A B-A B-A", 0),
        ("B-A E-A I-A", "B-A I-A B-A", 1),
        ("B-A L-A E-A", "B-A I-A B-A", 1),
        ("S-A E-A I-A", "B-A B-A B-A", 2),
        ("S-A E-B I-A", "B-A I-B I-A", 0),
        ("S-A B-A I-A", "B-A B-A I-A", 0),
        ("S-A O I-A", "B-A O I-A", 0),
        ("S U E L I", "S U E L I", 0),
    ],
)
def test_schemes_with_ends_are_written_as_bio(tags: str, bio: str, mended: int) -> None:
    assert to_bio(tags.split()) == (bio.split(), mended)


def test_spans_that_an_i_opens_are_told_from_those_that_a_b_opens_without_need() -> None:
    def opened(tags: str) -> tuple[int, int]:
        row = decoded({"tokens": TOKENS, "tags": tags.split()})
        return row.opened_by_i, row.opened_by_b

    assert opened("I-PER I-PER O I-LOC") == (2, 0)
    assert opened("B-PER I-PER O B-LOC") == (0, 2)
    assert opened("I-PER B-PER O O") == (1, 0), "IOB1: a B- where two of a type touch"
    assert opened("B-PER I-LOC B-LOC O") == (1, 1)
    assert opened("O O O O") == (0, 0)


def test_labels_are_mapped_checked_and_joined() -> None:
    row = {"tokens": TOKENS, "spans": [[0, 2, "person"], [2, 3, "verb"], [3, 4, "LOC"]]}
    mapping = Decoder(("PER", "LOC"), label_map={"person": "PER", "verb": None})
    assert decoded(row, mapping).spans == (Span(0, 2, "PER"), Span(3, 4, "LOC"))
    assert refused(row) == "here: unknown label 'person'; the card has: PER, LOC; map others under `label_map`"
    spaced = {"tokens": TOKENS, "spans": [[0, 2, "cell  line"]]}
    assert decoded(spaced, ANY).spans == decoded(spaced, Decoder(("cell_line",))).spans == (Span(0, 2, "cell_line"),)
    assert decoded(spaced, Decoder(("cell  line",))).spans == (Span(0, 2, "cell  line"),)
    assert refused({"tokens": TOKENS, "spans": [[0, 1, "O"]]}, ANY).startswith(
        "here: label 'O' is the tag of what is no"
    )
    assert refused({"tokens": TOKENS, "spans": [[0, 1, "a|b"]]}, ANY).startswith(
        "here: label 'a|b'; it must be without"
    )
    assert unfit_label("PER") is None and unfit_label("") is not None and unfit_label("[x") is not None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"id": True, "tokens": TOKENS}, "id must be a string or a whole number, found True"),
        ({"id": 1.5, "tokens": TOKENS}, "id must be a string or a whole number, found 1.5"),
        ({"id": [1], "tokens": TOKENS, "spans": []}, "id must be a string or a whole number, found [1]"),
        ({"text": "Ann", "tags": ["O"]}, "tags must be a list, one for each of the row's tokens"),
        ({"tokens": TOKENS, "tags": "OOOO"}, "tags must be a list, one for each of the row's tokens"),
        ({"tokens": TOKENS, "tags": ["O"]}, "4 tokens but 1 tag"),
        ({"tokens": TOKENS, "tags": [None, "O", "O", "O"]}, "tag None is neither a string nor a whole number"),
        ({"tokens": TOKENS, "tags": [True, "O", "O", "O"]}, "tag True is neither a string nor a whole number"),
        ({"tokens": TOKENS, "tags": [0, 0, 0, 0]}, "tag 0 has no name; --labels FILE says what each number means"),
        ({"tokens": "Ann"}, "tokens must be a list of strings, found 'Ann'"),
        ({"tokens": ["Ann", 1]}, "tokens must be a list of strings"),
        ({"text": 5}, "text must be a string, found 5"),
        ({"tokens": [" ", ""]}, "empty document"),
        ({"tokens": TOKENS, "spans": {}}, "spans must be a list, found {}"),
        ({"tokens": TOKENS, "spans": [[0, 1]]}, "span [0, 1] is not [start, end, label] with whole numbers"),
        ({"tokens": TOKENS, "spans": [[False, 1, "PER"]]}, "span [False, 1, 'PER'] is not"),
        ({"tokens": TOKENS, "spans": [[0, 1, ""]]}, "span [0, 1, ''] is not"),
        ({"tokens": TOKENS, "spans": [[0, 1, 2]]}, "span [0, 1, 2] is not"),
        ({"tokens": TOKENS, "spans": ["0 1 PER"]}, "span '0 1 PER' is not"),
        ({"tokens": TOKENS, "spans": [[-1, 1, "PER"]]}, "span [-1, 1) is empty or outside the 4 tokens"),
        ({"tokens": TOKENS, "spans": [[3, 5, "PER"]]}, "span [3, 5) is empty or outside the 4 tokens"),
        ({"tokens": TOKENS, "spans": [[3, 2, "PER"]]}, "span [3, 2) is empty or outside the 4 tokens"),
        ({"tokens": TOKENS, "spans": [[2, 2, "PER"]]}, "4 tokens; if ends are included: --spans tokens-inclusive"),
        ({"text": "Ann", "spans": [[0, 4, "PER"]]}, "span [0, 4) is empty or outside the 3 characters"),
        ({"text": "Ann  Lee", "spans": [[3, 5, "PER"]]}, "span [3, 5) of 'PER' covers no visible text"),
        ({"tokens": ["Ann", " "], "spans": [[1, 2, "PER"]]}, "span [1, 2) of 'PER' covers no visible text"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_place(value: dict[str, Any], message: str) -> None:
    said = refused(value)
    assert said.startswith("here: ") and message in said
    assert ("--spans" in said) == ("--spans" in message)


def test_numbers_of_tags_are_named_from_nought() -> None:
    named = Decoder(("PER",), names=("O", "B-PER"))
    assert decoded({"tokens": TOKENS, "tags": [1, 0, 0, 1]}, named).spans == (Span(0, 1, "PER"), Span(3, 4, "PER"))
    for tag in (-1, 2):
        assert refused({"tokens": TOKENS, "tags": [tag, 0, 0, 0]}, named) == (
            f"here: tag {tag} is outside the 2 labels (0 to 1)"
        )


def test_spans_as_mappings_whole_or_by_type_and_an_empty_id_is_none() -> None:
    row = decoded({"id": "", "text": " Ann Lee", "spans": [{"start": 0, "end": 8, "type": "PER"}]})
    assert (row.id, row.spans, row.characters, row.repairs) == (None, (Span(0, 2, "PER"),), ((1, 8),), 1)
    assert decoded({"id": 0, "tokens": TOKENS}).id == "0"
    by_unit = {"text": "Ann Lee", "tokens": ["Ann", "Lee"], "spans": [[0, 3, "PER"]], "unit": "characters"}
    assert decoded(by_unit).spans == (Span(0, 1, "PER"),)
    assert decoded({**by_unit, "spans": [[0, 2, "PER"]], "unit": None}).spans == (Span(0, 2, "PER"),)


def test_nested_spans_are_kept_where_they_are_wanted_and_tokens_cut_where_they_may() -> None:
    nested = {"tokens": TOKENS, "spans": [[0, 2, "PER"], [1, 2, "LOC"], [0, 2, "PER"]]}
    flat, both = decoded(nested), decoded(nested, Decoder(("PER", "LOC"), nested=True))
    assert (flat.spans, flat.overlapping, flat.repairs) == ((Span(0, 2, "PER"),), 1, 1)
    assert (both.spans, both.overlapping, both.repairs) == ((Span(0, 2, "PER"), Span(1, 2, "LOC")), 0, 0)
    inside = {"text": "서울에 갔다", "spans": [[0, 2, "LOC"]]}
    assert decoded(inside).tokens == ("서울에", "갔다")
    cut = decoded(inside, Decoder(("LOC",), split=True))
    assert (cut.tokens, cut.spans, cut.own_tokens) == (("서울", "에", "갔다"), (Span(0, 1, "LOC"),), True)
    own = decoded({"tokens": ["서울에"], "spans": [[0, 1, "LOC"]]}, Decoder(("LOC",), split=True))
    assert (own.tokens, own.own_tokens) == (("서울에",), False)
    assert cut_ranges([(0, 3), (4, 6)], [0, 2, 2, 3, 5, 6, 9]) == ((0, 2), (2, 3), (4, 5), (5, 6))


def test_an_embedder_of_weights_needs_them_and_no_other_does() -> None:
    check_embedder("tfidf", {}, "params.yaml")
    check_embedder(MINILM, {MINILM: {"files": MINILM_FILES}}, "params.yaml")
    with pytest.raises(UserError, match=r"^params\.yaml: weights\.minilm: "):
        check_embedder(MINILM, {}, "params.yaml")


class DatasetGenerationError(Exception):
    """Called as the one in which `datasets` hides others."""


def test_an_error_of_a_library_is_its_cause_in_one_short_line() -> None:
    assert arrow._first_line(ValueError("\n one\ntwo")) == "one"
    assert arrow._first_line(ValueError(" \n")) == "ValueError"
    assert arrow._first_line(ValueError("x" * 200)) == "x" * 200
    assert arrow._first_line(ValueError("x" * 201)) == "x" * 200 + " …"
    inner, outer, other = ValueError("in"), DatasetGenerationError("out"), OSError("other")
    assert arrow._cause(outer) is outer and arrow._cause(other) is other
    outer.__cause__ = other.__cause__ = inner
    assert arrow._cause(outer) is inner and arrow._cause(other) is other
    hidden = DatasetGenerationError("out")
    hidden.__context__ = inner
    assert arrow._cause(hidden) is inner
    options = {"id": "a/b", "revision": "v1"}
    assert arrow._hint(other, options) == (
        "; look what files a/b at v1 has, and mend the card's sources.hub, or take the room's files from elsewhere"
    )
    assert "has, where the card has x, y, and mend" in arrow._hint(other, {**options, "files": {"t": "y", "u": "x"}})
    assert "must hold data files" in arrow._hint(ValueError("Dataset scripts are no longer supported"), options)
