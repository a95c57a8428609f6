"""Transfer of a guideline: two guidelines read by every model under every prompt, about the same documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from diziner.annotator.annotate import annotate
from diziner.annotator.prompt import opening
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.errors import ProviderError, UserError
from diziner.common.words import counted
from diziner.pipeline.glape import sampling
from diziner.prompting.asker import Asker
from diziner.prompting.templates import PROMPTS
from diziner.records.annotations import OUTAGES, Annotation
from diziner.records.documents import Document
from diziner.records.guideline import Guideline

READS = ("prompts/paraphrases",)

OWN = "own"  # the prompt that an annotator has in the settings
FIRST, REFINED = 0, 1  # the guidelines of a design, by number
_PARAPHRASES = PROMPTS / "paraphrases"
_FILE = ".md"


class Cell(NamedTuple):
    """A reading of all documents: number of the guideline, name of the model's annotator, prompt, number of answer."""

    guideline: int
    model: str
    prompt: str
    sample: int


@dataclass(frozen=True, slots=True)
class Design:
    """Models read `guidelines` (first, refined) under `prompts`, and answer `samples` times about each document.

    More than one answer is drawn at `temperature`, each with a seed of its own; a single one is as the settings have
    it. Annotators of the `pool` are those that the guideline was refined by.
    """

    guidelines: tuple[Guideline, Guideline]
    models: tuple[AnnotatorSettings, ...]
    pool: frozenset[str]
    prompts: tuple[str, ...]
    samples: int
    temperature: float

    @property
    def cells(self) -> Iterator[Cell]:
        """The cells, a model's together: one that runs here is in memory only while it is asked."""
        for model in self.models:
            for prompt in self.prompts:
                for guideline in (FIRST, REFINED):
                    for sample in range(self.samples):
                        yield Cell(guideline, model.name, prompt, sample)

    def reader(self, cell: Cell) -> AnnotatorSettings:
        """Return the annotator of a cell."""
        [annotator] = [model for model in self.models if model.name == cell.model]
        if cell.prompt != OWN:
            annotator = replace(annotator, prompt=template_of(cell.prompt))
        return annotator if self.samples == 1 else sampling(annotator, cell.sample, self.temperature)


def paraphrases() -> list[str]:
    """Return the names of the shipped paraphrases of the annotators' prompt, sorted."""
    return sorted(path.name.removesuffix(_FILE) for path in _PARAPHRASES.glob(f"*{_FILE}"))


def template_of(prompt: str) -> str:
    """Return the template that a prompt's name stands for: a paraphrase, one of annotators, or a file of one's own.

    Errors: UserError if there is none.
    """
    if prompt.endswith(_FILE):
        path = Path(prompt).absolute()
        if not path.is_file():
            raise UserError(f"--prompts: {prompt}: no such file; it must be a template as docs/transfer.md describes")
        return str(path).removesuffix(_FILE)
    if prompt in paraphrases():
        return f"{_PARAPHRASES.name}/{prompt}"
    others = sorted(path.name.removesuffix(_FILE) for path in (PROMPTS / "annotator").glob(f"annotate.*{_FILE}"))
    if prompt in others:
        return prompt
    raise UserError(
        f"--prompts: no prompt {prompt!r}; there are: {', '.join([OWN, *paraphrases(), *others])}, or a file that ends "
        f"in {_FILE}"
    )


def check_design(design: Design) -> None:
    """Refuse a design that cannot be read.

    Errors: UserError for guidelines that are alike to all readers or have other types, for an annotator that one of
    them leaves out, for what is named twice or not there, and for a template that cannot be filled in.
    """
    first, refined = design.guidelines
    if replace(first, round=0, choices=()) == replace(refined, round=0, choices=()):
        raise UserError("the two guidelines are the same: no gain can come of it; name another by --refined FILE")
    if [t.label for t in first.types] != [t.label for t in refined.types]:
        raise UserError("the two guidelines have different types: what they lead to cannot be compared")
    for names, option in (([m.name for m in design.models], "--models"), (list(design.prompts), "--prompts")):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"{option}: {twice[0]} is named twice")
    for model in design.models:
        if any(model.name in guideline.left_out for guideline in design.guidelines):
            raise UserError(f"--models: a guideline leaves {model.name} out, so it reads nothing; name others")
    for cell in design.cells:  # a template that cannot be filled in is refused before anything is asked
        opening(design.guidelines[cell.guideline], design.reader(cell))


def read_cells(
    design: Design, documents: Sequence[Document], asker: Asker, answers: AnswerSettings, label: str
) -> dict[Cell, list[Annotation]]:
    """Have every cell read; one annotation per document, in order.

    Answers that cannot be read are a model's own and count as no mention; answers that did not come do not.
    Errors: ProviderError for documents without any answer (an outage): the same command asks for them again.
    """
    kept = replace(answers, max_failed_share=1.0)
    read: dict[Cell, list[Annotation]] = {}
    for cell in design.cells:
        name = f"{label} transfer, {cell.model}"
        guideline = design.guidelines[cell.guideline]
        rows = annotate(documents, guideline, design.reader(cell), asker, name, kept).annotations
        failures = [row.failure for row in rows if row.failure is not None and row.failure.code in OUTAGES]
        if failures:
            raise ProviderError(
                f"{name}: {counted(len(failures), 'document')} of {len(rows)} had no answer, the first: "
                f"{failures[0].detail}\nWhat was answered is kept: run the same command again to ask only for the rest"
            )
        read[cell] = rows
    return read


def failures_of(read: Mapping[Cell, Sequence[Annotation]], model: str) -> int:
    """Return how many of a model's answers could not be read."""
    return sum(row.failure is not None for cell, rows in read.items() if cell.model == model for row in rows)
