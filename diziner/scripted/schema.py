"""JSON Schema without a value in hand: references, merging, the kind of value meant, numbers in a range."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError

Schema = Mapping[str, Any]


@lru_cache(256)
def malformed(schema: str) -> str:
    """Return what is wrong with a schema in JSON as such, "" for nothing. Those that come again are known."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(jsontext.body(schema))
    except SchemaError as error:
        return error.message
    return ""


def kind_of(schema: Schema) -> str:
    """Return the type a value gets: the first non-null one named, else what the keywords suggest, else string."""
    named = schema.get("type")
    if isinstance(named, list):
        return next((kind for kind in named if kind != "null"), "null")
    if named is not None:
        return str(named)
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "string"


def number_of(schema: Schema, kind: str) -> float:
    """Return the smallest allowed multiple of the step, for integers; for others the middle of the range."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf", 1 if kind == "integer" else None)
    least = max((bound for bound in (low, above) if bound is not None), default=None)
    most = min((bound for bound in (high, below) if bound is not None), default=None)
    if step is not None:
        if least is None:
            least = 0 if most is None else min(0, most - step)
        number = -(-least // step) * step  # rounded up, exactly for integers of any size
        if above is not None and number <= above:
            number += step
        return int(number) if kind == "integer" else float(number)
    if least is None:
        return 1.0 if most is None else float(most) - 1.0
    return float(least) + 1.0 if most is None else (float(least) + float(most)) / 2


def pointed(root: Schema, reference: str) -> Schema:
    """Return the part of a schema that a local reference (`#/$defs/name`) points to."""
    part: Any = root
    if not reference.startswith("#"):
        raise UserError(f"scripted supervisor: reference {reference!r}; only references within the schema are allowed")
    for step in reference[1:].split("/")[1:]:
        part = part.get(step.replace("~1", "/").replace("~0", "~"), {})
    resolved: Schema = part
    return resolved


def merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    result = {**first, **second}
    if "properties" in first and "properties" in second:
        result["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        result["required"] = [*first["required"], *second["required"]]
    return result
