"""Another run beside this one: a folder has the files that git has of it, and gives what a revision gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from metric_project import MetricProject, drawn, two_benchmarks

from diziner.common.errors import UserError
from diziner.compare.revisions import Revision, WorkTree, commit_here, committed_at
from diziner.compare.side_by_side import Folder, side_by_side, snapshot_named

OLD, BETTER = drawn(1, 80, 0.5), drawn(2, 80, 0.95)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MetricProject:
    """A project with one commit, a copy of it in `before`, and a better run since."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = two_benchmarks(tmp_path / "here", OLD)
    shutil.copytree(tmp_path / "here", tmp_path / "before", ignore=shutil.ignore_patterns(".git"))
    made.score("conll2003", BETTER)
    return made


def test_a_folder_has_the_files_and_the_figures_of_its_commit(project: MetricProject) -> None:
    folder, revision = Folder(Path("../before")), Revision("HEAD")
    assert folder.name == "folder before"
    assert revision.blobs == folder.blobs
    for name in ("__pycache__/a.pyc", "b.py"):
        path = Path("../before/stages") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    Path("../before/data/conll2003/corpus").mkdir()
    Path("../before/data/conll2003/corpus/test.jsonl").write_text("{}\n")
    assert Folder(Path("../before")).blobs.keys() - folder.blobs.keys() == {"stages/b.py"}
    assert folder.output(Path("data/conll2003/corpus/test.jsonl")) == b"{}\n"
    assert folder.read(Path("data/none.yaml")) is None
    figures = [side_by_side(other) for other in (folder, revision)]
    assert figures[0]["figures"] == figures[1]["figures"] and figures[0]["benchmarks"] == figures[1]["benchmarks"]
    old, new = (figures[0]["figures"][side]["conll2003"]["f1"] for side in ("old", "new"))
    assert old < new == json.loads(Path("metrics/final/conll2003.json").read_text())["f1"]
    assert (figures[0]["old"], figures[1]["old"]) == ("folder before", "HEAD")


def test_code_that_differs_is_told_with_its_stages_where_both_runs_have_digests(project: MetricProject) -> None:
    def digests(root: str, **stages: dict[str, str]) -> None:
        for stage, own in stages.items():
            path = Path(root) / "stages/code" / f"{stage}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(own))

    Path("stages/score.py").write_text("# other scores\n")
    digests(".", score={"stages/score.py": "2", "diziner/a.py": "1", "data.txt": "2"}, vote={"diziner/a.py": "1"})
    assert side_by_side(Folder(Path("../before")))["changes"]["code"] == ["stages/score.py"]
    digests(
        "../before", score={"stages/score.py": "1", "diziner/a.py": "1", "data.txt": "1"}, gone={"diziner/a.py": "1"}
    )
    assert side_by_side(Folder(Path("../before")))["changes"]["code"] == [
        "diziner/a.py (gone, vote)",
        "stages/score.py (score)",
    ]


def test_a_word_is_a_folder_of_a_project_or_a_revision(project: MetricProject) -> None:
    assert isinstance(snapshot_named("../before"), Folder)
    assert isinstance(snapshot_named("HEAD"), Revision)
    with pytest.raises(UserError, match=r"no params.yaml there"):
        snapshot_named("data")
    with pytest.raises(UserError, match="no revision 'nowhere'"):
        snapshot_named("nowhere")
    with pytest.raises(UserError, match="revision"):
        snapshot_named("")


def test_files_of_the_work_tree_have_the_names_that_git_gives_them(project: MetricProject) -> None:
    Path("link").symlink_to("params.yaml")
    project.commit()
    assert WorkTree().blobs == Revision("HEAD").blobs
    Path("params.yaml").unlink()
    assert WorkTree().blobs.keys() == Revision("HEAD").blobs.keys() - {"params.yaml"}


def test_the_commit_here_says_whether_anything_has_changed_since(
    project: MetricProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = commit_here()
    assert found is not None
    assert found.keys() == {"id", "date", "subject", "changed"}
    assert found["changed"] and found["subject"] == "a state" and len(found["id"]) == 10
    assert Revision(found["id"]).blobs == Revision("HEAD").blobs
    assert len(found["date"].split("-")) == 3
    project.commit()
    Path("notes.txt").write_text("no part of the run")
    again = commit_here()
    assert again is not None and not again["changed"] and again["id"] != found["id"]
    assert committed_at(Path("params.yaml")) > 1_700_000_000
    for change in ("notes.txt", "params.yaml"):
        Path(change).write_text("{}")
        with pytest.raises(UserError, match="is not committed as it is"):
            committed_at(Path(change))
    monkeypatch.chdir(tmp_path)
    assert commit_here() is None
