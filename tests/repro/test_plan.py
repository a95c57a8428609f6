"""The order of a run: nothing before what it needs, long chains first, and nobody forgotten."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.repro.plan import Ready, Step, dependents, followers, heights, in_order, seconds_left
from diziner.repro.units import column, column_order


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    """Steps that need earlier ones, shuffled, in up to three groups."""
    count = draw(st.integers(0, 14))
    steps = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=4)) if number else set()
        group = draw(st.sampled_from(["", "data/x", "data/y"]))
        steps.append(Step(f"s{number}", group, tuple(f"s{need}" for need in sorted(needs))))
    return draw(st.permutations(steps))


@given(graphs())
def test_steps_in_order_come_after_what_they_need(steps: list[Step]) -> None:
    ordered = in_order(steps)
    assert sorted(ordered, key=str) == sorted(steps, key=str)
    seen: set[str] = set()
    for step in ordered:
        assert set(step.needs) <= seen
        seen.add(step.name)


@given(graphs(), st.integers(1, 5), st.integers())
def test_every_step_is_handed_out_once_and_only_when_its_needs_are_done(
    steps: list[Step], jobs: int, seed: int
) -> None:
    ready, chance = Ready(steps), random.Random(seed)
    done: set[str] = set()
    running: list[Step] = []
    taken: list[str] = []
    while len(ready):
        while len(running) < jobs and (step := ready.take()):
            assert set(step.needs) <= done
            running.append(step)
            taken.append(step.name)
        assert running, "a step was forgotten"
        ended = running.pop(chance.randrange(len(running)))
        done.add(ended.name)
        ready.done(ended.name)
    assert sorted(taken) == sorted(step.name for step in steps)


@given(graphs(), st.integers())
def test_after_a_failure_everything_runs_but_what_follows_from_it(steps: list[Step], seed: int) -> None:
    ready, taken, lost = Ready(steps), set(), set()
    after = dependents(steps)
    chance = random.Random(seed)
    while step := ready.take():
        taken.add(step.name)
        if chance.random() < 0.3:
            gone = ready.failed(step.name)
            assert set(gone) <= followers(step.name, after)
            assert gone == sorted(gone)
            lost |= set(gone)
        else:
            ready.done(step.name)
    assert taken | lost == {step.name for step in steps}
    assert not taken & lost
    assert len(ready) == 0


@given(graphs())
def test_a_step_is_higher_than_all_that_follow_it(steps: list[Step]) -> None:
    height = heights(steps)
    for name, later in dependents(steps).items():
        assert height[name] == 1 + max((height[other] for other in later), default=0)


def test_the_longest_chain_starts_first_and_groups_take_turns() -> None:
    chain = [Step("x:a", "x"), Step("x:b", "x", ("x:a",)), Step("x:c", "x", ("x:b",))]
    flat = [Step(f"{group}:{n}", group) for group in "yz" for n in range(3)]
    ready = Ready([*flat, *chain])
    first = [ready.take() for _ in range(5)]
    assert [step.name for step in first if step] == ["x:a", "y:0", "z:0", "y:1", "z:1"]
    ready.done("x:a")
    found = ready.take()
    assert found is not None
    assert found.name == "x:b"


def test_steps_that_need_each_other_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a, b"):
        in_order([Step("a", needs=("b",)), Step("b", needs=("a",)), Step("c")])


def test_the_time_left_is_bound_by_the_work_or_by_the_longest_chain() -> None:
    flat = [Step(f"a@{n}") for n in range(8)]
    assert seconds_left(flat, {}, 2) is None
    assert seconds_left(flat, {"a": [1.0, 3.0]}, 2) == pytest.approx(8.0)
    assert seconds_left(flat, {"b": [4.0]}, 4) == pytest.approx(8.0)
    chain = [Step("a@0"), Step("a@1", needs=("a@0",)), Step("a@2", needs=("a@1",))]
    assert seconds_left(chain, {"a": [2.0]}, 8) == pytest.approx(6.0)
    assert seconds_left([], {"a": [2.0]}, 8) == 0.0


def test_columns_go_from_start_over_the_rounds_to_the_end() -> None:
    names = ["summary", "data/b/dvc.yaml:annotate@qwen2-round10", "data/b/dvc.yaml:corpus"]
    names += ["data/b/dvc.yaml:predict@guideline0", "data/b/dvc.yaml:refine@step0", "data/b/dvc.yaml:golderrors@2"]
    columns = {name: column(Step(name)) for name in names}
    assert list(columns.values()) == ["end", "r10", "start", "end", "r1", "r2"]
    assert sorted(set(columns.values()), key=column_order) == ["start", "r1", "r2", "r10", "end"]
