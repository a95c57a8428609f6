"""`diziner repro`: bring the pipeline up to date like `dvc repro`, with many stages at once."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from diziner.commands.documents import leaving, write_room_sources
from diziner.commands.targets import address, linked_rooms
from diziner.commands.verify import verify
from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.options import add_jobs
from diziner.common.streams import can_be_redrawn
from diziner.layout import PARAMS, PIPELINE, room_names, rooms, store_path
from diziner.llm.access import AGAIN, NOW
from diziner.llm.ask import COLLECTED
from diziner.llm.waiting import WAITING
from diziner.pipeline.code import CODE_DIGESTS, is_of_other_code
from diziner.settings import load_settings

if TYPE_CHECKING:
    from diziner.repro.run import Leaving
    from diziner.repro.view import View


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        type=address,
        help="a benchmark, its folder, a dvc.yaml or a stage as DVC names it, from where you stand; all, if none",
    )
    add_jobs(parser)
    parser.add_argument(
        "--dry", action="store_true", help="say what would run and which benchmarks are left out; run nothing"
    )
    parser.add_argument("-k", "--keep-going", action="store_true", help="after a failure, go on with the rest")
    parser.add_argument("-f", "--force", action="store_true", help="run every stage, changed or not")
    parser.add_argument(
        "--again", action="store_true", help="ask once more for answers that were refused or cannot be read"
    )
    parser.add_argument("--now", action="store_true", help="ask at once what endpoints would send out in batches")
    parser.add_argument(
        "--strict", action="store_true", help="fail if a benchmark's documents cannot be loaded, as with named targets"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="first read what the targets stand on, as `diziner verify`; stop at a fault",
    )
    parser.epilog = (
        "example: diziner repro -j 8 conll2003. Ctrl-C stops it with all finished work kept; the same command goes on."
    )


def run(options: argparse.Namespace) -> None:
    """Reproduce the targets.

    Errors: as of the stage that failed first: UserError, ProviderError, or DizinerError for any other exit code.
    """
    if options.again:
        os.environ[AGAIN] = "1"  # for the stages, which inherit it
    if options.now:
        os.environ[NOW] = "1"
    if options.verify:
        verify(options.targets)
    with contextlib.nullcontext() if options.dry else _batches_collected():
        _run(options.targets, options)


def _run(targets: Sequence[str], options: argparse.Namespace) -> None:
    from diziner.repro import dvc_graph

    if not targets and PARAMS.is_file() and PIPELINE.is_file():  # a project of ours, not another's pipeline
        linked_rooms()
    if not dvc_graph.supported_version():
        _stock(targets, options)
    elif options.dry:
        from diziner.repro.dry import dry_run

        dry_run(Path.cwd(), targets, options.force, sys.stdout, _leaving(targets, options), _anew())
    else:
        _reproduce(targets, options)


def _reproduce(targets: Sequence[str], options: argparse.Namespace) -> None:
    from diziner.repro.run import reproduce

    without = _leaving(targets, options)
    view = _view(sys.stdout)
    outcome = reproduce(Path.cwd(), targets, options.jobs, options.force, options.keep_going, view, without, _anew())
    if outcome.signal:
        sys.stderr.write(
            "interrupted: finished stages and every answer received are kept; run the same command again\n"
        )
        raise SystemExit(128 + outcome.signal)
    if outcome.failures:
        first = outcome.failures[0]
        output = f"; its output: {os.path.relpath(first.log)}" if first.log else ""
        kind = {2: UserError, 3: ProviderError}.get(first.code, DizinerError)
        raise kind(f"{first.step.label}: {first.message}{output}")
    if outcome.waiting:
        first = outcome.waiting[0]
        others = f"; {len(outcome.waiting) - 1} more stages wait" if len(outcome.waiting) > 1 else ""
        raise ProviderError(f"{WAITING}{first.message}{others}")
    if outcome.left_out and len(outcome.left_out) == len(rooms()):
        raise UserError(
            "no benchmark's documents could be loaded; the lines above say what each lacks, and `diziner plan` too"
        )


def _anew() -> tuple[str, ...]:
    """Return the stages that run even if DVC sees no change: what writes the digests of code, where the code is outside
    the project and has changed."""
    return (CODE_DIGESTS,) if PIPELINE.is_file() and is_of_other_code() else ()


def _leaving(targets: Sequence[str], options: argparse.Namespace) -> Leaving | None:
    """Return how benchmarks are left out, None where that is not wanted; what says where each is loaded from is brought
    up to date."""
    if not room_names():  # a pipeline without benchmarks, which needs no settings of ours
        return None
    settings = load_settings()
    write_room_sources(settings)
    return None if targets or options.strict else leaving(settings, options.force)


@contextlib.contextmanager
def _batches_collected() -> Iterator[None]:
    """Keep what open batches have brought, once for all stages; a provider that cannot be reached holds up nobody."""
    from diziner.llm import batches
    from diziner.llm.store import ResponseStore

    store = ResponseStore(store_path())
    if not store.path.exists() or not store.read(batches.open_batches):
        yield
        return
    from diziner.commands.batch import collected

    try:
        collected(store, load_settings())
    except (UserError, ProviderError) as error:
        sys.stderr.write(f"batches: {error}\n")
    store.close()
    os.environ[COLLECTED] = "1"  # for the stages, which inherit it
    try:
        yield
    finally:
        del os.environ[COLLECTED]


def _view(stream: TextIO) -> View:
    """Return the live table where `stream` is a terminal, plain lines elsewhere."""
    if can_be_redrawn(stream):
        # Only where someone is watching: rich costs 0.1 s to import.
        from diziner.repro.grid import Grid

        return Grid(stream)
    from diziner.repro.view import View

    return View(stream)


def _stock(targets: Sequence[str], options: argparse.Namespace) -> None:
    """Run `dvc repro` instead, one stage after the other."""
    import importlib.metadata

    from diziner.repro.dvc_graph import SUPPORTED

    installed = importlib.metadata.version("dvc")
    sys.stderr.write(f"DVC {installed} is not {SUPPORTED}*, which -j needs: running `dvc repro`, a stage at a time\n")
    flags = [name for name in ("dry", "keep_going", "force") if getattr(options, name)]
    words = [sys.executable, "-m", "dvc", "repro", *(f"--{flag.replace('_', '-')}" for flag in flags), *targets]
    if code := subprocess.run(words, check=False).returncode:
        raise DizinerError(f"dvc repro failed with exit code {code}")
