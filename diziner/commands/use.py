"""`diziner use NAME`: make a profile of diziner/profiles params.yaml, as it is or with variants."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from diziner.ablation.variants import changed, joined, load_variants
from diziner.common.errors import UserError
from diziner.common.files import read_text, write_text
from diziner.common.yamlfile import parse_yaml, read_yaml, write_yaml
from diziner.layout import PARAMS
from diziner.settings import settings_from

PROFILES = (Path("profiles"), Path(__file__).parents[1] / "profiles")  # own ones first
_PLUS = " + "  # between a profile and its variants in the setting `profile`


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("profile", metavar="NAME", help="embedded, local, paper, or a profile of your own")
    parser.add_argument(
        "--with",
        nargs="+",
        default=[],
        dest="variants",
        metavar="VARIANT",
        help="changes of diziner/profiles/variants.yaml to make in it, such as relaxed",
    )
    parser.epilog = "examples: diziner use local && dvc repro; diziner use paper --with aggressive coalition"


def run(options: argparse.Namespace) -> None:
    """Check the profile and its variants, then make it params.yaml; settings of the user's own there are kept beside.

    Errors: UserError for an unknown profile or variant, variants that do not go together, and what is left no
    valid settings.
    """
    variants = list(dict.fromkeys(options.variants))
    text, name = profile_text(options.profile, variants), _name(options.profile, variants)
    settings_from(parse_yaml(text, name), name)
    before = read_text(PARAMS) if PARAMS.exists() else text
    if before != text and not _ours(before):
        kept = _kept(before)
        sys.stderr.write(f"{PARAMS} had changes of yours; they are kept in {kept}\n")
    write_yaml(PARAMS, text)
    sys.stdout.write(f"{PARAMS} is now the profile {name}; run `dvc repro`\n")


def profile_text(profile: str, variants: Sequence[str]) -> str:
    """Return the text of params.yaml for a profile with variants, comments and all; its `profile` names them.

    Errors: UserError, see `run`.
    """
    known = _profiles()
    if profile not in known:
        raise UserError(f"no profile {profile!r}, here or in {PROFILES[0]}/; there are: {', '.join(sorted(known))}")
    source = known[profile]
    text = read_text(source)
    params = settings_from(read_yaml(source), str(source)).raw
    if not variants:
        return text
    changes = joined(variants, load_variants(), params)
    return changed(text, changes | {"profile": _name(profile, variants)})


def _profiles() -> dict[str, Path]:
    """Return the profiles there are, by name; one of the project's own takes the place of one of the same name."""
    return {path.stem: path for folder in reversed(PROFILES) for path in sorted(folder.glob("*.yaml"))}


def _name(profile: str, variants: Sequence[str]) -> str:
    return _PLUS.join([profile, *variants])


def _ours(before: str) -> bool:
    """Return whether settings are a profile's, or what this command makes of the profile and variants that they
    name."""
    if before in {read_text(path) for path in _profiles().values()}:
        return True
    try:
        profile, *variants = parse_yaml(before, str(PARAMS))["profile"].split(_PLUS)
        return before == profile_text(profile, variants)
    except (UserError, KeyError, TypeError, AttributeError):
        return False


def _kept(text: str) -> Path:
    """Return a copy of settings beside params.yaml that takes no other's place: params.yaml.bak, params.yaml.bak2, …"""
    copy, number = PARAMS.with_suffix(".yaml.bak"), 1
    while copy.exists() and read_text(copy) != text:
        number += 1
        copy = PARAMS.with_suffix(f".yaml.bak{number}")
    write_text(copy, text)
    return copy
