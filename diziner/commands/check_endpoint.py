"""`diziner check-endpoint`: whether an endpoint has the models that one means to ask, and how it answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.plain import plain_line
from diziner.common.tables import text_table
from diziner.common.words import counted, there_are
from diziner.endpoints import Endpoint
from diziner.layout import store_path
from diziner.llm.price_list import deprecated_on
from diziner.llm.probe import Probe, probe
from diziner.llm.roll_call import nearest
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings
from diziner.settings import Settings, load_settings

_SUPERVISOR = "supervisor"
_HEAD = ("model", "for", "listed", "answered as", "schema", "seed", "tokens in", "out", "USD", "by")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "endpoints",
        metavar="NAME",
        nargs="*",
        help="endpoints of params.yaml; all hosted ones in use, if none is given",
    )
    parser.add_argument("--all", action="store_true", help="annotators that are not in annotator_pool too")
    parser.add_argument("--list", action="store_true", help="only print the names of the models that the server lists")
    parser.epilog = "example: diziner check-endpoint openrouter (what it costs counts for budget.usd)"


def run(options: argparse.Namespace) -> None:
    """Print a line for each model that the settings ask there: whether it is listed, answers, keeps schema and seed,
    what it costs.

    Errors: UserError for an unknown endpoint, a missing key, or a model that is gone; ProviderError if one does not
    answer; of several endpoints once all are through.
    """
    settings = load_settings()
    used = sorted({endpoint for endpoint, _ in settings.models_in_use} - set(settings.local_endpoints))
    failed: list[DizinerError] = []
    for name in dict.fromkeys(options.endpoints) or used:
        try:
            _check(settings, name, options.all, options.list)
        except DizinerError as error:
            failed.append(error)
    if not options.endpoints and not used:
        sys.stdout.write("all models in use run on this machine\n")
    if failed:
        kind = UserError if any(isinstance(error, UserError) for error in failed) else ProviderError
        raise kind("; ".join(map(str, failed)))


def _check(settings: Settings, name: str, everyone: bool, only_list: bool) -> None:
    if name not in settings.endpoints:
        raise UserError(f"params.yaml: endpoints: no endpoint {name}; {there_are(sorted(settings.endpoints), name)}")
    endpoint = settings.endpoints[name]
    endpoint.key()
    listed = endpoint.backend.models(endpoint)
    if only_list:
        if listed is None:
            raise ProviderError(f"endpoint {name}: it lists no models")
        sys.stdout.write("".join(f"{plain_line(model)}\n" for model in listed))
        return
    users = users_of(settings, name, everyone)
    sys.stdout.write(_head(endpoint, listed))
    if not users:
        sys.stdout.write("the settings ask no model there (--all: annotators outside annotator_pool too)\n")
        return
    store = ResponseStore(store_path())
    asked = []
    for user, model in users:
        asked.append((user, model, probe(store, endpoint, model, settings.weights, settings.budget_usd)))
    sys.stdout.write(text_table(_HEAD, [_row(*one, listed) for one in asked]))
    sys.stdout.write("".join(line for one in asked for line in _remarks(*one, endpoint, listed)))
    _refuse(endpoint, [found for *_, found in asked])


def users_of(settings: Settings, endpoint: str, everyone: bool) -> list[tuple[str, ModelSettings]]:
    """Return whom an endpoint's models are for, by name: annotators of the pool, or all of params, and the supervisor.

    Those with the same model settings are one, under their names joined.
    """
    names = sorted(settings.annotator_entries) if everyone else settings.pool
    asked = [(name, settings.annotator(name).model) for name in names]
    users = [(name, model) for name, model in asked if model]
    users.append((_SUPERVISOR, settings.supervisor.model))
    same: list[tuple[list[str], ModelSettings]] = []
    for name, model in users:
        if model.endpoint != endpoint:
            continue
        found = next((names for names, other in same if other == model), None)
        if found is None:
            same.append(([name], model))
        else:
            found.append(name)
    return [(", ".join(names), model) for names, model in same]


def _head(endpoint: Endpoint, listed: Sequence[str] | None) -> str:
    key = f"key in {endpoint.key_env}" if endpoint.key_env else "no key"
    models = "no list of models" if listed is None else f"{counted(len(listed), 'model')} listed"
    return f"endpoint {endpoint.name}: {key}, {models}\n"


def _row(name: str, model: ModelSettings, found: Probe, listed: Sequence[str] | None) -> tuple[str, ...]:
    there = "?" if listed is None else "yes" if model.model in listed else "no"
    if found.response is None:
        return (model.model, name, there, "gone" if found.gone else "no answer", *["-"] * (len(_HEAD) - 4))
    held = "" if model.structured == "none" else ": kept" if found.held else ": not kept"
    return (
        model.model,
        name,
        there,
        found.response.model or "?",
        f"{model.structured}{held}",
        "sent" if found.seed_sent else "not sent",
        str(found.response.prompt_tokens),
        str(found.response.completion_tokens),
        "?" if found.usd is None else f"{found.usd:.6f}",
        found.how,
    )


def _remarks(
    name: str, model: ModelSettings, found: Probe, endpoint: Endpoint, listed: Sequence[str] | None
) -> Iterator[str]:
    """Yield a line for each thing to know about a model before a run."""
    if found.problem:
        yield f"{name}: {found.problem}{nearest(model.model, listed) if found.gone and listed else ''}\n"
    if found.another:
        yield f"{name}: {found.another}\n"
    if ends := deprecated_on(endpoint, model.model):
        yield f"{name}: by litellm's list {model.model} is withdrawn on {ends}\n"


def _refuse(endpoint: Endpoint, asked: Sequence[Probe]) -> None:
    failed = [found for found in asked if found.problem or found.another]
    if failed:
        kind = UserError if any(found.stays or found.another for found in failed) else ProviderError
        raise kind(f"endpoint {endpoint.name}: {len(failed)} of {len(asked)} models cannot be used as they are")
