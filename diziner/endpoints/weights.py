"""The file of a local language model, where it was fetched to (`diziner.llm.weights`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.layout import GGUF, fetched_files, files_of


def weights_file(model: str, weights: Mapping[str, Mapping[str, Any]]) -> Path:
    """Find the verified file of a local language model.

    Errors: UserError if params `weights` has no such model, the model is several files and so no language
    model, or the file has not been fetched.
    """
    entry = entry_of(model, weights)
    if "files" in entry:
        raise UserError(
            f"params.yaml: weights.{model}: no language model; one has the sha256 of its GGUF file, this has "
            f"{', '.join(sorted(entry['files']))}"
        )
    return fetched_files(model, files_of(entry))[GGUF]


def entry_of(model: str, weights: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a model's entry of params `weights`; UserError with the models there are."""
    if model not in weights:
        raise UserError(f"params.yaml: weights: no model {model}; there are: {', '.join(sorted(weights))}")
    return weights[model]
