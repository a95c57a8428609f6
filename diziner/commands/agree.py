"""`diziner agree`: how far annotators agree, from plain files outside any pipeline; nothing else is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diziner.agreement.alt_test import EPSILON
from diziner.agreement.analysis import Analysis
from diziner.agreement.report import render_report
from diziner.agreement.settings import CONSENSUS, SPANS, WEIGHTINGS, AnalysisSettings
from diziner.common.errors import UserError
from diziner.common.files import write_text
from diziner.common.options import number
from diziner.common.tables import width_of
from diziner.forms.options import add_form_options, chosen
from diziner.records.agreement import agreement_to_json
from diziner.records.disagreements import hotspot_to_json
from diziner.standalone.common_tokens import widened_of
from diziner.standalone.files import LabelledFile
from diziner.standalone.for_people import agreement_text
from diziner.standalone.from_python import analysed, annotators_of, measured, texts_of
from diziner.standalone.scores import json_text
from diziner.standalone.stand_in import stand_in
from diziner.standalone.together import read_together

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    kinds = "of any form of docs/forms.md, or this project's annotations"
    add("files", type=Path, nargs="*", metavar="FILE", help=f"one annotator's labels, named by the file: {kinds}")
    add("--humans", type=Path, nargs="+", default=[], metavar="FILE", help="labels of people")
    add("--models", type=Path, nargs="+", default=[], metavar="FILE", help="labels of models")
    add(
        "--alt-test",
        action="store_true",
        help="test whether each of --models may stand in for --humans (arXiv 2501.10970): 2 people and 30 documents at "
        "least",
    )
    add(
        "--epsilon",
        type=number("--epsilon", 0, 1, open_above=True),
        default=EPSILON,
        metavar="E",
        help=f"how much less often a model may win than a person does: 0.2 experts, 0.1 crowds ({EPSILON})",
    )
    add("--documents", type=Path, metavar="FILE", help="the documents' tokens, where the files have none")
    add("--weights", default="span_f1", metavar="W", help=f"how annotators are weighted: {', '.join(WEIGHTINGS)}")
    add(
        "--consensus",
        metavar="C",
        help="whether adjacent mentions of one type are merged (io) or kept apart (bio), or whole spans are voted for "
        f"(spans; always with --nested): {', '.join(CONSENSUS)}; io",
    )
    add(
        "--measure", action="append", default=[], metavar="NAME", help="also print a plug-in's measure; may be repeated"
    )
    add("--report", type=Path, metavar="FILE.md", help="also write the disagreements with examples, as Markdown")
    add("--json", action="store_true", help="JSON, with everything; so too where the output is no terminal")
    add_form_options(parser)
    parser.epilog = "example: diziner agree anna.conll ben.conll carla.conll --report disagreements.md"


def run(options: argparse.Namespace) -> None:
    """Print the agreement, tables on a terminal and JSON elsewhere, and write the report.

    Errors: UserError for files that cannot be read, annotators that cannot be told apart, labels that are not
    of the same documents.
    """
    if options.alt_test and not (options.humans and options.models):
        raise UserError("--alt-test: needs --humans FILE… and --models FILE…")
    choices = chosen(options)
    usual = SPANS if choices.nested else "io"
    consensus = usual if options.consensus is None else options.consensus
    settings = AnalysisSettings(weights=options.weights, consensus=consensus)
    if choices.nested and consensus != SPANS:
        raise UserError(f"--consensus {consensus}: spans that may be nested are voted for as wholes; leave it out")
    texts = texts_of(options.documents, choices)
    paths = (*options.files, *options.humans, *options.models)
    files = annotators_of(read_together(paths, choices))
    for_people = sys.stdout.isatty() and not options.json
    for name, file in files.items():
        if file.read_as:
            sys.stderr.write(f"{name}: read as {file.read_as}\n")
    analysis, documents, files = analysed(files, texts, settings)
    if options.report:
        _write(options.report, render_report(analysis, documents))
    further: dict[str, Any] = {"measures": measured(analysis, options.measure)} if options.measure else {}
    if options.alt_test:
        people, models = ([path.stem for path in paths] for paths in (options.humans, options.models))
        further["alt_test"] = stand_in(files, people, models, analysis.agreement, options.epsilon)
    found = agreement_of(analysis, files) | further
    report = str(options.report or "")
    sys.stdout.write(agreement_text(found, width_of(sys.stdout), report) if for_people else json_text(found))


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"--report {path}: {error.strerror}") from None


def agreement_of(analysis: Analysis, files: Mapping[str, LabelledFile]) -> dict[str, Any]:
    """Return all that is printed: agreement, what became of each file, totals and hotspots."""
    return {
        "agreement": agreement_to_json(analysis.agreement),
        "files": {
            name: {
                "failures": file.failures,
                "repairs": file.repairs,
                "widened": widened_of(file, {row.id for row in file.annotations}),
            }
            for name, file in files.items()
        },
        "hotspots": [hotspot_to_json(hotspot) for hotspot in analysis.hotspots],
        "totals": asdict(analysis.totals),
    }
