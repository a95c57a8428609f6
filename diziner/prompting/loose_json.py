"""JSON as models write it: what stands at a position of a text, read strictly or else by repairs that change no value.

Repairs are a trailing comma, raw line breaks in strings, escapes that JSON does not have, the quotes, constants,
tuples, comments and bare keys of Python and JavaScript, and the last closing brace where that is all that is missing.
Nothing else is guessed: a list or a string that does not end is cut off, not an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from diziner.common.jsontext import LOOSE, JsonError

TRAILING_COMMA = "trailing_comma"
RAW_CONTROL = "raw_control"  # a line break, tab or other control character stands raw in a string
ESCAPE = "escape"  # a backslash stands before a character that JSON does not escape
SYNTAX = "syntax"  # quotes, constants, tuples, comments or bare keys of Python or JavaScript
UNCLOSED = "unclosed"  # the last closing brace is missing

_TOKEN = re.compile(
    r"""\s+
    | (?P<double>"[^"\\]*+(?:\\.[^"\\]*+)*+")
    | (?P<single>(?<![\w\\])'(?:[^'\\\n]|\\.){0,2000}+')
    | (?P<curly>“[^“”]*+”)
    | (?P<open>[{\[(]) | (?P<close>[}\])]) | (?P<between>[,:])
    | (?P<comment>//[^\n]*+ | /\*(?:[^*]|\*(?!/)){0,300}+\*/ | \#[^\n]*+)
    | (?P<key>[A-Za-z_$][\w$-]*+)(?=\s*+:)
    | (?P<word>-?[\w][\w.+-]*+)
    | (?P<elided>\.\.\.|…|<[^<>\n]{0,80}>)
    | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_LIKE_JSON = re.compile(r"""\{\s*(?:["'“}]|//|\w+\s*:)|\[\s*(?:[{\["'“(\]]|$)""")
_MOST_AT_ONCE = 3_000  # characters that are tried for trailing commas before anything else
_COMMA = re.compile(r",\s*[}\]]")
_COMMA_OR_STRING = re.compile(
    r'("[^"\\]*+(?:\\.[^"\\]*+)*+"(?!\s*+,\s*+[}\]]))|([^\s\[{,:]\s*+),(?=\s*+[}\]])', re.DOTALL
)
_CONSTANTS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}
_JSON_WORDS = {"true", "false", "null", "NaN", "Infinity", "-Infinity"}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ESCAPE_OR_QUOTE = re.compile(r'(\\.)|"', re.DOTALL)
_BACKSLASH = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_PAIRS = {"{": "}", "[": "]", "(": ")"}
_PARAGRAPH = re.compile(r"\n[ \t]*\n(?=[^\s\]},])")


@dataclass(frozen=True, slots=True)
class Piece:
    """Piece of a text from `start` to `end`: a value with the repairs that it took, or a fault.

    `elided` tells that it has dots or a <placeholder> for values, `walked` how many characters were gone through.
    """

    start: int
    end: int
    value: Any = None
    repairs: tuple[str, ...] = ()
    fault: str = ""
    elided: bool = False
    walked: int = 0


def piece_at(text: str, start: int, limit: Callable[[int], int]) -> Piece | None:
    """Return what stands there; None for something that does not look like JSON, such as a bracket in prose.

    Nothing that has to be repaired goes on behind the `limit` of its start: the end of a fenced block, further on.
    """
    if not _LIKE_JSON.match(text, start):
        return None
    try:
        value, end = LOOSE.raw_decode(text, start)
    except json.JSONDecodeError as error:
        fault = f"it is not JSON: {error.msg.removesuffix(' at')}{_near(text, error.pos)}"
    except RecursionError:
        fault = "its JSON is nested too deeply"
    except JsonError as error:
        fault = f"its JSON says two things: {error.reason}"
    except ValueError:
        fault = "its JSON has a number of too many digits"
    else:
        return Piece(start, end, value)
    return _loose(text, start, limit(start), fault)


