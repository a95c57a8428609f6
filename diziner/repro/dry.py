"""Dry run: what a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from diziner.common.words import counted
from diziner.repro.dvc_graph import StageError, State, open_graph
from diziner.repro.plan import dependents, followers, in_order


def dry_run(root: Path, targets: Sequence[str], force: bool, stream: TextIO) -> None:
    """Write a line for each stage that would run, be taken from the run-cache, or may follow from one that is.

    Errors: UserError as of `open_graph`.
    """
    with open_graph(root, targets) as graph:
        steps = in_order(graph.steps)
        after = dependents(steps)
        touched: set[str] = set()
        words = {State.RUN: "run", State.CACHED: "cached"}
        count = 0
        for step in steps:
            if step.name in touched and not force:
                stream.write(f"may run   {step.label}\n")
                continue
            try:
                state = graph.foresee(step.name, force)
            except StageError as error:
                stream.write(f"run       {step.label}: {error}\n")
                state = State.RUN
            else:
                if state is not State.UNCHANGED:
                    stream.write(f"{words[state]:<9} {step.label}\n")
            if state is not State.UNCHANGED:
                count += 1
                touched |= followers(step.name, after)
        if not count:
            stream.write(f"up to date: {counted(len(steps), 'stage')} unchanged\n")
