"""One loader for the sample and local files of every kind; every kind of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from source_room import GOOD, NAMES, SAMPLE, SPANS, TAGS, TOKENS, Setup

from diziner.common.errors import UserError
from diziner.corpora.check import check_benchmark
from diziner.corpora.sources import load_source, read_source
from diziner.records.annotations import Span

# ---- the room's sample


def test_sample(toy: Setup) -> None:
    toy.sources = {"sample": {"file": "sample.txt"}}
    (toy.room / "sample.txt").write_text(SAMPLE, encoding="utf-8")
    corpus = toy.load("sample")
    assert [each.document.id for each in corpus.pilot] == ["toy-pilot-00000", "toy-pilot-00001"]
    assert corpus.pilot[0].spans == (Span(0, 1, "PER"),) and corpus.pilot[1].spans == ()
    assert corpus.test[0].document.text == "Rome fell ."
    assert (corpus.repairs, corpus.bad, corpus.source) == (0, 0, "sample")


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ("== pilot ==\nAnn .\n", "no section '== test =='"),
        ("Ann .\n== pilot ==\n", "sample.txt:1: a sentence before the first heading"),
        ("== pilot ==\n== train ==\n", "sample.txt:2: heading '== train =='"),
        ("== pilot ==\nAnn\n== pilot ==\n", "sample.txt:3: heading '== pilot =='"),
        ("== pilot ==\n[Ann|PET] .\n", "sample.txt:2: unknown label 'PET'; the card has: PER, LOC"),
        ("== pilot ==\nAnn .\n[Ann .\n", "sample.txt:3: bracket notation, column 1"),
        ("== pilot ==\nAnn\n== test ==\n", "split test has no good row"),
    ],
)
def test_wrong_samples(toy: Setup, sample: str, message: str) -> None:
    toy.sources = {"sample": {"file": "sample.txt"}}
    (toy.room / "sample.txt").write_text(sample, encoding="utf-8")
    assert message in toy.refuses("sample")


# ---- rows of JSON Lines


@pytest.mark.parametrize("key", ["ner_tags", "tags", "labels"])
def test_tokens_and_tags(toy: Setup, key: str) -> None:
    assert toy.first({"tokens": TOKENS, key: TAGS}).spans == SPANS


@pytest.mark.parametrize(
    ("tags", "spans", "repairs"),
    [
        (["I-PER", "I-PER", "O", "I-LOC", "O"], SPANS, 0),  # IOB1
        (["I-PER", "B-PER", "O", "I-LOC", "O"], (Span(0, 1, "PER"), Span(1, 2, "PER"), Span(3, 4, "LOC")), 0),
        (["B-PER", "I-PER", "O", "I-LOC", "O"], SPANS, 1),  # broken BIO2
        (["B-PER", "E-PER", "O", "S-LOC", "O"], SPANS, 0),  # BIOES
        (["B-PER", "L-PER", "O", "U-LOC", "O"], SPANS, 0),  # BILOU
        (["S-PER", "I-PER", "O", "S-LOC", "O"], (Span(0, 1, "PER"), Span(1, 2, "PER"), Span(3, 4, "LOC")), 1),
        (["O", "O", "O", "O", "O"], (), 0),
    ],
)
def test_tag_schemes(toy: Setup, tags: list[str], spans: tuple[Span, ...], repairs: int) -> None:
    assert toy.first({"tokens": TOKENS, "tags": tags}).spans == spans
    assert toy.load().repairs == repairs


def test_integer_tags(toy: Setup) -> None:
    toy.sources["local"]["labels"] = NAMES
    assert toy.first({"tokens": TOKENS, "tags": [1, 2, 0, 3, 0]}).spans == SPANS


def test_label_map(toy: Setup) -> None:
    toy.sources["local"]["label_map"] = {"person": "PER", "place": "LOC", "verb": None}
    row = {"tokens": TOKENS, "tags": ["B-person", "I-person", "B-verb", "B-place", "O"]}
    assert toy.first(row).spans == SPANS


def test_ids_and_texts_of_the_row(toy: Setup) -> None:
    row = toy.first({"id": 7, "text": "Ann  Lee saw Rome.", "tokens": TOKENS, "tags": TAGS})
    assert (row.document.id, row.document.text, row.document.tokens) == ("7", "Ann  Lee saw Rome.", tuple(TOKENS))


def test_plain_text_is_tokenized_and_has_no_gold(toy: Setup) -> None:
    row = toy.first({"text": "Ann Lee saw Rome."})
    assert row.document.tokens == tuple(TOKENS)
    assert row.spans is None


def test_character_spans(toy: Setup) -> None:
    listed = toy.first({"text": "Ann Lee saw Rome.", "spans": [[0, 7, "PER"], [12, 16, "LOC"]]})
    mapped = toy.first(
        {"text": "Ann Lee saw Rome.", "entities": [{"start": 0, "end": 7, "label": "PER"}, [12, 16, "LOC"]]}
    )
    assert listed.spans == mapped.spans == SPANS
    assert toy.load().repairs == 0


def test_character_spans_inside_tokens_are_kept(toy: Setup) -> None:
    row = toy.first({"text": "로마에 Rome-based Ann", "spans": [[0, 2, "LOC"], [4, 8, "LOC"], [14, 18, "PER"]]})
    assert row.document.tokens == ("로마에", "Rome", "-", "based", "Ann")
    assert row.spans == (Span(0, 1, "LOC"), Span(1, 2, "LOC"), Span(4, 5, "PER"))
    assert row.characters == ((0, 2), (4, 8), (15, 18))
    assert toy.load().repairs == 1  # the blank before Ann


def test_two_mentions_inside_one_token_are_one_and_counted(toy: Setup) -> None:
    row = toy.first({"text": "로마서울에", "spans": [[0, 2, "LOC"], [2, 4, "LOC"]]})
    assert (row.spans, row.characters) == ((Span(0, 1, "LOC"),), ((0, 2),))
    assert toy.load().repairs == 1


def test_characters_beside_token_spans_are_taken_if_they_fit(toy: Setup) -> None:
    base = {"tokens": ["d'Aumale", "saw", "Rome"], "spans": [[0, 1, "PER"], [2, 3, "LOC"]]}
    assert toy.first(base).characters == ((0, 8), (13, 17))
    assert toy.first({**base, "characters": [[2, 8], [13, 17]]}).characters == ((2, 8), (13, 17))
    for other in ([[2, 8]], ["a", "b"], [[2, 9], [9, 10]], "x", [[2, 8], [13, "17"]]):
        assert toy.first({**base, "characters": other}).characters == ((0, 8), (13, 17))


def test_token_spans_with_overlaps_keep_the_longest(toy: Setup) -> None:
    row = toy.first({"tokens": TOKENS, "spans": [[0, 1, "LOC"], [0, 2, "PER"], [3, 4, "LOC"]]})
    assert row.spans == SPANS
    assert toy.load().repairs == 1


def test_blank_tokens_are_left_out_and_counted(toy: Setup) -> None:
    tagged = toy.first({"tokens": ["Ann", "\u00a0", "Lee", ""], "tags": ["B-PER", "O", "B-LOC", "O"]})
    spanned = toy.first({"tokens": ["", "Ann", "Lee"], "spans": [[1, 3, "PER"]]})
    assert tagged.document.tokens == spanned.document.tokens == ("Ann", "Lee")
    assert tagged.spans == (Span(0, 1, "PER"), Span(1, 2, "LOC"))
    assert spanned.spans == (Span(0, 2, "PER"),)
    assert toy.load().repairs == 1


def test_columns_of_the_card_are_the_only_ones_read(toy: Setup) -> None:
    toy.sources["local"]["columns"] = {"tokens": "words", "tags": "types"}
    toy.rows("pilot.jsonl", {"id": "a", "words": TOKENS, "types": TAGS, "tags": ["X"]})
    row = toy.first({"id": "a", "words": TOKENS, "types": TAGS, "text": "other"})
    assert (row.spans, row.document.id) == (SPANS, "toy-test-00000")


def test_byte_order_mark_carriage_returns_and_blank_lines(toy: Setup) -> None:
    (toy.files / "test.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n")
    assert toy.load().test[0].spans == SPANS


# ---- column files


@pytest.mark.parametrize("separator", [" ", "\t", " x y "])
def test_conll_columns(toy: Setup, separator: str) -> None:
    lines = [separator.join(pair) for pair in zip(TOKENS, TAGS, strict=True)]
    toy.text("test.conll", "-DOCSTART- -X- O O\n\n" + "\n".join(lines) + "\n\n" + f"#tag{separator}O\r\n\n\n")
    corpus = toy.load()
    assert [each.document.tokens for each in corpus.test] == [tuple(TOKENS), ("#tag",)]
    assert corpus.test[0].spans == SPANS
    assert corpus.test[1].document.id == "toy-test-00001"


def test_conllu_skips_comments_and_numbers(toy: Setup) -> None:
    toy.text("test.conllu", "# id 1\n1\tAnn\tB-PER\n2\tleft\tO\n")
    assert toy.load().test[0].document.tokens == ("Ann", "left")


def test_column_numbers_of_the_card(toy: Setup) -> None:
    toy.sources["local"].update(columns={"tokens": 1, "tags": 0}, pilot="test.tsv")
    toy.text("test.tsv", "B-PER\tAnn\nO\tleft\n")
    assert toy.load().test[0].spans == (Span(0, 1, "PER"),)


def test_a_line_without_tag_spoils_its_sentence_only(toy: Setup, tmp_path: Path) -> None:
    toy.text("test.conll", "Ann B-PER\nLee\n\nRome B-LOC\n")
    assert "test.conll:1: line 2 has 1 column, expected 2 or more" in toy.refuses()
    corpus = toy.load(skip_bad=tmp_path / "bad.jsonl")
    assert [each.document.id for each in corpus.test] == ["toy-test-00001"]


# ---- bad rows and files


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": TOKENS, "tags": TAGS[:3]}, "5 tokens but 3 tags"),
        ({"tokens": TOKENS, "tags": ["B-PET", *TAGS[1:]]}, "unknown label 'PET'; the card has: PER, LOC"),
        ({"tokens": TOKENS, "tags": ["b-PER", *TAGS[1:]]}, "tag 'b-PER' at position 0"),
        ({"tokens": TOKENS, "tags": [1, 2, 0, 3, 0]}, "tag 1 has no name"),
        ({"tokens": TOKENS, "tags": "OOOOO"}, "tags must be a list"),
        ({"tokens": TOKENS, "tags": [None] * 5}, "tag None is neither a string nor a whole number"),
        ({"tokens": []}, "empty document"),
        ({"tokens": [" ", ""]}, "empty document"),
        ({"text": " \n"}, "empty document"),
        ({"text": None}, "empty document"),
        ({"tokens": "Ann Lee"}, "tokens must be a list of strings"),
        ({"tokens": ["Ann", 3]}, "tokens must be a list of strings"),
        ({"text": 5}, "text must be a string"),
        ({"text": "Ann", "tokens": ["Lee"]}, "token 0 'Lee' does not occur in the text"),
        ({"text": "\ud83d"}, "half a surrogate pair"),
        ({"id": "\ud83d", "tokens": ["a"]}, "id has half a surrogate pair"),
        ({"id": float("nan"), "tokens": ["a"]}, "id must be a string or a whole number"),
        ({"id": 1.5, "tokens": ["a"]}, "id must be a string or a whole number"),
        ({"text": "Ann", "spans": [[0, 9, "PER"]]}, "span [0, 9) is empty or outside the 3 characters"),
        ({"tokens": ["Ann"], "spans": [[1, 1, "PER"]]}, "span [1, 1) is empty or outside the 1 token"),
        ({"text": "a  b", "spans": [[1, 3, "PER"]]}, "covers no visible text"),
        ({"text": "Ann", "spans": [["0", 3, "PER"]]}, "is not [start, end, label]"),
        ({"text": "Ann", "spans": [{"start": 0, "end": 3}]}, "is not [start, end, label]"),
        ({"text": "Ann", "spans": "none"}, "spans must be a list"),
        ({"phrase": "Ann"}, "neither tokens nor text; there is: phrase"),
        (["Ann"], "a row must be a JSON object, found list"),
    ],
)
def test_bad_rows(toy: Setup, tmp_path: Path, row: object, message: str) -> None:
    toy.rows("test.jsonl", GOOD, row, GOOD)
    refusal = toy.refuses()
    assert message in refusal and "test.jsonl:2: " in refusal
    bad = tmp_path / "bad.jsonl"
    corpus = toy.load(skip_bad=bad)
    assert (len(corpus.test), corpus.bad) == (2, 1)
    rejected = [json.loads(line) for line in bad.read_text(encoding="utf-8").splitlines()]
    assert len(rejected) == 1 and message in rejected[0]["reason"]
    assert rejected[0]["where"].endswith("test.jsonl:2") and rejected[0]["row"] is not None


def test_broken_json(toy: Setup, tmp_path: Path) -> None:
    toy.text("test.jsonl", json.dumps(GOOD) + '\n{"tokens": ["Ann"\n')
    assert "test.jsonl:2: not JSON" in toy.refuses()
    assert toy.load(skip_bad=tmp_path / "bad.jsonl").bad == 1
    assert '{\\"tokens\\": [\\"Ann\\"' in (tmp_path / "bad.jsonl").read_text(encoding="utf-8")


def test_wrong_encoding(toy: Setup) -> None:
    (toy.files / "test.jsonl").write_bytes('{"text": "Zürich"}'.encode("latin-1"))
    assert "not UTF-8 at byte 11" in toy.refuses()


def test_duplicate_ids_within_and_across_splits(toy: Setup) -> None:
    toy.rows("test.jsonl", {"id": "a", **GOOD}, {"id": "a", **GOOD})
    refusal = toy.refuses()
    assert "test.jsonl:2: id 'a' is also at" in refusal and refusal.endswith("test.jsonl:1")
    toy.rows("test.jsonl", {"id": "a", **GOOD})
    toy.rows("pilot.jsonl", {"id": "a", **GOOD})
    assert "pilot.jsonl:1" in toy.refuses()


def test_missing_files_folders_and_sources(toy: Setup) -> None:
    (toy.files / "test.jsonl").unlink()
    assert toy.refuses().endswith("test.jsonl: no such file; ask Ann")
    assert "no source 'hub'; the card has: local; ask Ann" in toy.refuses("hub")
    with pytest.raises(UserError, match=r"'local' needs the folder of your files \(corpus.local_dir\); ask Ann"):
        load_source(toy.card(), toy.room, "local", None)
    toy.text("test.xls", "a,b")
    assert "unknown kind of file; allowed: " in toy.refuses()


def test_a_missing_column_is_named(toy: Setup) -> None:
    toy.sources["local"]["columns"] = {"tokens": "words"}
    assert "pilot.jsonl:1: no column 'words' for tokens; there are: ner_tags, tokens" in toy.refuses()


def test_counts_that_differ_from_the_card(toy: Setup, tmp_path: Path) -> None:
    expected = {"test": {"sentences": 1, "types": {"PER": 2, "LOC": 1}}, "pilot": {"sentences": 1}}
    toy.sources["local"]["expected"] = expected
    assert "test type PER: found 1, expected 2" in toy.refuses()
    expected["test"]["types"] = {"PER": 1, "LOC": 1}  # type: ignore[index]
    assert len(toy.load().test) == 1
    toy.rows("test.jsonl", GOOD, GOOD)
    assert "test sentences: found 2, expected 1" in toy.refuses()
    full = {"sentences": 2, "types": {"PER": 2, "LOC": 2}}
    toy.sources["local"]["expected"]["test"] = [expected["test"], full]
    assert len(toy.load().test) == 2  # a whole copy, where the card has a cut one too
    toy.rows("test.jsonl", *[GOOD] * 5)
    assert "test sentences: found 5, expected 2; test type LOC: found 5, expected 2" in toy.refuses()
    assert "(or a copy of 1 sentence)" in toy.refuses()
    toy.sources["local"]["expected"] = expected
    toy.rows("test.jsonl", {"tokens": TOKENS})  # without gold only sentences can be compared
    assert toy.load().test[0].spans is None
    toy.rows("test.jsonl", GOOD, GOOD, {"tokens": []})  # counts are no error where rows were left out
    assert toy.load(skip_bad=tmp_path / "bad.jsonl").bad == 1


def test_check_takes_nested_spans_as_the_settings_do_and_says_what_is_left_out(toy: Setup) -> None:
    inner = {"tokens": TOKENS, "spans": [[0, 2, "PER"], [1, 2, "PER"], [3, 4, "LOC"]]}
    toy.rows("test.jsonl", inner)
    toy.sources["local"]["expected"] = {"test": {"sentences": 1, "types": {"PER": 1, "LOC": 1}}}
    flat = check_benchmark(toy.card(), toy.room, toy.local)
    [note] = flat.notes
    assert flat.state == "ok" and note.startswith(
        "1 nested or overlapping span left out, the longest stay; params corpus"
    )
    nested = check_benchmark(toy.card(), toy.room, toy.local, nested=True)
    assert (nested.state, nested.types["test"]) == ("differs", {"LOC": 1, "PER": 2})
    assert nested.notes == ("test type PER: found 2, expected 1",) and not nested.repairs
    toy.rows("test.jsonl", {"text": "Ann saw Lee", "entities": [{"label": "PER", "span": [[0, 3], [8, 11]]}]})
    toy.sources["local"].pop("expected")
    gap = check_benchmark(toy.card(), toy.room, toy.local, nested=True)
    assert gap.notes == ("1 discontinuous span left out: documents here have spans without gaps",)


def test_check_says_what_is_there(toy: Setup) -> None:
    toy.sources["local"]["expected"] = {"test": {"sentences": 1, "types": {"PER": 1, "LOC": 1}}}
    row = check_benchmark(toy.card(), toy.room, toy.local)
    assert (row.state, row.sentences, row.types["test"]) == ("ok", {"pilot": 1, "test": 1}, {"LOC": 1, "PER": 1})
    toy.rows("test.jsonl", GOOD, GOOD)
    row = check_benchmark(toy.card(), toy.room, toy.local)
    assert row.state == "differs" and "test sentences: found 2, expected 1" in row.notes
    toy.rows("test.jsonl", {"tokens": []})
    assert check_benchmark(toy.card(), toy.room, toy.local).state == "bad"
    row = check_benchmark(toy.card(), toy.room, toy.room)
    assert (row.state, row.notes, row.licence) == ("missing", ("ask Ann",), "CC0")


def test_a_bad_sentence_spoils_no_other_and_the_last_one_is_named_where_none_is_good(
    toy: Setup, tmp_path: Path
) -> None:
    toy.sources = {"sample": {"file": "sample.txt"}}
    (toy.room / "sample.txt").write_text("== pilot ==\nAnn\n[Lee\nRome\n== test ==\nx\n", encoding="utf-8")
    corpus = toy.load("sample", skip_bad=tmp_path / "bad.jsonl")
    assert [each.document.text for each in corpus.pilot] == ["Ann", "Rome"] and corpus.bad == 1
    (toy.room / "sample.txt").write_text("== pilot ==\nAnn\n== test ==\n[x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"split test has no good row; .*sample\.txt:4: bracket notation"):
        toy.load("sample", skip_bad=tmp_path / "bad.jsonl")


def test_a_source_is_read_flat_unless_nested_spans_are_wanted(toy: Setup) -> None:
    toy.rows("test.jsonl", {"tokens": TOKENS, "spans": [[0, 2, "PER"], [1, 2, "PER"]]})
    flat, rejected = read_source(toy.card(), toy.room, "local", toy.local, False)
    assert (flat.overlapping, rejected) == (1, [])
    assert read_source(toy.card(), toy.room, "local", toy.local, False, nested=True).corpus.overlapping == 0
