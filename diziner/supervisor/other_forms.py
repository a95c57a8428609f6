"""Answers in another form than was asked for, where it is clear what they mean: of models that no schema holds.

Servers that do not hold a model to a schema pass on what it writes: keys that nobody asked for, null for an empty text,
an id as a number or in lower case, `All` for everyone. None of this is a fault of what the supervisor says, and a
repair turn would be spent on it. Only what is said is read: no text is added, and what names nothing still names
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from diziner.prompting.parse import Form, Reading

_NOTHING = frozenset({"", "none", "null", "n/a", "nothing", "-"})
_EVERYONE = frozenset({"all", "everyone", "everybody", "every annotator", "all annotators", "common"})
_MAY_LACK = frozenset({"string", "array"})


class SupervisorForm(Form):
    """Form of a phase's answer by its schema; what does not fit is read as it is meant, if it then fits."""

    def __init__(self, validate: Callable[[Any], Any], schema: Mapping[str, Any]) -> None:
        super().__init__(validate, schema["required"])
        self._schema = schema
        lists = [key for key in schema["required"] if schema["properties"][key].get("type") == "array"]
        self._anchors = set(lists or schema["required"][:1])

    def read(self, value: Any) -> Reading | None:
        """See Form. An object without any of the lists that were asked for is none."""
        if (reading := super().read(value)) is not None or not isinstance(value, dict):
            return reading
        if not {key.strip().casefold() for key in value} & self._anchors:
            return None
        return super().read(_object(value, self._schema, self._anchors))

    def other(self, value: Any) -> Reading | None:
        """See Form: the one list that was asked for, without its key."""
        if isinstance(value, list) and value and len(self.keys) == 1 and all(isinstance(v, dict) for v in value):
            return self.read({self.keys[0]: value})
        return None


def fitted(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value in the form of a schema, as far as it is clear what it means; else as it is.

    >>> item = {"type": "object", "properties": {"id": {"type": "string"}, "kind": {"enum": ["over_tagging"]}}}
    >>> fitted({"ID": 3, "kind": "Over-tagging", "sure": True}, {**item, "required": ["id", "kind"]})
    {'id': '3', 'kind': 'over_tagging'}
    """
    if isinstance(allowed := schema.get("enum"), list):
        return next((word for word in allowed if isinstance(value, str) and _plain(word) == _plain(value)), value)
    kind = schema.get("type")
    if kind == "object":
        return _object(value, schema)
    if kind == "array":
        items = [] if value is None else value if isinstance(value, list) else [value]
        return [fitted(item, schema["items"]) for item in items]
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().casefold(), value)
    if kind == "string" and (value is None or value == []):
        return ""
    if kind == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value


def with_known_names(value: Any, choices: Mapping[str, Sequence[str]]) -> Any:
    """Return an answer with ids and names as they were given, in the fields that may take these alone.

    >>> choices = {"addresses": ["P1", "P2"], "annotator": [""]}
    >>> with_known_names({"addresses": ["p1", "2", "P9"], "annotator": "All"}, choices)
    {'addresses': ['P1', 'P2', 'P9'], 'annotator': ''}
    """
    if isinstance(value, list):
        return [with_known_names(part, choices) for part in value]
    if not isinstance(value, dict):
        return value
    named = {}
    for key, part in value.items():
        if key not in choices:
            named[key] = with_known_names(part, choices)
        elif isinstance(part, list):
            named[key] = [_known(word, choices[key], key) for word in part]
        else:
            named[key] = _known(part, choices[key], key)
    return named


def _object(value: Any, schema: Mapping[str, Any], anchors: Collection[str] = ()) -> Any:
    """Return an object with its own keys alone, and empty texts and lists for those that it lacks.

    What it is about is not guessed: one of `anchors` has to be there, in an item of a list its first key (in an
    instruction the text: without an annotator it is for everyone).
    """
    properties, required = schema["properties"], schema.get("required", [])
    if isinstance(value, str) and required[:1] == ["text"]:  # an example that is its text alone
        value = {"text": value}
    if not isinstance(value, dict):
        return value
    given = {key.strip().casefold(): part for key, part in value.items()}
    found = {key: fitted(given[key], part) for key, part in properties.items() if key in given}
    if not found.keys() & set(anchors or (["text"] if required[:1] == ["annotator"] else required[:1])):
        return value
    empty = {key: _empty(properties[key]) for key in required if properties[key].get("type") in _MAY_LACK}
    return {**empty, **found}


def _empty(schema: Mapping[str, Any]) -> Any:
    return "" if schema["type"] == "string" else []


def _known(word: Any, allowed: Sequence[str], field: str) -> Any:
    if not isinstance(word, str) or word in allowed:
        return word
    plain = word.strip().casefold()
    if "" in allowed and (plain in _NOTHING or (field == "annotator" and plain in _EVERYONE)):
        return ""
    by_case = [name for name in allowed if name.casefold() == plain]
    by_number = [name for name in allowed if plain.isdecimal() and re.fullmatch(rf"[A-Z]{plain}", name)]
    # `P1: team names`, `[P1]`
    by_start = [name for name in allowed if name and re.match(rf"\W?{re.escape(name.casefold())}(?![\w.])", plain)]
    for found in (by_case, by_number, by_start):
        if len(found) == 1:
            return found[0]
    return word


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "_", word.strip().casefold())
