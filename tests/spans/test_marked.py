"""Marked text: round trips, escapes, and errors that say where and what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.spans.marked import Mark, parse_marked, render_marked

TEXT = st.text("[]|\\aB é", min_size=1, max_size=6)


@st.composite
def phrases(draw: st.DrawFn) -> tuple[str, tuple[Mark, ...]]:
    text, marks = "", []
    for before, mention, kind in draw(st.lists(st.tuples(TEXT | st.just(""), TEXT, TEXT), max_size=4)):
        start = len(text) + len(before)
        text += before + mention
        if mention.strip() and kind.strip():
            marks.append(Mark(start, len(text), " ".join(kind.split())))
    return text + draw(TEXT | st.just("")), tuple(marks)


@given(phrases())
def test_parsing_inverts_rendering(phrase: tuple[str, tuple[Mark, ...]]) -> None:
    assert parse_marked(render_marked(*phrase)) == phrase


@given(st.text("[]|\\aB ", max_size=12))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        phrase = parse_marked(text)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert parse_marked(render_marked(*phrase)) == phrase


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", ("", ())),
        ("[Oslo|city]'s port", ("Oslo's port", (Mark(0, 4, "city"),))),
        (r"a \[b\] c\d [x\]|y\|z]", (r"a [b] c\d x]", (Mark(10, 12, "y|z"),))),
        ("in [New York|  geopolitical \t entity ]", ("in New York", (Mark(3, 11, "geopolitical entity"),))),
        ("[a|X][b|Y]", ("ab", (Mark(0, 1, "X"), Mark(1, 2, "Y")))),
    ],
)
def test_what_is_written_is_read(text: str, phrase: tuple[str, tuple[Mark, ...]]) -> None:
    assert parse_marked(text) == phrase


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("a [b", 3, "never closed"),
        ("[a|X] [b", 7, "never closed"),
        ("a [b|X", 3, "never closed"),
        ("a]", 2, "']' without '['"),
        ("[a|X] b]", 8, "']' without '['"),
        ("a [b]", 3, "without a type"),
        ("[a| ]", 1, "without a type"),
        ("ab [|X]", 4, "without text"),
        ("ab [ |X]", 4, "without text"),
        ("[a [b|Y]|X]", 4, "do not nest"),
        ("[a|X|Y]", 5, "stands once"),
        ("a|b", 2, "stands once"),
    ],
)
def test_errors_name_the_column_and_what_is_wrong(text: str, column: int, what: str) -> None:
    with pytest.raises(UserError) as error:
        parse_marked(text)
    assert str(error.value).startswith(f"column {column}: ")
    assert what in str(error.value)


def test_an_error_shows_twenty_characters_before_its_place_and_as_many_from_it() -> None:
    with pytest.raises(UserError) as error:
        parse_marked("0123456789" * 3 + "]" + "abcdefghij" * 3)
    assert str(error.value).endswith("(near '01234567890123456789]abcdefghijabcdefghi')")
    with pytest.raises(UserError) as error:
        parse_marked("01]23")
    assert str(error.value).endswith("(near '01]23')")
