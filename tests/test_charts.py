"""Charts of the benches: well-formed whatever they are called, and where their figures say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from perf.charts import add_chart, page_of, svg_of

SVG = "{http://www.w3.org/2000/svg}"
NAME = 'a & <b> "c"'
LINES: dict[str, Any] = {
    "kind": "lines", "title": NAME, "says": "Growth.", "x": "times", "y": "seconds",
    "series": [{"name": NAME, "points": [[1, 0.01], [10, 0.1], [100, 1.0]]}],
}  # fmt: skip
BARS: dict[str, Any] = {
    "kind": "bars", "title": NAME, "says": "Costs.", "unit": "ms",
    "bars": [{"name": NAME, "value": 2.0, "low": 1.0, "high": 4.0}, {"name": "other", "value": 1.0}],
}  # fmt: skip


@pytest.mark.parametrize("chart", [LINES, BARS])
def test_a_chart_is_well_formed_and_alike_each_time(chart: dict[str, Any]) -> None:
    made = svg_of(chart)
    assert made == svg_of(json.loads(json.dumps(chart)))
    root = ElementTree.fromstring(made)
    assert root.get("aria-label") == NAME
    assert [text.text for text in root.iter(f"{SVG}text")].count(NAME) == 2  # the title and its series, or bar


def test_what_grows_tenfold_with_tenfold_is_a_straight_line_up() -> None:
    [line] = ElementTree.fromstring(svg_of(LINES)).iter(f"{SVG}polyline")
    points = [tuple(map(float, pair.split(","))) for pair in str(line.get("points")).split()]
    (x1, y1), (x2, y2), (x3, y3) = points
    assert x2 - x1 == pytest.approx(x3 - x2) and x2 > x1
    assert y1 - y2 == pytest.approx(y2 - y3) and y2 < y1


def test_bars_are_as_long_as_their_values() -> None:
    drawn = list(ElementTree.fromstring(svg_of(BARS)).iter(f"{SVG}rect"))[1:]
    first, other = (float(str(bar.get("width"))) for bar in drawn)
    assert first == pytest.approx(2 * other, abs=0.1)


def test_a_bench_replaces_its_own_chart_alone(tmp_path: Path) -> None:
    path = tmp_path / "docs/figures.json"
    add_chart(path, "growth", LINES)
    add_chart(path, "calls", BARS)
    add_chart(path, "growth", LINES | {"says": "Anew."})
    page = page_of(json.loads(path.read_text()))
    assert re.findall(r"performance/(\w+)\.svg", page) == ["calls", "growth"]
    assert "Anew." in page and "Growth." not in page
    assert "| ms | least to most |" in page and "| 2 | 1 to 4 |" in page
