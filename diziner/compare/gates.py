"""Gate rules: what a change may not do to the metrics (metrics/gates.yaml)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from diziner.common.errors import UserError
from diziner.common.exact import as_written
from diziner.common.freshness import HARMLESS, Standing, State
from diziner.common.rounding import rounded
from diziner.compare.comparison import Comparison, Side, shown_p, shown_smallest
from diziner.layout import GATES
from diziner.scoring.power import POWER

_NAMED = 4  # benchmarks that a line names
_UNPRICED = f"an answer is not at hand, or has no price (params endpoints.*.prices, or max_usd: null in {GATES})"


@dataclass(frozen=True, slots=True)
class Gates:
    """`max_drop`: largest drop of F1 that always passes. `significance`: of a larger one, after Holm's correction.

    `floors`: least F1 by benchmark. `max_failed_share`: of a benchmark's test documents. `max_usd`: for all
    benchmarks together, None for any. `retired`: benchmarks that may be gone.
    """

    max_drop: float
    significance: float
    floors: Mapping[str, float] = field(default_factory=dict)
    max_failed_share: float = 1.0
    max_usd: float | None = None
    retired: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Check:
    """One rule held against one benchmark ("" for all together): what was found, what is allowed, the outcome."""

    benchmark: str
    rule: str
    found: str
    allowed: str
    passed: bool


def gates_from(value: Mapping[str, Any]) -> Gates:
    """Return gates.yaml, already checked by its schema.

    Errors: UserError for a bound that is not finite: nothing is above it, so it would never fail.
    """
    bounds = {**value["f1"], **value["f1"]["floors"], **value}
    for name, bound in bounds.items():
        if isinstance(bound, float) and not math.isfinite(bound):
            raise UserError(f"{GATES}: {name}: is {bound}; give a number (max_usd: null for any cost)")
    return Gates(
        max_drop=value["f1"]["max_drop"],
        significance=value["f1"]["significance"],
        floors=dict(value["f1"]["floors"]),
        max_failed_share=value["max_failed_share"],
        max_usd=value["max_usd"],
        retired=frozenset(value["retired"]),
    )


def judge(
    gates: Gates,
    comparisons: Sequence[Comparison],
    new: Mapping[str, Side],
    faults: Mapping[str, Sequence[str]],
    usd: float | None,
    states: Mapping[str, Standing] | None = None,
    allow_stale: bool = False,
) -> list[Check]:
    """Return every rule held against every benchmark, by name; the rules that hold for all together come last.

    `states` are those of benchmarks in the new run, under "" that of the summary. Figures that are not those of the
    project as it is fail, stale ones unless `allow_stale`. A benchmark that was never run, and of which nobody has or
    wants a figure, passes.

    `comparisons` are with the base; `new` the benchmarks whose metrics are whole; `faults` what is missing or
    wrong with the others' (or with the summary, under ""). A benchmark that the base has, or that has a floor,
    must have metrics, unless it is retired. `usd` is what all benchmarks cost, None if unknown.
    """
    checks: list[Check] = []
    known = states or {}
    rows = {row.benchmark: row for row in comparisons}
    names = (rows.keys() | gates.floors.keys() | faults.keys() | new.keys()) - {""}
    for name in sorted(names):
        if name in gates.retired and name not in new:
            continue
        state = known.get(name)
        if state is not None and state.state is not State.CURRENT:
            checks.append(_state(name, "state", state, allow_stale))
            if state.state is State.NOT_RUN and name not in new and name not in rows and name not in gates.floors:
                continue
        wrong = list(faults.get(name, ()))
        if name not in new and not wrong:
            wrong = [
                "no metrics, although the base has them" if name in rows else "no metrics, although it has a floor"
            ]
        checks += [Check(name, "metrics", fault, "whole and as computed", passed=False) for fault in wrong]
        if name in new:
            own = _benchmark(gates, name, new[name], rows.get(name))
            apart = state is not None and state.state is State.UNLINKED  # nothing to be said of it, unless it fails
            checks += [check for check in own if not (apart and check.passed)]
    summed = known.get("", Standing(State.CURRENT))
    if summed.state is State.NOT_RUN and not new:
        return checks
    checks += [] if summed.state in HARMLESS else [_state("", "summary", summed, allow_stale)]
    checks += [Check("", "summary", fault, "whole and as computed", passed=False) for fault in faults.get("", ())]
    return [*checks, *_cost(gates, usd)]


def failed(checks: Collection[Check]) -> list[str]:
    """Return the benchmarks that fail, by name; the rule's name for what holds for all together."""
    return sorted({check.benchmark or check.rule for check in checks if not check.passed})


