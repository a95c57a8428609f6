"""`diziner init DIR`: a new project, from the installed package alone; `--upgrade` after an update of it."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.version import VERSION
from diziner.layout import project_root
from diziner.pipeline.laying import lay, upgrade

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("folder", type=_folder, metavar="DIR", nargs="?", help="a new or an empty folder; with --upgrade, a project")
    add("--own", action="store_true", help="for corpora of your own: one example benchmark in place of all 18")
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
        if options.own:
            raise UserError("--own: not with --upgrade, which leaves the benchmarks of a project alone")
        _upgrade(options.folder or Path())
    elif options.folder is None:
        raise UserError("init: in which folder? `diziner init DIR` makes it, `diziner init .` takes this one if empty")
    else:
        benchmarks = lay(options.folder, options.own)
        name = shlex.quote(str(options.folder))
        way = "" if options.folder.resolve() == Path.cwd() else f"cd {name} && "
        sys.stdout.write(
            f"{options.folder}: a project with {benchmarks} benchmark{'s' if benchmarks > 1 else ''} and the answers "
            f"recorded for {'them' if benchmarks > 1 else 'it'}, laid by diziner {VERSION}\n"
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
