"""Rendering of comparisons, changes and checks: text for a terminal, Markdown for a pull request, and JSON."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import takewhile
from typing import Any

from diziner.common.freshness import Standing, State
from diziner.common.rounding import rounded
from diziner.common.tables import UNBOUNDED, Column, fitted_table, left_out_note, wrapped
from diziner.common.words import counted, listed
from diziner.compare.comparison import Comparison, mean_change, shown_p, shown_smallest
from diziner.compare.gates import Check
from diziner.compare.whatchanged import Changes

_HEAD = ("benchmark", "n", "old", "new", "change [95 %]", "p", "smallest seen", "verdict")
_IMPORTANCE = {"n": 5, "old": 3, "new": 2, "p": 4, "smallest seen": 6, "verdict": 1}  # of columns that may be left out
_CHECK_HEAD = ("", "benchmark", "rule", "found", "allowed")
_STATES = ("state", "summary")  # rules that say of figures what they are of
_FAILED = "FAIL"
_NAMED = 3  # benchmarks that a line names
_LINES = 20  # of one kind of change; JSON has all
_WIDTH = 160
_SAME = 20  # characters before the first that differs
_NOTE = (
    "Strict span F1 on n test documents. Change: paired bootstrap of documents, this benchmark alone. "
    "p: randomization test, after Holm's correction over the benchmarks that changed. "
    "Smallest seen: the true change that these n documents show with probability 0.8 (*: by the old run's spread "
    "alone, since too few documents differ)."
)


def comparison_text(
    old: str,
    new: str,
    rows: Sequence[Comparison],
    changes: Changes,
    states: Mapping[str, Standing] | None = None,
    told: Sequence[str] = (),
    width: int = UNBOUNDED,
) -> str:
    """Render for a terminal of that width. `states` are those of benchmarks in the new run, where it is known; `told`
    are lines about them."""
    parts = [f"{old} -> {new}\n"]
    if rows:
        head, cells = _with_states(rows, {name: str(own.state.value) for name, own in (states or {}).items()})
        text, left_out = fitted_table(_columns(head, cells), width)
        parts += [text, wrapped([*told, _NOTE, *left_out_note(left_out, width)], width)]
    else:
        parts += ["no metrics in either\n", wrapped(told, width)]
    for title, lines in _groups(changes):
        broken = [part for line in lines for part in textwrap.wrap(line, max(20, width - 2), subsequent_indent="    ")]
        parts.append(f"\n{title}\n" + "".join(f"  {part}\n" for part in broken))
    return "".join(parts)


def comparison_markdown(
    old: str, new: str, rows: Sequence[Comparison], changes: Changes, states: Mapping[str, Standing] | None = None
) -> str:
    """Render for a pull request, `states` as in `comparison_text`.

    What people and models wrote is fenced: it can neither format, link nor mention.
    """
    parts = [f"### Scores: {_cell(old)} → {_cell(new)}\n\n"]
    head, cells = _with_states(rows, {name: str(own) for name, own in (states or {}).items()})
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


def checks_text(
    base: str,
    checks: Sequence[Check],
    summary: str,
    notes: Sequence[str] = (),
    width: int = UNBOUNDED,
    everything: bool = False,
) -> str:
    """Render for a terminal of that width: what failed, what is to be known of states, and the rest as counts, or, with
    `everything`, whole."""
    rows, rest = (_check_rows(checks), "") if everything else _telling(checks)
    text = _check_table(rows, width) if rows else ""
    return f"gate against {base}\n{text}{wrapped([*filter(None, [rest]), *notes, summary], width)}"


def checks_markdown(
    base: str, checks: Sequence[Check], summary: str, notes: Sequence[str] = (), everything: bool = False
) -> str:
    """Render for a pull request, as `checks_text`; the rest is there folded up."""
    rows, rest = (_check_rows(checks), "") if everything else _telling(checks)
    table = _markdown_table(_CHECK_HEAD, rows) if rows else ""
    if rest:
        shown = _markdown_table(_CHECK_HEAD, _check_rows([check for check in checks if _is_plain(check)]))
        table += f"\n<details><summary>{rest}</summary>\n\n{shown}\n</details>\n"
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
    rows: Sequence[Comparison], states: Mapping[str, str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table, with a column of states if one is other than current."""
    cells = _rows(rows)
    if {*states.values()} <= {State.CURRENT.value}:
        return _HEAD, cells
    said = [states.get(row.benchmark, "") for row in rows]
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
        ("ok" if check.passed else _FAILED, check.benchmark or "all", check.rule, check.found, check.allowed)
        for check in checks
    ]


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return the columns of a comparison; that of changes has short cells, without intervals."""
    columns = []
    for place, name in enumerate(head):
        cells = tuple(row[place] for row in rows)
        short = tuple(cell.partition(" [")[0] for cell in cells) if name.startswith("change") else ()
        columns.append(Column(name, cells, _IMPORTANCE.get(name, 0), short))
    return columns


def _is_plain(check: Check) -> bool:
    """Say whether a check needs no line of its own: it passed, and does not speak of a state."""
    return check.passed and check.rule not in _STATES


def _telling(checks: Sequence[Check]) -> tuple[list[tuple[str, ...]], str]:
    """Return the rows of checks that need a line, those that failed first and like ones together, and a line that
    counts the others."""
    alike: dict[tuple[str, str, str, str], list[str]] = {}
    for sign, name, *what in sorted(
        _check_rows([check for check in checks if not _is_plain(check)]), key=_failed_first
    ):
        alike.setdefault((sign, what[0], what[1], what[2]), []).append(name)
    rows = [(sign, listed(names, _NAMED), *what) for (sign, *what), names in alike.items()]
    plain = Counter(check.rule for check in checks if _is_plain(check))
    counts = ", ".join(f"{count} {rule}" for rule, count in plain.items())
    return rows, f"{counted(plain.total(), 'check')} passed: {counts}" if plain else ""


def _failed_first(row: Sequence[str]) -> bool:
    return row[0] != _FAILED


def _check_table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Return the rows as a table, or each as a paragraph where that is too wide."""
    columns = [Column(head, tuple(row[place] for row in rows)) for place, head in enumerate(_CHECK_HEAD)]
    columns[-1] = replace(columns[-1], importance=1)
    text, _ = fitted_table(columns, width)
    if text.startswith(columns[0].head.ljust(max(map(len, columns[0].cells)) + 2) + columns[1].head):
        return text
    lines = []
    for passed, name, rule, found, allowed in rows:
        lines.append(f"{passed:<4}  {name}  {rule}")
        lines += textwrap.wrap(
            f"{found} (allowed: {allowed})", max(20, width), initial_indent=" " * 6, subsequent_indent=" " * 6
        )
    return "".join(f"{line}\n" for line in lines)


def _groups(changes: Changes) -> list[tuple[str, list[str]]]:
    found = []
    for field in fields(changes):
        lines = [_shortened(line) for line in getattr(changes, field.name)]
        more = [f"and {len(lines) - _LINES} more (--json has all)"] if len(lines) > _LINES else []
        if lines:
            found.append((field.name, [*lines[:_LINES], *more]))
    return found


def _shortened(line: str) -> str:
    """Return a change on one line; of two long texts, the places where they begin to differ."""
    head, arrow, after = line.partition('" -> "')
    key, quote, before = head.partition(': "')
    if len(line) > _WIDTH and line.startswith("~ ") and arrow and quote:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
        known = max(0, sum(1 for _ in same) - _SAME)
        texts = [f"…{text[known:]}" if known else text for text in (before, after.removesuffix('"'))]
        room = max(2 * _SAME, _WIDTH - len(key) - len(quote) - len(arrow) - 1)
        half = max(room // 2, room - min(map(len, texts)))
        line = f'{key}: "{arrow.join(text if len(text) <= half else f"{text[: half - 1]}…" for text in texts)}"'
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


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
