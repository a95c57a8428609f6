"""Changing single values of YAML files that people write: the value changes, and not a byte else."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import ROOT

from diziner.common.errors import UserError
from diziner.common.yamledit import with_item, with_value, without_item

FILES = [*sorted(ROOT.glob("diziner/profiles/*.yaml")), *sorted(ROOT.glob("data/*/guideline.yaml"))]
GUIDELINE = "# mine\nround: 0 # first\ninstructions: {common: [], specific: {}}\n"
CHOICE = {"conflict": "a_to_b", "decision": "It's b: not # a"}


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("a: 1 # one\nb: 2\n", ["a"], 3, "a: 3 # one\nb: 2\n"),
        ("a:\nb: 2\n", ["a"], "x", "a: x\nb: 2\n"),
        ("a: # why\n  - x # the x\n  # end\nb: 2\n", ["a"], ["y"], "a: # why\n  [y] # the x\n  # end\nb: 2\n"),
        ("a:\n- x\n- y\n# end\nb: 2\n", ["a"], [], "a: []\n# end\nb: 2\n"),
        ("a:\n  b: 1\n\n# on c\nc: 3\n", ["a", "new"], None, "a:\n  b: 1\n  new: null\n\n# on c\nc: 3\n"),
        ("a: {b: 'x'} # why", ["a", "c"], True, "a: {b: 'x', c: true} # why"),
        ("a: >\n  folded\n  text\n\nb: 2\n", ["a"], "x: y", "a: 'x: y'\n\nb: 2\n"),
        ("a: [1, 2]\n", ["a", 1], "é", "a: [1, é]\n"),
        # What DVC would write back without its quotes, and not read again, stands on lines of its own.
        (
            "a:\n  b: 1 # one\nc: 2\n",
            ["a", "d"],
            {"m": "x:8b", "l": [1]},
            "a:\n  b: 1 # one\n  d:\n    m: x:8b\n    l:\n    - 1\nc: 2\n",
        ),
        ("a:\n  b: {m: 1}\n", ["a", "b"], {"m": "http://h/v1"}, "a:\n  b:\n    m: http://h/v1\n"),
        ("a:\n  b: 1\n", ["a", "d"], [{"b": 1}], "a:\n  b: 1\n  d:\n    - {b: 1}\n"),
        ("a: [{b: 1}]\n", ["a"], [{"b": 1}, {"b": 2}], "a:\n  - {b: 1}\n  - {b: 2}\n"),
    ],
)
def test_one_value_changes(text: str, path: list[str | int], value: Any, expected: str) -> None:
    assert with_value(text, path, value) == expected


def places(value: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*way, key), *places(item, (*way, key)))]


scalars = st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=12) | st.sampled_from("éß«»😀")
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(string.ascii_letters, min_size=1), scalars)


@settings(max_examples=50)
@given(st.data())
def test_any_value_of_any_file_of_ours_changes_alone(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(FILES)).read_text()
    path = data.draw(st.sampled_from(places(yaml.safe_load(text))))
    value = data.draw(values)
    after = with_value(text, list(path), value)
    expected = yaml.safe_load(text)
    place = expected
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert yaml.safe_load(after) == expected
    # What stands before and behind the place is as it was: all comments but those inside the value are there.
    marks = sorted(line.partition("#")[2] for line in text.splitlines() if line.startswith("#"))
    assert [mark for mark in marks if mark not in after] == []


@pytest.mark.parametrize(
    "text",
    [
        GUIDELINE,
        GUIDELINE.rstrip(),
        f"{GUIDELINE}choices: []\n# end\n",
        f"{GUIDELINE}choices: # none yet\n# end\n",
        f"{GUIDELINE}choices: [{{conflict: x, decision: y}}] # one\nleft_out: [a]\n",
        f"{GUIDELINE}choices:\n  # why\n  - conflict: x # c\n    decision: y\n  # end\n\nleft_out: [a]\n",
        f"{GUIDELINE}choices:\n- decision: |\n    y\n    z\n  conflict: x\nleft_out: [a]\n",
    ],
)
def test_an_item_is_added_in_any_style_and_nothing_else_changes(text: str) -> None:
    after = with_item(with_item(text, "choices", CHOICE), "choices", {"conflict": "c", "decision": "d"})
    before = yaml.safe_load(text)
    assert yaml.safe_load(after) == {
        **before,
        "choices": [*(before.get("choices") or ()), CHOICE, {"conflict": "c", "decision": "d"}],
    }
    for line in text.splitlines():
        if not line.startswith("choices:"):
            assert line in after.splitlines()
    for comment in ("# mine", "# first", "# end", "# none yet", "# one", "# why", "# c"):
        assert (comment in after) == (comment in text)


BLOCK = """\
# mine
choices: # ours
  # of a
  - conflict: a # - no item
    decision: >
      long - and
      folded
  -
    conflict: b
    decision: x # why

  - {conflict: c, decision: y}
  # the end
round: 0
"""


def test_an_item_goes_with_its_own_lines_and_nothing_else() -> None:
    first = without_item(BLOCK, "choices", 0)
    start, end = BLOCK.index("  - conflict: a"), BLOCK.index("  -\n")
    assert first == BLOCK[:start] + BLOCK[end:]
    second = without_item(BLOCK, "choices", 1)
    assert second == BLOCK[:end] + BLOCK[BLOCK.index("\n  - {") :]
    assert without_item(first, "choices", 1) == first.replace("  - {conflict: c, decision: y}\n", "")
    flow = "choices: [{a: 1}, {a: 2} , {a: 3}] # e\nb: 2\n"
    assert without_item(flow, "choices", 0) == "choices: [{a: 2} , {a: 3}] # e\nb: 2\n"
    assert without_item(flow, "choices", 2) == "choices: [{a: 1}, {a: 2}] # e\nb: 2\n"
    with pytest.raises(UserError, match=r"^choices\.3: there is no 3$"):
        without_item(flow, "choices", 3)


@settings(max_examples=50)
@given(
    st.sampled_from(FILES[-18:]), st.lists(st.text(string.printable, min_size=1, max_size=20), min_size=1, max_size=3)
)
def test_an_item_that_was_added_and_goes_again_leaves_the_same_bytes(path: Path, texts: list[str]) -> None:
    steps = [path.read_text()]
    for text in texts:
        steps.append(with_item(steps[-1], "choices", {"conflict": text, "decision": text}))
    for before, after in zip(reversed(steps[:-1]), reversed(steps), strict=False):
        assert without_item(after, "choices", len(yaml.safe_load(after)["choices"]) - 1) == before


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: {b: 1}\n", ["x", "b"], "x.b: there is no 'x'"),
        ("a: {b: 1}\n", ["a", "b", "c"], "a.b.c: there is no place for 'c'"),
        ("a: [1]\n", ["a", 4], "a.4: there is no place for 4"),
        ("a: &one {b: 1}\nc: *one\n", ["c", "b"], "c.b: cannot be changed in a file written like this"),
        ("a: &one {b: 1}\nc: {<<: *one}\n", ["c", "b"], "c.b: cannot be changed in a file written like this"),
    ],
)
def test_what_cannot_be_changed_is_refused_and_not_guessed(text: str, path: list[str | int], expected: str) -> None:
    with pytest.raises(UserError, match=f"^{expected}"):
        with_value(text, path, 2)
