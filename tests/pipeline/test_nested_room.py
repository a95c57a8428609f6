"""A room with nested spans through the whole pipeline: gold, answers, disagreement, prediction, score, report."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import Project
from stage_runs import run_stage, standing_in, use_variants

from diziner.common.errors import UserError
from diziner.common.yamlfile import read_yaml
from diziner.report.build import build_report
from diziner.settings import settings_from

ROOM = "genes"
NAMES = ("IL-2", "TNF", "GATA-1", "NF-kB", "CD4", "STAT3")
VERBS = ("binds", "activates", "represses", "resembles")


def texts() -> list[dict[str, Any]]:
    """Made-up sentences in which a protein stands inside a DNA."""
    draw = random.Random(3)
    rows = []
    for number in range(40):
        one, other, verb = draw.choice(NAMES), draw.choice(NAMES), draw.choice(VERBS)
        tokens = [one, "gene", "promoter", verb, other, draw.choice(("strongly", "weakly", "here")), str(number), "."]
        rows.append({"tokens": tokens, "spans": [[0, 3, "DNA"], [0, 1, "protein"], [4, 5, "protein"]]})
    return rows


def stage(project: Project, name: str, *words: str) -> None:
    run_stage(project, name, ROOM, *words)


@pytest.fixture
def project(make_project: Callable[..., Project], tmp_path: Path) -> Project:
    project = make_project("conll2003")
    use_variants(project, "nested")
    path = tmp_path / "genes.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in texts()))
    project.diziner_here("new", ROOM, "--from", str(path), "--nested", "--goal", "Genes.")
    return project


def test_a_check_counts_nested_gold_as_the_pipeline_does(project: Project, tmp_path: Path) -> None:
    kept = project.diziner_here("data", "check", ROOM).stdout
    assert "found, card has no counts" in kept and "left out" not in kept

    def flat(params: dict[str, Any]) -> None:
        params["corpus"]["nested"] = params["answers"]["nested"] = False
        params["disagreement"]["consensus"] = "io"

    project.edit_params(flat)
    lost = project.diziner_here("data", "check", ROOM).stdout
    source = str(tmp_path / "genes.jsonl")
    for words in ((), ("--nested",)):
        made = project.diziner_here("new", f"genes{len(words)}", "--from", source, *words, check=False)
        said = made.stderr if not words else made.stdout
        assert made.returncode == (0 if words else 2), said
        assert ("will leave the shorter ones out" if words else "--nested keeps what overlaps") in said
    assert "genes: 40 nested or overlapping spans left out, the longest stay; params corpus.nested keeps all" in lost


def rows(project: Project, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.folder / "data" / ROOM / path).read_text().splitlines()]


def nested(spans: list[list[Any]]) -> bool:
    return any(a != b and b[0] <= a[0] and a[1] <= b[1] for a in spans for b in spans)


def by_id(found: list[dict[str, Any]]) -> Mapping[str, set[tuple[Any, ...]]]:
    return {row["id"]: {tuple(span) for span in row["spans"]} for row in found}


def test_nested_spans_go_through_the_whole_pipeline(project: Project) -> None:
    # One system that marks what gold has, another that marks no protein inside a DNA: they disagree there.
    def with_files(params: dict[str, Any]) -> None:
        for name in ("full", "outer"):
            params["annotators"][name] = {"kind": "file", "by": "system"}
        params["annotator_files"] = [{"name": name, "file": f"{name}.jsonl"} for name in ("full", "outer")]
        params["selection"]["predictor"] = "coalition"
        params["disagreement"]["coalition_cutoff"] = 1.0

    project.edit_params(with_files)
    stage(project, "corpus")
    gold = rows(project, "corpus/gold.jsonl")
    assert gold and all(nested(row["spans"]) for row in gold)
    folder = project.folder / "data" / ROOM / "annotators"
    folder.mkdir()
    for name, inner in (("full", True), ("outer", False)):
        given = [{"id": row["id"], "spans": [s for s in row["spans"] if inner or s[:2] != [0, 1]]} for row in gold]
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in given))
    for number in ("0", "1"):
        if number == "1":
            stage(project, "refine", "--round", "1")
        for name in ("scripted_careful", "scripted_eager", "scripted_shy"):
            stage(project, "annotate", "--annotator", name, "--round", number)
        for name in ("full", "outer"):
            stage(project, "take", "--annotator", name, "--round", number)
        stage(project, "disagree", "--round", number)
    taken = rows(project, "rounds/r0/annotations/full.jsonl")
    assert all(nested(row["spans"]) for row in taken)
    disagreements = json.loads((project.folder / "data" / ROOM / "rounds/r0/disagreements.json").read_text())
    assert any(group["subtype"] == "protein_to_O" for group in disagreements["annotators"]["outer"]) or any(
        group["subtype"] == "O_to_protein" for group in disagreements["annotators"]["full"]
    )
    assert rows(project, "rounds/r0/hotspots.jsonl")[0]["candidates"]

    stage(project, "select")
    assert json.loads((project.folder / "data" / ROOM / "final/selection.json").read_text())["consensus"] == "spans"
    for guideline in ("selected", "initial"):
        stage(project, "predict", "--guideline", guideline)
    stage(project, "score")
    predicted = by_id(rows(project, "final/predictions.selected.jsonl"))
    truth = {name: own for name, own in by_id(gold).items() if name in predicted}
    correct = sum(len(own & predicted[name]) for name, own in truth.items())
    size = sum(len(own) + len(predicted[name]) for name, own in truth.items())
    metrics = json.loads((project.folder / "metrics/final" / f"{ROOM}.json").read_text())
    assert metrics["f1"] == round(2 * correct / size, 6)
    with standing_in(project):
        (Path("data/conll2003/dvc.yaml")).unlink()  # this room alone
        run_stage(project, "summary")
        build_report(Path("report.html"), lambda *_: {})
    assert "protein" in (project.folder / "report.html").read_text()


def test_a_round_of_people_who_nest_is_reported_with_its_errors(project: Project) -> None:
    project.edit_params(lambda params: params["corpus"].update(nested=False))
    raw = read_yaml(project.folder / "params.yaml")
    with pytest.raises(UserError, match=r"corpus.nested is false, answers.nested true, disagreement.consensus 'spans'"):
        settings_from(raw, "params.yaml")
    raw["corpus"]["nested"] = True
    raw["supervisor"]["examples"] = "fixed"
    with pytest.raises(UserError, match="examples in brackets cannot be nested"):
        settings_from(raw, "params.yaml")
