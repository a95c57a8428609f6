"""Labelling without a server: requests as a file for `vllm run-batch` and the like, and answers taken in from theirs.

Only what lacks an answer is asked for. Repair turns follow from answers, so that they are in the next file of requests;
once there is nothing left to ask, a labelling calls no model.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from diziner.annotator.annotate import annotate
from diziner.common.errors import UserError
from diziner.common.files import atomic, readable
from diziner.endpoints import Endpoint
from diziner.labelling.input_files import Files, InputDocument
from diziner.labelling.job import Job
from diziner.labelling.shards import documents_of, reading, survey
from diziner.layout import Room
from diziner.llm.access import asker_for
from diziner.llm.ask import StoreAsker
from diziner.llm.collecting import Intake, output_lines, take_in
from diziner.llm.submitting import lines_for
from diziner.llm.tables import kept
from diziner.prompting.request import Outcome, Request
from diziner.records.annotations import Failure

Works = dict[str, tuple[str, Request]]
_AT_ONCE = 500


def write_label_requests(job: Job, files: Files, shard_documents: int, skip_bad: bool, path: Path) -> int:
    """Write what could be asked now as lines of a batch, and return how many there are: never more than those of one
    shard are in memory.

    Errors: UserError for bad input, for several models and for one that runs here.
    """
    endpoint = _endpoint(job)
    count = 0
    with atomic(path) as target, target.open("wb") as file:
        for works in _missing(job, files, shard_documents, skip_bad):
            for _, _, line in lines_for(endpoint, works):
                file.write(line)
                count += 1
    return count


def take_label_answers(job: Job, files: Files, shard_documents: int, skip_bad: bool, path: Path) -> Intake:
    """Keep the answers in a batch's output to what lacks one, whatever their order, and what they cost.

    Errors: UserError as of `write_label_requests`, and for a file that cannot be read.
    """
    endpoint, total = _endpoint(job), Intake()
    model = job.annotators[0].asked.model
    with readable(path), path.open("rb") as file, closing(_index(file)) as index:
        asker = _asker(job)
        for works in _missing(job, files, shard_documents, skip_bad):
            asked = {key: (work, request.canonical()) for key, (work, request) in works.items()}
            lines = _lines(file, index, [*works])
            total.add(take_in(asker.store, endpoint, model, lines, asked, lambda c, key: not kept(c, [key])))
        [(total.strange,)] = index.execute("SELECT COUNT(*) FROM lines WHERE used = 0").fetchall()
    asker.write_report()
    return total


@dataclass
class _Recorder(StoreAsker):
    """An asker that calls nobody: what is not at hand is noted in `works`, and fails."""

    works: Works = field(default_factory=dict)

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        """See `diziner.prompting.asker.Asker`."""
        found = self.at_hand([request.key for request in requests], label)
        self.works |= {request.key: (label, request) for request in requests if request.key not in found}
        return [found.get(request.key) or Failure("unavailable", "not asked yet") for request in requests]


def _missing(job: Job, files: Files, shard_documents: int, skip_bad: bool) -> Iterator[Works]:
    """Yield the requests that lack an answer, by key, shard by shard."""
    left_out = (lambda *_: None) if skip_bad else None
    cut = survey(files, shard_documents, job.recipe, left_out, reading(sys.stderr))
    recorder = _Recorder(**_shared(_asker(job)))
    answers = replace(job.answers, max_failed_share=1.0)
    seen: set[str] = set()
    for _, documents in documents_of(files, cut.shards, job.recipe, frozenset()):
        recorder.works = {}
        _gather(job, recorder, documents, answers)
        works = {key: work for key, work in recorder.works.items() if key not in seen}
        seen |= works.keys()  # equal documents in other shards are the same request
        yield works


def _gather(job: Job, recorder: _Recorder, documents: Sequence[InputDocument], answers: Any) -> None:
    annotator = job.annotators[0]
    annotate(documents, job.guideline, annotator, recorder, job.label_of(annotator), answers)


def _asker(job: Job) -> StoreAsker:
    return asker_for(job.settings, Room(job.guideline.benchmark), at_once=True)


def _shared(asker: StoreAsker) -> dict[str, Any]:
    return {"store": asker.store, "endpoints": asker.endpoints, "weights": asker.weights, "tape": asker.tape}


def _endpoint(job: Job) -> Endpoint:
    if len(job.annotators) > 1:
        raise UserError("--requests and --answers: for one annotator; write a file for each of those that vote")
    [annotator] = job.annotators
    if annotator.model is None:
        raise UserError(f"--requests: {annotator.name} asks no model")
    endpoint = job.settings.endpoints[annotator.model.endpoint]
    if endpoint.backend.runs_here:
        raise UserError(f"--requests: endpoint {endpoint.name} runs its model on this machine; label without it")
    return replace(endpoint, api_base=endpoint.base_urls[0]) if endpoint.base_urls else endpoint


def _index(file: IO[bytes]) -> sqlite3.Connection:
    """Return where each line of a batch's output is, by its request; on disk, since there can be millions."""
    index = sqlite3.connect("")
    index.execute("CREATE TABLE lines (key TEXT PRIMARY KEY, place INTEGER, used INTEGER DEFAULT 0) WITHOUT ROWID")

    def places() -> Iterator[tuple[str, int]]:
        place = 0
        for line in file:
            for value in output_lines([line]):
                yield str(value.get("custom_id")), place
            place += len(line)

    index.executemany("INSERT OR IGNORE INTO lines (key, place) VALUES (?, ?)", places())
    return index


def _lines(file: IO[bytes], index: sqlite3.Connection, keys: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(keys), _AT_ONCE):
        chunk = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(chunk))
        found = index.execute(f"SELECT place FROM lines WHERE key IN ({marks}) ORDER BY place", chunk).fetchall()
        index.execute(f"UPDATE lines SET used = 1 WHERE key IN ({marks})", chunk)
        for (place,) in found:
            file.seek(place)
            yield from output_lines([file.readline()])
