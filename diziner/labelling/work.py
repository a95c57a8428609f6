"""Work on one shard, the same in every process that does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from diziner.annotator.annotate import annotate
from diziner.annotator.settings import AnnotatorSettings
from diziner.endpoints import Endpoint
from diziner.labelling.input_files import InputDocument
from diziner.labelling.job import Job
from diziner.labelling.output_folder import OutFolder, Report, report_on
from diziner.labelling.row_files import Row, write_rows
from diziner.llm.ask import StoreAsker
from diziner.llm.progress import Advance, counted_by
from diziner.pipeline.vote import vote
from diziner.prompting.request import REPAIR
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.records.labelled import labelled_row
from diziner.records.votes import voted_row


class Labeller:
    """Labels shards of a job into a folder: one of `workers`, the `worker`-th, which divide the endpoints' limits among
    them.

    `answered` is called for each document whose first answer has come back from a model.
    """

    def __init__(
        self,
        job: Job,
        asker: StoreAsker,
        folder: OutFolder,
        worker: int = 0,
        workers: int = 1,
        answered: Advance | None = None,
        again: bool = False,
    ) -> None:
        self._job = job
        self._folder = folder
        self._asker = asker
        self._asker.again = again
        # The answers of the benchmark that the guideline is of are at hand, but are not meant to have these documents'.
        self._asker.replays = False
        self._asker.endpoints = {
            name: share_of(endpoint, worker, workers) for name, endpoint in self._asker.endpoints.items()
        }
        advance = answered or _ignored
        self._documents = 0
        self._asker.progress = lambda label, total, found: counted_by(
            _ignored if label.endswith(REPAIR) else by_document(advance, self._documents, total * len(job.annotators))
        )
        # Held to over the whole run, not over a shard: failed documents are rows, and all rows are kept.
        self._answers = replace(job.answers, max_failed_share=1.0)

    @property
    def nano_usd(self) -> int:
        """Cost of this labeller's calls so far, in billionths of a US dollar."""
        return self._asker.tally.nano_usd

    def label(self, name: str, documents: Sequence[InputDocument]) -> Report:
        """Annotate the shard's documents, and write their rows and the report, in this order. A row also has what else
        the document's file says about it.

        Errors: those of `diziner.annotator.annotate.annotate`, but never for failed documents.
        """
        job, path = self._job, self._folder.shard(name)
        self._documents = len(documents)
        made = {annotator.name: self._annotated(annotator, documents) for annotator in job.annotators}
        if job.ballot is None:
            [annotations] = made.values()
            write_rows(path, _with_other(documents, map(labelled_row, documents, annotations)))
            report = report_on(name, documents, annotations, path)
        else:
            types = [t.label for t in job.guideline.types]
            voted = vote(documents, made, types, job.ballot.weights, job.ballot.consensus)
            write_rows(path, _with_other(documents, map(voted_row, documents, voted)))
            report = report_on(name, documents, [each.annotation for each in voted], path, made)
        self._folder.keep(report)
        return report

    def _annotated(self, annotator: AnnotatorSettings, documents: Sequence[Document]) -> list[Annotation]:
        job = self._job
        label = job.label_of(annotator)
        return annotate(documents, job.guideline, annotator, self._asker, label, self._answers).annotations


def _with_other(documents: Iterable[InputDocument], rows: Iterable[Row]) -> list[Row]:
    pairs = zip(documents, rows, strict=True)
    return [{**row, "other": document.other} if document.other else row for document, row in pairs]


def _ignored() -> None:
    """Ignore a repair turn: it is about a document that was counted."""


def by_document(advance: Advance, documents: int, requests: int) -> Advance:
    """Return what is called for each of so many requests, and calls `advance` for each document: of long ones, there
    are more requests than documents."""
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        if done * documents // requests > (done - 1) * documents // requests:
            advance()

    return one_more if requests > documents else advance


def share_of(endpoint: Endpoint, worker: int, workers: int) -> Endpoint:
    """Return the endpoint as the `worker`-th of `workers` may use it; at least one call in flight each.

    The shares of `concurrency` sum to the whole as long as there are no more workers than that.

    >>> [share_of(Endpoint("web", "hosted", concurrency=8, rpm=60), n, 3).concurrency for n in range(3)]
    [3, 3, 2]
    """
    each, rest = divmod(endpoint.concurrency, workers)
    return replace(
        endpoint,
        concurrency=max(1, each + (worker < rest)),
        rpm=None if endpoint.rpm is None else endpoint.rpm / workers,
        tpm=None if endpoint.tpm is None else endpoint.tpm / workers,
    )
