"""Charts of the benches as SVG, from their JSON: the same bytes on every machine.

Benches write charts into a file of figures (`--json docs/performance.json`, see `add_chart`); `python tests/derived.py`
makes an SVG of each in docs/performance/, and docs/performance.md, which says what they show.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

# Widths and heights in pixels; colours that differ in lightness too.
_WIDE, _HIGH, _LEFT, _TOP, _BELOW, _KEY = 720, 360, 70, 44, 48, 210
_COLOURS = ("#1b4f72", "#c0392b", "#1e8449", "#9a7d0a", "#6c3483", "#34495e", "#d35400")
_TEXT = 'font-family="sans-serif" font-size="12"'
_BAR = 26

HEAD = """# Performance

Made from docs/performance.json, into which benches write with `--json`; `make charts` measures and makes all of it.
{machine}
"""


def add_chart(path: Path, name: str, chart: Mapping[str, Any]) -> None:
    """Put a bench's chart into a file of figures, in place of an earlier one of that name.

    `kind` lines: `series` of `name` and `points` (x, y), both axes logarithmic, `x` and `y` say what they are. `kind`
    bars: `bars` of `name`, `value`, and `low` and `high` if it was measured several times, `unit` says of what.
    """
    known = _figures_in(path)
    known["charts"][name] = dict(chart)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def measured_before(path: Path, name: str, part: str) -> list[dict[str, Any]]:
    """Return the series or bars (`part`) of a chart as a file of figures has them; none where it has none."""
    return list(_figures_in(path)["charts"].get(name, {}).get(part, []))


def _figures_in(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"machine": "", "charts": {}}
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


def svg_of(chart: Mapping[str, Any]) -> str:
    """Return a chart as SVG."""
    return _lines(chart) if chart["kind"] == "lines" else _bars(chart)


def page_of(figures: Mapping[str, Any]) -> str:
    """Return the page: a section for each chart, with its figures as a table, which need no eyes for colours."""
    machine = figures["machine"] or "On which machine is in docs/LOG.md."
    text = HEAD.format(machine=machine)
    for name, chart in sorted(figures["charts"].items()):
        title, picture = chart["title"], f"performance/{name}.svg"
        text += f"\n## {title}\n\n{chart['says']}\n\n![{title}]({picture})\n\n{_table(chart)}"
    return text


def _table(chart: Mapping[str, Any]) -> str:
    if chart["kind"] == "lines":
        xs = sorted({x for own in chart["series"] for x, _ in own["points"]})
        rows = [[chart["x"], *(f"{x:,g}" for x in xs)]]
        for own in chart["series"]:
            points = dict(map(tuple, own["points"]))
            rows.append([own["name"], *(_short(points[x]) if x in points else "" for x in xs)])
    else:
        rows = [["", chart["unit"], "least to most"]]
        for bar in chart["bars"]:
            spread = f"{_short(bar['low'])} to {_short(bar['high'])}" if "low" in bar else ""
            rows.append([bar["name"], _short(bar["value"]), spread])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]) + "\n"


def _lines(chart: Mapping[str, Any]) -> str:
    points = [point for own in chart["series"] for point in own["points"]]
    x_low, x_high = _decades([x for x, _ in points])
    y_low, y_high = _decades([y for _, y in points])
    wide, high = _WIDE - _LEFT - _KEY, _HIGH - _TOP - _BELOW

    def place(x: float, y: float) -> str:
        right = _LEFT + wide * (math.log10(x) - x_low) / (x_high - x_low)
        below = _TOP + high * (1 - (math.log10(y) - y_low) / (y_high - y_low))
        return f"{right:.1f},{below:.1f}"

    parts = []
    for decade in range(x_low, x_high + 1):
        across = _LEFT + wide * (decade - x_low) / (x_high - x_low)
        parts.append(_line(across, _TOP, across, _TOP + high))
        parts.append(_word(across, _TOP + high + 16, _short(10.0**decade), "middle"))
    for decade in range(y_low, y_high + 1):
        down = _TOP + high * (1 - (decade - y_low) / (y_high - y_low))
        parts.append(_line(_LEFT, down, _LEFT + wide, down))
        parts.append(_word(_LEFT - 6, down + 4, _short(10.0**decade), "end"))
    for number, own in enumerate(chart["series"]):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(place(*point) for point in own["points"])
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in own["points"]:
            cx, cy = place(*point).split(",")
            parts.append(f'<circle cx="{cx}" cy="{cy}" r="3.5" fill="{colour}"/>')
        down = _TOP + 14 + 20 * number
        parts.append(f'<rect x="{_WIDE - _KEY + 14}" y="{down - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(_word(_WIDE - _KEY + 32, down, own["name"], "start"))
    parts.append(_word(_LEFT + wide / 2, _HIGH - 10, chart["x"], "middle"))
    parts.append(_word(_LEFT - 60, _TOP - 10, chart["y"], "start"))
    return _picture(chart["title"], _HIGH, parts)


def _bars(chart: Mapping[str, Any]) -> str:
    left, most = 250, max(bar.get("high", bar["value"]) for bar in chart["bars"])
    scale = (_WIDE - left - 90) / most if most else 0.0
    parts = []
    for number, bar in enumerate(chart["bars"]):
        down = _TOP + _BAR * number
        wide = bar["value"] * scale
        parts.append(_word(left - 8, down + 15, bar["name"], "end"))
        parts.append(
            f'<rect x="{left}" y="{down + 3}" width="{wide:.1f}" height="{_BAR - 10}" '
            f'fill="{_COLOURS[0] if number == 0 else "#aab7c4"}"/>'
        )
        end = wide
        if "low" in bar:
            low, end = bar["low"] * scale, max(wide, bar["high"] * scale)
            parts.append(_line(left + low, down + 11, left + bar["high"] * scale, down + 11, "#222"))
        parts.append(_word(left + end + 6, down + 15, _short(bar["value"]), "start"))
    high = _TOP + _BAR * len(chart["bars"]) + 30
    parts.append(_word(left, high - 10, chart["unit"], "start"))
    return _picture(chart["title"], high, parts)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _short(value: float) -> str:
    """Return a number with three digits that count.

    >>> [_short(value) for value in (1234567.0, 12.345, 0.01234, 0.0, 100.0)]
    ['1,230,000', '12.3', '0.0123', '0', '100']
    """
    if not value:
        return "0"
    places = 2 - math.floor(math.log10(abs(value)))
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "#d5d8dc") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _word(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {_TEXT}>{escape(text)}</text>'


def _picture(title: str, high: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{high}" viewBox="0 0 {_WIDE} {high}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
    )
    name = f'<text x="10" y="20" font-family="sans-serif" font-size="14" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head + name, *parts, "</svg>"]) + "\n"
