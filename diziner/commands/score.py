"""`diziner score`: score predictions against gold, plain files outside any pipeline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.forms.options import add_form_options, chosen
from diziner.scoring.calibration import Sureness, calibration
from diziner.scoring.protocols import PROTOCOLS
from diziner.scoring.strict import SCORED
from diziner.standalone.common_tokens import Texts, widened_of
from diziner.standalone.files import LabelledFile, read_plain
from diziner.standalone.from_python import align, texts_of
from diziner.standalone.scores import chosen_protocols, difference_to_json, json_text, protocol_scores, scores_to_json
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
    add("--samples", type=int, default=1000, metavar="N", help="bootstrap resamples; 1000")
    add("--seed", type=int, default=13, metavar="N", help="of the bootstrap; 13")
    add_form_options(parser)
    parser.epilog = (
        "example: diziner score --gold gold.conll --pred mine.conll --protocol all "
        "(docs/protocols.md says what each protocol counts)"
    )


def run(options: argparse.Namespace) -> None:
    """Print the scores as JSON.

    Errors: UserError for files that cannot be read or are not of the same documents, unknown protocols.
    """
    names = chosen_protocols(options.protocol)
    if options.samples < 1 or options.seed < 0:
        raise UserError(f"--samples {options.samples} --seed {options.seed}: at least 1 and at least 0")
    if len(options.pred) > 2:
        raise UserError(f"--pred is given {len(options.pred)} times; allowed: once, or twice for the difference")
    choices = chosen(options)
    files = [read_plain(path, choices) for path in (options.gold, *options.pred)]
    texts = texts_of(options.documents, choices)
    sure = [read_sureness(path) for path in options.pred] if options.calibration else []
    sys.stdout.write(json_text(scored(files, texts, names, options.common, options.samples, options.seed, sure)))


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
    gold, *predictions = aligned.files
    ids = aligned.ids
    found = [
        {name: protocol_scores(name, aligned.documents, aligned.gold, own) for name in names}
        for own in aligned.predictions
    ]
    result: dict[str, Any] = {
        "documents": len(ids),
        "left_out": len({row.id for file in files for row in file.annotations} - ids),
        "scored": SCORED,
        "gold": {
            "file": gold.path.name,
            "read_as": gold.read_as,
            "repairs": gold.repairs,
            "widened": widened_of(gold, ids),
        },
        "bootstrap": {"samples": samples, "seed": seed},
        "predictions": [
            {
                "file": file.path.name,
                "read_as": file.read_as,
                "repairs": file.repairs,
                "widened": widened_of(file, ids),
                "failures": sum(row.failure is not None and row.id in ids for row in file.annotations),
                "protocols": {name: scores_to_json(name, own[name], samples, seed) for name in names},
            }
            for file, own in zip(predictions, found, strict=True)
        ],
    }
    for own, spans, votes in zip(result["predictions"], aligned.predictions, sure, strict=False):
        own["calibration"] = calibration(aligned.gold, spans, votes, samples, seed)
    if len(found) == 2:
        first, second = found
        result["difference"] = {name: difference_to_json(first[name], second[name], samples, seed) for name in names}
    return result
