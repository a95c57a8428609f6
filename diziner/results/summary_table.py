"""The summary for a terminal: one line a benchmark, as much of it as fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from diziner.common.tables import Column, fitted_table, left_out_note, wrapped
from diziner.results.correlation_report import QUESTION, correlation_columns, correlation_notes, headline
from diziner.results.paper_table import CLAIM_HEAD, Line, claim_rows, paper_columns, paper_notes
from diziner.results.paper_table import HEADING as PAPER_HEADING
from diziner.results.published import HEADING, published_columns, published_notes

_GAIN = 6  # its place among the columns
_NOISE = ", within noise"


def table(
    summary: Mapping[str, Any],
    width: int,
    others: Mapping[str, str] | None = None,
    states: Mapping[str, str] | None = None,
) -> str:
    """Return the table and what its columns mean; the mean has its own line, where there is more than one benchmark.

    `others` are annotators that are no language models, with what they are. `states` of rows, by benchmark, have a
    column, which is never left out.
    """
    rows = list(summary["benchmarks"])
    if not rows:
        return "no benchmark has been run\n"
    protocols = sorted({row["protocol"] for row in rows})
    shown, mean = rows, summary["mean"]
    cells = [_cells(row, protocols) for row in shown]
    if len(rows) > 1:
        cells.append(_mean(mean, summary["over"][0]["documents"], summary["usd"]))
    heads = (
        ("benchmark", 0),
        ("n", 3),
        ("rounds", 6),
        ("agreement", 2),
        ("chosen annotator", 4),
        (f"{protocols[0] if len(protocols) == 1 else 'F1'} [95 %]", 0),
        ("gain [95 %]", 1),
        ("cost", 5),
        ("failed", 7),
    )
    columns = [
        Column(head, tuple(row[number] for row in cells), importance) for number, (head, importance) in enumerate(heads)
    ]
    columns[_GAIN] = replace(columns[_GAIN], short=tuple(_short_gain(cell) for cell in columns[_GAIN].cells))
    if states:
        said = tuple(states.get(row["benchmark"], "") for row in rows)
        columns.insert(1, Column("state", (*said, "")[: len(cells)]))
    scored = (
        "F1 of the chosen annotator on n test documents, interval by document bootstrap. gain: over round 0's "
        "guideline on the same documents, paired."
    )
    if all(row["f1"] is None for row in rows):  # own texts: columns of dashes would push out figures that there are
        columns = [column for column in columns if not column.head.endswith("[95 %]")]
        scored = "No F1: there are no gold labels."
    text, left_out = fitted_table(columns, width)
    notes = [
        f"{scored} agreement: strict span F1 among annotators, first -> last round. "
        "cost: of the answers behind these figures.",
    ]
    chosen = {row["annotator"] for row in rows}
    notes += [f"{name}: {what}" for name, what in sorted((others or {}).items()) if name in chosen]
    notes += left_out_note(left_out, width)
    return text + wrapped(notes, width)


def published_table(benchmarks: Sequence[str], published: Mapping[str, Any], width: int) -> str:
    """Return published values of these benchmarks, under their own heading."""
    text, _ = fitted_table(published_columns(benchmarks, published), width)
    return f"\n{wrapped([HEADING], width)}\n{text}{wrapped(published_notes(benchmarks, published), width)}"


def paper_table(lines: Sequence[Line], published: Mapping[str, Any], width: int) -> str:
    """Return the paper's table with this project's figures in it, and its claims, worked out from the table."""
    text, left_out = fitted_table(paper_columns(lines), width)
    rows = claim_rows(lines, published)
    stated, _ = fitted_table(
        [Column(head, tuple(row[place] for row in rows), 0) for place, head in enumerate(CLAIM_HEAD)], width
    )
    notes = paper_notes(lines, published)
    notes += left_out_note(left_out, width)
    return f"{wrapped([PAPER_HEADING], width)}\n{text}\n{stated}\n{wrapped(notes, width)}"


def correlation_line(report: Mapping[str, Any], published: Mapping[str, Any] | None, width: int) -> str:
    """Return the answer to whether agreement predicts F1, wrapped."""
    return wrapped([headline(report, published)], width)


def correlation_table(report: Mapping[str, Any], published: Mapping[str, Any] | None, width: int) -> str:
    """Return correlations of agreement with F1 by benchmark, under their own heading."""
    text, left_out = fitted_table(correlation_columns(report, published), width)
    notes = correlation_notes(report, published)
    notes += left_out_note(left_out, width)
    return f"\n{wrapped([QUESTION], width)}\n{text}{wrapped(notes, width)}"


def _cells(row: Mapping[str, Any], protocols: Sequence[str]) -> tuple[str, ...]:
    interval = f" [{row['f1_low']:.3f}, {row['f1_high']:.3f}]" if row["f1_low"] is not None else ""
    protocol = f" {row['protocol']}" if len(protocols) > 1 else ""
    return (
        row["benchmark"],
        str(row["documents"]),
        str(row["rounds"]),
        f"{_figure(row['agreement_first'])} -> {_figure(row['agreement_last'])}",
        f"{row['annotator']}, round {row['round']}",
        f"{_figure(row['f1'])}{interval}{protocol}",
        _gain(row),
        _cost(row["usd"], row["tokens"]),
        f"{round(row['failed_share'] * row['documents'])} of {row['documents']}",
    )


def _mean(mean: Mapping[str, Any], documents: int, usd: float | None) -> tuple[str, ...]:
    gain = "-" if mean["gain"] is None else f"{mean['gain']:+.3f}"
    agreement = f"{_figure(mean['agreement_first'])} -> {_figure(mean['agreement_last'])}"
    return ("mean", str(documents), "", agreement, "", _figure(mean["f1"]), gain, _cost(usd, None), "")


def _gain(row: Mapping[str, Any]) -> str:
    if row["gain"] is None:
        return "-"
    if row["round"] == 0:
        return "round 0 chosen"
    noise = _NOISE if row["gain_low"] <= 0 <= row["gain_high"] else ""
    return f"{row['gain']:+.3f} [{row['gain_low']:+.3f}, {row['gain_high']:+.3f}]{noise}"


def _short_gain(cell: str) -> str:
    """Return a gain without its interval.

    >>> _short_gain("+0.012 [-0.020, +0.044], within noise"), _short_gain("round 0 chosen")
    ('+0.012, noise', 'round 0 chosen')
    """
    value, bracket, interval = cell.partition(" [")
    return f"{value}{', noise' if interval.endswith(_NOISE) else ''}" if bracket else cell


def _cost(usd: float | None, tokens: int | None) -> str:
    money = "-" if usd is None else f"${usd:.2f}"
    return money if tokens is None else f"{money}, {tokens / 1000:.0f}k tokens"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
