"""A replay that asks for what its tape does not have: the error's first line says which, and what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.llm import difference as difference_module
from diziner.llm.ask import StoreAsker
from diziner.llm.difference import difference
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow, write_tape
from diziner.prompting.request import REPAIR, Message, ModelSettings, Request, Response
from diziner.prompting.templates import render

SETTINGS = ModelSettings("here", "m", revision="1", max_tokens=1024, structured="grammar")
SCHEMA = {"title": "entities", "type": "object", "properties": {"entities": {"maxItems": 5}}}
TASK = "Mark every name.\n\n## Types\n\n- place: where something is."
SHOTS = (
    Message("user", "<document>\nIn Oslo .\n</document>"),
    Message("assistant", '{"entities": [{"text": "Oslo", "type": "place"}]}'),
)


def few_shot(text: str, task: str = TASK, **settings: Any) -> Request:
    turns = (Message("system", task), *SHOTS, Message("user", f"<document>\n{text}\n</document>"))
    return Request("local", replace(SETTINGS, **settings), turns, SCHEMA, f"document {text}")


def plain(text: str, task: str = TASK, **settings: Any) -> Request:
    turns = (Message("user", f"{task}\n\n<document>\n{text}\n</document>"),)
    return Request("local", replace(SETTINGS, **settings), turns, SCHEMA, f"document {text}")


def supervisor(case: str, context: str = "Goal: names.\nTypes: place.") -> Request:
    return Request("local", SETTINGS, (Message("system", context), Message("user", case)), SCHEMA)


def row(request: Request, answer: str = "{}") -> TapeRow:
    return request.key, request.canonical(), Response(answer, "stop", "m")


# Two documents in two rounds, each by two annotators of one model, and two questions of the supervisor.
REFINED = f"{TASK}\n- Harbours are places."
RECORDED = sorted(
    [row(form(text, task)) for form in (few_shot, plain) for text, task in [("a b", TASK), ("c d", REFINED)]]
    + [row(supervisor(case)) for case in ("1. Lake Van:\n  place", "2. PSV:\n  organization")]
)


def said(request: Request, **more: Any) -> str:
    found = difference(request.canonical(), RECORDED, **more)
    assert found.restore
    assert "\n" not in found.what + found.restore
    return found.what


@pytest.mark.parametrize("form", [few_shot, plain])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": 512}, "max_tokens is 512, recorded was 1024"),
        ({"temperature": 0.5}, "temperature is 0.5, recorded was 0.0"),
        ({"seed": 3}, "seed is 3, recorded was 0"),
        ({"structured": "none"}, 'structured is "none", recorded was "grammar"'),
        ({"revision": "2"}, 'revision is "2", recorded was "1"'),
        ({"extra": {"min_p": 0.1}}, 'extra is {"min_p": 0.1}, recorded was {}'),
        ({"replica": 1, "stop": ("x",)}, 'stop is ["x"], recorded was []; replica is 1, recorded was 0'),
    ],
)
def test_a_changed_setting_is_named_with_both_values(form: Any, change: dict[str, Any], words: str) -> None:
    assert said(form("a b", **change)) == words
    restore = difference(form("a b", **change).canonical(), RECORDED).restore
    assert all(name in restore for name in change) and restore.endswith("in params.yaml")


def test_another_address_is_a_changed_setting() -> None:
    assert said(replace(few_shot("a b"), address="openai@there")) == 'address is "openai@there", recorded was "local"'


def test_another_schema_alone_is_named() -> None:
    changed = replace(few_shot("a b"), schema={**SCHEMA, "title": "names"})
    assert said(changed) == "the schema that answers are held to"
    # Else it only follows from what is named.
    assert said(replace(changed, settings=replace(SETTINGS, seed=1))) == "seed is 1, recorded was 0"


@pytest.mark.parametrize("form", [few_shot, plain])
@pytest.mark.parametrize(
    ("task", "words"),
    [
        (TASK.replace("every", "each"), "now “Mark each name.”, recorded was “Mark every name.”"),
        (f"{TASK}\nA line more.", "now “A line more.”, recorded was no such line"),
        (TASK.replace("\n\n## Types", "\n\n\n## Types"), "now an empty line, recorded was “## Types”"),
        ("Mark every name.", "now no such line, recorded was “## Types”"),
        # The round whose guideline is nearer.
        (REFINED.replace("Harbours", "Ports"), "now “- Ports are places.”, recorded was “- Harbours are places.”"),
    ],
)
def test_a_changed_guideline_or_prompt_is_shown_by_its_first_other_line(form: Any, task: str, words: str) -> None:
    text = "c d" if "Ports" in task else "a b"
    assert said(form(text, task)) == f"prompt or guideline text: {words}"
    assert "guideline.yaml" in difference(form(text, task).canonical(), RECORDED).restore


def test_a_long_line_is_cut_to_where_it_differs_and_cannot_move_the_cursor() -> None:
    long = "- place: " + "where something is, " * 30
    rows = [row(few_shot("a b", long + "or was.\x1b[2J" + "x" * 90))]
    words = difference(few_shot("a b", long + "or will be.").canonical(), rows).what
    assert "“…where something is, or will be.”, recorded was “…where something is, or was. [2Jxxx" in words
    assert len(words) < 220 and "\x1b" not in words


def test_a_setting_and_a_text_are_both_named() -> None:
    words = said(plain("a b", TASK.replace("every", "each"), seed=1))
    assert words.startswith("prompt or guideline text: now “Mark each") and words.endswith(
        "; seed is 1, recorded was 0"
    )


def test_another_number_of_messages_is_told_from_another_text() -> None:
    request = few_shot("a b")
    more = replace(request, messages=(request.messages[0], *SHOTS, *request.messages[1:]))
    assert said(more) == "a conversation of 6 messages, recorded was one of 4"
    assert "example sentences" in difference(more.canonical(), RECORDED).restore


@pytest.mark.parametrize("form", [few_shot, plain])
def test_a_document_that_nobody_recorded_is_said_to_be_one(form: Any) -> None:
    nowhere = "its text is in none of the 6 requests recorded of this model: other pilot or test documents"
    assert said(form("a b c")) == f"{nowhere}, or an edited text"
    assert said(form("a b c", seed=1)).endswith("edited text; seed is 1, recorded was 0")
    refined = said(form("a b c", f"{REFINED}\n- Lakes too."))
    assert refined.startswith(nowhere)
    assert refined.endswith("prompt or guideline text, too: now “- Lakes too.”, recorded was no such line")
    assert "corpus" in difference(form("x").canonical(), RECORDED).restore


def test_a_question_of_the_supervisor_is_compared_as_one() -> None:
    other = said(supervisor("1. Lake Van:\n  no entity"))
    assert other.startswith("what is asked is in none of the 6 requests recorded of this model: other disagreements")
    assert other.endswith("now “  no entity”, recorded was “  place”")
    known = said(supervisor("2. PSV:\n  organization", "Goal: names.\nTypes: place, team."))
    assert known == "prompt or guideline text: now “Types: place, team.”, recorded was “Types: place.”"


def test_a_repair_turn_is_held_against_what_it_continues() -> None:
    first = few_shot("a b")

    def turn(reason: str, answer: str = "Oslo") -> Request:
        return first.followed_by(Message("assistant", answer), Message("user", render("repair.v1", reason=reason)))

    def what(request: Request, *rows: TapeRow) -> str:
        return difference(request.canonical(), rows, is_repair=True).what

    mended = row(turn("no object"))
    assert what(turn("no JSON"), row(first, "Oslo"), mended) == (
        "the words of the repair turn: now “That answer could not be used: no JSON.”, "
        "recorded was “That answer could not be used: no object.”"
    )
    assert what(turn("no object"), row(first, "Oslo")).startswith("the recorded answer could be read")
    assert "is the response store's" in what(turn("no object", "Rome"), row(first, "Oslo"), mended)


# --- through the door ------------------------------------------------------------------------------------------------


def hosted(text: str, **settings: Any) -> Request:
    return replace(few_shot(text, **settings), address="openai")


def asker(folder: Path, **more: Any) -> StoreAsker:
    write_tape(folder / "tape.jsonl", {}, [row(hosted("a b"))])
    endpoint = Endpoint("here", "hosted", key_env="NO_SUCH_KEY")
    return StoreAsker(ResponseStore(folder / "store"), {"here": endpoint}, tape=folder / "tape.jsonl", **more)


KEY = "endpoint here: no key: set the environment variable NO_SUCH_KEY"


def test_a_missing_key_comes_after_what_differs(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        asker(tmp_path).ask([hosted("a b"), hosted("a b", seed=1), hosted("c d", seed=1)], "room round 0, reader")
    first, second = str(error.value).split("\n")
    assert first == (
        f"{tmp_path}/tape.jsonl: no answer is recorded for room round 0, reader, document a b and 1 more; "
        "what differs from the recording: seed is 1, recorded was 0"
    )
    assert second == f"restore seed in params.yaml; or have the model asked: {KEY}"
    assert not (tmp_path / "store").exists()


def test_a_repair_turn_is_known_by_its_label(tmp_path: Path) -> None:
    turn = hosted("a b").followed_by(Message("assistant", "{}"), Message("user", "Again."))
    with pytest.raises(UserError, match=f"for room, reader{REPAIR}, document a b; .*: the recorded answer could be"):
        asker(tmp_path).ask([turn], f"room, reader{REPAIR}")


def test_without_answers_of_the_model_the_tape_is_not_spoken_of(tmp_path: Path) -> None:
    for door, request in [
        (asker(tmp_path), hosted("a b", model="another")),
        (asker(tmp_path, replays=False), hosted("a b", seed=1)),
        (replace(asker(tmp_path), tape=tmp_path / "none"), hosted("a b", seed=1)),
    ]:
        with pytest.raises(UserError) as error:
            door.ask([request], "work")
        assert str(error.value) == KEY


def test_what_a_request_is_about_is_for_messages_only() -> None:
    request = few_shot("a b")
    other = replace(request, about="another")
    assert other == request and hash(other.about) != hash(request.about)
    assert other.canonical() == request.canonical() and other.key == request.key
    assert request.followed_by(Message("user", "more")).about == "document a b"


# --- in a project ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def replaying(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One room with its tape, documents prepared; tests put back what they change. Its weights are nowhere."""
    project = copy_project(tmp_path_factory.mktemp("replaying") / "project", ("conll2003",), recordings=True)
    project.stage("corpus", "conll2003")
    return project


