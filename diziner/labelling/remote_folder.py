"""Output folder elsewhere, such as s3://bucket/labels: the same files as on a disk, and one run at a time.

A shard is written on this machine, sent, and removed here; the report on it is sent after it, so that what is there
counts as done only once it is whole.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import dump_line
from diziner.common.remote import Place, Remote
from diziner.forms.shards import is_shard
from diziner.labelling.output_folder import LOCK, REPORTS, OutFolder, Report, as_noted
from diziner.llm.claims import here

_BEAT_S = 10.0  # how often a run says that it lives
_DEAD_S = 45.0  # without a word: the machine that it ran on is gone


@contextmanager
def out_folder(place: Place, form: str) -> Iterator[OutFolder]:
    """Give the output folder of a labelling, wherever it is."""
    if not isinstance(place, Remote):
        yield OutFolder(place, form)
        return
    with tempfile.TemporaryDirectory(prefix="diziner-label-") as folder:
        yield RemoteFolder(Path(folder), form, place)


@dataclass(frozen=True, slots=True)
class RemoteFolder(OutFolder):
    """A folder elsewhere; `path` is where its files are written before they are sent."""

    remote: Remote

    def keep(self, report: Report) -> None:
        """See `OutFolder.keep`."""
        shard = self.shard(report.name)
        (self.remote / shard.name).send(shard)
        self.note(report)
        shard.unlink()

    def note(self, report: Report) -> None:
        """See `OutFolder.note`."""
        OutFolder.note(self, report)
        self._far_report(report.name).send(self.report_file(report.name))

    def noted(self, names: Sequence[str]) -> dict[str, Any]:
        """See `OutFolder.noted`."""
        there = (self.remote / REPORTS).files()
        texts = (self.remote / REPORTS).read_each([f"{name}.json" for name in names if f"{name}.json" in there])
        return {name.removesuffix(".json"): as_noted(text) for name, text in texts.items()}

    def remove(self, shards: Sequence[Path]) -> None:
        """See `OutFolder.remove`."""
        for shard in shards:
            (self.remote / shard.name).remove()
            self._far_report(shard.stem).remove()

    def sizes(self) -> dict[str, int]:
        """See `OutFolder.sizes`."""
        return {name: size for name, size in self.remote.files().items() if is_shard(name)}

    def has(self, name: str) -> bool:
        """See `OutFolder.has`."""
        return (self.remote / name).is_file()

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """See `OutFolder.file`: a copy, which goes when it was read."""
        with (self.remote / name).here() as copy:
            yield copy

    def publish(self, name: str) -> None:
        """See `OutFolder.publish`."""
        (self.remote / name).send(self.path / name)

    def withdraw(self, name: str) -> None:
        """See `OutFolder.withdraw`."""
        OutFolder.withdraw(self, name)
        (self.remote / name).remove()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs from labelling into the folder; one whose machine is gone is known by its silence.

        Errors: UserError if another run has it.
        """
        lock, holder = self.remote / LOCK, _Holder()
        while not lock.write(holder.word(), new=True):
            self._outlast(lock)
        ended = threading.Event()
        beat = threading.Thread(target=_beat, args=(lock, holder, ended), daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()
            lock.remove()

    def _outlast(self, lock: Remote) -> None:
        """Wait for a lock to be let go, or remove it if its run is dead: at once, if it was one of this machine."""
        try:
            first = lock.read()
        except UserError:
            if lock.is_file():
                raise
            return  # let go just now
        try:
            value = jsontext.loads(first)
            mine = value["host"], value["boot"]
            if mine == here() and not Path(f"/proc/{int(value['process'])}").exists():
                lock.remove()
                return
            who = f"process {value['process']} on {value['host']}"
        except (ValueError, KeyError, TypeError):
            who = "another run"
        sys.stderr.write(f"waiting: {who} has {self.remote}; if it is dead, this shows in {_DEAD_S:.0f} s\n")
        sys.stderr.flush()
        since = time.monotonic()
        while time.monotonic() - since < _DEAD_S:
            time.sleep(1.0)
            if not lock.is_file():
                return
            if lock.read() != first:
                raise UserError(f"--out {self.remote}: {who} is labelling into it")
        lock.remove()

    def _far_report(self, name: str) -> Remote:
        return self.remote / REPORTS / f"{name}.json"


class _Holder:
    """Content of the lock that a run holds: who it is, and a number that grows as long as it lives."""

    def __init__(self) -> None:
        self._name, self._beats = uuid.uuid4().hex, 0

    def word(self) -> bytes:
        self._beats += 1
        host, boot = here()
        word = {"holder": self._name, "host": host, "boot": boot, "process": os.getpid(), "beats": self._beats}
        return f"{dump_line(word)}\n".encode()


def _beat(lock: Remote, holder: _Holder, ended: threading.Event) -> None:
    while not ended.wait(_BEAT_S):
        try:
            lock.write(holder.word())
        except UserError as error:  # the next one may get through; the run's own files say whether the storage works
            sys.stderr.write(f"warning: {error}\n")
