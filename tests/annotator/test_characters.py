"""Characters of answers in the text: rows, tallies and votes keep the characters that were answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from projects import ROOT

from diziner.annotator.annotate import annotate
from diziner.annotator.outcomes import tally
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.files import check
from diziner.endpoints import Endpoint
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.pipeline.prediction import predict
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.annotations import Span, annotation_from_json, annotation_to_json
from diziner.records.documents import Document
from diziner.records.guideline import Guideline
from diziner.records.selection import Selection, Voter

TOKENS = ("Bonn-based", "d'Aumale", "left", "São", "Paulo")
DOCUMENT = Document("d", TOKENS, " ".join(TOKENS))
ANNOTATOR = AnnotatorSettings("a", ModelSettings("local", "m", structured="none"))


@pytest.fixture
def guideline() -> Guideline:
    return load_guideline(ROOT / "data/conll2003/guideline.yaml")


class Answering(StoreAsker):
    """An asker whose store is given the answer that each model of its own has: mentions of type person or location."""

    def __init__(self, path: Path, **answers: list[tuple[str, str]]) -> None:
        super().__init__(ResponseStore(path / "store.sqlite"), {"local": Endpoint("local", "local")})
        self._answers = {
            model: json.dumps({"entities": [{"text": text, "type": kind} for text, kind in own]})
            for model, own in answers.items()
        }

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        for request in requests:
            self.store.put(request, Response(self._answers[request.settings.model], "stop"))
        return super().ask(requests, label)


ANSWERS = [("Bonn", "location"), ("Aumale", "person"), ("Sao Paulo", "location")]


def test_a_row_says_which_characters_were_answered(guideline: Guideline, tmp_path: Path) -> None:
    [row] = annotate([DOCUMENT], guideline, ANNOTATOR, Answering(tmp_path, m=ANSWERS), "test").annotations
    assert row.spans == (Span(0, 1, "LOC"), Span(1, 2, "PER"), Span(3, 5, "LOC"))
    assert [DOCUMENT.text[first:last] for first, last in row.characters] == ["Bonn", "Aumale", "São Paulo"]
    assert row.matched == {"diacritics": 1, "inside_token": 2}
    check(annotation_to_json(row), "annotation", "row")
    assert annotation_from_json(annotation_to_json(row)) == row


def test_rows_of_earlier_versions_have_no_characters() -> None:
    row: dict[str, object] = {
        "id": "d",
        "spans": [[0, 1, "LOC"]],
        "failure": None,
        "drops": {},
        "repairs": 0,
        "responses": [],
    }
    check(row, "annotation", "row")
    assert annotation_from_json(row).characters == ()


def test_plain_matching_finds_whole_tokens_only(guideline: Guideline, tmp_path: Path) -> None:
    plain = AnswerSettings(matching="plain")
    asker = Answering(tmp_path, m=[*ANSWERS, ("left", "person")])
    [row] = annotate([DOCUMENT], guideline, ANNOTATOR, asker, "test", plain).annotations
    assert (row.spans, row.characters) == ((Span(2, 3, "PER"),), ((20, 24),))
    assert row.drops == {"inside_token": 2, "not_in_text": 1}


def test_a_tally_counts_what_was_overlooked_and_shows_what_is_wider(guideline: Guideline, tmp_path: Path) -> None:
    rows = annotate([DOCUMENT], guideline, ANNOTATOR, Answering(tmp_path, m=ANSWERS), "test").annotations
    counts = tally(ANNOTATOR, rows, [DOCUMENT])
    check(counts, "tally", "tally")
    assert counts["matched"] == {"diacritics": 1, "inside_token": 2}
    assert counts["widened"] == {
        "count": 2,
        "examples": [
            {"id": "d", "type": "LOC", "text": "Bonn", "tokens": "Bonn-based"},
            {"id": "d", "type": "PER", "text": "Aumale", "tokens": "d'Aumale"},
        ],
    }


def test_a_vote_keeps_the_characters_that_most_voters_answered(guideline: Guideline, tmp_path: Path) -> None:
    part, whole = [("Aumale", "person")], [("d'Aumale", "person")]
    voters = {name: Voter(1 / 3, {"endpoint": "local", "model": name, "structured": "none"}) for name in "abc"}
    selection = Selection(0, "a", voters["a"].settings, {0: 0.5}, {}, voters)
    asker = Answering(tmp_path, a=whole, b=part, c=part)
    [row] = predict([DOCUMENT], guideline, selection, asker, "test", AnswerSettings()).annotations
    assert row.spans == (Span(1, 2, "PER"),)
    assert [DOCUMENT.text[first:last] for first, last in row.characters] == ["Aumale"]
