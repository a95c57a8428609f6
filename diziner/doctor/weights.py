"""Checks of the weights of local models: at hand, and the bytes that their names promise."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from diziner.common.digests import file_sha256
from diziner.common.words import counted
from diziner.doctor.finding import Finding, amount, reason
from diziner.doctor.subject import Subject
from diziner.endpoints.local import ADDRESS as LOCAL_ADDRESS

_NAMED = re.compile(r"([0-9a-f]{64})\.\w+")  # weights are kept under their SHA-256
_LONG = 500_000_000  # bytes, half a second or more


def check_weights(subject: Subject) -> Iterator[Finding]:
    """Yield the folder of weights; each model of the settings; other weights that lie there."""
    try:
        folder = folder_of_weights()
    except RuntimeError as error:
        yield Finding("weights", "folder", "problem", f"unknown: {reason(error)}", "set HOME or DIZINER_CACHE")
        return
    there = _folder(folder)
    yield there
    if there.state == "problem":
        return
    files = held(folder)
    known = subject.settings.weights if subject.settings else {}
    names: dict[str, str] = {}
    for model, entry in known.items():
        wanted = digests(entry)
        names |= {sha256: f"{model} {name}".strip() for name, sha256 in wanted.items()}
        missing = [sha256 for sha256 in wanted.values() if sha256 not in files]
        if missing:
            yield _missing(model, missing, subject)
    total = _size(files.values())
    if total > _LONG and not subject.quick:
        subject.say(f"verifying {amount(total)} of weights (--quick leaves this out)")
    for sha256, path in files.items():
        yield _file(names.get(sha256, f"{sha256[:12]}…"), sha256, path, subject.quick)
    others = [path for path in folder.iterdir() if path not in files.values()] if files else []
    if others:
        size = _size(others)
        found = f"{counted(len(others), 'file')} of other names, {amount(size)}: remains of broken fetches"
        mend = f"remove them from {folder}, unless a fetch is running"
        yield Finding("weights", "others", "note", found, mend, {"files": len(others), "bytes": size})


def folder_of_weights() -> Path:
    """Return where weights lie. Errors: RuntimeError where neither the environment nor the system names a home."""
    from diziner.layout import weights_folder

    return weights_folder()


def digests(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each file of a model by name, as the settings have them; the one file of a GGUF has
    none."""
    return dict(entry["files"]) if "files" in entry else {"": entry["sha256"]}


def held(folder: Path) -> dict[str, Path]:
    """Return the weights in a folder by the SHA-256 that they are named by; empty if there is no such folder.

    Errors: OSError for a folder that cannot be read.
    """
    try:
        found = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    matches = {path: _NAMED.fullmatch(path.name) for path in found}
    return {match[1]: path for path, match in matches.items() if match}


@cache
def verified(path: Path, sha256: str) -> bool:
    """Return whether a file has the bytes of that SHA-256: about a second a gigabyte, once in a process.

    Errors: OSError.
    """
    return file_sha256(path) == sha256


def _size(paths: Iterable[Path]) -> int:
    """Return the size of files together; a fetch may rename its own meanwhile."""
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def _folder(folder: Path) -> Finding:
    """Return how the folder is, or the nearest one above it that is there."""
    facts = {"path": str(folder)}
    mend = "let $DIZINER_CACHE name a folder that can be written to"
    for there in (folder, *folder.parents):
        try:
            there.stat()
        except OSError:
            continue
        if not there.is_dir():
            return Finding("weights", "folder", "problem", f"{there} is a file, not a folder", mend, facts)
        if not os.access(there, os.R_OK | os.X_OK):
            return Finding("weights", "folder", "problem", f"{there} cannot be read", mend, facts)
        if not os.access(there, os.W_OK):
            return Finding("weights", "folder", "note", f"{folder} cannot be written to", mend, facts)
        break
    missing = "" if there == folder else " (not there yet: the first fetch makes it)"
    return Finding("weights", "folder", "ok", f"{folder}{missing}", facts=facts)


def _missing(model: str, missing: list[str], subject: Subject) -> Finding:
    facts = {"model": model, "missing": missing}
    mend = "`diziner weights fetch`"
    if model in subject.weights_in_use and not subject.recorded(LOCAL_ADDRESS, model):
        return Finding("weights", model, "problem", "in use, not on this machine", mend, facts)
    found = "not on this machine; recorded answers need none, new requests do"
    return Finding("weights", model, "note", found, mend, facts)


def _file(name: str, sha256: str, path: Path, quick: bool) -> Finding:
    facts: dict[str, Any] = {"model": name, "sha256": sha256, "bytes": None, "verified": None}
    try:
        size = path.stat().st_size
        right = None if quick and size else verified(path, sha256)
    except OSError as error:
        mend = f"make {path.name} in {path.parent} readable"
        return Finding("weights", name, "problem", f"cannot be read: {reason(error)}", mend, facts)
    facts = {**facts, "bytes": size, "verified": right}
    if right is None:
        return Finding("weights", name, "ok", f"{amount(size)}, not verified (--quick)", facts=facts)
    if right:
        return Finding("weights", name, "ok", f"{amount(size)}, verified by SHA-256", facts=facts)
    mend = f"remove {path}, then `diziner weights fetch`"
    return Finding("weights", name, "problem", f"damaged: {amount(size)} of another SHA-256 than its name", mend, facts)
