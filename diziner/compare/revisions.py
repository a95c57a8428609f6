"""Snapshots of the project at a git revision or as it is on disk: what a comparison reads from."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

from diziner.common.errors import UserError
from diziner.common.yamlfile import parse_yaml_as_dvc
from diziner.compare.cache import cached_output
from diziner.compare.faults import recorded_outputs
from diziner.layout import DATA, METRICS, PARAMS, RICH
from diziner.settings.raw import start_in


class Snapshot(Protocol):
    """One state of the project. Paths are relative to its root, with `/`."""

    def __hash__(self) -> int:
        """Hash by identity: what is read from a state is read once."""

    @property
    def name(self) -> str:
        """Name that people use for it."""

    @property
    def blobs(self) -> dict[str, str]:
        """Git's blob id of every file that git tracks or would track."""

    def read(self, path: Path) -> bytes | None:
        """Return a tracked file's bytes; None if there is none."""

    def output(self, path: Path) -> bytes | None:
        """Return the bytes of an output that DVC tracks; None if nobody has them any more."""


class WorkTree:
    """The project on disk."""

    name = "work tree"

    @cached_property
    def blobs(self) -> dict[str, str]:
        listed = _git("ls-files", "-c", "-o", "--exclude-standard", "-z").decode("utf-8", "surrogateescape")
        algorithm = _git("rev-parse", "--show-object-format").decode().strip()
        found = {}
        for name in filter(None, listed.split("\0")):
            path = Path(name)
            data = str(path.readlink()).encode() if path.is_symlink() else self.read(path)
            if data is not None:
                found[name] = hashlib.new(algorithm, b"blob %d\0" % len(data) + data).hexdigest()
        return found

    def read(self, path: Path) -> bytes | None:
        return file_content(path)

    def output(self, path: Path) -> bytes | None:
        return self.read(path)


def file_content(path: Path) -> bytes | None:
    """Return what is in a file; None where there is none. Errors: UserError if it cannot be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


class Revision:
    """The project at a revision of git. Errors: UserError for what is no revision, and outside a repository."""

    def __init__(self, revision: str) -> None:
        _git("rev-parse", "--git-dir")
        try:
            found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except UserError:
            if revision == "HEAD":
                raise UserError(
                    "nothing is committed in this repository, so there is no base; `git add -A && git commit` makes one"
                ) from None
            raise UserError(
                f"no revision {revision!r} in this repository; give a branch, a tag or a commit "
                f"(a shallow clone lacks some: git fetch --unshallow){_remote(revision)}"
            ) from None
        self._commit = found.decode().split()[-1]
        self.name = revision

    @cached_property
    def blobs(self) -> dict[str, str]:
        rows = _git("ls-tree", "-r", "-z", self._commit).decode("utf-8", "surrogateescape").split("\0")
        return {path: entry.split()[2] for entry, _, path in (row.partition("\t") for row in rows if row)}

    def read(self, path: Path) -> bytes | None:
        blob = self.blobs.get(path.as_posix())
        return None if blob is None else _git("cat-file", "blob", blob)

    def output(self, path: Path) -> bytes | None:
        digest = outputs_known(self, path.parts[1]).get(path.as_posix()) if path.parts[0] == DATA.name else None
        return cached_output(digest) if digest else None


def start_at(snapshot: Snapshot) -> str:
    """Return the guideline that round 0 began with, by a snapshot's settings; rich where they cannot be read."""
    params = snapshot.read(PARAMS)
    try:
        return start_in(None if params is None else parse_yaml_as_dvc(params))
    except ValueError:
        return RICH


def read_lock(snapshot: Snapshot, path: Path) -> dict[str, Any] | None:
    """Return a dvc.lock as data; None if there is none. Errors: UserError if it is damaged."""
    data = snapshot.read(path)
    if data is None:
        return None
    try:
        value = parse_yaml_as_dvc(data)
    except ValueError as error:
        raise UserError(f"{path} ({snapshot.name}): not YAML: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} ({snapshot.name}): damaged; put the committed one in its place and run `dvc repro`")
    return value


@cache
def outputs_of(snapshot: Snapshot, benchmark: str) -> dict[str, str]:
    """Return path -> MD5 of what a benchmark's dvc.lock records. Errors: UserError if it is damaged."""
    return recorded_outputs(read_lock(snapshot, DATA / benchmark / "dvc.lock"))


def outputs_known(snapshot: Snapshot, benchmark: str) -> dict[str, str]:
    """Return what `outputs_of` does, nothing for a lock that is damaged: it costs no other benchmark its row."""
    try:
        return outputs_of(snapshot, benchmark)
    except UserError:
        return {}


def committed_at(path: Path) -> int:
    """Return when a file was committed as it is, in seconds since 1970.

    Errors: UserError for one that is not, or differs from what was.
    """
    changed = _git("status", "--porcelain", "--", str(path))
    found = _git("log", "-1", "--format=%ct", "--", str(path)).strip()
    if changed or not found:
        raise UserError(f"{path}: is not committed as it is: commit it first, for what goes out says when that was")
    return int(found)


def commit_here() -> dict[str, Any] | None:
    """Return the commit that is checked out: its id, date and subject, and whether settings, rooms or metrics have been
    `changed` since. None outside a repository, and before the first commit."""
    try:
        found = _git("log", "-1", "--format=%H%x00%cs%x00%s").decode(errors="replace").strip("\n").split("\0")
        changed = _git("status", "--porcelain", "--", PARAMS.name, DATA.name, METRICS.name)
    except UserError:
        return None
    return {"id": found[0][:10], "date": found[1], "subject": found[2], "changed": bool(changed)}


def _remote(revision: str) -> str:
    """Return the question whether a remote's branch was meant, which a clone has in place of one of its own."""
    try:
        _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"origin/{revision}^{{commit}}")
    except UserError:
        return ""
    return f"; did you mean origin/{revision}?"


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed; revisions are read with it") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(f"git {words[0]}: {said[0] if said else 'failed'}")
    return done.stdout
