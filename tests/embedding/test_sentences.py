"""Texts to vectors: weights found or asked for, vectors kept, and a cache that is never believed too much."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from projects import ROOT
from tiny_encoder import WORDS, packed, tiny_tensors

from diziner.common.errors import UserError
from diziner.corpora.pilot import pilot_sets
from diziner.embedding.minilm_files import MODEL, TOKENIZER
from diziner.embedding.sentences import sentence_vectors
from diziner.embedding.vector_cache import VectorCache
from diziner.layout import cache_folder, weights_path
from diziner.records.documents import Document

TEXTS = ["w5 w6 W7", "", "w8 " * 30, "w5 w6 w7", "never seen"]


def tokenizer() -> str:
    """A word-level tokenizer of w5, w6, ... that lower-cases, pads and cuts, as published ones do."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3} | {f"w{number}": number for number in range(4, WORDS)}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_truncation(4)
    made.enable_padding(length=12)
    return made.to_str()


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A cache of its own with the weights of a tiny encoder: their digests by name."""
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path / "cache"))
    digests = {}
    for name, data in {MODEL: packed(tiny_tensors()), TOKENIZER: tokenizer().encode()}.items():
        digests[name] = hashlib.sha256(data).hexdigest()
        path = weights_path(name, digests[name])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return digests


def kept() -> Path:
    return cache_folder() / "vectors/sentences.sqlite"


def test_a_text_has_one_vector_of_its_own(files: Mapping[str, str]) -> None:
    vectors = sentence_vectors(TEXTS, files)
    assert vectors.shape == (5, 64) and vectors.dtype == np.int64
    assert (vectors[0] == vectors[3]).all(), "words are lower-cased"
    assert len({row.tobytes() for row in vectors}) == 4
    assert (sentence_vectors(TEXTS[2:3], files)[0] == vectors[2]).all()
    longer = sentence_vectors(["w8 " * 31], files)[0]
    assert (longer != vectors[2]).any(), "the tokenizer's own limit of 4 pieces is not the embedder's"


def test_vectors_are_kept(files: Mapping[str, str]) -> None:
    vectors = sentence_vectors(TEXTS, files)
    weights_path(MODEL, files[MODEL]).write_bytes(b"no longer readable")
    assert (sentence_vectors(TEXTS[::-1], files) == vectors[::-1]).all()
    with pytest.raises(UserError, match=r"safetensors: damaged; remove it and fetch it again"):
        sentence_vectors(["another text"], files)


def test_no_texts_need_no_encoder(files: Mapping[str, str]) -> None:
    assert sentence_vectors([], files).shape == (0, 384)


def test_other_weights_have_other_vectors_kept(files: Mapping[str, str]) -> None:
    sentence_vectors(TEXTS, files)
    tensors = tiny_tensors()
    tensors["embeddings.LayerNorm.bias"] = tensors["embeddings.LayerNorm.bias"] + np.float32(0.25)
    other = packed(tensors)
    changed = {**files, MODEL: hashlib.sha256(other).hexdigest()}
    weights_path(MODEL, changed[MODEL]).write_bytes(other)
    assert (sentence_vectors(TEXTS, changed) != sentence_vectors(TEXTS, files)).any()


@pytest.mark.parametrize("damage", [b"", b"no database" * 100, None])
def test_a_damaged_cache_is_made_anew(files: Mapping[str, str], damage: bytes | None) -> None:
    vectors = sentence_vectors(TEXTS, files)
    data = kept().read_bytes()
    kept().write_bytes(data[: len(data) // 2] if damage is None else damage)
    assert (sentence_vectors(TEXTS, files) == vectors).all()
    assert (sentence_vectors(TEXTS, files) == vectors).all()
    rows = sqlite3.connect(kept()).execute("SELECT count(*) FROM vectors").fetchall()
    assert rows == [(5,)]


def test_a_changed_row_is_computed_again(files: Mapping[str, str]) -> None:
    vectors = sentence_vectors(TEXTS, files)
    with sqlite3.connect(kept()) as connection:
        connection.execute("UPDATE vectors SET row = zeroblob(64 * 4 + 8) WHERE number = 2")
    assert (sentence_vectors(TEXTS, files) == vectors).all()


def test_where_nothing_can_be_kept_vectors_are_computed(files: Mapping[str, str]) -> None:
    kept().parent.write_text("a file where the folder would be")
    assert (sentence_vectors(TEXTS, files) == sentence_vectors(TEXTS, files)).all()


def test_a_cache_that_another_process_holds_is_done_without(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "held.sqlite", busy_s=0.05)
    row = {b"a": np.arange(3, dtype=np.int32)}
    cache.put(row)
    holder = sqlite3.connect(tmp_path / "held.sqlite")
    holder.execute("BEGIN EXCLUSIVE")
    assert cache.get([b"a"]) == {}
    cache.put({b"b": row[b"a"]})
    holder.rollback()
    assert cache.get([b"a", b"b"]).keys() == {b"a"}


def test_the_oldest_rows_go_first(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "few.sqlite", most=3)
    for number in range(5):
        cache.put({bytes([number]): np.array([number], np.int32)})
    found = cache.get([bytes([number]) for number in range(5)])
    assert {key[0]: row.tolist() for key, row in found.items()} == {2: [2], 3: [3], 4: [4]}


def test_processes_share_the_cache(files: Mapping[str, str]) -> None:
    call = f"sentence_vectors({TEXTS!r} * 20, {dict(files)!r})"
    code = f"from diziner.embedding.sentences import sentence_vectors; print({call}.sum())"
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert answers == {f"{sentence_vectors(TEXTS * 20, files).sum()}\n"}


def test_without_weights_one_line_says_what_to_do() -> None:
    documents = [Document(f"d{number}", (f"w{number}",), f"w{number}") for number in range(4)]
    with pytest.raises(UserError) as error:
        pilot_sets(documents, 1, 2, embedder="minilm")
    assert str(error.value) == (
        "the weights of minilm are not on this machine; fetch them once with `diziner weights fetch minilm`"
    )
    assert error.value.exit_code == 2


def test_pilot_sets_are_drawn_from_sentence_vectors(files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diziner.embedding.embed.sentence_vectors", lambda texts: sentence_vectors(texts, files))
    documents = [Document(f"d{number}", ("x",), f"w{4 + number % 9} w{4 + number % 7}") for number in range(40)]
    sets = pilot_sets(documents, 2, 5, embedder="minilm")
    assert len({document.id for each in sets for document in each}) == 10
    assert sets == pilot_sets(documents, 2, 5, embedder="minilm")
