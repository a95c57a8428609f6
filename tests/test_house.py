"""The house's own rules: what may import what, how big rooms get, how much an edit reruns."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Hashable

import pytest
import yaml
from house import (
    LAYERS,
    LIBRARY,
    ROOT,
    STAGES,
    arrows,
    backward,
    circle,
    imported,
    modules,
    reachable,
    reruns,
    room,
    shares,
    stage_counts,
)

from diziner.pipeline.code import code_behind, digests, stage_scripts

TEMPLATE = yaml.safe_load((STAGES / "benchmark.dvc.yaml").read_text())["stages"]


def test_the_house_stays_small_enough_to_know() -> None:
    assert len({room(path) for path in modules()}) <= 33
    assert len(arrows()) <= 177
    assert len(list(STAGES.glob("*.py"))) <= 14
    assert max(shares().values()) <= 100  # per mille


def test_rooms_import_downwards_only() -> None:
    assert {room(path) for path in modules()} == set().union(*LAYERS), "every room has its layer in tests/house.py"
    assert backward() == []


def test_no_circles_not_even_for_types() -> None:
    graph: dict[Hashable, frozenset[Hashable]] = {path: frozenset(imported(path)) for path in modules()}
    assert circle(graph) == []
    of_rooms: dict[Hashable, set[Hashable]] = {}
    for user, used in arrows():
        of_rooms.setdefault(user, set()).add(used)
    assert circle(of_rooms) == []


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": ["b"], "b": ["c"], "c": ["a"]}) != []


def test_the_library_knows_nothing_of_the_stages() -> None:
    users = [path for path in modules() if any(room(other) == "stages" for other in imported(path))]
    assert [path for path in users if room(path) != "stages"] == []


@pytest.mark.parametrize("folder", ["records", "spans", "scoring", "agreement"])
def test_the_core_imports_nothing_above_it(folder: str) -> None:
    rooms = {room(other) for path in (LIBRARY / folder).rglob("*.py") for other in reachable(path)}
    assert rooms <= {folder, "records", "common"}


# Code that writes outputs, with the rooms that it stands on.
SHAPING = ("annotator", "supervisor", "agreement", "corpora", "guideline", "pipeline", "prompting", "results", "report")


@pytest.mark.parametrize("folder", SHAPING)
def test_what_shapes_an_output_imports_no_transport(folder: str) -> None:
    """Scripts hand the asker in: nothing in llm/ can be behind an output without being behind its digest."""
    for path in sorted((LIBRARY / folder).rglob("*.py")):
        assert not {other for other in reachable(path) if room(other) in {"llm", "scripted"}}, path


GOLD = {LIBRARY / "records/gold.py", LIBRARY / "results/final_scores.py"}
LABEL_FREE = [
    *(STAGES / f"{name}.py" for name in ("annotate", "disagree", "refine", "resample", "select", "predict", "take")),
    *(LIBRARY / "pipeline" / name for name in ("glape.py", "selection.py", "prediction.py")),
    *sorted((LIBRARY / "commands/refine").glob("*.py")),
    *(path for name in ("annotator", "agreement", "guideline", "supervisor") for path in (LIBRARY / name).glob("*.py")),
]


@pytest.mark.parametrize("path", LABEL_FREE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_must_be_label_free_cannot_reach_gold(path: object) -> None:
    assert isinstance(path, type(ROOT))
    assert path.is_file()
    assert all(gold.is_file() for gold in GOLD)
    assert not reachable(path) & GOLD


def test_an_edit_reruns_few_stages() -> None:
    behind = {name: digests(code_behind(script)) for name, script in stage_scripts().items()}
    edits = reruns(behind, stage_counts())
    assert statistics.mean(edits.values()) < 28
    assert edits["diziner/scoring/strict.py"] <= 20  # was 254: `Score` stood with all other records


def test_every_room_has_the_one_pipeline() -> None:
    copies = sorted(ROOT.glob("data/*/dvc.yaml"))
    assert copies
    for path in copies:
        # A copy, no link: DVC cannot read a link in another revision, and `dvc metrics diff` would show nothing.
        assert not path.is_symlink()
        assert path.read_text() == (STAGES / "benchmark.dvc.yaml").read_text(), "run `diziner data link`"


def test_no_output_of_a_room_keeps_its_stage_from_the_run_cache() -> None:
    """DVC leaves a stage with a plain output that it does not cache out of its run-cache: metrics may be uncached."""
    for stage in TEMPLATE.values():
        assert all(isinstance(out, str) for out in stage.get("outs", ()))
    metrics = [path for stage in TEMPLATE.values() for entry in stage.get("metrics", ()) for path in entry]
    assert metrics == ["metrics/final/${name}.json"]


def test_modules_stay_small() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in modules()}
    assert max(sizes.values()) <= 450
    assert statistics.median(sizes.values()) <= 130
    assert {path: size for path, size in sizes.items() if path.parent == STAGES and size >= 80} == {}


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

    for path in [ROOT / "params.yaml", *LIBRARY.glob("profiles/*.yaml")]:
        assert not names(yaml.safe_load(path.read_text())) & {"size", "nfiles"}, path
