"""Shared by tests of `diziner label`: a folder with settings and an input, and the command run on it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, use_scripted

from diziner.commands import label as command
from diziner.common.errors import DizinerError, UserError
from diziner.common.files import read_jsonl
from diziner.common.version import VERSION

TEXT = "Ada Lovelace sent {} letters from Lisbon to Port Said, said the U.N. on Monday."
GUIDELINE = ROOT / "data/conll2003/guideline.yaml"


class Place:
    """A folder with settings, an input and the command, run in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        use_scripted(self.params)
        self.input = folder / "in.jsonl"
        self.out = folder / "out"
        self.save()
        self.documents(20)

    def save(self) -> None:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False), encoding="utf-8")

    def web(self, base_url: str, **more: Any) -> None:
        """Reach the annotators over HTTP."""
        self.params["endpoints"]["web"] = {
            "kind": "hosted",
            "provider": "hosted_vllm",
            "api_base": base_url,
            "concurrency": 8,
            "timeout_s": 60.0,
            **more,
        }
        for entry in self.params["annotators"].values():
            entry["endpoint"] = "web"
        self.save()

    def documents(self, count: int) -> None:
        rows = [{"id": f"d{n}", "text": TEXT.format(n)} for n in range(count)]
        self.input.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    def words(self, *more: str, source: Path | None = None, out: Path | None = None) -> list[str]:
        return [
            *("--guideline", str(GUIDELINE), "--annotator", "scripted_careful"),
            *("--in", str(source or self.input), "--out", str(out or self.out), *more),
        ]

    def label(self, *more: str, source: Path | None = None, out: Path | None = None) -> None:
        parser = argparse.ArgumentParser()
        command.arguments(parser)
        command.run(parser.parse_args(self.words(*more, source=source, out=out)))

    def start(self, *more: str, out: Path | None = None) -> subprocess.Popen[bytes]:
        """Run the command in a process of its own."""
        code = "from diziner.cli import main; main()"
        words = [sys.executable, "-c", code, "label", *self.words(*more, out=out)]
        return subprocess.Popen(words, cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def refuses(self, *more: str, source: Path | None = None, kind: type[DizinerError] = UserError) -> str:
        with pytest.raises(kind) as caught:
            self.label(*more, source=source)
        return str(caught.value)


def make_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place in which this process stands. What is tried again is so without long waits."""
    # What the command takes for the project's root.
    (folder / "dvc.yaml").write_text("stages: {}\n")
    (folder / ".diziner").write_text(f"{VERSION}\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("diziner.llm.lane._FIRST_WAIT_S", 0.02)
    return Place(folder)


def shards(out: Path) -> list[Path]:
    return sorted(path for path in out.iterdir() if path.name[0].isdigit()) if out.exists() else []


def rows(out: Path) -> list[dict[str, Any]]:
    return [row for path in shards(out) for row in read_jsonl(path, "labelled")]


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*shards(out), out / "manifest.json"]}


def hidden(folder: Path) -> list[str]:
    """The names of hidden files in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
