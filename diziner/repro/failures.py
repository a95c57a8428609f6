"""Record of what failed or was left out in the last run that had to do with it; whoever shows figures reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.files import write_json
from diziner.common.stage_note import forget_note, read_notes
from diziner.repro.plan import Step

RECORD = Path(".dvc") / "tmp" / "diziner-failures.json"


@dataclass
class FailureRecord:
    """Why stages failed, by address, and why groups were left out, by folder. Kept on disk as it changes, so that a run
    that is killed has said what it knew. `noted`: why stages of stock `dvc repro` failed, by command."""

    root: Path = Path()
    failed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)

    def begin(self, steps: Iterable[Step], commands: Iterable[str] = ()) -> None:
        """Forget what a new run of these stages decides anew; `commands` are theirs."""
        steps = list(steps)
        for command in self.noted.keys() & {*commands}:
            forget_note(self.root, command)
        before = dict(self.failed), dict(self.left_out)
        for step in steps:
            self.failed.pop(step.name, None)
            self.left_out.pop(step.group, None)
        if before != (self.failed, self.left_out):
            self._write()

    def fail(self, name: str, why: str) -> None:
        """Note a stage that failed."""
        self.failed[name] = " ".join(why.split())
        self._write()

    def leave_out(self, group: str, why: str) -> None:
        """Note a group that a run did without."""
        self.left_out[group] = " ".join(why.split())
        self._write()

    def _write(self) -> None:
        write_json(self.root / RECORD, {"failed": self.failed, "left_out": self.left_out})


def failures_at(root: Path) -> FailureRecord:
    """Return the record of the project in `root`: empty without one, and for one that cannot be read."""
    try:
        value = jsontext.loads((root / RECORD).read_bytes())
    except (OSError, ValueError):
        value = {}
    kept = value if isinstance(value, Mapping) else {}
    return FailureRecord(root, _texts(kept.get("failed")), _texts(kept.get("left_out")), read_notes(root))


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, Mapping) else {}
