"""Bracket notation: round trips, escapes, and errors that say where and what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.spans.brackets import parse_brackets, render_brackets
from diziner.spans.overlaps import resolve_overlaps

# Few characters, most of them syntax, so that escapes meet brackets often; one is non-ASCII whitespace.
TEXT = st.text(st.sampled_from("[]|\\ab.\u00a0é"), min_size=1, max_size=6)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    tokens = tuple(draw(st.lists(TEXT, max_size=8)))
    spans = []
    if tokens:
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.integers(0, len(tokens) - 1))
            spans.append(Span(start, draw(st.integers(start + 1, len(tokens))), draw(TEXT)))
    return tokens, resolve_overlaps(spans, ())[0]


@given(sentences())
def test_parsing_inverts_rendering(sentence: tuple[tuple[str, ...], tuple[Span, ...]]) -> None:
    tokens, spans = sentence
    line = render_brackets(tokens, reversed(spans))
    assert parse_brackets(line) == (tokens, spans)
    assert render_brackets(*parse_brackets(line)) == line


@given(st.text(st.sampled_from("[]|\\aB \t"), max_size=12))
def test_any_line_is_read_or_refused_in_one_line(line: str) -> None:
    try:
        tokens, spans = parse_brackets(line)
    except UserError as error:
        assert "\n" not in str(error)
        assert "column" in str(error)
    else:
        assert parse_brackets(render_brackets(tokens, spans)) == (tokens, spans)


def test_example() -> None:
    tokens = ("Angela", "Merkel", "visited", "Paris", ".")
    spans = (Span(0, 2, "PER"), Span(3, 4, "LOC"))
    line = "[Angela Merkel|PER] visited [Paris|LOC] ."
    assert parse_brackets(line) == (tokens, spans)
    assert render_brackets(tokens, spans) == line


@pytest.mark.parametrize("line", ["", "  ", "\t\n"])
def test_blank_lines_have_nothing(line: str) -> None:
    assert parse_brackets(line) == ((), ())


def test_runs_of_ascii_whitespace_separate_tokens_and_other_whitespace_does_not() -> None:
    assert parse_brackets(" a \t [b  c|X]\n") == (("a", "b", "c"), (Span(1, 3, "X"),))
    assert parse_brackets("10\u00a0000") == (("10\u00a0000",), ())


def test_escapes() -> None:
    assert parse_brackets(r"\[1\] [a\|b|T\]] \\") == (("[1]", "a|b", "\\"), (Span(1, 2, "T]"),))


@pytest.mark.parametrize(
    ("line", "column", "what"),
    [
        ("a [b", 3, "never closed"),
        ("[a|X", 1, "never closed"),
        ("a]", 2, "without '['"),
        ("a [b]", 5, "without a type"),
        ("[a|]", 4, "without a type"),
        ("[]", 2, "empty span"),
        ("[|X]", 2, "empty span"),
        ("[ a|X]", 2, "touch the first"),
        ("[a |X]", 4, "touch the last"),
        ("[a [b|Y]|X]", 4, "nest"),
        ("[a|X Y]", 5, "whitespace inside a type"),
        ("[a|X|Y]", 5, "allowed once"),
        ("a|b", 2, "allowed once"),
        ("[U.S.|LOC]-based", 11, "end of a token"),
        ("non-[US|LOC]", 5, "start of a token"),
        ("[a|X][b|Y]", 6, "end of a token"),
        ("a\\n", 2, "must be followed"),
        ("a\\", 2, "must be followed"),
    ],
)
def test_errors_name_the_column_and_what_is_wrong(line: str, column: int, what: str) -> None:
    with pytest.raises(UserError) as error:
        parse_brackets(line)
    assert f"column {column}:" in str(error.value)
    assert what in str(error.value)


def test_an_error_shows_twenty_characters_before_its_place_and_as_many_from_it() -> None:
    with pytest.raises(UserError) as error:
        parse_brackets("0123456789" * 3 + "]" + "abcdefghij" * 3)
    assert str(error.value).endswith("(near '01234567890123456789]abcdefghijabcdefghi')")
    with pytest.raises(UserError) as error:
        parse_brackets("01]23")
    assert str(error.value).endswith("(near '01]23')")


@pytest.mark.parametrize(
    ("tokens", "spans"),
    [
        (["a b"], []),
        ([""], []),
        (["a"], [Span(0, 1, "")]),
        (["a"], [Span(0, 1, "X Y")]),
        (["a"], [Span(0, 2, "X")]),
        (["a"], [Span(0, 0, "X")]),
        (["a", "b"], [Span(0, 2, "X"), Span(1, 2, "Y")]),
    ],
)
def test_what_the_notation_cannot_hold_is_refused(tokens: list[str], spans: list[Span]) -> None:
    with pytest.raises(ValueError):
        render_brackets(tokens, spans)
