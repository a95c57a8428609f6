"""`diziner agree`: how far annotators agree, from plain files outside any pipeline; nothing else is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diziner.agreement.analysis import Analysis, analyse
from diziner.agreement.checks import rows_of
from diziner.agreement.report import render_report
from diziner.agreement.settings import WEIGHTINGS, AnalysisSettings
from diziner.common.errors import UserError
from diziner.common.files import write_text
from diziner.records.agreement import agreement_to_json
from diziner.records.disagreements import hotspot_to_json
from diziner.records.documents import Document
from diziner.standalone.align import aligned, widened_of
from diziner.standalone.files import PlainFile, read_plain, read_texts
from diziner.standalone.match import joined_documents, require_matching_ids
from diziner.standalone.scores import json_text

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    kinds = "JSON Lines, CoNLL columns, parquet, or this project's annotations"
    add("files", type=Path, nargs="+", metavar="FILE", help=f"one annotator's labels, named by the file: {kinds}")
    add("--documents", type=Path, metavar="FILE", help="the documents' tokens, where the files have none")
    add("--weights", default="span_f1", metavar="W", help=f"how annotators are weighted: {', '.join(WEIGHTINGS)}")
    add("--report", type=Path, metavar="FILE.md", help="also write the disagreements with examples, as Markdown")
    parser.epilog = "example: diziner agree anna.conll ben.conll carla.conll --report disagreements.md"


def run(options: argparse.Namespace) -> None:
    """Print the agreement as JSON, and write the report.

    Errors: UserError for files that cannot be read, annotators that cannot be told apart, labels that are not
    of the same documents.
    """
    settings = AnalysisSettings(weights=options.weights)
    texts = (options.documents, read_texts(options.documents)) if options.documents else None
    analysis, documents, files = analysed([read_plain(path) for path in options.files], texts, settings)
    if options.report:
        _write(options.report, render_report(analysis, documents))
    sys.stdout.write(json_text(agreement_of(analysis, files)))


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"--report {path}: {error.strerror}") from None


def analysed(
    files: Sequence[PlainFile], texts: tuple[Path, Mapping[str, Document]] | None, settings: AnalysisSettings
) -> tuple[Analysis, list[Document], dict[str, PlainFile]]:
    """The analysis, its documents, and the files by annotator. Errors: as `run`."""
    if len(files) < 2:
        raise UserError(f"{files[0].path}: agreement needs two files or more, one for each annotator")
    files, texts = aligned(files, texts)
    named: dict[str, PlainFile] = {}
    for file in files:
        other = named.setdefault(file.path.stem, file)
        if other is not file:
            raise UserError(
                f"{other.path} and {file.path}: both annotators are called {file.path.stem!r}; rename one file"
            )
    require_matching_ids(files)
    wanted = {row.id for file in files for row in file.annotations}
    for name, file in named.items():
        rows_of(name, file.annotations, [Document(id_, (), "") for id_ in sorted(wanted)])
    documents = joined_documents(files, texts, wanted)
    if documents is None:
        raise UserError(f"{files[0].path}: neither it nor another file has tokens; give them by --documents FILE")
    annotations = {name: file.annotations for name, file in named.items()}
    types = sorted({span.type for rows in annotations.values() for row in rows for span in row.spans})
    ordered = [documents[name] for name in sorted(documents)]
    return analyse(ordered, annotations, types, settings), ordered, named


def agreement_of(analysis: Analysis, files: Mapping[str, PlainFile]) -> dict[str, Any]:
    """All that is printed: agreement, what became of each file, totals and hotspots."""
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
