"""Choice among configurations by agreement alone: the plainest, unless another's agreement is clearly higher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from diziner.ablation.agreement import (
    Difference,
    Sampled,
    common_annotators,
    draw_documents,
    mean_difference,
    resampled_agreement,
    same_documents,
)
from diziner.ablation.pilot import PilotRound
from diziner.common.errors import UserError
from diziner.common.rounding import rounded
from diziner.common.tables import text_table
from diziner.settings import Settings

Runs = Mapping[str, Mapping[str, PilotRound]]  # variant -> benchmark -> chosen round


@dataclass(frozen=True, slots=True)
class Compared:
    """A configuration on one benchmark: its chosen round, the words of that round's instructions, overall agreement,
    and its difference from the plainest configuration's (None for that itself)."""

    round: int
    words: int
    agreement: float
    change: Difference | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration over all benchmarks: sum of words, mean of agreement, how many settings it changes."""

    words: int
    settings_changed: int
    agreement: float
    change: Difference | None
    benchmarks: Mapping[str, Compared]


@dataclass(frozen=True, slots=True)
class Choice:
    """Outcome of a choice. `annotators` and `documents` say by whom and on how many documents agreement was compared,
    by benchmark; `candidates` are in the order of plainness."""

    chosen: str
    plainest: str
    reason: str
    annotators: Mapping[str, Sequence[str]]
    documents: Mapping[str, int]
    candidates: Mapping[str, Candidate]


def choose(runs: Runs, settings_changed: Mapping[str, int], samples: int, seed: int) -> Choice:
    """Choose one configuration for all benchmarks; gold has no part in it.

    The plainest has the fewest words of instructions in its chosen guidelines; of equals, the one that changes fewer
    settings, then the one named first. Another is better if the 95 % interval of its difference in agreement from the
    plainest is above 0 (documents resampled within benchmarks, `samples` times, paired; not corrected for the number
    of configurations). Among those that are better, ties go to the plainest again: it is the plainest of those whose
    agreement is not clearly below the highest.

    Errors: UserError where runs labelled different documents, or fewer than two annotators took part in all of them.
    """
    ranks = {name: place for place, name in enumerate(runs)}
    words = {name: sum(run.words for run in own.values()) for name, own in runs.items()}
    order = sorted(runs, key=lambda name: (words[name], settings_changed[name], ranks[name]))
    first = order[0]
    benchmarks = sorted(runs[first])
    annotators = {benchmark: _comparable(runs, benchmark) for benchmark in benchmarks}
    drawn = draw_documents({b: len(runs[first][b].documents) for b in benchmarks}, samples, seed)
    sampled = {
        name: {b: resampled_agreement(runs[name][b], annotators[b], drawn[b]) for b in benchmarks} for name in order
    }
    changes = {name: mean_difference(sampled[name], sampled[first]) for name in order[1:]}
    better = [name for name in order[1:] if changes[name].above]
    chosen = _plainest_of_the_best(better, sampled) if better else first
    candidates = {
        name: Candidate(
            words[name],
            settings_changed[name],
            rounded(_mean(sampled[name])),
            changes.get(name),
            {
                b: Compared(
                    runs[name][b].round,
                    runs[name][b].words,
                    rounded(sampled[name][b].value),
                    None if name == first else mean_difference({b: sampled[name][b]}, {b: sampled[first][b]}),
                )
                for b in benchmarks
            },
        )
        for name in order
    }
    reason = _reason(chosen, first, changes, better, candidates)
    documents = {b: len(runs[first][b].documents) for b in benchmarks}
    return Choice(chosen, first, reason, annotators, documents, candidates)


def refuse_incomparable(settings: Mapping[str, Settings]) -> None:
    """Raise UserError, before anything runs, for configurations whose agreement could not be compared."""
    (first, one), *others = settings.items()
    for name, other in others:
        if other.raw["corpus"] != one.raw["corpus"]:
            raise UserError(
                f"{name!r}: has another section corpus than {first!r}; agreement is compared on the same documents"
            )
    pools = [set(own.pool) for own in settings.values()]
    if len(set.intersection(*pools)) < 2:
        raise UserError(
            f"{', '.join(map(repr, settings))}: fewer than two annotators are in all of their pools; "
            "agreement is compared over the same annotators"
        )


def choice_to_json(choice: Choice, command: str) -> dict[str, Any]:
    """Return a choice as it is printed by --json (choice.schema.json); `command` takes it over."""
    value: dict[str, Any] = rounded(asdict(choice) | {"command": command})
    return value


def choice_table(choice: Choice) -> str:
    """Return a row for each configuration, the plainest first, and for each benchmark of it where there are several."""
    rows = []
    for name, own in choice.candidates.items():
        rows.append((name, "all" if len(own.benchmarks) > 1 else next(iter(own.benchmarks)), *_cells(own)))
        if len(own.benchmarks) > 1:
            rows += [("", f"{b}, round {part.round}", *_cells(part)) for b, part in own.benchmarks.items()]
    return text_table(("configuration", "benchmark", "words", "agreement", "change from plainest, 95 %"), rows)


def _cells(part: Candidate | Compared) -> tuple[str, str, str]:
    change = "" if part.change is None else shown_difference(part.change)
    return str(part.words), f"{part.agreement:.3f}", change


def shown_difference(found: Difference) -> str:
    """Return a difference with its interval.

    >>> shown_difference(Difference(0.0123, -0.01, 0.04))
    '+0.012 [-0.010, +0.040]'
    """
    return f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _comparable(runs: Runs, benchmark: str) -> tuple[str, ...]:
    """Return the annotators by which runs are compared on a benchmark."""
    (first, one), *others = ((name, own[benchmark]) for name, own in runs.items())
    for name, other in others:
        if not same_documents(one, other):
            raise UserError(
                f"{benchmark}: {first!r} and {name!r} labelled different pilot documents; agreement is compared on "
                "the same ones, in every round (corpus.pilot)"
            )
    common = common_annotators([own[benchmark] for own in runs.values()])
    if len(common) < 2:
        raise UserError(
            f"{benchmark}: fewer than two annotators took part in all of {', '.join(map(repr, runs))}; "
            "agreement is compared over the same annotators"
        )
    return common


def _plainest_of_the_best(better: Sequence[str], sampled: Mapping[str, Mapping[str, Sampled]]) -> str:
    """Return the first of `better`, which are in order of plainness, that the highest is not clearly above."""
    best = max(better, key=lambda name: (rounded(_mean(sampled[name])), -better.index(name)))
    return next(name for name in better if not mean_difference(sampled[best], sampled[name]).above)


def _mean(sampled: Mapping[str, Sampled]) -> float:
    return sum(sampled[name].value for name in sorted(sampled)) / len(sampled)


def _reason(
    chosen: str,
    plainest: str,
    changes: Mapping[str, Difference],
    better: Sequence[str],
    candidates: Mapping[str, Candidate],
) -> str:
    if chosen == plainest:
        if not changes:
            return f"{chosen!r} is the only configuration"
        return (
            f"no configuration agrees clearly more than {plainest!r}, the plainest "
            f"({candidates[plainest].words} words of instructions): of every other, the interval of the change "
            "holds 0 or lies below"
        )
    text = f"agreement is higher than in {plainest!r}, the plainest, by {shown_difference(changes[chosen])}"
    highest = max(better, key=lambda name: candidates[name].agreement)
    if candidates[highest].agreement > candidates[chosen].agreement:
        text += f"; {highest!r} agrees more still, but not clearly, and is less plain"
    return text
