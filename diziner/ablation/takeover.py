"""The command that makes the compared settings the project's own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from diziner.ablation.profiles import profile_of, profile_text
from diziner.ablation.variants import changed, exp_run_line, joined, load_variants
from diziner.common.errors import UserError
from diziner.common.yamlfile import parse_yaml
from diziner.layout import PARAMS


def takeover_command(
    active: str, wanted: str, profile: str | None, shared: Sequence[str], chosen: Sequence[str]
) -> str:
    """Return the command that turns the text of params.yaml, `active`, into the settings `wanted`; empty if they are
    these.

    `wanted` was made of a profile, or of `active` where it is None, with the variants `shared` and then `chosen`.
    `diziner use PROFILE --with …` where one profile and variants give just these settings; else a `dvc exp run` that
    makes the changes.
    Errors: as `diziner.ablation.variants.joined`.
    """
    if _settings(active) == _settings(wanted):
        return ""
    origin = (profile,) if profile else profile_of(active)
    if origin:
        first, *made = origin
        variants = list(dict.fromkeys([*made, *shared, *chosen]))
        try:
            if _settings(profile_text(first, variants)) == _settings(wanted):
                return _use(first, variants)
        except UserError:
            pass  # variants that are in there already do not go with the chosen one
    if profile:
        changes = joined(chosen, load_variants(), _settings(profile_text(profile, shared)))
        return f"{_use(profile, shared)} && {exp_run_line(changes)}"
    before = _settings(active)
    changes = joined(shared, load_variants(), before)
    after = _settings(changed(active, changes))
    return exp_run_line(changes | joined(chosen, load_variants(), after))


def _use(profile: str, variants: Sequence[str]) -> str:
    return shlex.join(["diziner", "use", profile, *(["--with", *variants] if variants else [])])


def _settings(text: str) -> Mapping[str, Any]:
    """Return settings but for the name of their profile, which no stage reads."""
    value: dict[str, Any] = parse_yaml(text, str(PARAMS))
    return {key: part for key, part in value.items() if key != "profile"}
