"""Characters that nobody sees in what people write: refused where a name, a path or a description is meant.

Such a text breaks far from where it stands: a NUL in a path, half a character in a request, a line break in a message.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from diziner.common.errors import UserError

# Control characters, halves of characters, line separators and what turns the direction of text.
_HALF = re.compile(r"[\ud800-\udfff]")
_NOTHING = re.compile(r"(?!)")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def refuse_unseen(value: object, where: str, but: Collection[str] = ()) -> None:
    """Refuse data in which a text or a key holds a character that nobody sees, or a key is no text. What stands under a
    key of the names `but` may be any text that can be written at all: no half of a character.

    Errors: UserError naming `where`, the key and what is there.

    >>> refuse_unseen({"a": [{"model": "x\\0y"}]}, "params.yaml")
    Traceback (most recent call last):
    diziner.common.errors.UserError: params.yaml: a[0].model: 'x\\x00y' holds '\\x00', which nobody sees; leave it out
    >>> refuse_unseen({"stop": ["\\n"]}, "params.yaml", but=["stop"])
    >>> refuse_unseen({"stop": ["\\ud800"]}, "params.yaml", but=["stop"])
    Traceback (most recent call last):
    diziner.common.errors.UserError: params.yaml: stop[0]: '\\ud800' holds '\\ud800', which nobody sees; leave it out
    """
    if told := _told(value, but, "", _UNSEEN):
        raise UserError(f"{where}: {told}")


def refuse_other_keys(value: object, where: str) -> None:
    """Refuse data in which a key is no text. Errors: UserError naming `where` and the key.

    >>> refuse_other_keys({"a": [{7: 1}]}, "a.yaml")
    Traceback (most recent call last):
    diziner.common.errors.UserError: a.yaml: a[0]: the key 7 is no text; put it in quotes
    """
    if told := _told(value, (), "", _NOTHING):
        raise UserError(f"{where}: {told}")


def _told(value: object, but: Collection[str], path: str, refused: re.Pattern[str]) -> str | None:
    if isinstance(value, str):
        found = refused.search(value)
        return f"{path}: {value[:100]!r} holds {found[0]!r}, which nobody sees; leave it out" if found else None
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"{path or 'top level'}: the key {str(key)[:100]} is no text; put it in quotes"
            own = _HALF if key in but else refused
            told = _told(key, but, f"{path or 'top level'}: a key", refused)
            told = told or _told(item, but, f"{path}.{key}".removeprefix("."), own)
            if told:
                return told
    if isinstance(value, list):
        for number, item in enumerate(value):
            if told := _told(item, but, f"{path}[{number}]", refused):
                return told
    return None
