"""`diziner responses`: answers of models, between the store and files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.files import read_json, read_jsonl
from stages.llm.request import key_of
from stages.llm.store import ResponseStore
from stages.llm.tape import TapeRow, read_tape, write_tape
from stages.rooms import STORE, Room, room, rooms
from stages.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="write all responses of the store to a file")
    export.add_argument("file", type=Path)
    take = actions.add_parser("import", help="add the responses of a file to the store")
    take.add_argument("file", type=Path)
    actions.add_parser("verify", help="check every response's key against its request")
    record = actions.add_parser("record", help="write the responses behind a benchmark's outputs to its tape")
    record.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all, if none is given")
    parser.epilog = "example: diziner responses export answers.jsonl"


def run(options: argparse.Namespace) -> None:
    """Do the action."""
    store = ResponseStore(STORE)
    if options.action == "export":
        rows = list(store.rows())
        write_tape(options.file, provenance(rows), rows)
        _say(f"{options.file}: {len(rows)} responses")
    elif options.action == "import":
        rows = read_tape(options.file)
        _say(f"{STORE}: {store.put_rows(rows)} of {len(rows)} responses were new")
    elif options.action == "verify":
        _verify(store)
    else:
        for place in [room(name) for name in options.benchmarks] or rooms():
            _say(f"{place.tape}: {record(place, store)} responses")


def record(place: Room, store: ResponseStore) -> int:
    """Write a room's tape: exactly the responses that its outputs name. Returns how many.

    Errors: UserError if an output is missing or names a response that neither store nor tape has.
    """
    kept = {row[0]: row for row in [*(read_tape(place.tape) if place.tape.exists() else []), *store.rows()]}
    keys = list(dict.fromkeys(used_keys(place)))
    missing = [key for key in keys if key not in kept]
    if missing:
        raise UserError(
            f"{place.name}: {len(missing)} of {len(keys)} responses are in neither {STORE} nor {place.tape} "
            f"(first: {missing[0][:12]}); run `.venv/bin/dvc repro -f` with the models at hand"
        )
    rows = [kept[key] for key in keys]
    write_tape(place.tape, provenance(rows), rows)
    return len(rows)


def used_keys(place: Room) -> Iterable[str]:
    """The request keys named by a room's annotations, predictions and refinements."""
    settings = load_settings()
    for entry in settings.raw["rounds"]:
        number = entry["id"]
        for name in settings.pool:
            for row in read_jsonl(place.annotations(number, name), "annotation"):
                yield from row["responses"]
        if number:
            yield from read_json(place.round(number) / "refinement.json", "refinement")["responses"]
    for guideline in ("selected", "initial"):
        for row in read_jsonl(place.predictions(guideline), "annotation"):
            yield from row["responses"]


def provenance(rows: Iterable[TapeRow]) -> dict[str, Any]:
    """What a tape's first line says: which models, which weights, which runtime, when."""
    requests: list[Mapping[str, Any]] = [request for _, request, _ in rows]
    models = {f"{r['address']}:{r['model']}": r["revision"] for r in requests}
    weights = load_settings().raw["weights"]
    named: dict[str, Any] = {}
    for name, revision in sorted(models.items()):
        model = name.split(":", 1)[1]
        named[name] = {"revision": revision}
        if model in weights:
            named[name]["sha256"] = weights[model]["sha256"]
    return {"models": named, "runtime": _runtime(), "recorded": datetime.now(UTC).date().isoformat()}


def _runtime() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return "no local runtime"


def _verify(store: ResponseStore) -> None:
    rows = list(store.rows())
    wrong = [key for key, request, _ in rows if key != key_of(request)]
    if wrong:
        raise UserError(f"{STORE}: {len(wrong)} of {len(rows)} keys do not fit their request (first: {wrong[0]})")
    _say(f"{STORE}: {len(rows)} responses, every key fits its request")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
