"""Run of a labelling from beginning to end: cut the input, do what is not done yet, write the manifest last."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from diziner.common.errors import UserError
from diziner.common.files import atomic, dump_line
from diziner.common.words import counted
from diziner.forms.rows import Unreadable
from diziner.labelling.answer_server import Counts
from diziner.labelling.input_files import Files, InputDocument, Item
from diziner.labelling.job import Job
from diziner.labelling.long_documents import LongDocuments
from diziner.labelling.monitor import Monitor
from diziner.labelling.named_answers import remember
from diziner.labelling.output_folder import REJECTED, OutFolder, Report
from diziner.labelling.remote_folder import out_folder
from diziner.labelling.review import queue_name, queue_names, write_queue
from diziner.labelling.shards import Reject, Shard, documents_of, reading, survey
from diziner.labelling.totals import manifest, refuse_a_shard_without_answers
from diziner.labelling.work import Labeller
from diziner.layout import Room, store_path
from diziner.llm import ledger
from diziner.llm.access import asker_for
from diziner.llm.progress import Progress
from diziner.llm.store import ResponseStore

Engine = Literal["local", "ray"]
Work = Iterator[tuple[Shard, list[InputDocument]]]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a labelling's run; none changes a row. `replace` lets shards of other documents or settings go;
    `again` asks once more for what was refused or cannot be read. `review_below`: votes less sure than that are written
    to the review queue, in the form `review_form` (JSON Lines of rows, if empty); None: there is none. `workers` of
    engine ray; None: one a processor; never more than `most_workers`. `progress` and `metrics`: files for `Monitor`."""

    shard_documents: int
    skip_bad: bool = False
    replace: bool = False
    engine: Engine = "local"
    workers: int | None = None
    most_workers: int = 1
    again: bool = False
    review_below: float | None = None
    review_form: str = ""
    progress: Path | None = None
    metrics: Path | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """All reports in reading order; how many shards were there before and how many of other settings were removed;
    bad rows left out; US dollars spent by this run; documents in the review queue."""

    reports: tuple[Report, ...]
    found: int
    removed: int
    rejected: int
    usd: float
    to_review: int = 0


def label_corpus(job: Job, files: Files, options: RunOptions) -> Done:
    """Label every document, shard by shard, into the job's folder.

    Errors: UserError for bad input and for a folder that is in use or holds other shards; ProviderError once no
    document of a shard could be labelled. Shards that were finished before stay, and the answers of the others.
    """
    with out_folder(job.out, job.format) as folder, folder.held():
        with _rejects(folder, options.skip_bad) as reject:
            asker = asker_for(job.settings, Room(job.guideline.benchmark))
            long = [LongDocuments(job, annotator, asker) for annotator in job.annotators if annotator.model]
            see = [each.see for each in long]
            cut = survey(files, options.shard_documents, job.recipe, reject, reading(sys.stderr), see)
        sys.stderr.writelines(f"{job.label}: {said}\n" for each in long if (said := each.in_words()))
        names = [shard.name for shard in cut.shards]
        others = folder.others(names)
        if others and not options.replace:
            raise UserError(
                f"--out {job.out}: holds {counted(len(others), 'shard')} of other documents, settings or code, the "
                f"first {others[0].name}; give another folder, or --replace to have them removed"
            )
        reports = {name: report for name, report in folder.kept(names, job.voters).items() if report.is_whole}
        found, todo = len(reports), [shard for shard in cut.shards if shard.name not in reports]
        remember(ResponseStore(store_path()), job.out)
        if todo or others:
            folder.begin(reports.values())
        cost = _Cost()
        there = cut.documents - sum(shard.documents for shard in todo)
        earlier = "from earlier runs"
        monitor = Monitor(job.label, options.progress, options.metrics, cost, cut.documents, len(names))
        monitor.begin(there, found)
        with Progress(job.label, cut.documents, there, sys.stderr, "documents", earlier, cost) as progress:
            work = documents_of(files, cut.shards, job.recipe, frozenset(reports)) if todo else iter(())
            watch = _Watch(progress, monitor, cost)
            for report in _reports(job, folder, options, work, len(todo), watch):
                reports[report.name] = report
                watch.shard(report)
                if len(reports) < len(names):
                    refuse_a_shard_without_answers(report, job.answers.max_failed_share, job.label)
        folder.remove(others)
        ordered = tuple(reports[name] for name in names)
        to_review = _review(folder, names, options)
        folder.finish(manifest(job, ordered, options.shard_documents, cut.rejected))
        monitor.end()
    return Done(ordered, found, len(others), cut.rejected, cost(), to_review)


