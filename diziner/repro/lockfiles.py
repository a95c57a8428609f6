"""Lock files (dvc.lock) as text: one block a stage, sorted, replaced as a whole, so that none is seen half-written."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import write_text

_HEAD = "schema: '2.0'\n"
_STAGES = re.compile(r"^stages:[^\n]*\n", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^\S", re.MULTILINE)
_ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)


class LockText:
    """The text of one dvc.lock, as DVC writes it: `head`, then `stages:` with a block for each stage, then `tail`."""

    def __init__(self, text: str) -> None:
        found = _STAGES.search(text)
        body, self.tail = (text[found.end() :], "") if found else ("", "")
        self.head = text[: found.start()] if found else (text or _HEAD)
        if after := _TOP_LEVEL.search(body):
            body, self.tail = body[: after.start()], body[after.start() :]
        blocks = [f"  {block}" for block in _ENTRY.split(body)[1:]]
        self.blocks = {block[2 : block.index(":\n")] if ":\n" in block else block: block for block in blocks}

    def render(self) -> str:
        """Return the whole file, blocks sorted by stage name."""
        return f"{self.head}stages:\n{''.join(block for _, block in sorted(self.blocks.items()))}{self.tail}"


class LockFiles:
    """Collects the blocks of finished stages and writes each file anew at most every `every_s` seconds.

    `read` gives a file's present blocks. A kill between two writes loses no work: DVC's run-cache has it.
    """

    def __init__(self, read: Callable[[Path], LockText], every_s: float = 1.0) -> None:
        self._read = read
        self._every_s = every_s
        self._files: dict[Path, LockText] = {}
        self._waiting: set[Path] = set()
        self._written_at = time.monotonic()

    def put(self, path: Path, blocks: Mapping[str, str]) -> None:
        """Take in the blocks of stages by name; they reach the file with the next `flush`."""
        if path not in self._files:
            self._files[path] = self._read(path)
        held = self._files[path].blocks
        if any(held.get(name) != block for name, block in blocks.items()):
            held.update(blocks)
            self._waiting.add(path)

    def flush_within(self, folders: Iterable[Path]) -> None:
        """Write at once what lies in one of `folders`: a stage that depends on it is to see it as it will stay."""
        if any(path.is_relative_to(folder) for folder in folders for path in self._waiting):
            self.flush(now=True)

    def flush(self, now: bool = False) -> list[Path]:
        """Write what has waited long enough, or all of it `now`; returns the files written.

        Errors: UserError if a file cannot be written.
        """
        if not self._waiting or not (now or time.monotonic() - self._written_at >= self._every_s):
            return []
        written = sorted(self._waiting)
        for path in written:
            try:
                write_text(path, self._files[path].render())
            except OSError as error:
                raise UserError(f"{path}: {error.strerror}; finished stages are in DVC's run-cache") from None
            self._waiting.discard(path)
        self._written_at = time.monotonic()
        return written
