"""`diziner summary`: the table of the last run."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from typing import Any

from diziner.common.files import read_json
from diziner.common.yamlfile import read_yaml
from diziner.layout import CORRELATION, PUBLISHED, SUMMARY
from diziner.results.published import published_of
from diziner.results.summary_table import correlation_line, correlation_table, published_table, table
from diziner.settings import load_settings

_UNBOUNDED = 10_000  # characters of what is no terminal


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--published", action="store_true", help="published values of these benchmarks, below")
    parser.add_argument("--correlation", action="store_true", help="of agreement with F1 by benchmark, below")
    parser.add_argument("--json", action="store_true", help="JSON, with everything")
    parser.epilog = "example: diziner summary --published"


def run(options: argparse.Namespace) -> None:
    """Print the table, fitted to the terminal ($COLUMNS, if set).

    Errors: UserError if nothing has been run yet.
    """
    summary = read_json(SUMMARY, "summary")
    names = [row["benchmark"] for row in summary["benchmarks"]]
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
    if correlation is not None and names:
        sys.stdout.write(correlation_line(correlation, published, width))
        if options.correlation:
            sys.stdout.write(correlation_table(correlation, published, width))
    if options.published and published is not None and names:
        sys.stdout.write(published_table(names, published, width))


def _joined(summary: dict[str, Any], names: list[str], published: dict[str, Any] | None) -> dict[str, Any]:
    if published is None:
        return summary
    values = {name: {slot: asdict(value) for slot, value in published_of(name, published).items()} for name in names}
    return {**summary, "published": {"f1_percent": values, "sources": published["sources"]}}