def out_of_sight(gates: Gates, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons whose documents do not show a drop of `max_drop` with probability 0.8: most such drops
    pass."""
    limit = as_written(gates.max_drop)
    return [row for row in comparisons if row.smallest is not None and as_written(rounded(row.smallest)) > limit]


def sight_notes(gates: Gates, comparisons: Sequence[Comparison]) -> list[str]:
    """Return what the gate cannot see of what it is to hold back, in a line for people; none where it sees all."""
    blind = out_of_sight(gates, comparisons)
    if not blind:
        return []
    known = sum(row.smallest is not None for row in comparisons)
    named = ", ".join(f"{row.benchmark} {shown_smallest(row)} of n {row.documents}" for row in blind[:_NAMED])
    more = f", and {len(blind) - _NAMED} more" if len(blind) > _NAMED else ""
    advice = f"; `diziner plan --detect {gates.max_drop:g}` says how many documents show it" if gates.max_drop else ""
    return [
        f"this gate does not see its own max_drop of {gates.max_drop:g} in {len(blind)} of {known} benchmarks: the "
        f"smallest drops that it finds with probability {POWER:g} are {named}{more}{advice}"
    ]


def base_notes(base: str, comparisons: Sequence[Comparison]) -> list[str]:
    """Return in lines for people why nothing could fall below a base: it has no F1, or is what is held against it."""
    new = [row.benchmark for row in comparisons if row.verdict == "new"]
    changes = [row.verdict for row in comparisons if row.change is not None]
    notes = []
    if new:
        more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
        notes.append(f"{base} has no F1 of {', '.join(new[:_NAMED])}{more}, so that no drop of theirs is seen")
    if base == "HEAD" and changes and set(changes) == {"same"}:
        notes.append("no F1 differs from HEAD's; what commits changed is seen from their base: `--base origin/main`")
    return notes


def _state(name: str, rule: str, standing: Standing, allow_stale: bool) -> Check:
    passed = standing.state in HARMLESS or (allow_stale and standing.state is State.STALE)
    return Check(name, rule, str(standing), "current, or stale" if allow_stale else "current", passed)


def _benchmark(gates: Gates, name: str, side: Side, row: Comparison | None) -> list[Check]:
    checks = []
    if row is not None and row.verdict == "gone":
        checks.append(Check(name, "F1 against the base", f"none; the base has {row.old:.3f}", "a score", passed=False))
    elif row is not None and row.change is not None:
        checks.append(_drop(gates, row))
    score = side.f1
    floor = gates.floors.get(name)
    if floor is not None:
        found = "none" if score is None else f"{float(score):.3f}"
        passed = score is not None and score >= as_written(floor)
        checks.append(Check(name, "F1", found, f"at least {floor:g}", passed))
    share = side.metrics["failed_share"]
    allowed = f"at most {gates.max_failed_share:g}"
    checks.append(Check(name, "failed share", f"{share:.3f}", allowed, share <= gates.max_failed_share))
    return checks


def _drop(gates: Gates, row: Comparison) -> Check:
    change = row.exact_change or Fraction(0)
    larger = -change > as_written(gates.max_drop)
    # Without an interval nobody can call a drop noise.
    regression = larger and (row.verdict == "worse" or row.adjusted is None)
    found = f"{float(change):+.3f}"
    if row.verdict == "same":
        found += ", the same counts"
    elif row.adjusted is not None:
        found += f", p {shown_p(row.adjusted)}, {row.verdict}"
    if row.note:
        found += f" ({row.note})"
    return Check(
        row.benchmark, "F1 against the base", found, f"-{gates.max_drop:g}, or within noise", passed=not regression
    )


def _cost(gates: Gates, usd: float | None) -> list[Check]:
    if gates.max_usd is None:
        return []
    found = f"unknown: {_UNPRICED}" if usd is None else f"{usd:.4f}"
    passed = usd is not None and usd <= gates.max_usd
    return [Check("", "USD, all benchmarks", found, f"at most {gates.max_usd:g}", passed)]
