"""The original text: from a file of raw texts to prediction and label rows, whose mentions are cut out of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from annotating import annotate
from projects import ROOT

from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.files import check, write_jsonl
from diziner.common.yamlfile import dump_yaml, write_yaml
from diziner.corpora.card import load_card
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.newroom import document_rows, new_card, read_own_texts
from diziner.corpora.prepare import prepare
from diziner.corpora.settings import CorpusSettings
from diziner.corpora.sources import load_source
from diziner.corpora.tokenize import TOKENIZER
from diziner.guideline.file import load_guideline
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.records.labelled import labelled_row
from diziner.standalone.files import read_plain

GUIDELINE = load_guideline(ROOT / "data/conll2003/guideline.yaml")
ANNOTATOR = AnnotatorSettings("a", ModelSettings("web", "m"))

# A text, and the mentions that a model answers: each stands in the text as it is answered.
TEXTS = [
    ("Ada\tsaw  Lisbon\u00a0(Portugal), «d'Orange».", ["Ada", "Lisbon", "Portugal", "Orange"]),
    ("👩‍🚀 Mae Jemison 🚀🚀 flew from 🇺🇸 Florida👍🏽.", ["Mae Jemison", "Florida"]),
    ("𝔹erlin and 🏴󠁧󠁢󠁳󠁣󠁴󠁿 Edinburgh; Zoë\u0308 Smith", ["𝔹erlin", "Edinburgh", "Zoë\u0308 Smith"]),
    ("Cafe\u0301 de Sa\u0303o Paulo, A\u030angstro\u0308m", ["Sa\u0303o Paulo", "A\u030angstro\u0308m"]),
    ("سافرت مُنى الطحاوي إلى القاهرة، ثم عادت.", ["مُنى الطحاوي", "القاهرة"]),
    ("דוד בן־גוריון גר בתל אביב (Tel Aviv).", ["דוד בן־גוריון", "Tel Aviv"]),
    ("นายกรัฐมนตรีปรีดี พนมยงค์เดินทางไปกรุงเทพมหานคร", ["ปรีดี พนมยงค์", "กรุงเทพมหานคร"]),
    ("王小明在北京大学学习，他来自上海。", ["王小明", "北京大学", "上海"]),
    ("東京タワーは東京にある。ＡＢＣ社も。", ["東京タワー", "ＡＢＣ社"]),
    ("नरेन्द्र मोदी दिल्ली में हैं।", ["नरेन्द्र मोदी", "दिल्ली"]),
    ("서울에서 김연아가 말했다.", ["서울", "김연아"]),
]


class Answering:
    """A model that answers with the mentions of TEXTS."""

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        return [self._answer(request.messages[-1].content) for request in requests]

    def _answer(self, content: str) -> Outcome:
        [mentions] = [own for text, own in TEXTS if f"<document>\n{text}\n</document>" in content]
        return Response(json.dumps({"entities": [{"text": own, "type": "person"} for own in mentions]}), "stop")


def rows_of(corpus: Corpus, answers: AnswerSettings) -> list[dict[str, object]]:
    documents = [each.document for each in (*corpus.pilot, *corpus.test)]
    made = annotate(documents, GUIDELINE, ANNOTATOR, Answering(), "t", answers)
    return [labelled_row(document, annotation) for document, annotation in zip(documents, made, strict=True)]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """A room of TEXTS, made from a file of raw texts as `diziner new` makes it, and loaded as the stage corpus does."""
    (tmp_path / "raw.jsonl").write_text(
        "".join(
            f"{json.dumps({'id': f't{n}', 'text': text}, ensure_ascii=n % 2 == 0)}\n"
            for n, (text, _) in enumerate(TEXTS)
        ),
        encoding="utf-8",
    )
    texts = read_own_texts("mine", tmp_path / "raw.jsonl", None, ["PER"], 0.3, 13)
    room = tmp_path / "mine"
    card = new_card("mine", texts)
    check(card, "benchmark", "card")
    write_yaml(room / "benchmark.yaml", dump_yaml(card, width=80))
    write_jsonl(room / "texts.jsonl", document_rows(texts))
    return load_source(load_card(room), room, "sample", None)


def test_mentions_are_cut_out_of_the_original_text(corpus: Corpus, tmp_path: Path) -> None:
    originals = {f"t{n}": pair for n, pair in enumerate(TEXTS)}
    rows = rows_of(corpus, AnswerSettings())
    write_jsonl(tmp_path / "predictions.jsonl", rows)
    assert len(rows) == len(TEXTS)
    for line in (tmp_path / "predictions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        check(row, "labelled", "row")
        check(row, "annotation", "row")
        text, mentions = originals[row["id"]]
        assert row["text"] == text
        cut = [text[first:last] for first, last in row["characters"]]
        assert cut == row["surfaces"]
        assert set(mentions) == set(cut) and row["drops"] == {}
        assert cut == [text[first : first + len(own)] for own, (first, _) in zip(cut, row["characters"], strict=True)]
    read = read_plain(tmp_path / "predictions.jsonl")
    given = {row["id"]: row for row in rows}
    for own in read.annotations:
        assert [[*place] for place in own.characters] == given[own.id]["characters"]


def test_in_chunks_they_stand_where_they_stood(corpus: Corpus) -> None:
    whole = rows_of(corpus, AnswerSettings())

    class Parts(Answering):
        def _answer(self, content: str) -> Outcome:
            shown = content.rpartition("<document>\n")[2].removesuffix("\n</document>")
            [mentions] = [own for text, own in TEXTS if shown in text]
            return Response(json.dumps({"entities": [{"text": own, "type": "person"} for own in mentions]}), "stop")

    documents = [each.document for each in (*corpus.pilot, *corpus.test)]
    made = annotate(documents, GUIDELINE, ANNOTATOR, Parts(), "t", AnswerSettings(chunk_tokens=40, overlap=20))
    for document, annotation, expected in zip(documents, made, whole, strict=True):
        row = labelled_row(document, annotation)
        assert row["surfaces"] == expected["surfaces"] and row["characters"] == expected["characters"]


def test_spans_without_characters_get_those_of_their_tokens() -> None:
    document = Document("d", ("São", "Paulo", "won"), "São \n Paulo won")
    row = labelled_row(document, Annotation("d", (Span(0, 2, "LOC"), Span(2, 3, "X"))))
    assert row["surfaces"] == ["São \n Paulo", "won"] and row["characters"] == [[0, 11], [12, 15]]


def test_the_manifest_names_the_tokenizer_where_texts_came_without_tokens(corpus: Corpus, tmp_path: Path) -> None:
    settings = CorpusSettings(seed=13, rounds=1, pilot_size=2, test_size=None)
    room = tmp_path / "mine"
    assert prepare(corpus, load_card(room), settings).manifest["tokenizer"] == TOKENIZER
    theirs = load_card(ROOT / "data/conll2003")
    own = load_source(theirs, ROOT / "data/conll2003", "sample", None)
    assert prepare(own, theirs, settings).manifest["tokenizer"] is None
    raw = Corpus(tuple(Labelled(each.document, None, own_tokens=True) for each in own.pilot), own.test, source="local")
    assert prepare(raw, theirs, settings).manifest["tokenizer"] == TOKENIZER
