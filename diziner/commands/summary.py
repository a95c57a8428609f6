"""`diziner summary`: the table of the last run."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from diziner.common.files import read_json
from diziner.common.yamlfile import read_yaml
from diziner.layout import CORRELATION, PARAMS, PUBLISHED, SUMMARY, Room, rooms
from diziner.records.annotations import LEFT_OUT
from diziner.results.paper_table import paper_json, paper_lines
from diziner.results.published import published_of
from diziner.results.summary_table import correlation_line, correlation_table, paper_table, published_table, table
from diziner.settings import load_settings

_UNBOUNDED = 10_000  # characters of what is no terminal


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--published", action="store_true", help="published values of these benchmarks, below")
    parser.add_argument(
        "--paper", action="store_true", help="the paper's table with this run in it, and the abstract's claims by it"
    )
    parser.add_argument("--correlation", action="store_true", help="of agreement with F1 by benchmark, below")
    parser.add_argument("--json", action="store_true", help="JSON, with everything")
    parser.epilog = "example: diziner summary --paper"


def run(options: argparse.Namespace) -> None:
    """Print the table, fitted to the terminal ($COLUMNS, if set).

    Errors: UserError if nothing has been run yet.
    """
    summary = read_json(SUMMARY, "summary")
    names = [row["benchmark"] for row in summary["benchmarks"]]
    if options.paper:
        _paper(summary, options.json)
        return
    # A run of an earlier version has no correlations, an own project may have no published values.
    correlation = read_json(CORRELATION, "correlation") if options.correlation or CORRELATION.is_file() else None
    published = read_yaml(PUBLISHED, "published") if options.published or PUBLISHED.is_file() else None
    if options.json:
        shown = _joined(summary, names, published if options.published else None)
        shown |= {} if correlation is None else {"correlation": correlation}
        sys.stdout.write(json.dumps(shown, indent=2, sort_keys=True) + "\n")
        return
    width = shutil.get_terminal_size((_UNBOUNDED, 24)).columns
    sys.stdout.write(table(summary, width, load_settings().no_models))
    sys.stdout.write("".join(_not_run(room) for room in rooms() if room.name not in names))
    sys.stdout.write(_left_out(names))
    if correlation is not None and names:
        sys.stdout.write(correlation_line(correlation, published, width))
        if options.correlation:
            sys.stdout.write(correlation_table(correlation, published, width))
    if options.published and published is not None and names:
        sys.stdout.write(published_table(names, published, width))


def _paper(summary: dict[str, Any], as_json: bool) -> None:
    """Print the paper's table. Where a room's documents came from is what its manifest says; without one, what the
    settings say."""
    published = read_yaml(PUBLISHED, "published")
    manifests = {row["benchmark"]: Room(row["benchmark"]).manifest for row in summary["benchmarks"]}
    settings = load_settings() if PARAMS.is_file() else None
    sources = {
        name: str(read_json(path).get("source", "")) if path.is_file() else settings.source(name) if settings else ""
        for name, path in manifests.items()
    }
    lines = paper_lines(summary, published, sources)
    if as_json:
        sys.stdout.write(json.dumps(paper_json(lines, published), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(paper_table(lines, published, shutil.get_terminal_size((_UNBOUNDED, 24)).columns))


def _not_run(room: Room) -> str:
    return f"not in the table: {room.name}, which the run left out; `diziner plan {room.name}` says what it lacks\n"


def _left_out(names: Sequence[str]) -> str:
    """Return a line on annotators that were not asked in some round; nothing if all were, or outputs are not here."""
    rounds = Counter[str]()
    for name in names:
        for path in sorted(Room(name).folder.glob("rounds/r*/tallies/*.json")):
            counts = read_json(path, "tally")
            rounds[path.stem] += counts["failures"].get(LEFT_OUT) == counts["documents"]
    parts = [
        f"{annotator} in {count} round{'s' if count > 1 else ''}" for annotator, count in sorted((+rounds).items())
    ]
    return f"left out (by the guideline, or its model is gone: report.html): {', '.join(parts)}\n" if parts else ""


def _joined(summary: dict[str, Any], names: list[str], published: dict[str, Any] | None) -> dict[str, Any]:
    if published is None:
        return summary
    values = {name: {slot: asdict(value) for slot, value in published_of(name, published).items()} for name in names}
    return {**summary, "published": {"f1_percent": values, "sources": published["sources"]}}
