"""Words of the command line that name something: targets from the folder people stand in; names that are misspelt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT

from diziner.commands.targets import address
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.settings import settings_from

Run = Callable[..., tuple[int, str]]
ROOM = "data/a/dvc.yaml"
TABLE = [
    # from the root
    (".", "a", ROOM),
    (".", "a:score", f"{ROOM}:score"),
    (".", "data/a", ROOM),
    (".", "data/a/", ROOM),
    (".", "data/a:score", f"{ROOM}:score"),
    (".", f"{ROOM}:annotate@m-round0", f"{ROOM}:annotate@m-round0"),
    (".", "dvc.yaml", "dvc.yaml"),
    (".", "..", ".."),
    (".", "summary", "summary"),
    (".", "nothing", "nothing"),
    # in a room's folder
    ("data/a", "dvc.yaml", ROOM),
    ("data/a", ".", ROOM),
    ("data/a", "dvc.yaml:score", f"{ROOM}:score"),
    ("data/a", "score", f"{ROOM}:score"),
    ("data/a", "annotate@m-round0", f"{ROOM}:annotate@m-round0"),
    ("data/a", "../b", "data/b/dvc.yaml"),
    ("data/a", "b", "data/b/dvc.yaml"),
    ("data/a", "../../dvc.yaml", "dvc.yaml"),
    ("data/a", "../..", "dvc.yaml"),
    ("data/a", "final/scores.json", "data/a/final/scores.json"),
    ("data/a", "gone/scores.json", "gone/scores.json"),
    ("data/a", "summary", "summary"),
    # in a folder without a pipeline
    ("docs", "data/a", ROOM),
    ("docs", "../data/a", ROOM),
    ("docs", f"{ROOM}:score", f"{ROOM}:score"),
    ("docs", "dvc.yaml", "dvc.yaml"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stages = {"annotate": {"matrix": {"item": ["m-round0"]}, "cmd": "x"}, "score": {"cmd": "x"}}
    for name in ("a", "b"):
        (tmp_path / "data" / name / "final").mkdir(parents=True)
        (tmp_path / "data" / name / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (tmp_path / "docs").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {summary: {cmd: x}}")
    (tmp_path / ".diziner").write_bytes((ROOT / ".diziner").read_bytes())
    (tmp_path / "diziner").mkdir()
    (tmp_path / "diziner/__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("here", "word", "expected"), TABLE)
def test_a_target_is_meant_from_the_folder_people_stand_in(
    project: Path, monkeypatch: pytest.MonkeyPatch, here: str, word: str, expected: str
) -> None:
    monkeypatch.chdir(project / here)
    assert address(word) == expected
    monkeypatch.chdir(project)
    if word != "..":
        assert address(expected) == expected


def test_a_run_in_a_room_is_of_that_room(project: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the command line: the words are read before the command goes to the project's root."""
    ran: list[list[str]] = []
    monkeypatch.setattr("diziner.commands.repro._run", lambda targets, options: ran.append(list(targets)))
    monkeypatch.chdir(project / "data/a")
    for words in (["dvc.yaml"], ["."], []):
        assert command("repro", "--dry", *words) == (0, "")
        monkeypatch.chdir(project / "data/a")
    assert ran == [[ROOM], [ROOM], []]
    assert command("repro", "")[0] == 2
    (project / "data/a/dvc.yaml").write_text("stages: [")
    monkeypatch.chdir(project / "data/a")
    assert re.match(r"error: .*dvc.yaml:\d: not YAML", command("repro", "score")[1])


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["gaet"], "gate"),
        (["check_endpoint"], "check-endpoint"),
        (["summary", "--publshed"], "--published"),
        (["summary", "--jsn=1"], "--json"),
        (["data", "chek"], "check"),
        (["responses", "exprot"], "export"),
        (["export", "a", "--to", "doccan", "--out", "b"], "doccano"),
        (["frobnicate"], None),
    ],
)
def test_a_misspelt_word_of_the_command_line(command: Run, words: list[str], meant: str | None) -> None:
    code, said = command(*words)
    assert code == 2
    assert said.endswith(f"; did you mean {meant}?\n") if meant else "did you mean" not in said


def test_misspelt_names(monkeypatch: pytest.MonkeyPatch, command: Run) -> None:
    monkeypatch.chdir(ROOT)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())

    def said(change: Callable[[dict[str, Any]], object]) -> str:
        changed = yaml.safe_load(yaml.safe_dump(params))
        change(changed)
        with pytest.raises(UserError) as refused:
            settings_from(changed, "params.yaml")
        return str(refused.value)

    one = next(iter(params["annotators"]))
    assert said(lambda p: p["annotator_pool"].append(f"{one}s")).endswith(f"; did you mean {one}?")
    assert said(lambda p: p["annotators"][one].update(endpoint="locl")).endswith("; did you mean local?")
    assert said(lambda p: p["annotators"][one].update(temprature=1)).endswith("; did you mean temperature?")
    assert said(lambda p: p["annotators"][one].update(style="fewshot")).endswith("; did you mean few_shot?")
    assert said(lambda p: p.update(supervisr={})).endswith("; did you mean supervisor?")
    assert said(lambda p: p["corpus"].update(source="sampel")).endswith("; did you mean sample?")
    assert command("status", "CONLL-2003")[1].endswith("; did you mean conll2003?\n")
    assert command("use", "embeded")[1].endswith("; did you mean embedded?\n")
    with pytest.raises(UserError) as refused:
        check({"x": 1}, "gates", "gates.yaml")
    assert "did you mean" not in str(refused.value)


def test_a_misspelt_stage(project: Path, command: Run) -> None:
    (project / ".dvc").mkdir()
    (project / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    for word, meant in (
        (f"{ROOM}:scor", f"{ROOM}:score"),
        ("b:scores", "data/b/dvc.yaml:score"),
        ("sumary", "summary"),
    ):
        code, said = command("repro", "--dry", word)
        assert code == 2 and said.endswith(f"; did you mean {meant}?\n"), said
