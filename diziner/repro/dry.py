"""Dry run: what a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from diziner.common.words import counted
from diziner.repro.dvc_graph import DvcGraph, StageError, State, open_graph
from diziner.repro.plan import dependents, followers, in_order
from diziner.repro.run import Leaving
from diziner.repro.view import left_out_line


def dry_run(
    root: Path,
    targets: Sequence[str],
    force: bool,
    stream: TextIO,
    leaving: Leaving | None = None,
    anew: Collection[str] = (),
) -> None:
    """Write a line for each stage that would run, be taken from the run-cache, or may follow from one that is; first, a
    line for each group that `leaving` would leave out, as far as that is known beforehand. `anew` as of `reproduce`.

    Errors: UserError as of `open_graph`.
    """
    with open_graph(root, targets) as graph:
        steps = in_order(graph.steps)
        after = dependents(steps)
        left_out = leaving.known(graph) if leaving else {}
        stream.write("".join(f"{left_out_line(group, left_out[group])}\n" for group in sorted(left_out)))
        touched = _touched_without(graph, left_out, after)
        first = leaving.first if leaving else None
        if left_out and left_out.keys() == {step.group for step in steps if step.kind == first}:
            stream.write("nothing runs: no benchmark's documents can be loaded\n")
            return
        steps = [step for step in steps if step.group not in left_out]
        words = {State.RUN: "run", State.CACHED: "cached"}
        count = 0
        for step in steps:
            if step.name in touched and not force:
                stream.write(f"may run   {step.label}\n")
                continue
            try:
                state = graph.foresee(step.name, force or step.kind in anew)
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


def _touched_without(graph: DvcGraph, left_out: Mapping[str, str], after: Mapping[str, Sequence[str]]) -> set[str]:
    """Return what stands on outputs that a run would put away with the groups that it leaves out."""
    found: set[str] = set()
    for group in left_out:
        own = [step.name for step in graph.steps if step.group == group]
        if graph.has_outputs(own):
            found.update(*(followers(name, after) for name in own))
    return found
