"""The workflows of continuous integration: what they name exists, and what they run is pinned."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT

from diziner.cli import COMMANDS

WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
SHELL = {"touch", "git", "set", "code=$?", "cat", "exit", "tee", "gh"}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps() -> list[dict[str, Any]]:
    jobs = [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]
    return [step for job in jobs for step in job["steps"]]


def commands() -> list[list[str]]:
    lines = [line for step in steps() for line in step.get("run", "").splitlines()]
    parts = [part for line in lines for part in re.split(r"[|;]|&&", line.split(" #")[0])]
    return [shlex.split(part) for part in parts if part.strip()]


def test_every_command_exists() -> None:
    assert WORKFLOWS and commands()
    for words in commands():
        if words[0] == "make":
            assert set(words[1:]) <= TARGETS, words
        elif words[0] == ".venv/bin/diziner":
            assert words[1] in COMMANDS
            parser = argparse.ArgumentParser()
            importlib.import_module(f"diziner.commands.{words[1].replace('-', '_')}").arguments(parser)
            arguments = words[2 : words.index(">")] if ">" in words else words[2:]
            parser.parse_args(arguments)
        else:
            assert words[0] in SHELL, words


def test_replay_tests_gate_and_comparison_are_run() -> None:
    run = {tuple(words[:2]) for words in commands()}
    diziner = ".venv/bin/diziner"
    assert {("make", "setup"), ("make", "repro"), ("make", "check"), ("make", "test")} <= run
    assert {(diziner, "gate"), (diziner, "diff"), ("git", "diff"), ("gh", "pr")} <= run


def test_actions_are_pinned_by_commit() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name) for name in used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_named_and_untrusted_text_stays_out_of_scripts(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    # A title or a branch name in a script is code; environment variables are not.
    assert all("${{" not in step.get("run", "") for step in steps())
