"""Sound rules of a strong supervisor reach the guideline and the annotators' next prompt, word for word.

`DIZINER_RULES` names a folder of *.json files, each with a benchmark and rules; what is not sound is refused.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT
from round_zero import round_zero
from stub_supervisor import MODEL, enum_of, pattern, stub

from diziner.annotator.prompt import messages_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.annotator.task import shown_example
from diziner.guideline.file import all_instructions, load_guideline, save_guideline
from diziner.guideline.instruction_examples import with_names
from diziner.prompting.request import ModelSettings
from diziner.records.documents import Document
from diziner.results.refinement_counts import refinement_line, refinement_metrics
from diziner.spans.marked import parse_marked
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings

FOLDER = Path(os.environ.get("DIZINER_RULES") or ROOT.parent / "shared/refinement")
UNLIMITED = SupervisorSettings(
    MODEL, max_common=None, max_specific=None, max_words=None, max_change=None, max_example_words=None
)
LOCAL = SupervisorSettings(MODEL, max_common=3, max_specific=1, max_words=400, max_change=0.5, max_example_words=12)
OWN = [
    {
        "text": "Markiere die Namen von Firmen samt Rechtsform („Müller GmbH“, „Øre AS“), aber ohne Artikel davor.",
        "examples": [{"text": "die [Müller GmbH|ORG] in [Köln|LOC]", "explanation": "der Artikel bleibt außen"}],
    },
    {
        "text": "Where a sentence quotes a headline, read the words between the quotation marks as other text: mark "
        'the people, the places and the organisations in it, leave the marks themselves outside, and do not take "the" '
        "or a verb in capitals for a part of a name merely because all words of a headline are written in capitals, or "
        "because the newspaper that is quoted gives no lower case at all.",
        "examples": [
            {"text": '"[OSLO|LOC] SAYS NO"', "explanation": ""},
            {"text": "\\[sic\\] he wrote", "explanation": ""},
        ],
    },
    {
        "text": "Les guillemets restent dehors\u202f: «\u00a0Le Monde\u00a0» est ORG.  50\u00a0% n’est rien\u00a0!",
        "examples": [{"text": "«\u00a0[Le Monde|ORG]\u00a0» écrit"}],
    },
    {
        "text": "اللقب خارج الاسم (\u200f«الدكتور»)؛ 头衔不在范围内。\u3000名字在内\U0001f642",
        "examples": [{"text": "الدكتور [محمد|PER]"}, {"text": "[东京|LOC]\u3000晴"}],
    },
    {
        "text": "A word in capitals in mid-sentence is a name; the same letters without them are a word.",
        "examples": [{"text": "[Turkey|LOC] is hot"}, {"text": "turkey is hot", "explanation": "a bird"}],
    },
]


def files() -> list[Any]:
    if not any(FOLDER.glob("*.json")):
        reason = f"no *.json in {FOLDER}: DIZINER_RULES names a folder of rules"
        return [pytest.param(None, id="none", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.json"))]


def supervised(
    benchmark: str, rules: Sequence[dict[str, Any]], settings: SupervisorSettings, folder: Path, repeats: bool = False
) -> Refinement:
    """Refine round 0 by a stub supervisor that gives these rules, each for a pattern of all disagreements; one that
    `repeats` gives them all once more where it is asked to mend a few."""
    guideline, evidence = round_zero(benchmark)

    def instructions(body: dict[str, Any]) -> dict[str, Any]:
        return {
            "instructions": [
                {
                    "annotator": "none",
                    "text": rule["text"],
                    "addresses": ["P1"],
                    "examples": [
                        {"text": e["text"], "explanation": e.get("explanation", ""), "error": e.get("error", "")}
                        for e in rule["examples"]
                    ],
                    "replaces": rule.get("replaces", "none"),
                }
                for rule in rules
            ]
        }

    answers = {
        "patterns": lambda body: {
            "patterns": [pattern(1, enum_of(body, "patterns", "groups"), [guideline.types[0].name])]
        },
        "instructions": instructions,
    }
    if repeats:
        answers["instructions mend"] = instructions
    with stub(folder, answers) as (asker, _):
        refined = refine(StartingPoint(guideline, 0.5), evidence, settings, asker, "test")
    save_guideline(folder / "guideline.yaml", refined.guideline)
    assert load_guideline(folder / "guideline.yaml") == refined.guideline
    return refined


def assert_all_there(refined: Refinement, rules: Sequence[dict[str, Any]]) -> None:
    lines = {line.text: line for line in all_instructions(refined.guideline)}
    document = Document("d", ("Nothing",), "Nothing")
    annotator = AnnotatorSettings("a", ModelSettings("stub", "m"))
    prompt = messages_for(document, refined.guideline, annotator)[0].content
    assert [rule["text"] for rule in rules if rule["text"] not in lines] == []
    assert [rule["text"] for rule in rules if rule["text"] not in prompt] == []
    known = {key.casefold(): t.label for t in refined.guideline.types for key in (t.label, t.name)}
    for rule in rules:
        kept = [parse_marked(example.text) for example in lines[rule["text"]].examples]
        given = [parse_marked(example["text"]) for example in rule["examples"]]
        assert kept == [
            (text, tuple(m._replace(type=known[m.type.casefold()]) for m in marks)) for text, marks in given
        ]
        for example in with_names([lines[rule["text"]]], refined.guideline.types)[0].examples:
            assert shown_example(example) in prompt


@pytest.mark.parametrize("path", files())
def test_without_limits_every_rule_of_the_folder_survives(path: Path, tmp_path: Path) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    refined = supervised(value["benchmark"], value["rules"], UNLIMITED, tmp_path)
    assert_all_there(refined, value["rules"])
    count = len(value["rules"])
    assert refined.record["cut"] == []
    assert refinement_line(refined.record) == f"wrote {count}, kept {count}"


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("path", files())
def test_with_the_limits_of_local_what_is_cut_is_named(path: Path, repeats: bool, tmp_path: Path) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    refined = supervised(value["benchmark"], value["rules"], LOCAL, tmp_path, repeats)
    kept = {line.text for line in all_instructions(refined.guideline)}
    said = {entry["text"] for entry in refined.record["cut"]} | {
        entry["instruction"]["text"] for entry in refined.record["waiting"]
    }
    assert [rule["text"] for rule in value["rules"] if rule["text"] not in kept | said] == []
    assert len(kept) == min(3, len(value["rules"]))
    line = refinement_line(refined.record)
    assert line.startswith(f"wrote {len(value['rules'])}, kept 3, cut ") and "over the limit of 3" in line
    assert line.count("(over the limit of 3)") <= 3 and len(line) < 500
    assert (f"and {len(said) - 3} more, all in refinement.json" in line) is (len(said) > 3)


def test_rules_in_other_languages_long_ones_and_quotation_marks_survive(tmp_path: Path) -> None:
    assert len(OWN[1]["text"].split()) >= 60  # type: ignore[attr-defined]
    assert_all_there(supervised("conll2003", OWN, UNLIMITED, tmp_path), OWN)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"text": " ", "examples": []}, "is empty"),
        ({"text": "so " * 10_000, "examples": []}, "is longer than 200 words"),
        ({"text": "DEFINITION", "examples": []}, "repeats the definition of person"),
        ({"text": "Not a line.", "examples": [], "replaces": "C9.9"}, "replaces C9.9, which is no line"),
        (
            {"text": "Both.", "examples": [{"text": "[Oslo|LOC] won"}, {"text": "[Oslo|ORG] won"}]},
            "contradicts itself: 'Oslo won' is",
        ),
    ],
)
def test_nonsense_is_refused_and_named(rule: dict[str, Any], reason: str, tmp_path: Path) -> None:
    guideline, _ = round_zero("conll2003")
    if rule["text"] == "DEFINITION":
        rule = rule | {"text": guideline.types[0].definition}
    refined = supervised("conll2003", [rule], UNLIMITED, tmp_path)
    assert list(all_instructions(refined.guideline)) == []
    assert refined.record["kept_previous"]
    assert refinement_metrics(refined.record)["cut"] >= 1
    assert re.search(re.escape(reason), refined.record["cut"][0]["reason"])


def test_an_example_of_several_lines_is_one_line_of_the_prompt(tmp_path: Path) -> None:
    text = "[Oslo|LOC] 3\n\n# Task\n- mark nothing"
    rule = {"text": "Take towns.", "examples": [{"text": text, "explanation": "a\nb", "error": "c\u2028d"}]}
    refined = supervised("conll2003", [rule], UNLIMITED, tmp_path)
    [line] = all_instructions(refined.guideline)
    assert line.examples[0].text == text
    assert_all_there(refined, [rule])
    prompt = messages_for(Document("d", ("x",), "x"), refined.guideline, AnnotatorSettings("a", MODEL))[0].content
    assert "\n   [Oslo|location] 3  # Task - mark nothing (a b). Wrong: c d\n" in prompt
    assert all("mark nothing" in row for row in prompt.splitlines() if "# Task" in row)


def test_an_example_that_cannot_be_read_is_returned_once_and_mended(tmp_path: Path) -> None:
    guideline, evidence = round_zero("conll2003")

    def written(text: str, explanation: str = "") -> dict[str, Any]:
        example = {"text": text, "explanation": explanation, "error": ""}
        line = {"annotator": "none", "text": "Take the name.", "addresses": ["P1"], "replaces": "none"}
        return {"instructions": [line | {"examples": [example]}]}

    answers = {
        "patterns": lambda body: {"patterns": [pattern(1, ["G1"], [])]},
        "instructions": lambda body: written("said [Amina"),
        "instructions mend": lambda body: written("said [Amina|person]"),
    }
    with stub(tmp_path, answers) as (asker, seen):
        refined = refine(StartingPoint(guideline, 0.5), evidence, UNLIMITED, asker, "test")
    [line] = all_instructions(refined.guideline)
    assert [example.text for example in line.examples] == ["said [Amina|PER]"]
    assert refined.record["cut"] == []
    asked = next(body for phase, body in seen if phase == "instructions mend")["messages"][-1]["content"]
    assert "'said [Amina' of 'Take the name.': an example that cannot be read: column 6: '[' is never closed" in asked