def change(project: Project, path: str, edit: Callable[[str], str]) -> Callable[[], object]:
    """Edit a file; the result puts it back."""
    file = project.folder / path
    before = file.read_text(encoding="utf-8")
    after = edit(before)
    assert after != before
    file.write_text(after, encoding="utf-8")
    return lambda: file.write_text(before, encoding="utf-8")


def other_document(text: str) -> str:
    rows = [json.loads(line) for line in text.splitlines()]
    rows[2]["tokens"], rows[2]["text"] = ["Nobody", "asked", "this", "."], "Nobody asked this ."
    rows[2]["id"] = "another"
    return "".join(json.dumps(row) + "\n" for row in rows)


TEXT = "; what differs from the recording: prompt or guideline text: now "


@pytest.mark.parametrize("annotator", ["qwen_few_shot", "qwen_plain", "smollm_few_shot"])
@pytest.mark.parametrize(
    ("path", "edit", "words", "mend"),
    [
        (
            "data/conll2003/corpus/pilot/r0.jsonl",
            other_document,
            [", document another; ", "its text is in none of the ", "other pilot or test documents"],
            "`corpus` in params.yaml",
        ),
        (
            "data/conll2003/guideline.yaml",
            lambda text: text.replace("a real or fictional individual", "a real individual"),
            [
                f" and 5 more{TEXT}“- person (PER): The name of a real individual",
                "recorded was “- person (PER): The name of a real or",
            ],
            "that text in the round's guideline.yaml or in diziner/prompts;",
        ),
        (
            "diziner/prompts/annotator/annotate.v1.1.md",
            lambda text: text + "\nBe brief.\n",
            [f" and 5 more{TEXT}“Be brief.”, recorded was no such line"],
            "that text in the round's guideline.yaml or in diziner/prompts;",
        ),
        (
            "params.yaml",
            lambda text: text.replace("max_tokens: 1024", "max_tokens: 512"),
            [" and 5 more; what differs from the recording: max_tokens is 512, recorded was 1024"],
            "max_tokens in params.yaml;",
        ),
    ],
    ids=["document", "guideline", "prompt", "setting"],
)
def test_the_first_line_says_what_differs_from_the_recording(
    replaying: Project,
    annotator: str,
    path: str,
    edit: Callable[[str], str],
    words: list[str],
    mend: str,
    tmp_path: Path,
) -> None:
    put_back = change(replaying, path, edit)
    stage = ("annotate", "conll2003", "--annotator", annotator, "--round", "0")
    done = replaying.stage(*stage, check=False, DIZINER_CACHE=str(tmp_path))
    put_back()
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    start = f"error: data/conll2003/tape.jsonl: no answer is recorded for conll2003 round 0, {annotator}, document "
    assert first.startswith(start)
    assert all(part in first for part in words), first
    assert second.startswith("restore ") and mend in second
    assert "; fetch them once with `diziner weights fetch " in second
    # And unchanged, the tape has it all.
    assert replaying.stage(*stage, DIZINER_CACHE=str(tmp_path)).stderr == ""


