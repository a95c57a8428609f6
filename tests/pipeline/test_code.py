"""Code dependencies computed from imports: an edit reruns the stages whose outputs it can touch, and no other.

Edits are found by their text, wherever it stands in the project: names of modules may change, what an edit means not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from projects import ROOT, Project
from stage_runs import standing_in

from diziner.layout import ROOM_SOURCES
from diziner.pipeline.code import DIGESTS, code_behind, digests, stage_scripts


@pytest.fixture(scope="module")
def reproduced(copy_reproduced: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One benchmark, reproduced, with nothing to do; tests undo their edits."""
    project = copy_reproduced(tmp_path_factory.mktemp("code") / "project", "conll2003")
    assert changed(project) == {}
    return project


@contextlib.contextmanager
def edited(project: Project, old: str, new: str) -> Iterator[None]:
    """Replace a text that stands in one module of the project, then put it back."""
    found = [path for name in ("diziner", "stages") for path in (project.folder / name).rglob("*.py")]
    [path] = [path for path in found if old in path.read_text()]
    before = path.read_text()
    path.write_text(before.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(before)


def changed(project: Project) -> dict[str, int]:
    """How many stages of each kind DVC takes for changed, once the digests of code are as the code is."""
    from dvc.repo import Repo

    project.stage("code_digests")
    with standing_in(project), Repo() as repo:
        stages = repo.status()
    kinds = [stage.rpartition(":")[2].partition("@")[0] for stage in stages]
    return {kind: kinds.count(kind) for kind in kinds if kind != "code_digests"}


USAGE = "(*who, outcome.prompt_tokens,"
SHAPE = "s.end, s.type] for s in annotation.spans]"
PROTOCOL = "def set_of_strings("


@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        # A3: it writes usage/*.jsonl, an output of three stages.
        (USAGE, USAGE.replace("outcome", "1 + outcome"), {"annotate": 6, "refine": 1, "predict": 2}),
        # A4: it computes `usd` of metrics/summary.json and of the usage of a benchmark.
        ("    def usd(self", "    # Dollars.\n    def usd(self", {"score": 1, "summary": 1, "report": 1}),
        # A5: a protocol that no stage uses; changes of a guideline, which the report alone shows.
        (PROTOCOL, f"# Sets.\n{PROTOCOL}", {}),
        ("def compare_guidelines(", "# Changes.\ndef compare_guidelines(", {"report": 1}),
        # A6: of all records, a score is the scores' alone.
        ("class Score:", "class Score:  # strict", {"score": 1, "summary": 1, "report": 1}),
    ],
    ids=["usage", "usd", "protocol", "comparison", "score"],
)
def test_computed_deps_rerun_what_an_edit_can_touch(
    reproduced: Project, old: str, new: str, stages: dict[str, int]
) -> None:
    with edited(reproduced, old, new):
        assert changed(reproduced) == stages
    assert changed(reproduced) == {}  # so it is before the next edit, as it was before the first


def test_computed_deps_are_those_of_every_stage() -> None:
    """The template's stages and the root's: each names the digest file of its own script and no other code."""
    template = yaml.safe_load((ROOT / "stages/benchmark.dvc.yaml").read_text())["stages"]
    root = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    writer = root.pop("code_digests")
    scripts = stage_scripts()
    assert set(template) | set(root) == set(scripts)
    for name, stage in {**template, **root}.items():
        code = [dep for dep in stage["deps"] if dep.startswith(("diziner", "stages"))]
        assert code == [f"{DIGESTS}/{name}.json"]
    assert writer["deps"] == ["diziner", "stages/code_digests.py", *map(str, scripts.values())]
    assert [next(iter(out)) for out in writer["outs"]] == [
        str(ROOM_SOURCES),
        *(f"{DIGESTS}/{name}.json" for name in scripts),
    ]


def test_code_digest_files_are_those_of_the_code() -> None:
    for name, script in stage_scripts().items():
        written = json.loads((ROOT / DIGESTS / f"{name}.json").read_text())
        assert written == digests(code_behind(script)), "run `make locks`"


def test_code_digest_follows_imports_reads_and_packages_but_not_types(tmp_path: Path) -> None:
    script = ROOT / "stages/annotate.py"
    names = set(digests(code_behind(script)))
    assert {"stages/annotate.py", "diziner/records/usage.py", "diziner/prompts/annotator/annotate.v1.md"} <= names
    assert not {name for name in names if name.startswith(("diziner/llm/", "diziner/scoring/", "diziner/supervisor/"))}
    typed = tmp_path / "typed.py"
    typed.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from diziner.scoring import strict\n"
        "def late():\n    from diziner.spans.tags import spans_of_tags\n"
    )
    found = {path.name for path in code_behind(typed)}
    assert "tags.py" in found and "strict.py" not in found


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (SHAPE, SHAPE.replace("s.end", "s.end - 1"), False),  # A1: it writes a labelling's rows
        (PROTOCOL, f"# Sets.\n{PROTOCOL}", True),  # A2: no labelling uses it
    ],
    ids=["row", "protocol"],
)
def test_code_digest_of_a_labelling_is_that_of_what_shapes_its_rows(
    make_project: Callable[..., Project], old: str, new: str, same: bool
) -> None:
    project = make_project()
    source = project.folder / "in.txt"
    source.write_text("Ada Lovelace saw Lisbon.\n")
    words = ["label", "--guideline", "data/conll2003/guideline.yaml", "--annotator", "scripted_careful"]
    words += ["--in", "in.txt", "--out", "labels", "--shard-documents", "1"]
    project.diziner(*words)
    with source.open("a") as file:
        file.write("Grace Hopper saw Oslo.\n")
    with edited(project, old, new):
        done = project.diziner(*words, check=False)
    assert (done.returncode == 0) == same, done.stderr
    assert same or "of other documents, settings or code" in done.stderr
