"""Variants: named changes of the settings, for ablations (method section 10)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import dump_line, shown
from diziner.common.words import there_are
from diziner.common.yamledit import with_value
from diziner.common.yamlfile import read_yaml
from diziner.layout import guideline_of, record_of
from diziner.settings.raw import start_in

VARIANTS = shown(Path(__file__).parent / "variants.yaml")
_PATHS = frozenset({"rounds", "refinements"})  # both how many rounds there are and how the first begins shape them
_COUNTED = {"annotators": "annotator_pool", "rounds": "rounds"}
_WORD = re.compile(r"[A-Za-z][\w.-]*")
_RESERVED = frozenset({"true", "false", "null", "nan", "inf"})

Changes = Mapping[str, Any]  # dotted key -> value


def load_variants(path: Path = VARIANTS) -> dict[str, dict[str, Any]]:
    """Return the variants by name, checked."""
    return dict(read_yaml(path, "variants"))


def overrides(name: str, variants: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variant as dotted keys and values for these settings.

    Errors: UserError for an unknown variant, and where these settings have too few annotators or rounds for it.
    """
    if name not in variants:
        raise UserError(f"{VARIANTS}: no variant {name!r}; {there_are(variants, name)}")
    entry = variants[name]
    for key, least in entry.get("needs", {}).items():
        given = len(params[_COUNTED[key]])
        if given < least:
            raise UserError(f"variant {name}: needs {least} {key} or more; params.yaml has {given}")
    changes = dict(entry.get("set", {}))
    if "pool" in entry:
        changes["annotator_pool"] = _pool(name, entry["pool"], params)
    if "rounds" in entry:
        changes |= _rounds(entry["rounds"], start_in(params))
    if "start" in entry:
        changes |= {"guideline.start": entry["start"], **_rounds(len(params["rounds"]), entry["start"])}
    if entry.get("sampled"):
        changes["selection.sampled"] = list(params["annotator_pool"])
    if entry.get("gold"):
        changes["evidence.folder"] = "gold"
        changes["evidence.gold_rounds"] = [step["prev"] for step in params["refinements"]]
    return changes


def joined(
    names: Iterable[str], variants: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Join several variants into one; each is for the settings that those before it have made.

    Errors: as `overrides`, and UserError for two that set one key differently.
    """
    changes: dict[str, Any] = {}
    by: dict[str, str] = {}
    settings = dict(params)
    for name in names:
        for key, value in overrides(name, variants, settings).items():
            if changes.get(key, value) != value and not _goes_together(key, variants[by[key]], variants[name]):
                raise UserError(f"variants {by[key]} and {name} do not go together: both set {key}")
            changes[key], by[key] = value, name
            settings |= {key: value} if key in settings else {}
            settings |= {"guideline": {"start": value}} if key == "guideline.start" else {}
    return changes


def _goes_together(key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether of two variants that set a key the later one has taken up what the earlier one set: so many rounds,
    and where they start from."""
    return key in _PATHS and not {"rounds", "start"} & one.keys() & other.keys()


def changes_nothing(changes: Changes, params: Mapping[str, Any]) -> bool:
    """Return whether the settings are so already."""
    return all(_value(params, dotted.split(".")) == value for dotted, value in changes.items())


def changed(text: str, changes: Changes) -> str:
    """Return the text of a params.yaml with the changes made; all else, comments included, stays byte for byte.

    Errors: UserError for a key on the way that is not there; the last key may be new.
    """
    for dotted, value in changes.items():
        text = with_value(text, dotted.split("."), value)
    return text


def exp_run_words(changes: Changes) -> list[str]:
    """Return the same changes as arguments of `dvc exp run`; a key that is not there yet is added."""
    return [word for key, value in changes.items() for word in ("-S", f"++{key}={_hydra(value)}")]


def exp_run_line(changes: Changes) -> str:
    """Return the command for a shell."""
    return shlex.join(["dvc", "exp", "run", *exp_run_words(changes)])


def _hydra(value: Any) -> str:
    """Return a value in the grammar of DVC's overrides: JSON, but for quotes around words and keys.

    >>> _hydra({"input": [0.5, None, "a b", "null", "fixed"]})
    '{input:[0.5,null,"a b","null",fixed]}'
    """
    if isinstance(value, str) and _WORD.fullmatch(value) and value.casefold() not in _RESERVED:
        return value
    if isinstance(value, list):
        return f"[{','.join(map(_hydra, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_hydra(item)}' for key, item in value.items())}}}"
    return dump_line(value)


def _value(params: Any, way: Iterable[str]) -> Any:
    for key in way:
        params = params.get(key) if isinstance(params, Mapping) else None
    return params


def _rounds(count: int, start: str) -> dict[str, Any]:
    return {
        "rounds": [{"id": number, "guideline": guideline_of(number, start)} for number in range(count)],
        "refinements": [
            {"prev": prev, "id": prev + 1, "guideline": guideline_of(prev, start), "record": record_of(prev, start)}
            for prev in range(count - 1)
        ],
    }


def _pool(name: str, pool: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    names, known = list(params["annotator_pool"]), params["annotators"]
    if "model" in pool:
        part, family = pool["model"].casefold(), pool.get("names", ())
        by_model = [n for n in known if part in known[n].get("model", "").casefold()]
        chosen = list(family) if family and all(n in known for n in family) else by_model
        wanted = f"at least 2 annotators whose model names {pool['model']!r}"
    else:
        all_of_them = [*names, *(n for n in pool.get("more", ()) if n in known and n not in names)]
        chosen = all_of_them[: pool["first"]] if len(all_of_them) >= pool["first"] else []
        wanted = f"{pool['first']} annotators"
    if len(chosen) < 2:
        raise UserError(f"variant {name}: needs {wanted}; annotator_pool is {', '.join(names)}")
    return chosen
