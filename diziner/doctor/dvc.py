"""Checks of DVC: its version, its YAML parser and its cache."""

from __future__ import annotations

import configparser
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from diziner.doctor.finding import Finding, is_folder
from diziner.doctor.packages import installed
from diziner.doctor.subject import Subject, project_table

FOLDER = Path(".dvc")


def check_dvc(subject: Subject) -> Iterator[Finding]:
    """DVC's version, held against the pin in pyproject.toml."""
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
    """DVC's YAML parser in C."""
    if importlib.util.find_spec("_ruamel_yaml") is None:
        found = "ruamel.yaml.clib is missing: DVC reads YAML 1.6 times slower"
        yield Finding("DVC", "YAML parser", "note", found, "`make setup` installs it", {"compiled": False})
    else:
        yield Finding("DVC", "YAML parser", "ok", "ruamel.yaml.clib, in C", facts={"compiled": True})


def check_cache(subject: Subject) -> Iterator[Finding]:
    """The project's cache of outputs."""
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
    """Where the project's configuration has the outputs, a user's own before the shared one; else .dvc/cache.

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
