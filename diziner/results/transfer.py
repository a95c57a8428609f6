"""Result of a transfer: counts of every cell, the gain by model, prompt and group, its split; a table and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diziner.common.rounding import rounded
from diziner.common.tables import text_table
from diziner.common.words import counted
from diziner.records.annotations import Annotation, Span
from diziner.scoring.bootstrap import document_counts
from diziner.scoring.crossed import Crossed, Estimate, Numbers, Split, crossed, split
from diziner.scoring.strict import STRICT_PROTOCOL

Ints = NDArray[np.int64]
Rows = Mapping[tuple[int, str, str, int], Sequence[Annotation]]  # by guideline, model, prompt, sample

AGREEMENT = "agreement with the other models"
_GROUPS = ("pool", "outside")


@dataclass(frozen=True, slots=True)
class Transfer:
    """`outside`: whether each model is outside the pool; `other`: whether each prompt is another than the annotators'
    own. `failed`: unreadable answers by model. `by`: what a reading is held against."""

    benchmark: str
    guidelines: tuple[str, str]
    models: tuple[str, ...]
    outside: tuple[bool, ...]
    prompts: tuple[str, ...]
    other: tuple[bool, ...]
    samples: int
    documents: int
    failed: Mapping[str, int]
    by: str
    design: Crossed
    split: Split


def counts_by_gold(
    read: Rows, models: Sequence[str], prompts: Sequence[str], samples: int, gold: Mapping[str, Sequence[Span]]
) -> Ints:
    """Return (correct, predicted, gold) of each document, as `diziner.scoring.crossed.crossed` takes them.

    Errors: UserError if documents of gold and readings differ.
    """

    def of(guideline: int, model: str, prompt: str, sample: int) -> Ints:
        return document_counts(gold, {row.id: row.spans for row in read[guideline, model, prompt, sample]}).counts

    return _filled(of, models, prompts, samples)


def counts_by_agreement(read: Rows, models: Sequence[str], prompts: Sequence[str], samples: int) -> Ints:
    """Return counts of each model held against all others that read the same guideline under the same prompt.

    With them F1 is the mean over the other models of strict span F1, each weighted by the spans of both; at least two
    models are needed.
    """

    def of(guideline: int, model: str, prompt: str, sample: int) -> Ints:
        own = {row.id: row.spans for row in read[guideline, model, prompt, sample]}
        others = [
            {row.id: row.spans for row in read[guideline, name, prompt, sample]} for name in models if name != model
        ]
        return np.asarray(np.sum([document_counts(other, own).counts for other in others], axis=0), np.int64)

    return _filled(of, models, prompts, samples)


def _filled(
    of: Callable[[int, str, str, int], Ints], models: Sequence[str], prompts: Sequence[str], samples: int
) -> Ints:
    return np.array(
        [
            [[[of(guideline, model, prompt, n) for n in range(samples)] for prompt in prompts] for model in models]
            for guideline in (0, 1)
        ],
        np.int64,
    )


def analysed(counts: Ints, resamples: int, seed: int) -> tuple[Crossed, Split]:
    """Return the design scored, and its gains split."""
    design = crossed(counts, resamples, seed)
    return design, split(design, seed)


def transfer_json(found: Transfer) -> dict[str, Any]:
    """Return the result as JSON: all figures as fractions of 1, at six places."""
    own = found.split
    parts = {
        "guideline": own.gain,
        "guideline_beyond": own.beyond if found.by == STRICT_PROTOCOL else None,
        "model": own.models,
        "prompt": own.prompts,
        "model_by_prompt": own.both,
        "documents": own.documents,
        "sampling": own.answers,
    }
    value = {
        "benchmark": found.benchmark,
        "guidelines": list(found.guidelines),
        "scored": found.by,
        "documents": found.documents,
        "samples": found.samples,
        "models": [
            {"name": name, "outside": outside, "failed": found.failed[name], **_row(found, [number], None)}
            for number, (name, outside) in enumerate(zip(found.models, found.outside, strict=True))
        ],
        "prompts": [
            {"name": name, "paraphrased": other, **_row(found, None, [number])}
            for number, (name, other) in enumerate(zip(found.prompts, found.other, strict=True))
        ],
        "groups": [{"models": group, "prompts": kind, **_row(found, m, p)} for group, kind, m, p in _groups(found)],
        "differences": {name: asdict(estimate) for name, estimate in _differences(found).items()},
        "split": {name: estimate and asdict(estimate) for name, estimate in parts.items()},
    }
    return dict(rounded(value))


def transfer_text(found: Transfer) -> str:
    """Return the result for a terminal, in points of F1."""
    value = transfer_json(found)
    readings = 2 * len(found.models) * len(found.prompts) * found.samples * found.documents
    failed = sum(found.failed.values())
    text = (
        f"{found.benchmark}: {found.guidelines[0]} against {found.guidelines[1]}; "
        f"{counted(found.documents, 'document')}, {found.by}, points of 100\n"
        f"{counted(len(found.models), 'model')} ({sum(found.outside)} outside the pool) x "
        f"{counted(len(found.prompts), 'prompt')} ({sum(found.other)} paraphrased) x "
        f"{counted(found.samples, 'answer')}: {readings:,} readings, {failed:,} of them unreadable\n\n"
    )
    head = ("read by", "", "first", "refined", "gain", "95 %")
    rows = [_shown(row["name"], _GROUPS[row["outside"]], row) for row in value["models"]]
    rows += [_shown(row["name"], "paraphrase" if row["paraphrased"] else "prompt", row) for row in value["prompts"]]
    rows += [_shown(f"{row['models']}, {row['prompts']}", "mean", row) for row in value["groups"]]
    rows += [(name, "difference", "", "", *_points(own)) for name, own in value["differences"].items()]
    text += text_table(head, rows) + "\n"
    return text + text_table(("the gain and what it depends on", "points", "95 %"), _split_rows(value["split"]))


def _split_rows(parts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    named = (
        ("guideline", "guideline: mean gain, these models and prompts"),
        ("guideline_beyond", "guideline: mean gain, others like them"),
        ("model", "model: standard deviation of the gain between models"),
        ("prompt", "prompt: the same between prompts"),
        ("model_by_prompt", "model by prompt: the same, beyond both"),
        ("documents", "documents: of one model's gain under one prompt, by which documents"),
        ("sampling", "sampling: of the same, by which answers are drawn"),
    )
    signed = ("guideline", "guideline_beyond")
    return [
        (words, *(_points(parts[name], name in signed) if parts[name] else ("cannot be told", "")))
        for name, words in named
    ]


def _row(found: Transfer, models: Iterable[int] | None, prompts: Iterable[int] | None) -> dict[str, Any]:
    cells = _numbers(models, len(found.models)), _numbers(prompts, len(found.prompts))
    first, refined = (found.design.f1[number][cells[0]][:, cells[1]].mean() for number in (0, 1))
    return {"first": float(first), "refined": float(refined), "gain": asdict(found.design.mean_gain(cells))}


def _groups(found: Transfer) -> list[tuple[str, str, list[int], list[int]]]:
    """Return the groups that are there: models of the pool and outside, by own prompts and paraphrases."""
    groups = []
    for group, outside in zip(_GROUPS, (False, True), strict=True):
        for kind, other in (("own prompt", False), ("paraphrased", True)):
            models = [number for number, is_outside in enumerate(found.outside) if is_outside == outside]
            prompts = [number for number, is_other in enumerate(found.other) if is_other == other]
            if models and prompts:
                groups.append((group, kind, models, prompts))
    return groups


def _differences(found: Transfer) -> dict[str, Estimate]:
    every_model, every_prompt = _numbers(None, len(found.models)), _numbers(None, len(found.prompts))
    outside, other = np.array(found.outside), np.array(found.other)
    differences = {}
    if outside.any() and not outside.all():
        some, rest = np.flatnonzero(outside), np.flatnonzero(~outside)
        differences["outside less pool"] = found.design.difference((some, every_prompt), (rest, every_prompt))
    if other.any() and not other.all():
        some, rest = np.flatnonzero(other), np.flatnonzero(~other)
        differences["paraphrased less own"] = found.design.difference((every_model, some), (every_model, rest))
    return differences


def _numbers(chosen: Iterable[int] | None, count: int) -> Numbers:
    return np.array(list(range(count) if chosen is None else chosen), np.intp)


def _shown(name: str, kind: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return (name, kind, f"{100 * row['first']:.1f}", f"{100 * row['refined']:.1f}", *_points(row["gain"]))


def _points(estimate: Mapping[str, float], signed: bool = True) -> tuple[str, str]:
    sign = "+" if signed else ""
    value, low, high = (f"{100 * estimate[key] + 0.0:{sign}.1f}" for key in ("value", "low", "high"))
    return value, f"[{low}, {high}]"
