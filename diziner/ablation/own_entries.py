"""Settings of a person's own that a change of the profile leaves in place: endpoints, annotators, what they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diziner.common.yamledit import with_value

# Mappings by name; and single settings that say what a person has, not what is tried: the budget, where data are.
_NAMED = ("endpoints", "annotators", "weights")
_SINGLE: tuple[tuple[str, ...], ...] = (("budget",), ("corpus", "local_dir"))


def own_entries(before: Mapping[str, Any], profiles: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], Any]:
    """Return what settings have that is no profile's, by its path: named entries, and what they refer to.

    A profile's entry that was changed counts as a person's own.
    """
    known = list(profiles)
    found: dict[tuple[str, ...], Any] = {}
    for section in _NAMED:
        for name, entry in before.get(section, {}).items():
            if all(profile.get(section, {}).get(name) != entry for profile in known):
                found[section, name] = entry
    for single in _SINGLE:
        value = _at(before, single)
        if value is not None and all(_at(profile, single) != value for profile in known):
            found[single] = value
    for path, entry in list(found.items()):
        if path[0] == "annotators":
            for section, key in (("endpoints", "endpoint"), ("weights", "model")):
                name = entry.get(key)
                if name in before.get(section, {}):
                    found.setdefault((section, name), before[section][name])
    return found


def with_own_entries(text: str, now: Mapping[str, Any], own: Mapping[tuple[str, ...], Any]) -> tuple[str, list[str]]:
    """Return the text of a profile with a person's own entries added, and their paths. A name that the profile has is
    the profile's; single settings are the person's.

    Errors: as `with_value`.
    """
    added = []
    for path, value in own.items():
        if path in _SINGLE or path[1] not in now.get(path[0], {}):
            text = with_value(text, path, value)
            added.append(".".join(path))
    return text, sorted(added)


def _at(settings: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings
