"""The house's own rules: what a stage depends on, what may import what, how big rooms get."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

STAGES = ROOT / "stages"
TEMPLATE = yaml.safe_load((STAGES / "benchmark.dvc.yaml").read_text())["stages"]

# Code that decides where things are, how a model is reached or how an error reads, never what an output holds.
INFRASTRUCTURE = {
    "stages/__init__.py",
    "stages/arguments.py",
    "stages/errors.py",
    "stages/llm/__init__.py",
    "stages/rooms.py",
    "stages/settings.py",
    "stages/weightsfolder.py",
}
TRANSPORT = "stages/llm/"
ANSWER_SHAPING = {"dialogue.py", "parse.py", "prompts.py", "request.py"}


def modules() -> list[Path]:
    return sorted(STAGES.rglob("*.py"))


@cache
def imported(path: Path) -> frozenset[Path]:
    """The project's files that a file imports, inside functions too."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] == "stages":
                base = ROOT / Path(*name.split("."))
                found |= {file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()}
    return frozenset(found)


def reachable(path: Path, through: Callable[[Path], bool] = lambda path: True) -> set[Path]:
    """All that `path` imports, directly or through files for which `through` holds."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += imported(current) if through(current) else ()
    return seen


def shapes_output(path: Path) -> bool:
    name = str(path.relative_to(ROOT))
    if name in INFRASTRUCTURE:
        return False
    return not (name.startswith(TRANSPORT) and path.name not in ANSWER_SHAPING)


@pytest.mark.parametrize("stage", sorted(TEMPLATE))
def test_a_stage_depends_on_all_code_that_shapes_its_outputs(stage: str) -> None:
    declared = [dep for dep in TEMPLATE[stage]["deps"] if dep.startswith("stages/")]
    found = reachable(STAGES / f"{stage}.py", through=shapes_output)
    used = {str(path.relative_to(ROOT)) for path in found if shapes_output(path)}
    uncovered = {name for name in used if not any(name == dep or name.startswith(f"{dep}/") for dep in declared)}
    assert not uncovered
    for dep in declared:
        assert (ROOT / dep).exists(), f"{dep} is declared and does not exist"
        code = dep.endswith(".py") or (ROOT / dep / "__init__.py").is_file()
        assert not code or any(name == dep or name.startswith(f"{dep}/") for name in used), f"{dep} is not used"


LABEL_FREE = [
    *("annotate.py", "disagree.py", "refine.py", "select.py", "predict.py", "selection.py", "prediction.py"),
    *("commands/refine.py", "roundmetrics.py", "annotator/tally.py"),
    *sorted(f"supervisor/{path.name}" for path in (STAGES / "supervisor").glob("*.py")),
]


@pytest.mark.parametrize("name", LABEL_FREE)
def test_what_must_be_label_free_cannot_reach_gold(name: str) -> None:
    assert (STAGES / name).is_file()
    gold = {STAGES / "corpora/gold.py", STAGES / "finalscore.py", STAGES / "corpora/sources.py"}
    assert not reachable(STAGES / name) & gold


@pytest.mark.parametrize("folder", ["ner", "agreement"])
def test_the_core_imports_no_model_access_and_no_pipeline(folder: str) -> None:
    for path in (STAGES / folder).glob("*.py"):
        outside = {p.relative_to(STAGES).parts[0] for p in reachable(path)}
        assert outside <= {
            folder,
            "ner",
            "contracts.py",
            "errors.py",
            "exact.py",
            "__init__.py",
            "files.py",
            "rounding.py",
        }, path


def test_every_room_has_the_one_pipeline() -> None:
    copies = sorted(ROOT.glob("data/*/dvc.yaml"))
    assert copies
    for path in copies:
        # A copy, no link: DVC cannot read a link in another revision, and `dvc metrics diff` would show nothing.
        assert not path.is_symlink()
        assert path.read_text() == (STAGES / "benchmark.dvc.yaml").read_text(), "run `diziner data link`"


def test_modules_stay_small() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in modules()}
    assert max(sizes.values()) <= 450
    assert statistics.median(sizes.values()) <= 130
    for stage in [*TEMPLATE, "summary", "report"]:
        assert sizes[STAGES / f"{stage}.py"] < 80


def test_no_handler_swallows_everything() -> None:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                goes_on = not isinstance(node.body[-1], ast.Raise)
                assert not (goes_on and caught in {"everything", "Exception", "BaseException"}), f"{path}:{node.lineno}"


def test_no_tracked_setting_has_a_name_that_dvc_leaves_out_of_its_run_cache() -> None:
    """DVC's run-cache key drops every `size` and `nfiles`, at any depth: a change to one would restore old outputs."""

    def names(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {name for item in value.values() for name in names(item)}
        return {name for item in value for name in names(item)} if isinstance(value, list) else set()

    for path in [ROOT / "params.yaml", *STAGES.glob("profiles/*.yaml")]:
        assert not names(yaml.safe_load(path.read_text())) & {"size", "nfiles"}, path
