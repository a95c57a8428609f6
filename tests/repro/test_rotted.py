"""What rots on disk and what is edited by hand: never restored from the cache, and found by `diziner verify`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from projects import Project, copy_tree
from repro_projects import journal, locks, make_graph, shell, toy


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was run: files, a folder, an output outside of the cache. For copies."""
    folder = tmp_path_factory.mktemp("rotted") / "project"
    stages = {
        "a": toy("out/a"),
        "b": toy("out/b", "out/a"),
        "folder": shell("out/folder", "out/a", command="mkdir -p out/folder/x && cp out/a out/folder/x/b"),
        "metric": {"cmd": "echo 1 > metric.json", "deps": ["out/a"], "metrics": [{"metric.json": {"cache": False}}]},
    }
    project = make_graph(folder, stages)
    project.diziner_here("repro", "-j", "1")
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "run")
    journal(project)
    return project


@pytest.fixture
def project(done: Project, tmp_path: Path) -> Project:
    return copy_tree(done.folder, tmp_path / "project")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def recorded(project: Project, path: str) -> str:
    """The MD5 of an output by the lock."""
    found = [
        out["md5"]
        for lock in locks(project).values()
        for stage in lock["stages"].values()
        for out in stage["outs"]
        if out["path"] == path
    ]
    return str(found[0])


def object_of(project: Project, digest: str) -> Path:
    return project.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def rot(path: Path, data: bytes = b"something else\n") -> None:
    """Change a file of the cache as a failing disk does: DVC sees it read-only, as it made it."""
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def test_a_rotted_object_is_not_restored_the_stage_runs_again(project: Project) -> None:
    good = (project.folder / "out/a").read_bytes()
    path = object_of(project, recorded(project, "out/a"))
    rot(path)
    (project.folder / "out/a").unlink()
    said = project.diziner_here("repro", "-j", "1").stdout
    assert f"rotted    {path.relative_to(project.folder)}: removed" in said
    assert md5(b"something else\n") in said
    assert journal(project) == ["out/a"]
    assert (project.folder / "out/a").read_bytes() == path.read_bytes() == good
    assert project.diziner_here("repro").stdout.startswith("up to date")


@pytest.mark.parametrize("which", ["list", "file"])
def test_a_folder_with_a_rotted_object_is_not_restored(project: Project, which: str) -> None:
    listed = object_of(project, recorded(project, "out/folder"))
    rot(listed if which == "list" else object_of(project, recorded(project, "out/a")), b"[]")
    project.run("rm", "-r", "out/folder")
    assert "rotted    .dvc/cache" in project.diziner_here("repro", "-j", "1").stdout
    assert (project.folder / "out/folder/x/b").read_bytes() == (project.folder / "out/a").read_bytes()


def test_an_entry_of_the_run_cache_that_was_edited_is_not_used(project: Project) -> None:
    """An edited entry could lead to any object that is whole in itself."""
    good, other = (project.folder / "out/b").read_bytes(), recorded(project, "out/a")
    [entry] = [path for path in project.folder.glob(".dvc/cache/runs/*/*/*") if "path: out/b" in path.read_text()]
    entry.write_text(entry.read_text().replace(recorded(project, "out/b"), other))
    (project.folder / "dvc.lock").unlink()
    (project.folder / "out/b").unlink()
    assert f"rotted    {entry.relative_to(project.folder)}: removed" in project.diziner_here("repro", "-j", "1").stdout
    assert (project.folder / "out/b").read_bytes() == good
    assert journal(project) == ["out/b"]


def test_what_is_kept_anew_replaces_a_rotted_object(project: Project) -> None:
    """DVC writes no object that it has: a forced run would leave the rotted one behind good outputs."""
    path = object_of(project, recorded(project, "out/b"))
    rot(path)
    assert "rotted    " in project.diziner_here("repro", "-j", "1", "-f").stdout
    assert path.read_bytes() == (project.folder / "out/b").read_bytes()
