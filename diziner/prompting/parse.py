"""From a model's text to a valid JSON object: think tags, fences, prose around, last valid object."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_THINK = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_UNOPENED_THINK = re.compile(r"\A.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_UNCLOSED_THINK = re.compile(r"<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
# More opening braces than any answer has; what lies behind them is a model that repeats itself.
_MOST_STARTS = 2000
_MOST_COMMAS = 200


class ParseError(Exception):
    """No object of the expected form in the text; the message tells the model what was wrong."""


def parse_object(text: str, validate: Callable[[Any], Any]) -> dict[str, Any]:
    """The last JSON object in `text` that `validate` accepts.

    `validate` raises ValueError with a reason (compiled JSON Schemas do). A text that is one such object is
    taken as it is; else reasoning between think tags is removed first. Objects inside an accepted object are
    not looked at. Strings are taken as they stand: nothing is guessed, a truncated object is no object.
    NaN and infinities, which JSON does not have, are read as null; half surrogate pairs as U+FFFD.

    Errors: ParseError with the reason of the last rejected object, or that there was none.
    """
    whole = _whole(text)
    if whole is not None and _reason(whole, validate) is None:
        return whole
    reason = "the answer holds no JSON object"
    accepted: dict[str, Any] | None = None
    visible = _without_reasoning(text)
    position = 0
    for _ in range(_MOST_STARTS):
        start = visible.find("{", position)
        if start < 0:
            break
        value, end = _object_at(visible, start)
        if value is None:
            position = start + 1
        elif (unfit := _reason(value, validate)) is not None:
            # An unfit object may hold a fit one: {"result": {"entities": [...]}}.
            reason, position = unfit, start + 1
        else:
            accepted, position = value, end
    if accepted is None:
        raise ParseError(reason)
    return accepted


def _reason(value: dict[str, Any], validate: Callable[[Any], Any]) -> str | None:
    try:
        validate(value)
    except ValueError as error:
        return str(error)
    return None


def _without_reasoning(text: str) -> str:
    text = _THINK.sub("", text)
    text = _UNOPENED_THINK.sub("", text)
    return _UNCLOSED_THINK.sub("", text)


_decoder = json.JSONDecoder(parse_constant=lambda _: None)


def _whole(text: str) -> dict[str, Any] | None:
    stripped = text.strip()
    if not stripped.startswith("{"):
        return None
    value, end = _object_at(stripped, 0)
    return value if end == len(stripped) else None


def _object_at(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """The object that starts there and where it ends; (None, start) if there is none."""
    for _ in range(_MOST_COMMAS):
        try:
            value, end = _decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            comma = _trailing_comma(text, error.pos)
            if comma is None:
                return None, start
            # The one repair made here: it changes no value. A blank in its place keeps all positions.
            text = f"{text[:comma]} {text[comma + 1 :]}"
        except (ValueError, RecursionError):
            # A number of more than 4300 digits; an object in an object in an object…
            return None, start
        else:
            return (_valid_unicode(value) if _HALF_PAIR.search(text, start, end) else value), end
    return None, start


def _trailing_comma(text: str, position: int) -> int | None:
    """Where the comma is that made reading stop at `position`, if it is one before a closing bracket."""
    before = len(text[:position].rstrip()) - 1
    for comma in (position, before):
        closes = text[comma + 1 : comma + 200].lstrip()[:1] in {"}", "]"}
        if text[comma : comma + 1] == "," and closes and text[:comma].rstrip()[-1:] not in {"[", "{", ",", ":"}:
            return comma
    return None


def _valid_unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_valid_unicode(key): _valid_unicode(part) for key, part in value.items()}
    return [_valid_unicode(part) for part in value] if isinstance(value, list) else value
