"""Schemas as they are sent: hosted models get OpenAI's strict subset; requests of the recorded run stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT, Project, copy_project

from diziner.annotator.prompt import answer_schema
from diziner.guideline.file import load_guideline
from diziner.layout import rooms
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prompting.request import ModelSettings, Request, Response
from diziner.prompting.strict import strict, unstrict
from diziner.rehearsal.asker import Rehearser
from diziner.rehearsal.rehearse import rehearse
from diziner.settings import load_settings
from diziner.supervisor.phases import Question, Supervisor
from diziner.supervisor.settings import SupervisorSettings
from stages.corpus import main as corpus_stage

PHASES = sorted({path.name.partition(".")[0] for path in (ROOT / "diziner/schemas/supervisor").glob("*.json")})
# https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas": what an object of each type may have.
ALLOWED = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"enum", "const", "pattern", "format"},
    "integer": {"enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "number": {"enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": {"enum", "const"},
    "null": {"enum", "const"},
}
ANYWHERE = {"type", "title", "description"}


def faults(schema: Any, where: str = "$", depth: int = 1) -> Iterator[str]:
    """What OpenAI's strict mode, or Gemini's reading of it, refuses in a schema."""
    if not isinstance(schema, dict) or schema.get("type") not in ALLOWED:
        yield f"{where}: no type" if isinstance(schema, dict) else f"{where}: not an object"
        return
    kind = schema["type"]
    yield from (f"{where}: {key}" for key in sorted(schema.keys() - ALLOWED[kind] - ANYWHERE))
    if where == "$" and kind != "object":
        yield "$: not of type object"
    if depth > 10:
        yield f"{where}: nested deeper than 10"
    values = schema.get("enum", ["x"])
    if not values or "" in values or len(set(values)) < len(values):
        yield f"{where}: enum {values}"
    if len(values) > 1000 or (len(values) > 250 and sum(map(len, values)) > 15_000):
        yield f"{where}: enum too large"
    if kind == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            yield f"{where}: additionalProperties must be false and every property required"
        for name, part in properties.items():
            yield from faults(part, f"{where}.{name}", depth + 1)
    if kind == "array":
        yield from faults(schema.get("items"), f"{where}[]", depth + 1)


def supervisor(structured: str, asker: Any = None, batch: str = "all") -> Supervisor:
    model = ModelSettings("there", "m", structured=structured)
    guideline = load_guideline(ROOT / "data/conll2003/guideline.yaml")
    return Supervisor(guideline, SupervisorSettings(model, batch=batch), asker or Recorder(), "test")


class Recorder:
    """An asker that keeps what it is asked and answers with one text."""

    def __init__(self, text: str = "{}") -> None:
        self.text, self.asked = text, list[Request]()

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Any, label: str) -> list[Any]:
        self.asked += requests
        return [Response(self.text, "stop") for _ in requests]


VARIABLES: dict[str, dict[str, dict[str, Any]]] = {
    "one": {
        "patterns": {"standing": True, "gold": False},
        "diagnosis": {"limit": 2, "patterns": []},
        "instructions": {
            **dict.fromkeys(("limit", "max_example_words", "max_words", "words"), 9),
            "standing": True,
            "annotator": None,
        },
        "goal": {},
        "integration": {"annotator": None, "max_change": 0.5},
        "metaprompt": {"limit": 2, "standing": True, "max_example_words": 9},
    },
    "all": {
        "patterns": {"limit": 2, "standing": True, "gold": False},
        "diagnosis": {"name": "a", "limit": 2, "patterns": []},
        "instructions": {
            **dict.fromkeys(("max_common", "max_specific", "max_words", "max_example_words", "words", "longest"), 9),
            "standing": True,
            "type": "person",
        },
        "goal": {},
        "integration": {"words": 9, "change_words": 3, "max_words": None},
        "metaprompt": {"limit": 2, "standing": True, "type": "person"},
    },
}
CHOICES = {
    "patterns": {"covered_by": ["", "C1.1"], "groups": ["G1"], "types": ["person"], "supporters": ["a", "b"]},
    "diagnosis": {"groups": ["E1"]},
    "instructions": {
        "replaces": [""],
        "annotation": ["person", "no entity"],
        "annotator": ["", "a"],
        "addresses": ["P1"],
    },
    "integration": {
        "candidate": ["C2.1"],
        "target": ["", "C1.1"],
        "parent": ["", "C1.1"],
        "after": ["", "first"],
        "line": ["C1.1"],
    },
    "metaprompt": {"replaces": [""], "annotation": ["person", "no entity"]},
}


def sent(phase: str, structured: str, batch: str = "all") -> Any:
    asker = Recorder()
    question = Question("case", 2, VARIABLES[batch][phase], choices=CHOICES.get(phase, {}))
    supervisor(structured, asker, batch).ask(phase, [question])
    return asker.asked[0].schema


@pytest.mark.parametrize("batch", ["one", "all"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_phases_schema_is_in_the_strict_subset_for_hosted_models(phase: str, batch: str) -> None:
    assert list(faults(sent(phase, "json_schema", batch))) == []


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("data/*/guideline.yaml")))
def test_an_annotators_schema_is_in_the_strict_subset_for_hosted_models(name: str) -> None:
    types = load_guideline(ROOT / "data" / name / "guideline.yaml").types
    assert list(faults(answer_schema(types, "json_schema", 20))) == []


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "object", "properties": {"a": {"enum": ["x"]}}, "required": ["a"]}, "no type"),
        ({"type": "object", "properties": {"a": {"type": "string", "enum": ["", "x"]}}, "required": ["a"]}, "enum"),
        ({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["a"]}, "maxLength"),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": []}, "every property required"),
    ],
)
def test_the_subset_is_known_well_enough_to_refuse(schema: dict[str, Any], fault: str) -> None:
    assert any(fault in line for line in faults({**schema, "additionalProperties": False}))


def test_local_grammars_keep_schemas_as_they_are_in_the_files() -> None:
    kind = sent("diagnosis", "grammar", "one")["properties"]["needs"]["items"]["properties"]["kind"]
    assert "type" not in kind
    patterns = sent("patterns", "grammar", "one")["properties"]["patterns"]
    assert patterns["items"]["properties"]["covered_by"]["enum"][0] == ""


@pytest.mark.parametrize("phase", PHASES)
def test_a_strict_schema_stays_as_it_is(phase: str) -> None:
    once = sent(phase, "json_schema")
    assert strict(once) == once


def test_none_is_read_as_empty_where_empty_was_a_choice_and_nowhere_else() -> None:
    answer = {"decisions": [{"target": "none", "text": "none", "candidate": "none", "parent": "C1.1"}]}
    read = {"decisions": [{"target": "", "text": "none", "candidate": "none", "parent": "C1.1"}]}
    assert unstrict(answer, CHOICES["integration"]) == read
    item = {"name": "a", "root_cause": "b", "readings": [], "principle": "c", "covered_by": "none"}
    asker = Recorder(json.dumps({"patterns": [item]}))
    question = Question("case", 2, VARIABLES["one"]["patterns"], choices=CHOICES["patterns"])
    [dialogue] = supervisor("json_schema", asker, "one").ask("patterns", [question])
    assert dialogue.items("patterns")[0]["covered_by"] == ""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project as a fresh clone has it, with tapes and no outputs."""
    return copy_project(tmp_path_factory.mktemp("recorded") / "project", None, recordings=True)


def test_the_recorded_run_asks_for_exactly_what_its_tapes_have(
    recorded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the 18 rooms: a key is a digest of a whole request, so a changed byte of any request is seen here."""
    monkeypatch.chdir(recorded.folder)
    settings = load_settings()
    assert settings.raw["profile"] == "embedded"
    checked = 0
    for room in rooms():
        monkeypatch.setattr("sys.argv", ["corpus", room.name])
        corpus_stage()
        asker = Keys(ResponseStore(Path("none.sqlite")), settings.endpoints, settings.weights, room.tape)
        asker.annotators = settings.pool
        rehearse(room, settings, asker)
        assert asker.keys == {row[0] for row in read_tape(room.tape)}, room.name
        checked += 1
    assert checked == 18


class Keys(Rehearser):
    """A rehearser that keeps the keys of what it is asked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.keys: set[str] = set()

    def ask(self, requests: Any, label: str) -> Any:
        self.keys |= {request.key for request in requests}
        return super().ask(requests, label)
