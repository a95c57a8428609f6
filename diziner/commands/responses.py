"""`diziner responses`: answers of models, between the store and files."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.common.words import counted
from diziner.labelling.named_answers import forget, named_answers, used_keys
from diziner.layout import Room, room_named, rooms, store_path
from diziner.llm.price_list import price_for
from diziner.llm.rows import is_same_answer
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow, convert, read_tape, tape_rows, write_export, write_tape
from diziner.pipeline.arguments import given_path, given_place
from diziner.prompting.request import Refusal, Reply
from diziner.settings import Settings, load_settings

_AT_ONCE = 5000  # rows of an import in one transaction


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="write all responses of the store to a file")
    export.add_argument("file", type=given_path, help="compressed where its name ends in .zst")
    take = actions.add_parser(
        "import", help="add the responses of a file to the store, also of an earlier format, or a batch's output"
    )
    take.add_argument("file", type=given_path)
    asked = actions.add_parser("requests", help="write what lacks an answer as lines of a batch, for vllm run-batch")
    asked.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all with a pipeline, if none is given")
    asked.add_argument("--out", type=given_path, required=True, metavar="FILE", help="one request a line")
    asked.add_argument("--model", help="of this model only; needed where several are asked")
    actions.add_parser("verify", help="check that no response or request of the store and the tapes was altered")
    clean = actions.add_parser("gc", help="find responses that no output of the active settings names")
    clean.add_argument("--delete", action="store_true", help="and remove them from the store")
    clean.add_argument("--yes", action="store_true", help="those too that were paid for")
    clean.add_argument("--forget", type=given_place, metavar="FOLDER", help="first take a label folder out of account")
    record = actions.add_parser("record", help="write the responses behind a benchmark's outputs to its tape")
    record.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all, if none is given")
    change = actions.add_parser("convert", help="bring tapes of an earlier format to the present one, asking no model")
    change.add_argument("files", metavar="FILE", nargs="*", type=given_path, help="all tapes, if none is given")
    parser.epilog = "example: diziner responses export answers.jsonl.zst"


def run(options: argparse.Namespace) -> None:
    """Run the chosen action."""
    store = ResponseStore(store_path())
    match options.action:
        case "export":
            _export(store, options.file)
        case "import":
            _import(store, options.file)
        case "requests":
            _requests(options)
        case "verify":
            _verify(store)
        case "gc":
            if options.forget:
                forget(store, options.forget)
            collect(store, options.delete, options.yes)
        case "convert":
            for tape in options.files or [room.tape for room in rooms() if room.tape.exists()]:
                _say(f"{tape}: {'converted' if convert(tape) else 'has the present format'}")
        case _:
            for room in [room_named(name) for name in options.benchmarks] or rooms():
                _say(f"{room.tape}: {record(room, store)} responses")


def record(room: Room, store: ResponseStore) -> int:
    """Write a room's tape: exactly the responses that its outputs name. Returns how many.

    Errors: UserError if an output is missing or names a response that neither store nor tape has.
    """
    settings = load_settings()
    keys = list(dict.fromkeys(used_keys(room, settings)))
    recorded = read_tape(room.tape) if room.tape.exists() else []
    kept = {row[0]: row for row in [*recorded, *store.rows_of(keys)]}
    missing = [key for key in keys if key not in kept]
    if missing:
        raise UserError(
            f"{room.name}: {len(missing)} of {len(keys)} responses are in neither {store_path()} nor {room.tape} "
            f"(first: {missing[0][:12]}); run `dvc repro -f` with the models at hand"
        )
    rows = [kept[key] for key in keys]
    write_tape(room.tape, provenance(rows, settings), rows)
    return len(rows)


def collect(store: ResponseStore, delete: bool, yes: bool) -> None:
    """Say which responses no output names, and remove them if asked to; those that were paid for by `yes` only.

    Errors: UserError while an output is missing: the answers of an unfinished run are named by nothing yet.
    """
    settings = load_settings()
    try:
        named = named_answers(store, settings)
    except UserError as error:
        raise UserError(f"gc needs every output, or it would take the answers of a run for waste: {error}") from None
    unnamed: list[str] = []
    models: Counter[str] = Counter()
    usd, unpriced, count = 0.0, 0, 0
    for key, request, reply in store.rows():
        count += 1
        if key not in named:
            unnamed.append(key)
            models[f"{request['address']}:{request['model']}"] += 1
            cost = _cost(request, reply, settings)
            usd, unpriced = usd + (cost or 0.0), unpriced + (cost is None)
    words = ", ".join(f"{model} {number}" for model, number in sorted(models.items()))
    _say(f"{store_path()}: {len(unnamed)} of {count} responses are named by no output{': ' if words else ''}{words}")
    if not unnamed:
        return
    price = f"they cost USD {usd:.4f}" + (f", and {unpriced} of them nobody knows how much" if unpriced else "")
    if not delete:
        _say(f"{price}; add --delete to remove them; `diziner responses export FILE` keeps a copy")
    elif (usd or unpriced) and not yes:
        _say(f"not removed: {price}; add --yes to remove them all the same")
    else:
        _say(f"{store.remove(unnamed)} removed; {price}")


def provenance(rows: Iterable[TapeRow], settings: Settings) -> dict[str, Any]:
    """Return what a tape's first line says: which models, which weights, which runtime, when."""
    models = {(request["address"], request["model"]): request["revision"] for _, request, _ in rows}
    weights = settings.weights
    named: dict[str, Any] = {}
    for (address, model), revision in sorted(models.items()):
        named[f"{address}:{model}"] = {"revision": revision}
        if "sha256" in weights.get(model, {}):
            named[f"{address}:{model}"]["sha256"] = weights[model]["sha256"]
    return {"models": named, "runtime": _runtime(), "recorded": datetime.now(UTC).date().isoformat()}


