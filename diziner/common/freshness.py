"""State of figures: current, stale, failed, missing, not run, not fetched or unlinked. It is decided here alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """State of one pipeline's outputs; the value is the name that every screen gives it."""

    CURRENT = "current"  # all is as the lock says
    NOT_FETCHED = "not fetched"  # so too, but outputs that DVC caches are not in the work tree
    NOT_RUN = "not run"  # there is no record of a run
    UNLINKED = "unlinked"  # it is not part of the project's pipeline
    STALE = "stale"  # something that outputs depend on, or a file of metrics, is other than the lock says
    MISSING = "missing"  # a file of metrics is gone, which git holds and DVC's cache does not
    FAILED = "failed"  # a stage of it failed in the last run, and has not been run well since


# States whose figures are those of what is in the project now.
SOUND = frozenset({State.CURRENT, State.NOT_FETCHED})
# States of which there is nothing to mistrust: figures that are not there mislead nobody.
HARMLESS = SOUND | {State.NOT_RUN, State.UNLINKED}
_NAMED = 2  # reasons that a line names


@dataclass(frozen=True, slots=True)
class StageFacts:
    """Facts about one stage, held against its entry in the lock.

    `recorded`: it has an entry. `changes`: what is other than there, by itself; `derived`: what is so because a stage
    before it is. `missing`: outputs that no cache has and that are not there; `absent`: cached ones. `failure`: why it
    failed in the last run that had to do with it; `left_out`: why that run did without it. `command`: what runs it.
    """

    name: str
    recorded: bool = True
    changes: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    failure: str = ""
    left_out: str = ""
    command: str = ""

    @property
    def done(self) -> bool:
        """Whether what it made is as the lock says: then an earlier failure is made good."""
        return self.recorded and not (self.changes or self.derived or self.missing or self.absent)


@dataclass(frozen=True, slots=True)
class Standing:
    """A state with its reasons, the telling ones first."""

    state: State
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = f"; and {len(self.reasons) - _NAMED} more" if len(self.reasons) > _NAMED else ""
        why = "; ".join(self.reasons[:_NAMED]) + more
        return f"{self.state.value}: {why}" if why else self.state.value


def standing_of(stages: Sequence[StageFacts], linked: bool = True) -> Standing:
    """Return the state of a pipeline by the facts of its stages, in their order.

    What hides a figure or makes it false comes before what merely dates it: failed, missing, stale, not fetched.

    >>> str(standing_of([StageFacts("score", changes=("params.yaml scoring.seed: 13 -> 14",))]))
    'stale: params.yaml scoring.seed: 13 -> 14'
    >>> str(standing_of([StageFacts("score", recorded=False)]))
    'not run'
    """
    if not linked:
        return Standing(State.UNLINKED)
    failures = [f"{stage.name}: {stage.failure}" for stage in stages if stage.failure and not stage.done]
    if failures:
        return Standing(State.FAILED, _distinct(failures))
    left_out = [stage.left_out for stage in stages if stage.left_out and not stage.done]
    if left_out and any(stage.missing or not stage.recorded for stage in stages):
        return Standing(State.NOT_RUN, _distinct(f"the last run left it out: {why}" for why in left_out))
    if not any(stage.recorded for stage in stages):
        return Standing(State.NOT_RUN)
    if missing := [path for stage in stages for path in stage.missing]:
        return Standing(State.MISSING, _distinct(f"{path} is gone" for path in missing))
    changes = [change for stage in stages for change in stage.changes]
    changes += [f"{stage.name} has not been run" for stage in stages if not stage.recorded]
    changes = changes or [change for stage in stages for change in stage.derived]
    if changes:
        return Standing(State.STALE, _distinct(changes))
    if any(stage.absent for stage in stages):
        return Standing(State.NOT_FETCHED)
    return Standing(State.CURRENT)


def _distinct(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))
