"""The pages of docs/ do what they say: every block of commands is run as it stands, or says why it is not."""

from __future__ import annotations

import importlib
import json
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import plugin_place
import pytest
import yaml
from page_blocks import PAGES, SHELLS, Reader, blocks_of, commands_of, hidden_commands
from projects import ROOT, Project, copy_project, use_scripted

from diziner.scripted.batches import BatchHabits
from diziner.scripted.server import ScriptedServer

# Where the blocks of a page are run: here, or by the test that has what they need.
ELSEWHERE = {
    "annotation-day.md": "tests/test_annotation_day.py",
    "corpora.md": "tests/test_readme.py",
    "forms.md": "tests/test_readme.py",
    "guide.md": "tests/test_readme.py",
    "honest-numbers.md": "tests/test_readme.py",
    "label-at-scale.md": "tests/test_readme.py",
    "method.md": "tests/test_readme.py",
    "models.md": "tests/test_readme.py",
    "refine.md": "tests/supervisor/test_refine_command.py",
    "own-project.md": "tests/test_installed.py",  # with the wheel
    "states.md": "tests/test_readme.py",
    "troubleshooting.md": "tests/test_readme.py",
    "tutorial-annotation.md": "tests/test_paths.py",
    "tutorial-gate.md": "tests/test_paths.py",
    "tutorial-student.md": "tests/test_paths.py",
}
HERE = {"nested.md", "people.md", "plug-ins.md", "protocols.md", "own-project.md", "providers.md", "sharing.md"}
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # a name, which nothing fetches
SLOW = {"ablations.md", "batches.md", "experiments.md", "transfer.md"}  # pytest -m slow
CONLL = "Ada B-PER\nLovelace I-PER\nsaw O\nLisbon B-LOC\n\nIt O\nrained O\n"
LABELLED = (
    {"id": "a", "text": "Ada Lovelace saw Port Said.", "spans": [[0, 12, "PER"], [17, 26, "LOC"]]},
    {"id": "b", "text": "It rained in York.", "spans": [[13, 17, "LOC"]]},
    {"id": "c", "text": "Jane wrote.", "spans": [[0, 4, "PER"]]},
)
LETTERS = "Dear Ada, I am in London.\nMary wrote from Rome.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of one's own, outside of any project: gold, predictions, three people, two models."""
    made = tmp_path / "own"
    made.mkdir()
    for name in ("gold", "mine", "anna", "ben"):
        text = CONLL if name in {"gold", "anna"} else CONLL.replace("Ada B-PER\nLovelace I", "Ada O\nLovelace B")
        (made / f"{name}.conll").write_text(text)
    for name in ("gold", "mine", "anna", "ben", "carla", "qwen", "gemma"):
        most = 1 if name in {"mine", "ben"} else 2
        rows = [
            {**row, "id": f"{row['id']}{n}", "spans": row["spans"][:most]} for n in range(12) for row in LABELLED
        ]  # 30 documents are the least for a test whether models may stand in for people
        (made / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return made


def test_every_block_of_commands_is_run_or_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [block for path in PAGES for block in blocks_of(path.name) if block.language in SHELLS]
    left = [block for block in blocks if block.reason]
    assert all(block.lines for block in blocks)
    ran = [block for block in blocks if not block.reason]
    assert {block.page for block in ran} == HERE | SLOW | set(ELSEWHERE)
    for page, test in ELSEWHERE.items():
        assert page.removesuffix(".md") in (ROOT / test).read_text(), page
    slow = sum(block.page in SLOW for block in ran)
    lines = [f"  {block.page}: {block.lines[0]} ...: {block.reason}\n" for block in left]
    with capsys.disabled():
        head = f"\nblocks of commands in docs/: {len(ran)} run ({slow} of them by the slow tests), {len(left)} not:\n"
        sys.stdout.write(head + "".join(lines))
    # Few, and for what no test can have.
    assert len(left) <= 20 and len(left) < len(blocks) / 3
    assert all(block.reason.startswith("needs ") for block in left)


@pytest.mark.parametrize("page", [path.name for path in PAGES])
def test_commands_stand_in_blocks_of_commands(page: str) -> None:
    assert not hidden_commands(page)


def test_what_is_not_run_is_at_least_understood() -> None:
    blocks = [block for path in PAGES for block in blocks_of(path.name) if block.reason]
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.lines]
    ours = [words[1:] for words in commands if words[0] in {"diziner", ".venv/bin/diziner"}]
    assert len(ours) >= 6
    for name, *words in ours:
        parser = ArgumentParser(prog=name)
        importlib.import_module(f"diziner.commands.{name.replace('-', '_')}").arguments(parser)
        ends = [words.index(mark) for mark in ("&&", ">") if mark in words]
        parser.parse_args(words[: min(ends, default=len(words))])


@pytest.mark.parametrize("page", ["nested.md", "people.md", "protocols.md"])
def test_plain_files(folder: Path, page: str) -> None:
    reader = Reader(folder)
    for block in commands_of(page):
        assert reader.types(block).strip()


