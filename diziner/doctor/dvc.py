"""Checks of DVC: its version, its YAML parser, what it makes of the settings, and its cache."""

from __future__ import annotations

import configparser
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from diziner.common.files import read_text
from diziner.common.yamlfile import broken_by_dvc
from diziner.doctor.finding import Finding, is_folder
from diziner.doctor.packages import installed
from diziner.doctor.subject import Subject, project_table
from diziner.layout import PARAMS

FOLDER = Path(".dvc")


def check_dvc(subject: Subject) -> Iterator[Finding]:
    """Yield DVC's version, held against the pin in pyproject.toml."""
    from packaging.requirements import Requirement

    version = installed("dvc")
    named = project_table(subject.base).get("dependencies")
    pins = [Requirement(str(line)) for line in named] if isinstance(named, list) else []
    pin = next((pin for pin in pins if pin.name == "dvc"), None)
    facts = {"version": version, "pin": str(pin.specifier) if pin else None}
    if version is None:
        yield Finding("DVC", "version", "problem", "not installed", "`make setup` installs it", facts)
    elif pin is None:
        yield Finding("DVC", "version", "ok", version, facts=facts)
    elif pin.specifier.contains(version, prereleases=True):
        yield Finding("DVC", "version", "ok", f"{version}, as {pin} asks", facts=facts)
    else:
        found = f"{version}, where pyproject.toml asks for {pin}"
        yield Finding("DVC", "version", "problem", found, "`make setup` installs it", facts)


def check_yaml_parser(subject: Subject) -> Iterator[Finding]:
    """Yield DVC's YAML parser in C."""
    if importlib.util.find_spec("_ruamel_yaml") is None:
        found = "ruamel.yaml.clib is missing: DVC reads YAML 1.6 times slower"
        yield Finding("DVC", "YAML parser", "note", found, "`make setup` installs it", {"compiled": False})
    else:
        yield Finding("DVC", "YAML parser", "ok", "ruamel.yaml.clib, in C", facts={"compiled": True})


def check_rewriting(subject: Subject) -> Iterator[Finding]:
    """Yield whether the settings bear being written anew by `dvc exp run -S`, which takes off quotes."""
    if subject.settings is None:
        return
    place = broken_by_dvc(read_text(PARAMS))
    facts = {"place": place}
    if place is None:
        yield Finding("DVC", "settings", "ok", f"`dvc exp run -S` can change {PARAMS}", facts=facts)
        return
    found = f"{place}: `dvc exp run -S` takes off the quotes, and then {PARAMS} cannot be read or says something else"
    mend = "write addresses in block style, each on a line of its own, and give other names to what needs quotes"
    yield Finding("DVC", "settings", "note", found, mend, facts)


def check_cache(subject: Subject) -> Iterator[Finding]:
    """Yield the project's cache of outputs."""
    if subject.root is None:
        return
    if not is_folder(FOLDER):
        yield Finding("DVC", "cache", "problem", f"no {FOLDER} in the project", f"`git checkout -- {FOLDER}`")
        return
    cache = cache_folder()
    there = is_folder(cache)
    found = str(cache) if there else f"no {cache} yet: the first run makes it"
    yield Finding("DVC", "cache", "ok", found, facts={"path": str(cache), "present": there})


def cache_folder() -> Path:
    """Return where the project's configuration has the outputs, a user's own before the shared one; else .dvc/cache.

    Errors: OSError or ValueError for a configuration that cannot be read.
    """
    for name in ("config.local", "config"):
        config = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            config.read_string((FOLDER / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except configparser.Error as error:
            raise ValueError(f"{FOLDER / name}: {error}") from None
        if chosen := config.get("cache", "dir", fallback="").strip("'\" "):
            return Path(os.path.normpath(FOLDER / Path(chosen).expanduser()))
    return FOLDER / "cache"
