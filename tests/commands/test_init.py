"""`diziner init`: a project is laid whole or not at all, in a folder that is nobody's yet; upgrades lose nothing."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from projects import ROOT

from diziner.common.version import VERSION
from diziner.pipeline.skeleton import Laid, managed, project_files

GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]


def commit(folder: Path) -> None:
    for words in (["add", "-A"], ["commit", "-q", "-m", "state"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True)


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder by path, but those of git."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path): (folder / path).read_bytes() for path in paths if path.parts[0] != ".git"}


def test_a_project_is_what_the_checkout_has_and_no_more(diziner: Callable[..., str], tmp_path: Path) -> None:
    said = diziner("init", "p")
    assert "18 benchmarks" in said and "cd p && make repro" in said
    laid = tree(tmp_path / "p")
    assert laid.pop(".diziner").decode() == f"{VERSION}\n"
    for name in ("README.md", "Makefile"):
        assert laid.pop(name) == (ROOT / "diziner/skeleton" / name).read_bytes()
    # Only the pipeline across benchmarks differs: the library is no part of the project.
    root, lock = (yaml.safe_load(laid.pop(name)) for name in ("dvc.yaml", "dvc.lock"))
    assert root["stages"]["code_digests"]["deps"][:2] == [".diziner", "stages/code_digests.py"]
    locked = [dep["path"] for dep in lock["stages"]["code_digests"]["deps"]]
    assert locked == sorted(root["stages"]["code_digests"]["deps"])
    assert laid == {name: (ROOT / name).read_bytes() for name in laid}
    assert len([name for name in laid if name.endswith("tape.jsonl")]) == 18
    assert (tmp_path / "p/.git").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p"]


def test_a_project_with_an_example_has_that_alone(diziner: Callable[..., str], tmp_path: Path) -> None:
    assert "1 benchmark and" in diziner("init", "own", "--example")
    laid = tree(tmp_path / "own")
    others = [path.parent.name for path in ROOT.glob("data/*/sample.txt") if path.parent.name != "conll2003"]
    assert len(others) == 17
    assert not [name for name in laid if any(other in name for other in others)]
    assert not {"dvc.lock", "metrics/summary.json"} & laid.keys()
    assert list(yaml.safe_load(laid["metrics/gates.yaml"])["f1"]["floors"]) == ["conll2003"]
    assert {"data/conll2003/tape.jsonl", "metrics/final/conll2003.json", "data/published.yaml"} <= laid.keys()


def test_a_project_for_own_corpora_has_nothing_shipped_in_the_way(
    diziner: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = diziner("init", "own", "--own")
    assert "cd own && diziner new NAME --from FILE --types A,B" in said and "diziner use --endpoint URL" in said
    laid = tree(tmp_path / "own")
    shipped = [path.parent.name for path in ROOT.glob("data/*/sample.txt")]
    assert len(shipped) == 18
    assert not [name for name in laid if name.startswith("data/") or any(f"/{each}" in name for each in shipped)]
    gates = yaml.safe_load(laid["metrics/gates.yaml"])
    assert gates["f1"]["floors"] == {} and gates["max_usd"] is None
    assert laid["stages/sources.json"] == b"{}\n"
    monkeypatch.chdir(tmp_path / "own")
    for words in (("repro",), ("repro", "--dry"), ("plan",), ("summary",), ("report",)):
        assert "no corpus is here yet: `diziner new NAME --from FILE" in diziner(*words, code=2), words


@pytest.mark.parametrize("kept", [(), (".git",), (".venv", ".git")])
def test_a_folder_that_is_there_and_empty_becomes_a_project(
    diziner: Callable[..., str], tmp_path: Path, kept: tuple[str, ...]
) -> None:
    for name in kept:
        (tmp_path / name).mkdir()
    if ".git" in kept:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    before = tmp_path.stat().st_ino
    diziner("init", ".", "--example")
    assert tmp_path.stat().st_ino == before, "a shell may stand in it"
    assert {*kept, ".git", ".diziner", "stages"} <= {path.name for path in tmp_path.iterdir()}
    assert not list(tmp_path.glob(".*diziner-init"))
    commit(tmp_path)


def test_in_a_repository_no_other_is_made(diziner: Callable[..., str], tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    diziner("init", "below/p", "--example")
    assert not (tmp_path / "below/p/.git").exists()


def in_a_project(folder: Path) -> str:
    (folder / ".diziner").write_text(f"{VERSION}\n")
    return "p"


def a_project(folder: Path) -> str:
    (folder / "p").mkdir()
    in_a_project(folder / "p")
    return "p"


def a_file(folder: Path) -> str:
    (folder / "p").write_text("mine")
    return "p"


def below_a_file(folder: Path) -> str:
    return f"{a_file(folder)}/q"


def not_empty(folder: Path) -> str:
    (folder / "p/.hidden").mkdir(parents=True)
    return "p"


def a_circle_of_links(folder: Path) -> str:
    (folder / "p").symlink_to("p")
    return "p"


def read_only(_: Path) -> str:
    return "/proc/p"  # not even the superuser's


REFUSED = {
    in_a_project: "is inside the project",
    a_project: "is a project already; `diziner init --upgrade`",
    a_file: "is a file; name a new or an empty folder",
    below_a_file: "cannot be made a project",
    not_empty: "is not empty: it holds .hidden; name",
    a_circle_of_links: "leads nowhere",
    read_only: "cannot be made a project",
}


@pytest.mark.parametrize("place", REFUSED, ids=lambda place: place.__name__)
def test_elsewhere_nothing_is_written(
    diziner: Callable[..., str], tmp_path: Path, place: Callable[[Path], str]
) -> None:
    name = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert REFUSED[place] in diziner("init", name, code=2)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_folder_it_asks_for_one(diziner: Callable[..., str], tmp_path: Path) -> None:
    assert "`diziner init DIR`" in diziner("init", code=2)
    assert "`diziner init DIR`" in diziner("init", "--upgrade", code=2)
    for which in ("--example", "--own"):
        assert f"{which}: not with --upgrade" in diziner("init", "--upgrade", which, code=2)
    assert list(tmp_path.iterdir()) == []


# Ends the process, as SIGKILL would, at the n-th call of a method of Path.
KILLED = """
import os, sys
from pathlib import Path
from diziner.cli import main
method, left = sys.argv[1], int(sys.argv[2])
usual = getattr(Path, method)

