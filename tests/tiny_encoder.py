"""A BERT encoder of two layers from whole random numbers, the same on every machine, and what it gives.

Run as a script, it prints one line of JSON: the digests of vectors, and the BLAS kernels and processor features
that they were computed with. `tests/embedding/test_minilm_bits.py` runs it under many settings.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diziner.embedding import fixed_point, minilm
from diziner.embedding.encoder_weights import encoder_from
from diziner.embedding.minilm_files import MINILM_FILES
from diziner.embedding.sentences import sentence_vectors
from diziner.layout import weights_path

WORDS = 60
SENTENCES = (
    "The treaty of 1648 was signed in Osnabrück and Münster .",
    "She plays the viola da gamba .",
    "aspirin inhibits platelet aggregation in patients with unstable angina",
    "any good thai place near the station that is open late",
    "",
    "word " * 400,
)


def tiny_tensors(width: int = 64, wide: int = 128, layers: int = 2) -> dict[str, NDArray[np.float32]]:
    """The encoder's arrays by BERT's names: multiples of 2**-24, about as large as trained ones."""
    rng = np.random.Generator(np.random.PCG64(7))

    def some(*shape: int, spread: float, around: float = 0.0) -> NDArray[np.float32]:
        steps = int(spread * 2**24)
        return (rng.integers(-steps, steps, shape) / 2**24 + around).astype(np.float32)

    def norm(name: str) -> dict[str, NDArray[np.float32]]:
        return {
            f"{name}.LayerNorm.weight": some(width, spread=0.1, around=0.9),
            f"{name}.LayerNorm.bias": some(width, spread=0.2),
        }

    def product(name: str, size: int, inputs: int) -> dict[str, NDArray[np.float32]]:
        return {f"{name}.weight": some(size, inputs, spread=0.25), f"{name}.bias": some(size, spread=0.3)}

    tensors = {
        "embeddings.word_embeddings.weight": some(WORDS, width, spread=0.1),
        "embeddings.position_embeddings.weight": some(48, width, spread=0.05),
        "embeddings.token_type_embeddings.weight": some(2, width, spread=0.02),
        **norm("embeddings"),
    }
    for number in range(layers):
        name = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            tensors |= product(f"{name}.attention.self.{part}", width, width)
        tensors |= product(f"{name}.attention.output.dense", width, width) | norm(f"{name}.attention.output")
        tensors |= product(f"{name}.intermediate.dense", wide, width)
        tensors |= product(f"{name}.output.dense", width, wide) | norm(f"{name}.output")
    return tensors


def tiny_documents(count: int = 60) -> list[list[int]]:
    """Token numbers of documents of 1 to 40 tokens."""
    rng = np.random.Generator(np.random.PCG64(8))
    return [rng.integers(0, WORDS, rng.integers(1, 41)).tolist() for _ in range(count)]


def packed(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a safetensors file."""
    header, data = {}, b""
    for name, numbers in tensors.items():
        raw = numbers.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(numbers.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def digests(compute: Callable[[], NDArray[np.int64]]) -> list[str]:
    """The SHA-256 of vectors, and of every number on the way to them before it is rounded to its grid.

    The vectors alone would show little: they are so coarse that a last bit rarely reaches them.
    """
    steps = hashlib.sha256()
    to_grid = fixed_point.to_grid

    def traced(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
        steps.update((values + 0.0).astype("<f8").tobytes())  # the sign of a zero may differ, and has no effect
        return to_grid(values, bits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minilm, "to_grid", traced)
        vectors = compute()
    return [hashlib.sha256(vectors.astype("<i8").tobytes()).hexdigest(), steps.hexdigest()]


def plain_product() -> str:
    """The SHA-256 of a product of numbers on no grid: what a kernel makes of the order of sums."""
    rng = np.random.Generator(np.random.PCG64(9))
    left, right = rng.random((200, 384)), rng.random((384, 384))
    return hashlib.sha256((left @ right).astype("<f8").tobytes()).hexdigest()


def weights_are_here() -> bool:
    """Whether the real weights have been fetched to this machine."""
    return all(weights_path(name, sha256).exists() for name, sha256 in MINILM_FILES.items())


def features() -> list[str]:
    """The processor features for which this NumPy has code of its own, and may use it."""
    from numpy._core import _multiarray_umath as umath  # type: ignore[attr-defined]  # NumPy's types leave it out

    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]


def main() -> None:
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    found = {
        "tiny": digests(lambda: minilm.encode(encoder_from(tiny_tensors()), tiny_documents())),
        "real": digests(lambda: sentence_vectors(SENTENCES)) if weights_are_here() else None,
        "plain": plain_product(),
        "kernels": [library.get("architecture") for library in threadpool_info() if library["user_api"] == "blas"],
        "threads": [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"],
        "features": features(),
    }
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
