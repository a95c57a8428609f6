"""Characters that nobody sees in what people write: refused where a name, a path or a description is meant.

Such a text breaks far from where it stands: a NUL in a path, half a character in a request, a line break in a message.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from diziner.common.errors import UserError

# Control characters, halves of characters, line separators and what turns the direction of text.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def refuse_unseen(value: object, where: str, but: Collection[str] = ()) -> None:
    """Refuse data in which a text or a key holds a character that nobody sees, or a key is no text. What stands under a
    key of the names `but` is left alone: there any text may be meant.

    Errors: UserError naming `where`, the key and what is there.

    >>> refuse_unseen({"a": [{"model": "x\\0y"}]}, "params.yaml")
    Traceback (most recent call last):
    diziner.common.errors.UserError: params.yaml: a[0].model: 'x\\x00y' holds '\\x00', which nobody sees; leave it out
    >>> refuse_unseen({"stop": ["\\n"]}, "params.yaml", but=["stop"])
    """
    if told := _told(value, but, ""):
        raise UserError(f"{where}: {told}")


def _told(value: object, but: Collection[str], path: str) -> str | None:
    if isinstance(value, str):
        found = _UNSEEN.search(value)
        return f"{path}: {value[:100]!r} holds {found[0]!r}, which nobody sees; leave it out" if found else None
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"{path or 'top level'}: the key {str(key)[:100]} is no text; put it in quotes"
            if told := _told(key, (), f"{path or 'top level'}: a key"):
                return told
            if key not in but and (told := _told(item, but, f"{path}.{key}".removeprefix("."))):
                return told
    if isinstance(value, list):
        for number, item in enumerate(value):
            if told := _told(item, but, f"{path}[{number}]"):
                return told
    return None
