"""Commands outside of any project: those on plain files work, the others say in a line how to make one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from projects import ROOT, use_scripted

from diziner.cli import COMMANDS
from diziner.common.version import VERSION
from diziner.layout import weights_path

GUIDELINE = ROOT / "data/conll2003/guideline.yaml"
LABEL = ("label", "--guideline", str(GUIDELINE), "--annotator", "scripted_careful", "--in", "in.txt", "--out", "out")
ANYWHERE = {"completion", "agree", "doctor", "export", "fake-server", "init", "label", "score", "weights"}
ARGUMENTS = {
    "batch": ("status",),
    "new": ("letters", "--from", "letters.txt"),
    "data": ("check",),
    "export": ("conll2003", "--to", "doccano", "--out", "export"),
    "use": ("local",),
    "exp": ("run",),
    "guideline": ("verify",),
    "refine": ("conll2003",),
    "responses": ("verify",),
    "transfer": ("conll2003",),
}


def settings_file(folder: Path) -> Path:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    use_scripted(params)
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    return path


def test_the_version_is_said(diziner: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        diziner("--version")
    assert (left.value.code, capsys.readouterr().out) == (0, f"diziner {VERSION}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("label --guidline x", "unrecognized arguments: --guidline; did you mean --guideline?"),
        ("label --guidline=x --in y", "did you mean --guideline?"),
        ("labl --guideline x", "invalid choice: 'labl'"),
        ("label --guide x", "arguments are required"),
    ],
)
def test_a_misspelt_option_is_named_and_not_the_one_that_it_stands_for(
    command: Callable[..., tuple[int, str]], words: str, said: str
) -> None:
    code, told = command(*words.split())
    assert code == 2 and said in told


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - ANYWHERE))
def test_a_command_on_a_project_says_how_to_make_one(diziner: Callable[..., str], tmp_path: Path, name: str) -> None:
    assert "`diziner init DIR`" in diziner(name, *ARGUMENTS.get(name, ()), code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_is_labelled_by_a_guideline_and_settings_alone(diziner: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Ada Lovelace saw Lisbon.\n", encoding="utf-8")
    assert "--params FILE" in diziner(*LABEL, code=2)
    settings_file(tmp_path)
    said = diziner(*LABEL, "--params", "mine.yaml")
    assert "1 document in 1 shard (0 shards there before), 2 mentions\n" in said
    # Answers are kept: a labelling elsewhere asks nothing again.
    assert sorted(path.name for path in tmp_path.iterdir()) == [".responses", "in.txt", "mine.yaml", "out"]
    plan = diziner(*LABEL[:-1], "other", "--params", "mine.yaml", "--dry")
    assert "1 document in 1 shard, 0 of them done; answered already: 1 document\n" in plan


def test_in_a_project_settings_of_ones_own_go_with_its_answers(
    diziner: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".diziner").write_text(f"{VERSION}\n", encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    settings_file(tmp_path / "below")
    Path("in.txt").write_text("Ada Lovelace saw Lisbon.\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["diziner", *LABEL, "--params", "mine.yaml"])
    from diziner.cli import main

    main()
    assert (tmp_path / ".responses").is_dir()
    assert (tmp_path / "below/out/manifest.json").is_file()


def test_weights_are_those_of_the_shipped_profile(
    diziner: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path / "cache"))
    assert "qwen2.5-coder-1.5b-instruct-q4_k_m" in diziner("weights", "fetch", "gpt-5", code=2)
    assert not weights_path("model.gguf", "0").parent.exists()


def test_scripted_models_are_served(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "diziner", "fake-server", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        server.send_signal(signal.SIGINT)
    assert "127.0.0.1" in said


def test_a_project_of_another_version_says_what_to_run(
    diziner: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / ".diziner"
    mark.write_text("0.0.1\n", encoding="utf-8")
    said = diziner("summary", code=2)
    assert "0.0.1" in said and VERSION in said and "`diziner init --upgrade`" in said
    for text in ("", "latest", "\N{SNOWMAN}", "1 2"):
        mark.write_text(text, encoding="utf-8")
        assert "`diziner init --upgrade`" in diziner("summary", code=2)
    mark.write_bytes(b"\xff")
    assert ".diziner" in diziner("summary", code=2)
    # What works anywhere works there too.
    assert json.loads(diziner("doctor", "--json", "--quick"))["project"] == str(tmp_path)


def test_the_marks_of_checkout_and_release_are_one() -> None:
    assert (ROOT / ".diziner").read_text(encoding="utf-8") == f"{VERSION}\n"
