"""Params.yaml as data, before it is checked: what others ask of it all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diziner.layout import RICH, STARTS


def start_in(params: object) -> str:
    """Return the guideline that round 0 begins with by params.yaml, which need not be checked: rich if it says none."""
    section = params.get("guideline") if isinstance(params, Mapping) else None
    start = section.get("start") if isinstance(section, Mapping) else None
    return start if isinstance(start, str) and start in STARTS else RICH


def sources_in(raw: Mapping[str, Any]) -> list[str]:
    """Return the sources that are chosen for some benchmark, sorted."""
    chosen = raw["corpus"]["source"]
    return sorted(set(chosen.values())) if isinstance(chosen, Mapping) else [str(chosen)]
