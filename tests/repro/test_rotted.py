"""What rots on disk and what is edited by hand: never restored from the cache, and found by `diziner verify`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
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
    assert "run       a\n" in project.diziner_here("repro", "--dry").stdout
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


def verified(project: Project, *words: str) -> tuple[list[str], str]:
    """The faults that `diziner verify` finds, and what it says at its end."""
    done = project.diziner_here("verify", *words, check=False)
    faults = [line for line in done.stdout.splitlines() if "; " in line or "cannot be read" in line]
    assert done.returncode == (2 if faults else 0), done
    assert len(done.stderr.splitlines()) <= 1
    return faults, done.stdout


def test_a_whole_project_is_read_to_its_last_byte(project: Project) -> None:
    faults, said = verified(project)
    assert faults == []
    assert said.startswith("read: 4 outputs, 4 objects of DVC's cache, 4 run-cache entries: ")
    assert " bytes in " in said
    before = project.run("find", ".", "-path", "./.dvc/tmp", "-prune", "-o", "-type", "f", "-printf", "%p %T@ %m\n")
    verified(project)
    after = project.run("find", ".", "-path", "./.dvc/tmp", "-prune", "-o", "-type", "f", "-printf", "%p %T@ %m\n")
    assert before.stdout == after.stdout


def test_what_rotted_is_named_with_digests_and_what_mends_it(project: Project) -> None:
    """The case that DVC believes: object and output are wrong, its notes on both are of before."""
    digest, wrong = recorded(project, "out/a"), md5(b"something else\n")
    path = object_of(project, digest)
    rot(path)
    (project.folder / "out/a").unlink()
    project.dvc("checkout", "out/a")
    assert (project.folder / "out/a").read_bytes() == b"something else\n"
    assert "up to date" in project.dvc("status").stdout
    faults, _ = verified(project)
    name = path.relative_to(project.folder)
    assert faults == [
        f"out/a: output of a: dvc.lock says MD5 {digest}, found is {wrong}; `rm -rf out/a && diziner repro` "
        "makes it anew",
        f"{name}: out/a, output of a: its name says {digest}, its contents {wrong}; `rm -f {name}`, then "
        "`diziner repro` makes it anew where it is needed",
    ]
    assert verified(project, "a")[0] == faults
    refused = project.diziner_here("repro", "--verify", check=False)
    assert (refused.returncode, journal(project)) == (2, [])
    assert "2 faults" in refused.stderr
    for fault in faults:
        project.run("sh", "-c", fault.split("`")[1].replace("diziner", ".venv/bin/python -m diziner"))
    project.diziner_here("repro", "--verify")
    assert md5((project.folder / "out/a").read_bytes()) == digest


def test_faults_of_folders_metrics_and_unreadable_files_are_named(project: Project) -> None:
    (project.folder / "out/folder/x/b").write_text("edited\n")
    (project.folder / "metric.json").write_text("2\n")
    [entry] = [path for path in project.folder.glob(".dvc/cache/runs/*/*/*") if "out/b" in path.read_text()]
    entry.write_text("a: [")
    faults, _ = verified(project)
    assert len(faults) == 3
    assert "(in x/b)" in faults[0]
    assert faults[1].startswith(f"metric.json: output of metric: dvc.lock says MD5 {md5(b'1' + bytes([10]))}, found")
    assert faults[2].startswith(
        f"{entry.relative_to(project.folder)}: run-cache entry: its name says {entry.parent.name}"
    )


def test_a_lock_that_was_edited_is_told_from_an_output_that_was(project: Project) -> None:
    """Also one that names another object, whole in itself, where the output was put in its place."""
    lock, other = project.folder / "dvc.lock", recorded(project, "out/a")
    text = lock.read_text()
    lock.write_text(text.replace(recorded(project, "out/b"), other))
    for wrong in (False, True):
        if wrong:
            (project.folder / "out/b").write_bytes((project.folder / "out/a").read_bytes())
        [fault] = verified(project)[0]
        assert fault.startswith(f"out/b: output of b: dvc.lock says MD5 {other}, found is ")
        assert "the lock was edited: `git checkout -- dvc.lock`" in fault
    lock.write_text(text.replace(f"md5: {other}\n      size: ", f"md5: {other}\n      size: 1"))
    assert any("bytes" in fault and "the lock was edited" in fault for fault in verified(project)[0])
    lock.write_text(text.replace("stages:", "stages: ["))
    refused = project.diziner_here("verify", check=False)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "dvc.lock" in refused.stderr


def test_what_was_not_fetched_is_no_fault(project: Project) -> None:
    project.run("rm", "-rf", ".dvc/cache", "out/b", "out/folder")
    faults, said = verified(project)
    assert faults == []
    assert "read: 2 outputs: " in said
    assert "not here, which is no fault: " in said
    assert "2 outputs" in said.splitlines()[-1]
    assert "3 objects of DVC's cache" in said.splitlines()[-1]
