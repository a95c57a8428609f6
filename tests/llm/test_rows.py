"""Replies as rows: one shape, which comes back as it went in, and is refused in every other."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.llm.rows import (
    ANSWER,
    FAILED,
    REFUSAL,
    DamagedRowError,
    is_same_answer,
    rank,
    reply_from_json,
    reply_to_json,
    sane,
)
from diziner.prompting.request import Refusal, Response

REPLY = Response("text", "stop", "m", "f", 3, 4, 0.5, 2)
MOST = 10**12
counts = st.integers(0, MOST)
responses = st.builds(
    Response, st.text(), st.text(), st.text(), st.text(), counts, counts, st.none() | st.floats(0, 1e9), counts
)
refusals = st.builds(Refusal, st.text(), st.text(), st.integers())


@given(responses | refusals)
def test_a_reply_comes_back_as_it_went_in(reply: Response | Refusal) -> None:
    assert reply_from_json(reply_to_json(reply)) == reply == sane(reply)


def test_numbers_at_their_limits_are_rows() -> None:
    for reply in (
        Response("", "", "", "", MOST, MOST, 1e9, MOST),
        Response("", "", "", "", 0, 0, 0.0, 0),
        Response("", "", "", "", 1, 1, None, 1),
    ):
        assert reply_from_json(reply_to_json(reply)) == reply == sane(reply)
    whole: dict[str, Any] = reply_to_json(REPLY)
    whole["usage"]["cost_usd"] = 1  # a whole number is one, too, in rows that others wrote
    assert reply_from_json(whole) == Response("text", "stop", "m", "f", 3, 4, 1, 2)


NO_TEXT: list[Any] = [None, 1, [], True]
NO_COUNT: list[Any] = [-1, MOST + 1, 1.0, None, "1", True]
NO_COST: list[Any] = [-1e-9, 1e9 + 1, float("nan"), "1", True, []]
FIELDS = {
    "response": {"text": NO_TEXT, "finish_reason": NO_TEXT},
    "usage": {
        "prompt_tokens": NO_COUNT,
        "cached_tokens": NO_COUNT,
        "completion_tokens": NO_COUNT,
        "cost_usd": NO_COST,
    },
    "provenance": {"model": NO_TEXT, "fingerprint": NO_TEXT},
}


def damaged() -> Iterator[tuple[Any, str]]:
    """Every row with one thing wrong, and a word of what is said of it."""
    for part, names in FIELDS.items():
        for name, values in names.items():
            for value in values:
                row: Any = reply_to_json(REPLY)
                row[part][name] = value
                yield row, f"{name} must be "
            row = reply_to_json(REPLY)
            del row[part][name]
            yield row, f"{part} must have exactly "
            for other in FIELDS:  # as many fields as there should be, but one at the wrong place
                if other != part:
                    row = reply_to_json(REPLY)
                    row[other][name] = row[part].pop(name)
                    yield row, " must have exactly "
        row = reply_to_json(REPLY)
        row[part]["more"] = 1
        yield row, f"{part} must have exactly "
        row = reply_to_json(REPLY)
        row[part] = [1]
        yield row, f"{part} must have exactly "
        row = reply_to_json(REPLY)
        del row[part]
        yield row, "in place of provenance, response, usage, or of refusal alone"
        yield {**row, **reply_to_json(Refusal("c", "d", 400))}, "a refusal stands alone"
    yield {**reply_to_json(REPLY), "more": 1}, "has more, provenance, response, usage in place of"
    yield {**reply_to_json(REPLY), "a": 1, "b": 1, "c": 1, "d": 1}, "has a, b, c, d, provenance, response, usage in"
    for value in (None, [], "x", 1):
        yield value, "a reply must be an object"
    wrong: Any
    for wrong in ({}, [], {"code": "c", "detail": "d"}, {"code": "c", "detail": "d", "status": 1, "x": 1}):
        yield {"refusal": wrong}, "a refusal stands alone and has exactly code, detail and status"
    for wrong in ({"code": 1}, {"detail": None}, {"status": "400"}, {"status": True}, {"status": 4.0}):
        yield {"refusal": {"code": "c", "detail": "d", "status": 400, **wrong}}, "must be text, status a whole number"


@pytest.mark.parametrize(("row", "message"), [*damaged()])
def test_any_other_shape_is_refused(row: Any, message: str) -> None:
    before = copy.deepcopy(row)
    with pytest.raises(DamagedRowError, match=message):
        reply_from_json(row)
    assert str(row) == str(before)


def test_what_no_row_can_hold_is_left_out_and_the_answer_stays() -> None:
    odd: Any = Response("text", "stop", None, 5, -1, MOST + 1, float("nan"), True)  # type: ignore[arg-type]
    assert sane(odd) == Response("text", "stop", "", "", 0, 0, None, 0)
    refusal = Refusal("too_long", "d", 400)
    assert sane(refusal) is refusal


def test_ranks_and_sameness() -> None:
    assert [rank(Response("x", reason)) for reason in ("stop", "length", "refusal")] == [ANSWER, FAILED, REFUSAL]
    assert rank(Response(" ", "stop")) == FAILED and rank(Refusal("too_long", "", 400)) == REFUSAL
    assert ANSWER > REFUSAL > FAILED
    one = Response("x", "stop", fingerprint="here")
    assert is_same_answer(one, Response("x", "stop", fingerprint="there"))
    assert not is_same_answer(one, Response("y", "stop", fingerprint="here"))
    assert not is_same_answer(one, Refusal("c", "d", 400)) and not is_same_answer(Refusal("c", "d", 400), one)
    assert is_same_answer(Refusal("c", "d", 400), Refusal("c", "d", 400))
