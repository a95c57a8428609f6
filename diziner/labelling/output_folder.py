"""Output folder of a labelling: its shards, what is known of each, the manifest; one process at a time.

While a labelling is under way, reports on its shards lie in a hidden folder, beside a lock. A finished one has neither:
the manifest holds the reports.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from diziner.annotator.outcomes import counts_over
from diziner.common import jsontext
from diziner.common.digests import file_sha256
from diziner.common.errors import UserError
from diziner.common.files import write_json
from diziner.common.locks import try_lock
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.spans.widened import counted

MANIFEST = "manifest.json"
REJECTED = "rejected.jsonl"
_REPORTS = ".shards"
_LOCK = ".lock"
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
        write_json(self._report(report.name), asdict(report))

    def kept(self, names: Sequence[str]) -> dict[str, Report]:
        """Return the reports on those of the shards that are done and whose files are as long as they were."""
        finished = self._finished()
        found = (_report(finished.get(name), name) or self._read(name) for name in names)
        return {report.name: report for report in found if report is not None and self._is_there(report)}

    def begin(self, reports: Iterable[Report]) -> None:
        """Take the manifest away, which speaks of what is no longer so, and keep what it knew of shards that stay."""
        if (self.path / MANIFEST).is_file():
            for report in reports:
                self.keep(report)
            (self.path / MANIFEST).unlink()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, which holds the reports from now on."""
        write_json(self.path / MANIFEST, manifest)
        shutil.rmtree(self.path / _REPORTS, ignore_errors=True)

    def others(self, names: Sequence[str]) -> list[Path]:
        """Return shards that are not among `names`, sorted: of other documents, settings, code or format."""
        mine = {self.shard(name).name for name in names}
        return [file for file in shard_files(self.path) if file.name not in mine]

    def remove(self, shards: Sequence[Path]) -> None:
        """Remove shards and the reports on them."""
        for path in shards:
            path.unlink(missing_ok=True)
            self._report(path.stem).unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, keep other processes from labelling into it, and clear what a killed one left half done.

        Errors: UserError if another process has it, or no folder can be there.
        """
        with self._locked():
            try:
                (self.path / _REPORTS).mkdir(exist_ok=True)
                for folder in (self.path, self.path / _REPORTS):
                    for file in folder.iterdir():
                        if _LEFT_BEHIND.fullmatch(file.name):
                            file.unlink()
            except OSError as error:
                raise UserError(f"--out {self.path}: {error.strerror}") from None
            try:
                yield
            finally:
                with suppress(OSError):  # it holds reports, or is gone
                    (self.path / _REPORTS).rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, a file that is taken away in the end: whoever opened it before has to look again."""
        path = self.path / _LOCK
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                file = path.open("ab")
            except OSError as error:
                raise UserError(f"--out {self.path}: {error.strerror}") from None
            with file:
                if not try_lock(file):
                    raise UserError(f"--out {self.path}: another process is labelling into it")
                if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                    continue  # it was another's, who has just ended
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return

    def _report(self, name: str) -> Path:
        return self.path / _REPORTS / f"{name}.json"

    def _read(self, name: str) -> Report | None:
        try:
            return _report(jsontext.loads(self._report(name).read_bytes()), name)
        except (OSError, ValueError):
            return None  # not there, or not ours: the shard is done again, from answers that are kept

    def _finished(self) -> dict[str, Any]:
        """Return what the manifest says of each shard, by the shard's name."""
        try:
            value = jsontext.loads((self.path / MANIFEST).read_bytes())
            return {Path(entry["file"]).stem: entry for entry in value["shards"]}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def _is_there(self, report: Report) -> bool:
        try:
            return self.shard(report.name).stat().st_size == report.bytes
        except OSError:
            return False


def _report(value: Any, name: str) -> Report | None:
    """Return a report from data; None for what is none."""
    own = {field.name for field in fields(Report)}
    try:
        kept = {key: entry for key, entry in value.items() if key in own}
        first = {code: tuple(pair) for code, pair in value["first"].items()}
        return Report(**{**kept, "name": name, "first": first})
    except (TypeError, KeyError, AttributeError, ValueError):
        return None


def shard_files(folder: Path) -> list[Path]:
    """Return all shards in a folder, sorted, of whatever labelling; none where there is no such folder."""
    return sorted(file for file in folder.iterdir() if _SHARD.fullmatch(file.name)) if folder.is_dir() else []
