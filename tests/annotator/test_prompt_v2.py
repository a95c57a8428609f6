"""Prompt v2: golden requests (`python tests/annotator/test_prompt_v2.py` writes them anew), and what they must keep."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.annotator.task import labels_to_tell, shown_example, worked_sentence
from diziner.corpora.newroom import new_guideline
from diziner.guideline.file import load_guideline
from diziner.prompting.request import ModelSettings, Outcome, Request
from diziner.records.documents import Document
from diziner.records.guideline import Example, Guideline, Instruction
from diziner.scripted.reading import read
from diziner.spans.brackets import parse_brackets

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden")
MODEL = ModelSettings("openrouter", "vendor/model", structured="json_schema")
DOCUMENT = Document("d1", ("Ajax", "met", "PSV", "."), "Ajax met PSV .")
OTHER = Document("d2", ("A", "[|]", "</document>"), "A [|] </document>")
INSTRUCTIONS = (
    Instruction(
        "C1",
        'Mark a club named after a town as the club, "the Hague" included.',
        (
            Example("[Utrecht|ORG] lost", explanation="it plays"),
            Example("in Utrecht", "location", "it is where"),
            Example("the club lost"),
        ),
        (Instruction("C1a", "Also in tables.", (Example("[UTRECHT|ORG] 2"),)),),
    ),
)
SPECIFIC = {
    "a": (Instruction("S1", "Leave articles out.", (Example("the [Senate|ORG]"),)),),
    "b": (Instruction("S2", "Mark no job titles."),),
}


class Addressed:
    """An asker that is asked for addresses alone."""

    def address(self, endpoint: str) -> str:
        return f"at {endpoint}"

    def ask(self, requests: Any, label: str) -> list[Outcome]:
        raise AssertionError("nothing is asked here")


def guideline_of(benchmark: str) -> Guideline:
    return load_guideline(ROOT / "data" / benchmark / "guideline.yaml")


def refined() -> Guideline:
    return replace(guideline_of("conll2003"), common=INSTRUCTIONS, specific=SPECIFIC)


def requests(
    guideline: Guideline,
    *documents: Document,
    style: str = "plain",
    show_goal: bool = True,
    prompt: str = "annotate.v2",
) -> list[Request]:
    annotator = AnnotatorSettings("a", MODEL, style, prompt)
    return requests_for(documents or (DOCUMENT,), guideline, annotator, Addressed(), show_goal)


def own() -> Guideline:
    """The guideline of a new room, without example sentences."""
    blank = new_guideline("letters", ["PER", "LOC"], "Letters.")
    return replace(
        blank, types=tuple(replace(t, definition="d", positive=("Ada Lovelace (a remark)",)) for t in blank.types)
    )


CASES: dict[str, Callable[[], list[Request]]] = {
    "conll2003_plain": lambda: requests(guideline_of("conll2003")),
    "conll2003_refined": lambda: requests(refined()),
    "conll2003_few_shot": lambda: requests(refined(), style="few_shot"),
    "conll2003_small": lambda: requests(refined(), prompt="annotate.v1.1"),
    "fabner_no_goal": lambda: requests(guideline_of("fabner"), show_goal=False),
    "letters": lambda: requests(own()),
}


def written(request: Request) -> str:
    """A request as its golden file has it: messages as lists of lines, for readers."""
    form = request.canonical()
    for message in form["messages"]:
        message["content"] = message["content"].split("\n")
    return json.dumps(form, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_requests_are_the_golden_ones(name: str) -> None:
    [request] = CASES[name]()
    assert written(request) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("style", ["plain", "few_shot"])
def test_all_but_the_document_is_the_same_for_all_documents_and_stands_before_it(style: str) -> None:
    one, other = requests(refined(), DOCUMENT, OTHER, style=style)
    assert one.messages[:-1] == other.messages[:-1]
    assert one.messages[0].role == "system" and one.messages[-1].role == "user"
    assert one.messages[-1].content == "<document>\nAjax met PSV .\n</document>"
    assert other.messages[-1].content == "<document>\nA [|] < /document>\n</document>"


def test_a_worked_sentence_stands_where_no_earlier_turns_show_any() -> None:
    plain, few = (requests(refined(), style=style)[0].messages for style in ("plain", "few_shot"))
    mentions = "[Angela Merkel|person] told the [German|miscellaneous name] daily [Die Zeit|organization]"
    assert mentions in plain[0].content and mentions not in few[0].content
    assert few[2].content.startswith('{"entities": [{"text": "Angela Merkel", "type": "person"}')


def test_a_worked_sentence_is_the_rooms_richest_or_made_of_its_types_examples() -> None:
    for path in sorted((ROOT / "data").glob("*/guideline.yaml")):
        guideline = load_guideline(path)
        worked = worked_sentence(guideline)
        assert worked and worked.text in [" ".join(parse_brackets(line)[0]) for line in guideline.examples], path
        answered = {entity["type"] for entity in json.loads(worked.answer)["entities"]}
        assert answered <= {t.name for t in guideline.types} and len(answered) >= min(2, len(guideline.types)), path
    made_up = worked_sentence(own())
    assert made_up and made_up.mentions == "[Ada Lovelace|person] , [Ada Lovelace|location] ."
    assert worked_sentence(new_guideline("letters", ["PER"], "")) is None


@pytest.mark.parametrize("benchmark", ["ace2005", "ontonotes5", "fabner"])
def test_labels_are_told_where_definitions_use_them(benchmark: str) -> None:
    guideline = guideline_of(benchmark)
    content = requests(guideline)[0].messages[0].content
    for t in guideline.types:
        named = t.name if t.name.casefold() == t.label.casefold() else f"{t.name} ({t.label})"
        assert f"\n- {named}: {t.definition}" in content
    assert "answer with the name before them" in content


def test_labels_are_told_once_an_instruction_uses_one_and_not_before() -> None:
    guideline = guideline_of("genia")
    silent = replace(
        guideline, types=tuple(replace(t, definition="A thing.", positive=(), negative=()) for t in guideline.types)
    )
    assert labels_to_tell(silent) == {}
    assert "short labels" not in requests(silent)[0].messages[0].content
    told = replace(silent, common=(Instruction("C1", "Jurkat is cell_line."),))
    assert labels_to_tell(told) == {"cell type": "cell_type", "cell line": "cell_line"}
    assert labels_to_tell(replace(silent, common=(Instruction("C1", "See cell_lines."),))) == {}


def test_an_example_is_shown_in_brackets_if_its_record_has_them() -> None:
    content = requests(refined())[0].messages[0].content
    shown = [
        "   [Utrecht|organization] lost (it plays)",
        '   "in Utrecht" -> location (it is where)',
        '   "the club lost" -> no mention',
        "   - Also in tables.",
        "     [UTRECHT|organization] 2",
        "For you in particular:",
        "1. Leave articles out.",
        "   the [Senate|organization]",
    ]
    assert "\n".join(shown) in content
    assert "job titles" not in content.partition("<instructions>")[2].partition("</instructions>")[0]
    assert shown_example(Example("a [sic] b", "person")) == '"a [sic] b" -> person'


@pytest.mark.parametrize("prompt", ["annotate.v1", "annotate.v1.1", "annotate.v2"])
def test_what_stands_below_an_annotators_own_instruction_is_told_by_every_prompt(prompt: str) -> None:
    child = Instruction("S1a", "Nor in tables.", (Example("the [SENATE|ORG] 2"),))
    guideline = replace(refined(), specific={"a": (replace(SPECIFIC["a"][0], children=(child,)),)})
    [request] = requests(guideline, prompt=prompt)
    content = "\n".join(message.content for message in request.messages)
    own = content.partition("For you in particular:")[2].partition("</instructions>")[0]
    assert [own.count(text) for text in ("Leave articles out.", "Nor in tables.", "the [SENATE|organization] 2")] == [
        1,
        1,
        1,
    ]


def test_a_prompt_for_small_models_is_v1_with_labels_and_instructions_beside_the_document() -> None:
    told = guideline_of("genia")
    silent = replace(told, types=tuple(replace(t, definition="A thing.", positive=(), negative=()) for t in told.types))
    of_v1, small = (requests(silent, style="few_shot", prompt=f"annotate.{v}")[0] for v in ("v1", "v1.1"))
    assert of_v1.messages == small.messages, "without labels and instructions it is v1"
    [plain], [small] = (requests(refined(), prompt=f"annotate.{v}") for v in ("v1", "v1.1"))
    assert [m.role for m in small.messages] == ["system", "user"]
    system, user = (message.content for message in small.messages)
    assert "## Before you answer" not in system and "<instructions>" not in system
    of_v1_lines = set(plain.messages[0].content.split("\n"))
    assert {line.partition(": ")[0] for line in set(system.split("\n")) - of_v1_lines} >= {
        "- person (PER)", "- organization (ORG)", "- location (LOC)", "- miscellaneous name (MISC)"
    }  # fmt: skip
    assert user.index("   [Utrecht|organization] lost (it plays)") < user.index("<document>")


def test_annotators_and_rounds_share_the_beginning_of_the_prompt_for_small_models() -> None:
    """A local model reads it once: what tells annotators and rounds apart comes behind it, and opens the last turn."""
    first, *others = (
        requests(guideline, style=style, prompt="annotate.v1.1")[0]
        for guideline in (guideline_of("conll2003"), refined())
        for style in ("few_shot", "plain")
    )
    assert all(request.messages[0] == first.messages[0] for request in others)
    told = requests(refined(), style="few_shot", prompt="annotate.v1.1")[0]
    assert told.messages[:-1] == first.messages[:-1]
    assert told.opening[-1].role == "user"
    assert told.messages[-1].content.startswith(f"{told.opening[-1].content}\n\n<document>")


def test_the_last_check_names_instructions_where_there_are_some() -> None:
    plain, told = (requests(g)[0].messages[0].content for g in (guideline_of("conll2003"), refined()))
    assert "Go through the instructions one by one" in told and "instructions" not in plain.casefold()


def test_scripted_models_read_it_as_they_read_v1() -> None:
    names = [t.name for t in refined().types]
    readings = []
    for prompt in ("annotate.v1", "annotate.v2"):
        [request] = requests_for([DOCUMENT], refined(), AnnotatorSettings("a", MODEL, "few_shot", prompt), Addressed())
        readings.append(read([{"role": m.role, "content": m.content} for m in request.messages], names))
    assert readings[0].document == readings[1].document == DOCUMENT.text
    assert readings[0].types == readings[1].types and readings[0].excluded == readings[1].excluded
    assert set(readings[0].shown) <= set(readings[1].shown) and readings[1].rulings


if __name__ == "__main__":
    for name, case in CASES.items():
        (GOLDEN / f"{name}.json").write_text(written(case()[0]), encoding="utf-8")
    sys.stdout.write(f"{len(CASES)} written\n")
