"""metrics/cost.json: what the calls recorded in a store came to, by kind of work and by model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diziner.llm.ledger import NANO, Spending


def cost_report(entries: Iterable[Spending], reserved: int) -> dict[str, Any]:
    """Return the report as a JSON object; the same calls give the same bytes, in whatever order they came back.

    `work` has a line for each label (benchmark, round, annotator or phase), `models` one for each model, with
    every (reported model, fingerprint) it answered under. `cached_tokens` are those of the prompts that providers
    had at hand. `usd` is the provider's cost where it names one, else by price; `gap_usd` is what providers named
    above the price table, over calls that have both; `unpriced` are calls whose cost nobody knows: in `usd` they have
    the dearest host's price in litellm's list, or none. `set_aside_usd`
    is for calls that were cut off and may have been billed.
    """
    lines = list(entries)
    work = {name: _sums(e for e in lines if e.work == name) for name in sorted({e.work for e in lines})}
    for name, sums in work.items():
        sums["structured"] = sorted({e.structured for e in lines if e.work == name})
    models: dict[str, Any] = {}
    for name in sorted({_model(e) for e in lines}):
        mine = [e for e in lines if _model(e) == name]
        seen = sorted({(e.reported, e.fingerprint) for e in mine})
        models[name] = {**_sums(mine), "answered_as": [list(identity) for identity in seen]}
    return {"models": models, "total": {**_sums(lines), "set_aside_usd": _usd(reserved)}, "work": work}


def _sums(lines: Iterable[Spending]) -> dict[str, Any]:
    chosen = list(lines)

    def total(name: str) -> int:
        return sum(getattr(line, name) for line in chosen)

    return {
        "calls": total("calls"),
        "repairs": sum(line.calls for line in chosen if line.repair),
        "unanswered": total("unanswered"),
        "unpriced": total("unpriced"),
        "prompt_tokens": total("prompt_tokens"),
        "cached_tokens": total("cached_tokens"),
        "completion_tokens": total("completion_tokens"),
        "usd": _usd(total("nano_usd")),
        "gap_usd": _usd(total("compared_reported") - total("compared_priced")),
    }


def _model(line: Spending) -> str:
    revision = f"@{line.revision}" if line.revision else ""
    return f"{line.address}:{line.model}{revision}"


def _usd(nano: int) -> float:
    return round(nano / NANO, 6)
