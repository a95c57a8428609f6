"""Selection by GLaPE: self- and mutual consistency of repeated answers, as the paper's loss has it."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import pytest
import yaml
from projects import ROOT, Project
from stage_runs import params_of, read, rows, run_predictions, run_round, stage, standing_in, use_variants

from diziner.commands.plan import plan
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.labelling.named_answers import named_answers
from diziner.layout import store_path
from diziner.llm.store import ResponseStore
from diziner.pipeline.glape import glape_scores, most_frequent, refined
from diziner.pipeline.selection import select
from diziner.records.agreement import Agreement
from diziner.records.annotations import LEFT_OUT, Annotation, Failure, Span
from diziner.settings import load_settings, settings_from

A, B = (Span(0, 1, "PER"),), (Span(0, 2, "PER"),)
FAILED = Failure("unparsable", "")


def answered(*answers: tuple[Span, ...] | None) -> list[list[Annotation]]:
    """Samples of one document."""
    return [[Annotation("d", failure=FAILED) if own is None else Annotation("d", own)] for own in answers]


def test_the_closed_form_is_the_minimum_that_gradient_descent_finds() -> None:
    chance = random.Random(13)
    for _ in range(20):
        found = {k: (chance.choice([A, B, (), None]), Fraction(chance.randint(0, 10), 10)) for k in range(5)}
        scores = {k: chance.random() for k in found}
        for _ in range(2000):
            scores = {
                k: score
                - 0.05
                * (
                    0.5 * (score - float(found[k][1]))
                    + 0.5 * sum(2 * (score - scores[o]) for o in found if found[o][0] == found[k][0] is not None)
                )
                for k, score in scores.items()
            }
        assert {k: float(score) for k, score in refined(found).items()} == pytest.approx(scores, abs=1e-9)


def test_self_consistency_is_the_share_of_the_most_frequent_answer_and_failures_agree_with_nothing() -> None:
    assert most_frequent([row for (row,) in answered(A, B, B, None)]) == (B, Fraction(1, 2))
    assert most_frequent([row for (row,) in answered(B, A)]) == (B, Fraction(1, 2))  # of equals the first
    assert most_frequent([row for (row,) in answered(None, None)]) == (None, Fraction(0))
    # To mark nothing is an answer.
    assert most_frequent([row for (row,) in answered((), (), A)]) == ((), Fraction(2, 3))


def test_a_sure_answer_that_another_guideline_doubts_counts_less_than_one_of_its_own() -> None:
    scores = glape_scores(
        {0: {"ada": answered(A, A, A, A)}, 1: {"ada": answered(A, A, B, None)}, 2: {"ada": answered(B, B, B, None)}}
    )
    # 0 and 1 share A: (1 + 1/2) / 2 = 3/4 draws both; f = (c + 4 x 3/4) / 5.
    assert [scores[k]["ada"] for k in range(3)] == [Fraction(4, 5), Fraction(7, 10), Fraction(3, 4)]
    assert glape_scores({0: {"ada": answered(None, None)}})[0]["ada"] == 0


def test_who_is_left_out_in_a_round_has_no_score() -> None:
    away = [[Annotation("d", failure=Failure(LEFT_OUT, "by the guideline"))]] * 2
    scores = glape_scores({0: {"ada": answered(A, A), "ben": answered(A, A)}, 1: {"ada": answered(A, B), "ben": away}})
    assert [set(own) for own in scores.values()] == [{"ada"}, {"ada"}]


def agreed(overall: float) -> Agreement:
    pairs = {"strict_span_f1": ((1.0, overall), (overall, 1.0))}
    mean = {"ada": overall, "ben": overall}
    return Agreement(("ada", "ben"), 6, pairs, mean, overall, {"ada": 0.5, "ben": 0.5}, ("ada",), {})


def test_scores_choose_in_place_of_agreement_ties_to_the_earlier_round_and_the_first_name() -> None:
    agreements = {0: agreed(0.9), 1: agreed(0.2), 2: agreed(0.1)}
    entries = {"ada": {"model": "a"}, "ben": {"model": "b"}}
    half = Fraction(1, 2)
    scores = {0: {"ada": half, "ben": half}, 1: {"ada": half, "ben": Fraction(1)}, 2: {"ada": Fraction(1), "ben": half}}
    chosen = select(agreements, entries, scores=scores)
    assert (chosen.round, chosen.annotator) == (1, "ben")
    assert select(agreements, entries).round == 0
    assert select(agreements, entries, scores={0: scores[0], 1: scores[0]}).annotator == "ada"


def test_in_the_pipeline_the_pool_answers_again_and_its_answers_are_accounted_for(
    make_project: Callable[..., Project],
) -> None:
    project = make_project("conll2003")
    use_variants(project, "glape")
    project.edit_params(lambda params: params["selection"].update(samples=3))
    pool = params_of(project)["annotator_pool"]
    for number in (0, 1):
        run_round(project, number)
        for name in pool:
            stage(project, "resample", "--annotator", name, "--round", str(number))
    stage(project, "select")
    again = [request for _, request, _ in rows(project) if request["temperature"] == 0.5]
    assert len(again) == 2 * len(pool) * 3 * 6 and {request["seed"] for request in again} == {0, 1, 2}
    selection = read(project, "final/selection.json")
    check(selection, "selection", "selection.json")
    assert set(selection["scores"]) == {"0", "1"} and set(selection["scores"]["0"]) == set(pool)
    best = max(selection["scores"].values(), key=lambda own: sum(own.values()))
    assert selection["scores"][str(selection["round"])] == best
    assert selection["annotator"] == min(best, key=lambda name: (-best[name], name))
    run_predictions(project)
    stage(project, "score")
    with standing_in(project):
        named = named_answers(ResponseStore(store_path()), load_settings())
        assert sum(line.calls for line in plan(["conll2003"], load_settings())) == 0
    assert {key for key, *_ in rows(project)} == named


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rule": "glape"}, "selection.rule: glape compares .* must be 'fixed' \\(is 'fresh'\\)"),
        ({"sampled": ["nobody"]}, "selection.sampled: 'nobody' is not in annotator_pool, which is qwen_few_shot, "),
    ],
)
def test_what_it_needs_is_said_in_a_line(change: dict[str, object], expected: str) -> None:
    params = yaml.safe_load((ROOT / "diziner/profiles/embedded.yaml").read_text())
    params["selection"].update(change)
    with pytest.raises(UserError, match=expected):
        settings_from(params, "params.yaml")
