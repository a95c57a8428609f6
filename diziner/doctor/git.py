"""Checks of git: whether the project is a repository, at which commit, and what is changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from diziner.common.words import counted
from diziner.doctor.finding import Finding
from diziner.doctor.subject import Subject

_LIMIT_S = 20.0


def check_git(subject: Subject) -> Iterator[Finding]:
    """Yield the commit, the branch and the number of files that differ from it; git's index is left as it is."""
    if subject.root is None:
        return
    mend = "install git: `diziner diff` and `diziner gate` compare revisions"
    try:
        inside = _git("rev-parse", "--is-inside-work-tree")
        if inside.returncode:
            why = (inside.stderr.strip().splitlines() or ["git failed"])[0]
            yield Finding("git", "state", "note", f"no repository: {why}", facts={"commit": None})
            return
        head = _git("rev-parse", "--verify", "--quiet", "HEAD").stdout.strip()
        branch = _git("symbolic-ref", "--short", "--quiet", "HEAD").stdout.strip()
        status = _git("status", "--porcelain", "-z")
    except FileNotFoundError:
        yield Finding("git", "state", "note", "no git on PATH", mend, {"commit": None})
        return
    except subprocess.TimeoutExpired:
        found = f"git did not answer within {_LIMIT_S:.0f} s"
        yield Finding("git", "state", "note", found, facts={"commit": None})
        return
    if status.returncode:
        why = (status.stderr.strip().splitlines() or ["git failed"])[0]
        yield Finding("git", "state", "problem", f"git status: {why}", "mend the repository first", {"commit": head})
        return
    changed = len(entries(status.stdout))
    where = f"{head[:12] or 'no commit yet'} {f'on {branch}' if branch else 'on no branch'}"
    found = f"{where}, {counted(changed, 'changed or new file') if changed else 'no changes'}"
    facts = {"commit": head or None, "branch": branch or None, "changed": changed}
    yield Finding("git", "state", "ok", found, facts=facts)


def entries(status: str) -> list[str]:
    """Return the files of `git status --porcelain -z`: a renamed one is one file, followed by its former name.

    >>> entries("R  new\\0old\\0?? other\\0")
    ['new', 'other']
    """
    found = []
    fields = iter(status.split("\0"))
    for field in fields:
        if field:
            found.append(field[3:])
            if field[0] in "RC":
                next(fields, None)
    return found


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "--no-optional-locks", *words],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_LIMIT_S,
        check=False,
    )
