"""Checks of the project: its folder, whose code runs, and its settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from diziner.common.version import VERSION
from diziner.doctor.finding import Finding, reason
from diziner.doctor.subject import SOURCE, Subject
from diziner.layout import PARAMS, has_library, laid_version

# Faults that show what was given for an endpoint, or for everything; which key of all is missing shows nothing.
_SHOWS_NOTHING = ": DVC cannot read this ("
_MAY_SHOW_KEYS = re.compile(r"[^:]+(?::\d+)?: (endpoints.*?|top level(?!: '\w+' is a required property$)): ")


def check_project(subject: Subject) -> Iterator[Finding]:
    """Yield the project's folder, its settings, and whose code runs."""
    if subject.root is None:
        yield Finding("project", "folder", "note", subject.outside, facts={"path": None})
        return
    yield Finding("project", "folder", "ok", str(subject.root), facts={"path": str(subject.root)})
    if not has_library(subject.root):
        yield _laid(subject.root)
    elif not subject.root.samefile(SOURCE):
        yield Finding(
            "project",
            "code",
            "problem",
            f"this command runs the code of {SOURCE}, stages that of the project",
            f"run `{subject.root / '.venv/bin/python'} -m diziner doctor`, or `make setup` here",
            {"path": str(SOURCE)},
        )
    if subject.settings is not None:
        profile = subject.settings.profile
        yield Finding("project", "settings", "ok", f"{PARAMS}, profile {profile}", facts={"profile": profile})
    elif isinstance(subject.fault, ImportError):
        raise subject.fault
    elif subject.fault is not None:
        mend = f"correct {PARAMS}, or make it anew with `diziner use embedded`"
        yield Finding("project", "settings", "problem", _discreet(reason(subject.fault)), mend, {"profile": None})


def _laid(root: Path) -> Finding:
    """Return what is installed runs stages that `diziner init` laid: both must be of one version."""
    laid, facts = laid_version(root), {"path": str(SOURCE)}
    if laid == VERSION:
        return Finding("project", "code", "ok", f"diziner {VERSION} of {SOURCE}, which laid the stages", facts=facts)
    found = f"diziner {VERSION} of {SOURCE}, while {laid} laid the stages"
    mend = f"run `diziner init --upgrade`, or install diziner=={laid}"
    return Finding("project", "code", "problem", found, mend, facts)


def _discreet(fault: str) -> str:
    """Return a fault of the settings without what was given for an endpoint: that may be a key in a wrong place.

    >>> _discreet("params.yaml: endpoints.a.key_env: 5 is not of type 'string'")
    'params.yaml: endpoints.a.key_env: not as allowed (not shown, as it may be a key); see docs/settings.md'
    >>> _discreet("params.yaml:7: endpoints.a.key_env: DVC (YAML 1.2) reads the text '1:30', PyYAML (YAML 1.1) 90")
    'params.yaml:7: endpoints.a.key_env: not as allowed (not shown, as it may be a key); see docs/settings.md'
    """
    shown = None if _SHOWS_NOTHING in fault else _MAY_SHOW_KEYS.match(fault)
    return f"{shown[0]}not as allowed (not shown, as it may be a key); see docs/settings.md" if shown else fault