def test_plug_ins(folder: Path, tmp_path: Path) -> None:
    packages = plugin_place.install(tmp_path / "packages")["PYTHONPATH"]
    reader = Reader(folder, PYTHONPATH=f"{ROOT}:{packages}")
    first, second = [reader.types(block) for block in commands_of("plug-ins.md")]
    assert '"head F1 (type and last token)"' in first and '"unanimous"' in second


def test_own_project_without_any_project(folder: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    names = params["annotator_pool"]
    use_scripted(params)
    # The page's annotator, answered by a scripted model.
    params["annotators"] = dict(zip(names, params["annotators"].values(), strict=True))
    params["annotator_pool"] = names
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copy(ROOT / "data/conll2003/guideline.yaml", folder)
    (folder / "letters.txt").write_text(LETTERS)
    _, block = commands_of("own-project.md")
    assert "2 documents in 1 shard " in Reader(folder).types(block)


def test_providers(tmp_path: Path) -> None:
    """The server of the page answers, and knows nothing of the model that is gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [block] = commands_of("providers.md")
    [line] = block.lines
    process = Reader(tmp_path, {"8080": str(port)}).starts(line)
    try:
        assert process.stdout and str(port) in process.stdout.readline()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
            known = {each["id"] for each in json.load(reply)["data"]}
        assert known and line.split("--gone ")[1].split()[0] not in known
    finally:
        process.kill()
        process.communicate()


def test_sharing(copy_reproduced: Callable[..., Project], tmp_path: Path) -> None:
    """An author's run goes to a remote and to git; a colleague's clone has it, and has nothing to run."""
    project = copy_reproduced(tmp_path / "author", "conll2003")
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    for words in (("remote", "add", "origin", str(origin)), ("push", "-q", "-u", "origin", "HEAD")):
        project.run("git", *words)
    # No network for `make setup`: the environment is this one.
    environment = f"ln -s {Path(sys.executable).parents[1]} .venv"
    own = {"/mnt/group/diziner": str(tmp_path / "remote"), "URL": str(origin), "make setup": environment}
    set_up, push, pull, bundle, replay = commands_of("sharing.md")
    author = Reader(project.folder, own)
    author.types(set_up)
    author.types(push)
    (tmp_path / "colleague").mkdir()
    colleague = Reader(tmp_path / "colleague", own)
    said = colleague.types(pull)
    assert "up to date" in said and "Running stage" not in said
    made = colleague.outputs()
    assert made == {path: data for path, data in project.outputs().items() if path != "metrics/cost.json"}
    author = Reader(project.folder, {"python -m": f"{sys.executable} -m"})
    author.types(bundle)
    author.types(replay)
    first, second = [ZipFile(project.folder / name) for name in ("run.zip", "again.zip")]
    assert first.namelist() == second.namelist()
    # This project has folders of benchmarks that are not in its pipeline; the replay, which lacks them, locks others.
    told = {"dvc.lock", "manifest-sha256.txt", "ro-crate-metadata.json"}
    assert {name for name in first.namelist() if first.read(name) != second.read(name)} <= told


@pytest.mark.slow
def test_experiments(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", ("conll2003",), recordings=True)
    project.diziner("repro", "conll2003")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "run", "--allow-empty")
    reader = Reader(project.folder)
    try:
        for block in commands_of("experiments.md"):
            said = reader.types(block)
            if "exp show" in block.lines[-1]:
                assert "scoring.seed" in said
            else:  # what to look at: metrics, the graph, plots
                assert "agreement_selected" in said and "flowchart TD" in said
                assert "http" not in (project.folder / "dvc_plots/index.html").read_text().replace(SCHEMA, "")
    finally:
        subprocess.run([".venv/bin/dvc", "queue", "stop", "--kill"], cwd=project.folder, check=False)


@pytest.mark.slow
def test_ablations(copy_reproduced: Callable[..., Project], tmp_path: Path) -> None:
    project = copy_reproduced(tmp_path / "project", "conll2003")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "run")
    for block in commands_of("ablations.md"):
        assert "conll2003" in Reader(project.folder).types(block)


@pytest.mark.slow
def test_transfer(copy_reproduced: Callable[..., Project], tmp_path: Path) -> None:
    project = copy_reproduced(tmp_path / "project", "conll2003")
    [block] = commands_of("transfer.md")
    said = Reader(project.folder).types(block)
    assert "conll2003 transfer, scripted_careful" in said  # the plan
    assert "3 models (0 outside the pool) x 4 prompts (3 paraphrased) x 2 answers" in said


@pytest.mark.slow
def test_batches(tmp_path: Path) -> None:
    """Two commands a round, until `repro` has all that it needs."""
    with ScriptedServer(batches=BatchHabits()) as server:

        def change(params: dict[str, Any]) -> None:
            use_scripted(params)
            own = {"kind": "hosted", "provider": "openai", "api_base": server.base_url, "batch": {"window": "24h"}}
            params["endpoints"] = {"scripted": own}

        project = copy_project(tmp_path / "project", ("conll2003",))
        project.edit_params(change)
        [block] = commands_of("batches.md")
        submit, repro = (line.split()[1:] for line in block.lines)
        codes = []
        for _ in range(3):  # two rounds and the predictions
            assert "submitted" in project.diziner_here(*submit).stdout
            codes.append(project.diziner(*repro, check=False).returncode)
        assert codes == [3, 3, 0]
