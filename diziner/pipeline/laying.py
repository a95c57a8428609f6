"""Laying a new project, whole or not at all, and bringing one that an earlier version laid up to date."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import PARTIAL, atomic, read_text
from diziner.common.version import VERSION
from diziner.common.words import listed
from diziner.layout import (
    MARK,
    PIPELINE,
    RICH,
    ROOM_SOURCES,
    ROOT_PIPELINE,
    STARTS,
    TERSE,
    has_library,
    laid_version,
    project_root,
    rooms,
)
from diziner.pipeline.code import ALWAYS, DIGESTS, with_always
from diziner.pipeline.skeleton import Laid, managed, mark, project_files

# What may be in a folder that counts as empty: a fresh repository, and an environment made before.
_NO_MATTER = frozenset({".git", ".venv"})


def lay(folder: Path, what: Laid) -> int:
    """Make a project in a folder that is not there yet or empty, and return how many benchmarks it has.

    It is written beside its place and then renamed; into a folder that is there, its parts are moved, the mark last.
    What a killed call leaves, the next one clears away or ends.
    Errors: UserError for any other folder, within another project, or where nothing can be written.
    """
    target = _target(folder)
    within = target.is_dir()
    staging = (target if within else target.parent) / f".{target.name}.diziner-init"
    try:
        _refuse(folder, target, staging)
        staging.mkdir(parents=True, exist_ok=True)
        with _held(staging):
            if not (within and _is_whole(staging)):
                _fill(staging, target, project_files(what))
            _move(staging, target, within)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made a project: {error.strerror or error}") from None
    return len(list(target.glob("data/*/dvc.yaml")))


def _target(folder: Path) -> Path:
    """Return where a folder is or would be. Errors: UserError for links in a circle, of which some Pythons say nothing
    before they are followed."""
    try:
        target = folder.resolve()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            target.stat()
    except (OSError, RuntimeError) as error:
        raise UserError(f"{folder}: leads nowhere: {error}") from None
    return target


def upgrade(root: Path) -> list[Path]:
    """Bring what diziner laid in the project in the current folder to this version; return the files that changed.

    Those that people write stay: settings, guidelines, gates, answers; a terse guideline that a benchmark lacks is
    added, and so is what git and DVC are to pass over. The mark is written last, so that a killed call is made good by
    the next one; the digests of code depend on it, and are the next run's.
    Errors: UserError for a checkout of diziner, a project of a newer version, and changes that git does not hold.
    """
    if has_library(root):
        raise UserError(f"{root}: is a checkout of diziner, with its own library; run `make locks` there")
    _refuse_newer(root)
    laid = project_files()
    files = {path: data for path, data in managed(laid).items() if path.parent != DIGESTS and path != ROOM_SOURCES}
    files |= {room.folder / "dvc.yaml": laid[PIPELINE] for room in rooms()}
    files |= {path: data for path, data in laid.items() if _is_new_start(path)}
    files |= {path: _passing_over(path, f"*{PARTIAL}") for path in (Path(".dvcignore"), Path(".gitignore"))}
    plug_ins = ROOT_PIPELINE.is_file() and ALWAYS in read_text(ROOT_PIPELINE)
    files[ROOT_PIPELINE] = with_always(files[ROOT_PIPELINE].decode(), plug_ins).encode()
    changed = {path: data for path, data in files.items() if not path.is_file() or path.read_bytes() != data}
    _refuse_unsaved([path for path in changed if path.exists()])
    try:
        _write_each(changed)
        _write_each({MARK: mark()})
    except OSError as error:
        raise UserError(f"{root}: cannot be brought up to date: {error.strerror or error}") from None
    return sorted(changed)


def _passing_over(path: Path, pattern: str) -> bytes:
    """Return a file of patterns as it is, with one more where it lacks that."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if pattern in text.splitlines():
        return text.encode()
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{pattern}{chr(10)}".encode()


def _is_new_start(path: Path) -> bool:
    """Return whether a file is the terse guideline of a benchmark that the project has from an earlier version."""
    return path.name == STARTS[TERSE] and path.with_name(STARTS[RICH]).is_file() and not path.exists()


def _refuse(folder: Path, target: Path, staging: Path) -> None:
    if (target / MARK).is_file():
        raise UserError(f"{folder}: is a project already; `diziner init --upgrade` there brings it up to date")
    if around := _project_around(target):
        raise UserError(f"{folder}: is inside the project {around}; name a folder outside of it")
    if not target.exists():
        return
    if not target.is_dir():
        raise UserError(f"{folder}: is a file; name a new or an empty folder")
    held = sorted(path.name for path in target.iterdir() if path.name not in {*_NO_MATTER, staging.name})
    if held and not _is_whole(staging):
        raise UserError(f"{folder}: is not empty: it holds {listed(held, 1)}; name a new or an empty folder")


def _project_around(target: Path) -> Path | None:
    try:
        return project_root(target.parent)
    except UserError:
        return None


def _is_whole(staging: Path) -> bool:
    """Return whether all is written, and waits to be moved to its place."""
    return (staging / MARK).is_file()


@contextlib.contextmanager
def _held(staging: Path) -> Iterator[None]:
    """Hold the folder for this process. The kernel gives it back, however the process ends."""
    handle = os.open(staging, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = os.path.samestat(os.fstat(handle), staging.stat())
        except (BlockingIOError, FileNotFoundError):
            free = False
        if not free:
            raise UserError(f"{staging.parent}: another `diziner init` is at work here")
        yield
    finally:
        os.close(handle)


def _fill(staging: Path, target: Path, files: Mapping[Path, bytes]) -> None:
    try:
        for left in staging.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        for path, data in files.items():
            if path != MARK:
                (staging / path).parent.mkdir(parents=True, exist_ok=True)
                (staging / path).write_bytes(data)
        if _git(["rev-parse", "--git-dir"], target if target.is_dir() else target.parent).returncode:
            done = _git(["init", "--quiet"], staging)
            if done.returncode:
                raise UserError(f"{target}: `git init` fails: {(done.stderr.strip().splitlines() or [''])[-1]}")
        (staging / MARK).write_bytes(files[MARK])
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _move(staging: Path, target: Path, within: bool) -> None:
    if not within:
        try:
            staging.rename(target)
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return
    for part in sorted(staging.iterdir(), key=lambda path: path.name == MARK.name):
        part.rename(target / part.name)
    staging.rmdir()


def _refuse_newer(root: Path) -> None:
    from packaging.version import InvalidVersion, Version

    try:
        laid = laid_version(root)
        newer = Version(laid) > Version(VERSION)
    except (UserError, InvalidVersion):
        return  # an unreadable mark is what an upgrade mends
    if newer:
        raise UserError(f"{root}: laid by diziner {laid}, newer than this one, {VERSION}; install diziner=={laid}")


def _refuse_unsaved(paths: Sequence[Path]) -> None:
    """Refuse to replace what git does not hold as it is: whoever edited it finds it there."""
    if not paths:
        return
    done = _git(["status", "--porcelain", "-z", "--", *map(str, paths)], Path())
    if done.returncode:
        raise UserError("files of yours might be replaced, and the project is in no git repository; commit it to one")
    if done.stdout:
        raise UserError(f"{done.stdout.split(chr(0))[0][3:]}: has changes that git does not hold; commit them first")


def _write_each(files: Mapping[Path, bytes]) -> None:
    for path, data in files.items():
        with atomic(path) as temporary:
            temporary.write_bytes(data)


def _git(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # A folder that will be made is in the repository of the nearest one that is there.
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    try:
        return subprocess.run(["git", *words], cwd=there, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed; a project is versioned with it") from None
