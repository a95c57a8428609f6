"""Statements of docs/reference.md on this implementation, where no other test shows it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from projects import ROOT

from diziner.agreement.analysis import analyse, annotator_errors
from diziner.agreement.settings import AnalysisSettings
from diziner.annotator.annotate import requests_for
from diziner.annotator.prompt import answer_schema, messages_for
from diziner.annotator.settings import AnnotatorSettings, annotator_settings
from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings
from diziner.prompting.templates import PROMPTS, render
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.documents import Document
from diziner.records.guideline import Guideline, Instruction
from diziner.results.final_scores import final_scores
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.spans.matching import match_answers
from diziner.spans.tags import ill_formed, spans_to_tags
from diziner.supervisor.evidence import Evidence, Leaning
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings

MODEL = ModelSettings("scripted", "scripted-supervisor", structured="json_schema")
NAMES = ("org/model-8b:free", "org_model_8b_free", "org/model-8b:paid")


@pytest.fixture
def guideline() -> Guideline:
    return load_guideline(ROOT / "data/bc5cdr/guideline.yaml")


@pytest.fixture
def asker(tmp_path: Path) -> StoreAsker:
    return StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"scripted": Endpoint("scripted", "scripted")})


def evidence() -> Evidence:
    """Everybody differs from the consensus; the first name alone is the coalition."""
    example = ErrorExample(
        "d1:0-1", "d1", 0, 1, "lithium", "«lithium» toxicity", "chemical", (), (("disease", NAMES),), "minor"
    )
    group = ErrorGroup("Ent_to_Ent", "chemical_to_disease", 3, 2, (example,))
    leanings = dict.fromkeys(NAMES, Leaning(0.5, 0.9, 1, {"disease": 1}))
    return Evidence((group,), dict.fromkeys(NAMES, (group,)), NAMES[:1], leanings)


def refined(guideline: Guideline, asker: StoreAsker, **settings: Any) -> Refinement:
    return refine(StartingPoint(guideline, 0.5), evidence(), SupervisorSettings(MODEL, **settings), asker, "test")


def sent(asker: StoreAsker) -> list[dict[str, Any]]:
    return [request for _, request, _ in asker.store.rows()]


def texts(request: dict[str, Any]) -> str:
    return "\n".join(message["content"] for message in request["messages"])


@pytest.mark.parametrize("batch", ["one", "all"])
def test_no_question_is_asked_twice_in_a_refinement(guideline: Guideline, asker: StoreAsker, batch: str) -> None:
    """D4."""
    standing = replace(guideline, common=(Instruction("H1", "A drug's brand name is a chemical."),))
    record = refined(standing, asker, batch=batch).record
    phases = [entry["phase"] for entry in record["phases"]]
    assert phases == ["patterns", "diagnosis", "instructions", "goal", "integration"]
    # Two findings may put one question: it is asked once.
    assert asker.tally.called == len(set(record["responses"])) == len(sent(asker))
    questions = Counter(json.dumps(request["messages"], sort_keys=True) for request in sent(asker))
    assert set(questions.values()) == {1}


def test_the_goal_is_hidden_updated_and_shown_to_annotators_by_three_separate_settings(
    guideline: Guideline, asker: StoreAsker
) -> None:
    """D5, and the goal's part of D1."""
    goal = replace(guideline.goal, purpose="Find what a leaflet warns of.")
    told = replace(guideline, goal=goal)
    hidden = refined(told, asker, show_goal=False)
    assert hidden.guideline.goal == goal and not hidden.record["kept_previous"]
    assert sent(asker) and not any(goal.purpose in texts(request) for request in sent(asker))
    kept = refined(told, asker, update_goal=False)
    assert kept.guideline.goal == goal and "goal" not in [entry["phase"] for entry in kept.record["phases"]]
    assert any(goal.purpose in texts(request) for request in sent(asker))
    document = Document("d", ("lithium",), "lithium")
    annotator = AnnotatorSettings("a", replace(MODEL, model="scripted-careful"))
    for show_goal in (True, False):
        request = requests_for([document], hidden.guideline, annotator, asker, show_goal)[0]
        assert (goal.purpose in request.messages[0].content) == show_goal


