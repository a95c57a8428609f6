"""`diziner score`: score predictions against gold, plain files outside any pipeline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.options import LARGEST_SEED, whole
from diziner.common.tables import width_of
from diziner.forms.columns import Columns
from diziner.forms.options import add_form_options, chosen
from diziner.scoring.calibration import Sureness, calibration
from diziner.scoring.protocols import PROTOCOLS
from diziner.scoring.strict import SCORED
from diziner.spans.widened import counted
from diziner.standalone.columnscores import ColumnScores, read_same_columns
from diziner.standalone.common_tokens import Texts, widened_of
from diziner.standalone.files import LabelledFile, read_plain
from diziner.standalone.for_people import scores_text
from diziner.standalone.from_python import align, texts_of
from diziner.standalone.scores import (
    ProtocolScores,
    chosen_protocols,
    difference_to_json,
    json_text,
    protocol_scores,
    require_flat,
    scores_to_json,
)
from diziner.standalone.shares import read_sureness

IN_PROJECT = False

_KINDS = "JSON Lines, CoNLL columns, parquet, or this project's own files"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("--gold", type=Path, required=True, metavar="FILE", help=f"what is right: {_KINDS}")
    add(
        "--pred",
        type=Path,
        required=True,
        action="append",
        metavar="FILE",
        help="a prediction; give a second one for the difference, first minus second",
    )
    add("--documents", type=Path, metavar="FILE", help="the documents' tokens, where gold and prediction have none")
    add(
        "--protocol",
        default="strict",
        metavar="NAMES",
        help=f"all, or some of {', '.join(PROTOCOLS)}; or a plug-in's; strict",
    )
    add("--common", action="store_true", help="score only documents that every file has; else all must have the same")
    add("--calibration", action="store_true", help="of a vote: F1 by how sure it is, to choose --review-below by")
    add("--samples", type=whole("--samples", 1, 1_000_000), default=1000, metavar="N", help="bootstrap resamples; 1000")
    add("--seed", type=whole("--seed", 0, LARGEST_SEED), default=13, metavar="N", help="of the bootstrap; 13")
    add("--json", action="store_true", help="JSON, with everything; so too where the output is no terminal")
    add_form_options(parser)
    parser.epilog = (
        "example: diziner score --gold gold.conll --pred mine.conll --protocol all "
        "(docs/protocols.md says what each protocol counts)"
    )


def run(options: argparse.Namespace) -> None:
    """Print the scores: tables on a terminal, JSON elsewhere.

    Errors: UserError for files that cannot be read or are not of the same documents, unknown protocols.
    """
    names = chosen_protocols(options.protocol)
    if len(options.pred) > 2:
        raise UserError(f"--pred is given {len(options.pred)} times; allowed: once, or twice for the difference")
    choices, paths = chosen(options), [options.gold, *options.pred]
    plain = options.documents is None and not options.calibration and set(names) <= set(PROTOCOLS)
    columns = read_same_columns(paths, choices) if plain else None
    if columns is None:
        texts = texts_of(options.documents, choices)
        files = [read_plain(path, choices) for path in paths]
        sure = [read_sureness(path) for path in options.pred] if options.calibration else []
        result = scored(files, texts, names, options.common, options.samples, options.seed, sure)
    else:
        result = scored_columns(paths, columns, names, options.samples, options.seed)
    for_people = sys.stdout.isatty() and not options.json
    sys.stdout.write(scores_text(result, width_of(sys.stdout)) if for_people else json_text(result))


def scored(
    files: Sequence[LabelledFile],
    texts: Texts | None,
    names: Sequence[str],
    common: bool,
    samples: int,
    seed: int,
    sure: Sequence[Mapping[str, Sureness]] = (),
) -> dict[str, Any]:
    """Return all that is printed: scores of one or two predictions (`files` after the first, which is gold).

    `sure` says how sure each prediction is, where it is to be held against that. A failed document counts as nothing
    found. Errors: as `run`.
    """
    aligned = align(files, texts, common)
    require_flat(names, [aligned.gold, *aligned.predictions])
    ids = aligned.ids
    found = [
        {name: protocol_scores(name, aligned.documents, aligned.gold, own) for name in names}
        for own in aligned.predictions
    ]
    sides = [
        {"file": file.path.name, "read_as": file.read_as, "repairs": file.repairs, "widened": widened_of(file, ids)}
        for file in aligned.files
    ]
    failures = [sum(row.failure is not None and row.id in ids for row in file.annotations) for file in aligned.files]
    left_out = len({row.id for file in files for row in file.annotations} - ids)
    result = _result(len(ids), left_out, sides, failures, found, samples, seed)
    for own, spans, votes in zip(result["predictions"], aligned.predictions, sure, strict=False):
        own["calibration"] = calibration(aligned.gold, spans, votes, samples, seed)
    return result


def scored_columns(
    paths: Sequence[Path], files: Sequence[Columns], names: Sequence[str], samples: int, seed: int
) -> dict[str, Any]:
    """Return what `scored` does, of files of the same documents that are read as arrays; they have no failures."""
    gold, *predictions = files
    pairs = [ColumnScores(gold, own) for own in predictions]
    found = [{name: pair.of(name) for name in names} for pair in pairs]
    sides = [
        {"file": path.name, "read_as": file.said, "repairs": file.repairs, "widened": counted(())}
        for path, file in zip(paths, files, strict=True)
    ]
    return _result(gold.documents, 0, sides, [0] * len(files), found, samples, seed)


def _result(
    documents: int,
    left_out: int,
    sides: Sequence[dict[str, Any]],
    failures: Sequence[int],
    found: Sequence[dict[str, ProtocolScores]],
    samples: int,
    seed: int,
) -> dict[str, Any]:
    """Return what is printed; `sides` and `failures` are of gold and each prediction, `found` of these alone."""
    result: dict[str, Any] = {
        "documents": documents,
        "left_out": left_out,
        "scored": SCORED,
        "gold": sides[0],
        "bootstrap": {"samples": samples, "seed": seed},
        "predictions": [
            {
                **side,
                "failures": failed,
                "protocols": {name: scores_to_json(name, own, samples, seed) for name, own in scores.items()},
            }
            for side, failed, scores in zip(sides[1:], failures[1:], found, strict=True)
        ],
    }
    if len(found) == 2:
        first, second = found
        result["difference"] = {name: difference_to_json(first[name], second[name], samples, seed) for name in first}
    return result
