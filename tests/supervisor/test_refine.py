"""The supervisor: guideline files, limits, integration, and a whole refinement with a scripted model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from projects import ROOT

from diziner.common.errors import ProviderError, UserError
from diziner.common.files import check
from diziner.endpoints import Endpoint
from diziner.guideline.file import dump_guideline, load_guideline, save_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.guideline import Choice, EntityType, Guideline, Instruction
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.supervisor.evidence import NO_ENTITY, Evidence, Leaning, evidence_from_json
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import refine
from diziner.supervisor.settings import SupervisorSettings

TYPES = (EntityType("PER", "person", "a name"), EntityType("LOC", "location", "a place"))


@pytest.fixture
def guideline() -> Guideline:
    return load_guideline(ROOT / "data/conll2003/guideline.yaml")


def begin(guideline: Guideline) -> StartingPoint:
    return StartingPoint(guideline, agreement=0.5)


@pytest.mark.parametrize("path", sorted(ROOT.glob("data/*/guideline.yaml")), ids=lambda path: path.parent.name)
def test_guidelines_load_and_their_own_text_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    guideline = load_guideline(path)
    save_guideline(tmp_path / "first.yaml", guideline)
    again = load_guideline(tmp_path / "first.yaml")
    assert again == guideline
    assert dump_guideline(again) == (tmp_path / "first.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("label: ORG", "label: PER", "'PER' is used twice"),
        ("name: location", "name: person", "'person' is used twice"),
        ("|PER]", "|PERSON]", "label PERSON; allowed: PER, ORG, LOC, MISC"),
        ("|PER]", "|PER", "examples[0]"),
    ],
)
def test_a_wrong_guideline_is_one_line_with_file_and_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = tmp_path / "guideline.yaml"
    path.write_text((ROOT / "data/conll2003/guideline.yaml").read_text().replace(old, new, 1))
    with pytest.raises(UserError) as error:
        load_guideline(path)
    assert str(path) in str(error.value) and expected in str(error.value)
    assert "\n" not in str(error.value)


def test_evidence_speaks_in_the_annotators_type_names() -> None:
    example = {
        "hotspot": "d:0-2", "document": "d", "start": 0, "end": 2, "span_text": "PER O", "context": "«PER O»",
        "consensus": 'PER "PER ; O"; O', "agreeing": [],
        "alternatives": [["LOC", ["a"]], ["O", ["b"]]], "kind": "minor",
    }  # fmt: skip
    group = {"family": "Ent_to_O", "subtype": "PER_to_O", "tokens": 2, "mentions": 1, "examples": [example]}
    leaning = {"agreement": 0.5, "like_consensus": 0.9, "over_tagging": 1, "types": {"PER": 2, "LOC": -1}, "failed": 0}
    value = {"coalition": ["a"], "groups": [group], "annotators": {"a": [group]}, "leanings": {"a": leaning}}
    found = evidence_from_json(value, TYPES)
    shown = found.groups[0]
    assert found.leanings["a"] == Leaning(0.5, 0.9, 1, {"person": 2, "location": -1})
    assert shown.subtype == f"person_to_{NO_ENTITY}"
    assert shown.examples[0].consensus == f'person "PER ; O"; {NO_ENTITY}'
    assert shown.examples[0].alternatives == (("location", ("a",)), (NO_ENTITY, ("b",)))
    assert shown.examples[0].span_text == "PER O"


def evidence() -> Evidence:
    example = ErrorExample(
        "d1:0-1",
        "d1",
        0,
        1,
        "Chicago",
        "«Chicago» 5 Boston",
        "organization",
        ("scripted_a",),
        (("location", ("scripted_b",)),),
        "minor",
    )
    group = ErrorGroup("Ent_to_Ent", "organization_to_location", 3, 2, (example,))
    leanings = {"scripted_a": Leaning(0.6, 1.0, 0, {}), "scripted_b": Leaning(0.4, 0.9, 0, {"location": 1})}
    return Evidence((group,), {"scripted_a": (), "scripted_b": (group,)}, ("scripted_a",), leanings)


@pytest.mark.parametrize("batch", ["one", "all"])
def test_a_refinement_is_cumulative_and_has_receipts(guideline: Guideline, tmp_path: Path, batch: str) -> None:
    model = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
    settings = SupervisorSettings(model, batch=batch, max_common=2, max_specific=1)
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})
    standing = replace(guideline, common=(Instruction("H1", "Mark a team as organization."),))
    first = refine(begin(standing), evidence(), settings, asker, "test")
    second = refine(begin(first.guideline), evidence(), settings, asker, "test")
    assert "H1" in [i.id for i in first.guideline.common] and "H1" in [i.id for i in second.guideline.common]
    new = [i for i in first.guideline.common if i.receipt]
    assert new and all(i.receipt and i.receipt.hotspots == ("d1:0-1",) and i.receipt.responses for i in new)
    stored = {key for key, _, _ in asker.store.rows()}
    assert all(set(i.receipt.responses) <= stored for i in new if i.receipt)
    assert [phase["phase"] for phase in first.record["phases"]][:3] == ["patterns", "diagnosis", "instructions"]
    assert not first.record["kept_previous"]
    assert yaml.safe_load(dump_guideline(first.guideline))["round"] == 1


class Phases:
    """A supervisor that gives each phase its answers in turn; keeps what it read."""

    def __init__(self, **answers: list[object]) -> None:
        self.answers = answers
        self.read: list[str] = []

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        phase = label.removeprefix("test ").split(",")[0]
        self.read += [request.messages[-1].content for request in requests]
        return [Response(json.dumps(self.answers[phase].pop(0)), "stop") for _ in requests]


def line(text: str, *examples: str) -> dict[str, object]:
    shown = [{"text": example, "explanation": "a score"} for example in examples]
    return {"instructions": [{"text": text, "examples": shown, "replaces": ""}]}


@pytest.mark.parametrize(
    ("again", "kept", "cut"),
    [
        (line("Mark a club.", "[Chicago|organization] 5"), "[Chicago|ORG] 5", []),
        (line("Mark a club.", "[Chicago|clubs] 5"), "", ["[Chicago|clubs] 5"]),
        ({"instructions": []}, "", ["[Chicago|club] 5"]),
    ],
)
def test_what_cannot_be_taken_goes_back_once_in_batch_one(
    guideline: Guideline, again: dict[str, object], kept: str, cut: list[str]
) -> None:
    pattern = {"name": "clubs", "root_cause": "c", "readings": [], "principle": "p", "covered_by": ""}
    supervisor = Phases(
        patterns=[{"patterns": [pattern]}],
        diagnosis=[{"summary": "none", "needs": []}],
        instructions=[line("Mark a club.", "[Chicago|club] 5"), again],
    )
    settings = SupervisorSettings(
        ModelSettings("there", "a-model", structured="grammar"), batch="one", update_goal=False
    )
    refined = refine(begin(guideline), evidence(), settings, supervisor, "test")
    new = [i for i in refined.guideline.common if i.receipt]
    assert [[example.text for example in i.examples] for i in new] == [[kept] if kept else []]
    assert [entry["text"] for entry in refined.record["cut"]] == cut
    assert "[Chicago|club]: no such type; there are: person, organization" in supervisor.read[-1]
    assert new[0].receipt is not None and len(set(new[0].receipt.responses)) >= 1


def test_an_unreachable_supervisor_stops_the_stage_instead_of_leaving_a_round_unguided(
    guideline: Guideline, tmp_path: Path
) -> None:
    with ScriptedServer(Faults(server_error=1.0)) as server:
        endpoint = Endpoint("there", "hosted", api_base=server.base_url, attempts=1)
        asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"there": endpoint})
        model = ModelSettings("there", "scripted-supervisor", structured="json_schema")
        with pytest.raises(ProviderError, match=r"test patterns: 1 of 1 calls failed \(unavailable"):
            refine(begin(guideline), evidence(), SupervisorSettings(model), asker, "test")


def test_an_unreadable_supervisor_leaves_the_guideline_and_says_so(guideline: Guideline, tmp_path: Path) -> None:
    with ScriptedServer(Faults(empty=1.0)) as server:
        endpoint = Endpoint("there", "hosted", api_base=server.base_url, attempts=1)
        asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"there": endpoint})
        model = ModelSettings("there", "scripted-supervisor", structured="json_schema")
        refined = refine(begin(guideline), evidence(), SupervisorSettings(model), asker, "test")
    assert replace(refined.guideline, round=0) == guideline
    assert refined.record["kept_previous"]
    assert refined.record["phases"][0]["failed"] == ["empty"]


def test_without_disagreement_the_guideline_is_carried_over_and_the_record_says_so(
    guideline: Guideline, tmp_path: Path
) -> None:
    model = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})
    refined = refine(begin(guideline), Evidence((), {"a": ()}, ("a",)), SupervisorSettings(model), asker, "test")
    assert replace(refined.guideline, round=0) == guideline
    assert refined.record["kept_previous"]
    assert asker.tally.called == 0


def test_a_person_s_choice_reaches_the_supervisor_and_stays_in_the_file(guideline: Guideline, tmp_path: Path) -> None:
    decided = replace(guideline, choices=(Choice("organization_to_location", "Teams are organizations."),))
    model = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})
    refined = refine(begin(decided), evidence(), SupervisorSettings(model), asker, "test")
    assert refined.guideline.choices == decided.choices
    save_guideline(tmp_path / "guideline.yaml", refined.guideline)
    assert load_guideline(tmp_path / "guideline.yaml") == refined.guideline
    sent = [str(request) for _, request, _ in asker.store.rows()]
    assert sent and all("organization_to_location: Teams are organizations." in text for text in sent)


def test_after_refinement_has_stopped_nobody_is_asked(guideline: Guideline, tmp_path: Path) -> None:
    model = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})
    start = replace(begin(guideline), stopped=True)
    refined = refine(start, evidence(), SupervisorSettings(model), asker, "test")
    assert asker.tally.called == 0 and refined.record["stopped"] and refined.record["kept_previous"]
    assert replace(refined.guideline, round=0) == guideline
    check(refined.record, "refinement", "record")


@pytest.mark.parametrize("batch", ["one", "all"])
def test_where_nothing_may_be_written_nobody_is_asked(guideline: Guideline, tmp_path: Path, batch: str) -> None:
    """As for examples from agreement alone: a supervisor whose lines would all be over the limit is not paid for."""
    model = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
    settings = SupervisorSettings(model, batch=batch, max_common=0, max_specific=0, update_goal=False)
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})
    refined = refine(begin(guideline), evidence(), settings, asker, "test")
    assert asker.tally.called == 0 and refined.record["kept_previous"] and not refined.record["stopped"]
    refine(begin(guideline), evidence(), replace(settings, update_goal=True), asker, "test")
    assert asker.tally.called > 0, "the goal may still be rewritten"
