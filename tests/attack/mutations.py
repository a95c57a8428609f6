"""Mutations of text files: what editors, merges, cut transfers and people do to YAML, JSON and JSON Lines."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Change = Callable[[bytes, random.Random], bytes]

# Scalars that two parsers of YAML read differently, that cannot be constructed, or that are huge.
SCALARS = {
    "2024-99-99": "2024-99-99",
    "a date": "2024-01-01",
    "a time": "2024-01-01 25:61:61",
    "0b_": "0b_",
    "0x": "0x",
    "int abc": "!!int 'abc'",
    "float x": "!!float x",
    "bool maybe": "!!bool maybe",
    "null x": "!!null x",
    "timestamp x": "!!timestamp x",
    "6000 digits": "9" * 6000,
    "-6000 digits": "-" + "9" * 6000,
    "NaN": ".nan",
    "infinity": "-.inf",
    "1e400": "1e400",
    "1e5": "1e5",
    "1.0": "1.0",
    "-1": "-1",
    "10**30": str(10**30),
    "0o17": "0o17",
    "017": "017",
    "1_000": "1_000",
    "1:30": "1:30",
    "yes": "yes",
    "null": "~",
    "empty text": "''",
    "surrogate": '"\\ud800"',
    "escape": '"\\e[2Jx"',
    "NUL escape": '"a\\0b"',
    "quote open": "'open",
    "double quote open": '"open',
    "bad escape": '"\\q"',
    "star": "*",
    "alias unknown": "*nobody",
    "at": "@x",
    "backtick": "`x`",
    "percent": "%x",
    "tag unknown": "!nobody x",
    "python tag": "!!python/object/apply:os.system ['touch attacked']",
    "binary": "!!binary x",
    "set": "!!set {a, b}",
    "omap": "!!omap [a: 1, a: 2]",
    "template": "{{ 7 * 7 }}",
    "a list": "[x, [y]]",
    "a mapping": "{x: y}",
    "brace open": "{a: b",
    "bracket open": "[a, b",
    "two colons": "a: b: c",
    "key question": "? a",
    "block": "|\n   a\n  b",
    "long": "x" * 200_000,
}
JSON_SCALARS = {
    "NaN": "NaN",
    "infinity": "-Infinity",
    "1e400": "1e400",
    "5000 digits": "9" * 5000,
    "1.0": "1.0",
    "-1": "-1",
    "10**30": str(10**30),
    "null": "null",
    "true": "true",
    "empty text": '""',
    "a list": '[[["x"]]]',
    "a mapping": '{"x": 1}',
    "surrogate": '"\\ud800"',
    "NUL escape": '"a\\u0000b"',
    "escape": '"\\u001b[2Jx"',
    "quote open": '"open',
    "word": "nobody",
    "100000 brackets": "[" * 100_000,
    "deep": "[" * 5000 + "]" * 5000,
    "long": f'"{"x" * 200_000}"',
    "another text": '"nobody"',
}


def put(text: bytes) -> Change:
    return lambda data, chance: text


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, max(2, len(data)))]


def inserted(piece: bytes) -> Change:
    def change(data: bytes, chance: random.Random) -> bytes:
        place = chance.randrange(len(data) + 1)
        return data[:place] + piece + data[place:]

    return change


def flipped(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def of_lines(change: Callable[[list[bytes], random.Random], object]) -> Change:
    def changed(data: bytes, chance: random.Random) -> bytes:
        held = data.splitlines(keepends=True)
        change(held, chance)
        return b"".join(held)

    return changed


def line_doubled(held: list[bytes], chance: random.Random) -> None:
    number = chance.randrange(len(held))
    held.insert(number, held[number])


def line_indented(held: list[bytes], chance: random.Random) -> None:
    number = chance.randrange(len(held))
    held[number] = b" " + held[number]


def line_tabbed(held: list[bytes], chance: random.Random) -> None:
    number = chance.randrange(len(held))
    held[number] = b"\t" + held[number].lstrip()


def lines_exchanged(held: list[bytes], chance: random.Random) -> None:
    one, other = chance.randrange(len(held)), chance.randrange(len(held))
    held[one], held[other] = held[other], held[one]


def lines_joined(held: list[bytes], chance: random.Random) -> None:
    number = chance.randrange(len(held))
    held[number] = held[number].rstrip(b"\r\n")


_KEY = re.compile(rb"^(\s*(?:- )?\"?)([A-Za-z_][\w.-]*)(\"?\s*:)", re.MULTILINE)


def key_renamed(data: bytes, chance: random.Random) -> bytes:
    return _at_one(_KEY, data, chance, lambda found: found[1] + found[2] + b"x" + found[3])


def key_a_number(data: bytes, chance: random.Random) -> bytes:
    return _at_one(_KEY, data, chance, lambda found: found[1].rstrip(b'"') + b"7" + found[3].lstrip(b'"'))


def key_unknown(data: bytes, chance: random.Random) -> bytes:
    return data.rstrip(b"\n") + b"\nno_such_key: 1\n"


def replaced(pattern: re.Pattern[bytes], text: str) -> Change:
    """Put a text in place of one value, the group of the pattern."""

    def value(found: re.Match[bytes]) -> bytes:
        start, end = found.start(1) - found.start(), found.end(1) - found.start()
        return found[0][:start] + text.encode() + found[0][end:]

    return lambda data, chance: _at_one(pattern, data, chance, value)


def _at_one(
    pattern: re.Pattern[bytes], data: bytes, chance: random.Random, change: Callable[[re.Match[bytes]], bytes]
) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return data + b"\x00"
    chosen = chance.choice(found)
    return data[: chosen.start()] + change(chosen) + data[chosen.end() :]


BYTES: dict[str, Change] = {
    "empty": put(b""),
    "a blank line": put(b"\n"),
    "a comment": put(b"# nothing\n"),
    "null": put(b"null\n"),
    "a list": put(b"[]\n"),
    "a mapping": put(b"{}\n"),
    "a word": put(b"hello\n"),
    "a number": put(b"3\n"),
    "random bytes": lambda data, chance: chance.randbytes(500),
    "zeros": put(bytes(4096)),
    "UTF-16": lambda data, chance: data.decode(errors="replace").encode("utf-16"),
    "byte order mark": lambda data, chance: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data, chance: data.replace(b"\n", b"\r\n"),
    "CR": lambda data, chance: data.replace(b"\n", b"\r"),
    "no last line break": lambda data, chance: data.rstrip(b"\n"),
    "cut": cut,
    "twice": lambda data, chance: data + data,
    "a bit": flipped,
    "NUL byte": inserted(b"\0"),
    "no UTF-8": inserted(b"\xff"),
    "a control character": inserted(b"\x07"),
    "line separator": inserted("\u2028".encode()),
    "a bracket": inserted(b"["),
    "a quote": inserted(b'"'),
    "a colon": inserted(b": "),
    "merge marks": inserted(b"\n<<<<<<< HEAD\n"),
    "line doubled": of_lines(line_doubled),
    "line gone": of_lines(lambda held, chance: held.pop(chance.randrange(len(held)))),
    "line indented": of_lines(line_indented),
    "line tabbed": of_lines(line_tabbed),
    "lines exchanged": of_lines(lines_exchanged),
    "lines joined": of_lines(lines_joined),
    "100000 brackets": put(b"[" * 100_000),
    "100000 braces": put(b'{"a":' * 100_000),
    "closed brackets": put(b"[" * 20_000 + b"]" * 20_000),
    "key renamed": key_renamed,
    "key a number": key_a_number,
}
_YAML_VALUE = re.compile(rb"^[ -]*[A-Za-z_][\w.-]*: +([^\s#&*|>].*?)$", re.MULTILINE)
YAML: dict[str, Change] = {
    **BYTES,
    "two documents": lambda data, chance: data + b"---\na: 1\n",
    "document end": lambda data, chance: data + b"...\n",
    "unknown key": key_unknown,
    "nested 5000": put(b"".join(b" " * depth + b"a:\n" for depth in range(5000))),
    "in itself": put(b"a: &a [*a]\n"),
    "a bomb": put(
        b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b"*a%d," % (n - 1) * 9) for n in range(1, 12))
    ),
    "merge of itself": put(b"a: &a\n  <<: *a\n"),
    "merge of a list": put(b"<<: [1, 2]\n"),
    "key a list": put(b"[a, b]: 1\n"),
    "a directive": lambda data, chance: b"%YAML 9.9\n---\n" + data,
    "an anchor": lambda data, chance: b"--- &a\n" + data,
    **{f"value {name}": replaced(_YAML_VALUE, text) for name, text in SCALARS.items()},
}
_JSON_VALUE = re.compile(rb"[:\[,]\s*(\"(?:[^\"\\]|\\.)*\"|-?\d[\d.eE+-]*|true|false|null)(?=\s*[,}\]])")
JSON: dict[str, Change] = {
    **BYTES,
    **{f"value {name}": replaced(_JSON_VALUE, text) for name, text in JSON_SCALARS.items()},
}
