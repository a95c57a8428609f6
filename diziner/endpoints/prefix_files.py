"""Prefix files: what a local model has read of a prompt's beginning, kept on disk so that no process reads it anew.

A file is the runtime's own (a saved slot). Its name is the SHA-256 of its bytes, so one that was cut, or is another's,
is found out before it is used; it is then removed and made anew. Beside it a file of the same name lists its tokens.
A folder holds the files of one setting: other weights, runtime, processor, threads or context have others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from diziner.common import jsontext
from diziner.common.files import write_text

# The runtime's batch size. What is read in one batch depends on the whole batch in its last bits, so a state is
# continued at multiples of it only, where reading all anew would begin a batch as well.
BLOCK = 128

_STATE = ".kv"
_TOKENS = ".json"
_UNFINISHED = ".part"


class Prefix(NamedTuple):
    """A prefix file and its tokens, and how many of those that are wanted it serves for."""

    path: Path
    tokens: tuple[int, ...]
    serves: int


class PrefixFiles:
    """The prefix files of one setting, in `folder`; its neighbours are those of other settings.

    All of them together take at most `limit` bytes: those not used for longest go.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._known: dict[Path, tuple[int, int, int]] = {}

    def best(self, wanted: Sequence[int]) -> Prefix | None:
        """Return the sound file that serves for most of the tokens `wanted`, None if none serves for any."""
        held = [Prefix(path, tokens, served(tokens, wanted)) for path, tokens in self._files()]
        for prefix in sorted(held, key=lambda one: (-one.serves, len(one.tokens), one.path.name)):
            if not prefix.serves:
                return None
            if self._is_sound(prefix.path):
                return prefix
            self.remove(prefix.path)
        return None

    def new(self) -> str:
        """Return the name, in the folder, under which the runtime is to write a new file."""
        return f"{uuid4().hex}{_UNFINISHED}"

    def keep(self, name: str, tokens: Sequence[int]) -> None:
        """Keep the file that the runtime has written under a name of `new`, of these tokens; make room for it."""
        written = self._folder / name
        try:
            with written.open("rb") as file:
                path = self._folder / f"{hashlib.file_digest(file, 'sha256').hexdigest()}{_STATE}"
            written.replace(path)
            write_text(path.with_suffix(_TOKENS), json.dumps(list(tokens)))
        except OSError:
            # A full disk costs time, never an answer.
            self.remove(written)
        self._make_room()

    def remove(self, path: Path) -> None:
        """Remove a file that is no use, and what is beside it."""
        for one in (path, path.with_suffix(_TOKENS)):
            with contextlib.suppress(OSError):
                one.unlink()

    def _files(self) -> Iterator[tuple[Path, tuple[int, ...]]]:
        for path in self._folder.glob(f"*{_STATE}"):
            with contextlib.suppress(OSError, ValueError):
                tokens = jsontext.loads(path.with_suffix(_TOKENS).read_bytes())
                if isinstance(tokens, list) and all(type(token) is int for token in tokens):
                    yield path, tuple(tokens)

    def _is_sound(self, path: Path) -> bool:
        """Say whether a file's bytes are those that its name says, and note that it was used."""
        try:
            if self._known.get(path) == _mark(path):
                return True
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != path.stem:
                return False
            os.utime(path)
            self._known[path] = _mark(path)
        except OSError:  # another process has made room
            return False
        return True

    def _make_room(self) -> None:
        used: list[tuple[float, int, Path]] = []
        for path in self._folder.parent.glob("*/*"):
            with contextlib.suppress(OSError):
                found = path.stat()
                if path.suffix != _TOKENS:
                    used.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in used)
        for _, size, path in sorted(used):
            if total <= self._limit:
                return
            self.remove(path)
            total -= size


def served(held: Sequence[int], wanted: Sequence[int]) -> int:
    """Return for how many of the tokens `wanted` the state behind the tokens `held` is what reading them would give.

    That is all of them if both are the same, else whole blocks that they begin with.

    >>> served([1] * 300, [1] * 300), served([1] * 300, [1] * 290), served([1] * 100, [1] * 290)
    (300, 256, 0)
    """
    number = common(held, wanted)
    return number if number == len(held) == len(wanted) else number // BLOCK * BLOCK


def common(one: Sequence[object], other: Sequence[object]) -> int:
    """Return how many items two sequences have in common from the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _mark(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino
