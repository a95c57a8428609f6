"""The README's promises: its commands run as they stand, in what a fresh clone holds, without network or key."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from page_blocks import Reader, commands_of
from projects import ROOT, Project, copy_project, use_scripted

from diziner.layout import files_of, weights_path
from diziner.llm.tape import read_tape
from diziner.records.usage import read_usage
from diziner.settings import load_settings

CITIES = ("London", "Paris", "Bath", "Rome", "Vienna", "York", "Leeds", "Dover")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines()
    if line and not line.startswith("#")
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh clone on the embedded profile, set up but for its environment, which is this one."""
    project = copy_project(tmp_path_factory.mktemp("readme") / "project", None, recordings=True)
    # `make test` inside the clone runs one quick file, not this one again.
    (project.folder / "tests/spans").mkdir(parents=True)
    (project.folder / "tests/spans/test_tags.py").write_bytes((ROOT / "tests/spans/test_tags.py").read_bytes())
    (project.folder / ".venv/.installed").touch()
    return project


def run(project: Project, command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(project.folder),
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "DVC_NO_ANALYTICS": "1",
    }
    return subprocess.run(
        ["sh", "-c", command], cwd=project.folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def reproduced(clone: Project) -> Project:
    """The clone after the README's first command."""
    done = run(clone, COMMANDS[0])
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return clone


def test_every_command_of_the_readme_works(reproduced: Project) -> None:
    clone = reproduced
    assert COMMANDS[:2] == ["make repro", "make test"]
    for command in COMMANDS[1:]:
        done = run(clone, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_own_texts_go_from_a_file_to_a_refined_guideline(tmp_path: Path) -> None:
    """New texts need models: here scripted ones."""
    project = copy_project(tmp_path / "project", ())
    project.edit_params(use_scripted)
    lines = [f"Dear {who}, I am in {where} again." for who in ("Ada", "Mary", "Jane") for where in CITIES]
    (project.folder / "letters.txt").write_text("\n".join(lines))
    [block] = commands_of("corpora.md")
    Reader(project.folder).types(block)
    for output in ("rounds/r1/guideline.yaml", "rounds/r0/report.md", "final/predictions.selected.jsonl"):
        assert (project.folder / "data/letters" / output).stat().st_size


PAGES = [
    *("forms.md", "guide.md", "honest-numbers.md", "label-at-scale.md", "method.md", "models.md", "states.md"),
    "troubleshooting.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_pages_do_what_they_say_after_the_first_command(
    reproduced: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """Without a model, as the run's answers are on its tapes."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    reader = Reader(reproduced.folder, {"/tmp/": f"{tmp_path}/"})
    for block in commands_of(page):
        if "weights fetch" in block.text and not weights_are_here():
            continue
        if "checked.jsonl" in block.text:
            write_checked(reproduced.folder / "checked.jsonl", tmp_path / "votes")
        assert reader.types(block)


def write_checked(path: Path, votes: Path) -> None:
    """Labels of people for documents that were voted on: here what the vote says of every second one, else nothing."""
    [shard] = votes.glob("0*.jsonl")
    rows = [json.loads(line) for line in shard.read_text().splitlines()]
    checked = [
        {
            "id": row["id"],
            "text": row["text"],
            "spans": [
                [*place, label] for place, (*_, label) in zip(row["characters"], row["spans"], strict=True) if n % 2
            ],
        }
        for n, row in enumerate(rows)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in checked))


def weights_are_here() -> bool:
    entries = load_settings(ROOT / "params.yaml").raw["weights"].values()
    return all(weights_path(*file).exists() for entry in entries for file in files_of(entry).items())


def test_the_recorded_answers_give_the_committed_metrics(reproduced: Project) -> None:
    """A replay in a fresh clone gives the figures in git, byte for byte."""
    clone = reproduced
    folders = ("final", "plots", "")
    committed = [
        path for folder in folders for path in (ROOT / "metrics" / folder).glob("*.json") if path.name != "cost.json"
    ]
    assert len(committed) >= 18 + 3 + 3
    for path in committed:
        assert (clone.folder / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert json.loads((clone.folder / "metrics/summary.json").read_text())["over"][0]["scored"] == 18


def test_a_tape_answers_exactly_the_requests_of_the_present_prompts(reproduced: Project) -> None:
    """None is missing, so that no model is needed; none is left over from prompts of the past."""
    clone = reproduced
    tapes = sorted(clone.folder.glob("data/*/tape.jsonl"))
    assert len(tapes) == 18
    for tape in tapes:
        patterns = ("rounds/*/usage/*.jsonl", "rounds/*/refinement.usage.jsonl", "final/usage.*.jsonl")
        files = [path for pattern in patterns for path in tape.parent.glob(pattern)]
        assert len(files) == 2 * 3 + 1 + 2
        assert {row.key for path in files for row in read_usage(path)} == {key for key, _, _ in read_tape(tape)}
        provenance = json.loads(tape.read_text().partition("\n")[0])
        assert all(re.fullmatch("[0-9a-f]{64}", model["sha256"]) for model in provenance["models"].values())
        assert provenance["runtime"].startswith("xllamacpp ") and re.fullmatch(
            r"\d{4}-\d\d-\d\d", provenance["recorded"]
        )
    assert sum(tape.stat().st_size for tape in tapes) < 8_000_000


def test_the_licence_file_is_there() -> None:
    assert "Apache License" in Path(ROOT / "LICENSE").read_text()
