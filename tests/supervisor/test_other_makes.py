"""Supervisors of other makes, which no schema holds: what they mean is taken, in every phase, without a repair turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import completion, replying
from round_zero import round_zero
from stub_supervisor import MODEL, pattern

from diziner.endpoints import Endpoint
from diziner.guideline.file import guideline_to_json
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.records.guideline import Instruction, Receipt
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings

UNHELD = replace(MODEL, structured="none")
SETTINGS = SupervisorSettings(
    UNHELD, max_common=None, max_specific=2, max_words=None, max_change=None, max_example_words=None
)
PHASES = {"patterns": '{"patterns"', "diagnosis": '{"summary"', "instructions": '{"instructions"', "goal": '{"updated"'}
ANSWERS: dict[str, dict[str, Any]] = {
    "patterns": {
        "patterns": [
            pattern(1, ["G1", "G2"], ["person"], clarify="What is a team?", covered_by=""),
            pattern(2, ["G3"], ["location"], covered_by="C0.1"),
        ]
    },
    "diagnosis": {"summary": "S.", "needs": [{"kind": "over_tagging", "groups": ["E1"], "need": "Mark less."}]},
    "goal": {"updated": True, "documents": "", "purpose": "Find names.", "types": "", "use": ""},
    "instructions": {
        "instructions": [
            {
                "annotator": "",
                "text": 'Mark „Øre AS“ whole, "AS" too.',
                "addresses": ["P1"],
                "examples": [{"text": "[Øre AS|ORG] in [Oslo|LOC]", "explanation": "", "error": ""}],
                "replaces": "",
            },
            {"annotator": "", "text": "A country is a place.", "addresses": ["P2"], "examples": [], "replaces": ""},
            {"annotator": "smollm_few_shot", "text": "Less.", "addresses": ["N1"], "examples": [], "replaces": ""},
        ]
    },
    "integration": {
        "decisions": [
            {"candidate": name, "action": action, "target": target, "parent": parent, "text": text}
            | {"after": "", "reason": ""}
            for name, action, target, parent, text in [
                ("C1.1", "add", "", "C0.1", ""),
                ("C1.2", "merge", "C0.2", "", "A country is a place, also in tables."),
                ("S1.1", "add", "", "", ""),
            ]
        ],
        "standing": [{"line": "C0.3", "action": "retire", "parent": "", "after": "", "reason": "idle"}],
    },
}
Make = Callable[[dict[str, Any]], str]


def everywhere(value: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """A value with every scalar changed, by the key that it stands under."""
    if isinstance(value, dict):
        return {name: everywhere(part, change, name) for name, part in value.items()}
    return [everywhere(part, change, key) for part in value] if isinstance(value, list) else change(key, value)


IDS = {"groups", "addresses", "covered_by", "candidate", "target", "parent", "line", "annotator"}


def lower_ids(key: str, value: Any) -> Any:
    return value.lower() if key in IDS else value


def number_ids(key: str, value: Any) -> Any:
    numbers = key == "groups" or value == "P2"  # 1 could be P1 and N1
    return int(value[1:]) if numbers else value


def other_case(key: str, value: Any) -> Any:
    if key in {"frequency", "kind", "action"}:
        return value.title().replace("_", "-")
    return value.replace("|ORG", "|Organization").replace("|LOC", "|loc") if key == "text" else value


def said_in_words(key: str, value: Any) -> Any:
    if value == "" and key in IDS | {"replaces", "after"}:
        return "All" if key == "annotator" else "None"
    return value


def long_ids(key: str, value: Any) -> Any:
    return f"{value}: as above" if key in {"groups", "addresses"} else value


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_empty(part) for key, part in value.items() if part not in ("", []) or key == "annotator"}
        return {**kept, "confidence": 0.9}
    return [without_empty(part) for part in value] if isinstance(value, list) else value


MAKES: dict[str, Make] = {
    "fence": lambda v: f"```json\n{json.dumps(v, indent=2)}\n```",
    "reasoning": lambda v: f"<think>Perhaps {json.dumps({key: [] for key in v})}? No.</think>\n\n{json.dumps(v)}",
    "prose": lambda v: f"Here is what I found [so far]:\n\n{json.dumps(v)}\n\nLet me know if {{you}} need more.",
    "ids in lower case": lambda v: json.dumps(everywhere(v, lower_ids)),
    "ids as numbers": lambda v: json.dumps(everywhere(v, number_ids)),
    "ids with words": lambda v: json.dumps(everywhere(v, long_ids)),
    "labels and words in other case": lambda v: json.dumps(everywhere(v, other_case)),
    "none in words": lambda v: json.dumps(everywhere(v, said_in_words)),
    "null": lambda v: json.dumps(everywhere(v, lambda _, x: None if x == "" else x)),
    "keys too many and too few": lambda v: json.dumps(without_empty(v)),
    "keys in capitals": lambda v: json.dumps({key.title(): part for key, part in v.items()}),
    "a list alone": lambda v: json.dumps(next(iter(v.values())) if len(v) == 1 else v),
}


def refined(make: Make, folder: Path) -> tuple[Refinement, list[dict[str, Any]]]:
    """Round 1 of conll2003 by a supervisor of this make, over three standing lines of a supervisor's own."""
    guideline, evidence = round_zero("conll2003")
    receipt = Receipt(0, "new")
    texts = {"C0.1": "One.", "C0.2": "Two.", "C0.3": "Three."}
    common = tuple(Instruction(name, text, receipt=receipt) for name, text in texts.items())
    guideline = replace(guideline, common=common)
    bodies: list[dict[str, Any]] = []

    def reply(body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        bodies.append(body)
        asked = body["messages"][-1]["content"]
        phase = next((name for name, sign in PHASES.items() if sign in asked), "integration")
        return 200, {}, completion(make(ANSWERS[phase]))

    with replying(reply) as (url, _):
        endpoint = Endpoint("stub", "hosted", api_base=url, attempts=1)
        asker = StoreAsker(ResponseStore(folder / "store.sqlite"), {"stub": endpoint})
        return refine(StartingPoint(guideline, 0.5), evidence, SETTINGS, asker, "test"), bodies


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Refinement:
    """The round by a supervisor that answers as it was asked."""
    plain, asked = refined(json.dumps, tmp_path_factory.mktemp("plain"))
    assert plain.record["cut"] == [] and len(asked) == 5 and "response_format" not in asked[0]
    assert {name: str(outcome) for name, outcome in plain.record["outcomes"].items()} == {
        "C1.1": "added below C0.1", "C1.2": "merged into C0.2", "S1.1": "added", "C0.3": "retired",
    }  # fmt: skip
    return plain


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_what_is_meant_is_taken_without_a_repair_turn(make: Make, plain: Refinement, tmp_path: Path) -> None:
    other, asked = refined(make, tmp_path)
    assert len(asked) == 5
    assert other.record["cut"] == []
    found, expected = (without_responses(guideline_to_json(r.guideline)) for r in (other, plain))
    assert found == expected


def without_responses(value: Any) -> Any:
    """A guideline without the keys of answers: those of another make are other answers."""
    if isinstance(value, dict):
        return {key: without_responses(part) for key, part in value.items() if key != "responses"}
    return [without_responses(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("ids", "annotator", "fault"),
    [(["P7"], "", "addresses P7"), (["1"], "", "addresses 1"), (["P1"], "nobody", "is for nobody")],
)
def test_what_names_nothing_still_goes_back(ids: list[str], annotator: str, fault: str, tmp_path: Path) -> None:
    def make(value: dict[str, Any]) -> str:
        if "instructions" in value:
            first = {**value["instructions"][0], "addresses": ids, "annotator": annotator}
            return json.dumps({"instructions": [first]})
        return json.dumps(value)

    other, asked = refined(make, tmp_path)
    mends = [body for body in asked if len(body["messages"]) > 2]
    assert any(fault in body["messages"][-1]["content"] for body in mends)
    assert any(fault in entry["reason"] for entry in other.record["cut"])
