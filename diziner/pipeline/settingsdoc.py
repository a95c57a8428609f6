"""Settings reference from the schema of params.yaml: `python -m diziner.pipeline.settingsdoc > docs/settings.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from diziner.agreement.settings import AnalysisSettings
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.files import schema_of
from diziner.endpoints import Endpoint
from diziner.endpoints.batching import Batch
from diziner.prompting.request import ModelSettings
from diziner.supervisor.settings import SupervisorSettings

Schema = Mapping[str, Any]

_HEAD = """\
# Settings

Made from `diziner/schemas/params.schema.json` by `.venv/bin/python -m diziner.pipeline.settingsdoc`; edit it there.

All settings are in `params.yaml`. A key that is not listed here is refused, and so is a value that is not allowed,
before anything runs. Profiles to start from are in `diziner/profiles/`; `.venv/bin/diziner use NAME` makes one of them
`params.yaml`. DVC runs a stage again when a setting changes that shapes its output. `endpoints`, `weights` and `budget`
shape no output of a benchmark: they only say how models are reached.

A capital NAME is a name of your own; `[]` is each entry of a list. A default is what holds where the key is left out.
"""

# The settings as code has them: what a key that is left out means.
_DEFAULTS: dict[str, tuple[type[Any], ...]] = {
    "annotators.NAME": (ModelSettings, AnnotatorSettings),
    "answers": (AnswerSettings,),
    "disagreement": (AnalysisSettings,),
    "supervisor": (SupervisorSettings,),
    "supervisor.model": (ModelSettings,),
    "endpoints.NAME": (Endpoint,),
    "endpoints.NAME.batch": (Batch,),
}


def settings_page() -> str:
    """Return the page: a table of key, allowed values, default and meaning for each section of params.yaml."""
    schema = schema_of("params")
    return "\n".join([_HEAD, *(line for name in schema["properties"] for line in _section(name, schema))])


def rows_of(path: str, schema: Schema, required: bool) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for a setting, if it is more than a group, and for all settings inside it, in the schema's order.

    >>> list(rows_of("a.b", {"type": "integer", "minimum": 1, "description": "how many"}, required=True))
    [('a.b', 'integer, at least 1', 'required', 'how many')]
    """
    inside = list(_inside(path, schema))
    if not inside or schema.get("type") != "object":
        default = "required" if required else _default(path, schema)
        yield path, _allowed(schema), default, schema.get("description", "")
    for child, child_schema, child_required in inside:
        yield from rows_of(child, child_schema, child_required)


def _section(name: str, schema: Schema) -> Iterator[str]:
    section = schema["properties"][name]
    required = name in schema["required"]
    yield f"## {name}\n"
    if section.get("type") == "object":
        yield _sentence(section["description"], "Required." if required else "Optional.")
    yield "| key | allowed | default | meaning |\n| --- | --- | --- | --- |"
    for key, allowed, default, meaning in rows_of(name, section, required):
        yield f"| `{key}` | {_cell(allowed)} | {_cell(default)} | {_cell(meaning)} |"
    yield ""


def _inside(path: str, schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    for key, value in schema.get("properties", {}).items():
        yield f"{path}.{key}", value, key in schema.get("required", ())
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield f"{path}.NAME", schema["additionalProperties"], False
    items = schema.get("items", {})
    for choice in items.get("oneOf", [items]):
        if "properties" in choice:
            yield f"{path}[]", choice, False


def _default(path: str, schema: Schema) -> str:
    parent, _, key = path.rpartition(".")
    for settings in _DEFAULTS.get(parent, ()):
        for field in fields(settings):
            if field.name == key:
                value = field.default if field.default_factory is MISSING else field.default_factory()
                return "" if value is MISSING else f"`{json.dumps(value)}`"
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _allowed(schema: Schema) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = {"string": "text", "boolean": "`true`, `false`", "null": "`null`", "array": "list", "object": "mapping"}
    bounded = next((kind for kind in kinds if kind in {"integer", "number"}), kinds[0])
    return " or ".join(words.get(kind, kind) + (_bounds(schema) if kind == bounded else "") for kind in kinds)


def _bounds(schema: Schema) -> str:
    if schema.get("type") == "array":
        least = f" of at least {schema['minItems']}" if "minItems" in schema else ""
        items = schema.get("items", {})
        return f"{least}, each {_allowed(items)}" if items.get("type") in {"string", "integer"} else least
    if "title" in schema:
        return f": {schema['title']}"
    if "pattern" in schema:
        return f" that matches `{schema['pattern']}`"
    if {"minimum", "maximum"} <= schema.keys():
        return f" from {schema['minimum']} to {schema['maximum']}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    return "".join(f", {text} {schema[key]}" for key, text in words.items() if key in schema)


def _sentence(text: str, more: str) -> str:
    return f"{text[0].upper()}{text[1:]}. {more}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


if __name__ == "__main__":
    sys.stdout.write(settings_page())
