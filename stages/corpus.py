"""Stage corpus: load a benchmark, draw its pilot sets and test sample, put gold apart."""

from __future__ import annotations

from diziner.common.errors import UserError, run_main
from diziner.common.files import write_json, write_jsonl
from diziner.corpora.at_hand import unlinked
from diziner.corpora.card import load_card
from diziner.corpora.pins import read_pins
from diziner.corpora.prepare import prepare
from diziner.corpora.sources import load_source, source_of
from diziner.layout import room_named
from diziner.pipeline.arguments import stage_arguments
from diziner.records.documents import document_row
from diziner.records.gold import gold_rows
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    card = load_card(room.folder)
    source, nested = source_of(card, settings.source(room.name)), settings.corpus.nested
    try:
        corpus = load_source(card, room.folder, source, settings.local_dir, nested=nested)
        prepared = prepare(corpus, card, settings.corpus, read_pins(room.pins))
    except UserError as error:  # for `dvc repro`, which stops here; `diziner repro` leaves the room out
        raise UserError(f"{error}{unlinked(room.name)}") from None
    for number, documents in enumerate(prepared.pilot_sets):
        write_jsonl(room.pilot(number), map(document_row, documents))
    write_jsonl(room.test, map(document_row, prepared.test))
    write_jsonl(room.gold, gold_rows(prepared.gold, prepared.characters))
    write_json(room.manifest, prepared.manifest)


if __name__ == "__main__":
    run_main(main)
