"""`diziner data convert`: a benchmark's original files, made the local files that its card describes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import write_jsonl
from diziner.common.words import counted
from diziner.corpora.card import SPLITS, load_card
from diziner.corpora.check import check_benchmark
from diziner.corpora.originals import convert, cut, rows_of
from diziner.layout import PARAMS, room_named
from diziner.pipeline.arguments import given_path
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("benchmark", metavar="BENCHMARK")
    add("--from", dest="original", type=given_path, required=True, metavar="DIR", help="folder of the original files")
    add("--into", type=given_path, metavar="DIR", help="folder for BENCHMARK/; else corpus.local_dir of params")
    add("--cut", action="store_true", help="the smaller copy: without test texts in the pilot split, shuffled and cut")
    add("--force", action="store_true", help="write over files that are there")
    parser.epilog = "example: diziner data convert mit_movie --from SLIMER/data/MIT/movie --into ../benchmarks"


def run(options: argparse.Namespace) -> None:
    """Write the local files of both splits, and say what they hold.

    Errors: UserError for no folder to write to, originals that are missing or bad, and, when all is written, counts
    that are not those of the card.
    """
    room = room_named(options.benchmark)
    card = load_card(room.folder)
    into: Path | None = options.into or load_settings().local_dir
    if into is None:
        raise UserError(f"--into: name a folder for the files, or set corpus.local_dir in {PARAMS}")
    paths = {
        split: into / room.name / str(card.sources["local"].options[split])
        for split in SPLITS
        if card.sources.get("local")
    }
    if there := [path for path in paths.values() if path.exists() and not options.force]:
        raise UserError(f"{there[0]}: is there already; --force writes over it, --into names another folder")
    made = convert(card, options.original)
    if options.cut:
        made = cut(card, made)
    folder = into / room.name
    for split in SPLITS:
        write_jsonl(paths[split], rows_of(made.splits[split]))
    counts = ", ".join(f"{len(made.splits[split])} {split}" for split in SPLITS)
    dropped = f"; {counted(made.dropped, 'pilot document')} left out, being in the test split" if made.dropped else ""
    row = check_benchmark(card, room.folder, into)
    state = "as the card says" if row.checked else "the card has no counts"
    if row.state != "ok":
        raise UserError(f"{folder}: documents are written ({counts}), and not as the card says: {'; '.join(row.notes)}")
    sys.stdout.write(f"{folder}: documents: {counts} ({state}){dropped}; {counted(made.repairs, 'repair')}\n")
