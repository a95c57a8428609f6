"""Stage corpus: load a benchmark, draw its pilot sets and test sample, put gold apart."""

from __future__ import annotations

from pathlib import Path

from stages.arguments import stage_arguments
from stages.corpora.card import load_card
from stages.corpora.documents import document_row
from stages.corpora.gold import gold_rows
from stages.corpora.pins import read_pins
from stages.corpora.prepare import corpus_settings, prepare
from stages.corpora.sources import load_source, source_of
from stages.errors import run_main
from stages.files import write_json, write_jsonl
from stages.rooms import room
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark")
    settings = load_settings()
    place = room(arguments.benchmark)
    card = load_card(place.folder)
    chosen = settings.raw["corpus"]
    local_dir = Path(chosen["local_dir"]) if chosen["local_dir"] else None
    corpus = load_source(card, place.folder, source_of(card, chosen["source"]), local_dir)
    prepared = prepare(corpus, card, corpus_settings(chosen, len(settings.rounds)), read_pins(place.pins))
    for number, documents in enumerate(prepared.pilot_sets):
        write_jsonl(place.pilot(number), map(document_row, documents))
    write_jsonl(place.test, map(document_row, prepared.test))
    write_jsonl(place.gold, gold_rows(prepared.gold))
    write_json(place.manifest, prepared.manifest)


if __name__ == "__main__":
    run_main(main)
