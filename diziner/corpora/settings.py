"""Corpus settings (params `corpus`): pilot sets and the test sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from diziner.embedding.minilm_files import MINILM, check_minilm

Method = Literal["kmeans", "random"]
Mode = Literal["fresh", "fixed"]


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """Settings of the pilot sets, `pilot_size` documents for each of `rounds`, and of the test sample.

    `test_size` None takes the whole test split. With `pins`, published pilot sets are used where a room has some.
    `nested`: gold keeps mentions inside others.
    """

    rounds: int
    pilot_size: int = 25
    pilot_method: Method = "kmeans"
    pilot_mode: Mode = "fresh"
    embedder: str = "tfidf"
    test_size: int | None = 300
    seed: int = 42
    pins: bool = False
    nested: bool = False


def corpus_settings(corpus: Mapping[str, Any], rounds: int) -> CorpusSettings:
    """Return the settings of params `corpus` for so many rounds."""
    pilot = corpus["pilot"]
    return CorpusSettings(
        rounds=rounds,
        pilot_size=pilot["documents"],
        pilot_method=pilot["method"],
        pilot_mode=pilot["mode"],
        embedder=pilot["embedder"],
        test_size=corpus["test"]["documents"],
        seed=corpus["seed"],
        pins=pilot.get("pins", False),
        nested=corpus.get("nested", False),
    )


def check_embedder(embedder: str, weights: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Check that params `weights` fetch what an embedder of pilot sets reads; `where` is what errors call params.

    Errors: UserError if there is no such entry, or it is of other files.
    """
    if embedder == MINILM:
        check_minilm(weights, where)
