"""docs/sharing.md: who clones and pulls has the author's outputs, and nothing is computed again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from projects import Project, copy_project, use_scripted

PIPELINE = "data/conll2003/dvc.yaml"
SCORES = "metrics/final/conll2003.json"


class Shared(NamedTuple):
    """The author's project, pushed to git and to a remote of DVC, and its outputs at the two temperatures."""

    author: Project
    cool: dict[str, bytes]
    warm: dict[str, bytes]


def use_a_small_run(params: dict[str, Any]) -> None:
    use_scripted(params)
    params["annotator_pool"] = params["annotator_pool"][:2]
    params["rounds"], params["refinements"] = params["rounds"][:1], []


def outputs(project: Project) -> dict[str, bytes]:
    """What is shared: every output and metric, but not what this machine spent."""
    return {path: content for path, content in project.outputs().items() if path != "metrics/cost.json"}


def set_temperature(value: float) -> Any:
    return lambda params: params["annotators"]["scripted_careful"].update(temperature=value)


def commit(project: Project, message: str) -> None:
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", message)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    folder = tmp_path_factory.mktemp("sharing")
    author = copy_project(folder / "author", ("conll2003",))
    author.edit_params(use_a_small_run)
    author.dvc("remote", "add", "-d", "storage", str(folder / "remote"))
    found = []
    for temperature in (0.0, 0.3):
        author.edit_params(set_temperature(temperature))
        author.diziner("repro", "conll2003")
        commit(author, f"temperature {temperature}")
        author.dvc("push", "--run-cache")
        found.append(outputs(author))
    return Shared(author, *found)


def cloned(shared: Shared, folder: Path) -> Project:
    """A clone: what is in git, no outputs, no cache of DVC's and no answers."""
    subprocess.run(["git", "clone", "-q", str(shared.author.folder), str(folder)], check=True)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    assert not list(folder.glob("data/*/final"))
    return Project(folder)


def stages_run(output: str) -> set[str]:
    """The stages that DVC ran, or would run, by its own account."""
    return set(re.findall(r"^Running stage '(?:[^':]+:)?([^':]+)'", output, re.MULTILINE))


def models_were_asked(project: Project) -> bool:
    # Every answer, of scripted models too, is in the store before it is used.
    return (project.folder / ".responses").exists()


def test_the_two_settings_gave_different_outputs(shared: Shared) -> None:
    assert shared.cool.keys() == shared.warm.keys()
    assert shared.cool != shared.warm


def test_a_pull_brings_every_output_and_leaves_nothing_to_run(shared: Shared, tmp_path: Path) -> None:
    clone = cloned(shared, tmp_path / "clone")
    clone.dvc("pull", PIPELINE)
    assert outputs(clone) == shared.warm
    done = clone.dvc("repro", PIPELINE)
    assert "up to date" in done.stdout
    assert not stages_run(done.stdout)
    assert not models_were_asked(clone)
    assert outputs(clone) == shared.warm
    assert not clone.run("git", "status", "--porcelain").stdout
    # And a change runs what depends on it, nothing else.
    clone.edit_params(set_temperature(0.7))
    planned = stages_run(clone.dvc("repro", "--dry", PIPELINE).stdout)
    assert "annotate@scripted_careful-round0" in planned
    assert not planned & {"corpus", "annotate@scripted_eager-round0"}


def test_repro_can_pull_what_it_needs(shared: Shared, tmp_path: Path) -> None:
    clone = cloned(shared, tmp_path / "clone")
    done = clone.dvc("repro", "--pull", PIPELINE)
    assert not stages_run(done.stdout)
    assert not models_were_asked(clone)
    assert outputs(clone) == shared.warm


def test_settings_that_somebody_has_run_before_ask_no_model(shared: Shared, tmp_path: Path) -> None:
    clone = cloned(shared, tmp_path / "clone")
    clone.dvc("pull", "--run-cache", PIPELINE)
    clone.edit_params(set_temperature(0.0))
    done = clone.dvc("repro", "--pull", PIPELINE)
    assert "is cached" in done.stdout
    # The run-cache of a remote lacks metrics and digests of code, which are in git: only what writes them runs.
    assert stages_run(done.stdout) == {"code_digests", "score"}
    assert not models_were_asked(clone)
    # To the last byte, tokens and costs too, although nobody has sent the answers.
    assert outputs(clone) == shared.cool
    assert json.loads(shared.cool[SCORES])["figures"][0]["tokens"] > 0


def test_a_recorded_tape_replays_the_run_without_remote_or_models(shared: Shared, tmp_path: Path) -> None:
    recorded = cloned(shared, tmp_path / "recorded")
    recorded.dvc("pull", PIPELINE)
    # The author's answers come by export and import; the tape is cut from them.
    shared.author.diziner_here("responses", "export", str(tmp_path / "answers.jsonl"))
    recorded.diziner_here("responses", "import", str(tmp_path / "answers.jsonl"))
    recorded.diziner_here("responses", "record", "conll2003")
    commit(recorded, "tape")
    clone = cloned(Shared(recorded, {}, {}), tmp_path / "clone")
    clone.dvc("remote", "remove", "storage")
    clone.diziner("repro", "conll2003")
    assert not models_were_asked(clone)
    assert outputs(clone) == shared.warm
