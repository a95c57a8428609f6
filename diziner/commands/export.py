"""`diziner export`: labels of a room, a labelling or a file in the form of another tool; results of a room."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.commands.results_out import EVERY_EVAL_EVER, RESULTS, write_results
from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.common.options import whole
from diziner.common.parquetfile import parquet_schema
from diziner.common.words import counted, listed
from diziner.corpora.card import CARD_FILE, load_card
from diziner.forms.exported import Exported, exported
from diziner.forms.form import Look
from diziner.forms.lines import peek
from diziner.forms.options import add_form_options, chosen
from diziner.forms.shards import complete_shards
from diziner.forms.writers import WRITERS
from diziner.labelling.review import sorted_rows
from diziner.labelling.row_files import PARQUET, read_rows
from diziner.layout import Room, enter_project, project_root, room_names
from diziner.pipeline.arguments import given_path
from diziner.pipeline.vote import vote
from diziner.records.agreement import agreement_from_json
from diziner.records.annotations import read_annotations, spans_from_json, taking_part
from diziner.records.documents import read_documents
from diziner.records.labelled import labelled_row
from diziner.records.votes import voted_row
from diziner.settings import Settings, load_settings
from diziner.spans.overlaps import resolve_overlaps
from diziner.standalone.corrections import Corrections
from diziner.standalone.files import read_plain

IN_PROJECT = False

Row = Mapping[str, Any]

_BY_SPAN = ("spans", "characters", "surfaces", "shares")  # lists of a row with an entry for each span


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    what = "a room (its annotators on pilot documents), a folder of `diziner label`, or a labelled file"
    add("source", metavar="ROOM|FILE", help=what)
    forms = f"labels: {', '.join(WRITERS)}; a room's results: {', '.join(RESULTS)}"
    add("--to", required=True, choices=(*WRITERS, *RESULTS), metavar="FORM", help=forms)
    add("--out", type=given_path, required=True, metavar="PATH", help="the file; for brat and hf a new folder")
    add("--round", type=whole("--round", 0, 1000), metavar="K", help="of a room; the last that has been run")
    corrected = "documents as people corrected them, of any form that is read: these go out in place of the votes"
    add("--corrected", type=given_path, metavar="FILE", help=corrected)
    add("--organization", default="", metavar="NAME", help=f"who made the run, for {EVERY_EVAL_EVER}")
    add_form_options(parser, given_path)
    parser.epilog = "example: diziner export letters --to label-studio --out review.json"


def run(options: argparse.Namespace) -> None:
    """Write the file.

    Errors: UserError for a source that is not there, and what its form cannot hold.
    """
    path, room = _meant(options.source)
    if options.to in RESULTS:
        if room is None:
            raise UserError(f"--to {options.to}: is for the results of a room; {path} is none")
        sys.stdout.write(f"{write_results(room, options)}\n")
        return
    if Path(options.out).resolve() in {Path(read).resolve() for read in (path, options.corrected) if read}:
        raise UserError(f"--out {options.out}: is what is read; give another place")
    writer, widened, count, failed = WRITERS[options.to], 0, 0, 0
    not_held: dict[str, None] = {}  # names, in the order in which they come
    corrections = None
    if options.corrected:
        ids = {row["id"] for row in _rows(path, room, options)}
        corrections = Corrections(read_plain(options.corrected, chosen(options)), ids)

    def rows() -> Iterator[Row]:
        given = least_sure_first(_rows(path, room, options)) if writer.review else _rows(path, room, options)
        yield from map(corrections.row, given) if corrections else given
        if corrections:
            corrections.require_all_used()

    dropped = sum(len(row["spans"]) - len(flattened(row)["spans"]) for row in rows()) if writer.flat else 0
    if dropped and not options.drop:
        raise UserError(
            f"--to {options.to}: {counted(dropped, 'mention')} overlap longer ones, and this form has one layer: leave "
            "them out by --drop, or take another form"
        )

    def documents() -> Iterator[Exported]:
        nonlocal widened, count, failed
        for given in rows():
            row = flattened(given) if dropped else given
            count += 1
            failed += row["failure"] is not None
            widened += writer.tokens and _inside_tokens(row)
            not_held.update({} if writer.others else dict.fromkeys(row.get("other") or ()))
            yield exported(row)

    try:
        writer.write(options.out, documents())
    except OSError as error:
        raise UserError(f"--out {options.out}: {error.strerror}") from None
    inside = f"; {counted(widened, 'mention')} inside tokens, written as the whole of them" if widened else ""
    left = f"; {counted(dropped, 'overlapping mention')} left out" if dropped else ""
    by_people = f"; {counted(corrections.used, 'document')} as corrected" if corrections else ""
    none = f"; {counted(failed, 'document')} that nobody could label, without labels" if failed else ""
    also = f"; not in this form: {listed([*map(repr, not_held)])}" if not_held else ""
    sys.stdout.write(
        f"{options.out}: {counted(count, 'document')} as {options.to}{by_people}{inside}{left}{none}{also}\n"
    )


def least_sure_first(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield rows of votes in the order of a review queue; those without votes as they stand."""
    first, rows = peek(rows, 1)
    return sorted_rows(map(dict, rows)) if first and "votes" in first[0] else rows