def _runtime() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return "no local runtime"


def _cost(request: Mapping[str, Any], reply: Reply, settings: Settings) -> float | None:
    """Return US dollars that an answer cost, as its provider said, else by price; None where neither is known."""
    if isinstance(reply, Refusal):
        return 0.0
    if reply.cost_usd is not None:
        return reply.cost_usd
    price = price_for(settings.endpoints.get(request["endpoint"]), request["model"])
    return None if price is None else price.usd(reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)


def _export(store: ResponseStore, file: Path) -> None:
    with store.snapshot():
        count = write_export(file, provenance(store.rows(), load_settings()), store.rows)
    _say(f"{file}: {count} responses")


def _requests(options: argparse.Namespace) -> None:
    from diziner.rehearsal.request_files import write_requests

    chosen = [room_named(name) for name in options.benchmarks] or rooms()
    count, found = write_requests(options.out, chosen, load_settings(), options.model)
    for name, why in found.held_up.items():
        sys.stderr.write(f"{name}: cannot go on: {why}\n")
    _say(f"{options.out}: {counted(count, 'request')}; `diziner responses import FILE` takes what is answered to them")


def _import(store: ResponseStore, file: Path) -> None:
    from diziner.rehearsal.request_files import holds_output

    if holds_output(file):
        _import_output(store, file)
        return
    # Read to its end first: only then is it known to be whole.
    count = sum(1 for _ in tape_rows(file, earlier=True))
    new = differ = 0
    rows = tape_rows(file, earlier=True)
    while chunk := list(islice(rows, _AT_ONCE)):
        new += store.put_rows(chunk)
        kept = store.get([key for key, _, _ in chunk], failures=True)
        differ += sum(not is_same_answer(kept[key], reply) for key, _, reply in chunk)
    _say(f"{store_path()}: {new} of {count} responses were new")
    if differ:
        _say(f"{differ} differ from those kept here before, which stay")


def _import_output(store: ResponseStore, file: Path) -> None:
    from diziner.rehearsal.request_files import import_answers

    with readable(file):
        intake = import_answers(store, file, load_settings())
    _say(f"{store_path()}: {intake.words()}")
    if intake.changed:
        raise UserError(intake.changed)


def _verify(store: ResponseStore) -> None:
    _say(f"{store_path()}: {store.verify()} responses, none altered, every key fits its request")
    for room in rooms():
        if room.tape.exists():
            _say(f"{room.tape}: {len(read_tape(room.tape))} responses, every key fits its request")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
