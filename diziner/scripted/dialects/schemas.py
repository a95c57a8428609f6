"""What providers take of JSON Schema where they hold a model to one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from diziner.scripted.dialects import TurnedDownError
from diziner.scripted.schema import malformed

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ANNOTATIONS = frozenset({"title", "description", "$defs", "definitions", "$ref", "$schema", "default"})
_ANYWHERE = _ANNOTATIONS | {"type", "enum", "const", "anyOf"}
_OPENAI: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"pattern", "format"}),
    "number": frozenset({"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
}
_ANTHROPIC: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems"}),
    "string": frozenset({"format", "pattern"}),
    "number": frozenset(),
}
_MOST_CHOICES = 1000


def hold_to_openai(response_format: Mapping[str, Any]) -> None:
    """Raise TurnedDownError for a `response_format` that OpenAI's strict mode refuses."""
    form = response_format.get("json_schema")
    if not isinstance(form, dict) or not isinstance(form.get("schema"), dict):
        raise TurnedDownError("Missing required parameter: 'response_format.json_schema'.", "response_format")
    name = str(form.get("name", ""))
    if not _NAME.fullmatch(name):
        told = f"Invalid 'response_format.json_schema.name': string does not match pattern. Got {name!r}."
        raise TurnedDownError(told, "response_format.json_schema.name", "invalid_value")
    if not form.get("strict"):
        return
    if wrong := malformed(json.dumps(form["schema"], sort_keys=True)):
        told = f"Invalid schema for response_format '{name}': {wrong}."
        raise TurnedDownError(told, "response_format", "invalid_json_schema")
    choices = 0
    for path, part in _parts(form["schema"], ()):
        choices += len(part.get("enum", ()))
        if fault := _fault(part, _OPENAI) or _missing(part):
            told = f"Invalid schema for response_format '{name}': In context={path!r}, {fault}."
            raise TurnedDownError(told, "response_format", "invalid_json_schema")
    if choices > _MOST_CHOICES:
        told = f"Invalid schema for response_format '{name}': too many enum values in total."
        raise TurnedDownError(told, "response_format", "invalid_json_schema")


def hold_to_anthropic(schema: Mapping[str, Any], where: str) -> None:
    """Raise TurnedDownError for a schema that Anthropic's structured outputs refuse."""
    if wrong := malformed(json.dumps(schema, sort_keys=True)):
        raise TurnedDownError(f"{where}: {wrong}")
    for _, part in _parts(schema, ()):
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            raise TurnedDownError(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
        for name in sorted(part.keys() - _ANYWHERE - _allowed(part, _ANTHROPIC)):
            raise TurnedDownError(f"{where}: For '{part.get('type')}' type, property '{name}' is not supported")


def _parts(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield every schema within a schema, with the way to it."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for name, held in schema.get("properties", {}).items():
        yield from _parts(held, (*path, "properties", name))
    for name, held in schema.get("$defs", {}).items():
        yield from _parts(held, (*path, "$defs", name))
    yield from _parts(schema.get("items"), (*path, "items"))
    for number, held in enumerate(schema.get("anyOf", ())):
        yield from _parts(held, (*path, "anyOf", str(number)))


def _allowed(part: Mapping[str, Any], by_type: Mapping[str, frozenset[str]]) -> frozenset[str]:
    kinds = part.get("type", ())
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    return frozenset().union(*(by_type.get("number" if n == "integer" else n, frozenset()) for n in names))


def _fault(part: Mapping[str, Any], by_type: Mapping[str, frozenset[str]]) -> str:
    if not part.keys() & {"type", "anyOf", "$ref"}:
        return "schema must have a 'type' key"
    unknown = sorted(part.keys() - _ANYWHERE - _allowed(part, by_type))
    return f"'{unknown[0]}' is not permitted" if unknown else ""


def _missing(part: Mapping[str, Any]) -> str:
    if part.get("type") != "object":
        return ""
    if part.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false"
    if left_out := sorted(part.get("properties", {}).keys() - set(part.get("required", ()))):
        return f"'required' is required to be supplied and to be an array including every key. Missing '{left_out[0]}'"
    return ""
