"""Plug-ins: what installed distributions add by entry points, found by name and loaded only when it is asked for.

A distribution declares `[project.entry-points."diziner.protocols"]` and so on (docs/plug-ins.md). Which module a name
needs is read from the distribution's metadata; nothing is imported before it is used. What is built in comes first.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from diziner.common.errors import UserError
from diziner.common.words import meant

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Group:
    """A kind of thing that plug-ins can add: the entry points' group, what one is called, and where it is asked for."""

    name: str
    noun: str
    where: str


PROTOCOLS = Group("diziner.protocols", "scoring protocol", "--protocol")
MEASURES = Group("diziner.measures", "agreement measure", "--measure")
SOURCES = Group("diziner.sources", "corpus source", "params.yaml: corpus.source")
ANNOTATORS = Group("diziner.annotators", "annotator kind", "params.yaml: annotators: kind")
FUNCTIONS = Group("diziner.annotators", "annotator function", "params.yaml: annotators: function")


def found(group: Group, name: str, built_in: Mapping[str, Kind], kind: type[Any] | None = None) -> Kind | Any:
    """Return what has this name: built in, or of a plug-in, which is imported now.

    `kind` is the class that a plug-in's object must be of; None: something that can be called.
    Errors: UserError for an unknown name, one that two distributions claim, a plug-in that cannot be imported, and
    one that is something else.
    """
    if name in built_in:
        return built_in[name]
    entry = _entry(group, name, built_in)
    who = f"{group.where}: {group.noun} {name!r} of plug-in {_who(entry)}"
    try:
        value = entry.load()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{who}: {entry.value} cannot be imported: {reason}; mend or uninstall the package") from error
    if not (isinstance(value, kind) if kind else callable(value)):
        wanted = f"a {kind.__module__}.{kind.__name__}" if kind else "a function"
        raise UserError(f"{who}: {entry.value} is a {type(value).__name__}; it must be {wanted}")
    return value


def require(group: Group, name: str, built_in: Iterable[str]) -> None:
    """Refuse a name that is neither built in nor a plug-in's, without importing anything.

    Errors: UserError listing what there is.
    """
    if name not in (known := list(built_in)):
        _entry(group, name, known)


def names(group: Group) -> list[str]:
    """Return the names that plug-ins add, sorted."""
    return sorted(_entries(group))


def digest_of(group: Group, name: str) -> dict[str, str]:
    """Return the plug-in's distribution with its version, and the SHA-256 of its code, the first 16 digits.

    {} for a name that no plug-in has. The code is every file of the packages that the distribution installs, and of
    the one that the entry point names, wherever that is: an editable installation counts like another.
    """
    entries = _entries(group).get(name, [])
    found: dict[str, str] = {}
    for entry in entries:
        digest = hashlib.sha256()
        for label, path in sorted(_code_of(entry).items()):
            digest.update(f"{label}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        found[f"plug-in {_who(entry)}"] = digest.hexdigest()[:16]
    return found


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of installed distributions, as a stage's digests state them.

    Errors: UserError for one that is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in packages:
        try:
            found[f"package {name}"] = version(name)
        except PackageNotFoundError:
            raise UserError(
                f"params.yaml: annotators: packages: {name} is not installed here; install it, or take it out"
            ) from None
    return found


def _entry(group: Group, name: str, built_in: Iterable[str]) -> EntryPoint:
    known = _entries(group)
    built_in, found = list(built_in), known.get(name, [])
    if not found:
        added = ", ".join(f"{key} ({_who(own[0])})" for key, own in sorted(known.items())) or "none"
        raise UserError(
            f"{group.where}: unknown {group.noun} {name!r}; there are {', '.join(built_in)}; from plug-ins: {added}"
            f"{meant(name, (*built_in, *known))}"
        )
    if len(found) > 1:
        both = " and ".join(sorted(map(_who, found)))
        raise UserError(f"{group.where}: {group.noun} {name!r} is in plug-ins {both}; uninstall one")
    return found[0]


@cache
def _entries(group: Group) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by name; an installation that is seen twice counts once."""
    from importlib.metadata import entry_points  # 20 ms that only those with plug-ins in their settings need

    by_name: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=group.name):
        by_name.setdefault(entry.name, {}).setdefault(_who(entry), entry)
    return {name: list(own.values()) for name, own in by_name.items()}


def _who(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module


def _code_of(entry: EntryPoint) -> dict[str, Path]:
    """Return a plug-in's files by a name that is the same on every machine."""
    found: dict[str, Path] = {}
    tops = {entry.module.partition(".")[0], *_tops(entry.dist)}
    for top in sorted(tops):
        spec = importlib.util.find_spec(top)  # of a top-level name: nothing is imported
        if spec is None:
            continue
        for folder in map(Path, spec.submodule_search_locations or ()):
            files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
            found |= {f"{top}/{path.relative_to(folder).as_posix()}": path for path in files}
        if spec.origin and spec.submodule_search_locations is None:
            found[Path(spec.origin).name] = Path(spec.origin)
    return found


def _tops(distribution: Distribution | None) -> set[str]:
    """Return the top-level modules and packages that a distribution installs."""
    files = (distribution.files if distribution else None) or []
    tops = (file.parts[0] for file in files if file.suffix == ".py" and ".." not in file.parts)
    return {top.removesuffix(".py") for top in tops}