def _meant(source: str) -> tuple[Path, Room | None]:
    """Return the path that a source is, and the room, if it is one: by its name or by its folder. Stand in the
    project's root, if there is a project: paths in options are as from there.

    Errors: UserError for what is neither, and for a name that is both.
    """
    path, name = given_path(source), Path(source).name
    if _in_project():
        enter_project(Path.cwd())
    if (path / CARD_FILE).is_file() and path.resolve() == Room(path.name).folder.resolve():
        return path, Room(path.name)
    is_room = source == name and (Room(name).folder / CARD_FILE).is_file()
    if is_room and path.exists():
        raise UserError(f"{source}: is a room and also {path}; write {Room(name).folder} or ./{source}")
    if not is_room and not path.exists():
        there = ", ".join(room_names())
        raise UserError(
            f"{source}: no such file, and no room" + (f"; there are: {there}" if there else ": no project here")
        )
    return path, Room(name) if is_room else None


def _in_project() -> bool:
    try:
        project_root(Path.cwd())
    except UserError:
        return False
    return True


def _rows(path: Path, room: Room | None, options: argparse.Namespace) -> Iterator[Row]:
    if room is None:
        yield from _rows_of_path(path, options)
    else:
        yield from _rows_of_room(room, options.round)


def _rows_of_path(path: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows of a labelling, or of any file with labels; those of the former keep their votes."""
    for shard in complete_shards(path) or [path]:
        if shard != path or _has_votes(shard):
            yield from read_rows(shard)
            continue
        file = read_plain(shard, chosen(options), others=True)
        if file.documents is None:
            raise UserError(f"{path}: it has neither text nor tokens, so there is nothing to show labels in")
        for row in file.annotations:
            labelled = labelled_row(file.documents[row.id], row)
            yield labelled | ({"other": file.others[row.id]} if row.id in file.others else {})


def _has_votes(path: Path) -> bool:
    """Say whether a file is one of voted rows that `diziner label` wrote."""
    if path.suffix == PARQUET and path.is_file():
        return "votes" in parquet_schema(path).names
    first = Look(path).value if path.suffix == ".jsonl" and path.is_file() else None
    return isinstance(first, dict) and "votes" in first


def _rows_of_room(room: Room, number: int | None) -> Iterator[Row]:
    """Yield the votes of a round's annotators on its pilot documents."""
    settings = load_settings()
    number = _round(room, settings, number)
    documents = read_documents(room.pilot(number))
    agreement = agreement_from_json(read_json(room.round(number) / "agreement.json", "agreement"))
    types = load_card(room.folder).types
    rows = {name: read_annotations(room.annotations(number, name), documents, types) for name in settings.pool}
    voted = vote(documents, taking_part(rows), types, agreement.weights, settings.disagreement.consensus)
    yield from map(voted_row, documents, voted)


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
    return sum(_visible([row["text"][a:b]]) != _visible(row["tokens"][s:e]) for (s, e, _), (a, b) in pairs)


def _visible(words: Sequence[str]) -> str:
    return "".join("".join(words).split())
