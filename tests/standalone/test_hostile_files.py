"""Hostile files before everything that reads files of people: the same outcome everywhere, in one line or right."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_files import CASES, Case, make

from diziner.common.errors import UserError
from diziner.common.system_errors import in_words
from diziner.corpora.newroom import read_own_texts
from diziner.forms.choices import Choices
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import LabelledFile, read_plain


def outcome(read: Callable[[], object]) -> object:
    """What reading gives, or the line of its refusal."""
    try:
        return read()
    except UserError as error:
        said = str(error)
    except OSError as error:  # a line too, by `run_main`
        said = in_words(error)
    assert "\n" not in said and len(said) < 1000, said
    return said


def mentions(file: LabelledFile) -> list[list[str]]:
    assert file.documents is not None
    found = []
    for row in file.annotations:
        document = file.documents[row.id]
        places = row.characters or [None] * len(row.spans)
        texts = [
            document.text[slice(*place)] if place else " ".join(document.tokens[span.start : span.end])
            for span, place in zip(row.spans, places, strict=True)
        ]
        found.append([f"{' '.join(text.split())} {span.type}" for text, span in zip(texts, row.spans, strict=True)])
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_hostile_file_is_read_right_or_refused_in_one_line(tmp_path: Path, case: Case) -> None:
    path = make(tmp_path, case)
    labelled = outcome(lambda: read_plain(path))  # score, agree, export
    arrays = outcome(lambda: read_same_columns([path], Choices()))
    texts = outcome(lambda: [document_of(each) for each in items_of(files_of(path))] or "none")  # label
    room = outcome(
        lambda: read_own_texts("mine", path, None, [], 0.5, 13, False, Choices())
    )  # new, and its room's rows
    if isinstance(case.outcome, str):
        assert isinstance(labelled, str) and re.search(case.outcome, labelled), labelled
        assert arrays is None or isinstance(arrays, str), arrays
        if case.text:
            assert isinstance(texts, list), texts
        else:
            assert isinstance(texts, str), texts
            assert isinstance(room, str), room
        return
    assert isinstance(labelled, LabelledFile), labelled
    assert mentions(labelled) == case.outcome
    assert not isinstance(arrays, str), arrays
    assert isinstance(texts, list) and len(texts) == len(case.outcome), texts
    assert not isinstance(room, str) or "two or more are needed" in room, room


COMMANDS: dict[str, Callable[[str, str, str], tuple[str, ...]]] = {
    "score": lambda one, _, out: ("score", "--gold", one, "--pred", one, "--samples", "5"),
    "agree": lambda one, other, out: ("agree", one, other),
    "export": lambda one, _, out: ("export", one, "--to", "conll", "--out", f"{out}.conll"),
    "new": lambda one, _, out: ("new", "mine", "--from", one, "--types", "PER,LOC"),
    "label": lambda one, _, out: (
        *("label", "--guideline", "data/conll2003/guideline.yaml", "--annotator", "qwen_plain"),
        *("--in", one, "--out", out, "--dry"),
    ),
    "check": lambda one, _, out: ("data", "check", "conll2003", "--local", str(Path(one).parents[1] / "local")),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_in_one_line_or_well(tmp_path: Path, command: str) -> None:
    from attack.command_line import ended
    from attack.places import empty_project
    from projects import copy_tree

    project = copy_tree(empty_project(), tmp_path / "project").folder
    for name, case in CASES.items():
        below = tmp_path / "case"
        shutil.rmtree(below, ignore_errors=True)
        for part in ("one", "two", "local/conll2003"):
            (below / part).mkdir(parents=True)
        one, other = make(below / "one", case), below / "two" / f"b{case.name}"
        if case.made not in ("none", "pipe"):
            make(below / "two", case).rename(other)
        if isinstance(case.made, bytes):
            for split in ("pilot", "test"):
                (below / f"local/conll2003/{split}.jsonl").write_bytes(case.made)
        done = ended(project, *COMMANDS[command](str(one), str(other), str(below / "out")))
        shutil.rmtree(project / "data/mine", ignore_errors=True)
        assert done.error is None and done.code in (0, 2), (name, done)
        assert done.code == 0 or done.err.count("\n") == 1, (name, done.err)
        if command == "score" and isinstance(case.outcome, list):
            strict = json.loads(done.out)["predictions"][0]["protocols"]["strict"]
            assert strict["correct"] == strict["gold"] == sum(map(len, case.outcome)), name
        if command in ("score", "agree", "export"):
            assert (done.code == 2) == isinstance(case.outcome, str), (name, done)
