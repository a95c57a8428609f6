"""Forecast of a labelling: what it would ask of a model and what that would cost, without asking."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from diziner.annotator.annotate import annotate, requests_for
from diziner.annotator.chunks import chunks_of
from diziner.annotator.settings import MODEL, AnnotatorSettings
from diziner.common.errors import UserError
from diziner.labelling.input_files import Files
from diziner.labelling.job import Job
from diziner.labelling.remote_folder import out_folder
from diziner.labelling.shards import documents_of, reading, survey
from diziner.layout import Room, store_path
from diziner.llm.access import asker_for
from diziner.llm.ask import StoreAsker
from diziner.llm.price_list import price_for
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prices import prompt_tokens
from diziner.prompting.request import Request
from diziner.records.documents import Document
from diziner.rehearsal.asker import Rehearser
from diziner.rehearsal.window import TooLong, Window, said_of, too_long

_SAMPLE = 200  # documents whose answers are made up to learn how long answers are
_HISTORY = 2000  # answers of the store looked at for how long a model's own are


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls to one annotator's model: one for each document that is not answered, of a long one for each chunk.

    Tokens are estimates, as `diziner plan` makes them; `usd` is None where the model has no price.
    """

    annotator: AnnotatorSettings
    calls: int
    prompt_tokens: float
    completion_tokens: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`answered` documents need no call, by no annotator; those in `shards_done` not even a look. `too_long` says
    which documents do not fit into a model's window; empty: all do."""

    documents: int
    rejected: int
    shards: int
    shards_done: int
    answered: int
    calls: tuple[Calls, ...]
    too_long: tuple[str, ...] = ()

    @property
    def cost(self) -> float | None:
        """US dollars of all calls; None where a model that is called has no price."""
        costs = [each.usd for each in self.calls]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


def forecast(job: Job, files: Files, shard_documents: int, skip_bad: bool) -> Forecast:
    """Count exactly, and estimate by a sample. Repair turns and retries come on top.

    Errors: UserError for bad input, and for an annotator of a plug-in.
    """
    for annotator in job.annotators:
        if annotator.kind != MODEL:
            raise UserError(f"--dry: {annotator.name} is of the kind {annotator.kind}: what it asks is not known")
    left_out = (lambda *_: None) if skip_bad else None
    cut = survey(files, shard_documents, job.recipe, left_out, reading(sys.stderr))
    with out_folder(job.out, job.format) as folder:
        kept = folder.kept([shard.name for shard in cut.shards], job.voters)
    done = {name for name, report in kept.items() if report.is_whole}
    answered = sum(shard.documents for shard in cut.shards if shard.name in done)
    room = Room(job.guideline.benchmark)
    asker = asker_for(job.settings, room, at_once=True)
    recorded = {key for key, _, _ in read_tape(room.tape)} if room.tape.is_file() else set()
    looks = [_Look(job, annotator, asker, recorded) for annotator in job.annotators]
    for _, documents in documents_of(files, cut.shards, job.recipe, done):
        asked = {number for look in looks for number in look.at(documents)}
        answered += len(documents) - len(asked)
    long = said_of(((look.window, look.too_long) for look in looks), job.answers.chunk_tokens)
    calls = tuple(look.calls() for look in looks)
    return Forecast(cut.documents, cut.rejected, len(cut.shards), len(done), answered, calls, tuple(long))


class _Look:
    """Look at what one annotator's model would be asked."""

    def __init__(self, job: Job, annotator: AnnotatorSettings, asker: StoreAsker, recorded: Collection[str]) -> None:
        self._job, self._annotator, self._asker, self._recorded = job, annotator, asker, recorded
        self._endpoint, self._model = asker.endpoint(annotator.asked.endpoint), annotator.asked.model
        self._looked = self._calls = 0
        self._sample: list[Document] = []
        self.window = Window(self._model, self._endpoint.window(self._model))
        self.too_long: list[TooLong] = []

    def at(self, documents: Sequence[Document]) -> set[int]:
        """Count the calls about documents, and return the numbers of those that need one."""
        own = self._job.answers
        chunks = [(number, each.document) for number, one in enumerate(documents) for each in chunks_of(one, own)]
        requests = self._requests([document for _, document in chunks], self._asker)
        known = {*self._recorded, *self._asker.store.get([request.key for request in requests])}
        missing = [pair for pair in zip(requests, chunks, strict=True) if pair[0].key not in known]
        self._calls += len(missing)
        self._looked += sum(prompt_tokens(request) for request, _ in missing)
        self._sample += [document for _, (_, document) in missing[: _SAMPLE - len(self._sample)]]
        self.too_long += too_long((request for request, _ in missing), self.window)
        return {number for _, (number, _) in missing}

    def calls(self) -> Calls:
        """Return all calls, with what they take by a sample of them."""
        prompt, completion = self._tokens()
        price = price_for(self._endpoint, self._model)
        usd = price.usd(prompt, completion) if price else None if self._calls else 0.0
        return Calls(self._annotator, self._calls, prompt, completion, usd)

    def _tokens(self) -> tuple[float, float]:
        """Return prompt and completion tokens of all calls, from those of a rehearsed sample."""
        if not self._sample:
            return 0.0, 0.0
        job, annotator, settings = self._job, self._annotator, self._job.settings
        store = ResponseStore(store_path())
        rehearser = Rehearser(store, settings.endpoints, settings.weights, annotators=[annotator.name])
        rehearser.learn(islice(store.rows(), _HISTORY))
        whole = replace(job.answers, chunk_tokens=None)  # the sample's texts are chunks already
        annotate(self._sample, job.guideline, annotator, rehearser, job.label_of(annotator), whole)
        planned = rehearser.plan[0]
        seen = sum(map(prompt_tokens, self._requests(self._sample, rehearser)))
        calls = self._calls / len(self._sample)
        return planned.prompt_tokens * self._looked / seen, planned.completion_tokens * calls

    def _requests(self, documents: Sequence[Document], asker: StoreAsker) -> list[Request]:
        job = self._job
        return requests_for(documents, job.guideline, self._annotator, asker, job.answers.show_goal)
