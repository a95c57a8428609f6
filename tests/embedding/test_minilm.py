"""Sentence embeddings in fixed point: right, independent of the batch, proved exact or refused."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Sequence

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from projects import ROOT
from tiny_encoder import packed, tiny_documents, tiny_tensors

from diziner.common.errors import UserError
from diziner.embedding.encoder_weights import encoder_from
from diziner.embedding.fixed_point import sum_of_squares, to_grid
from diziner.embedding.minilm import encode
from diziner.embedding.minilm_files import MINILM_FILES, check_minilm
from diziner.embedding.safetensors import read_tensors

ENCODER = encoder_from(tiny_tensors())


def plain_vector(document: Sequence[int]) -> NDArray[np.float64]:
    """The same encoder in plain float64, one document, no grids, erf and exp by the library."""
    tensors = {name: numbers.astype(np.float64) for name, numbers in tiny_tensors().items()}

    def norm(name: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        centred = rows - rows.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        normed: NDArray[np.float64] = scaled * tensors[f"{name}.LayerNorm.weight"] + tensors[f"{name}.LayerNorm.bias"]
        return normed

    def product(name: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return rows @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    table = "embeddings.{}_embeddings.weight".format
    rows = tensors[table("word")][document] + tensors[table("position")][: len(document)]
    rows = norm("embeddings", rows + tensors[table("token_type")][0])
    for name in ("encoder.layer.0", "encoder.layer.1"):
        query, key, value = (product(f"{name}.attention.self.{part}", rows) for part in ("query", "key", "value"))
        seen = []
        for head in (slice(0, 32), slice(32, 64)):
            weights = np.exp(query[:, head] @ key[:, head].T / math.sqrt(32))
            seen.append(weights / weights.sum(axis=1, keepdims=True) @ value[:, head])
        mixed = product(f"{name}.attention.output.dense", np.concatenate(seen, axis=1))
        rows = norm(f"{name}.attention.output", mixed + rows)
        wide = product(f"{name}.intermediate.dense", rows)
        wide = wide / 2 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        rows = norm(f"{name}.output", product(f"{name}.output.dense", wide) + rows)
    mean = rows.mean(axis=0)
    vector: NDArray[np.float64] = mean / np.sqrt((mean**2).sum())
    return vector


def test_vectors_are_those_of_plain_arithmetic() -> None:
    documents = tiny_documents(20)
    vectors = encode(ENCODER, documents)
    assert vectors.dtype == np.int64 and vectors.shape == (20, 64)
    plain = np.array([plain_vector(document) for document in documents])
    assert np.abs(vectors / 2**20 - plain).max() < 3e-6
    assert np.abs(np.sqrt((vectors**2).sum(axis=1)) - 2**20).max() < 10


@settings(max_examples=15)
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_a_document_has_one_vector_in_any_company_and_order(rng: random.Random, count: int) -> None:
    documents = tiny_documents()
    vectors = encode(ENCODER, documents)
    chosen = rng.sample(range(60), count)
    assert (encode(ENCODER, [documents[index] for index in chosen]) == vectors[chosen]).all()


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encode(ENCODER, tiny_documents())
    monkeypatch.setattr("diziner.embedding.minilm._TOKENS", 7)
    assert (encode(ENCODER, tiny_documents()) == whole).all()


def test_no_documents_have_no_vectors() -> None:
    assert encode(ENCODER, []).shape == (0, 64)


@settings(max_examples=50)
@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=400), st.randoms(use_true_random=False))
def test_sums_over_a_grid_are_one_number_in_any_order(numbers: list[float], rng: random.Random) -> None:
    on_grid = to_grid(np.array(numbers), 30)
    other = np.array(rng.sample(on_grid.tolist(), len(on_grid)))
    assert on_grid.sum() == other.sum() == math.fsum(on_grid) == sum(other.tolist())
    assert (sum_of_squares(on_grid, 17) == sum_of_squares(other, 17)).all()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("embeddings.word_embeddings.weight", "embeddings: "),
        ("encoder.layer.0.attention.self.query.weight", "encoder.layer.0.attention.self"),
        ("encoder.layer.1.attention.output.dense.weight", "encoder.layer.1.attention.output"),
        ("encoder.layer.1.output.dense.weight", "encoder.layer.1.output"),
        ("encoder.layer.1.intermediate.dense.bias", "encoder.layer.1.intermediate: GELU"),
    ],
)
@pytest.mark.parametrize("value", [1e6, math.nan])
def test_weights_for_which_sums_cannot_be_proved_exact_are_refused(name: str, what: str, value: float) -> None:
    tensors = tiny_tensors()
    tensors[name] = tensors[name].copy()
    tensors[name].flat[5] = value
    with pytest.raises(UserError, match=f"^{what}.*sums may reach"):
        encoder_from(tensors)


def test_weights_of_another_kind_of_model_are_refused() -> None:
    tensors = tiny_tensors()
    del tensors["encoder.layer.1.output.LayerNorm.bias"]
    with pytest.raises(UserError, match=r"no BERT encoder: they have no encoder\.layer\.1\.output\.LayerNorm\.bias"):
        encoder_from(tensors)


def test_a_safetensors_file_gives_its_arrays() -> None:
    read = read_tensors(packed(tiny_tensors()), "m.safetensors")
    assert all((read[name] == numbers).all() for name, numbers in tiny_tensors().items())


def header(**changes: object) -> bytes:
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}
    text = json.dumps({"__metadata__": {"format": "pt"}, "a": entry}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(24)


def test_a_small_safetensors_file_is_read() -> None:
    assert read_tensors(header(), "m")["a"].tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 40,
        header()[:-1],
        header(dtype="F8_E4M3"),
        header(shape=[2, 4]),
        header(shape=None),
        header(data_offsets=[8, 32]),
        header(data_offsets=[-24, 0]),
        struct.pack("<Q", 4) + b"null",
    ],
)
def test_a_damaged_safetensors_file_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match=r"^m\.safetensors: no safetensors file, or damaged: "):
        read_tensors(data, "m.safetensors")


def test_every_profile_fetches_the_weights_that_the_embedder_reads() -> None:
    for path in [ROOT / "params.yaml", *(ROOT / "diziner/profiles").glob("*.yaml")]:
        entry = yaml.safe_load(path.read_text())["weights"]["minilm"]
        assert entry["files"] == MINILM_FILES, path
        check_minilm({"minilm": entry}, path.name)


@pytest.mark.parametrize("weights", [{}, {"minilm": {"sha256": "00" * 32}}, {"minilm": {"files": {}}}])
def test_settings_without_those_weights_are_refused(weights: dict[str, dict[str, object]]) -> None:
    with pytest.raises(UserError, match=r"params.yaml: weights.minilm: .* diziner/profiles/paper.yaml"):
        check_minilm(weights, "params.yaml")
