"""Targets of `repro` and `verify`, as people and DVC name them."""

from __future__ import annotations

from diziner.layout import DATA


def address(target: str) -> str:
    """Return a target as DVC names it: a benchmark's name stands for its pipeline.

    >>> address("data/conll2003/dvc.yaml:score")
    'data/conll2003/dvc.yaml:score'
    """
    pipeline = DATA / target.partition(":")[0] / "dvc.yaml"
    if "/" not in target and pipeline.exists():
        stage = target.partition(":")[2]
        return f"{pipeline}:{stage}" if stage else str(pipeline)
    return target
