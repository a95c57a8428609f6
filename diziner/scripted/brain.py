"""Answer text of a scripted model to one chat request: pure, a function of its arguments alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from diziner.common.errors import UserError
from diziner.common.jsontext import LOOSE
from diziner.scripted.annotator import annotate
from diziner.scripted.fill import Filler
from diziner.scripted.findings import Findings, findings_in
from diziner.scripted.habits import habits_of
from diziner.scripted.knowledge import Knowledge
from diziner.scripted.reading import Message, has_document, read

_LINE_WITH_BRACE = re.compile(r"^[ \t]*\{", re.MULTILINE)


def answer(
    request_messages: Sequence[Message],
    model: str,
    seed: int,
    schema: Mapping[str, Any] | None,
    knowledge: Knowledge | None = None,
) -> str:
    """Answer one request, as compact JSON.

    A schema with a property `entities`, or no schema at all, is an annotation request. Any other schema is a
    supervisor's: it is filled with what the last user message says of spans in dispute. Where a model is not
    sent the schema but shown it, it is read from the messages.
    Errors: UserError for an unknown model, or a request that is neither of the two.
    """
    habits_of(model)
    schema = schema or _schema_shown(request_messages)
    if schema is None and not has_document(request_messages):
        raise UserError(
            f"model {model}: the request holds neither a <document> nor a JSON Schema; "
            "for a scripted supervisor set `structured: json_schema`"
        )
    if schema is None or "entities" in schema.get("properties", {}):
        value = _annotation(request_messages, model, seed, schema or {}, knowledge)
    else:
        value = Filler(schema, findings_in(request_messages)).value()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _annotation(
    messages: Sequence[Message], model: str, seed: int, schema: Mapping[str, Any], knowledge: Knowledge | None
) -> dict[str, Any]:
    """Return an object with `entities`; whatever else the schema requires is filled as it comes."""
    filler = Filler(schema, Findings((), ()))
    entities = filler.resolved(schema.get("properties", {}).get("entities", {}))
    item = filler.resolved(entities.get("items", {}))
    fields = {key: filler.resolved(part) for key, part in item.get("properties", {}).items()}
    strings = fields.get("text", {})
    rows = [
        {**(filler.value(item) if item else {}), "text": string, "type": name}
        for string, name in annotate(read(messages, fields.get("type", {}).get("enum", ())), model, seed, knowledge)
        if string in strings.get("enum", (string,)) and len(string) <= strings.get("maxLength", len(string))
    ]
    result: dict[str, Any] = filler.value() if schema else {}
    return {**result, "entities": rows[: entities.get("maxItems", len(rows))]}


def _schema_shown(messages: Sequence[Message]) -> Mapping[str, Any] | None:
    """Return the last JSON Schema of an object written out in the messages, starting at the head of a line."""
    found = None
    for message in messages:
        content = message["content"]
        for match in _LINE_WITH_BRACE.finditer(content):
            try:
                value, _ = LOOSE.raw_decode(content, match.end() - 1)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) and isinstance(value.get("properties"), dict):
                found = value
    return found
