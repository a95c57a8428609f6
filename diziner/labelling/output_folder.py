"""Output folder of a labelling: its shards, what is known of each, the manifest; one process at a time."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from diziner.annotator.outcomes import counts_over
from diziner.common import jsontext
from diziner.common.digests import file_sha256
from diziner.common.errors import UserError
from diziner.common.files import write_json
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.spans.widened import counted

MANIFEST = "manifest.json"
REJECTED = "rejected.jsonl"
REPORTS = ".shards"
LOCK = ".lock"
_SHARD = re.compile(r"(\d{6,}-[0-9a-f]{16})\.(jsonl|parquet)")
_LEFT_BEHIND = re.compile(r"\.(\d{6,}-[0-9a-f]{16}\.|manifest\.json\.|rejected\.jsonl\.|review\.jsonl\.).*")


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of one shard. `failures` counts documents by the code of their failure, `first` has the first of
    each code as (document, detail); `sha256` and `bytes` are the file's. `matched` and `widened` as in a tally. `votes`
    has each annotator's counts, as in a tally, where several vote."""

    name: str
    documents: int
    mentions: int
    repairs: int
    drops: Mapping[str, int]
    failures: Mapping[str, int]
    first: Mapping[str, tuple[str, str]]
    sha256: str
    bytes: int
    forms: Mapping[str, int] = field(default_factory=dict)
    matched: Mapping[str, int] = field(default_factory=dict)
    widened: Mapping[str, Any] = field(default_factory=lambda: counted(()))
    votes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def is_whole(self) -> bool:
        """Whether every document was labelled, by every annotator that votes."""
        return not self.failed and not any(own["failures"] for own in self.votes.values())


def report_on(
    name: str,
    documents: Sequence[Document],
    annotations: Sequence[Annotation],
    path: Path,
    votes: Mapping[str, Sequence[Annotation]] = {},
) -> Report:
    """Return the report on a shard that was written to `path`; `votes`: each annotator's rows, where several vote."""
    first: dict[str, tuple[str, str]] = {}
    for annotation in annotations:
        if annotation.failure is not None:
            first.setdefault(annotation.failure.code, (annotation.id, annotation.failure.detail))
    return Report(
        name=name,
        documents=len(annotations),
        repairs=sum(annotation.repairs for annotation in annotations),
        first=first,
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        votes={voter: counts_over(rows, documents) for voter, rows in votes.items()},
        **counts_over(annotations, documents),
    )


@dataclass(frozen=True, slots=True)
class OutFolder:
    """A folder of shards in one `format`. What is in it beside them is left alone."""

    path: Path
    format: str

    def shard(self, name: str) -> Path:
        """Return the file of a shard."""
        return self.path / f"{name}.{self.format}"

    def keep(self, report: Report) -> None:
        """Keep a report: from now on the shard counts as done."""
        write_json(self.report_file(report.name), asdict(report))

    def kept(self, names: Sequence[str]) -> dict[str, Report]:
        """Return the reports on those of the shards that are done and whose files are as long as they were."""
        return {report.name: report for report in map(self._read, names) if report is not None}

    def others(self, names: Sequence[str]) -> list[Path]:
        """Return shards that are not among `names`, sorted: of other documents, settings, code or format."""
        mine = {self.shard(name).name for name in names}
        return [self.path / name for name in self.listing() if name not in mine]

    def remove(self, shards: Sequence[Path]) -> None:
        """Remove shards and the reports on them."""
        for path in shards:
            path.unlink(missing_ok=True)
            self.report_file(path.stem).unlink(missing_ok=True)

    def listing(self) -> list[str]:
        """Return the names of all shards' files, sorted, of whatever labelling."""
        return [file.name for file in shard_files(self.path)]

    def has(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return (self.path / name).is_file()

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """Give the path of a file on this machine, for as long as it is read."""
        yield self.path / name

    def files(self, shards: Iterable[str]) -> Iterator[Path]:
        """Yield the files of shards on this machine, each for as long as it is read."""
        for name in shards:
            with self.file(self.shard(name).name) as path:
                yield path

    def publish(self, name: str) -> None:
        """Have what was written to `path / name`, beside the shards, seen where the folder is; nothing to do here."""

    def withdraw(self, name: str) -> None:
        """Remove a file or folder beside the shards, if it is there."""
        path = self.path / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, keep other processes from labelling into it, and clear what a killed one left half done.

        Errors: UserError if another process has it, or no folder can be there.
        """
        try:
            (self.path / REPORTS).mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(f"--out {self.path}: {error.strerror}") from None
        try:
            try:
                # Gives way when the process ends, however it ends.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"--out {self.path}: another process is labelling into it") from None
            for folder in (self.path, self.path / REPORTS):
                for file in folder.iterdir():
                    if _LEFT_BEHIND.fullmatch(file.name):
                        file.unlink()
            yield
        finally:
            os.close(lock)

    def report_file(self, name: str) -> Path:
        """Return the file of the report on a shard."""
        return self.path / REPORTS / f"{name}.json"

    def _read(self, name: str) -> Report | None:
        try:
            return read_report(self.report_file(name).read_bytes(), self.shard(name).stat().st_size)
        except OSError:
            return None


def read_report(text: bytes, size: int) -> Report | None:
    """Return a report as it was kept, if its shard has as many bytes as it says; None too if it is not ours: the shard
    is done again, from answers that are kept."""
    try:
        value: dict[str, Any] = jsontext.loads(text)
        report = Report(**{**value, "first": {code: tuple(pair) for code, pair in value["first"].items()}})
        return report if size == report.bytes else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def is_shard(name: str) -> bool:
    """Return whether a file of that name is a shard, of whatever labelling."""
    return bool(_SHARD.fullmatch(name))


def shard_files(folder: Path) -> list[Path]:
    """Return all shards in a folder, sorted, of whatever labelling; none where there is no such folder."""
    return sorted(file for file in folder.iterdir() if is_shard(file.name)) if folder.is_dir() else []
