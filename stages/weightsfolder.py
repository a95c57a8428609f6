"""Weights on this machine: where they lie, by the SHA-256 of their bytes.

Local models and sentence embeddings both read weights; `stages.llm.weights` fetches them, and writes a file here
only after its bytes were verified.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.errors import UserError

GGUF = "model.gguf"  # what the one file of a language model is called here


def cache_folder() -> Path:
    """Find the folder that checkouts share: $DIZINER_CACHE, else $XDG_CACHE_HOME/diziner, else ~/.cache/diziner."""
    chosen = os.environ.get("DIZINER_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "diziner"
    return Path(chosen) if chosen else base


def weights_folder() -> Path:
    """Find the folder of weights, below the cache folder."""
    return cache_folder() / "weights"


def files_of(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """List the files of an entry of params `weights`: the SHA-256 of each by name.

    >>> files_of({"sha256": "cc32"}), files_of({"files": {"tokenizer.json": "be50"}})
    ({'model.gguf': 'cc32'}, {'tokenizer.json': 'be50'})
    """
    files: Mapping[str, str] = entry["files"] if "files" in entry else {GGUF: entry["sha256"]}
    return files


def weights_path(name: str, sha256: str) -> Path:
    """Say where the file of that name and digest lies, fetched or not.

    >>> weights_path("tokenizer.json", "be50").name
    'be50.json'
    """
    return weights_folder() / f"{sha256}{Path(name).suffix}"


def fetched_files(model: str, files: Mapping[str, str]) -> dict[str, Path]:
    """Find the files of a model on this machine, by name; `files` has the SHA-256 of each.

    Errors: UserError if one has not been fetched.
    """
    paths = {name: weights_path(name, sha256) for name, sha256 in files.items()}
    if not all(path.exists() for path in paths.values()):
        raise UserError(
            f"the weights of {model} are not on this machine; fetch them once with `diziner weights fetch {model}`"
        )
    return paths
