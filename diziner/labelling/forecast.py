"""Forecast of a labelling: what it would ask of a model and what that would cost, without asking."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from itertools import islice

from diziner.annotator.annotate import annotate, requests_for
from diziner.annotator.chunks import chunks_of
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
from diziner.rehearsal.window import TooLong, Window, said_of, too_long

_SAMPLE = 200  # documents whose answers are made up to learn how long answers are
_HISTORY = 2000  # answers of the store looked at for how long a model's own are


@dataclass(frozen=True, slots=True)
class Forecast:
    """`answered` documents need no call, those in `shards_done` not even a look; of the others each needs one, a long
    one one for each chunk: `calls`.

    Tokens are estimates of those calls, as `diziner plan` makes them; `usd` is None where the model has no price.
    `too_long` says which documents do not fit into the model's window; empty: all do.
    """

    documents: int
    rejected: int
    shards: int
    shards_done: int
    answered: int
    calls: int
    prompt_tokens: float
    completion_tokens: float
    usd: float | None
    too_long: tuple[str, ...] = ()


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
    asker = asker_for(job.settings, room)
    recorded = {key for key, _, _ in read_tape(room.tape)} if room.tape.is_file() else set()
    answers, looks, calls = job.answers, 0, 0
    sample: list[Document] = []
    endpoint, model = asker.endpoint(job.annotator.model.endpoint), job.annotator.model.model
    window = Window(model, endpoint.window(model))
    unfit: list[TooLong] = []
    for _, documents in documents_of(files, cut.shards, job.recipe, done):
        chunks = [(number, each.document) for number, own in enumerate(documents) for each in chunks_of(own, answers)]
        asked = [document for _, document in chunks]
        requests = requests_for(asked, job.guideline, job.annotator, asker, job.answers.show_goal)
        known = recorded | asker.store.get([request.key for request in requests]).keys()
        missing = [pair for pair in zip(requests, chunks, strict=True) if pair[0].key not in known]
        answered += len(documents) - len({number for _, (number, _) in missing})
        calls += len(missing)
        looks += sum(prompt_tokens(request) for request, _ in missing)
        sample += [document for _, (_, document) in missing[: _SAMPLE - len(sample)]]
        unfit += too_long((request for request, _ in missing), window)
    prompt, completion = _tokens(job, sample, looks, calls)
    price = price_of(endpoint, model)
    usd = None if price is None else price.usd(prompt, completion)
    said = tuple(said_of([(window, unfit)], job.answers.chunk_tokens))
    return Forecast(
        cut.documents, cut.rejected, len(cut.shards), len(done), answered, calls, prompt, completion, usd, said
    )


def _tokens(job: Job, sample: list[Document], looks: int, calls: int) -> tuple[float, float]:
    """Return prompt and completion tokens of all calls, from those of a rehearsed sample."""
    if not sample:
        return 0.0, 0.0
    settings = job.settings
    rehearser = Rehearser(
        ResponseStore(store_path()), settings.endpoints, settings.weights, annotators=[job.annotator.name]
    )
    rehearser.learn(islice(rehearser.store.rows(), _HISTORY))
    whole = replace(job.answers, chunk_tokens=None)  # the sample's texts are chunks already
    annotate(sample, job.guideline, job.annotator, rehearser, job.label, whole)
    planned = rehearser.plan[0]
    requests = requests_for(sample, job.guideline, job.annotator, rehearser, job.answers.show_goal)
    seen = sum(map(prompt_tokens, requests))
    return planned.prompt_tokens * looks / seen, planned.completion_tokens * calls / len(sample)