def _near(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    shown = " ".join(text[max(0, position - 15) : position + 15].split())
    return f" at line {line}, column {column}, near {shown!r}" if position < len(text) else " at its end"


def _loose(text: str, start: int, limit: int, fault: str) -> Piece:
    """Read by repairs what was not read strictly because of `fault`."""
    if (piece := _without_commas(text, start, limit)) is not None:
        return piece
    repairs: set[str] = set()
    out: list[str] = []
    depth: list[str] = []
    unread = elided = False
    end = start
    for token in _tokens(text, start, limit):
        kind, part, end = token.lastgroup, token[0], token.end()
        if kind == "open":
            depth.append(part)
            out.append("{" if part == "{" else "[")
            repairs |= {SYNTAX} if part == "(" else set()
        elif kind == "close":
            unread |= not depth or _PAIRS[depth.pop()] != part
            if len(out) > 1 and out[-1] == "," and out[-2] not in {"[", "{", ",", ":"}:
                out.pop()
                repairs.add(TRAILING_COMMA)
            out.append("}" if part == "}" else "]")
            if not depth:
                break
        elif kind in {"between", "double", "single", "curly"}:
            out.append(part if kind == "between" else _string(part, kind, repairs))
        elif kind in {"comment", "key"}:
            repairs.add(SYNTAX)
            out += [json.dumps(part)] if kind == "key" else []
        elif kind == "word":
            known = part in _JSON_WORDS or _NUMBER.fullmatch(part)
            repairs |= set() if known else {SYNTAX}
            unread |= not known and part not in _CONSTANTS
            out.append(_CONSTANTS.get(part, part))
        elif part == '"':
            unread = True  # a string that does not end: what follows is inside of it
            break
        elif kind is not None:
            unread, elided = True, elided or kind == "elided"
    cut = bool(depth)
    if cut and not unread and depth == ["{"] and out[-1] in {"}", "]"}:
        out.append("}")
        repairs.add(UNCLOSED)
    elif cut:
        return _broken(text, start, limit, fault, elided, end - start)
    try:
        value = None if unread else LOOSE.decode(" ".join(out))
    except (ValueError, RecursionError):
        unread = True
    if unread:
        return Piece(start, end, fault=fault, elided=elided, walked=end - start)
    return Piece(start, end, value, tuple(sorted(repairs)), walked=end - start)


def _without_commas(text: str, start: int, limit: int) -> Piece | None:
    """Return what stands there if trailing commas are all that is wrong with it, which is often so."""
    limit = min(limit, start + _MOST_AT_ONCE)
    if not _COMMA.search(text, start, limit):
        return None
    plain = _COMMA_OR_STRING.sub(lambda found: found[1] or f"{found[2]} ", text[start:limit])
    try:
        value, end = LOOSE.raw_decode(plain)
    except (ValueError, RecursionError):
        return None
    return Piece(start, start + end, value, (TRAILING_COMMA,))


def _broken(text: str, start: int, limit: int, fault: str, elided: bool, walked: int) -> Piece:
    """Return the piece of what does not end: up to the next paragraph, where a model may have begun anew."""
    paragraph = _PARAGRAPH.search(text, start, limit)
    end = paragraph.start() if paragraph else limit
    return Piece(start, end, fault=fault, elided=elided, walked=walked)


def _tokens(text: str, start: int, limit: int) -> Iterator[re.Match[str]]:
    while start < limit and (token := _TOKEN.match(text, start, limit)):
        yield token
        start = token.end()


def _string(part: str, kind: str, repairs: set[str]) -> str:
    """Return a string token as a JSON string."""
    body = part[1:-1]
    if kind != "double":
        repairs.add(SYNTAX)
        body = (
            body.replace('"', '\\"') if kind == "curly" else _ESCAPE_OR_QUOTE.sub(lambda found: found[1] or '\\"', body)
        )
    if "\\" in body:
        body = _BACKSLASH.sub(lambda escape: _escape(escape[1], kind, repairs), body)
    if _CONTROL.search(body):
        repairs.add(RAW_CONTROL)
        body = _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", body)
    return f'"{body}"'


def _escape(escaped: str, kind: str, repairs: set[str]) -> str:
    if escaped[0] in '"\\/bfnrt' or len(escaped) == 5:
        return f"\\{escaped}"
    if kind == "single" and escaped[0] == "x" and len(escaped) == 3:
        return f"\\u00{escaped[1:]}"
    if kind != "single" or escaped != "'":
        repairs.add(ESCAPE)
    # \' \_ \$ are markup or habit and stand for the character; \alpha is a backslash and a word.
    return f"\\\\{escaped}" if escaped[0].isalnum() else escaped