def test_supervision_by_gold_counts_each_difference_from_gold_and_nothing_else() -> None:
    """D7: measures stay in their range and undisputed tokens are no errors."""
    documents = [Document("d", tuple("abcdefghij"), "a b c d e f g h i j")]
    gold = {"d": (Span(0, 2, "PER"), Span(9, 10, "LOC"))}
    rows = {
        "one": [Annotation("d", (Span(0, 2, "PER"),))],
        "two": [Annotation("d", (Span(0, 2, "PER"), Span(9, 10, "LOC")))],
        "three": [Annotation("d", (Span(0, 2, "LOC"),))],
    }
    analysis = analyse(documents, rows, ["PER", "LOC"], AnalysisSettings(), reference=gold)
    for name in ("d_bio", "d_type", "u_boundary", "u_star"):
        values = np.array(analysis.columns[name])
        assert (values >= 0).all() and (values <= 1).all()
    assert {group.subtype: group.tokens for group in analysis.groups} == {"LOC_to_O": 2, "PER_to_LOC": 2}
    assert annotator_errors(analysis, "two") == ()
    assert all(hotspot.end - hotspot.start < 10 for hotspot in analysis.hotspots)


def test_annotators_are_known_by_their_whole_name(guideline: Guideline, asker: StoreAsker) -> None:
    """D10: names that only punctuation tells apart; the coalition is recognised and left out of phase 2."""
    record = refined(guideline, asker, max_specific=1).record
    assert set(record["diagnoses"]) == set(NAMES[1:])
    assert set(refined(guideline, asker, max_specific=1, specific_for_all=True).record["diagnoses"]) == set(NAMES)
    told = replace(guideline, specific={name: (Instruction("S1", f"Only for {name}."),) for name in NAMES})
    document = Document("d", ("lithium",), "lithium")
    for name in NAMES:
        content = messages_for(document, told, AnnotatorSettings(name, MODEL))[0].content
        assert re.findall(r"Only for (\S+)\.", content) == [name]


def test_every_phase_is_told_goal_types_and_standing_instructions(guideline: Guideline, asker: StoreAsker) -> None:
    """D11."""
    standing = replace(guideline, common=(Instruction("H1", "A drug's brand name is a chemical."),))
    refined(standing, asker, batch="all")
    assert len(sent(asker)) >= 5
    for request in sent(asker):
        for part in (guideline.goal.documents, *(t.definition for t in guideline.types), "H1: A drug's brand name"):
            assert part in texts(request)


def test_prompts_name_no_domain_and_no_scheme_and_refuse_what_they_do_not_show(guideline: Guideline) -> None:
    """D11: nothing of one benchmark stands in the tasks; what is passed to a template is rendered or refused."""
    tasks = [path for path in PROMPTS.rglob("*.md") if ".examples." not in path.name]
    assert len(tasks) >= 8
    for path in tasks:
        assert not re.search(r"Reuters|news|\b(PER|ORG|LOC|MISC)\b", path.read_text(encoding="utf-8")), path
    with pytest.raises(UserError, match="does not use preservation"):
        render("repair.v1", reason="no JSON", preservation="high")


@pytest.mark.parametrize("occurrences", ["all", "ordered"])
def test_nested_answers_leave_sound_tags_and_every_loser_is_counted(occurrences: Any) -> None:
    """D14."""
    document = Document("d", ("Bank", "of", "New", "York"), "Bank of New York")
    answers = [("Bank of New York", "ORG"), ("New York", "LOC"), ("of New", "ORG")]
    matches = match_answers(document, answers, ["ORG", "LOC"], occurrences)
    tags = spans_to_tags(matches.spans, 4)
    assert tags == ("B-ORG", "I-ORG", "I-ORG", "I-ORG") and ill_formed(tags) == 0
    assert matches.drops == {"overlap": 2}


def test_hotspots_name_their_document_whatever_was_left_out_before_it() -> None:
    """D16: nobody answered the first document, and one annotator failed on the second."""
    documents = [Document(name, ("Bonn", "is", "calm"), "Bonn is calm") for name in ("d1", "d2", "d3")]
    failed, city, nothing = Failure("timeout", "slow"), (Span(0, 1, "LOC"),), ()
    rows = {
        "one": [Annotation("d1", failure=failed), Annotation("d2", failure=failed), Annotation("d3", city)],
        "two": [Annotation("d1", failure=failed), Annotation("d2", city), Annotation("d3", nothing)],
    }
    analysis = analyse(documents, rows, ["LOC"])
    assert [hotspot.document for hotspot in analysis.hotspots] == ["d3"]
    assert analysis.hotspots[0].id == "d3:0-1"
    assert {example.document for group in analysis.groups for example in group.examples} == {"d3"}