def counted(*words, **options):
    global left
    left -= 1
    if left < 0:
        os._exit(137)
    return usual(*words, **options)

setattr(Path, method, counted)
sys.argv = ["diziner", "init", sys.argv[3], "--example"]
main()
"""


@pytest.mark.parametrize("folder", ["p", "."])
@pytest.mark.parametrize(("method", "calls"), [("write_bytes", 0), ("write_bytes", 20), ("rename", 0), ("rename", 3)])
def test_killed_at_any_point_it_leaves_no_half_project(
    diziner: Callable[..., str], tmp_path: Path, folder: str, method: str, calls: int
) -> None:
    words = [sys.executable, "-c", KILLED, method, str(calls), folder]
    done = subprocess.run(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    if (folder, method, calls) == ("p", "rename", 3):
        assert done.returncode == 0  # all is renamed at once
        return
    assert done.returncode == 137
    target = tmp_path / folder
    assert not (target / ".diziner").exists()
    if folder == "p":
        assert not target.exists()
    diziner("init", folder, "--example")
    if folder == ".":
        assert not [path for path in tmp_path.iterdir() if "diziner-init" in path.name]
    else:
        assert [path.name for path in tmp_path.iterdir()] == ["p"]
    whole = tree(target)
    assert whole == {str(path): data for path, data in project_files(Laid.EXAMPLE).items()}
    commit(target)


def test_two_at_once_are_told_apart(diziner: Callable[..., str], tmp_path: Path) -> None:
    staging = tmp_path / ".p.diziner-init"
    staging.mkdir()
    handle = os.open(staging, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert "another `diziner init`" in diziner("init", "p", code=2)
    finally:
        os.close(handle)
    assert "1 benchmark" in diziner("init", "p", "--example")


@pytest.fixture
def older(diziner: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that an earlier version laid, and its folder the current one: another script, no template yet."""
    diziner("init", "p", "--example")
    folder = tmp_path / "p"
    (folder / ".diziner").write_text("0.0.1\n")
    (folder / "stages/corpus.py").write_text("# of 0.0.1\n")
    (folder / "stages/benchmark.dvc.yaml").unlink()
    (folder / "data/conll2003/dvc.yaml").write_text("stages: {}\n")
    (folder / "params.yaml").write_text((folder / "params.yaml").read_text() + "# mine\n")
    (folder / ".dvcignore").write_text("/mine")
    commit(folder)
    monkeypatch.chdir(folder)
    return folder


