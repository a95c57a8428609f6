"""JSON as models write it, held against what wrote it: Python's own repr, and escapes and constants worked by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.prompting.loose_json import ESCAPE, RAW_CONTROL, SYNTAX, TRAILING_COMMA, UNCLOSED
from diziner.prompting.pieces import pieces

# What Python writes with an \x or \U is left to the cases below: inside double quotes models mean other things by it.
texts = st.text(alphabet="ab é€—'\"\\\n\t\r{}[],:#/", max_size=12)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def with_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(with_tuples(part) for part in value)
    return {key: with_tuples(part) for key, part in value.items()} if isinstance(value, dict) else value


@given(values)
def test_what_python_writes_is_read_as_python_means_it(value: Any) -> None:
    for written in ({"answer": value}, {"answer": with_tuples(value)}):
        [piece] = pieces(f"It is {written!r}, I think.")
        assert (piece.fault, piece.value) == ("", {"answer": value})


@given(values)
def test_what_json_writes_is_read_without_a_repair(value: Any) -> None:
    for indent in (None, 2):
        text = json.dumps({"answer": value}, indent=indent)
        [piece] = pieces(f"Look [there]: {text} {{so}}")
        assert (piece.value, piece.repairs, piece.fault) == ({"answer": value}, (), "")
        assert (piece.start, piece.end) == (14, 14 + len(text))


@pytest.mark.parametrize(
    ("text", "value", "repairs"),
    [
        (r"{'a': 'caf\xe9'}", "café", {SYNTAX}),
        (r"{'a': '\x4'}", r"\x4", {SYNTAX, ESCAPE}),
        (r"{'a': '\xe9a'}", "éa", {SYNTAX}),
        (r'{"a": "caf\xe9"}', r"caf\xe9", {ESCAPE}),
        (r"{'a': 'caf\u00e9'}", "café", {SYNTAX}),
        (r"{'a': 'it\'s'}", "it's", {SYNTAX}),
        (r'{"a": "it\'s"}', "it's", {ESCAPE}),
        (r'{"a": "\alpha_\beta \$5 \_ \-"}', "\\alpha_\beta $5 _ -", {ESCAPE}),
        (r'{"a": "C:\\dir \"x\" \/ \\d"}', 'C:\\dir "x" / \\d', set[str]()),
        ("{'a': 'say \"no\"'}", 'say "no"', {SYNTAX}),
        (r"""{'a': 'say \"no\"'}""", 'say "no"', {SYNTAX}),
        (r"""{'a': '\\"'}""", '\\"', {SYNTAX}),
        ('{“a”: “say "no"”}', 'say "no"', {SYNTAX}),
        ('{"a": "two\nlines\tand\x1b"}', "two\nlines\tand\x1b", {RAW_CONTROL}),
        ("{'a': true}", True, {SYNTAX}),
        ("{'a': [True, False, None, undefined, null]}", [True, False, None, None, None], {SYNTAX}),
        ("{a: [-1.5e+3, 0, -2, 1E2, NaN, -Infinity]}", [-1500.0, 0, -2, 100.0, None, None], {SYNTAX}),
        ("{'a': [1, /* two */ 3] // four\n}", [1, 3], {SYNTAX}),
        ("{'a': # all of them\n ('x', ('y',), [])}", ["x", ["y"], []], {SYNTAX, TRAILING_COMMA}),
        ('{"a": [1, 2,],}', [1, 2], {TRAILING_COMMA}),
        ('{"a": [1, 2]', [1, 2], {UNCLOSED}),
        ('{"a": {"b": "c"}', {"b": "c"}, {UNCLOSED}),
    ],
)
def test_a_repair_changes_no_value(text: str, value: Any, repairs: set[str]) -> None:
    [piece] = pieces(text)
    assert (piece.value, piece.fault) == ({"a": value}, "")
    assert set(piece.repairs) == repairs
    assert (piece.start, piece.end) == (0, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "{'a': yes}",
        "{'a': 1.2.3}",
        "{'a': [1, two]}",
        "{'a': [1)}",
        '{"a": [1, 2',
        '{"a": "b',
        '{"a": 1',  # 12, perhaps
        "{'a': [,]}",
        '{"a": [1,,]}',
        '{"a":,}',
        '{"a": ...}',
        "{'a': <text>}",
    ],
)
def test_what_cannot_be_told_is_a_fault_and_not_a_guess(text: str) -> None:
    [piece] = pieces(text)
    assert (piece.fault != "", piece.value) == (True, None)
    assert piece.elided == any(mark in text for mark in ("...", "<"))


def test_a_fault_says_where() -> None:
    [piece] = pieces('{"a": [\n  {"b": 1,\n   "c": two}\n]}')
    assert piece.fault == 'it is not JSON: Expecting value at line 3, column 9, near \'b": 1, "c": two} ]}\''
    [piece] = pieces('{"a": two, "b": "twenty characters more"}')
    assert piece.fault.endswith(' at line 1, column 7, near \'{"a": two, "b": "twen\'')
    [piece] = pieces('\n{"a": two, "b": "twenty"}')
    assert " at line 2, column 7, " in piece.fault
    [piece] = pieces("[{'a': [1, 2")
    assert piece.fault.startswith(
        "it is not JSON: Expecting property name enclosed in double quotes at line 1, column 3"
    )
    [piece] = pieces('{"a": [1, 2')
    assert piece.fault == "it is not JSON: Expecting ',' delimiter at its end"


def test_what_does_not_end_goes_on_to_the_next_paragraph_and_no_fence_is_crossed() -> None:
    again = '{"a": [1]}'
    for broken, rest in (
        ('{"a": [1, 2', f"\n\n{again}"),
        ("{'a': [1, 2", f"\n \n{again}"),
        ("{'a': [1, 2", f"\n```\nor\n```\n{again}"),
        ("{'a': [1, 2\n", f"  ```\n{again}"),
    ):
        first, second = pieces(broken + rest)
        assert (first.start, first.end, first.fault != "") == (0, len(broken.rstrip()), True)
        assert (second.value, second.end) == ({"a": [1]}, len(broken + rest))
    # Three backquotes within a line end no block.
    [piece] = pieces("{'a': ['``` b',\n 'c ```']}")
    assert piece.value == {"a": ["``` b", "c ```"]}


def test_an_object_in_plain_quotes_or_brackets_is_found() -> None:
    for around in ('"{}"', "({})", '"[{}]', "[see {}]", '""{}', "[]{}"):
        text = around.replace("{}", '{"a": [1]}')
        assert {"a": [1]} in [piece.value for piece in pieces(text)] or pieces(text)[-1].value == [{"a": [1]}], text


def test_a_long_answer_is_looked_through_to_its_end() -> None:
    text = f"{'word ' * 60_000}\n{{'note': as said}}\n[{'x' * 10}]\n" + '{"a": [1]}'
    first, last = pieces(text)
    assert (first.fault != "", last.value) == (True, {"a": [1]})
