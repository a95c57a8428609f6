"""Ablations of who takes part, from the paper's profile on scripted models: families, larger pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from projects import ROOT, Project
from stage_runs import read, run_rounds, use_variants

from diziner.ablation.profiles import profile_text

FAMILIES = {"annotators-12": 12, "annotators-16": 16, "qwen-family": 8, "llama-family": 8}


def on_scripted_models(params: dict[str, Any]) -> None:
    """Scripted models behind the paper's endpoints, each annotator with errors of its own; the shipped samples."""
    params["endpoints"] = {name: {"kind": "scripted"} for name in params["endpoints"]}
    for place, entry in enumerate(params["annotators"].values()):
        entry["model"] = f"scripted-{('careful', 'eager', 'shy')[place % 3]}-{place}"
    params["supervisor"]["model"]["model"] = "scripted-supervisor"
    params["corpus"].update(source="sample")
    params["corpus"]["pilot"].update(documents=4, embedder="tfidf")


@pytest.mark.parametrize(("variant", "size"), FAMILIES.items())
def test_a_family_or_a_larger_pool_runs_from_the_profile(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, variant: str, size: int
) -> None:
    project = make_project("conll2003")
    monkeypatch.chdir(ROOT)
    (project.folder / "params.yaml").write_text(profile_text("paper", [variant]))
    project.edit_params(on_scripted_models)
    use_variants(project, "rounds-1")
    run_rounds(project)
    agreement = read(project, "rounds/r0/agreement.json")
    pool = yaml.safe_load((project.folder / "params.yaml").read_text())["annotator_pool"]
    assert agreement["annotators"] == sorted(pool) and len(set(pool)) == size
    assert read(project, "final/selection.json")["annotator"] in pool


def test_families_are_of_the_models_that_the_reference_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    models: dict[str, list[str]] = {}
    for variant in FAMILIES:
        params = yaml.safe_load(profile_text("paper", [variant]))
        models[variant] = [params["annotators"][name]["model"] for name in params["annotator_pool"]]
        assert len(set(models[variant])) == FAMILIES[variant]
    assert all("qwen" in model for model in models["qwen-family"])
    # Lunaris is Llama 3 by another name.
    assert all("llama" in model or "l3" in model or "hermes" in model for model in models["llama-family"])
    assert models["annotators-16"][:12] == models["annotators-12"]


def test_ablate_shows_how_to_take_over_a_variant_of_a_profile(make_project: Callable[..., Project]) -> None:
    project = make_project("conll2003")
    said = project.diziner_here("ablate", "--show", "llama-family", "no-goal+coalition", "--profile", "paper")
    assert said.stdout.splitlines() == [
        "diziner use paper --with llama-family",
        "diziner use paper --with no-goal coalition",
    ]
    own = project.diziner_here("ablate", "--show", "coalition", "--with", "fixed-pilot")
    assert own.stdout == "dvc exp run -S ++corpus.pilot.mode=fixed -S ++selection.predictor=coalition\n"
