"""`diziner use NAME`: make a profile of diziner/profiles params.yaml, as it is or with variants."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from diziner.ablation.profiles import profile_name, profile_of, profile_text
from diziner.common.files import read_text, write_text
from diziner.common.yamlfile import parse_yaml, write_yaml
from diziner.layout import PARAMS
from diziner.settings import settings_from


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("profile", metavar="NAME", help="embedded, local, paper, or a profile of your own")
    parser.add_argument(
        "--with",
        nargs="+",
        default=[],
        dest="variants",
        metavar="VARIANT",
        help="changes of diziner/ablation/variants.yaml to make in it, such as relaxed",
    )
    parser.epilog = "examples: diziner use local && dvc repro; diziner use paper --with aggressive coalition"


def run(options: argparse.Namespace) -> None:
    """Check the profile and its variants, then make it params.yaml; settings of the user's own there are kept beside.

    Errors: UserError for an unknown profile or variant, variants that do not go together, and what is left no
    valid settings.
    """
    variants = list(dict.fromkeys(options.variants))
    text, name = profile_text(options.profile, variants), profile_name(options.profile, variants)
    settings_from(parse_yaml(text, name), name)
    before = read_text(PARAMS) if PARAMS.exists() else text
    if before != text and profile_of(before) is None:
        kept = _kept(before)
        sys.stderr.write(f"{PARAMS} had changes of yours; they are kept in {kept}\n")
    write_yaml(PARAMS, text)
    sys.stdout.write(f"{PARAMS} is now the profile {name}; run `dvc repro`\n")


def _kept(text: str) -> Path:
    """Return a copy of settings beside params.yaml that takes no other's place: params.yaml.bak, params.yaml.bak2, …"""
    copy, number = PARAMS.with_suffix(".yaml.bak"), 1
    while copy.exists() and read_text(copy) != text:
        number += 1
        copy = PARAMS.with_suffix(f".yaml.bak{number}")
    write_text(copy, text)
    return copy
