"""`diziner export`: labels in the form of another tool, from a room, a labelling or a labelled file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.common.words import counted
from diziner.corpora.card import load_card
from diziner.forms.exported import Exported, exported
from diziner.forms.options import add_form_options, chosen
from diziner.forms.writers import WRITERS
from diziner.labelling.output_folder import shard_files
from diziner.labelling.review import sorted_rows
from diziner.labelling.row_files import read_rows
from diziner.layout import DATA, Room, enter_project
from diziner.pipeline.arguments import given_path
from diziner.pipeline.vote import vote
from diziner.records.agreement import agreement_from_json
from diziner.records.annotations import read_annotations, spans_from_json, taking_part
from diziner.records.documents import read_documents
from diziner.records.labelled import labelled_row
from diziner.records.votes import voted_row
from diziner.settings import Settings, load_settings
from diziner.spans.overlaps import resolve_overlaps
from diziner.standalone.files import read_plain

IN_PROJECT = False

Row = Mapping[str, Any]

_BY_SPAN = ("spans", "characters", "surfaces", "shares")  # lists of a row with an entry for each span


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    what = "a room (its annotators on pilot documents), a folder of `diziner label`, or a labelled file"
    add("source", metavar="ROOM|FILE", help=what)
    add("--to", required=True, choices=tuple(WRITERS), metavar="FORM", help=f"one of {', '.join(WRITERS)}")
    add("--out", type=given_path, required=True, metavar="PATH", help="the file; for brat and hf a new folder")
    add("--round", type=int, metavar="K", help="of a room; the last that has been run")
    add_form_options(parser)
    parser.epilog = "example: diziner export letters --to label-studio --out review.json"


def run(options: argparse.Namespace) -> None:
    """Write the file.

    Errors: UserError for a source that is not there, and what its form cannot hold.
    """
    writer, widened, count = WRITERS[options.to], 0, 0
    dropped = sum(len(row["spans"]) - len(flattened(row)["spans"]) for row in _rows(options)) if writer.flat else 0
    if dropped and not options.drop:
        raise UserError(
            f"--to {options.to}: {counted(dropped, 'mention')} overlap longer ones, and this form has one layer: leave "
            "them out by --drop, or take another form"
        )

    def documents() -> Iterator[Exported]:
        nonlocal widened, count
        for given in _rows(options):
            row = flattened(given) if dropped else given
            count += 1
            widened += writer.tokens and _inside_tokens(row)
            yield exported(row)

    try:
        writer.write(options.out, documents())
    except OSError as error:
        raise UserError(f"--out {options.out}: {error.strerror}") from None
    inside = f"; {counted(widened, 'mention')} inside tokens, written as the whole of them" if widened else ""
    left = f"; {counted(dropped, 'overlapping mention')} left out" if dropped else ""
    sys.stdout.write(f"{options.out}: {counted(count, 'document')} as {options.to}{inside}{left}\n")


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    path = Path(options.source)
    if path.exists():
        yield from _rows_of_path(path, options)
    else:
        yield from _rows_of_room(options.source, options.round)


def _rows_of_path(path: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows of a labelling, or of any file with labels; those of the former keep their votes."""
    for shard in shard_files(path) or [path]:
        first = next(iter(read_rows(shard)), {}) if shard.suffix in {".jsonl", ".parquet"} else {}
        if "votes" in first or shard != path:
            yield from read_rows(shard)
            continue
        file = read_plain(shard, chosen(options))
        if file.documents is None:
            raise UserError(f"{path}: it has neither text nor tokens, so there is nothing to show labels in")
        for row in file.annotations:
            yield labelled_row(file.documents[row.id], row)


def _rows_of_room(name: str, number: int | None) -> Iterator[Row]:
    """Yield the votes of a round's annotators on its pilot documents, the least sure first."""
    try:
        enter_project(Path.cwd())
    except UserError:
        raise UserError(f"{name}: no such file, and no room, since there is no project here") from None
    room, settings = Room(name), load_settings()
    if not (room.folder / "benchmark.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in DATA.glob("*/benchmark.yaml")))
        raise UserError(f"{name}: no such file, and no room in {DATA}/; there are: {known or 'none'}")
    number = _round(room, settings, number)
    documents = read_documents(room.pilot(number))
    agreement = agreement_from_json(read_json(room.round(number) / "agreement.json", "agreement"))
    rows = {name: read_annotations(room.annotations(number, name)) for name in settings.pool}
    types = load_card(room.folder).types
    voted = vote(documents, taking_part(rows), types, agreement.weights, settings.disagreement.consensus)
    yield from sorted_rows(map(voted_row, documents, voted))


def _round(room: Room, settings: Settings, number: int | None) -> int:
    ran = [own for own in settings.rounds if (room.round(own) / "agreement.json").is_file()]
    if not ran or (number is not None and number not in ran):
        there = ", ".join(map(str, ran)) or "none"
        raise UserError(f"{room.name}: rounds that have been run: {there}; run `dvc repro {room.folder}/dvc.yaml`")
    return ran[-1] if number is None else number


def flattened(row: Row) -> Row:
    """Return a row without the mentions that overlap a longer one; of equals the first stays."""
    spans = spans_from_json(row["spans"])
    kept = set(resolve_overlaps(spans, ())[0])
    if len(kept) == len(spans):
        return row
    chosen = [number for number, span in enumerate(spans) if span in kept]
    lists = {key: [row[key][number] for number in chosen] for key in _BY_SPAN if row.get(key)}
    return {**row, **lists}


def _inside_tokens(row: Row) -> int:
    """Count mentions that begin or end inside a token."""
    pairs = zip(row["spans"], row["characters"], strict=True)
    return sum("".join(row["text"][a:b].split()) != "".join(row["tokens"][s:e]) for (s, e, _), (a, b) in pairs)
