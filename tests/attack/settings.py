"""Odd settings: every key of params.schema.json with values that people and programs put there, in every profile."""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import Any

from odd_settings import ODD, keys, settings_with

from attack.findings import Attempt, Case, Finding, Part
from attack.reviewed import reviewed
from diziner.common.errors import UserError

PROFILES = ("embedded", "local", "paper")
_LONGEST = 700  # characters of a refusal, whatever was given


@cache
def values() -> dict[str, Any]:
    """The odd values by name: those of tests/odd_settings.py and more."""
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    return {
        **ODD,
        "a half": 0.5,
        "2**31": 2**31,
        "2**32": 2**32,
        "2**53+1": 2**53 + 1,
        "1e308": 1e308,
        "-inf": float("-inf"),
        "-0.1": -0.1,
        "false": False,
        "blank": " ",
        "blanks around": " sample ",
        "NUL": "a\0b",
        "escape": "\x1b[2Jx",
        "two lines": "a\nerror: b",
        "direction": "a\u202eb",
        "surrogate": "\ud800",
        "upwards": "../../etc/passwd",
        "absolute": "/etc/passwd",
        "template": "{{ 7 * 7 }}{% for %}",
        "shell": "$(touch x); `touch y`",
        "user info": "http://me:secret@a.b/v1",
        "[null]": [None],
        "['a', 'a']": ["a", "a"],
        "{no_such_key}": {"no_such_key": 1},
        "{1: 2}": {1: 2},
        "deep": deep,
        "a date": datetime.date(2024, 1, 1),
        "bytes": b"x",
    }


def cases(seed: int) -> list[Case]:
    """Every key with every value, the profiles in turn, begun with one that the seed names."""
    pairs = [(key, value) for key in sorted(set(keys())) for value in values()]
    made = []
    for number, (key, value) in enumerate(pairs):
        # One profile more for each key: over three seeds every pair meets every profile.
        profile = PROFILES[(number + seed) % len(PROFILES)]
        made.append(Case(number, f"{key} = {value} in profile {profile}", (key, value, profile)))
    return made


def prepared(folder: Path) -> Attempt:
    """Settings need no folder."""
    return attempt


def attempt(given: tuple[str, str, str]) -> Finding:
    """Load settings that hold the value, and make every typed part of them."""
    from diziner.settings import settings_from

    key, name, profile = given
    raw, said = settings_with(key, values()[name], profile)
    try:
        made = settings_from(raw, "params.yaml")
        for section in ("corpus", "answers", "disagreement", "evidence", "scoring", "selection", "supervisor"):
            getattr(made, section)
        for part in ("endpoints", "budget_usd", "local_dir", "models_in_use", "weights_in_use", "plug_ins", "packages"):
            getattr(made, part)
        for entry in made.annotator_entries:
            made.annotator(entry)
    except UserError as error:
        return refusal(str(error), said)
    return Finding("accepted" if reviewed("settings", key, name) else "unreviewed", profile)


def refusal(line: str, said: str) -> Finding:
    """Judge a refusal: one line that names the key, of bounded length."""
    if "\n" in line or len(line) > _LONGEST:
        return Finding("wrong", f"{len(line)} characters, {line.count(chr(10))} line breaks: {line[:200]!r}")
    if not any(name.split("[")[0].rstrip("s") in line for name in said.split(".")[-2:]):
        return Finding("wrong", f"does not name {said}: {line}")
    return Finding("refused", line)


PART = Part("settings", cases, prepared, least=1500, brief=12)
