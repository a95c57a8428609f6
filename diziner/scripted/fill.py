"""Filler of JSON Schemas: a value for any schema, with strings out of a supervisor's findings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from diziner.common.errors import UserError
from diziner.scripted.findings import Finding, Findings
from diziner.scripted.schema import Schema, kind_of, merge, number_of, pointed

# Fields that become lines of guidance, or lead to one in a later phase.
_GUIDANCE = frozenset({"text", "instruction", "instruction_text", "instructions", "principle", "need"})
# Fields that name something which need not exist: left empty.
_REFERENCES = frozenset({"replaces", "covered_by", "target", "parent"})
_SPANS = frozenset({"span", "mention"})
_TYPES = frozenset({"type", "entity_type"})
_CANDIDATE = "candidate"  # what a decision is about
# Lists of what stands and would be changed: a scripted supervisor leaves it.
_UNTOUCHED = frozenset({"standing"})
_MOST_GUIDANCE = 5
# Optional lists below this depth stay empty, or a schema that refers to itself would not end.
_DEPTH = 6
_FORMATS = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "scripted@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class Filler:
    """Makes one value of a schema: required keys only, the first of an enum, lists as short as they may be,
    but of one item at least; lists of guidance have an item per finding, up to five.

    Not covered: patterns that none of the strings at hand matches, `not`, `if`, `dependentSchemas`.
    """

    def __init__(self, schema: Schema, findings: Findings) -> None:
        self._root = schema
        self._findings = findings
        self._position = 0
        self._in_guidance = False
        self._in_example = False
        self._bracketed = False
        self._numbers: dict[str, int] = {}

    def value(self, schema: Schema | bool | None = None, name: str = "", depth: int = 0) -> Any:
        """Return a value of `schema`, which is the root schema or a part of it; `name` is the key it will have.

        Errors: UserError naming the key, where no value can be made.
        """
        plain = self.resolved(self._root if schema is None else schema)
        if "const" in plain:
            return plain["const"]
        if "enum" in plain:
            return self._member(plain["enum"], name)
        for key in ("anyOf", "oneOf"):
            if key in plain:
                return self._alternative(plain, key, name, depth)
        match kind_of(plain):
            case "object":
                return self._object(plain, depth)
            case "array":
                return self._array(plain, name, depth)
            case "string":
                return self._string(plain, name)
            case "integer" | "number" as kind:
                return number_of(plain, kind)
            case "boolean":
                # What asks yes or no asks whether to change something.
                return False
            case _:
                return None

    def resolved(self, schema: Schema | bool) -> Schema:
        """Return the schema with references followed and `allOf` merged; `true` is any value."""
        merged: dict[str, Any] = {} if isinstance(schema, bool) else dict(schema)
        while "$ref" in merged or "allOf" in merged:
            parts = merged.pop("allOf", [])
            if "$ref" in merged:
                parts = [pointed(self._root, merged.pop("$ref")), *parts]
            for part in parts:
                merged = merge(merged, part)
        return merged

    def _alternative(self, schema: Schema, key: str, name: str, depth: int) -> Any:
        options: Sequence[Schema] = schema[key]
        rest = {k: v for k, v in schema.items() if k != key}
        resolved = [self.resolved(option) for option in options]
        # Deep down, the way out of a recursion is preferred.
        if depth > _DEPTH:
            resolved.sort(key=lambda option: kind_of(option) in {"object", "array"})
        return self.value(merge(rest, resolved[0]), name, depth)

    def _member(self, members: Sequence[Any], name: str) -> Any:
        """Return the member that the finding in question speaks of: its type, its section, the one annotator that it
        is about; else the first. Decisions go through the candidates in order.

        Errors: UserError where there is none.
        """
        if not members:
            raise UserError(f"{name or 'the schema'}: an enum without a value")
        if name == _CANDIDATE:
            return members[self._position % len(members)]
        finding = self._finding()
        wanted = (finding.type or "no entity", finding.source, finding.whom) if finding else ()
        return next((value for value in wanted if value and value in members), members[0])

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        keys = [key for key in properties if key in required] + sorted(required - properties.keys())
        # Examples that do not say their annotation in a field of its own have it in brackets in their text.
        self._bracketed = self._in_example and _TYPES.isdisjoint(required)
        other = schema.get("additionalProperties", True)
        result = {key: self.value(properties.get(key, other), key, depth + 1) for key in keys}
        spare = [key for key in properties if key not in result]
        if other is not False:
            spare += self.resolved(schema.get("propertyNames", {})).get("enum", [])
            spare += [f"key{number}" for number in range(1, schema.get("minProperties", 0) + 1)]
        for key in spare[: max(0, schema.get("minProperties", 0) - len(result))]:
            result[key] = self.value(properties.get(key, other), key, depth + 1)
        return result

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        heads: Sequence[Schema] = schema.get("prefixItems", ())
        item = schema.get("items", schema.get("contains", {}))
        fewest = max(schema.get("minItems", 0), len(heads), int("contains" in schema))
        wanted = fewest if depth > _DEPTH or item is False else max(fewest, 1)
        # Examples below a line of guidance are about the same finding: only the outer list goes through them.
        outer = not self._in_guidance and item is not False and self._is_guidance(item, name)
        if outer and wanted:
            chosen = self._chosen()
            wanted = max(wanted, len(chosen))
        if name in _UNTOUCHED and not fewest:
            wanted = 0
        elif candidates := self.resolved(item).get("properties", {}).get(_CANDIDATE, {}).get("enum"):
            wanted = len(candidates)
        around = self._in_guidance, self._in_example
        self._in_guidance, self._in_example = self._in_guidance or outer, self._in_guidance
        result: list[Any] = []
        begun = self._position
        for index in range(min(wanted, schema.get("maxItems", wanted))):
            part = heads[index] if index < len(heads) else item
            if outer and index < len(chosen):
                self._position = begun + chosen[index]
            result.append(self.value(part, name, depth + 1))
            self._distinguish(result, schema, part)
            self._position += outer
        self._in_guidance, self._in_example = around
        return result

    def _chosen(self) -> list[int]:
        """Return places of the findings that get a line each: of everyone's and of each annotator's the first few."""
        counts: dict[str, int] = {}
        places = []
        for place, finding in enumerate(self._findings.spans):
            counts[finding.whom] = counts.get(finding.whom, 0) + 1
            if counts[finding.whom] <= self._findings.most.get(bool(finding.whom), _MOST_GUIDANCE):
                places.append(place)
        return places

    def _distinguish(self, values: list[Any], schema: Schema, part: Schema) -> None:
        """Make the last value unlike the others where a schema asks for it."""
        if not schema.get("uniqueItems") or values[-1] not in values[:-1]:
            return
        members = [m for m in self.resolved(part).get("enum", ()) if m not in values]
        if members:
            values[-1] = members[0]
        elif isinstance(values[-1], str):
            values[-1] = f"{values[-1]} ({len(values)})"
        elif isinstance(values[-1], int):
            values[-1] = max(values) + self.resolved(part).get("multipleOf", 1)

    def _is_guidance(self, item: Schema | bool, name: str) -> bool:
        resolved = self.resolved(item)
        if kind_of(resolved) == "object":
            return not _GUIDANCE.isdisjoint(resolved.get("required", ()))
        return name in _GUIDANCE

    def _finding(self) -> Finding | None:
        spans = self._findings.spans
        return spans[self._position % len(spans)] if spans else None

    def _string(self, schema: Schema, name: str) -> str:
        text = self._words(name)
        if "pattern" in schema:
            text = self._matching(schema["pattern"], text, name)
        elif "format" in schema:
            text = _FORMATS.get(schema["format"], text)
        text = text.ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength", len(text))]

    def _words(self, name: str) -> str:
        if name == "id" or name.endswith("_id"):
            kind = name.removesuffix("id").strip("_") or "item"
            self._numbers[kind] = self._numbers.get(kind, 0) + 1
            return f"{kind}-{self._numbers[kind]}"
        if name in _REFERENCES:
            return ""
        finding = self._finding()
        if finding is None:
            types = ", ".join(self._findings.types) or "the given types"
            return f"Check each mention against the definitions of {types}."
        if name in _SPANS or (name == "text" and self._in_example):
            marked = self._bracketed and finding.type
            return f"[{finding.span}|{finding.type}]" if marked else finding.span
        if name in _TYPES:
            return finding.type or "no entity"
        if name in _GUIDANCE:
            return finding.instruction()
        if name == "candidate" and finding.source:
            return finding.source
        return f"Annotators differ on {finding.span}; most read it as {finding.type or 'no entity'}."

    def _matching(self, pattern: str, text: str, name: str) -> str:
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        finding = self._finding()
        initial = name[:1] or "p"
        prefixes = (initial.upper(), initial, "P", "C", "M", "N", "R", "I", "CI", "MI", f"{initial}-", "")
        tries = [text, *(f"{prefix}{number}" for prefix in prefixes), f"{number}.1", initial, name]
        tries += [*_FORMATS.values(), *self._findings.types, finding.span if finding else "", ""]
        for attempt in tries:
            if re.search(pattern, attempt):
                return attempt
        raise UserError(f"scripted supervisor: no string at hand for key {name!r} matches its pattern {pattern!r}")
