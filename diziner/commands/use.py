"""`diziner use NAME`: make a profile of diziner/profiles params.yaml, as it is or with variants."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diziner.ablation.own_entries import own_entries, with_own_entries
from diziner.ablation.profiles import PLUS, all_profiles, profile_name, profile_of, profile_text
from diziner.common.errors import UserError
from diziner.common.files import read_text, write_text
from diziner.common.words import counted
from diziner.common.yamlfile import parse_yaml, write_yaml
from diziner.layout import PARAMS, rooms, store_path
from diziner.settings import settings_from


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("profile", metavar="NAME", nargs="?", help="embedded, local, paper, or a profile of your own")
    parser.add_argument(
        "--with",
        nargs="+",
        default=[],
        dest="variants",
        metavar="VARIANT",
        help="changes of diziner/ablation/variants.yaml to make in it, such as relaxed",
    )
    parser.add_argument("--endpoint", metavar="URL", help="a server's base URL, such as http://HOST:8000/v1")
    parser.add_argument("--models", metavar="A,B,C", help="its models that annotate; all that it lists")
    parser.add_argument("--supervisor", metavar="MODEL", help="the one that refines; the first, if not given")
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable that holds its key, if it asks for one"
    )
    parser.add_argument("--name", metavar="NAME", help="the endpoint's name in params.yaml; the host's")
    parser.epilog = (
        "examples: diziner use local; diziner use paper --with aggressive coalition; "
        "diziner use --endpoint http://localhost:8000/v1 --models a,b,c --supervisor d"
    )


def run(options: argparse.Namespace) -> None:
    """Check the profile and its variants, then make it params.yaml. Endpoints and annotators of the user's own there
    stay in it, with what these need, the limit on cost and the folder of data; the file as it was is kept beside.

    With `endpoint` the settings stay, and a server's models become annotators and supervisor.
    Errors: UserError for an unknown profile or variant, variants that do not go together, what is left no valid
    settings, and a server that does not have the models.
    """
    if (options.profile is None) is (options.endpoint is None):
        raise UserError("give either a profile's name or --endpoint URL")
    _check_together(options)
    if options.endpoint is not None:
        _use_server(options)
        return
    variants = list(dict.fromkeys(options.variants))
    text, name = profile_text(options.profile, variants), profile_name(options.profile, variants)
    now = parse_yaml(text, name)
    settings_from(now, name)
    before = read_text(PARAMS) if PARAMS.exists() else text
    text, own = _with_own(text, now, before)
    if before != text and profile_of(before) is None and not _is_made(before):
        kept = _kept(before)
        sys.stderr.write(f"{PARAMS} had changes of yours; they are kept in {kept}\n")
    write_yaml(PARAMS, text)
    for room in rooms():  # what a run with other settings left out says nothing of these
        room.left_out.unlink(missing_ok=True)
    added = f" with {', '.join(own)} of yours" if own else ""
    sys.stdout.write(
        f"{PARAMS} is now the profile {name}{added}; `diziner plan` says what a run asks, `diziner repro` runs it\n"
    )


def _check_together(options: argparse.Namespace) -> None:
    """Refuse options of a server beside a profile, and of a profile beside a server."""
    of_server = {
        "--models": options.models,
        "--supervisor": options.supervisor,
        "--name": options.name,
        "--key-env": options.key_env,
    }
    if options.endpoint is not None and options.variants:
        raise UserError("--with: only with a profile")
    if options.endpoint is None and (given := [option for option, value in of_server.items() if value is not None]):
        raise UserError(f"{', '.join(given)}: only with --endpoint URL")


def _use_server(options: argparse.Namespace) -> None:
    from diziner.commands.served_models import chosen_models, settings_with, tried, with_server
    from diziner.llm.store import ResponseStore

    before = read_text(PARAMS)
    budget = settings_from(parse_yaml(before, str(PARAMS)), str(PARAMS)).budget_usd
    text, endpoint = with_server(before, options.endpoint, options.name or "", options.key_env)
    store = ResponseStore(store_path())
    names = list(dict.fromkeys(filter(None, (name.strip() for name in (options.models or "").split(",")))))
    models, supervisor = chosen_models(endpoint, names, (options.supervisor or "").strip())
    served = {}
    for model in dict.fromkeys([*models, supervisor]):
        served[model] = tried(store, endpoint, model, budget)
        sys.stdout.write(served[model].line())
    text = settings_with(text, [served[model] for model in models], served[supervisor])
    if text != before:
        sys.stdout.write(f"{PARAMS} as it was is kept in {_kept(before)}\n")
        write_yaml(PARAMS, text)
    sys.stdout.write(
        f"{PARAMS}: {counted(len(models), 'model')} of {endpoint.name} "
        f"{'annotate' if len(models) > 1 else 'annotates in two styles'}, {supervisor} refines; "
        "`diziner plan` says what a run asks, `diziner repro` runs it\n"
    )


def _with_own(text: str, now: Mapping[str, Any], before: str) -> tuple[str, list[str]]:
    """Return the settings with what the user has of their own, and what that is; nothing of it where the file cannot be
    read, or its entries do not fit: it is kept beside."""
    try:
        made, own = with_own_entries(text, now, own_entries(parse_yaml(before, str(PARAMS)), all_profiles()))
        settings_from(parse_yaml(made, str(PARAMS)), str(PARAMS))
    except (UserError, AttributeError) as error:  # an entry that is no mapping
        sys.stderr.write(f"{PARAMS}: what is your own in it is not taken along: {error}\n")
        return text, []
    return made, own


def _is_made(before: str) -> bool:
    """Say whether this command wrote the settings, a person's own entries in them included."""
    try:
        value = parse_yaml(before, str(PARAMS))
        profile, *variants = value["profile"].split(PLUS)
        text = profile_text(profile, variants)
        return _with_own(text, parse_yaml(text, profile), before)[0] == before
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
