"""Preparation: pool and test, nothing of gold in what must be label-free, and a full account."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diziner.common.errors import UserError
from diziner.common.files import check, dump_line, write_jsonl
from diziner.corpora.card import Card, Counts, Licence, SourceEntry
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.prepare import Prepared, pool_of, prepare
from diziner.corpora.settings import CorpusSettings, Method
from diziner.records.annotations import Span
from diziner.records.documents import Document, document_row, read_documents
from diziner.records.gold import gold_rows, read_gold

CARD = Card("toy", "Toy", "tests", ("PER", "LOC"), Licence("CC0", True))


def labelled(name: str, text: str, *spans: Span) -> Labelled:
    return Labelled(Document(name, tuple(text.split()), text), spans)


def corpus(pool: int = 30, test: int = 12) -> Corpus:
    return Corpus(
        tuple(labelled(f"p{n}", f"Ann met number {n} in Rome", Span(0, 1, "PER")) for n in range(pool)),
        tuple(labelled(f"t{n}", f"Lee left town {n}", Span(0, 1, "PER"), Span(2, 3, "LOC")) for n in range(test)),
        repairs=3,
    )


def written(prepared: Prepared) -> list[str]:
    """The bytes of all files that hold no gold."""
    files = [*prepared.pilot_sets, prepared.test]
    return [dump_line([document_row(document) for document in documents]) for documents in files]


def settings(**given: object) -> CorpusSettings:
    return CorpusSettings(**{"rounds": 2, "pilot_size": 4, "test_size": 5, "seed": 1, **given})  # type: ignore[arg-type]


def test_sets_test_sample_and_gold() -> None:
    prepared = prepare(corpus(), CARD, settings())
    assert [len(each) for each in prepared.pilot_sets] == [4, 4]
    ids = [document.id for document in prepared.test]
    assert len(ids) == 5 and ids == sorted(ids, key=lambda name: int(name[1:]))
    assert list(prepared.gold) == [d.id for each in (*prepared.pilot_sets, prepared.test) for d in each]
    assert prepared.gold[ids[0]] == (Span(0, 1, "PER"), Span(2, 3, "LOC"))
    for row in gold_rows(prepared.gold):
        check(row, "gold", "row")
    for documents in (*prepared.pilot_sets, prepared.test):
        for document in documents:
            check(document_row(document), "document", "row")


def test_the_whole_test_split_if_it_is_small_or_no_size_is_set() -> None:
    for size in (12, 300, None):
        prepared = prepare(corpus(), CARD, settings(test_size=size))
        assert [document.id for document in prepared.test] == [f"t{n}" for n in range(12)]


def test_the_test_sample_depends_on_the_seed_only() -> None:
    one = prepare(corpus(test=50), CARD, settings())
    other_pool = prepare(corpus(pool=20, test=50), CARD, settings(rounds=1))
    other_seed = prepare(corpus(test=50), CARD, settings(seed=2))
    assert one.test == other_pool.test != other_seed.test


def test_pool_loses_test_texts_and_repetitions() -> None:
    loaded = corpus(pool=8)
    extra = (
        labelled("again", "Ann met number 3 in Rome"),
        labelled("leak", "Lee left town 11"),  # in the test split, though perhaps not in the sample
        labelled("leak2", "Lee left town 11"),
    )
    prepared = prepare(replace(loaded, pilot=(*loaded.pilot, *extra)), CARD, settings())
    assert {d.id for each in prepared.pilot_sets for d in each} == {f"p{n}" for n in range(8)}
    assert [each.id for each in pool_of(replace(loaded, pilot=(*loaded.pilot, *extra)))] == [f"p{n}" for n in range(8)]
    pool = prepared.manifest["pool"]
    assert pool == {"loaded": 11, "removed_in_test": 2, "removed_repeated": 1, "usable": 8}


@pytest.mark.parametrize("method", ["kmeans", "random"])
def test_no_byte_of_pilot_sets_or_test_depends_on_gold(method: Method) -> None:
    full = corpus(40)
    bare = replace(
        full,
        pilot=tuple(replace(each, spans=None) for each in full.pilot),
        test=tuple(replace(each, spans=None) for each in full.test),
    )
    with_gold = prepare(full, CARD, settings(pilot_method=method))
    without = prepare(bare, CARD, settings(pilot_method=method))
    assert written(with_gold) == written(without)
    assert without.gold == {}
    differing = {key for key, value in with_gold.manifest.items() if value != without.manifest[key]}
    assert differing == {"gold"}


def test_manifest_accounts_for_everything() -> None:
    card = replace(CARD, sources={"local": SourceEntry(expected={"test": (Counts(12, {"PER": 11, "LOC": 12}),)})})
    prepared = prepare(corpus(), card, settings(pilot_mode="fixed"))
    manifest = prepared.manifest
    assert manifest["benchmark"] == "toy" and manifest["source"] == "local"
    assert manifest["repairs"] == 3 and manifest["bad"] == 0
    assert manifest["pilot"]["sets"] == [[d.id for d in each] for each in prepared.pilot_sets]
    assert manifest["test"] == {"loaded": 12, "ids": [d.id for d in prepared.test]}
    none = {"count": 0, "examples": []}
    assert manifest["gold"]["pilot"] == {"documents": 4, "with_gold": 4, "types": {"PER": 4}, "widened": none}
    assert manifest["gold"]["test"] == {"documents": 5, "with_gold": 5, "types": {"LOC": 5, "PER": 5}, "widened": none}
    assert manifest["card"]["differences"] == ["test type PER: found 12, expected 11"]
    counts = {"sentences": 12, "types": {"PER": 11, "LOC": 12}}
    assert manifest["card"]["expected"] == {"test": counts}
    copies = (Counts(12, {"PER": 11, "LOC": 12}), Counts(3))
    two = replace(CARD, sources={"local": SourceEntry(expected={"test": copies})})
    expected = prepare(corpus(), two, settings()).manifest["card"]
    assert isinstance(expected, dict) and expected["expected"] == {"test": [counts, {"sentences": 3, "types": {}}]}
    assert json.dumps(manifest) == json.dumps(prepare(corpus(), card, settings(pilot_mode="fixed")).manifest)


def test_gold_inside_tokens_is_kept_counted_and_shown() -> None:
    tokens = tuple(f"d'Aumale{n}" for n in range(5))
    document = Document("t", tokens, " ".join(tokens))
    spans = tuple(Span(n, n + 1, "PER") for n in range(5))
    places = tuple((11 * n - n + 2, 11 * n - n + 9) for n in range(5))
    gold = Labelled(document, spans, places)
    prepared = prepare(replace(corpus(), test=(gold,)), CARD, settings())
    assert prepared.characters["t"] == places
    assert prepared.manifest["gold"]["test"]["widened"] == {
        "count": 5,
        "examples": [{"id": "t", "type": "PER", "text": f"Aumale{n}", "tokens": f"d'Aumale{n}"} for n in range(3)],
    }
    rows = list(gold_rows(prepared.gold, prepared.characters))
    for row in rows:
        check(row, "gold", "row")
    assert rows[-1]["characters"] == [list(place) for place in places]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UserError, match="test size: 0"):
        prepare(corpus(), CARD, settings(test_size=0))
    with pytest.raises(UserError, match="pool has 30 documents, but 8 set"):
        prepare(corpus(), CARD, settings(rounds=8))
    empty = replace(corpus(), test=(Labelled(Document("t", (), ""), None),))
    with pytest.raises(UserError, match="toy: document t is empty"):
        prepare(empty, CARD, settings())


def test_files_are_read_back(tmp_path: Path) -> None:
    prepared = prepare(corpus(), CARD, settings())
    write_jsonl(tmp_path / "test.jsonl", map(document_row, prepared.test))
    write_jsonl(tmp_path / "gold.jsonl", gold_rows(prepared.gold))
    assert tuple(read_documents(tmp_path / "test.jsonl")) == prepared.test
    assert read_gold(tmp_path / "gold.jsonl") == prepared.gold


def test_files_with_repeated_ids_or_empty_spans_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    row = document_row(Document("a", ("b",), "b"))
    write_jsonl(path, [row, row])
    with pytest.raises(UserError, match="'a' occurs twice"):
        read_documents(path)
    write_jsonl(path, [{"id": "a", "spans": []}] * 2)
    with pytest.raises(UserError, match="'a' occurs twice"):
        read_gold(path)
    for span in ([2, 2, "PER"], [-1, 2, "PER"], ["0", 2, "PER"], [0, 2, 5]):
        write_jsonl(path, [{"id": "a", "spans": [span]}])
        # The schema sees what a number alone gets wrong, the reader that a span is empty.
        with pytest.raises(UserError, match=r"file\.jsonl: a: .* is not \[start, end, type\]|jsonl:1: spans\[0\]\["):
            read_gold(path)


def test_reading_and_random_sampling_load_nothing_heavy() -> None:
    script = (
        "import sys, diziner.corpora.prepare, diziner.corpora.sources, diziner.corpora.check\n"
        "heavy = {'numpy', 'sklearn', 'scipy', 'datasets', 'pandas', 'polars', 'pyarrow', 'litellm', 'dvc'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
