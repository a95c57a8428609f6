"""Choices of docs/reference.md (D33 and on): what profiles say, and what their settings give back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT

from diziner.ablation.variants import changes_nothing, load_variants, overrides
from diziner.agreement.analysis import analyse
from diziner.agreement.disagreement import COLUMNS
from diziner.agreement.settings import WEIGHTINGS, AnalysisSettings
from diziner.annotator.annotate import annotate
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.endpoints import Endpoint
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings, Outcome, Response
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.spans.tags import spans_to_tags

PROFILES = {path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob("diziner/profiles/*.yaml")}
DOCUMENTS = [Document(f"d{n}", ("a", "b", "c", "d"), "a b c d") for n in range(3)]


def test_only_the_papers_profile_embeds_by_a_model_and_it_is_minilm() -> None:
    """D34."""
    embedders = {name: params["corpus"]["pilot"]["embedder"] for name, params in PROFILES.items()}
    assert embedders == {"embedded": "tfidf", "local": "tfidf", "paper": "minilm"}


def test_only_the_papers_profile_weighs_measures_by_hybrid_weights() -> None:
    """D35: its consensus weighs by span F1 all the same."""
    assert {params["disagreement"]["weights"] for params in PROFILES.values()} == {"span_f1"}
    measuring = {name: params["disagreement"].get("analysis_weights") for name, params in PROFILES.items()}
    assert measuring == {"embedded": None, "local": None, "paper": "hybrid"}


def test_consensus_and_measures_weigh_as_their_settings_say() -> None:
    """D35: the vote by one setting, token measures and coalition by the other, or by the same where it is not set."""
    whole, part, other = (Span(0, 2, "PER"),), (Span(0, 1, "PER"), Span(2, 3, "LOC")), (Span(2, 3, "LOC"),)
    answered = {"x": (whole, whole, other), "y": (whole, part, part), "z": (part, other, ())}
    rows = {
        name: [Annotation(d.id, spans) for d, spans in zip(DOCUMENTS, given, strict=True)]
        for name, given in answered.items()
    }
    tags = {name: [tag for spans in given for tag in spans_to_tags(spans, 4)] for name, given in answered.items()}
    alone = {kind: analyse(DOCUMENTS, rows, ["PER", "LOC"], AnalysisSettings(weights=kind)) for kind in WEIGHTINGS}
    found = []
    for weights, measuring in (("span_f1", None), ("hybrid", None), ("span_f1", "hybrid"), ("kappa", "span_f1")):
        settings = AnalysisSettings(weights=weights, analysis_weights=measuring)
        analysis = analyse(DOCUMENTS, rows, ["PER", "LOC"], settings)
        weight, columns = analysis.agreement.weights, analysis.columns
        assert weight == alone[weights].agreement.weights
        measured = alone[measuring or weights]
        assert analysis.agreement.coalition == measured.agreement.coalition
        assert {name: columns[name] for name in COLUMNS} == {name: measured.columns[name] for name in COLUMNS}
        assert columns["consensus"] == alone[weights].columns["consensus"]
        found.append(measured.agreement.weights)
        for token in range(12):
            mass: dict[str, float] = {}
            for name in sorted(answered):
                mass[tags[name][token]] = mass.get(tags[name][token], 0.0) + found[-1][name]
            assert columns["d_bio"][token] == pytest.approx(1 - sum(share**2 for share in mass.values()), abs=1e-5)
            heaviest = max(mass.values())
            if measuring is None and sum(share > heaviest - 1e-5 for share in mass.values()) == 1:
                assert columns["consensus"][token] == max(mass, key=lambda tag: mass[tag]), (weights, token)
    assert found[0] != found[1]


class Babbling(StoreAsker):
    """An asker whose model never answers in JSON; how often it is asked about one document."""

    turns = 0

    def ask(self, requests: Any, label: str) -> list[Outcome]:
        self.turns += 1
        return [Response("I would rather not.", "stop") for _ in requests]


@pytest.mark.parametrize("turns", [1, 3])
def test_annotators_get_one_repair_turn_and_three_if_settings_say_so(tmp_path: Path, turns: int) -> None:
    """D36: three in the paper's profile, as in the reference."""
    turns_of = {name: params["answers"]["repair_turns"] for name, params in PROFILES.items()}
    assert turns_of == {"embedded": AnswerSettings().repair_turns, "local": 1, "paper": 3}
    asker = Babbling(ResponseStore(tmp_path / "store.sqlite"), {"web": Endpoint("web", "scripted")})
    guideline = load_guideline(ROOT / "data/conll2003/guideline.yaml")
    annotator = AnnotatorSettings("a", ModelSettings("web", "m"))
    answers = AnswerSettings(repair_turns=turns, max_failed_share=1.0)
    [row] = annotate(DOCUMENTS[:1], guideline, annotator, asker, "test", answers).annotations
    assert row.failure is not None and row.failure.code == "unparsable"
    assert (row.repairs, len(row.responses), asker.turns) == (turns, turns + 1, turns + 1)


def test_the_papers_profile_is_the_stable_configuration_and_others_are_variants() -> None:
    """D38: nothing in a run tries several configurations."""
    variants = load_variants(ROOT / "diziner/ablation/variants.yaml")
    paper = PROFILES["paper"]
    assert changes_nothing(overrides("stable", variants, paper), paper)
    for name in ("relaxed", "aggressive", "drop-worst"):
        assert not changes_nothing(overrides(name, variants, paper), paper)


def test_the_papers_pool_names_models_that_were_there_and_keeps_its_own_as_entries() -> None:
    """D42."""
    paper = PROFILES["paper"]
    models = {name: paper["annotators"][name]["model"] for name in paper["annotators"]}
    assert {models.pop("deepseek_r1_8b"), models.pop("nemotron_nano_9b")} == {
        "deepseek/deepseek-r1-0528-qwen3-8b",
        "nvidia/nemotron-nano-9b-v2",
    }
    listed = paper["endpoints"]["openrouter"]["prices"]
    assert len(paper["annotator_pool"]) == 8 and {models[name] for name in paper["annotator_pool"]} <= listed.keys()
    for endpoint in paper["endpoints"].values():
        assert all(re.fullmatch(r".+, \d+ \w+ \d{4}", price["source"]) for price in endpoint["prices"].values())


def test_models_of_the_papers_profile_that_reason_are_told_how_far() -> None:
    """D43."""
    paper = PROFILES["paper"]
    pool = {name: paper["annotators"][name].get("extra", {}) for name in paper["annotator_pool"]}
    assert {name: extra["reasoning"] for name, extra in pool.items() if extra} == {
        "gpt_oss_20b": {"effort": "medium"},
        "qwen3_8b": {"enabled": True},
        "qwen3_14b": {"enabled": True},
        "nemotron3_nano_30b": {"enabled": True},
    }
    assert paper["supervisor"]["model"]["extra"] == {"reasoning_effort": "medium"}


def test_hosted_annotators_of_the_papers_profile_get_prompt_v2() -> None:
    """D39; small models keep the one their answers were recorded with."""
    prompts = {
        name: {params["annotators"][annotator]["prompt"] for annotator in params["annotator_pool"]}
        for name, params in PROFILES.items()
    }
    assert prompts == {"embedded": {"annotate.v1.1"}, "local": {"annotate.v1.1"}, "paper": {"annotate.v2"}}