def test_failed_pilot_and_test_documents_count_alike() -> None:
    """D18: the same rows, with one document failed, score the same as pilot set and as test."""
    gold = {"a": (Span(0, 1, "PER"),), "b": (Span(0, 1, "PER"),)}
    rows = [Annotation("a", gold["a"]), Annotation("b", failure=Failure("timeout", "slow"))]
    scores = final_scores(gold, rows, rows, {0: {"x": rows}}, {}, samples=10, seed=1)
    assert scores["pilot"]["0"]["x"] == scores["selected"]["micro"]["f1"] == pytest.approx(2 / 3, abs=1e-6)


def test_the_prompts_that_profiles_name_are_shipped_and_others_are_no_silent_default(guideline: Guideline) -> None:
    """D20."""
    for path in (ROOT / "diziner/profiles").glob("*.yaml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["annotators"].values():
            assert (PROMPTS / "annotator" / f"{entry.get('prompt', 'annotate.v1')}.md").is_file()
    with pytest.raises(UserError, match="no such file"):
        messages_for(Document("d", ("a",), "a"), guideline, AnnotatorSettings("a", MODEL, prompt="annotate.v0"))


def test_a_supervisors_answer_of_the_wrong_form_is_repaired_or_dropped_never_passed_on(
    guideline: Guideline, tmp_path: Path
) -> None:
    """D21: half of the answers have the wrong types; one repair turn each."""
    with ScriptedServer(Faults(wrong_types=0.5)) as server:
        endpoint = Endpoint("there", "hosted", api_base=server.base_url, attempts=1)
        asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"there": endpoint})
        settings = SupervisorSettings(replace(MODEL, endpoint="there"), batch="one", max_specific=1)
        found = refine(StartingPoint(guideline, 0.5), evidence(), settings, asker, "test")
    phases = found.record["phases"]
    assert sum(entry["repairs"] for entry in phases) > 0
    assert all(set(entry["failed"]) <= {"unparsable"} for entry in phases)
    assert all(isinstance(i.text, str) and i.text for i in found.guideline.common)


def test_documents_are_put_into_the_prompt_by_place_not_by_replacing_text(guideline: Guideline) -> None:
    """D23: a document that occurs all over the prompt, or looks like a placeholder, changes nothing else in it."""
    annotator = AnnotatorSettings("a", MODEL)

    def prompt(text: str) -> str:
        return messages_for(Document("d", (text,), text), guideline, annotator)[0].content

    for text in ("a", "{document}", "{{ text }}"):
        assert prompt(text) == prompt("lithium").replace("\nlithium\n</document>", f"\n{text}\n</document>")


def test_the_papers_annotators_are_one_named_model_each() -> None:
    """D29: no stand-ins, no two models behind one name; what a call was answered by is compared with it."""
    params = yaml.safe_load((ROOT / "diziner/profiles/paper.yaml").read_text(encoding="utf-8"))
    models = [annotator_settings(name, params["annotators"][name]).asked for name in params["annotator_pool"]]
    assert len({model.model for model in models}) == len(models) == 8
    assert all(re.fullmatch(r"[\w-]+/[\w.-]+", model.model) for model in models)
    assert {params["endpoints"][model.endpoint]["identity"] for model in models} == {"model"}


def test_any_model_is_asked_like_any_other_and_gives_no_offsets(guideline: Guideline) -> None:
    """D30: a baseline is one more annotator."""
    document = Document("d", ("lithium",), "lithium")
    baseline, annotator = (AnnotatorSettings(name, replace(MODEL, model=name)) for name in ("gpt-5-mini", "small"))
    assert messages_for(document, guideline, baseline) == messages_for(document, guideline, annotator)
    schema = answer_schema(guideline.types, "json_schema", 1)
    assert schema and set(schema["properties"]["entities"]["items"]["properties"]) == {"text", "type"}


def test_gain_is_between_predictions_for_the_same_documents_and_types_are_the_benchmarks_own() -> None:
    """D32: no gain where nothing changed, whatever the pilot sets of the rounds were."""
    gold = {"a": (Span(0, 1, "CHEM"),), "b": (Span(0, 1, "DIS"),)}
    rows = [Annotation("a", gold["a"]), Annotation("b", (Span(0, 1, "CHEM"),))]
    easy, hard = [Annotation("a", gold["a"])], [Annotation("b", ())]
    scores = final_scores(gold, rows, rows, {0: {"x": hard}, 1: {"x": easy}}, {}, samples=50, seed=1)
    assert scores["pilot"] == {"0": {"x": 0.0}, "1": {"x": 1.0}}
    assert scores["gain"]["difference"] == scores["gain"]["low"] == scores["gain"]["high"] == 0.0
    assert set(scores["selected"]["types"]) == {"CHEM", "DIS"}