def test_the_supervisors_first_line_says_it_too_and_labelling_does_without(replaying: Project, tmp_path: Path) -> None:
    for name in ("qwen_few_shot", "qwen_plain", "smollm_few_shot"):
        replaying.stage("annotate", "conll2003", "--annotator", name, "--round", "0", DIZINER_CACHE=str(tmp_path))
    replaying.stage("disagree", "conll2003", "--round", "0")
    put_back = change(replaying, "params.yaml", lambda text: text.replace("max_tokens: 1024", "max_tokens: 512"))
    done = replaying.stage("refine", "conll2003", "--round", "1", check=False, DIZINER_CACHE=str(tmp_path))
    put_back()
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert " is recorded for conll2003 round 1, supervisor: patterns and " in first
    assert first.endswith(": max_tokens is 512, recorded was 1024") and "max_tokens in params.yaml" in second
    # A corpus to be labelled was never meant to be on the tape.
    (replaying.folder / "letters.txt").write_text("Anna went to Oslo .\n")
    words = (
        "label",
        "--guideline",
        "data/conll2003/guideline.yaml",
        "--annotator",
        "qwen_plain",
        "--in",
        "letters.txt",
    )
    python = str(replaying.folder / ".venv/bin/python")
    command = (python, "-m", "diziner", *words, "--out", str(tmp_path / "labels"))
    done = replaying.run(*command, check=False, DIZINER_CACHE=str(tmp_path))
    assert done.returncode == 2
    assert "error: the weights of qwen2.5-coder-1.5b-instruct-q4_k_m are not on this machine" in done.stderr
    assert "tape" not in done.stderr


def test_a_value_is_shown_in_its_own_letters() -> None:
    assert difference_module._value({"b": "é", "a": [1, None]}) == '{"a": [1, null], "b": "é"}'


def test_a_line_is_shown_from_a_little_before_where_it_differs() -> None:
    first_line = difference_module._first_line
    for same, start in ((36, 0), (37, 13), (50, 26)):
        own, theirs = (f"{'0123456789' * 9}"[:same] + end + "tail" * 20 for end in "xy")
        said = first_line([own], [theirs])
        cut = "…" if start else ""
        assert said.startswith(f"now “{cut}{own[start:]}"[:60]), (same, said)
        assert f"recorded was “{cut}{theirs[start : start + 30]}" in said
