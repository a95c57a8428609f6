"""Contract of `diziner repro` with stock DVC: the same lock files, and each takes over where the other stopped."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, Project
from repro_projects import journal, locks, make_graph, shell, toy

from diziner.repro import dvc_graph
from diziner.repro.lockfiles import LockText

# Values that YAML writers differ about.
ODD = {
    "yes": "yes",
    "text": "a long text with: colons, # signs and 'quotes', " * 4,
    "lines": "one\ntwo\n\nthree\n",
    "numbers": [1, 1.0, 1e-9, 1e22, -0.5, "1.0", "007", 10**18],
    "nothing": None,
    "empty": {"list": [], "map": {}, "text": ""},
    "unicode": "Ærøskøbing – 東京 🙂",
    "deep": {"a": {"b": [{"c": True}, [1, [2]]]}},
}


def rich_stages() -> dict[str, Any]:
    """One of each: scripts, shells, several lines, metrics, plots, folders, params, unused outputs."""
    return {
        "a": toy("out/a", params=["odd", "model.temperature"]),
        "b": shell(
            "out/folder", "out/a", command="mkdir -p out/folder/x && cp out/a out/folder/x/b; cp out/a out/folder"
        ),
        "from-folder": toy("out/c", "out/a", deps=["out/folder", "stages/toy.py"], cmd="cp out/folder/x/b out/c"),
        "lines": {
            "cmd": ["mkdir -p out", "echo $DVC_STAGE > out/lines", "cat out/a >> out/lines"],
            "deps": ["out/a"],
            "outs": ["out/lines"],
        },
        "metric": {
            "cmd": "echo '{\"f1\": 0.5}' > metric.json",
            "deps": ["out/c"],
            "metrics": [{"metric.json": {"cache": False}}],
        },
        "plain": {"cmd": "cp out/c plain.txt", "deps": ["out/c"], "outs": [{"plain.txt": {"cache": False}}]},
        "each": {
            "matrix": {"m": ["x", "y"], "n": [{"id": 0}, {"id": 1}]},
            **toy("out/each/${item.m}.${item.n.id}", "out/a"),
        },
        "Upper": toy("out/upper", "out/each/x.0", deps=["out/each"], cmd="cat out/each/* > out/upper"),
        "kept": {
            "cmd": "mkdir -p out && echo more >> out/kept",
            "deps": ["out/a"],
            "outs": [{"out/kept": {"persist": True}}],
        },
    }


def rich_project(folder: Path) -> Project:
    rooms = {"r1": {"one": {"wdir": "../..", **toy("data/r1/out/one", "out/a")}}}
    project = make_graph(folder, rich_stages(), rooms)
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())
    stages["stages"]["end"] = shell("out/end", "data/r1/out/one", "out/upper")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(stages, sort_keys=False))
    (folder / "params.yaml").write_text(yaml.safe_dump({"odd": ODD, "model": {"temperature": 0.5}, "other": 1}))
    return project


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Project]:
    """The same project, reproduced by stock DVC and by `diziner repro`."""
    folder = tmp_path_factory.mktemp("both")
    stock, ours = rich_project(folder / "stock"), rich_project(folder / "ours")
    stock.dvc("repro")
    ours.diziner("repro", "-j", "3")
    return stock, ours


def test_lock_files_are_those_of_stock_dvc_but_sorted(both: tuple[Project, Project]) -> None:
    stock, ours = both
    assert list(locks(ours)) == ["data/r1/dvc.lock", "dvc.lock"]
    for name in locks(ours):
        theirs = (stock.folder / name).read_text()
        assert (ours.folder / name).read_text() == LockText(theirs).render()
    names = list(locks(ours)["dvc.lock"]["stages"])
    assert names == sorted(names)
    assert len(names) == 13


def test_outputs_are_those_of_stock_dvc(both: tuple[Project, Project]) -> None:
    for path in sorted(both[0].folder.glob("out/**/*")):
        assert path.is_dir() or path.read_bytes() == (both[1].folder / path.relative_to(both[0].folder)).read_bytes()
    assert (both[1].folder / "out/lines").read_text().startswith("lines\n")


def test_stock_dvc_finds_nothing_to_do_afterwards_and_we_after_it(both: tuple[Project, Project]) -> None:
    stock, ours = both
    assert "up to date" in ours.dvc("status").stdout
    assert "Data and pipelines are up to date." in ours.dvc("repro").stdout
    assert stock.diziner_here("repro").stdout.startswith("up to date: 14 stages unchanged")
    assert stock.diziner_here("repro", "--dry").stdout.startswith("up to date")


def test_settings_that_go_back_are_served_from_the_run_cache_of_either(both: tuple[Project, Project]) -> None:
    ours = both[1]
    journal(ours)

    def change(params: dict[str, Any]) -> None:
        params["model"]["temperature"] = 0.75

    def back(params: dict[str, Any]) -> None:
        params["model"]["temperature"] = 0.5

    before = {name: (ours.folder / name).read_bytes() for name in locks(ours)}
    ours.edit_params(change)
    # The output is the same with the new setting: nothing after it runs.
    assert "run       a\n" in ours.diziner_here("repro", "--dry").stdout
    assert "14 stages in" in ours.diziner_here("repro").stdout
    assert journal(ours) == ["out/a"]
    ours.edit_params(back)
    assert ours.diziner_here("repro", "--dry").stdout.startswith("cached    a\nmay run")
    done = ours.diziner_here("repro").stdout
    assert "cached    a\n" in done
    assert journal(ours) == []
    assert {name: (ours.folder / name).read_bytes() for name in locks(ours)} == before
    ours.edit_params(change)
    assert "Stage 'a' is cached" in ours.dvc("repro").stdout
    ours.edit_params(back)
    ours.diziner_here("repro")


def test_only_what_a_target_needs_is_run(both: tuple[Project, Project]) -> None:
    ours = both[1]
    journal(ours)
    ours.diziner_here("repro", "--force", "r1:one")
    assert sorted(journal(ours)) == ["data/r1/out/one", "out/a"]
    ours.diziner_here("repro", "--force", "data/r1/dvc.yaml:one")
    assert sorted(journal(ours)) == ["data/r1/out/one", "out/a"]
    assert "up to date" in ours.dvc("status").stdout


def test_blocks_of_a_lock_file_that_people_laid_out_survive(both: tuple[Project, Project]) -> None:
    ours = both[1]
    path = ours.folder / "dvc.lock"
    before = path.read_text()
    value = yaml.safe_load(before)
    value["stages"]["gone"] = {"cmd": "true"}
    path.write_text(yaml.safe_dump(value, default_flow_style=True))
    ours.edit_params(lambda params: params["model"].update(temperature=0.25))
    ours.diziner_here("repro", "a")
    after = locks(ours)["dvc.lock"]
    assert after["stages"].pop("gone") == {"cmd": "true"}
    assert after["stages"].keys() == yaml.safe_load(before)["stages"].keys()
    assert after["stages"]["b"] == yaml.safe_load(before)["stages"]["b"]
    path.write_text(before)
    ours.edit_params(lambda params: params["model"].update(temperature=0.5))
    ours.diziner_here("repro")
    assert path.read_text() == before


def test_frozen_stages_and_added_files_are_taken_as_dvc_takes_them(tmp_path: Path) -> None:
    stages = {
        "a": toy("out/a", "seed.txt"),
        "cold": toy("out/cold", "out/a", frozen=True),
        "b": toy("out/b", "out/cold"),
    }
    projects = [make_graph(tmp_path / name, stages) for name in ("stock", "ours")]
    for project in projects:
        (project.folder / "seed.txt").write_text("one\n")
        project.dvc("add", "seed.txt")
        (project.folder / "out").mkdir()
        (project.folder / "out/cold").write_text("cold\n")
    stock, ours = projects
    stock.dvc("repro")
    ours.diziner_here("repro")
    assert sorted(journal(ours)) == sorted(journal(stock)) == ["out/a", "out/b"]
    assert (ours.folder / "dvc.lock").read_text() == LockText((stock.folder / "dvc.lock").read_text()).render()
    for project in projects:
        (project.folder / "seed.txt").write_text("two\n")
    stock.dvc("repro", "a")
    ours.diziner_here("repro", "a")
    assert (ours.folder / "seed.txt.dvc").read_text() == (stock.folder / "seed.txt.dvc").read_text()
    assert (ours.folder / "out/a").read_text() == "made out/a\ntwo\n"


def test_a_stage_that_depends_on_a_folder_with_lock_files_sees_them_as_they_stay(tmp_path: Path) -> None:
    room = {"one": {"wdir": "../..", **toy("data/r/out/one")}}
    project = make_graph(
        tmp_path / "project", {"all": toy("out/all", deps=["data"], cmd="cat data/r/dvc.lock > out/all")}, {"r": room}
    )
    (project.folder / "out").mkdir()
    project.diziner_here("repro")
    assert (project.folder / "out/all").read_text() == (project.folder / "data/r/dvc.lock").read_text()
    assert project.diziner_here("repro").stdout.startswith("up to date")


def test_outputs_in_git_are_refused_and_its_index_is_read_once_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what comes into git while the run goes on. Reading the index for each output took a third of a run."""
    from dulwich.repo import Repo

    late = shell("out/late", "out/c", command="mkdir out/late && echo 1 > out/late/file && git add -f out/late/file")
    stages = {"a": toy("out/a"), "b": toy("out/b", "out/a"), "c": toy("out/c", "out/b"), "late": late}
    project = make_graph(tmp_path / "project", stages)
    reads = 0
    read = Repo.open_index

    def counted(repo: Repo) -> Any:
        nonlocal reads
        reads += 1
        return read(repo)

    monkeypatch.setattr(Repo, "open_index", counted)
    done = project.diziner_here("repro", check=False)
    assert done.returncode == 1
    assert "late: output 'out/late' is already tracked by SCM (e.g. Git)" in done.stderr
    assert journal(project) == ["out/a", "out/b", "out/c"] and locks(project)["dvc.lock"]["stages"].keys() == set("abc")
    assert reads == 2  # as it was, and with what the last stage added
    assert "already tracked by SCM" in project.dvc("repro", check=False).stderr


def test_the_version_is_the_pinned_one() -> None:
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"dvc=={dvc_graph.SUPPORTED}*" in pinned
    assert dvc_graph.supported_version()


def test_another_version_of_dvc_runs_the_stock_command_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from diziner.cli import _run

    project = make_graph(tmp_path / "project", {"a": toy("out/a"), "bad": toy("out/bad", options="--code 3")})
    monkeypatch.chdir(project.folder)
    known = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.99.0" if name == "dvc" else known(name))
    _run(["repro", "-j", "4", "a"])
    out, err = capfd.readouterr()
    assert err.startswith("DVC 3.99.0 is not 3.67.*, which -j needs: running `dvc repro`, a stage at a time\n")
    assert re.search(r"Running stage 'a'", out)
    assert locks(project)["dvc.lock"]["stages"].keys() == {"a"}
