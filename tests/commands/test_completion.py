"""Completion in bash, zsh and fish, as these shells complete; names of the project by what takes no time to load."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import ROOT

from diziner.cli import COMMANDS, _parser
from diziner.commands.completion import _BY_METAVAR, _BY_NAME, _NAMES, SHELLS, actions

Run = Callable[..., tuple[int, str]]
# What is typed, and what there is then (bash and fish: among others).
TYPED = {
    "diziner ga": "gate",
    "diziner plan --stri": "--strict",
    "diziner data link mit_m": "mit_movie",
    "diziner label --annotator sele": "selected",
    "diziner check-endpoint loc": "local",
    "diziner score --gold params.y": "params.yaml",
    "diziner gate --base HEA": "HEAD",
    "diziner export --to docc": "doccano",
}
HEAVY = {"numpy", "scipy", "polars", "litellm", "dvc", "rich", "jinja2", "jsonschema", "shtab", "tokenizers"}


@pytest.fixture
def place(tmp_path: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program `diziner` and the scripts; one stands in this project."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/diziner"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m diziner "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for shell in SHELLS:
        (tmp_path / shell).mkdir()
        code, script = command("completion", shell)
        assert code == 0
        (tmp_path / shell / "_diziner").write_text(script)
    return tmp_path


def said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout


def test_bash(place: Path) -> None:
    lines = [f"source {place}/bash/_diziner"]
    for typed in TYPED:
        words = typed.split()
        lines.append(f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _shtab_diziner")
        lines.append('echo "${COMPREPLY[@]}"')
    found = said("bash", "-c", "\n".join(lines)).splitlines()
    assert dict(zip(TYPED, found, strict=True)) == TYPED


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish here")
def test_fish(place: Path) -> None:
    lines = [f"source {place}/fish/_diziner", *(f"complete -C {shlex.quote(typed)}; echo =" for typed in TYPED)]
    found = said("fish", "--no-config", "-c", "\n".join(lines)).split("=\n")
    for typed, block in zip(TYPED, found, strict=False):
        assert TYPED[typed] in [line.partition("\t")[0] for line in block.splitlines()], typed


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh here")
def test_zsh(place: Path) -> None:
    pid, terminal = pty.fork()
    if not pid:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "COLUMNS": "200"})
    try:
        begin = f"fpath=({place}/zsh $fpath); autoload -U compinit; compinit -u -D; PS1=rea'dy-'"
        os.write(terminal, f"{begin}\n".encode())
        until(terminal, "ready-")
        for typed, expected in TYPED.items():
            os.write(terminal, f"{typed}\t".encode())
            until(terminal, f"{typed.rpartition(' ')[0]} {expected} ")
            os.write(terminal, b"\x15")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def until(terminal: int, expected: str) -> None:
    text, end = "", time.monotonic() + 60
    while expected not in text:
        assert time.monotonic() < end, text
        if select.select([terminal], [], [], 0.1)[0]:
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(terminal, 65536).decode()).replace("\r", "")


def test_everything_that_is_completed_is_there() -> None:
    known = list(actions(_parser(COMMANDS)))
    assert _BY_NAME.keys() <= {(command, action.dest) for command, action in known}
    used = {str(action.metavar) for _, action in known}
    assert {name for name in _BY_METAVAR if name not in used} <= {"ROOM", "FOLDER", "DIR", "PATH"}
    assert "repro" in {command for command, action in known if _BY_METAVAR.get(str(action.metavar)) == "rooms"}


def test_names_take_no_time_and_are_none_where_there_is_no_project(
    command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "data")
    assert "conll2003" in command("completion", "--names", "rooms")[1].split()
    code = "import sys; from diziner.cli import main; sys.argv[0] = 'diziner'; main(); print(*sys.modules)"
    words = [sys.executable, "-c", code, "completion", "--names", "annotator"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    *names, loaded = done.stdout.splitlines()
    assert names[0] == "selected" and len(names) > 3
    assert not HEAVY & {*loaded.split()}

    monkeypatch.chdir(tmp_path)
    for kind in _NAMES:
        assert command("completion", "--names", kind)[0] == 0
    assert command("completion", "--names", "rooms") == (0, "")
    (tmp_path / ".diziner").write_text("0.1.0")
    (tmp_path / "params.yaml").write_text("endpoints: [")
    assert command("completion", "--names", "endpoints") == (0, "")
    assert command("completion")[0] == 2
