"""Strict subset of JSON Schema: the part that providers who hold a model to a schema take.

OpenAI's strict mode refuses an enum without a type, Gemini an empty string among an enum's values. Grammars of local
models take both, and are sent schemas as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NONE = "none"  # stands for the empty string among the values of an enum

_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def strict(schema: Any) -> Any:
    """Return a schema in the strict subset: a type beside every enum, no value twice, `none` for an empty string.

    A schema that is in it already is returned equal, so a request whose schema is strict has the key that it had.

    >>> strict({"enum": ["", "C1", "C1"]})
    {'type': 'string', 'enum': ['none', 'C1']}
    """
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: strict(part) for key, part in schema.items() if key != "enum"}
    if isinstance(values := schema.get("enum"), list):
        kinds = list(dict.fromkeys(_KINDS[type(value)] for value in values))
        copy.setdefault("type", kinds[0] if len(kinds) == 1 else kinds)
        copy["enum"] = list(dict.fromkeys(NONE if value == "" else value for value in values))
    elif "enum" in schema:
        copy["enum"] = strict(schema["enum"])  # a property of that name
    return copy


def unstrict(value: Any, fields: Mapping[str, Any]) -> Any:
    """Return an answer with the empty string back in place of `none`, in the fields whose choices have it."""
    if isinstance(value, list):
        return [unstrict(part, fields) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "" if part == NONE and "" in fields.get(key, ()) else unstrict(part, fields) for key, part in value.items()
    }
