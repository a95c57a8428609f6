"""Strict reading of JSON Schemas: an integer is written as one, and every number is finite.

JSON Schema takes 1.0 for an integer and knows nothing of NaN, and neither do the libraries that check values by it.
Here 1.0 is no integer (it would be another request to a model than 1, and fail where a list is cut), and what no
64-bit integer or double can hold is no number. An integer stays good for a number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from diziner.common.words import meant

_LARGEST = sys.float_info.max
_INTEGERS = 2**63  # as many on either side of 0 as files, numpy and databases can hold


def compiled(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a function that raises fastjsonschema.JsonSchemaException for a value that does not fit a schema."""
    from fastjsonschema.ref_resolver import RefResolver

    resolver = RefResolver.from_schema(dict(schema), handlers={}, store={})
    generator = _generator()(schema, resolver=resolver, formats={}, use_default=False)
    state = generator.global_state
    exec(generator.func_code, state)
    check: Callable[[Any], Any] = state[resolver.get_scope_name()]
    return check


def explain(value: object, schema: Mapping[str, Any]) -> str | None:
    """Return the most telling violation of a schema in one line, `key: message`; None if there is none."""
    try:
        error = _most_telling(_explaining()(schema).iter_errors(value))
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "top level: a number has thousands of digits; none may be outside of 64 bits"
    if error is None:
        return None
    return f"{error.json_path.removeprefix('$.').removeprefix('$') or 'top level'}: {_said(error)}"


def is_integer(value: object) -> bool:
    """Return whether a value is an integer of 64 bits: 1.0 and true are none."""
    return isinstance(value, int) and not isinstance(value, bool) and -_INTEGERS <= value < _INTEGERS


def is_number(value: object) -> bool:
    """Return whether a value is a finite number: true is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


@cache
def _generator() -> type[Any]:
    from fastjsonschema import draft04, draft07

    usual: Any = draft04.CodeGeneratorDraft04
    latest: Any = draft07.CodeGeneratorDraft07

    class Strict(latest):  # type: ignore[misc]
        """Writes the checks of the types integer and number anew."""

        def generate_type(self) -> None:
            """Write the check of a value's type."""
            usual.generate_type(self)  # in later drafts 1.0 is an integer
            given = self._definition["type"]
            types = {given} if isinstance(given, str) else set(given)
            if "number" in types:
                bounds, what = f"-{_LARGEST!r} <= {{variable}} <= {_LARGEST!r}", "a finite number"
            elif "integer" in types:
                bounds, what = f"-{_INTEGERS} <= {{variable}} < {_INTEGERS}", "an integer of 64 bits"
            else:
                return
            with self.l(f"if isinstance({{variable}}, (int, float)) and not {bounds}:"):
                self.exc(f"{{name}} must be {what}", rule="type")

    return Strict


@cache
def _explaining() -> Any:
    import jsonschema

    usual = jsonschema.Draft7Validator
    extend: Any = jsonschema.validators.extend
    checker = usual.TYPE_CHECKER.redefine_many(
        {"integer": lambda _, value: is_integer(value), "number": lambda _, value: is_number(value)}
    )
    return extend(usual, type_checker=checker)


def _most_telling(errors: Iterable[Any]) -> Any:
    """Return the violation to tell: of alternatives that a constant tells apart, that of the one that is meant."""
    import jsonschema

    found = list(errors)
    best = max(found, key=jsonschema.exceptions.relevance, default=None)
    if best is not None and best.validator == "oneOf":
        branches: dict[Any, list[Any]] = {}
        for inner in best.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        meant = [inner for inner in branches.values() if all(one.validator != "const" for one in inner)]
        if len(meant) == 1 < len(branches):
            return _most_telling(meant[0])
    return jsonschema.exceptions.best_match(iter(found))


def _said(error: Any) -> str:
    """Return a violation in words: what was given, what is allowed, and how it is mended where that is clear."""
    from datetime import date

    value, allowed = error.instance, error.validator_value
    # The value first and whole would leave no place for what is allowed.
    message = _short(str(error.message).replace(repr(value), _short(repr(value), 100)), 400)
    if error.validator != "type":
        if error.validator == "pattern" and "title" in error.schema:
            return f"{_short(repr(value), 100)} is not {error.schema['title']}"
        return message + _meant_key(error)
    types = [allowed] if isinstance(allowed, str) else allowed
    if isinstance(value, float) and value.is_integer() and abs(value) < _INTEGERS and "integer" in types:
        return f"{message}; write {int(value)}"
    outside = isinstance(value, int) and not isinstance(value, bool) and not is_integer(value) and "integer" in types
    if (is_number(value) and not outside) or isinstance(value, date):
        return f"{message}; put it in quotes, as text is meant" if allowed == "string" else message
    if isinstance(value, (int, float)) and not isinstance(value, bool) and {"integer", "number"} & set(types):
        return f"{_short(repr(value), 100)} is no number that can be used; it must be finite, an integer within 64 bits"
    return message


def _meant_key(error: Any) -> str:
    """Return which key was probably meant by one that a schema does not have, or which value by one of a list."""
    value, schema = error.instance, error.schema
    if error.validator == "enum" and isinstance(value, str):
        return meant(value, [name for name in error.validator_value if isinstance(name, str)])
    if error.validator != "additionalProperties" or not isinstance(value, Mapping):
        return ""
    known = schema.get("properties", {})
    return next((said for key in value if key not in known and (said := meant(str(key), known))), "")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
