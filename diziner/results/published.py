"""Published scores (data/published.yaml) by benchmark: for orientation, never mixed with scores of this project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from diziner.common.tables import Column

HEADING = "Published values: entity F1 in percent, as printed, on other samples and by other protocols; not ours"


@dataclass(frozen=True, slots=True)
class Published:
    """One printed value, in percent, with the method's name and the key of its source."""

    f1: float
    method: str
    source: str


def published_of(benchmark: str, published: Mapping[str, Any]) -> dict[str, Published]:
    """Return a benchmark's published values: `diziner_readme`, `diziner_paper`, `supervisor`, and the best earlier
    work,
    `best_zero_shot` and `best_supervised` (of equals the one named first). What nobody printed is absent."""
    found: dict[str, Published] = {}
    for method in published["methods"]:
        if benchmark not in method["f1"]:
            continue
        value = Published(method["f1"][benchmark], method["name"], method["source"])
        slot = _slot(method)
        if slot not in found or value.f1 > found[slot].f1:
            found[slot] = value
    return found


def published_columns(benchmarks: Iterable[str], published: Mapping[str, Any]) -> list[Column]:
    """Return the table for a terminal: a line for each benchmark."""
    names = list(benchmarks)
    values = [published_of(name, published) for name in names]
    columns = [Column("benchmark", tuple(names))]
    for slot, head, importance in (
        ("diziner_readme", "DiZiNER (README)", 0),
        ("diziner_paper", "DiZiNER (paper)", 0),
        ("supervisor", "GPT-5 mini", 1),
        ("best_zero_shot", "best zero-shot before", 2),
        ("best_supervised", "best supervised", 3),
    ):
        cells = tuple(_cell(own.get(slot), named=slot.startswith("best")) for own in values)
        columns.append(Column(head, cells, importance))
    return columns


def published_notes(benchmarks: Iterable[str], published: Mapping[str, Any]) -> list[str]:
    """Return where the values come from, and what is odd about some of them."""
    names = list(benchmarks)
    used = {value.source for name in names for value in published_of(name, published).values()}
    sources = [f"source: {text}" for key, text in published["sources"].items() if key in used]
    return sources + [f"{name}: {text}" for name, text in published["notes"].items() if name in names]


def _slot(method: Mapping[str, Any]) -> str:
    if method["kind"] == "diziner":
        return "diziner_paper" if method["source"] == "paper" else "diziner_readme"
    return str(method["kind"]) if method["kind"] == "supervisor" else f"best_{method['kind']}"


def _cell(value: Published | None, named: bool) -> str:
    if value is None:
        return "-"
    return f"{value.f1:.1f} {value.method}" if named else f"{value.f1:.1f}"
