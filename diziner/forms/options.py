"""Options of commands that read files: what a form leaves open, said on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from diziner.common.errors import UserError
from diziner.forms.choices import SPAN_UNITS, Choices, parse_columns, read_label_names
from diziner.forms.schemes import SCHEMES
from diziner.forms.table import FORMS


def add_form_options(parser: argparse.ArgumentParser, path: Callable[[str], Path] = Path) -> None:
    """Declare the options of `chosen`, in a group of their own. `path` says how a path is meant."""
    group = parser.add_argument_group("how files are read, where that is not plain from them (docs/forms.md)")
    add = group.add_argument
    add("--form", default="", metavar="FORM", help=f"one of {', '.join(FORMS)}")
    add("--columns", default="", metavar="KEY=COLUMN,…", help="such as token=1,tag=2 (from 0), or text=body,spans=gold")
    add("--scheme", default="", metavar="SCHEME", help=f"of tags: {', '.join(SCHEMES)}")
    add("--spans", default="", metavar="UNIT", help=f"what spans count: {', '.join(SPAN_UNITS)}")
    add("--labels", type=path, metavar="FILE", help="names of integer tags, one a line, that of 0 first; or JSON")
    add("--drop", action="store_true", help="leave out nested, overlapping and discontinuous spans; else refused")
    add("--nested", action="store_true", help="spans may be nested: all are kept (docs/nested.md)")


def chosen(options: argparse.Namespace) -> Choices:
    """Return the choices that were made.

    Errors: UserError for one that cannot be made.
    """
    if options.form and options.form not in FORMS:
        raise UserError(f"--form {options.form}: unknown; allowed: {', '.join(FORMS)}")
    if options.scheme and options.scheme.upper() not in SCHEMES:
        raise UserError(f"--scheme {options.scheme}: unknown; allowed: {', '.join(SCHEMES)}")
    if options.spans and options.spans not in SPAN_UNITS:
        raise UserError(f"--spans {options.spans}: unknown; allowed: {', '.join(SPAN_UNITS)}")
    if options.nested and options.drop:
        raise UserError("--nested and --drop: overlapping spans are either kept or left out; give one of the two")
    labels = () if options.labels is None else read_label_names(options.labels)
    columns = parse_columns(options.columns) if options.columns else {}
    return Choices(columns, labels, options.form, options.scheme.upper(), options.spans, options.drop, options.nested)
