"""`diziner transfer`: does a refined guideline carry over to other models and to paraphrased prompts?"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from diziner.commands.plan import render
from diziner.common.errors import UserError
from diziner.common.options import number, whole
from diziner.common.words import counted
from diziner.guideline.file import load_guideline
from diziner.layout import Room, room_named, store_path
from diziner.llm.access import asker_for
from diziner.llm.store import ResponseStore
from diziner.pipeline.arguments import given_path
from diziner.pipeline.transfer import OWN, Cell, Design, check_design, failures_of, paraphrases, read_cells
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document, read_documents
from diziner.records.gold import read_gold
from diziner.rehearsal.asker import Planned, Rehearser
from diziner.scoring.strict import STRICT_PROTOCOL
from diziner.settings import Settings, load_settings

_SAMPLES, _TEMPERATURE = 2, 0.5
_GOLD, _AGREEMENT = "gold", "agreement"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("benchmark", metavar="BENCHMARK", help="a room in data/, of texts of your own or not")
    add("--models", metavar="NAMES", help="annotators of params.yaml, in annotator_pool or not; else all models")
    prompts = (
        f"{OWN} (each annotator's), {', '.join(paraphrases())}, annotate.v1, or files of yours; else {OWN} and all"
    )
    add("--prompts", metavar="NAMES", help=prompts)
    samples = f"answers to each question, drawn at --temperature; 1: as the settings have it ({_SAMPLES})"
    add("--samples", type=whole("--samples", 1, 100), default=_SAMPLES, metavar="N", help=samples)
    add(
        "--temperature",
        type=number("--temperature", 0, 2, open_below=True),
        default=_TEMPERATURE,
        metavar="T",
        help=f"of answers, if there are several ({_TEMPERATURE})",
    )
    add("--documents", type=whole("--documents", 2, 100_000_000), metavar="N", help="so many test documents; else all")
    add("--first", type=given_path, metavar="FILE", help="guideline to begin with; else that of round 0")
    add("--refined", type=given_path, metavar="FILE", help="refined guideline; else the selected round's")
    add("--by", choices=(_GOLD, _AGREEMENT), help="hold readings against gold, or each model against the others")
    add("--dry", action="store_true", help="say what would be asked and what it would cost, and stop")
    add("--json", action="store_true", help="print the result as JSON")
    parser.epilog = "example: diziner transfer conll2003 --documents 100 --dry (docs/transfer.md says what it shows)"


def run(options: argparse.Namespace) -> None:
    """Read by all models under all prompts, and print the gains and what they depend on; or what that would cost.

    Errors: UserError for what is not there or cannot be compared; ProviderError where answers did not come.
    """
    settings, room = load_settings(), room_named(options.benchmark)
    design = _design(options, settings, room)
    check_design(design)
    by = _held_against(options.by, room, design)
    gold = read_gold(room.gold) if by == _GOLD else None
    documents = _documents(room, options.documents, gold)
    if options.dry:
        sys.stdout.write(render(_plan(design, documents, room, settings), settings))
        return
    asker = asker_for(settings, room, at_once=True)
    asker.replays = False  # the tape has what the stages asked, which is little of this
    read = read_cells(design, documents, asker, settings.answers, room.name)
    _write(options, settings, room, design, documents, read, gold)


def _write(
    options: argparse.Namespace,
    settings: Settings,
    room: Room,
    design: Design,
    documents: Sequence[Document],
    read: dict[Cell, list[Annotation]],
    gold: Mapping[str, Sequence[Span]] | None,
) -> None:
    from diziner.results import transfer

    models = tuple(model.name for model in design.models)
    rows: transfer.Rows = {(*cell,): own for cell, own in read.items()}
    if gold is None:
        counts = transfer.counts_by_agreement(rows, models, design.prompts, design.samples)
    else:
        own = {document.id: gold[document.id] for document in documents}
        counts = transfer.counts_by_gold(rows, models, design.prompts, design.samples, own)
    scoring = settings.scoring
    found = transfer.Transfer(
        room.name,
        _names(options, settings, room),
        models,
        tuple(name not in design.pool for name in models),
        design.prompts,
        tuple(prompt != OWN for prompt in design.prompts),
        design.samples,
        len(documents),
        {name: failures_of(read, name) for name in models},
        transfer.AGREEMENT if gold is None else STRICT_PROTOCOL,
        *transfer.analysed(counts, scoring.bootstrap_samples, scoring.seed),
    )
    if options.json:
        value = transfer.transfer_json(found)
        sys.stdout.write(f"{json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)}\n")
    else:
        sys.stdout.write(transfer.transfer_text(found))


def _design(options: argparse.Namespace, settings: Settings, room: Room) -> Design:
    paths = _paths(options, settings, room)
    if not paths[1].is_file():
        raise UserError(
            f"{paths[1]}: not there: run the rounds of {room.name} (or `dvc pull`), or name a guideline by --refined "
            "FILE"
        )
    models = [settings.annotator(name) for name in _listed(options.models, "--models")] or [
        own for name in settings.annotator_entries if (own := settings.annotator(name)).model is not None
    ]
    for model in models:
        if model.model is None:
            raise UserError(f"--models: {model.name} is no language model: it is asked by no prompt")
    return Design(
        (load_guideline(paths[0]), load_guideline(paths[1])),
        tuple(models),
        frozenset(settings.pool),
        tuple(_listed(options.prompts, "--prompts")) or (OWN, *paraphrases()),
        options.samples,
        options.temperature,
    )


def _paths(options: argparse.Namespace, settings: Settings, room: Room) -> tuple[Path, Path]:
    first = options.first or room.guideline(0, settings.start)
    return first, options.refined or room.selected_guideline


def _names(options: argparse.Namespace, settings: Settings, room: Room) -> tuple[str, str]:
    first, refined = _paths(options, settings, room)
    return first.as_posix(), refined.as_posix()


def _listed(names: str | None, option: str) -> list[str]:
    """Return names with commas between them."""
    found = [name.strip() for name in names.split(",")] if names is not None else []
    if "" in found:
        raise UserError(f"{option}: {names!r} has an empty name; write names with commas between them")
    return found


def _documents(room: Room, count: int | None, gold: Mapping[str, Sequence[Span]] | None) -> list[Document]:
    """Return the test documents (those that have gold, where there is any), or so many of them, chosen by a hash of
    their ids: in no order that means anything."""
    if not room.test.is_file():
        raise UserError(
            f"{room.test}: not there yet: prepare the documents with `dvc repro {room.folder}/dvc.yaml:corpus` "
            "(no model is asked)"
        )
    documents = [one for one in read_documents(room.test) if gold is None or one.id in gold]
    if count is not None:
        if count > len(documents):
            raise UserError(
                f"--documents {count}: {room.name} has {len(documents)} test documents{' with gold' * bool(gold)}"
            )
        chosen = sorted(documents, key=lambda one: hashlib.sha256(one.id.encode()).hexdigest())[:count]
        names = {one.id for one in chosen}
        documents = [one for one in documents if one.id in names]
    if len(documents) < 2:
        raise UserError(
            f"{room.test}: {counted(len(documents), 'document')}{' with gold' * bool(gold)}; intervals need two"
        )
    return documents


def _held_against(by: str | None, room: Room, design: Design) -> str:
    """Return what readings are held against: gold, where there is any, if nothing else is said."""
    has_gold = room.gold.is_file() and bool(read_gold(room.gold))
    if by == _GOLD and not has_gold:
        raise UserError(f"--by {_GOLD}: {room.name} has no gold; --by {_AGREEMENT} holds models against each other")
    by = by or (_GOLD if has_gold else _AGREEMENT)
    if by == _AGREEMENT and len(design.models) < 2:
        raise UserError(f"--by {_AGREEMENT}: one model agrees with itself: name two at least by --models")
    return by


def _plan(design: Design, documents: Sequence[Document], room: Room, settings: Settings) -> list[Planned]:
    """Return what each model would be asked, a line each."""
    store = ResponseStore(store_path())
    names = [model.name for model in design.models]
    rehearser = Rehearser(store, settings.endpoints, settings.weights, room.tape, annotators=names)
    rehearser.learn(store.rows())
    read_cells(design, documents, rehearser, settings.answers, room.name)
    return [_together([line for line in rehearser.plan if line.work.endswith(f", {name}")]) for name in names]


def _together(lines: Sequence[Planned]) -> Planned:
    """Return the lines of one model's work as one."""
    costs, most = [line.usd for line in lines], [line.most_usd for line in lines]
    return replace(
        lines[0],
        asked=sum(line.asked for line in lines),
        calls=sum(line.calls for line in lines),
        prompt_tokens=sum(line.prompt_tokens for line in lines),
        completion_tokens=sum(line.completion_tokens for line in lines),
        usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        too_long=tuple(one for line in lines for one in line.too_long),
        unseen=any(line.unseen for line in lines),
        most_usd=None if None in most else sum(cost for cost in most if cost is not None),
    )