def _review(folder: OutFolder, names: Iterable[str], options: RunOptions) -> int:
    """Write the review queue, in place of that of an earlier run, which speaks of other shards."""
    for queue in queue_names():
        folder.withdraw(queue)
    if options.review_below is None:
        return 0
    queue = queue_name(options.review_form)
    count = write_queue(folder.path / queue, folder.files(names), options.review_below, options.review_form)
    folder.publish(queue)
    return count


class _Cost:
    """US dollars that the calls of this run have cost, without those of others that use the same store."""

    def __init__(self) -> None:
        self.nano_usd: Callable[[], int] = int

    def __call__(self) -> float:
        return self.nano_usd() / ledger.NANO


class _Watch:
    """Everything that is told while shards are under way."""

    def __init__(self, progress: Progress, monitor: Monitor, cost: _Cost) -> None:
        self._progress, self._monitor, self.cost = progress, monitor, cost
        self._under_way = 0

    def answered(self) -> None:
        """Count a document whose first answer has come back."""
        self._under_way += 1
        self._progress.advance()
        self._monitor.stands_at(self._under_way)

    def counts(self, counts: Counts) -> None:
        """Take over what workers have delivered."""
        self.cost.nano_usd = lambda: counts.nano_usd
        self._progress.stands_at(counts.under_way)
        self._monitor.stands_at(counts.under_way)

    def event(self, name: str, node: str) -> None:
        """Tell what happened to a worker."""
        self._monitor.worker(name, node)
        if name == "worker_lost":
            sys.stderr.write(f"a worker on {node} was lost; its shard is done again, from the answers that came back\n")
            sys.stderr.flush()

    def shard(self, report: Report) -> None:
        """Count a shard as finished."""
        self._under_way = 0
        self._progress.finished(report.documents, report.failed)
        self._monitor.shard(report.name, report.documents, report.failed)


def _reports(
    job: Job, folder: OutFolder, options: RunOptions, work: Work, shards: int, watch: _Watch
) -> Iterable[Report]:
    if options.engine == "ray" and shards:
        from diziner.labelling.ray_engine import Watcher, on_ray

        most, watcher = min(options.most_workers, shards), Watcher(watch.counts, watch.event)
        for report, rows in on_ray(job, work, most, options.workers, options.again, watcher):
            with atomic(folder.shard(report.name)) as temporary:
                temporary.write_bytes(rows)
            folder.keep(report)
            yield report
        return
    asker = asker_for(job.settings, Room(job.guideline.benchmark), at_once=True)
    labeller = Labeller(job, asker, folder, answered=watch.answered, again=options.again)
    watch.cost.nano_usd = lambda: labeller.nano_usd
    for shard, documents in work:
        yield labeller.label(shard.name, documents)


@contextmanager
def _rejects(folder: OutFolder, skip_bad: bool) -> Iterator[Reject | None]:
    """Open rejected.jsonl, where bad rows go; it is left only if there are any."""
    if not skip_bad:
        folder.withdraw(REJECTED)
        yield None
        return
    path = folder.path / REJECTED
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:

        def reject(item: Item, error: UserError) -> None:
            where = item.row.where
            reason = item.row.reason if isinstance(item.row, Unreadable) else str(error).removeprefix(f"{where}: ")
            file.write(f"{dump_line({'where': where, 'reason': reason})}\n")

        yield reject
    if path.stat().st_size:
        folder.publish(REJECTED)
    else:
        folder.withdraw(REJECTED)
