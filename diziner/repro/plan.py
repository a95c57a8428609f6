"""Plan of a run: longest chains first, and among equals the benchmark with the least under way."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the graph. `name` is its DVC address, `needs` the steps that come before it.

    `group` is what shares the machine fairly: the folder of its dvc.yaml, "" for the root's.
    """

    name: str
    group: str = ""
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The stage's name without its file and its matrix entry: `annotate`."""
        return self.name.rpartition(":")[2].partition("@")[0]

    @property
    def label(self) -> str:
        """The name for people: `conll2003 annotate@qwen-round0`."""
        return f"{self.group.rpartition('/')[2]} {self.name.rpartition(':')[2]}".strip()


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Return the steps sorted so that each comes after what it needs; ties by name. Needs outside `steps` count as
    done.

    Errors: ValueError for a cycle.
    """
    known = {step.name: step for step in steps}
    open_needs = {name: sum(need in known for need in step.needs) for name, step in known.items()}
    after = dependents(known.values())
    free = [name for name, count in open_needs.items() if not count]
    heapq.heapify(free)
    ordered = []
    while free:
        name = heapq.heappop(free)
        ordered.append(known[name])
        for follower in after[name]:
            open_needs[follower] -= 1
            if not open_needs[follower]:
                heapq.heappush(free, follower)
    if len(ordered) < len(known):
        raise ValueError(f"the steps need each other: {', '.join(sorted(known.keys() - {s.name for s in ordered}))}")
    return ordered


def dependents(steps: Iterable[Step]) -> dict[str, list[str]]:
    """Return for each step the steps that need it, in the order given."""
    listed = list(steps)
    after: dict[str, list[str]] = {step.name: [] for step in listed}
    for step in listed:
        for need in step.needs:
            if need in after:
                after[need].append(step.name)
    return after


def followers(name: str, after: Mapping[str, Sequence[str]]) -> set[str]:
    """Return all steps that need a step, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        fresh = [step for step in after[waiting.pop()] if step not in found]
        found.update(fresh)
        waiting += fresh
    return found


def heights(steps: Sequence[Step], seconds: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the longest chain from each step to the end, itself included, in steps or in `seconds` by name."""
    after = dependents(steps)
    found: dict[str, float] = {}
    for step in reversed(in_order(steps)):
        own = 1.0 if seconds is None else seconds[step.name]
        found[step.name] = own + max((found[name] for name in after[step.name]), default=0.0)
    return found


class Ready:
    """Hands out steps whose needs are done, each once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.name: step for step in steps}
        self._after = dependents(steps)
        self._height = heights(steps)
        self._open = {step.name: sum(need in self._steps for need in step.needs) for step in steps}
        self._free = {name for name, count in self._open.items() if not count}
        self._left = set(self._steps)
        self._taken: set[str] = set()
        self._busy: Counter[str] = Counter()

    def take(self) -> Step | None:
        """Return the next step to start, None if none is ready now."""
        if not self._free:
            return None
        name = min(self._free, key=lambda n: (-self._height[n], self._busy[self._steps[n].group], n))
        self._free.discard(name)
        self._taken.add(name)
        self._busy[self._steps[name].group] += 1
        return self._steps[name]

    def done(self, name: str) -> None:
        """Mark a step as done: what waited only for it becomes ready."""
        self._ended(name)
        for follower in self._after[name]:
            self._open[follower] -= 1
            if not self._open[follower] and follower in self._left:
                self._free.add(follower)

    def failed(self, name: str) -> list[str]:
        """Mark a step as failed and return the steps that can no longer run, sorted."""
        self._ended(name)
        lost = followers(name, self._after) & self._left
        self._left -= lost
        return sorted(lost)

    def leave_out(self, names: Iterable[str]) -> None:
        """Take steps out of the plan, whatever they are: what needs them no longer waits for them."""
        for name in names:
            if name in self._left:
                self._left.discard(name)
                self._free.discard(name)
                for follower in self._after[name]:
                    self._open[follower] -= 1
        self._free |= {name for name in self._left - self._taken if not self._open[name]}

    def _ended(self, name: str) -> None:
        self._left.discard(name)
        self._busy[self._steps[name].group] -= 1

    def __len__(self) -> int:
        """Count the steps that are neither done nor failed nor lost."""
        return len(self._left)


def seconds_left(left: Sequence[Step], seen: Mapping[str, Sequence[float]], jobs: int) -> float | None:
    """Return how long the steps in `left` will take, `jobs` at once, by the mean of the seconds `seen` of their kind.

    Kinds not seen yet take the mean of all. None while nothing was seen.
    """
    everything = [seconds for values in seen.values() for seconds in values]
    if not everything:
        return None
    means = {kind: sum(values) / len(values) for kind, values in seen.items() if values}
    usual = sum(everything) / len(everything)
    expected = {step.name: means.get(step.kind, usual) for step in left}
    longest = max(heights(left, expected).values(), default=0.0)
    return max(longest, sum(expected.values()) / jobs)
