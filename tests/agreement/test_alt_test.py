"""The alternative annotator test: a table worked by hand, the authors' procedure in plain code, and what it refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.agreement.alt_test import alt_test, benjamini_yekutieli
from diziner.common.errors import UserError
from diziner.records.annotations import Span

Run = Callable[..., str]
Answers = dict[str, list[Span]]

ADA, ADA_SMITH, OSLO = Span(0, 1, "PER"), Span(0, 2, "PER"), Span(3, 4, "LOC")


def by_hand() -> tuple[Answers, dict[str, Answers]]:
    """Thirty documents: on 20 all say the same (on ten of them nothing), on 6 the model is with ben against anna, on 4
    it is alone."""
    model: Answers = {}
    anna: Answers = {}
    ben: Answers = {}
    for number in range(30):
        name = f"d{number:02d}"
        if number < 20:
            model[name] = anna[name] = ben[name] = [ADA, OSLO] if number % 2 else []
        elif number < 26:
            model[name] = ben[name] = [ADA_SMITH, OSLO]
            anna[name] = [ADA]
        else:
            anna[name] = ben[name] = [OSLO]
            model[name] = []
    return model, {"anna": anna, "ben": ben}


def test_a_table_worked_by_hand() -> None:
    """Without anna: 6 documents for the model, 4 for her, 20 ties. d is -1, 1 and 0: its mean is -2/30, its variance
    (10 - 30 / 225) / 29 = 0.34023, so t = (-1/15 - 0.2) / sqrt(0.34023 / 30) = -2.5041, p = 0.00908 with 29 degrees of
    freedom. Without ben: model and ben both disagree with anna on the 6: ties; 4 for him: mean 4/30, variance
    (4 - 16/30) / 29 = 0.11954, t = (0.13333 - 0.2) / sqrt(0.11954 / 30) = -1.0561, p = 0.14982. For two p-values H is
    1.5: adjusted 0.00908 * 2 * 1.5 / 1 = 0.02723 and 0.14982 * 2 * 1.5 / 2 = 0.22473."""
    model, people = by_hand()
    found = alt_test(model, people, epsilon=0.2)
    anna, ben = found.people["anna"], found.people["ben"]
    assert (anna.documents, anna.model_wins, anna.person_wins) == (30, 26 / 30, 24 / 30)
    assert (ben.documents, ben.model_wins, ben.person_wins) == (30, 26 / 30, 1.0)
    assert [anna.p_value, ben.p_value] == pytest.approx([0.00908, 0.14982], abs=1e-5)
    assert [anna.adjusted, ben.adjusted] == pytest.approx([0.02723, 0.22473], abs=3e-5)
    assert (anna.won, ben.won) == (True, False)
    assert (found.winning_rate, found.passed) == (0.5, True)
    assert found.advantage == pytest.approx(26 / 30)
    # A person is not beaten where nothing is forgiven.
    assert not alt_test(model, people, epsilon=0.0).passed


def procedure(model: Answers, people: dict[str, Answers], epsilon: float) -> tuple[float, float]:
    """Winning rate and advantage as the authors' code has them, with scipy's t-test and correction."""
    from scipy.stats import false_discovery_control, ttest_1samp

    def similarity(one: list[Span], other: list[Span]) -> float:
        both = len(set(one) & set(other))
        return 2 * both / (len(one) + len(other)) if one or other else 1.0

    p_values, advantages = [], []
    for excluded, own in people.items():
        wins, losses = [], []
        for name in own:
            others = [each[name] for person, each in people.items() if person != excluded and name in each]
            if name in model and others:
                ours = round(sum(similarity(model[name], other) for other in others), 9)
                theirs = round(sum(similarity(own[name], other) for other in others), 9)
                wins.append(int(ours >= theirs))
                losses.append(int(theirs >= ours))
        difference = [loss - win for win, loss in zip(wins, losses, strict=True)]
        p_values.append(ttest_1samp(difference, epsilon, alternative="less").pvalue)
        advantages.append(sum(wins) / len(wins))
    adjusted = false_discovery_control(p_values, method="by")
    return float((adjusted <= 0.05).mean()), sum(advantages) / len(advantages)


@given(st.integers(0, 2**32), st.integers(2, 5), st.sampled_from([0.0, 0.1, 0.15, 0.2, 0.35]))
def test_it_is_the_authors_procedure(seed: int, size: int, epsilon: float) -> None:
    draw = random.Random(seed)

    def answers(noise: float) -> Answers:
        rows: Answers = {}
        for number in range(100):
            spans = [Span(3 * place, 3 * place + 1, "PER") for place in range(number % 4)]
            kept = [span for span in spans if draw.random() > noise]
            extra = [Span(1, 2, "LOC")] if draw.random() < noise else []
            if draw.random() > 0.15:
                rows[f"d{number}"] = sorted(kept + extra)
        return rows

    people = {f"p{number}": answers(draw.choice([0.1, 0.3, 0.5])) for number in range(size)}
    model = answers(draw.choice([0.0, 0.2, 0.6]))
    found = alt_test(model, people, epsilon)
    assert (found.winning_rate, found.advantage) == pytest.approx(procedure(model, people, epsilon))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_correction_is_that_of_benjamini_and_yekutieli(p_values: list[float]) -> None:
    from scipy.stats import false_discovery_control

    assert benjamini_yekutieli(p_values) == pytest.approx(list(false_discovery_control(p_values, method="by")))


def test_who_never_differs_has_no_variance() -> None:
    people = by_hand()[1]
    same = alt_test(people["anna"], {"anna": people["anna"], "twin": people["anna"]}, 0.2)
    assert [each.p_value for each in same.people.values()] == [0.0, 0.0] and same.winning_rate == 1.0
    assert alt_test(people["anna"], {"anna": people["anna"], "twin": people["anna"]}, 0.0).winning_rate == 0.0


def test_too_few_people_or_documents_are_refused() -> None:
    model, people = by_hand()
    with pytest.raises(UserError, match="1 person; the test needs 2 or more, the authors advise 3"):
        alt_test(model, {"anna": people["anna"]})
    few = {name: spans for name, spans in people["ben"].items() if name != "d00"}
    with pytest.raises(
        UserError, match="anna: 29 documents that the model and another person answered too; the test ne"
    ):
        alt_test(model, {"anna": people["anna"], "ben": few})
    with pytest.raises(UserError, match="epsilon: 1; it must be"):
        alt_test(model, people, 1.0)


def write(path: str, answers: Answers) -> str:
    tokens = ["Ada", "Smith", "saw", "Oslo"]
    rows: list[dict[str, Any]] = [
        {"id": name, "tokens": tokens, "spans": [[s.start, s.end, s.type] for s in spans]}
        for name, spans in answers.items()
    ]
    Path(path).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_command_prints_a_verdict_on_each_model(diziner: Run) -> None:
    model, people = by_hand()
    humans = [write(f"{name}.jsonl", answers) for name, answers in people.items()]
    good, poor = write("m.jsonl", model), write("silent.jsonl", {name: [] for name in model})
    words = ("agree", "--humans", *humans, "--models", good, poor, "--alt-test")
    found = json.loads(diziner(*words))["alt_test"]
    assert (found["epsilon"], found["false_discoveries"]) == (0.2, 0.05)
    assert found["people"] == {"names": ["anna", "ben"], "strict_span_f1": 0.727273}  # 2 * 24 / (30 + 36)
    assert found["models"]["m"]["passed"] and found["models"]["m"]["people"]["anna"]["p_value"] == 0.009077
    silent = found["models"]["silent"]
    assert (silent["passed"], silent["winning_rate"]) == (False, 0.0) and silent["strict_span_f1_with_people"] == 0.0
    plain = json.loads(diziner("agree", *humans, good, poor))
    assert "alt_test" not in plain
    assert plain["agreement"] == json.loads(diziner(*words[:-1]))["agreement"]
    assert "--alt-test: needs --humans" in diziner("agree", *humans, "--alt-test", code=2)
    assert "--alt-test, m: 1 person" in diziner("agree", "--humans", humans[0], "--models", good, "--alt-test", code=2)
