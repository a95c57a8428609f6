"""Ask a local model again what a tape has answers to, and count how many come out the same on this machine.

    python tests/perf/ask_again.py conll2003 smollm_few_shot --threads 1 --to one.jsonl
    python tests/perf/ask_again.py conll2003 smollm_few_shot --against one.jsonl

The room must have been run (`diziner repro conll2003`) and the weights fetched. Each round is asked in the order of its
documents by a server of its own, as its stage does; nothing is taken from the store or kept there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from diziner.annotator.annotate import requests_for
from diziner.guideline.file import load_guideline
from diziner.layout import Room, room_named
from diziner.llm.access import asker_for
from diziner.llm.ask import StoreAsker
from diziner.llm.rows import fingerprint_of, is_same_answer
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow, read_tape, write_tape
from diziner.prompting.request import Request
from diziner.records.documents import read_documents
from diziner.settings import Settings, load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("annotator")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reverse", action="store_true", help="the last document of a round first")
    parser.add_argument("--against", type=Path, help="a tape; default: the room's")
    parser.add_argument("--to", type=Path, help="write what was answered to a tape")
    options = parser.parse_args()
    room, settings = room_named(options.benchmark), load_settings()
    rows: list[TapeRow] = []
    for number in settings.rounds:
        asked = _requests(room, settings, options.annotator, number)
        rows += _answers(asked[::-1] if options.reverse else asked, settings, options.threads)
    before = {key: response for key, _, response in read_tape(options.against or room.tape)}
    same = [is_same_answer(before[key], reply) for key, _, reply in rows if key in before]
    sys.stdout.write(f"{sum(same)} of {len(same)} answers are the same; {len(rows) - len(same)} had none before\n")
    for provenance in sorted({fingerprint_of(reply) for _, _, reply in rows}):
        sys.stdout.write(f"computed by {provenance}\n")
    if options.to:
        write_tape(options.to, {}, rows)


def _requests(room: Room, settings: Settings, name: str, number: int) -> list[Request]:
    guideline, documents = load_guideline(room.guideline(number, settings.start)), read_documents(room.pilot(number))
    return requests_for(
        documents, guideline, settings.annotator(name), asker_for(settings, room), settings.answers.show_goal
    )


def _answers(requests: Sequence[Request], settings: Settings, threads: int) -> list[TapeRow]:
    endpoints = {name: replace(endpoint, threads=threads) for name, endpoint in settings.endpoints.items()}
    with tempfile.TemporaryDirectory() as folder:
        store = ResponseStore(Path(folder) / "responses.sqlite")
        StoreAsker(store, endpoints, settings.raw["weights"]).ask(requests, "asked again")
        return list(store.rows())


if __name__ == "__main__":
    main()
