"""Output folder of a labelling: its shards, what is known of each, the manifest; one process at a time.

While a labelling is under way, reports on its shards lie in a hidden folder, beside a lock. A finished one has neither:
the manifest holds the reports.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from diziner.annotator.outcomes import counts_over
from diziner.common import jsontext
from diziner.common.digests import file_sha256
from diziner.common.errors import UserError
from diziner.common.files import validator, write_json
from diziner.common.locks import try_lock
from diziner.forms.shards import MANIFEST, NAME, shard_files
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.spans.widened import counted

REJECTED = "rejected.jsonl"
REPORTS = ".shards"
LOCK = ".lock"
_LEFT_BEHIND = re.compile(rf"\.({NAME}\.|manifest\.json\.|rejected\.jsonl\.|review\.jsonl\.).*")


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
        self.note(report)

    def note(self, report: Report) -> None:
        """Write a report where those of a labelling under way are."""
        write_json(self.report_file(report.name), asdict(report))

    def kept(self, names: Sequence[str], voters: Collection[str] = ()) -> dict[str, Report]:
        """Return the reports on those of the shards that are done and whose files are as long as they were, with the
        votes of these annotators.

        A shard without one that is ours is done again, from answers that are kept.
        """
        sizes, finished = self.sizes(), self._finished()
        wanted = [name for name in names if self.shard(name).name in sizes]
        found = {name: report_from(finished.get(name), name) for name in wanted}
        noted = self.noted([name for name in wanted if found[name] is None])
        found |= {name: report_from(value, name) for name, value in noted.items()}
        reports = {name: report for name, report in found.items() if report is not None}
        return {
            name: each
            for name, each in reports.items()
            if each.bytes == sizes[self.shard(name).name] and each.votes.keys() == {*voters}
        }

    def noted(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what is noted of shards of a labelling under way, by name; of some there may be nothing."""
        files = {name: self.report_file(name) for name in names}
        return {name: as_noted(file.read_bytes()) for name, file in files.items() if file.is_file()}

    def begin(self, reports: Iterable[Report]) -> None:
        """Take the manifest away, which speaks of what is no longer so, and keep what it knew of shards that stay."""
        if self.has(MANIFEST):
            for report in reports:
                self.note(report)
            self.withdraw(MANIFEST)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, which holds the reports from now on."""
        write_json(self.path / MANIFEST, manifest)
        self.publish(MANIFEST)
        self.withdraw(REPORTS)

    def others(self, names: Sequence[str]) -> list[Path]:
        """Return shards that are not among `names`, sorted: of other documents, settings, code or format."""
        mine = {self.shard(name).name for name in names}
        return [self.path / name for name in self.sizes() if name not in mine]

    def remove(self, shards: Sequence[Path]) -> None:
        """Remove shards and the reports on them."""
        for path in shards:
            path.unlink(missing_ok=True)
            self.report_file(path.stem).unlink(missing_ok=True)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of all shards' files by name, sorted, of whatever labelling."""
        return {file.name: file.stat().st_size for file in shard_files(self.path)}

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
        One that was made for nothing, since nothing was written, is taken away again.

        Errors: UserError if another process has it, or no folder can be there.
        """
        made = not self.path.exists()
        try:
            with self._locked():
                yield from self._cleared()
        finally:
            if made:
                with suppress(OSError):  # it holds labels
                    self.path.rmdir()

    def _cleared(self) -> Iterator[None]:
        """Yield once, the folder cleared, and clear it of an empty folder of reports then."""
        try:
            (self.path / REPORTS).mkdir(exist_ok=True)
            for folder in (self.path, self.path / REPORTS):
                for file in folder.iterdir():
                    if _LEFT_BEHIND.fullmatch(file.name):
                        file.unlink()
        except OSError as error:
            raise UserError(f"--out {self.path}: {error.strerror}") from None
        try:
            yield
        finally:
            with suppress(OSError):  # it holds reports, or is gone
                (self.path / REPORTS).rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, a file that is taken away in the end: whoever opened it before has to look again."""
        path = self.path / LOCK
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

    def report_file(self, name: str) -> Path:
        """Return the file of the report on a shard."""
        return self.path / REPORTS / f"{name}.json"

    def _finished(self) -> dict[str, Any]:
        """Return what the manifest says of each shard, by the shard's name."""
        if not self.has(MANIFEST):
            return {}
        with self.file(MANIFEST) as path:
            value = as_noted(path.read_bytes())
        try:
            return {Path(entry["file"]).stem: entry for entry in value["shards"]}
        except (TypeError, KeyError):
            return {}


def as_noted(text: bytes) -> Any:
    """Return the value of a report or a manifest; None if it is not JSON."""
    try:
        return jsontext.loads(text)
    except ValueError:
        return None


def report_from(value: Any, name: str) -> Report | None:
    """Return a report from data; None for what is none (shard_report.schema.json)."""
    try:
        validator("shard_report")(value)
    except ValueError:
        return None
    own = {field.name for field in fields(Report)}
    kept = {key: entry for key, entry in value.items() if key in own}
    return Report(**{**kept, "name": name, "first": {code: tuple(pair) for code, pair in value["first"].items()}})
