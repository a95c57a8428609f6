"""Metaprompt: a supervisor that is shown guideline and documents and no disagreements."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import yaml
from projects import ROOT, Project
from stage_runs import read, rows, run_predictions, run_rounds, standing_in, use_variants

from diziner.commands.plan import plan
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.guideline.file import load_guideline
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.documents import Document
from diziner.records.guideline import Guideline
from diziner.settings import load_settings, settings_from
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.metaprompt import improve
from diziner.supervisor.refine import Refinement
from diziner.supervisor.settings import SupervisorSettings

DOCUMENTS = [
    Document("a", ("Leeds", "beat", "York"), "Leeds beat York"),
    Document("b", ("He", "left", "York"), "He left\nYork"),
]
SETTINGS = SupervisorSettings(
    ModelSettings("hosted", "a-model", structured="json_schema"), max_common=2, max_words=500, method="metaprompt"
)
CLUB = {
    "text": "Mark a town's name as organization where it stands for a club.",
    "examples": [
        {"text": "[Leeds|organization] beat [York|organization]", "explanation": "clubs play", "error": "location"}
    ],
    "replaces": "",
}


class Answering:
    """A supervisor that gives one answer, and keeps what it was asked."""

    def __init__(self, *instructions: object) -> None:
        self.text = json.dumps({"instructions": instructions})
        self.asked: list[Request] = []

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        self.asked += requests
        return [Response(self.text, "stop") for _ in requests]


@pytest.fixture
def guideline() -> Guideline:
    return load_guideline(ROOT / "data/conll2003/guideline.yaml")


def improved(guideline: Guideline, asker: Answering, settings: SupervisorSettings = SETTINGS) -> Refinement:
    return improve(StartingPoint(guideline, 0.5), DOCUMENTS, settings, asker, "test")


def test_one_call_shows_guideline_and_documents_and_its_lines_have_receipts(guideline: Guideline) -> None:
    asker = Answering(CLUB)
    found = improved(guideline, asker)
    (request,) = asker.asked
    text = "\n".join(message.content for message in request.messages)
    assert "- Leeds beat York\n- He left York\n" in text
    assert guideline.goal.purpose in text and all(t.definition in text for t in guideline.types)
    assert "at most 2 instructions" in text
    (line,) = found.guideline.common
    assert (line.id, line.text) == ("C1.1", CLUB["text"])
    assert [example.text for example in line.examples] == ["[Leeds|ORG] beat [York|ORG]"]
    assert line.receipt is not None
    assert (line.receipt.round, line.receipt.hotspots, line.receipt.documents) == (1, (), ("a", "b"))
    assert line.receipt.responses == (request.key,)
    check(found.record, "refinement", "record")
    assert [phase["phase"] for phase in found.record["phases"]] == ["metaprompt"]
    assert found.record["outcomes"] == {"C1.1": "added"} and not found.record["kept_previous"]


def test_a_guideline_of_one_type_is_asked_about_too(guideline: Guideline) -> None:
    asker = Answering()
    improved(replace(guideline, types=guideline.types[:1]), asker)
    assert f"|{guideline.types[0].name}]" in "\n".join(message.content for message in asker.asked[0].messages)


def test_examples_that_stand_are_shown_with_what_explains_them(guideline: Guideline) -> None:
    plain = {**CLUB, "examples": [{"text": "[Leeds|organization] won", "explanation": "", "error": ""}]}
    for written, shown in ((CLUB, "[York|organization] (clubs play)\n"), (plain, "> [Leeds|organization] won\n")):
        before, asker = improved(guideline, Answering(written)).guideline, Answering()
        improved(before, asker)
        assert shown in "\n".join(message.content for message in asker.asked[0].messages)


def test_limits_hold_and_a_line_may_take_an_earlier_one_s_place(guideline: Guideline) -> None:
    before = improved(guideline, Answering(CLUB)).guideline
    better = {**CLUB, "text": "Mark a town as organization where it plays, wins or loses.", "replaces": "C1.1"}
    other = {**CLUB, "text": "Mark a person's whole name.", "examples": []}
    found = improved(before, Answering(better, other, {**other, "text": "Mark a person by a surname alone."}))
    assert [(line.id, line.text) for line in found.guideline.common] == [
        ("C2.1", better["text"]),
        ("C2.2", other["text"]),
    ]
    assert found.record["outcomes"] == {"C2.1": "replaced C1.1", "C2.2": "added"}
    # What is over the number that was asked for is named, not lost.
    assert [entry["reason"] for entry in found.record["cut"]] == ["over the limit of 2"]


def test_where_nothing_may_be_added_or_refinement_has_ended_nobody_is_asked(guideline: Guideline) -> None:
    asker = Answering(CLUB)
    none = improved(guideline, asker, replace(SETTINGS, max_common=0))
    ended = improve(StartingPoint(guideline, 0.5, stopped=True), DOCUMENTS, SETTINGS, asker, "test")
    for found in (none, ended):
        check(found.record, "refinement", "record")
        assert found.record["kept_previous"] and found.guideline.common == guideline.common
    assert asker.asked == []


def test_in_the_pipeline_no_disagreement_reaches_it(make_project: Callable[..., Project]) -> None:
    project = make_project("conll2003")
    use_variants(project, "metaprompt")
    run_rounds(project)
    (told,) = [request for _, request, _ in rows(project) if request["model"] == "scripted-supervisor"]
    text = "\n".join(message["content"] for message in told["messages"])
    assert all(row["text"] in text for row in read(project, "corpus/pilot/r0.jsonl"))
    names = yaml.safe_load((project.folder / "params.yaml").read_text())["annotator_pool"]
    assert "«" not in text and not any(name in text for name in names)
    assert [phase["phase"] for phase in read(project, "rounds/r1/refinement.json")["phases"]] == ["metaprompt"]
    run_predictions(project)
    with standing_in(project):
        assert sum(line.calls for line in plan(["conll2003"], load_settings())) == 0


def test_it_does_not_go_with_supervision_by_gold() -> None:
    params = yaml.safe_load((ROOT / "diziner/profiles/embedded.yaml").read_text())
    params["supervisor"]["method"] = "metaprompt"
    params["evidence"].update(folder="gold", gold_rounds=[0])
    with pytest.raises(UserError, match=r"supervisor\.method: metaprompt sees no evidence; .* must be 'rounds'"):
        settings_from(params, "params.yaml")


def test_words_of_the_worked_examples_are_foreign_only_where_they_are_shown(guideline: Guideline) -> None:
    line = {**CLUB, "text": "Mark a ship with its cargo.", "examples": []}
    cut = {}
    for batch in ("one", "all"):
        found = improved(guideline, Answering(line), replace(SETTINGS, batch=batch))
        cut[batch] = [entry["reason"] for entry in found.record["cut"]]
    assert cut == {"one": ["takes over from the worked examples: ship, cargo"], "all": []}
