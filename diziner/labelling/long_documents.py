"""Documents of a labelling that do not fit into the model's window, found while the input is surveyed."""

from __future__ import annotations

from diziner.annotator.annotate import requests_for
from diziner.annotator.chunks import chunks_of
from diziner.annotator.settings import MODEL, AnnotatorSettings
from diziner.labelling.job import PROBE, Job
from diziner.llm.ask import StoreAsker
from diziner.records.documents import Document
from diziner.rehearsal.window import NAMED, Measure, TooLong, Window, in_words


class LongDocuments:
    """Counter of what does not fit into one annotator's window, a document or a chunk of one; keeps the first few."""

    def __init__(self, job: Job, annotator: AnnotatorSettings, asker: StoreAsker) -> None:
        model, endpoint = annotator.asked.model, asker.endpoint(annotator.asked.endpoint)
        self._answers = job.answers
        self._window = Window(model, endpoint.window(model) if annotator.kind == MODEL else None)
        [probe] = requests_for([PROBE], job.guideline, annotator, asker, job.answers.show_goal)
        self._measure = Measure(probe, PROBE.text, self._window)
        self._count = 0
        self._first: list[TooLong] = []

    def see(self, document: Document) -> None:
        """Look at one document."""
        if self._window.tokens is None:
            return
        for chunk in chunks_of(document, self._answers):
            if found := self._measure.too_long(chunk.document.id, chunk.document.text):
                self._count += 1
                self._first += [found] if len(self._first) < NAMED else []

    def in_words(self) -> str:
        """Return a line about them; empty if all fit."""
        return in_words(self._count, self._first, self._window, self._answers.chunk_tokens) if self._count else ""
