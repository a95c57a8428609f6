"""Roll call: which models of a run their endpoints have, looked up before the first call that is paid for.

Lists of models cost nothing. A model that a list lacks is asked one tiny thing, as lists leave out names that calls
know: only a server that says that it has no such model is believed.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from diziner.common.errors import UserError
from diziner.llm.probe import probe
from diziner.llm.shared_limits import turns_folder
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings
from diziner.settings import Settings

_FEWEST = 2  # annotators, for disagreement
_DONE = "roll-call"


def roll_call(settings: Settings, store: ResponseStore, supervised: bool) -> None:
    """Refuse a run that cannot end: the supervisor of a `supervised` one is gone, or all annotators but one.

    A single annotator that is gone is no error: its stages leave it out. In a run of many stages the first one calls
    the roll for all.
    Errors: UserError that names the models and what their endpoints have in place of them; of a key that is missing.
    """
    folder = turns_folder()
    done = folder / f"{_DONE}-{'supervised' if supervised else 'alone'}" if folder else None
    if done and done.exists():
        return
    asked = [settings.annotator(name) for name in settings.pool]
    annotators = {annotator.name: annotator.model for annotator in asked if annotator.model}
    models = [*annotators.values(), *([settings.supervisor.model] if supervised else [])]
    gone = gone_models(settings, store, models)
    if supervised and (found := gone.get(_name(settings.supervisor.model))):
        raise UserError(f"supervisor.model: {found}; nothing was asked yet")
    out = [name for name, model in annotators.items() if _name(model) in gone]
    if len(asked) - len(out) < min(_FEWEST, len(asked)):
        why = "; ".join(f"{name}: {gone[_name(annotators[name])]}" for name in out)
        raise UserError(f"annotator_pool: too few annotators are left; {why}; nothing was asked yet")
    if done:
        done.touch()


def gone_models(
    settings: Settings, store: ResponseStore, models: Sequence[ModelSettings]
) -> dict[tuple[str, str], str]:
    """Return what is to be said of each model, by endpoint and name, that its endpoint does not have."""
    gone: dict[tuple[str, str], str] = {}
    for name in dict.fromkeys(model.endpoint for model in models):
        endpoint = settings.endpoints[name]
        listed = None if endpoint.backend.runs_here else endpoint.backend.models(endpoint)
        for model in {_name(model): model for model in models if model.endpoint == name}.values():
            if listed is None or model.model in listed:
                continue
            found = probe(store, endpoint, model, settings.weights, settings.budget_usd)
            if found.gone:
                gone[_name(model)] = found.problem + nearest(model.model, listed)
    return gone


def nearest(model: str, listed: Sequence[str]) -> str:
    """Return the names of a list that look most like a model's, in words; nothing if none does."""
    close = difflib.get_close_matches(model, listed, n=3, cutoff=0.7)
    return f" (there are: {', '.join(close)})" if close else ""


def _name(model: ModelSettings) -> tuple[str, str]:
    return model.endpoint, model.model
