"""Run of a labelling from beginning to end: cut the input, do what is not done yet, write the manifest last."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from diziner.common.errors import UserError
from diziner.common.files import atomic, dump_line
from diziner.common.words import counted
from diziner.forms.rows import Unreadable
from diziner.labelling.input_files import Files, InputDocument, Item
from diziner.labelling.job import Job
from diziner.labelling.long_documents import LongDocuments
from diziner.labelling.named_answers import remember
from diziner.labelling.output_folder import REJECTED, OutFolder, Report
from diziner.labelling.review import queue_of, queues, remove_queue, write_queue
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
    to the review queue, in the form `review_form` (JSON Lines of rows, if empty); None: there is none."""

    shard_documents: int
    skip_bad: bool = False
    replace: bool = False
    engine: Engine = "local"
    workers: int = 1
    again: bool = False
    review_below: float | None = None
    review_form: str = ""


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
    folder = OutFolder(job.out, job.format)
    with folder.held():
        with _rejects(job, options.skip_bad) as reject:
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
        reports = {name: report for name, report in folder.kept(names).items() if report.is_whole}
        found, todo = len(reports), [shard for shard in cut.shards if shard.name not in reports]
        remember(ResponseStore(store_path()), job.out)
        if todo or others:
            folder.begin(reports.values())
        cost = _Cost()
        there = cut.documents - sum(shard.documents for shard in todo)
        earlier = "from earlier runs"
        with Progress(job.label, cut.documents, there, sys.stderr, "documents", earlier, cost) as progress:
            work = documents_of(files, cut.shards, job.recipe, frozenset(reports)) if todo else iter(())
            for report in _reports(job, options, work, len(todo), progress.advance, cost):
                reports[report.name] = report
                progress.finished(report.documents, report.failed)
                if len(reports) < len(names):
                    refuse_a_shard_without_answers(report, job.answers.max_failed_share, job.label)
        folder.remove(others)
        ordered = tuple(reports[name] for name in names)
        to_review = _review(folder, names, options)
        folder.finish(manifest(job, ordered, options.shard_documents, cut.rejected))
    return Done(ordered, found, len(others), cut.rejected, cost(), to_review)


def _review(folder: OutFolder, names: Iterable[str], options: RunOptions) -> int:
    """Write the review queue, in place of that of an earlier run, which speaks of other shards."""
    for queue in queues(folder.path):
        remove_queue(queue)
    if options.review_below is None:
        return 0
    shards = [folder.shard(name) for name in names]
    return write_queue(queue_of(folder.path, options.review_form), shards, options.review_below, options.review_form)


class _Cost:
    """US dollars that the calls of this run have cost, without those of others that use the same store."""

    def __init__(self) -> None:
        self._workers = 0
        self._labeller: Labeller | None = None

    def of(self, labeller: Labeller) -> Labeller:
        """Count what a labeller of this process spends, as it spends it."""
        self._labeller = labeller
        return labeller

    def add(self, nano_usd: int) -> None:
        """Count what a worker spent on a shard."""
        self._workers += nano_usd

    def __call__(self) -> float:
        return (self._workers + (self._labeller.nano_usd if self._labeller else 0)) / ledger.NANO


def _reports(
    job: Job, options: RunOptions, work: Work, shards: int, answered: Callable[[], None], cost: _Cost
) -> Iterable[Report]:
    if options.engine == "ray" and shards:
        from diziner.labelling.ray_engine import on_ray

        for report, nano_usd in on_ray(job, work, min(options.workers, shards), options.again):
            cost.add(nano_usd)
            yield report
        return
    labeller = cost.of(Labeller(job, answered=answered, again=options.again))
    for shard, documents in work:
        yield labeller.label(shard.name, documents)


@contextmanager
def _rejects(job: Job, skip_bad: bool) -> Iterator[Reject | None]:
    """Open rejected.jsonl, where bad rows go; it is left only if there are any."""
    path = job.out / REJECTED
    if not skip_bad:
        path.unlink(missing_ok=True)
        yield None
        return
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:

        def reject(item: Item, error: UserError) -> None:
            where = item.row.where
            reason = item.row.reason if isinstance(item.row, Unreadable) else str(error).removeprefix(f"{where}: ")
            file.write(f"{dump_line({'where': where, 'reason': reason})}\n")

        yield reject
    if not path.stat().st_size:
        path.unlink()
