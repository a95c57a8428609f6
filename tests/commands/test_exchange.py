"""Results on their way to other tools, from a room that has some."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project

from diziner.commands.results_out import result_of
from diziner.layout import Room
from diziner.results.room_metrics import figures_in, read_room_metrics
from diziner.settings import load_settings

EXPORT = ("export", "conll2003", "--organization", "A lab", "--to")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("exchange") / "project", ("conll2003",), recordings=True)


def figures(project: Project) -> dict[str, Any]:
    return figures_in(read_room_metrics(project.folder / "metrics/final/conll2003.json"))


def test_a_record_of_every_eval_ever_says_what_was_scored_and_how_surely(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    said = project.diziner_here(*EXPORT, "every-eval-ever", "--out", str(out)).stdout
    assert said == f"{out}: 5 results of conll2003\n"
    first = out.read_bytes()
    project.diziner_here(*EXPORT, "every-eval-ever", "--out", str(out))
    assert out.read_bytes() == first
    record, own = json.loads(first), figures(project)
    at = project.run("git", "log", "-1", "--format=%ct", "--", "metrics/final/conll2003.json").stdout.strip()
    assert (record["schema_version"], record["retrieved_timestamp"]) == ("0.3.0", at)
    assert record["source_metadata"]["source_organization_name"] == "A lab"
    assert record["model_info"]["additional_details"]["deployment_type"] == "self_deployed"
    assert all(isinstance(value, str) for value in record["model_info"]["additional_details"].values())
    scores = {each["metric_config"]["metric_id"]: each["score_details"] for each in record["evaluation_results"]}
    assert {name.removeprefix("diziner."): each["score"] for name, each in scores.items()} == {
        name: own[name] for name in ("f1", "precision", "recall", "macro_f1", "f1_round0")
    }
    bounds = scores["diziner.f1"]["uncertainty"]["confidence_interval"]
    assert (bounds["lower"], bounds["upper"]) == (own["f1_low"], own["f1_high"])
    # Text of our own must not pass for the benchmark.
    assert all(
        "not the benchmark's text" in each["source_data"]["dataset_name"] for each in record["evaluation_results"]
    )


def test_what_is_not_committed_or_not_there_does_not_go_out(project: Project, tmp_path: Path) -> None:
    def refused(*words: str) -> str:
        done = project.diziner_here(*words, "--out", str(tmp_path / "x"), check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and not (tmp_path / "x").exists()
        return done.stderr

    assert "--organization NAME" in refused("export", "conll2003", "--to", "every-eval-ever")
    assert "nowhere: no such file, and no room" in refused("export", "nowhere", "--to", "every-eval-ever")
    path = project.folder / "metrics/final/conll2003.json"
    before = path.read_text()
    path.write_text(before.replace("0.4", "0.5"))
    try:
        assert "is not committed as it is" in refused(*EXPORT, "every-eval-ever")
    finally:
        path.write_text(before)


def test_a_clone_without_outputs_knows_the_agreement_of_each_round(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    assert not Room("conll2003").round_metrics(0).exists()
    own, rounds = figures(project), result_of(Room("conll2003"), load_settings()).rounds
    assert rounds == {0: {"agreement": own["agreement_first"]}, 1: {"agreement": own["agreement_last"]}}


def test_a_run_of_mlflow_has_the_figures_and_those_of_each_round(project: Project, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="an extra: make test-forms")
    database = tmp_path / "mlflow.db"
    for _ in range(2):
        project.diziner_here(*EXPORT, "mlflow", "--out", str(database))
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}")
    experiment = client.get_experiment_by_name("conll2003")
    runs = client.search_runs([experiment.experiment_id])
    own = figures(project)
    assert len(runs) == 2
    assert runs[0].data.metrics["f1"] == own["f1"] and runs[0].data.params["protocol"] == own["protocol"]
    steps = client.get_metric_history(runs[0].info.run_id, "round/agreement")
    assert {each.step for each in steps} == {0, 1} and steps[0].value == own["agreement_first"]
    (tmp_path / "text.db").write_text("no database")
    done = project.diziner_here(*EXPORT, "mlflow", "--out", str(tmp_path / "text.db"), check=False)
    assert done.returncode == 2 and "is no SQLite database" in done.stderr
