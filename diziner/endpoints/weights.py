"""The file of a local language model, where it was fetched to (`diziner.llm.weights`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diziner.common.digests import sha256_of
from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.layout import GGUF, cache_folder, fetched_files, files_of


def weights_file(model: str, weights: Mapping[str, Mapping[str, Any]]) -> Path:
    """Find the file of a local language model, and hold it against its SHA-256.

    Errors: UserError if params `weights` has no such model, the model is several files and so no language
    model, or the file has not been fetched or is another.
    """
    entry = entry_of(model, weights)
    if "files" in entry:
        raise UserError(
            f"params.yaml: weights.{model}: no language model; one has the sha256 of its GGUF file, this has "
            f"{', '.join(sorted(entry['files']))}"
        )
    path = fetched_files(model, files_of(entry))[GGUF]
    refuse_others(model, path, entry["sha256"])
    return path


def refuse_others(model: str, path: Path, sha256: str) -> None:
    """Raise UserError for a file that has another SHA-256."""
    with readable(path):
        found = sha256_of(path, cache_folder() / "digests")
    if found != sha256:
        raise UserError(
            f"{path}: not the weights of {model}: the SHA-256 of the file is {found[:12]}…, not {sha256[:12]}…; remove "
            f"it, then `diziner weights fetch {model}`"
        )


def entry_of(model: str, weights: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a model's entry of params `weights`; UserError with the models there are."""
    if model not in weights:
        raise UserError(f"params.yaml: weights: no model {model}; there are: {', '.join(sorted(weights))}")
    return weights[model]