def test_an_older_project_is_brought_up_to_date(diziner: Callable[..., str], older: Path) -> None:
    assert "`diziner init --upgrade`" in diziner("summary", code=2)
    said = diziner("init", "--upgrade")
    changed = [".dvcignore", "data/conll2003/dvc.yaml", "stages/benchmark.dvc.yaml", "stages/corpus.py"]
    assert said.splitlines()[:-1] == changed
    laid = tree(older)
    expected = project_files(Laid.EXAMPLE)
    assert {name: laid[str(name)] for name in managed(expected)} == managed(expected)
    assert laid[".diziner"].decode() == f"{VERSION}\n"
    assert laid["params.yaml"].endswith(b"# mine\n")
    assert laid[".dvcignore"] == b"/mine\n*.partial\n"
    assert "1 benchmark" not in diziner("init", "--upgrade")  # nothing left to do
    assert diziner("data", "link")


def test_an_upgrade_replaces_nothing_that_git_does_not_hold(diziner: Callable[..., str], older: Path) -> None:
    (older / "stages/corpus.py").write_text("# of 0.0.1, and an edit\n")
    before = tree(older)
    assert "stages/corpus.py: has changes that git does not hold" in diziner("init", "--upgrade", code=2)
    assert tree(older) == before
    commit(older)
    diziner("init", "--upgrade")
    done = subprocess.run(["git", "show", "HEAD:stages/corpus.py"], cwd=older, capture_output=True, text=True)
    assert done.stdout == "# of 0.0.1, and an edit\n"


def test_an_upgrade_that_was_killed_is_made_good_by_the_next(
    diziner: Callable[..., str], older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("diziner.pipeline.laying.mark", lambda: sys.exit(137))
        with pytest.raises(SystemExit):
            diziner("init", "--upgrade")
    assert (older / ".diziner").read_text() == "0.0.1\n"
    diziner("init", "--upgrade")
    assert (older / ".diziner").read_text() == f"{VERSION}\n"


@pytest.mark.parametrize("laid", ["999.0", f"{VERSION}.post1"])
def test_a_project_of_a_newer_version_is_left_alone(diziner: Callable[..., str], older: Path, laid: str) -> None:
    (older / ".diziner").write_text(f"{laid}\n")
    before = tree(older)
    assert f"install diziner=={laid}" in diziner("init", "--upgrade", code=2)
    assert tree(older) == before


def test_a_checkout_is_no_project_to_upgrade(diziner: Callable[..., str]) -> None:
    assert "make locks" in diziner("init", "--upgrade", str(ROOT), code=2)


def test_a_stage_refuses_code_other_than_its_digest_file_says(diziner: Callable[..., str], tmp_path: Path) -> None:
    diziner("init", "p", "--example")
    folder = tmp_path / "p"
    file = folder / "stages/code/corpus.json"
    said = json.loads(file.read_text())

    def stage() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "stages.corpus", "conll2003"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    assert stage().returncode == 0, stage().stderr
    file.write_text(json.dumps({**said, "diziner/corpora/card.py": "0" * 16}))
    done = stage()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "diziner/corpora/card.py" in done.stderr and "`diziner repro -f dvc.yaml:code_digests`" in done.stderr
    (folder / ".diziner").write_text("0.0.1\n")
    assert "`diziner init --upgrade`" in stage().stderr
