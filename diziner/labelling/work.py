"""Work on one shard, the same in every process that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from diziner.annotator.annotate import annotate
from diziner.endpoints import Endpoint
from diziner.labelling.job import Job
from diziner.labelling.output_folder import OutFolder, Report, report_on, write_rows
from diziner.layout import Room
from diziner.llm.access import asker_for
from diziner.llm.progress import Advance, counted_by
from diziner.prompting.request import REPAIR
from diziner.records.documents import Document


class Labeller:
    """Labels shards for a job: one of `workers`, the `worker`-th, which divide the endpoints' limits among them.

    `answered` is called for each document whose first answer has come back from a model.
    """

    def __init__(
        self, job: Job, worker: int = 0, workers: int = 1, answered: Advance | None = None, again: bool = False
    ) -> None:
        self._job = job
        self._folder = OutFolder(job.out, job.format)
        # The answers of the benchmark that the guideline is of are at hand, as they are for its stages.
        self._asker = asker_for(job.settings, Room(job.guideline.benchmark), at_once=True)
        self._asker.again = again
        # But it is not meant to have these documents'.
        self._asker.replays = False
        self._asker.endpoints = {
            name: share_of(endpoint, worker, workers) for name, endpoint in self._asker.endpoints.items()
        }
        advance = answered or _ignored
        self._asker.progress = lambda label, total, found: counted_by(_ignored if label.endswith(REPAIR) else advance)
        # Held to over the whole run, not over a shard: failed documents are rows, and all rows are kept.
        self._answers = replace(job.answers, max_failed_share=1.0)

    @property
    def nano_usd(self) -> int:
        """Cost of this labeller's calls so far, in billionths of a US dollar."""
        return self._asker.tally.nano_usd

    def label(self, name: str, documents: Sequence[Document]) -> Report:
        """Annotate the shard's documents, and write their rows and the report, in this order.

        Errors: those of `diziner.annotator.annotate.annotate`, but never for failed documents.
        """
        job = self._job
        annotations, _ = annotate(documents, job.guideline, job.annotator, self._asker, job.label, self._answers)
        path = self._folder.shard(name)
        write_rows(path, documents, annotations)
        report = report_on(name, documents, annotations, path)
        self._folder.keep(report)
        return report


def _ignored() -> None:
    """Ignore a repair turn: it is about a document that was counted."""


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
