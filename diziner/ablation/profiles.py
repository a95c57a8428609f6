"""Profiles: settings to start from, as they are or with variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.ablation.variants import changed, joined, load_variants
from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.common.words import there_are
from diziner.common.yamlfile import parse_yaml, read_yaml
from diziner.layout import PARAMS
from diziner.settings import settings_from

PROFILES = (Path("profiles"), Path(__file__).parents[1] / "profiles")  # own ones first
PLUS = " + "  # between a profile and its variants in the setting `profile`


def profile_text(profile: str, variants: Sequence[str]) -> str:
    """Return the text of params.yaml for a profile with variants, comments and all; its `profile` names them.

    Errors: UserError for an unknown profile or variant, and variants that do not go together.
    """
    known = profile_files()
    if profile not in known:
        raise UserError(f"no profile {profile!r}, here or in {PROFILES[0]}/; {there_are(sorted(known), profile)}")
    source = known[profile]
    text = read_text(source)
    params = settings_from(read_yaml(source), str(source)).raw
    if not variants:
        return text
    changes = joined(variants, load_variants(), params)
    return changed(text, changes | {"profile": profile_name(profile, variants)})


def profile_name(profile: str, variants: Sequence[str]) -> str:
    """Return what a profile with variants is called in the setting `profile`."""
    return PLUS.join([profile, *variants])


def profile_of(text: str) -> tuple[str, ...] | None:
    """Return the profile and the variants that a params.yaml was made of; None where a person has changed it."""
    for name, path in sorted(profile_files().items()):
        if read_text(path) == text:
            return (name,)
    try:
        profile, *variants = parse_yaml(text, str(PARAMS))["profile"].split(PLUS)
        return (profile, *variants) if text == profile_text(profile, variants) else None
    except (UserError, KeyError, TypeError, AttributeError):
        return None


def all_profiles() -> list[Mapping[str, Any]]:
    """Return the settings of every profile there is, as data."""
    return [parse_yaml(read_text(path), str(path)) for path in profile_files().values()]


def profile_files() -> dict[str, Path]:
    """Return the profiles there are, by name; one of the project's own takes the place of one of the same name."""
    return {path.stem: path for folder in reversed(PROFILES) for path in sorted(folder.glob("*.yaml"))}
