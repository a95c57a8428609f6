"""dvc.lock files are written in whole, sorted, and nothing in them is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from projects import ROOT

from diziner.repro.lockfiles import LockFiles, LockText

LOCK = """schema: '2.0'
stages:
  b@x:
    cmd: echo a long line that
      goes on
    outs:
    - path: out
      md5: 0
  a:
    cmd: |
      one
      two

      three
"""


def read(path: Path) -> LockText:
    return LockText(path.read_text() if path.exists() else "")


def test_a_lock_file_comes_back_with_its_stages_sorted() -> None:
    text = LockText(LOCK)
    assert list(text.blocks) == ["b@x", "a"]
    assert yaml.safe_load(text.render()) == yaml.safe_load(LOCK)
    assert text.render().index("  a:\n") < text.render().index("  b@x:\n")
    assert LockText(text.render()).render() == text.render()


@pytest.mark.parametrize("path", sorted(ROOT.glob("data/*/dvc.lock")), ids=lambda path: path.parent.name)
def test_the_projects_own_lock_files_lose_nothing(path: Path) -> None:
    text = path.read_text()
    rendered = LockText(text).render()
    assert sorted(rendered.splitlines()) == sorted(text.splitlines())
    assert yaml.safe_load(rendered) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["", "schema: '2.0'\nstages: {}\n", "schema: '2.0'\nstages:\n"])
def test_a_file_without_stages_gets_its_first(text: str) -> None:
    lock = LockText(text)
    lock.blocks["a"] = "  a:\n    cmd: one\n"
    assert lock.render() == "schema: '2.0'\nstages:\n  a:\n    cmd: one\n"


def test_what_stands_beside_the_stages_stays() -> None:
    text = "schema: '2.0'\nstages:\n  a:\n    cmd: one\ndatasets:\n- name: d\n"
    assert LockText(text).render() == text
    text = "schema: '2.0'\ndatasets:\n- name: d\nstages:\n  a:\n    cmd: one\n"
    assert LockText(text).render() == text


def test_files_are_written_only_when_something_changed(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK)
    files = LockFiles(read, every_s=0.0)
    files.put(path, {"a": LockText(LOCK).blocks["a"]})
    assert files.flush(now=True) == []
    assert path.read_text() == LOCK
    files.put(path, {"a": "  a:\n    cmd: other\n"})
    assert files.flush() == [path]
    assert yaml.safe_load(path.read_text())["stages"]["a"] == {"cmd": "other"}


def test_blocks_wait_for_each_other_but_not_at_the_end(tmp_path: Path) -> None:
    files = LockFiles(read, every_s=3600.0)
    for name in "abc":
        files.put(tmp_path / "dvc.lock", {name: f"  {name}:\n    cmd: {name}\n"})
        assert files.flush() == []
    assert files.flush(now=True) == [tmp_path / "dvc.lock"]
    assert list(yaml.safe_load((tmp_path / "dvc.lock").read_text())["stages"]) == ["a", "b", "c"]


WRITER = """
import sys
from pathlib import Path
from diziner.repro.lockfiles import LockFiles, LockText
path = Path(sys.argv[1])
files = LockFiles(lambda path: LockText(path.read_text() if path.exists() else ""), every_s=0.0)
for number in range(10**6):
    files.put(path, {f"s{number % 300}": f"  s{number % 300}:\\n    cmd: run {number} " + "x" * 200 + "\\n"})
    files.flush()
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    for moment in (0.0, 0.013, 0.029, 0.041):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT)
        before = path.stat().st_mtime_ns if path.exists() else 0
        while not path.exists() or path.stat().st_mtime_ns == before:
            time.sleep(0.001)
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        stages = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["stages"]
        assert all(entry["cmd"].endswith("x" * 200) for entry in stages.values())
