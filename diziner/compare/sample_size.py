"""Test documents that a change of F1 needs, by benchmark, before anything is run on them (`diziner plan --detect`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.common.tables import text_table
from diziner.layout import Room
from diziner.records.documents import read_documents
from diziner.records.gold import read_gold
from diziner.results.document_counts import PredictionCounts
from diziner.results.published import published_of
from diziner.results.room_metrics import counts_in, read_room_metrics
from diziner.scoring.power import (
    CLUSTERING,
    CORRELATION,
    FEWEST,
    Design,
    Differences,
    assumed_differences,
    documents_needed,
    expected_spread,
    paired_differences,
    smallest_change,
    spread,
)
from diziner.scoring.resampling import exact_f1

_F1 = 0.7  # expected where nobody has published any


@dataclass(frozen=True, slots=True)
class Basis:
    """Basis of a sample size: `documents` with gold, of `available`; the F1 that is known or expected; the
    differences of two runs (None where nothing is known), and what they follow from."""

    documents: int
    available: int | None
    f1: float | None
    differences: Differences | None
    by: str


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Documents that show a change on one benchmark `alone`, and with Holm's correction `together` with all others;
    `smallest`: the smallest changes that the documents at hand show, alone and together. None where nobody can say."""

    benchmark: str
    basis: Basis
    alone: int | None
    together: int | None
    smallest: tuple[float | None, float | None]


def basis_of(room: Room, published: Mapping[str, Any] | None, correlation: float | None) -> Basis:
    """Return what is known: the last run's two guidelines if they differ enough (and no correlation is given), else the
    F1 of its selected one, else gold and an expected F1.

    Errors: UserError for a file that is broken.
    """
    assumed = CORRELATION if correlation is None else correlation
    manifest = read_json(room.manifest, "manifest") if room.manifest.is_file() else {}
    available = manifest.get("test", {}).get("loaded")
    test = read_documents(room.test) if room.test.is_file() else None
    counts = _last_run(room)
    if counts is not None and test is not None and not {document.id for document in test} >= set(counts.selected.ids):
        counts = None  # it was run on other documents
    if counts is not None and counts.selected.ids:
        table = counts.selected.counts
        documents, f1 = len(table), float(exact_f1(table))
        pair = paired_differences(table, counts.initial.counts) if correlation is None else None
        if pair is not None:
            return Basis(documents, available, f1, pair, "the last run's two guidelines")
        found = assumed_differences(spread(table), assumed)
        return Basis(documents, available, f1, found, "the last run's F1" if found else "F1 is the same everywhere")
    if test is None or not room.gold.is_file():
        return Basis(0, available, None, None, "no documents yet")
    gold = read_gold(room.gold)
    sizes = [len(gold[document.id]) for document in test if document.id in gold]
    f1 = _expected(room.name, published)
    return Basis(len(sizes), available, f1, assumed_differences(_by_gold(sizes, f1), assumed), "gold, at that F1")


def sample_sizes(bases: Mapping[str, Basis], change: float, power: float, level: float) -> list[SampleSize]:
    """Return the documents that each benchmark needs; those of which nothing is known do not count as tests."""
    known = sum(basis.differences is not None for basis in bases.values())
    alone, together = Design(level, power), Design(level, power, max(1, known))
    rows = []
    for name, basis in bases.items():
        own = basis.differences
        if own is None:
            rows.append(SampleSize(name, basis, None, None, (None, None)))
            continue
        needed = [documents_needed(own, change, design) for design in (alone, together)]
        seen = tuple(smallest_change(own, basis.documents, design) for design in (alone, together))
        rows.append(SampleSize(name, basis, needed[0], needed[1], (seen[0], seen[1])))
    return rows


def sizes_text(rows: Sequence[SampleSize], change: float, power: float, level: float, correlation: float | None) -> str:
    """Return the table for a terminal, with what it rests on."""
    known = sum(row.alone is not None for row in rows)
    several = known > 1
    head = ["benchmark", "F1", "by", "documents", "of", "smallest seen", f"for {change:g}"]
    head += ["with Holm"] * several
    lines = [
        [
            row.benchmark,
            "-" if row.basis.f1 is None else f"{row.basis.f1:.3f}",
            row.basis.by,
            str(row.basis.documents),
            "-" if row.basis.available is None else str(row.basis.available),
            _seen(row, 0) + (f", with Holm {_seen(row, 1)}" if several and row.alone is not None else ""),
            _needed(row.alone, row.basis),
            *([_needed(row.together, row.basis)] * several),
        ]
        for row in rows
    ]
    r = CORRELATION if correlation is None else correlation
    together = f"; with Holm: each of {known} benchmarks at {level / known:.4f}" if several else ""
    return text_table(head, lines) + (
        f"Test documents that show a true change of strict span F1 of {change:g} with probability {power:g}.\n"
        f"Test: randomization, paired by document, two-sided at {level:g}{together}.\n"
        "documents: with gold, at hand; of: in the test split; +: more than it has.\n"
        f"by: two guidelines of the last run that differ on {FEWEST} documents or more; else its F1, and another run\n"
        f"whose errors correlate by {r:g} over documents (--correlation); else gold, and {CLUSTERING:g} times the "
        "variance\nof independent mentions.\n"
        "Documents are taken as drawn at random. Method and check: diziner/scoring/power.py, docs/LOG.md.\n"
    )


def _seen(row: SampleSize, place: int) -> str:
    found = row.smallest[place]
    return "-" if row.alone is None else "none" if found is None else f"{found:.3f}"


def _needed(number: int | None, basis: Basis) -> str:
    if number is None:
        return "-"
    return f"{number:,}" + ("+" if basis.available is not None and number > basis.available else "")


def _last_run(room: Room) -> PredictionCounts | None:
    if not room.has_results():
        return None
    try:
        return counts_in(read_room_metrics(room.final_metrics))
    except ValueError as error:
        raise UserError(f"{room.final_metrics}: {error}; write it anew with `diziner repro`") from None


def _expected(benchmark: str, published: Mapping[str, Any] | None) -> float:
    values = published_of(benchmark, published) if published else {}
    value = next((values[slot] for slot in ("diziner_paper", "diziner_readme") if slot in values), None)
    return _F1 if value is None else value.f1 / 100


def _by_gold(sizes: Sequence[int], f1: float) -> float | None:
    import numpy as np

    return expected_spread(np.array(sizes, dtype=np.int64), f1) if sizes else None
