"""Long documents in chunks: what is cut, what is asked, and that they stay one document in all that follows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from annotating import annotate
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT

from diziner.annotator import annotate as module
from diziner.annotator.chunks import OTHER_CHUNK, Chunk, chunks_of, merged
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.errors import UserError
from diziner.corpora.tokenize import tokenize
from diziner.guideline.file import load_guideline
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document

GUIDELINE = load_guideline(ROOT / "data/conll2003/guideline.yaml")
ANNOTATOR = AnnotatorSettings("a", ModelSettings("web", "m"))
TYPES = ["PER", "ORG", "LOC", "MISC"]


@dataclass
class Reader:
    """A model that names every capitalised word of the document that it is shown, and fails on texts with `fails`."""

    fails: str = "\0"
    requests: list[Request] = field(default_factory=list)

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        self.requests += requests
        return [self._answer(shown(request)) for request in requests]

    def _answer(self, text: str) -> Outcome:
        if self.fails in text:
            return Failure("timeout", "no answer in 5 s")
        words = dict.fromkeys(re.findall(r"\b[A-Z][a-z]{3,}\b", text))
        return Response(json.dumps({"entities": [{"text": word, "type": "person"} for word in words]}), "stop")


def shown(request: Request) -> str:
    found = re.search(r"<document>\n(.*)\n</document>$", request.messages[-1].content, re.DOTALL)
    assert found
    return found[1]


def document(text: str, name: str = "d") -> Document:
    return Document(name, tokenize(text), text)


LONG = document(
    "Anna Karen met Gen. Smith in Lisbon. He was late!  They left “at once.” Then\nBerta saw Boston and wrote to "
    "Smith. Nobody answered for a long, long time, so that Lisbon was forgotten by all who had ever been there. "
    "Anna came back. Berta did not."
)


@pytest.mark.parametrize(("chunk", "overlap"), [(10, 0), (10, 5), (14, 4), (25, 12), (2, 1), (2, 0)])
def test_a_long_document_has_the_mentions_it_has_in_one_piece(chunk: int, overlap: int) -> None:
    whole, parts = Reader(), Reader()
    [one] = annotate([LONG], GUIDELINE, ANNOTATOR, whole, "t", AnswerSettings())
    rows = annotate(
        [document("Anna came.", "before"), LONG],
        GUIDELINE,
        ANNOTATOR,
        parts,
        "t",
        AnswerSettings(chunk_tokens=chunk, overlap=overlap),
    )
    assert [row.id for row in rows] == ["before", "d"]
    assert rows[1].spans == one.spans and rows[1].characters == one.characters and len(one.spans) == 13
    assert [LONG.text[first:last] for first, last in rows[1].characters][:2] == ["Anna", "Karen"]
    assert rows[1].drops == {} and rows[1].failure is None
    assert rows[0].responses + rows[1].responses == tuple(request.key for request in parts.requests)
    assert len(rows[1].responses) > 1


def test_chunks_end_where_sentences_do() -> None:
    texts = [chunk.document.text for chunk in chunks_of(LONG, AnswerSettings(chunk_tokens=14))]
    assert texts[:3] == [
        "Anna Karen met Gen. Smith in Lisbon. He was late!",
        "They left “at once.”",
        "Then\nBerta saw Boston and wrote to Smith.",
    ]
    # No sentence ends in the fourth's second half: it ends before a blank.
    assert texts[3] == "Nobody answered for a long, long time, so that Lisbon was forgotten"
    shared = [chunk.document.text for chunk in chunks_of(LONG, AnswerSettings(chunk_tokens=20, overlap=8))]
    assert shared[0].endswith("They left “at once.”") and shared[1].startswith("They left “at once.” Then\nBerta")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("他在北京工作。她在上海工作。他们很好。", "他在北京工作。"),
        ("वह दिल्ली में है। वह गया। कोई नहीं आया।", "वह दिल्ली में है। वह गया।"),
        ("เขาไปกรุงเทพ เธอไปเชียงใหม่", "เขาไปกรุงเทพ"),
        ("one two three\nfour five six\nseven eight nine ten eleven", "one two three\nfour five six"),
        ("هل ذهب إلى القاهرة؟ نعم. ذهب أمس مع أخيه", "هل ذهب إلى القاهرة؟ نعم."),
    ],
)
def test_scripts_and_lines_have_ends_of_their_own(text: str, first: str) -> None:
    own = document(text)
    longest = len(tokenize(first)) + 2
    assert chunks_of(own, AnswerSettings(chunk_tokens=longest))[0].document.text == first


def test_where_all_fits_nothing_differs() -> None:
    documents = [LONG, document("Anna came.", "e")]
    asked = []
    for answers in (AnswerSettings(), AnswerSettings(chunk_tokens=len(LONG.tokens), overlap=9)):
        reader = Reader()
        asked.append((module.annotate(documents, GUIDELINE, ANNOTATOR, reader, "t", answers), reader.requests))
    assert asked[0] == asked[1]
    assert [request.about for request in asked[1][1]] == ["document d", "document e"]


def test_a_document_fails_as_a_whole_and_alone() -> None:
    reader = Reader(fails="Boston")
    annotated = module.annotate(
        [LONG, document("Anna came.", "e")], GUIDELINE, ANNOTATOR, reader, "t", AnswerSettings(chunk_tokens=14)
    )
    failed, good = annotated.annotations
    assert failed.failure == Failure("timeout", "part 3 of 6: no answer in 5 s")
    assert failed.spans == () and len(failed.responses) == 6 and good.spans
    assert len(annotated.usage) == 7
    assert reader.requests[2].about == "document d, part 3 of 6"


def test_in_an_overlap_each_mention_counts_from_one_chunk() -> None:
    text = document("a b c d e f g h i j")
    first = Chunk(document("a b c d e f", "d, part 1 of 2"), 0, 0, (0, 5))
    second = Chunk(document("e f g h i j", "d, part 2 of 2"), 4, 8, (5, 10))

    def row(*spans: Span) -> Annotation:
        return Annotation("d", spans, characters=tuple((2 * s.start, 2 * s.end - 1) for s in spans))

    def both(one: list[Span], two: list[Span]) -> Annotation:
        return merged(text, (first, second), [row(*one), row(*two)], TYPES)

    same = both([Span(4, 6, "PER")], [Span(0, 2, "PER"), Span(3, 4, "LOC")])
    assert same.spans == (Span(4, 6, "PER"), Span(7, 8, "LOC")) and same.drops == {}
    assert same.characters == ((8, 11), (14, 15))
    # The first token belongs to the first chunk; from the second on mentions are the second's.
    assert both([], [Span(0, 2, "PER")]).drops == {OTHER_CHUNK: 1}
    assert both([Span(5, 6, "PER")], []).drops == {OTHER_CHUNK: 1}
    longest = both([Span(4, 6, "PER")], [Span(1, 4, "ORG")])
    assert longest.spans == (Span(5, 8, "ORG"),) and longest.drops == {"overlap": 1}
    rows = [row(Span(4, 6, "PER")), row(Span(1, 4, "ORG"))]
    assert merged(text, (first, second), rows, TYPES, nested=True).spans == (Span(4, 6, "PER"), Span(5, 8, "ORG"))


@given(st.text("aB .!\nא。ก", min_size=1), st.integers(2, 12), st.integers(0, 6))
def test_chunks_cover_a_document_and_each_token_belongs_to_one(text: str, longest: int, overlap: int) -> None:
    if not tokenize(text):
        return
    whole = document(text)
    chunks = chunks_of(whole, AnswerSettings(chunk_tokens=longest, overlap=min(overlap, longest // 2)))
    owned = [place for chunk in chunks for place in range(*chunk.own)]
    assert owned == list(range(len(whole.tokens)))
    for chunk in chunks:
        own = chunk.document
        assert len(own.tokens) <= longest or len(chunks) == 1
        assert own.tokens == whole.tokens[chunk.start : chunk.start + len(own.tokens)]
        assert own.text == whole.text[chunk.first : chunk.first + len(own.text)]
        assert chunk.start <= chunk.own[0] and chunk.own[1] <= chunk.start + len(own.tokens)
    for before, after in pairwise(chunks):
        assert before.start < after.start <= before.start + len(before.document.tokens) <= after.start + overlap


def test_an_overlap_of_more_than_half_a_chunk_is_refused() -> None:
    with pytest.raises(UserError, match=r"answers\.overlap: 6; it must be at most half of answers\.chunk_tokens"):
        AnswerSettings(chunk_tokens=11, overlap=6)
