"""Copy of the project to run in, with its environment, DVC cache and answers: the project itself stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from diziner.common.errors import UserError
from diziner.layout import Room, store_path

_SHARED = (Path(".venv"), store_path().parent)  # not copied: one for all
_LOCAL_CONFIG = Path(".dvc") / "config.local"


def project_files(rooms: Iterable[Room]) -> list[Path]:
    """Return what a copy holds: the files that git tracks or would track, and all files at the top of these rooms.

    Texts of one's own may be kept from git; the pipeline needs them all the same.
    Errors: UserError outside a git repository.
    """
    listed = output_of(["git", "ls-files", "-co", "--exclude-standard", "-z"])
    own = [path for room in rooms for path in room.folder.iterdir()]
    found = {*map(Path, filter(None, listed.split("\0"))), *own}
    return sorted(path for path in found - {*_SHARED} if path.is_symlink() or path.is_file())


def cache_folder() -> Path:
    """Return where DVC keeps outputs, also if a config says another place than `.dvc/cache`; it need not be there
    yet."""
    return Path(output_of([sys.executable, "-m", "dvc", "cache", "dir"]).strip()).absolute()


def copy_project(folder: Path, files: Iterable[Path], cache: Path) -> None:
    """Make `folder` a copy of the project in the current folder, in place of what is there."""
    here = Path.cwd()
    if folder.exists():
        shutil.rmtree(folder)
    for path in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=_leads_out(path, here))
    if _LOCAL_CONFIG.is_file():
        shutil.copy2(_LOCAL_CONFIG, folder / _LOCAL_CONFIG)
    store_path().parent.mkdir(exist_ok=True)
    for shared in _SHARED:
        (folder / shared).symlink_to(here / shared)
    # A repository of its own, or git and DVC would find the one above.
    output_of(["git", "init", "-q"], folder)
    output_of([sys.executable, "-m", "dvc", "cache", "dir", "--local", str(cache)], folder)


def output_of(words: Sequence[str], folder: Path | None = None) -> str:
    """Return what a command of git or DVC says.

    Errors: UserError with its own last line.
    """
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"`{' '.join(words)}` in {folder or '.'}: {said[-1]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return this process's environment without what ties git to one repository."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def _leads_out(path: Path, root: Path) -> bool:
    """Return whether a link points out of the project, from where a copy of it would point elsewhere."""
    return path.is_symlink() and not path.readlink().is_absolute() and not path.resolve().is_relative_to(root.resolve())
