"""The stage scripts one after another in this process: the pipeline without DVC, in a second or two."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import Project, copy_project

from diziner.ablation.variants import changed, joined, load_variants
from diziner.layout import store_path
from diziner.llm.store import ResponseStore

BENCHMARK = "conll2003"


@contextmanager
def standing_in(project: Project) -> Iterator[None]:
    """The current folder is the project's root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        yield


def run_stage(project: Project, name: str, *words: str) -> None:
    """Run a stage script in this process, by this checkout's code."""
    with standing_in(project), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *words])
        importlib.import_module(f"stages.{name}").main()


def prepared_project(folder: Path, edit: Callable[[dict[str, Any]], None]) -> Project:
    """Return a copy of the project with edited settings, its documents prepared and nothing else."""
    project = copy_project(folder / "project", (BENCHMARK,))
    project.edit_params(edit)
    run_stage(project, "corpus", BENCHMARK)
    return project


def stage(project: Project, name: str, *words: str) -> None:
    """Run a stage script on the benchmark."""
    run_stage(project, name, BENCHMARK, *words)


def run_round(project: Project, number: int) -> int:
    """A round in the pipeline's order; how many answers it added to the store."""
    params, before = params_of(project), answers(project)
    if number == 0:
        stage(project, "corpus")
    else:
        stage(project, "refine", "--round", str(number))
    for name in params["annotator_pool"]:
        stage(project, "annotate", "--annotator", name, "--round", str(number))
    for entry in params["annotator_files"]:
        stage(project, "take", "--annotator", entry["name"], "--round", str(number))
    stage(project, "disagree", "--round", str(number))
    if number in params["evidence"]["gold_rounds"]:
        stage(project, "golderrors", "--round", str(number))
    return answers(project) - before


def run_rounds(project: Project) -> list[int]:
    """All rounds and the selection; how many answers each round added."""
    added = [run_round(project, entry["id"]) for entry in params_of(project)["rounds"]]
    stage(project, "select")
    return added


def run_predictions(project: Project) -> None:
    for guideline in ("selected", "initial"):
        stage(project, "predict", "--guideline", guideline)


def answers(project: Project) -> int:
    return len(rows(project))


def rows(project: Project) -> list[Any]:
    return list(ResponseStore(project.folder / store_path()).rows())


def params_of(project: Project) -> Any:
    return yaml.safe_load((project.folder / "params.yaml").read_text())


def use_variants(project: Project, *names: str) -> None:
    """Make variants' changes in the project's params.yaml."""
    path = project.folder / "params.yaml"
    variants = load_variants(project.folder / "diziner/ablation/variants.yaml")
    path.write_text(changed(path.read_text(), joined(names, variants, params_of(project))))


def add_annotators(project: Project, **models: str) -> None:
    """More scripted annotators, at the end of the pool."""

    def change(params: dict[str, Any]) -> None:
        template = params["annotators"][params["annotator_pool"][0]]
        params["annotators"] |= {name: {**template, "model": model} for name, model in models.items()}
        params["annotator_pool"] += models

    project.edit_params(change)


def read(project: Project, path: str) -> Any:
    """A JSON, YAML or JSON Lines file of the benchmark's room."""
    file = project.folder / "data" / BENCHMARK / path
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    return json.loads(file.read_text()) if file.suffix == ".json" else yaml.safe_load(file.read_text())
