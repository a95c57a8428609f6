"""The scripted supervisor: valid under any schema, and saying what most annotators said."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.common.files import schema_of
from diziner.scripted.brain import answer
from diziner.scripted.findings import Finding, findings_in
from diziner.scripted.guidance import Names, rulings

TYPES = ("person", "location", "organization")
CONTEXT = """You improve a guideline.

# Entity types

- person: a human being
- location (GPE): a place
- organization: a group with a name

# Instructions so far

- C1.1: Be careful with names.
"""
REPORT = """ORG_to_LOC: 4 tokens in 2 mentions
- «Lisbon» in: the team from «Lisbon» won
  consensus: organization
  shy, eager: location
- «Monday» in: came on «Monday» with
  Consensus: O (careful, shy)
- «Bank» in: the «Bank» of Tallinn
  consensus: ORG "Bank of Tallinn"; LOC "Tallinn"
- «Port Said» in: sailed to «Port Said» again
   - Consensus: GPE (eager)
"""
FINDINGS = (
    Finding("Lisbon", "organization"),
    Finding("Monday", None),
    Finding("Bank", None),
    Finding("Bank of Tallinn", "organization"),
    Finding("Tallinn", "location"),
    Finding("Port Said", "location"),
)
PHASES = ("patterns", "diagnosis", "instructions", "integration")


def request(report: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": CONTEXT}, {"role": "user", "content": report}]


def filled(schema: dict[str, Any], report: str = REPORT) -> Any:
    value = json.loads(answer(request(report), "scripted-supervisor", 0, schema))
    jsonschema.Draft202012Validator(schema).validate(value)
    return value


def objects(required: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def unbounded(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: unbounded(value) for key, value in schema.items() if key not in {"maxLength", "maxItems"}}
    return [unbounded(value) for value in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("report", [REPORT, "Nothing to see.", ""])
def test_every_phase_is_answered_validly(phase: str, report: str) -> None:
    schema = schema_of(f"supervisor/{phase}")
    assert schema["title"] == phase
    filled(schema, report)
    filled(unbounded(schema), report)


def test_findings_are_spans_with_the_reading_of_most_annotators() -> None:
    assert findings_in(request(REPORT)).spans == FINDINGS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("«Oslo» consensus: location", "location"),
        ("consensus: location for «Oslo»", "location"),
        ("«Oslo», consensus: B-location", "location"),
        ("«Oslo» consensus: O B-location I-location", "location"),
        ("| «Oslo» | consensus: **location** | shy: person |", "location"),
        ("«Oslo» consensus: ORG", "organization"),
        ("«Oslo» consensus: none", None),
        ("«Oslo» consensus: O O", None),
        ("«Oslo»\nconsensus: person\nconsensus: location\nconsensus: location", "location"),
        ("«Oslo»\nconsensus: person\nconsensus: location", "person"),
    ],
)
def test_ways_to_state_a_consensus(line: str, expected: str | None) -> None:
    assert findings_in(request(line)).spans == (Finding("Oslo", expected),)


def test_a_span_without_a_reading_gets_some_type_always_the_same() -> None:
    spans = findings_in(request("Look at «Oslo».")).spans
    assert spans[0].type in TYPES
    assert spans == findings_in(request("Look at «Oslo» please.")).spans


def test_instructions_say_what_most_annotators_said() -> None:
    value = filled(schema_of("supervisor/instructions"))
    assert [item["text"] for item in value["instructions"]] == [
        'Label "Lisbon" as organization.',
        'Never label "Monday": it is no entity.',
        'Never label "Bank": it is no entity.',
        'Label "Bank of Tallinn" as organization.',
        'Label "Tallinn" as location.',
    ]
    marked = [f"[{each.span}|{each.type}]" if each.type else each.span for each in FINDINGS[:5]]
    assert [item["examples"][0]["text"] for item in value["instructions"]] == marked
    assert {item["replaces"] for item in value["instructions"]} == {""}


def test_bounds_of_lists_of_instructions_are_kept() -> None:
    item = objects({"text": {"type": "string"}})
    for bounds, length in [({"maxItems": 2}, 2), ({"maxItems": 0}, 0), ({"minItems": 6}, 6), ({}, 5)]:
        schema = objects({"instructions": {"type": "array", "items": item, **bounds}}, title="instructions")
        assert len(filled(schema)["instructions"]) == length


def test_annotators_understand_what_the_supervisor_writes() -> None:
    quoted = Finding('the "Big" one', "person")
    names = Names(TYPES)
    for finding in (*FINDINGS, quoted):
        assert rulings(finding.instruction(), names) == {finding.span: finding.type}


def test_findings_pass_through_all_phases() -> None:
    patterns = filled(schema_of("supervisor/patterns"))["patterns"]
    shown = "\n".join(f"- {p['name']}. Cause: {p['root_cause']} Principle: {p['principle']}" for p in patterns)
    instructions = filled(schema_of("supervisor/instructions"), shown)["instructions"]
    # Five patterns at most.
    assert [item["text"] for item in instructions] == [finding.instruction() for finding in FINDINGS[:5]]
    candidates = "\n".join(f"- C2.{n}: {item['text']}" for n, item in enumerate(instructions, 1))
    decisions = filled(schema_of("supervisor/integration"), candidates)["decisions"]
    assert [d["candidate"] for d in decisions] == ["C2.1", "C2.2", "C2.3", "C2.4", "C2.5"]
    assert {(d["action"], d["target"], d["parent"]) for d in decisions} == {("add", "", "")}
    as_json = json.dumps({"instructions": instructions})
    assert filled(schema_of("supervisor/instructions"), as_json)["instructions"] == instructions


def test_a_schema_written_in_the_prompt_serves_where_none_is_sent() -> None:
    schema = schema_of("supervisor/diagnosis")
    shown = f"{REPORT}\nAnswer by this schema:\n{json.dumps(schema, indent=2)}\n"
    value = json.loads(answer(request(shown), "scripted-supervisor", 0, None))
    jsonschema.validate(value, schema)
    assert value["needs"]


EVOLVED: list[dict[str, Any]] = [
    objects({"pattern_id": {"type": "string", "pattern": "^P[0-9]+$"}, "n": {"type": "integer", "minimum": 3}}),
    objects({"share": {"type": "number", "minimum": 0, "maximum": 1}, "flag": {"type": "boolean"}}),
    objects({"maybe": {"type": ["null", "string"]}, "none": {"type": "null"}, "fixed": {"const": 7}}),
    objects({"type": {"enum": ["person", "organization"]}, "day": {"type": "string", "format": "date"}}),
    objects({"ids": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True}}),
    objects({"kinds": {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True}}),
    objects({"pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False}}),
    objects({"short": {"type": "string", "maxLength": 5}, "long": {"type": "string", "minLength": 300}}),
    objects({"either": {"anyOf": [objects({"a": {"type": "integer"}}), {"type": "null"}]}}),
    objects({"both": {"allOf": [objects({"a": {"type": "integer"}}, additionalProperties=True), {"required": ["b"]}]}}),
    objects({"by": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2}}),
    objects({"by": {"type": "object", "propertyNames": {"enum": ["x", "y"]}, "minProperties": 2}}),
    objects({"any": {}, "yes": True}),
    {
        **objects({"root": {"$ref": "#/$defs/node"}}, title="integration"),
        "$defs": {
            "node": objects(
                {"text": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}
            )
        },
    },
]


@pytest.mark.parametrize("schema", EVOLVED, ids=lambda schema: ",".join(schema["properties"]))
def test_schemas_to_come_are_answered_validly(schema: dict[str, Any]) -> None:
    filled(schema)
    filled(schema, "")


def test_a_type_enum_takes_the_reading_in_question() -> None:
    schema = objects({"type": {"enum": ["person", "organization"]}})
    assert filled(schema) == {"type": "organization"}
    assert filled(schema, "") == {"type": "person"}


def test_what_cannot_be_made_is_said() -> None:
    with pytest.raises(UserError, match="key 'code' matches its pattern"):
        filled(objects({"code": {"type": "string", "pattern": "^zz{9}top$"}}))
    with pytest.raises(UserError, match="only references within the schema"):
        filled(objects({"code": {"$ref": "https://example.org/schema"}}))


LEAVES = st.one_of(
    st.builds(lambda low: {"type": "string", "minLength": low, "maxLength": low + 9}, st.integers(0, 200)),
    st.builds(
        lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size}, st.integers(), st.integers(0, 9)
    ),
    st.builds(lambda high: {"type": "integer", "exclusiveMaximum": high}, st.integers(-99, 99)),
    st.builds(lambda low: {"type": "integer", "exclusiveMinimum": low, "multipleOf": 5}, st.integers(-99, 99)),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-99, 99)),
    st.builds(lambda members: {"enum": members}, st.lists(st.text(max_size=5), min_size=1, unique=True)),
    st.just({"type": "boolean"}),
)
NAMES = st.sampled_from(["text", "instruction", "id", "model_id", "type", "span", "examples", "notes", "instructions"])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(objects, st.dictionaries(NAMES, inner, max_size=4)),
        st.builds(
            lambda item, low, more: {"type": "array", "items": item, "minItems": low, "maxItems": low + more},
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.builds(lambda option: {"anyOf": [option, {"type": "null"}]}, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.dictionaries(NAMES, SCHEMAS, max_size=4), st.sampled_from([REPORT, "", "«a» «b»"]))
def test_any_schema_is_answered_validly(properties: dict[str, Any], report: str) -> None:
    filled(objects(properties, title="patterns"), report)
