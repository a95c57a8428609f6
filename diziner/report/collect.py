"""Data of the whole report page, small enough to open at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

from diziner.agreement.measures import PAIR_MEASURES, SET_MEASURES
from diziner.common.freshness import Standing, State
from diziner.report.benchmarks import benchmark_parts, benchmark_view
from diziner.report.correlation import correlation_view
from diziner.report.files import RoomFiles
from diziner.report.limits import STEPS, Limits, clipped
from diziner.report.page import page_of
from diziner.report.provenance import computed_with, provenance_note
from diziner.report.rounds import RoundParts
from diziner.report.run import run_view
from diziner.report.words import families_view, kinds_view
from diziner.results.published import HEADING, published_notes, published_of
from diziner.scoring.strict import STRICT_PROTOCOL
from diziner.settings import Settings

_WHICH = ("", "selected ")
_LINES = 200  # of one kind of change
_LONGEST = 400  # characters of one
MOST_BYTES = 4_900_000  # of the page; the bound that people are told is 5 MB


def report_page(
    rooms: Sequence[RoomFiles],
    texts: Mapping[str, str],
    settings: Settings,
    published: Mapping[str, Any] | None = None,
    most: int = MOST_BYTES,
    states: Mapping[str, Standing] | None = None,
    unread: Sequence[str] = (),
    commit: Mapping[str, Any] | None = None,
    show_text: bool | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> str:
    """Return the page with as much in it as fits into `most` bytes of UTF-8.

    `texts` are the supervisor's answers at hand, by key; `states` those of rooms' figures; `unread` has a line for each
    room that is not on the page; `commit` is what a copy says of git. `show_text`:
    whether it holds texts of documents; None: those of benchmarks whose licence lets them be passed on, and own ones.
    `comparison` is that with another run, if there is one.
    Limits are tightened step by step and named on the page; below the last step nothing more is left out.
    """
    parts = {files.card.name: benchmark_parts(files, settings, show_text=show_text) for files in rooms}

    @cache
    def page(step: int) -> str:
        limits = STEPS[step]
        return page_of(
            report_data(rooms, texts, settings, limits, published, states, unread, commit, show_text, comparison, parts)
        )

    def fits(step: int) -> bool:
        return len(page(step).encode()) <= most

    # Most runs fit whole; of the others a bisection, as pages become smaller from step to step.
    step = 0 if fits(0) else bisect_left(range(len(STEPS) - 1), True, lo=1, key=fits)
    return page(step)


def report_data(
    rooms: Sequence[RoomFiles],
    texts: Mapping[str, str],
    settings: Settings,
    limits: Limits,
    published: Mapping[str, Any] | None = None,
    states: Mapping[str, Standing] | None = None,
    unread: Sequence[str] = (),
    commit: Mapping[str, Any] | None = None,
    show_text: bool | None = None,
    comparison: Mapping[str, Any] | None = None,
    parts: Mapping[str, Sequence[RoundParts]] | None = None,
) -> dict[str, Any]:
    """Return what the page shows, benchmarks by name. The same outputs give the same data. `parts` are those of
    `benchmark_parts` by benchmark, made here if None."""
    ordered = sorted(rooms, key=lambda files: files.card.name)
    usage = list(chain.from_iterable(files.all_usage() for files in ordered))
    benchmarks = [
        benchmark_view(files, texts, settings, limits, (parts or {}).get(files.card.name), show_text=show_text)
        for files in ordered
    ]
    return {
        "protocol": STRICT_PROTOCOL,
        "profile": settings.profile,
        "hotspot_limit": limits.hotspots,
        "document_limit": limits.documents,
        "kinds": kinds_view(),
        "pair_measures": [[name, measure.title] for name, measure in PAIR_MEASURES.items()],
        "set_measures": [[name, measure.title] for name, measure in SET_MEASURES.items()],
        "families": families_view(),
        "benchmarks": [view | {"state": _state((states or {}).get(view["name"]))} for view in benchmarks],
        "run": run_view(settings, benchmarks, usage, commit),
        "unread": list(unread),
        "correlation": correlation_view(ordered, published),
        "computed": provenance_note(computed_with(usage, settings.local_endpoints)),
        "comparison": None if comparison is None else _comparison(comparison, benchmarks),
        "published": None if published is None else _published([f.card.name for f in ordered], published),
    }


def _state(standing: Standing | None) -> dict[str, Any] | None:
    """Return a state that is to be said; None for what is current, and where nobody looked."""
    if standing is None or standing.state is State.CURRENT:
        return None
    return {"state": standing.state.value, "text": str(standing)}


def _comparison(comparison: Mapping[str, Any], benchmarks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a comparison with the first lines of each kind of change, without sentences of benchmarks whose texts are
    left out."""
    hidden = [f"{own['name']} {which}guideline: examples." for own in benchmarks if not own["text"] for which in _WHICH]
    changes = {}
    for kind, lines in comparison["changes"].items():
        shown = [line for line in lines if not line[2:].startswith(tuple(hidden))]
        more = [f"and {len(shown) - _LINES} more: `diziner diff --json` has all"] if len(shown) > _LINES else []
        changes[kind] = [clipped(line, _LONGEST) for line in shown[:_LINES]] + more
    return {**comparison, "changes": changes}


def _published(names: Sequence[str], published: Mapping[str, Any]) -> dict[str, Any]:
    """Return printed values by benchmark and column, each with its method; and what is to be said of them."""
    values = {name: published_of(name, published) for name in names}
    return {
        "heading": HEADING,
        "columns": [[slot, head] for slot, head in _PUBLISHED if any(slot in own for own in values.values())],
        "rows": {
            name: {slot: [value.f1, value.method] for slot, value in own.items()} for name, own in values.items() if own
        },
        "notes": published_notes(names, published),
    }


_PUBLISHED = (
    ("diziner_readme", "DiZiNER (README)"),
    ("diziner_paper", "DiZiNER (paper)"),
    ("supervisor", "its supervisor alone"),
    ("best_zero_shot", "best zero-shot before"),
    ("best_supervised", "best supervised"),
)
