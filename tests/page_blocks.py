"""Blocks of commands on the pages of docs/, and a shell in which a test runs them as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from projects import ROOT, Project

PAGES = sorted(path for path in ROOT.glob("docs/*.md") if path.name not in {"LOG.md", "settings.md"})
SHELLS = ("sh", "console")
_BLOCK = re.compile(r"(?:^ *<!-- not run: (.*?) -->\n\n?)?^( *)```(\w*)\n(.*?)^\2```$", re.DOTALL | re.MULTILINE)
# What a line of commands begins with, in a block that is not said to be one.
_COMMAND = re.compile(
    r"^ *(?:\$ |(?:\.venv/bin/)?(?:diziner|dvc|python) |(?:git|pip|make|uv|docker|export|vllm) )", re.M
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page. `reason` says why no test runs it; empty where one does."""

    page: str
    number: int
    language: str
    text: str
    reason: str

    @property
    def lines(self) -> list[str]:
        """The lines that a reader types: each whole, what they print and remarks left out."""
        joined = re.sub(r" *\\\n\s*", " ", self.text)
        lines = [line.strip() for line in joined.splitlines()]
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in lines if line and not line.startswith("#")]


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    """The blocks of a page in order, of all languages."""
    found = _BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    return tuple(Block(page, n, language, text, why) for n, (why, _, language, text) in enumerate(found))


def commands_of(page: str) -> list[Block]:
    """The blocks of commands of a page that a test has to run."""
    return [block for block in blocks_of(page) if block.language in SHELLS and not block.reason]


def hidden_commands(page: str) -> list[str]:
    """The lines of other blocks that look like commands."""
    others = (block for block in blocks_of(page) if block.language in {"", "text"})
    return [line for block in others for line in block.text.splitlines() if _COMMAND.match(line)]


class Reader(Project):
    """Someone who types what a page says, in one folder, with `diziner` and `dvc` on the PATH.

    `instead` are words of pages that stand for something of the reader's own, with what it is here.
    """

    def __init__(self, folder: Path, instead: Mapping[str, str] | None = None, **environment: str) -> None:
        super().__init__(folder)
        self._instead = dict(instead or {})
        self._environment = environment
        self._bin = folder.parent / f".{folder.name}-bin"
        self._bin.mkdir(exist_ok=True)
        for name, module in (("diziner", "diziner"), ("dvc", "dvc")):
            script = self._bin / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
            script.chmod(0o755)

    def types(self, block: Block) -> str:
        """Run a block's lines, each of which must do; return what they print."""
        said = []
        for line in block.lines:
            own = self._own(line)
            said.append(self._here(own) or self._shell(own))
        return "".join(said)

    def starts(self, line: str) -> subprocess.Popen[str]:
        """Start a command that runs until it is stopped."""
        words = [self._own(word) for word in shlex.split(line)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        program = [sys.executable, "-m", "diziner", *words[1:]]
        return subprocess.Popen(program, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True)

    def _own(self, line: str) -> str:
        for word, own in self._instead.items():
            line = line.replace(word, own)
        return line

    def _here(self, line: str) -> str | None:
        """Run a plain line of ours in this process, which takes a third of the time; None for what needs a shell."""
        words = shlex.split(line, comments=True)
        ours = words[0] in {"diziner", ".venv/bin/diziner"} and words[1] not in {"repro", "ablate"}
        if not ours or set(line) & set("&|;$*<>") or self._environment:
            return None
        return self.diziner_here(*words[1:]).stdout or " "

    def _shell(self, line: str) -> str:
        environment = {
            **os.environ,
            "DVC_NO_ANALYTICS": "1",
            **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            "EDITOR": "true",
            "PYTHONPATH": str(self.folder if (self.folder / "diziner").is_dir() else ROOT),
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            **{name: f"http://127.0.0.1:{port}" for name, port in (("http_proxy", 9), ("https_proxy", 9))},
            "no_proxy": "127.0.0.1,localhost",
            **self._environment,
        }
        place = self._bin / "place"
        program = f"{line}\ncode=$?; pwd > {shlex.quote(str(place))}; exit $code"
        # Into a file: what a line leaves running, such as DVC's workers, would hold a pipe open.
        said = self._bin / "said"
        with said.open("w") as stream:
            code = subprocess.run(
                ["sh", "-c", program], cwd=self.folder, env=environment, stdout=stream, stderr=stream, check=False
            ).returncode
        self.folder = Path(place.read_text().strip())  # a line may change the folder
        if code:
            pytest.fail(f"{line}\nexited {code}\n{said.read_text()}")
        return said.read_text()
