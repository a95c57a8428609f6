"""Sentence embeddings of texts by all-MiniLM-L6-v2, from weights on this machine, without a framework or network.

Vectors are kept from run to run (`vector_cache`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diziner.common.errors import UserError
from diziner.embedding.minilm_files import MINILM, MINILM_FILES, MODEL, TOKENIZER
from diziner.embedding.vector_cache import VectorCache
from diziner.layout import cache_folder, fetched_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 384  # numbers of a vector
TOKENS = 256  # word pieces read of a text, the two special ones included: as upstream's settings have it
_ARITHMETIC = ("encoder_weights.py", "fixed_point.py", "minilm.py", "safetensors.py", "sentences.py")


def sentence_vectors(texts: Sequence[str], files: Mapping[str, str] = MINILM_FILES) -> NDArray[np.int64]:
    """Embed each text in whole numbers: shape (texts, 384), of unit length times 2**20.

    So a dot product of two is their cosine times 2**40, and exact in int64 as in float64. The same text gives
    the same vector in any batch and on any machine; a text is lower-cased and cut after 256 word pieces, and an
    empty one has a vector too. `files` are the SHA-256 of model.safetensors and tokenizer.json.

    Errors: UserError if the weights are not on this machine, or are damaged.
    """
    import numpy as np

    paths = fetched_files(MINILM, files)
    stem = _stem(files)
    keys = [hashlib.sha256(stem + text.encode()).digest() for text in texts]
    cache = VectorCache(cache_folder() / "vectors" / "sentences.sqlite")
    rows = cache.get(list(dict.fromkeys(keys)))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
    if missing:
        new = dict(zip(missing, _embed(list(missing.values()), paths, files), strict=True))
        cache.put(new)
        rows |= new
    return np.array([rows[key] for key in keys], np.int64) if keys else np.empty((0, WIDTH), np.int64)


def _stem(files: Mapping[str, str]) -> bytes:
    """Return what vectors depend on beside the text: weights, arithmetic, and the package that splits texts."""
    from importlib.metadata import version

    code = [hashlib.sha256((Path(__file__).parent / name).read_bytes()).hexdigest() for name in _ARITHMETIC]
    return "\n".join([*(files[name] for name in (MODEL, TOKENIZER)), *code, version("tokenizers"), ""]).encode()


def _embed(texts: Sequence[str], paths: Mapping[str, Path], files: Mapping[str, str]) -> NDArray[np.int32]:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    from tokenizers import Tokenizer

    from diziner.embedding.encoder_weights import encoder_from
    from diziner.embedding.minilm import encode
    from diziner.embedding.safetensors import read_tensors

    data = {name: _verified(path, files[name]) for name, path in paths.items()}
    tokenizer = Tokenizer.from_buffer(data[TOKENIZER])
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    # One at a time: a batch would start threads, and the process may yet fork.
    documents = [tokenizer.encode(text).ids for text in texts]
    encoder = encoder_from(read_tensors(data[MODEL], str(paths[MODEL])))
    # For speed only, vectors are the same with more: those mostly wait for one another, and stages run side by side.
    with threadpool_limits(limits=1):
        return encode(encoder, documents).astype("i4")


def _verified(path: Path, sha256: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UserError(f"{path}: damaged; remove it and fetch it again with `diziner weights fetch {MINILM}`")
    return data
