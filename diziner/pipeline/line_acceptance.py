"""Acceptance of new instructions one by one: each is tried alone on documents that the supervisor has not seen.

Costs, for each new instruction, a request for every document held back and annotator that it binds: at most
(max_common x annotators + max_specific x annotators) x held_back a round. What stands without it is not asked again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

from diziner.annotator.annotate import annotate
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.errors import ProviderError
from diziner.common.exact import as_written
from diziner.common.rounding import rounded_finely
from diziner.common.words import counted
from diziner.prompting.asker import Asker
from diziner.records.annotations import OUTAGES, Annotation
from diziner.records.documents import Document
from diziner.records.guideline import Guideline, Instruction
from diziner.records.usage import Usage
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.apply import DROPPED
from diziner.supervisor.settings import SupervisorSettings

LINES = "lines"

Rows = Mapping[str, Sequence[Annotation]]  # annotator -> a row a document, in one order


@dataclass(frozen=True, slots=True)
class Trial:
    """Trial of an instruction: the annotators asked, agreement without it and with it, answers that failed under it
    alone, and why it is taken back (empty: it is kept)."""

    asked: tuple[str, ...]
    before: Fraction
    after: Fraction
    failed: int
    reason: str


@dataclass
class LineTrials:
    """Tries instructions of a refinement, and keeps count of what that takes.

    `documents` are those held back, of the round `before` the refinement; `annotators` those who take part.
    """

    documents: Sequence[Document]
    before: AnnotatedRound
    annotators: Sequence[AnnotatorSettings]
    asker: Asker
    label: str
    answers: AnswerSettings
    margin: float = 0.0
    trials: dict[str, Trial] = field(default_factory=dict)
    usage: list[Usage] = field(default_factory=list)

    def taken_back(self, base: Guideline, alone: Mapping[str, Guideline]) -> dict[str, str]:
        """Return the outcome of each instruction that is not kept, by id. `alone` is, by an instruction's id, the
        guideline `base` with that one change.

        Errors: ProviderError if annotators cannot be reached; what they answered is kept in the store.
        """
        part = [annotator for annotator in self.annotators if annotator.name not in base.left_out]
        names = {document.id for document in self.documents}
        standing = {a.name: [row for row in self.before.annotations[a.name] if row.id in names] for a in part}
        for line, guideline in alone.items():
            told = [annotator for annotator in part if annotator.follows_guidelines]
            bound = [annotator for annotator in told if _told(guideline, annotator) != _told(base, annotator)]
            if bound:
                self.trials[line] = self._trial(line, guideline, bound, standing)
        return {line: f"{DROPPED}: taken back: {t.reason}" for line, t in self.trials.items() if t.reason}

    def record(self) -> dict[str, Any]:
        """Return the trials as a refinement's record has them."""
        return {
            line: {
                "asked": list(trial.asked),
                "before": rounded_finely(float(trial.before)),
                "after": rounded_finely(float(trial.after)),
                "failed": trial.failed,
                "kept": not trial.reason,
            }
            for line, trial in self.trials.items()
        }

    def _trial(self, line: str, guideline: Guideline, bound: Sequence[AnnotatorSettings], standing: Rows) -> Trial:
        tried = dict(standing)
        failed = 0
        for annotator in bound:
            rows = self._annotated(line, guideline, annotator)
            answered = {row.id for row in standing[annotator.name] if row.failure is None}
            failed += sum(row.failure is not None and row.id in answered for row in rows)
            tried[annotator.name] = rows
        before, after = overall_agreement(standing), overall_agreement(tried)
        asked = tuple(annotator.name for annotator in bound)
        return Trial(asked, before, after, failed, self._reason(before, after, failed))

    def _annotated(self, line: str, guideline: Guideline, annotator: AnnotatorSettings) -> list[Annotation]:
        # A document that fails is no vote, and counts against the line: a few documents allow no share of failures.
        answers = replace(self.answers, max_failed_share=1.0)
        label = f"{self.label} {line} alone, {annotator.name}"
        annotated = annotate(self.documents, guideline, annotator, self.asker, label, answers)
        self.usage += annotated.usage
        failures = [row.failure for row in annotated.annotations if row.failure is not None]
        outages = [failure for failure in failures if failure.code in OUTAGES]
        if outages:
            raise ProviderError(
                f"{label}: {len(outages)} of {len(self.documents)} calls failed ({outages[0].code}: "
                f"{outages[0].detail}); what was answered is kept: run again to ask only for the rest"
            )
        return annotated.annotations

    def _reason(self, before: Fraction, after: Fraction, failed: int) -> str:
        figures = f"from {float(before):.3f} to {float(after):.3f}"
        if failed:
            return f"{counted(failed, 'answer')} failed under it"
        if after < before:
            return f"agreement fell {figures}"
        if after - before < as_written(self.margin):
            return f"agreement went {figures}, by less than {self.margin:g}"
        return ""


def line_trials(
    settings: SupervisorSettings,
    held_back: Collection[str],
    before: AnnotatedRound,
    annotators: Sequence[AnnotatorSettings],
    asker: Asker,
    label: str,
    answers: AnswerSettings,
) -> LineTrials | None:
    """Return the trials of a refinement; None where instructions are accepted in another way.

    `held_back` are the ids of the documents whose disagreements the supervisor is not shown, `annotators` the pool.
    """
    if settings.accept != LINES:
        return None
    documents = [document for document in before.documents if document.id in held_back]
    part = [annotator for annotator in annotators if annotator.name in before.annotations]
    return LineTrials(documents, before, part, asker, label, answers, settings.accept_margin)


def overall_agreement(rows: Rows) -> Fraction:
    """Return the mean strict span F1 of all pairs of annotators, each over the documents that both answered (method
    section 3). Pairs without such a document do not count; without any pair it is 1.

    >>> from diziner.records.annotations import Span
    >>> one, both = Annotation("d", (Span(0, 1, "PER"),)), Annotation("d", (Span(0, 1, "PER"), Span(2, 3, "LOC")))
    >>> overall_agreement({"a": [one], "b": [both], "c": [one]})
    Fraction(7, 9)
    """
    each = [_pair_f1(rows[one], rows[other]) for one, other in combinations(sorted(rows), 2)]
    pairs = [value for value in each if value is not None]
    return sum(pairs, Fraction(0)) / len(pairs) if pairs else Fraction(1)


def _pair_f1(one: Sequence[Annotation], other: Sequence[Annotation]) -> Fraction | None:
    theirs = {row.id: set(row.spans) for row in other if row.failure is None}
    both = [(set(row.spans), theirs[row.id]) for row in one if row.failure is None and row.id in theirs]
    if not both:
        return None
    size = sum(len(a) + len(b) for a, b in both)
    return Fraction(2 * sum(len(a & b) for a, b in both), size) if size else Fraction(1)


def _told(guideline: Guideline, annotator: AnnotatorSettings) -> list[Any]:
    """Return what an annotator is told by instructions: receipts, which change from round to round, are not."""
    return [_said(guideline.common), _said(guideline.specific.get(annotator.name, ()))]


def _said(instructions: Sequence[Instruction]) -> list[Any]:
    return [(line.text, line.examples, _said(line.children)) for line in instructions]
