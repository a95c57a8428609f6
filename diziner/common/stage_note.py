"""Note of a stage that `dvc repro` runs: why it failed, for whoever shows its figures afterwards.

The launcher (`stages/run`) begins the note, a file named by the stage's command that holds the process's number, and
says where it is; the stage takes it away if it ends well, or puts its message there. What was killed leaves the number.
`diziner repro` keeps its own record and starts no note.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

VARIABLE = "DIZINER_NOTE"
FOLDER = Path(".dvc") / "tmp" / "diziner-stages"
LAUNCHER = "sh stages/run "
_KILLED = "it did not come to its end, in `dvc repro`; what it printed is there"


def end_note(why: str = "") -> None:
    """End the note of this process's stage, if it has one: with why it failed, or well."""
    path = os.environ.pop(VARIABLE, "")
    if not path:
        return
    with contextlib.suppress(OSError):  # it only tells of what else is said too
        if why:
            Path(path).write_text(why, encoding="utf-8", errors="replace")
        else:
            Path(path).unlink()


def read_notes(root: Path) -> dict[str, str]:
    """Return why stages failed, by their commands; nothing of those that are under way."""
    found = {}
    with contextlib.suppress(OSError):
        for path in sorted((root / FOLDER).iterdir()):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            if text and not (text.isdigit() and _is_alive(int(text))):
                found[f"{LAUNCHER}{path.name}"] = _KILLED if text.isdigit() else " ".join(text.split())
    return found


def forget_note(root: Path, command: str) -> None:
    """Take away the note of a stage, by its command: another run decides anew."""
    name = command.removeprefix(LAUNCHER)
    if name != command and "/" not in name:
        with contextlib.suppress(OSError):  # none, or a command of other commands, which is too long a name
            (root / FOLDER / name).unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
