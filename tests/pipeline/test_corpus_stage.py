"""The corpus stage on everything at hand: all 18 samples, and the real data of 13 benchmarks."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, Project, copy_project
from stage_runs import run_stage

SHARED = Path(ROOT).parent / "shared/benchmarks"
NAMES = sorted(path.parent.name for path in ROOT.glob("data/*/benchmark.yaml"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("corpus") / "project", ())


def test_a_linked_benchmark_is_in_the_pipeline_until_it_is_unlinked(project: Project) -> None:
    project.diziner_here("data", "link", "crossner_ai", "genia")
    listed = project.dvc("stage", "list", "--all", "--name-only").stdout
    assert "data/crossner_ai/dvc.yaml:corpus" in listed and "data/genia/dvc.yaml:score" in listed
    project.dvc("repro", "data/crossner_ai/dvc.yaml:corpus")
    rows = (project.folder / "data/crossner_ai/corpus/pilot/r1.jsonl").read_text().splitlines()
    assert len(rows) == 6 and all(set(json.loads(row)) == {"id", "tokens", "text"} for row in rows)
    project.diziner_here("data", "unlink", "crossner_ai", "genia")
    assert "crossner_ai" not in project.dvc("stage", "list", "--all", "--name-only").stdout


def use_pilot_sets_of(documents: int, params: dict[str, Any]) -> None:
    params["corpus"]["pilot"] |= {"documents": documents, "pins": False}


def test_the_run_cache_never_restores_another_settings_documents(project: Project) -> None:
    project.diziner_here("data", "link", "crossner_ai")
    for number in (5, 4, 5):
        project.edit_params(partial(use_pilot_sets_of, number))
        project.dvc("repro", "data/crossner_ai/dvc.yaml:corpus")
        rows = (project.folder / "data/crossner_ai/corpus/pilot/r0.jsonl").read_text().splitlines()
        assert len(rows) == number
    project.diziner_here("use", "embedded")
    project.diziner_here("data", "unlink", "crossner_ai")


def test_a_change_of_one_rooms_source_is_none_of_another(project: Project) -> None:
    project.diziner_here("data", "link", "crossner_ai", "genia")
    project.edit_params(partial(use_pilot_sets_of, 5))
    project.dvc("repro", *(f"data/{name}/dvc.yaml:corpus" for name in ("crossner_ai", "genia")))
    before = {name: documents_of(project, name) for name in ("crossner_ai", "genia")}
    folder = project.folder / "mine/genia"
    folder.mkdir(parents=True)
    for split, count in (("pilot", 20), ("test", 4)):
        rows = [{"tokens": [f"{split}{number}", "binds"], "ner_tags": ["B-DNA", "O"]} for number in range(count)]
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    bare_of_counts(project.folder / "data/genia/benchmark.yaml")
    project.edit_params(lambda p: p["corpus"].update(source={"default": "sample", "genia": "local"}, local_dir="mine"))
    said = project.dvc("repro", *(f"data/{name}/dvc.yaml:corpus" for name in ("crossner_ai", "genia"))).stdout
    assert re.findall(r"Running stage '(.*)'", said) == ["code_digests", "data/genia/dvc.yaml:corpus"]
    assert documents_of(project, "crossner_ai") == before["crossner_ai"]
    assert "pilot1 binds" in documents_of(project, "genia")
    project.diziner_here("use", "embedded")
    project.diziner_here("data", "unlink", "crossner_ai", "genia")


def documents_of(project: Project, name: str) -> str:
    return "".join(path.read_text() for path in sorted((project.folder / "data" / name / "corpus").glob("pilot/*")))


def bare_of_counts(card: Path) -> None:
    value = yaml.safe_load(card.read_text())
    value["sources"]["local"].pop("expected")
    card.write_text(yaml.safe_dump(value, sort_keys=False))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no benchmark data beside the project")
@pytest.mark.parametrize("name", [name for name in NAMES if (SHARED / name).is_dir()])
def test_the_local_profile_prepares_real_data(project: Project, name: str) -> None:
    project.diziner_here("use", "local")
    project.edit_params(lambda params: params["corpus"].update(local_dir=str(SHARED)))
    run_stage(project, "corpus", name)
    room = project.folder / "data" / name / "corpus"
    manifest = json.loads((room / "manifest.json").read_text())
    assert manifest["card"]["differences"] == [] and manifest["repairs"] == 0
    sets = manifest["pilot"]["sets"]
    assert [len(ids) for ids in sets] == [8, 8] and not set(sets[0]) & set(sets[1])
    assert len((room / "test.jsonl").read_text().splitlines()) == 20
