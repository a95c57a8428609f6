"""Values of keys: kept out of whatever is written, be it a file, the store, a log or a line of error.

A key is known by the environment variable that holds it. It is looked for as it is, and as base64, in an address or in
JSON. Values of fewer than 8 characters are words by chance, and not looked for.
"""

from __future__ import annotations

import base64
import json
import mmap
import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST = 8  # characters of a value that is looked for everywhere
IN_PLACE = "(key)"
_VARIABLES: set[str] = set()  # their names only: what they hold is read anew each time
_FEWEST_BASE64 = 8  # characters of base64 that are no accident


def keep_secret(variable: str) -> None:
    """Have the value of an environment variable kept out of whatever this process writes from now on."""
    _VARIABLES.add(variable)


def knows_keys() -> bool:
    """Return whether there is anything to look for."""
    return bool(_forms())


def masked(text: str) -> str:
    """Return the text with `(key)` in place of every key in it."""
    for form, _ in _forms():
        if form in text:
            text = text.replace(form, IN_PLACE)
    return text


def masked_message(text: str, key: str | None) -> str:
    """Return what a server said without keys, nor the one that it was sent; a short one goes where it is a word.

    >>> masked_message("no such key: abc; abcdef is none", "abc")
    'no such key: (key); abcdef is none'
    """
    text = masked(text)
    if not key:
        return text
    if len(key) >= SHORTEST:
        return text.replace(key, IN_PLACE)
    return re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", lambda _: IN_PLACE, text)


def key_in(text: str) -> str | None:
    """Return the name of the variable whose value is in the text; None if there is none."""
    return next((variable for form, variable in _forms() if form in text), None)


def key_in_file(path: Path) -> str | None:
    """Return the name of the variable whose value is in the file's bytes; None if there is none. Errors: OSError."""
    forms = _forms()
    if not forms or path.stat().st_size == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return next((variable for form, variable in forms if data.find(form.encode()) >= 0), None)


def _forms() -> tuple[tuple[str, str], ...]:
    """Return all that is looked for, longest first, each with the variable's name."""
    held = ((name, os.environ.get(name, "").strip()) for name in sorted(_VARIABLES))
    return _forms_of(tuple((name, value) for name, value in held if len(value) >= SHORTEST))


@lru_cache(maxsize=8)
def _forms_of(held: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    found = {form: name for name, value in held for form in _written(value)}
    return tuple(sorted(found.items(), key=lambda pair: (-len(pair[0]), pair)))


def _written(value: str) -> set[str]:
    """Return the ways in which a value may be written."""
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_addresses = {quote(value, safe=""), quote(value), quote_plus(value)}
    return {value} | in_json | in_addresses | _in_base64(value.encode())


def _in_base64(data: bytes) -> set[str]:
    """Return what base64 of any text with these bytes in it has in common: by where in a group of three they begin.

    >>> all(any(core in base64.b64encode(b"x" * n + b"password1!").decode() for core in _in_base64(b"password1!"))
    ...     for n in range(6))
    True
    """
    found = set()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        # The first and last characters share bits with what stands beside the value.
        core = whole[(0, 2, 3)[before] : len(whole) if (before + len(data)) % 3 == 0 else -1]
        if len(core) >= _FEWEST_BASE64:
            found |= {core, core.replace("+", "-").replace("/", "_")}
    return found
