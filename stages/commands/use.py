"""`diziner use NAME`: copy a profile of stages/profiles to params.yaml."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stages.errors import UserError
from stages.files import read_text, write_text
from stages.rooms import PARAMS
from stages.settings import load_settings

PROFILES = Path("stages") / "profiles"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("profile", metavar="NAME", help="embedded, local, paper, or a profile of your own")
    parser.epilog = "example: diziner use local && .venv/bin/dvc repro"


def run(options: argparse.Namespace) -> None:
    """Check the profile, then make it params.yaml.

    Errors: UserError for an unknown profile, and if params.yaml holds changes that would be lost.
    """
    source = PROFILES / f"{options.profile}.yaml"
    known = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    if options.profile not in known:
        raise UserError(f"no profile {options.profile!r} in {PROFILES}/; there are: {', '.join(known)}")
    load_settings(source)
    text = read_text(source)
    before = read_text(PARAMS) if PARAMS.exists() else text
    profiles = {read_text(PROFILES / f"{name}.yaml") for name in known}
    if before not in profiles:
        kept = PARAMS.with_suffix(".yaml.bak")
        write_text(kept, before)
        sys.stderr.write(f"{PARAMS} had changes of yours; they are kept in {kept}\n")
    write_text(PARAMS, text)
    sys.stdout.write(f"{PARAMS} is now the profile {options.profile}; run `.venv/bin/dvc repro`\n")
