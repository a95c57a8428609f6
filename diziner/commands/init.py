"""`diziner init DIR`: a new project, from the installed package alone; `--upgrade` after an update of it."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.version import VERSION
from diziner.common.words import counted
from diziner.layout import project_root
from diziner.pipeline.laying import lay, upgrade
from diziner.pipeline.skeleton import Laid

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("folder", type=_folder, metavar="DIR", nargs="?", help="a new or an empty folder; with --upgrade, a project")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--own", action="store_true", help="for corpora of your own: without the 18 benchmarks")
    which.add_argument("--example", action="store_true", help="one benchmark in place of all 18, as an example")
    add(
        "--upgrade",
        action="store_true",
        help="bring stages and pipelines of a project, the present one if no DIR is given, to this version",
    )
    parser.epilog = "example: diziner init ner && cd ner && make repro"


def run(options: argparse.Namespace) -> None:
    """Lay the project, or bring one up to date.

    Errors: UserError for a folder that cannot become a project or is none.
    """
    if options.upgrade:
        if options.own or options.example:
            which = "--own" if options.own else "--example"
            raise UserError(f"{which}: not with --upgrade, which leaves the benchmarks of a project alone")
        _upgrade(options.folder or Path())
    elif options.folder is None:
        raise UserError("init: in which folder? `diziner init DIR` makes it, `diziner init .` takes this one if empty")
    else:
        what = Laid.OWN if options.own else Laid.EXAMPLE if options.example else Laid.ALL
        sys.stdout.write(_said(options.folder, lay(options.folder, what)))


def _said(folder: Path, benchmarks: int) -> str:
    """Return what was laid, and what to do next."""
    way = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    if not benchmarks:
        return (
            f"{folder}: a project for corpora of your own, laid by diziner {VERSION}\n"
            f"Begin: {way}diziner new NAME --from FILE --types A,B\n"
            "Models: `diziner use --endpoint URL` takes a server's, `diziner weights fetch` brings small ones here\n"
        )
    return (
        f"{folder}: a project with {counted(benchmarks, 'benchmark')} and the answers recorded for "
        f"{'them' if benchmarks > 1 else 'it'}, laid by diziner {VERSION}\n"
        f"Run it: {way}make repro\n"
        "Texts of your own: diziner new NAME --from FILE\n"
    )


def _folder(text: str) -> Path:
    if not text:  # an unset variable of a shell, say: no reason to take the present folder
        raise argparse.ArgumentTypeError("is empty; `.` is the present folder")
    return Path(text)


def _upgrade(folder: Path) -> None:
    root = project_root(folder.absolute())
    os.chdir(root)
    changed = upgrade(root)
    if not changed:
        sys.stdout.write(f"{root}: is as diziner {VERSION} lays it\n")
        return
    sys.stdout.write("".join(f"{path}\n" for path in changed))
    sys.stdout.write(
        f"{root}: {len(changed)} file{'s' if len(changed) > 1 else ''} brought to diziner {VERSION}; look at "
        "`git diff` for edits of your own, run `make repro`, then commit\n"
    )
