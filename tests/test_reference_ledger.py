"""docs/reference.md: every point once, and every file, function, setting and test that it names is there."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest
from projects import ROOT

TEXT = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
POINTS = re.findall(r"^### (D\d+) [^\n]+\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE)
NAMED = sorted(set(re.findall(r"`((?:diziner|stages|tests)/[\w./-]+)(?:::(\w+))?`", TEXT)))
SECTIONS = set(json.loads((ROOT / "diziner/schemas/params.schema.json").read_text())["properties"])
SETTINGS = sorted(
    (section, name)
    for section, name in set(re.findall(r"`(\w+)\.(\w+)`", TEXT))
    if section in SECTIONS and name != "yaml"
)


@cache
def defined(path: str) -> frozenset[str]:
    """The functions and classes at the top of a module."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef))


def test_every_point_is_listed_once_in_order() -> None:
    assert [name for name, _ in POINTS] == [f"D{number}" for number in range(1, len(POINTS) + 1)]
    assert len(POINTS) >= 32 and f"the {len(POINTS)} points listed here, D1 to D{len(POINTS)}" in TEXT


@pytest.mark.parametrize(("name", "body"), POINTS, ids=[name for name, _ in POINTS])
def test_a_point_says_what_differs_where_and_which_test_shows_it(name: str, body: str) -> None:
    entries = [re.sub(r"\s+", " ", entry) for entry in re.split(r"^- ", body, flags=re.MULTILINE)[1:]]
    heads = [entry.split(":", 1)[0] for entry in entries]
    assert heads in (["Reference", "Here", "Shown by"], ["Reference", "Here", "Way back", "Shown by"])
    assert re.search("`(?:diziner|stages)/", entries[1])
    assert re.fullmatch(r"Shown by: `tests/[\w/]+\.py::test_\w+`(, `tests/[\w/]+\.py::test_\w+`)* ?", entries[-1])


@pytest.mark.parametrize(("path", "name"), NAMED, ids=["::".join(filter(None, named)) for named in NAMED])
def test_what_is_named_exists(path: str, name: str) -> None:
    assert (ROOT / path).exists()
    assert not name or name in defined(path)


def test_settings_that_are_named_exist() -> None:
    schema = json.loads((ROOT / "diziner/schemas/params.schema.json").read_text())
    assert ("disagreement", "legacy_zero_threshold") in SETTINGS
    assert not [f"{s}.{name}" for s, name in SETTINGS if name not in schema["properties"][s]["properties"]]


def test_numbers_in_the_code_are_points_of_the_list() -> None:
    known = {name for name, _ in POINTS}
    for path in (ROOT / "diziner").rglob("*.py"):
        # (D3), (method D2), (D12, D14): as comments name them.
        for found in re.findall(r"\((?:method )?(D\d+(?:, D\d+)*)\)", path.read_text(encoding="utf-8")):
            assert set(found.split(", ")) <= known, path
