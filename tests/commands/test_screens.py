"""Screens of commands at three widths and piped, held against recorded ones: nothing is wider than the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from metric_project import MetricProject, drawn
from projects import ROOT
from terminal import recorded, shown_on_terminal

from diziner.commands.plan import render
from diziner.doctor.finding import Finding
from diziner.doctor.text import text_of
from diziner.rehearsal.asker import Planned
from diziner.rehearsal.window import Window
from diziner.repro.failures import FailureRecord
from diziner.settings import load_settings

Run = Callable[..., tuple[int, str]]
WIDTHS = (60, 80, 140)
ROOMS = ("conll2003", "crossner_literature", "genia", "mit_movie")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four rooms: one got worse, one did not change, one is of another guideline, one is out of the pipeline."""
    monkeypatch.chdir(tmp_path)
    made = MetricProject(tmp_path)
    for number, name in enumerate(ROOMS):
        made.score(name, drawn(number, 60))
        (tmp_path / f"data/{name}/benchmark.yaml").write_bytes((ROOT / f"data/{name}/benchmark.yaml").read_bytes())
    made.commit()
    made.score("conll2003", drawn(0, 60, 0.3))
    guideline = tmp_path / "data/genia/guideline.yaml"
    guideline.write_text(guideline.read_text().replace("Names.", f"All names{', of whatever kind' * 8}."))
    (tmp_path / "data/mit_movie/dvc.yaml").unlink()
    return tmp_path


@pytest.mark.parametrize("width", [*WIDTHS, None])
@pytest.mark.parametrize("name", ["status", "summary", "diff", "gate"])
def test_rooms_on_a_screen(project: Path, command: Run, name: str, width: int | None) -> None:
    code, text = shown_on_terminal(width, name) if width else command(name)
    assert code == (name == "gate")
    assert width is None or max(map(len, text.splitlines())) <= width
    recorded(f"{name}.{width or 'piped'}", text)


@pytest.mark.parametrize("name", ["status", "summary", "diff", "gate"])
def test_a_long_reason_keeps_to_the_screen_too(project: Path, command: Run, name: str) -> None:
    FailureRecord(project).fail("data/conll2003/dvc.yaml:score", "nobody listens at localhost:8000; " * 9)
    _, text = shown_on_terminal(60, name)
    assert "nobody listens" in " ".join(text.split()) and max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("width", WIDTHS)
def test_variants_and_findings_keep_to_the_screen(command: Run, width: int) -> None:
    code, text = shown_on_terminal(width, "ablate", "--list")
    assert code == 0 and max(map(len, text.splitlines())) <= width
    found = Finding("DVC", "settings", "note", "a word and one more " * 9, "mend it " * 9)
    assert max(map(len, text_of([found], width).splitlines())) <= min(width, 80)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_keeps_to_the_screen_and_says_what_it_leaves_out(width: int) -> None:
    work = "conll2003 test by the selected guideline, qwen"
    planned = [Planned(work, "scripted-careful", 12, 9, 17711.0, 299.0, None, Window("scripted-careful", None))]
    text = render(planned, load_settings(ROOT / "params.yaml"), width)
    assert max(map(len, text.splitlines())) <= width and {"9", "?"} <= set(text.split())
    assert ("left out in 60 characters: model, in store" in text) == (width == 60)


GOLD = "Ada B-PER\nLovelace I-PER\nwrote O\nto O\nOslo B-LOC\n\nBank B-ORG\nof I-ORG\nNorway I-ORG\nsleeps O\n\n"
FILES = {
    "gold.conll": GOLD + "Oslo B-LOC\nsleeps O\n",
    "anna.conll": GOLD.replace("Oslo B-LOC", "Oslo B-ORG") + "Oslo B-LOC\nsleeps O\n",
    "ben.conll": GOLD.replace("Lovelace I-PER", "Lovelace O") + "Oslo O\nsleeps O\n",
}
SCORE = ("score", "--gold", "gold.conll", "--pred", "anna.conll", "--pred", "ben.conll", "--protocol", "strict,type")
AGREE = ("agree", "anna.conll", "ben.conll", "gold.conll")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("words", [SCORE, AGREE], ids=["score", "agree"])
def test_files_on_a_screen(files: Path, command: Run, words: tuple[str, ...], width: int) -> None:
    code, text = shown_on_terminal(width, *words)
    assert code == 0 and max(map(len, text.splitlines())) <= width
    recorded(f"{words[0]}.{width}", text)


@pytest.mark.parametrize("words", [SCORE, AGREE], ids=["score", "agree"])
def test_json_is_for_pipes_and_on_request(files: Path, command: Run, words: tuple[str, ...]) -> None:
    code, piped = command(*words)
    assert code == 0 and json.loads(piped)
    assert json.loads(command(*words, "--json")[1]) == json.loads(piped)
    assert json.loads(shown_on_terminal(10_000, *words, "--json")[1]) == json.loads(piped)


def test_many_types_are_cut_short_and_files_of_one_name_told_apart(files: Path) -> None:
    spans = [[0, 1, "T00"], *([number, number + 1, f"T{number:02}"] for number in range(1, 40))]
    row = {"id": "a", "tokens": [f"t{number}" for number in range(40)], "spans": spans}
    (files / "other").mkdir()
    for name in ("gold.jsonl", "pred.jsonl", "other/pred.jsonl"):
        (files / name).write_text(json.dumps(row) + "\n")
    words = ("score", "--gold", "gold.jsonl", "--pred", "pred.jsonl")
    _, text = shown_on_terminal(80, *words, "--pred", "other/pred.jsonl")
    assert "1: pred.jsonl  strict" in text and "2: pred.jsonl  strict" in text
    assert "and 15 rarer types" in text
    _, text = shown_on_terminal(80, *words)
    assert "pred.jsonl  strict" not in text and "strict    1.000" in text
