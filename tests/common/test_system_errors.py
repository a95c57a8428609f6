"""Errors of the operating system: one line, exit 2, nothing half-written; a reader that goes away is no error."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project

from diziner.common.errors import UserError, run_main
from diziner.common.files import atomic, write_text

ROOT = Path(__file__).parents[2]


def said(words: list[str], stdout: Any, unbuffered: str = "", **more: Any) -> tuple[int, str]:
    """Run a module in a process of its own: exit code and standard error."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        [sys.executable, "-m", *words], stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, **more
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["diziner", "--help"], ["diziner", "summary"]])
def test_a_reader_that_went_away_is_no_error(words: list[str], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert said(words, writing, unbuffered, cwd=ROOT) == (141, "")
    finally:
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device is Linux's")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        code, line = said(["diziner", "summary"], full, cwd=ROOT)
    assert code == 2
    assert line == "error: standard output: No space left on device; make room there and run the same command again\n"


def fails(error: OSError) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "can be written to"),
        (errno.EACCES, "let your user"),
        (errno.ENAMETOOLONG, "shorter name"),
        (errno.EMFILE, "ulimit -n"),
    ],
)
def test_an_error_of_the_system_is_the_users(number: int, remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run_main(fails(OSError(number, os.strerror(number), "out/some\x1b[31m.json")))
    line = capsys.readouterr().err
    assert left.value.code == 2 and line.count("\n") == 1
    assert line.startswith(f"error: out/some [31m.json: {os.strerror(number)}; ") and remedy in line


def test_a_pipe_of_our_own_that_breaks_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run_main(fails(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    assert left.value.code == 2 and capsys.readouterr().err == "error: Broken pipe\n"


def test_what_cannot_be_written_is_told_by_its_own_name_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_text(path, "before")
    with pytest.raises(OSError, match="left on device") as full, atomic(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out.json", "before")]

    with pytest.raises(OSError, match="too long") as long:
        write_text(tmp_path / ("n" * 300), "x")
    assert long.value.filename == str(tmp_path / ("n" * 300))
    (folder := tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as taken:
        write_text(folder, "x")
    assert (taken.value.filename, taken.value.filename2) == (str(folder), None)
    longest = tmp_path / ("é" * 127)  # 254 of 255 bytes
    write_text(longest, "x")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["folder", "out.json", longest.name])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("full") / "project", ("conll2003",))


def test_a_stage_that_finds_the_disk_full_says_so_in_one_line(project: Project) -> None:
    """Under the launcher that DVC starts; a limit on the length of files stands for the disk."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))

    done = subprocess.run(
        ["sh", "stages/run", "corpus", "conll2003"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        preexec_fn=limited,
        env={**os.environ, "DIZINER_PYTHON": sys.executable},
    )
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("error: data/conll2003/") and "File too large" in line, line
    assert not list(project.folder.rglob("*.partial"))


def test_a_current_folder_that_was_removed_is_one_line(tmp_path: Path) -> None:
    (gone := tmp_path / "gone").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "diziner", "summary"],
        cwd=gone,
        capture_output=True,
        text=True,
        preexec_fn=gone.rmdir,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: No such file or directory"), done.stderr


def test_output_comes_before_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        sys.stdout.write("x")
        raise UserError("wrong")

    with pytest.raises(SystemExit) as left:
        run_main(main)
    assert left.value.code == 2 and capsys.readouterr() == ("x", "error: wrong\n")
