"""Checks of the installed packages against the lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.words import listed
from diziner.doctor.finding import Finding, State
from diziner.doctor.subject import Subject

LOCK = "requirements.lock"
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)\s*(?:;(?P<marker>[^\\]*))?\\?\s*"
)


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the lock."""

    name: str
    version: str


def check_packages(subject: Subject) -> Iterator[Finding]:
    """Yield every package that the lock has for this Python and platform: installed, and in that version."""
    if subject.base is None:
        yield Finding("packages", "lock", "note", f"no {LOCK} to hold versions against", facts={"file": None})
        return
    pins = read_lock(subject.base / LOCK)
    found = {pin.name: installed(pin.name) for pin in pins}
    differing = [pin for pin in pins if found[pin.name] not in (None, pin.version)]
    missing = [pin for pin in pins if found[pin.name] is None]
    right = len(pins) - len(differing) - len(missing)
    said = [f"{right} of {len(pins)} are installed as in {LOCK}"]
    if differing:
        said.append(f"other: {listed([f'{pin.name} {found[pin.name]} (lock: {pin.version})' for pin in differing])}")
    if missing:
        said.append(f"missing: {listed([f'{pin.name} {pin.version}' for pin in missing])}")
    facts = {
        "locked": len(pins),
        "right": right,
        "other": {pin.name: {"installed": found[pin.name], "locked": pin.version} for pin in differing},
        "missing": {pin.name: pin.version for pin in missing},
    }
    state: State = "problem" if differing or missing else "ok"
    mend = "`make setup` installs them" if differing or missing else None
    yield Finding("packages", "lock", state, "; ".join(said), mend, facts)


def installed(name: str) -> str | None:
    """Return the version of an installed package; None if there is none, or what is left of it does not say."""
    try:
        # A broken installation has metadata without a version.
        return version(name) or None
    except (PackageNotFoundError, KeyError):
        return None


def read_lock(path: Path) -> list[Pin]:
    """Return the packages of a lock whose markers hold here, in its order.

    Errors: OSError or ValueError for a file that cannot be read; UserError for a line that pins nothing, or a
    marker that is none.
    """
    pins = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line[:1].strip() or line.startswith(("#", "-")):
            continue
        pin = _PIN.fullmatch(line)
        if pin is None:
            raise UserError(f"{path.name}:{number}: no pinned package: {line.strip()[:60]!r}")
        if _holds(pin["marker"], f"{path.name}:{number}"):
            pins.append(Pin(pin["name"], pin["version"]))
    return pins


def _holds(marker: str | None, where: str) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    try:
        return marker is None or Marker(marker.strip()).evaluate()
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as error:
        raise UserError(f"{where}: not a marker: {' '.join(str(error).split())}") from None
