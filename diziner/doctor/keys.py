"""Checks of the keys of hosted models: whether they are set, never what they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from diziner.doctor.finding import Finding
from diziner.doctor.subject import Subject
from diziner.layout import PARAMS

if TYPE_CHECKING:
    from diziner.endpoints import Endpoint

# As people name variables that hold keys; anything else, unless it is set, may be a key in the wrong subject.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


def check_keys(subject: Subject) -> Iterator[Finding]:
    """Yield each endpoint of the settings that names the environment variable of a key."""
    if subject.settings is None:
        yield Finding("keys", "endpoints", "note", f"not known without {PARAMS}")
        return
    keyed = [endpoint for endpoint in subject.settings.endpoints.values() if endpoint.key_env is not None]
    if not keyed:
        yield Finding("keys", "endpoints", "ok", "none of the settings' endpoints needs a key")
    for endpoint in keyed:
        yield _key(endpoint, endpoint.key_env or "", subject)


def _key(endpoint: Endpoint, variable: str, subject: Subject) -> Finding:
    if not _VARIABLE.fullmatch(variable) and variable not in os.environ:
        found = "key_env names no variable that is set (not shown, as it may be a key)"
        mend = f"in {PARAMS} let endpoints.{endpoint.name}.key_env name the variable that holds the key"
        return Finding("keys", endpoint.name, "problem", found, mend, {"variable": None, "set": False})
    # As Endpoint.key reads it: blanks are no key.
    is_set = bool(os.environ.get(variable, "").strip())
    facts = {"variable": variable, "set": is_set}
    if is_set:
        return Finding("keys", endpoint.name, "ok", f"{variable} is set", facts=facts)
    models = {model for name, model in subject.in_use if name == endpoint.name}
    mend = f"`export {variable}=…` before a run that asks its models"
    if all(subject.recorded(endpoint.address, model) for model in models):
        why = "recorded answers need no key" if models else "no model in use needs it"
        return Finding("keys", endpoint.name, "note", f"{variable} is not set; {why}", mend, facts)
    return Finding("keys", endpoint.name, "problem", f"{variable} is not set, and models in use need it", mend, facts)
