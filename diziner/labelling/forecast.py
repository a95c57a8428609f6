"""Forecast of a labelling: what it would ask of a model and what that would cost, without asking."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice

from diziner.annotator.annotate import annotate, requests_for
from diziner.annotator.settings import MODEL
from diziner.common.errors import UserError
from diziner.labelling.input_files import Files
from diziner.labelling.job import Job
from diziner.labelling.output_folder import OutFolder
from diziner.labelling.shards import documents_of, reading, survey
from diziner.layout import Room, store_path
from diziner.llm.access import asker_for
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prices import price_of, prompt_tokens
from diziner.records.documents import Document
from diziner.rehearsal.asker import Rehearser

_SAMPLE = 200  # documents whose answers are made up to learn how long answers are
_HISTORY = 2000  # answers of the store looked at for how long a model's own are


@dataclass(frozen=True, slots=True)
class Forecast:
    """`answered` documents need no call, those in `shards_done` not even a look; each of the others needs one.

    Tokens are estimates of those calls, as `diziner plan` makes them; `usd` is None where the model has no price.
    """

    documents: int
    rejected: int
    shards: int
    shards_done: int
    answered: int
    prompt_tokens: float
    completion_tokens: float
    usd: float | None

    @property
    def calls(self) -> int:
        return self.documents - self.answered


def forecast(job: Job, files: Files, shard_documents: int, skip_bad: bool) -> Forecast:
    """Count exactly, and estimate by a sample. Repair turns and retries come on top.

    Errors: UserError for bad input, and for an annotator of a plug-in.
    """
    if job.annotator.kind != MODEL:
        raise UserError(f"--dry: {job.annotator.name} is of the kind {job.annotator.kind}: what it asks is not known")
    left_out = (lambda *_: None) if skip_bad else None
    cut = survey(files, shard_documents, job.recipe, left_out, reading(sys.stderr))
    kept = OutFolder(job.out, job.format).kept([shard.name for shard in cut.shards])
    done = {name for name, report in kept.items() if not report.failed}
    answered = sum(shard.documents for shard in cut.shards if shard.name in done)
    room = Room(job.guideline.benchmark)
    asker = asker_for(job.settings, room, at_once=True)
    recorded = {key for key, _, _ in read_tape(room.tape)} if room.tape.is_file() else set()
    looks = 0
    sample: list[Document] = []
    for _, documents in documents_of(files, cut.shards, job.recipe, done):
        requests = requests_for(documents, job.guideline, job.annotator, asker, job.answers.show_goal)
        known = recorded | asker.store.get([request.key for request in requests]).keys()
        missing = [pair for pair in zip(requests, documents, strict=True) if pair[0].key not in known]
        answered += len(requests) - len(missing)
        looks += sum(prompt_tokens(request) for request, _ in missing)
        sample += [document for _, document in missing[: _SAMPLE - len(sample)]]
    prompt, completion = _tokens(job, sample, looks, cut.documents - answered)
    price = price_of(asker.endpoint(job.annotator.model.endpoint), job.annotator.model.model)
    usd = None if price is None else price.usd(prompt, completion)
    return Forecast(cut.documents, cut.rejected, len(cut.shards), len(done), answered, prompt, completion, usd)


def _tokens(job: Job, sample: list[Document], looks: int, calls: int) -> tuple[float, float]:
    """Return prompt and completion tokens of all calls, from those of a rehearsed sample."""
    if not sample:
        return 0.0, 0.0
    settings = job.settings
    rehearser = Rehearser(
        ResponseStore(store_path()), settings.endpoints, settings.weights, annotators=[job.annotator.name]
    )
    rehearser.learn(islice(rehearser.store.rows(), _HISTORY))
    annotate(sample, job.guideline, job.annotator, rehearser, job.label, job.answers)
    planned = rehearser.plan[0]
    requests = requests_for(sample, job.guideline, job.annotator, rehearser, job.answers.show_goal)
    seen = sum(map(prompt_tokens, requests))
    return planned.prompt_tokens * looks / seen, planned.completion_tokens * calls / len(sample)
