"""`diziner responses`: answers of models, between the store and files."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.layout import Room, room_named, rooms, store_path
from diziner.llm.rows import is_same_answer
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow, read_tape, write_tape
from diziner.records.usage import read_usage
from diziner.settings import Settings, load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="write all responses of the store to a file")
    export.add_argument("file", type=_path)
    take = actions.add_parser("import", help="add the responses of a file to the store")
    take.add_argument("file", type=_path)
    actions.add_parser("verify", help="check that no response or request of the store and the tapes was altered")
    clean = actions.add_parser("gc", help="find responses that no output of the active settings names")
    clean.add_argument("--delete", action="store_true", help="and remove them from the store")
    record = actions.add_parser("record", help="write the responses behind a benchmark's outputs to its tape")
    record.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all, if none is given")
    parser.epilog = "example: diziner responses export answers.jsonl"


def run(options: argparse.Namespace) -> None:
    """Do the action."""
    store = ResponseStore(store_path())
    match options.action:
        case "export":
            rows = list(store.rows())
            write_tape(options.file, provenance(rows, load_settings()), rows)
            _say(f"{options.file}: {len(rows)} responses")
        case "import":
            _import(store, options.file)
        case "verify":
            _verify(store)
        case "gc":
            collect(store, options.delete)
        case _:
            for room in [room_named(name) for name in options.benchmarks] or rooms():
                _say(f"{room.tape}: {record(room, store)} responses")


def record(room: Room, store: ResponseStore) -> int:
    """Write a room's tape: exactly the responses that its outputs name. Returns how many.

    Errors: UserError if an output is missing or names a response that neither store nor tape has.
    """
    settings = load_settings()
    kept = {row[0]: row for row in [*(read_tape(room.tape) if room.tape.exists() else []), *store.rows()]}
    keys = list(dict.fromkeys(used_keys(room, settings)))
    missing = [key for key in keys if key not in kept]
    if missing:
        raise UserError(
            f"{room.name}: {len(missing)} of {len(keys)} responses are in neither {store_path()} nor {room.tape} "
            f"(first: {missing[0][:12]}); run `dvc repro -f` with the models at hand"
        )
    rows = [kept[key] for key in keys]
    write_tape(room.tape, provenance(rows, settings), rows)
    return len(rows)


def collect(store: ResponseStore, delete: bool) -> None:
    """Say which responses no output names, and remove them if asked to.

    Errors: UserError while an output is missing: the answers of an unfinished run are named by nothing yet.
    """
    settings = load_settings()
    try:
        named = {key for room in rooms() for key in used_keys(room, settings)}
    except UserError as error:
        raise UserError(f"gc needs every output, or it would take the answers of a run for waste: {error}") from None
    rows = {key: f"{request['address']}:{request['model']}" for key, request, _ in store.rows()}
    unnamed = sorted(rows.keys() - named)
    models = ", ".join(f"{model} {count}" for model, count in sorted(Counter(rows[key] for key in unnamed).items()))
    _say(
        f"{store_path()}: {len(unnamed)} of {len(rows)} responses are named by no output"
        f"{': ' if models else ''}{models}"
    )
    if unnamed and delete:
        _say(f"{store.remove(unnamed)} removed")
    elif unnamed:
        _say("add --delete to remove them; `diziner responses export FILE` keeps a copy")


def used_keys(room: Room, settings: Settings) -> Iterable[str]:
    """The keys of the requests behind a room's annotations, predictions and refinements.

    Errors: UserError with the path of an output that is missing.
    """
    for path in room.usage_files(settings.rounds, settings.pool):
        yield from (row.key for row in read_usage(path))


def provenance(rows: Iterable[TapeRow], settings: Settings) -> dict[str, Any]:
    """What a tape's first line says: which models, which weights, which runtime, when."""
    requests: list[Mapping[str, Any]] = [request for _, request, _ in rows]
    models = {(r["address"], r["model"]): r["revision"] for r in requests}
    weights = settings.weights
    named: dict[str, Any] = {}
    for (address, model), revision in sorted(models.items()):
        named[f"{address}:{model}"] = {"revision": revision}
        if "sha256" in weights.get(model, {}):
            named[f"{address}:{model}"]["sha256"] = weights[model]["sha256"]
    return {"models": named, "runtime": _runtime(), "recorded": datetime.now(UTC).date().isoformat()}


def _path(word: str) -> Path:
    # Relative to where the command was given, not to the project's root.
    return Path(word).absolute()


def _runtime() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return "no local runtime"


def _import(store: ResponseStore, file: Path) -> None:
    rows = read_tape(file)
    new = store.put_rows(rows)
    kept = store.get([key for key, _, _ in rows], failures=True)
    # The same answer, computed elsewhere, is no other one.
    differ = sum(not is_same_answer(kept[key], reply) for key, _, reply in rows)
    _say(f"{store_path()}: {new} of {len(rows)} responses were new")
    if differ:
        _say(f"{differ} differ from those kept here before, which stay")


def _verify(store: ResponseStore) -> None:
    _say(f"{store_path()}: {store.verify()} responses, none altered, every key fits its request")
    for room in rooms():
        if room.tape.exists():
            _say(f"{room.tape}: {len(read_tape(room.tape))} responses, every key fits its request")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
