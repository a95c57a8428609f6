"""Examination: all checks, one after another; one that cannot work is a finding and stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from diziner.doctor.dvc import check_cache, check_dvc, check_rewriting, check_yaml_parser
from diziner.doctor.finding import CANNOT, Finding, reason
from diziner.doctor.git import check_git
from diziner.doctor.keys import check_keys
from diziner.doctor.locks import check_locks
from diziner.doctor.packages import check_packages
from diziner.doctor.project import check_project
from diziner.doctor.recording import check_recording
from diziner.doctor.store import check_store
from diziner.doctor.subject import Subject
from diziner.doctor.system import check_blas, check_platform, check_processor, check_python
from diziner.doctor.tapes import check_tapes
from diziner.doctor.weights import check_weights

Check = Callable[[Subject], Iterator[Finding]]

# With the section and the name of the finding that stands for a check that cannot work.
CHECKS: Sequence[tuple[str, str, Check]] = (
    ("project", "settings", check_project),
    ("python", "version", check_python),
    ("python", "platform", check_platform),
    ("processor", "NumPy", check_processor),
    ("processor", "BLAS", check_blas),
    ("packages", "lock", check_packages),
    ("weights", "check", check_weights),
    ("keys", "check", check_keys),
    ("answers", "store", check_store),
    ("answers", "tapes", check_tapes),
    ("recording", "processor", check_recording),
    ("DVC", "version", check_dvc),
    ("DVC", "YAML parser", check_yaml_parser),
    ("DVC", "settings", check_rewriting),
    ("DVC", "cache", check_cache),
    ("DVC", "lock", check_locks),
    ("git", "state", check_git),
)


def examine(subject: Subject) -> list[Finding]:
    """Return the findings of all checks, in their order."""
    findings: list[Finding] = []
    for section, name, check in CHECKS:
        try:
            # One by one, so that those before a failure are kept.
            findings.extend(check(subject))
        except CANNOT as error:
            mend = "`make setup` installs what is missing" if isinstance(error, ImportError) else None
            findings.append(Finding(section, name, "problem", f"cannot be checked: {reason(error)}", mend))
    return findings


def report(subject: Subject, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as one JSON object, as diziner/schemas/doctor.schema.json describes it."""
    return {
        "doctor": 1,
        "project": str(subject.root) if subject.root else None,
        "problems": number(findings, "problem"),
        "notes": number(findings, "note"),
        "findings": [asdict(finding) for finding in findings],
    }


def number(findings: Sequence[Finding], state: str) -> int:
    """Count the findings of a state."""
    return sum(finding.state == state for finding in findings)
