"""Usage: what one request took (usage.schema.json)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from diziner.common.files import read_jsonl, write_jsonl


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of one request behind an output. `key` is the request's, `endpoint` and `model` say who was asked.

    Token counts and `usd` are the provider's: the counts are None for a call that no response came back from, `usd`
    where the provider names no cost. `provenance` is what a local model's answer was computed with, empty where that
    is not recorded and for models that are not local. `cached_tokens` are those of the prompt that the provider had at
    hand, where it says so: they may cost less.
    """

    key: str
    endpoint: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None = None
    provenance: str = ""
    cached_tokens: int = 0


_WHERE_KNOWN = ("provenance", "cached_tokens")


def write_usage(path: Path, rows: Iterable[Usage]) -> None:
    """Write usage as JSON Lines, sorted by key, one row a request; without `provenance` and `cached_tokens` if there
    are none."""
    values = [asdict(row) for row in sorted({row.key: row for row in rows}.values(), key=lambda row: row.key)]
    write_jsonl(path, [{k: v for k, v in row.items() if v or k not in _WHERE_KNOWN} for row in values])


def read_usage(path: Path) -> list[Usage]:
    """Return the rows of a usage file, checked, in file order."""
    return [Usage(**row) for row in read_jsonl(path, "usage")]
