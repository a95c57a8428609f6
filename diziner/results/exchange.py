"""Results as they go out to other tools: a record of Every Eval Ever, a run of MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.version import VERSION

SCHEMA_VERSION = "0.3.0"  # of Every Eval Ever
_SQLITE = b"SQLite format 3\0"
LEVEL = 0.95  # of the intervals in metrics/final
# The figures that are scores: the family of each, and what it is.
SCORES = {
    "f1": ("f1", "micro F1 by the selected guideline"),
    "precision": ("precision", "micro precision by the selected guideline"),
    "recall": ("recall", "micro recall by the selected guideline"),
    "macro_f1": ("f1", "mean of F1 over types, by the selected guideline"),
    "f1_round0": ("f1", "micro F1 by the initial guideline"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a benchmark: its final figures, those of its rounds by number, and whose they are.

    `model` is what the selected annotator asks, with its decoding; its own name where it is no language model. `how`
    says with what: endpoint, revision, prompt. `repository` is the data set's on a hub, empty for any other source.
    `local`: its weights are run on this machine, and so are open.
    `at` is when the figures were committed, in seconds since 1970: the same commit gives the same record.
    """

    benchmark: str
    title: str
    model: str
    how: Mapping[str, str]
    figures: Mapping[str, Any]
    rounds: Mapping[int, Mapping[str, Any]]
    source: str
    repository: str
    at: int
    local: bool = False
    decoding: Mapping[str, Any] = field(default_factory=dict)


def every_eval_ever(result: Result, organization: str) -> dict[str, Any]:
    """Return a record of Every Eval Ever's schema, a result for each score; the F1 has its interval.

    Errors: UserError for figures without gold, which are no results.
    """
    if result.figures["f1"] is None:
        raise UserError(f"{result.benchmark}: has no gold, so that there is no score to report")
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{result.benchmark}/{result.model}/{result.at}",
        "retrieved_timestamp": str(result.at),
        "source_metadata": {
            "source_name": "diziner",
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "diziner", "version": VERSION},
        "model_info": {
            "name": result.model,
            "id": result.model,
            "additional_details": {**result.how, **_access(result)},
        },
        "evaluation_results": [_score(result, name) for name in SCORES if result.figures.get(name) is not None],
    }


def _access(result: Result) -> dict[str, str]:
    """Return what the schema wants of a model's access; of one that somebody serves nothing is known."""
    known = ("self_deployed", "open_weights") if result.local else ("unknown", "unknown")
    return dict(zip(("deployment_type", "model_availability"), known, strict=True))


def _score(result: Result, name: str) -> dict[str, Any]:
    figures, (kind, meaning) = result.figures, SCORES[name]
    details: dict[str, Any] = {"score": figures[name]}
    uncertainty: dict[str, Any] = {"num_samples": figures["documents"]}
    if name == "f1" and figures["f1_low"] is not None:
        bounds = {"lower": figures["f1_low"], "upper": figures["f1_high"], "confidence_level": LEVEL}
        uncertainty["confidence_interval"] = {**bounds, "method": "bootstrap over documents"}
    decoding = {"generation_config": {"generation_args": dict(result.decoding)}} if result.decoding else {}
    return {
        "evaluation_name": f"{result.benchmark} {name}",
        "source_data": _data(result),
        "metric_config": {
            "evaluation_description": f"{figures['protocol']}: {meaning}",
            "metric_id": f"diziner.{name}",
            "metric_kind": kind,
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {**details, "uncertainty": uncertainty},
        **decoding,
    }


def _data(result: Result) -> dict[str, Any]:
    if result.repository:
        return {
            "dataset_name": result.title,
            "source_type": "hf_dataset",
            "hf_repo": result.repository,
            "hf_split": "test",
        }
    return {"dataset_name": result.title, "source_type": "other", "additional_details": {"source": result.source}}


def log_to_mlflow(result: Result, database: Path) -> None:
    """Add a run to an MLflow database (SQLite), in the experiment of the benchmark's name; made if need be.

    Its metrics are the final figures, and under `round/NAME` those of each round, with the round as the step.
    Errors: UserError without MLflow, and for a file that is no such database.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UserError("--to mlflow: needs MLflow; install it with: pip install 'diziner[mlflow]'") from None
    if database.exists() and (database.is_dir() or _head(database) != _SQLITE):
        raise UserError(f"--out {database}: is no SQLite database; give another name, such as mlflow.db")
    try:
        client = MlflowClient(tracking_uri=f"sqlite:///{database.resolve()}")
        found = client.get_experiment_by_name(result.benchmark)
        experiment = found.experiment_id if found else client.create_experiment(result.benchmark)
        run = client.create_run(experiment, start_time=result.at * 1000, run_name=f"{result.figures['annotator']}")
        number = run.info.run_id
        words = {"model": result.model, "diziner": VERSION, "source": result.source, **result.how, **result.decoding}
        for name, value in {**words, **_texts(result.figures)}.items():
            client.log_param(number, name, value)
        for name, value in _numbers(result.figures).items():
            client.log_metric(number, name, value, timestamp=result.at * 1000)
        for step, figures in sorted(result.rounds.items()):
            for name, value in _numbers(figures).items():
                client.log_metric(number, f"round/{name}", value, timestamp=result.at * 1000, step=step)
        client.set_terminated(number, end_time=result.at * 1000)
    except MlflowException as error:
        raise UserError(f"{database}: {str(error).splitlines()[0]}") from None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_SQLITE))


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}


def _texts(figures: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in figures.items() if isinstance(value, str)}
