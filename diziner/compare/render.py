"""Rendering of comparisons, changes and checks: text for a terminal, Markdown for a pull request, and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from diziner.common.freshness import Standing, State
from diziner.common.rounding import rounded
from diziner.common.tables import text_table
from diziner.compare.comparison import Comparison, mean_change, shown_p, shown_smallest
from diziner.compare.gates import Check
from diziner.compare.whatchanged import Changes

_HEAD = ("benchmark", "n", "old", "new", "change [95 %]", "p", "smallest seen", "verdict")
_CHECK_HEAD = ("", "benchmark", "rule", "found", "allowed")
_LINES = 20  # of one kind of change; JSON has all
_WIDTH = 160
_NOTE = (
    "Strict span F1 on n test documents. Change: paired bootstrap of documents, this benchmark alone. "
    "p: randomization test, after Holm's correction over the benchmarks that changed. "
    "Smallest seen: the true change that these n documents show with probability 0.8 (*: by the old run's spread "
    "alone, since too few documents differ)."
)


def comparison_text(
    old: str, new: str, rows: Sequence[Comparison], changes: Changes, states: Mapping[str, Standing] | None = None
) -> str:
    """Render for a terminal. `states` are those of benchmarks in the new run, where it is known."""
    parts = [f"{old} -> {new}\n"]
    head, cells = _with_states(rows, states or {})
    parts.append(text_table(head, cells) + f"{_NOTE}\n" if rows else "no metrics in either\n")
    for title, lines in _groups(changes):
        parts.append(f"\n{title}\n" + "".join(f"  {line}\n" for line in lines))
    return "".join(parts)


def comparison_markdown(
    old: str, new: str, rows: Sequence[Comparison], changes: Changes, states: Mapping[str, Standing] | None = None
) -> str:
    """Render for a pull request, `states` as in `comparison_text`.

    What people and models wrote is fenced: it can neither format, link nor mention.
    """
    parts = [f"### Scores: {_cell(old)} → {_cell(new)}\n\n"]
    head, cells = _with_states(rows, states or {})
    parts.append(_markdown_table(head, cells) + f"\n{_NOTE}\n" if rows else "No metrics in either.\n")
    groups = _groups(changes)
    if groups:
        text = "\n\n".join(f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in groups)
        parts.append(f"\n<details><summary>What changed</summary>\n\n{_fenced(text)}\n</details>\n")
    return "".join(parts)


def comparison_json(old: str, new: str, rows: Sequence[Comparison], changes: Changes) -> dict[str, Any]:
    """Return everything, rounded to 6 places."""
    return {
        "old": old,
        "new": new,
        "benchmarks": [
            {key: rounded(value) for key, value in asdict(row).items() if key != "exact_change"} for row in rows
        ],
        "mean": mean_change(rows),
        "changes": {key: list(value) for key, value in asdict(changes).items()},
    }


def checks_text(base: str, checks: Sequence[Check], summary: str, notes: Sequence[str] = ()) -> str:
    """Render for a terminal."""
    rows = _check_rows(checks)
    lines = "".join(f"{line}\n" for line in (*notes, summary))
    return f"gate against {base}\n" + (text_table(_CHECK_HEAD, rows) if rows else "") + lines


def checks_markdown(base: str, checks: Sequence[Check], summary: str, notes: Sequence[str] = ()) -> str:
    """Render for a pull request."""
    rows = _check_rows(checks)
    table = _markdown_table(_CHECK_HEAD, rows) if rows else ""
    return f"### Gate against {_cell(base)}: {_cell(summary)}\n\n{table}" + "".join(f"\n{_cell(n)}\n" for n in notes)


def checks_json(base: str, checks: Sequence[Check], rows: Sequence[Comparison]) -> dict[str, Any]:
    """Return everything; `smallest_seen` is the smallest true change that a benchmark's documents show, by name."""
    return {
        "base": base,
        "passed": all(check.passed for check in checks),
        "checks": [asdict(check) for check in checks],
        "smallest_seen": {row.benchmark: rounded(row.smallest) for row in rows},
    }


def _rows(rows: Sequence[Comparison]) -> list[tuple[str, ...]]:
    mean = mean_change(rows)
    table: list[tuple[str, ...]] = [
        (
            row.benchmark,
            str(row.documents or "-"),
            _figure(row.old),
            _figure(row.new),
            _change(row),
            shown_p(row.adjusted),
            shown_smallest(row),
            row.verdict + (f" ({row.note})" if row.note else ""),
        )
        for row in rows
    ]
    if isinstance(mean["benchmarks"], int) and mean["benchmarks"] > 1:
        table.append((f"mean of {mean['benchmarks']}", "", _figure(mean["old"]), _figure(mean["new"]),
                      f"{mean['change']:+.3f}", "", "", ""))  # fmt: skip
    return table


def _with_states(
    rows: Sequence[Comparison], states: Mapping[str, Standing]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table, with a column of states if one is other than current."""
    cells = _rows(rows)
    if all(own.state is State.CURRENT for own in states.values()):
        return _HEAD, cells
    said = [str(states[row.benchmark]) if row.benchmark in states else "" for row in rows]
    return (_HEAD[0], "state", *_HEAD[1:]), [
        (own[0], state, *own[1:]) for own, state in zip(cells, [*said, ""], strict=False)
    ]


def _change(row: Comparison) -> str:
    if row.change is None:
        return "-"
    interval = "" if row.low is None or row.verdict == "same" else f" [{row.low:+.3f}, {row.high:+.3f}]"
    return f"{row.change:+.3f}{interval}"


def _check_rows(checks: Sequence[Check]) -> list[tuple[str, ...]]:
    return [
        ("ok" if check.passed else "FAIL", check.benchmark or "all", check.rule, check.found, check.allowed)
        for check in checks
    ]


def _groups(changes: Changes) -> list[tuple[str, list[str]]]:
    found = []
    for field in fields(changes):
        lines = [line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in getattr(changes, field.name)]
        more = [f"and {len(lines) - _LINES} more (--json has all)"] if len(lines) > _LINES else []
        if lines:
            found.append((field.name, [*lines[:_LINES], *more]))
    return found


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#@~])", r"\\\1", " ".join(text.split()))


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"
