"""docs/sharing.md for a team: a DVC remote with the S3 protocol, on moto's server: outputs, run-cache, tapes, stores.

Slow: run it with `make test-cluster`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from projects import Project, copy_project, use_scripted

pytest.importorskip("moto", reason="moto is not installed: pip install -e '.[cluster]'")
pytest.importorskip("dvc_s3", reason="dvc-s3 is not installed: pip install -e '.[cluster]'")
pytestmark = pytest.mark.slow

PIPELINE = "data/conll2003/dvc.yaml"
KEYS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server with the S3 protocol, with a bucket `team`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    request = urllib.request.Request(f"{url}/team", method="PUT")
                    urllib.request.urlopen(request, timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None
                    time.sleep(0.2)
            yield url
        finally:
            server.kill()
            server.wait()


class Team(NamedTuple):
    """The project in git, its outputs at each of its commits, and the storage's address."""

    origin: Project
    outputs: dict[str, dict[str, bytes]]
    s3: str


def small(params: dict[str, Any]) -> None:
    use_scripted(params)
    params["annotator_pool"] = params["annotator_pool"][:2]
    params["rounds"], params["refinements"] = params["rounds"][:1], []


def set_temperature(value: float) -> Any:
    return lambda params: params["annotators"]["scripted_careful"].update(temperature=value)


def outputs(project: Project) -> dict[str, bytes]:
    return {path: content for path, content in project.outputs().items() if path != "metrics/cost.json"}


def commit(project: Project, message: str) -> None:
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", message)


def cloned(team: Team, folder: Path) -> Project:
    subprocess.run(["git", "clone", "-q", str(team.origin.folder), str(folder)], check=True)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return Project(folder)


def models_were_asked(project: Project) -> bool:
    return (project.folder / ".responses").exists()


def objects(team: Team) -> set[str]:
    """Names of all objects in the remote."""
    import fsspec  # type: ignore[import-untyped]

    system = fsspec.filesystem("s3", client_kwargs={"endpoint_url": team.s3}, use_listings_cache=False)
    return set(system.find("team/dvc"))


@pytest.fixture(scope="module")
def team(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Team:
    origin = copy_project(tmp_path_factory.mktemp("team") / "origin", ("conll2003",))
    origin.edit_params(small)
    origin.dvc("remote", "add", "-d", "storage", "s3://team/dvc")
    origin.dvc("remote", "modify", "storage", "endpointurl", s3)
    found = {}
    for name, temperature in (("tagged", 0.0), ("passing", 0.3), ("last", 0.6)):
        origin.edit_params(set_temperature(temperature))
        origin.diziner("repro", "conll2003")
        commit(origin, name)
        origin.dvc("push", "--run-cache")
        found[name] = outputs(origin)
        if name == "tagged":
            origin.run("git", "tag", "v1")
    return Team(origin, found, s3)


def test_a_clone_pulls_and_has_nothing_to_run(team: Team, tmp_path: Path) -> None:
    clone = cloned(team, tmp_path / "clone")
    clone.dvc("pull", PIPELINE)
    assert outputs(clone) == team.outputs["last"]
    assert "up to date" in clone.dvc("repro", PIPELINE).stdout
    # What somebody has run before asks no model, by the run-cache.
    clone.dvc("pull", "--run-cache", PIPELINE)
    clone.edit_params(set_temperature(0.3))
    clone.dvc("repro", "--pull", PIPELINE)
    assert outputs(clone) == team.outputs["passing"]
    assert not models_were_asked(clone)


def test_two_push_at_once_and_a_third_has_both(team: Team, tmp_path: Path) -> None:
    people = []
    for name, temperature in (("ada", 0.7), ("bob", 0.8)):
        person = cloned(team, tmp_path / name)
        person.run("git", "checkout", "-q", "-b", name)
        person.dvc("pull", PIPELINE)
        person.edit_params(set_temperature(temperature))
        person.diziner("repro", "conll2003")
        commit(person, name)
        people.append(person)
    pushes = [
        subprocess.Popen([".venv/bin/dvc", "push", "--run-cache"], cwd=person.folder, stdout=subprocess.DEVNULL)
        for person in people
    ]
    assert [push.wait() for push in pushes] == [0, 0]
    for person in people:
        person.run("git", "push", "-q", "origin", "HEAD")
    third = cloned(team, tmp_path / "third")
    for person, name in zip(people, ("ada", "bob"), strict=True):
        third.run("git", "checkout", "-q", name)
        third.dvc("pull", PIPELINE)
        assert outputs(third) == outputs(person)
        assert "up to date" in third.dvc("repro", PIPELINE).stdout
    assert not models_were_asked(third)


def test_tapes_and_stores_travel_by_the_remote(team: Team, tmp_path: Path) -> None:
    author = cloned(team, tmp_path / "author")
    author.dvc("pull", PIPELINE)
    team.origin.diziner_here("responses", "export", str(author.folder / "answers" / "ada.jsonl.zst"))
    author.diziner_here("responses", "import", "answers/ada.jsonl.zst")
    author.diziner_here("responses", "record", "conll2003")
    author.run("git", "checkout", "-q", "-b", "answers")
    author.dvc("add", "answers/ada.jsonl.zst", "data/conll2003/tape.jsonl")
    commit(author, "answers")
    author.dvc("push", "answers/ada.jsonl.zst.dvc", "data/conll2003/tape.jsonl.dvc")
    author.run("git", "push", "-q", "origin", "answers")
    # The tape replays the run where no output was pulled.
    replay = cloned(team, tmp_path / "replay")
    replay.run("git", "checkout", "-q", "answers")
    assert not (replay.folder / "data/conll2003/tape.jsonl").exists()
    replay.dvc("pull", "data/conll2003/tape.jsonl.dvc")
    replay.diziner("repro", "conll2003")
    assert outputs(replay) == team.outputs["last"]
    assert not models_were_asked(replay)
    # The store answers for settings that are long gone.
    replay.dvc("pull", "answers/ada.jsonl.zst.dvc")
    replay.diziner_here("responses", "import", "answers/ada.jsonl.zst")
    before = (replay.folder / ".responses/responses.sqlite").stat().st_size
    replay.edit_params(set_temperature(0.0))
    replay.diziner("repro", "conll2003")
    assert outputs(replay) == team.outputs["tagged"]
    spent = replay.folder / "metrics/cost.json"
    assert before
    assert not spent.exists() or '"calls": 0' in spent.read_text()


def test_garbage_collection_keeps_what_tags_and_branches_need(team: Team, tmp_path: Path) -> None:
    keeper = cloned(team, tmp_path / "keeper")
    keeper.run("git", "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", "--tags")
    before = objects(team)
    keeper.dvc("gc", "--all-tags", "--workspace", "--cloud", "--force")
    after = objects(team)
    assert after < before
    clone = cloned(team, tmp_path / "clone")
    clone.dvc("pull", PIPELINE)
    assert outputs(clone) == team.outputs["last"]
    clone.run("git", "checkout", "-q", "v1")
    clone.dvc("pull", PIPELINE)
    assert outputs(clone) == team.outputs["tagged"]
    # What only a commit between them had is gone, and that is said.
    clone.run("git", "checkout", "-q", "v1~0")
    passing = clone.run("git", "log", "--all", "--format=%H", "--grep=passing").stdout.split()
    clone.run("git", "checkout", "-q", passing[0])
    assert clone.dvc("pull", PIPELINE, check=False).returncode != 0
