"""Job of a labelling: guideline, annotator and settings, with a digest of all that shapes a row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import FILE, MODEL, PYTHON, AnnotatorSettings, AnswerSettings, kind_in_words
from diziner.common.errors import UserError
from diziner.common.files import dump_line
from diziner.common.plugins import ANNOTATORS, FUNCTIONS, digest_of, versions_of
from diziner.common.remote import Place
from diziner.corpora.tokenize import TOKENIZER
from diziner.guideline.file import guideline_to_json
from diziner.labelling.ballot import Ballot
from diziner.pipeline.code import code_behind, digests
from diziner.prompting.asker import Asker
from diziner.prompting.templates import render
from diziner.records.documents import Document
from diziner.records.guideline import Guideline
from diziner.settings import Settings

Format = Literal["jsonl", "parquet"]

# What reads documents and what writes their rows: with other code behind them, a shard that is there is not done.
_CODE = ("input_files.py", "output_folder.py", "work.py")
# What requests are made about to see what all have in common.
PROBE = Document("probe", ("Probe", "."), "Probe .")


@dataclass(frozen=True, slots=True)
class Job:
    """Job as a worker needs it, whichever process it is in. `settings` is params.yaml, checked.

    `recipe` is the digest that shard names carry. Several `annotators` vote by `ballot`; one has none.
    """

    guideline: Guideline
    annotators: tuple[AnnotatorSettings, ...]
    settings: Settings
    out: Place
    format: Format
    recipe: str
    ballot: Ballot | None = None

    @property
    def answers(self) -> AnswerSettings:
        return self.settings.answers

    @property
    def voters(self) -> tuple[str, ...]:
        """Names of the annotators that vote; none where there is one alone."""
        return () if self.ballot is None else tuple(annotator.name for annotator in self.annotators)

    @property
    def label(self) -> str:
        """Label of the work on progress lines and in the cost report."""
        if self.ballot is not None:
            return f"{self.guideline.benchmark} label, vote of {len(self.annotators)}"
        return self.label_of(self.annotators[0])

    def label_of(self, annotator: AnnotatorSettings) -> str:
        """Return the label of one annotator's work."""
        return f"{self.guideline.benchmark} label, {annotator.name}"


def recipe_digest(
    guideline: Guideline,
    annotators: Sequence[AnnotatorSettings],
    answers: AnswerSettings,
    asker: Asker,
    form: Format,
    ballot: Ballot | None = None,
) -> str:
    """Return SHA-256 of all but the documents that shapes rows: what models are sent for any document, with templates
    filled in, how answers are read and votes counted, the file format, and the code.

    Errors: UserError if the guideline leaves an annotator out: it would label nothing.
    """
    shaping: dict[str, Any] = {
        "annotators": [_shaping(guideline, annotator, answers, asker) for annotator in annotators],
        "ballot": None if ballot is None else [dict(ballot.weights), ballot.consensus],
        "repair": render("repair.v1", reason=""),
        "types": [[t.label, t.name] for t in guideline.types],
        "occurrences": answers.occurrences,
        "matching": answers.matching,
        "repair_turns": answers.repair_turns,
        "chunks": [answers.chunk_tokens, answers.overlap],
        "format": form,
        "code": _code_digest(),
    }
    if answers.nested:
        shaping["nested"] = True
    return hashlib.sha256(dump_line(shaping).encode()).hexdigest()


def _shaping(
    guideline: Guideline, annotator: AnnotatorSettings, answers: AnswerSettings, asker: Asker
) -> dict[str, Any]:
    if annotator.name in guideline.left_out:
        others = sorted(set(guideline.specific) - set(guideline.left_out))
        hint = f"; it has instructions for: {', '.join(others)}" if others else ""
        raise UserError(f"--annotator: the guideline leaves {annotator.name} out, so it labels nothing{hint}")
    if annotator.kind == FILE:
        raise UserError(
            f"--annotator: {annotator.name} is {kind_in_words(annotator)}: a file cannot label more documents"
        )
    probes = requests_for([PROBE], guideline, annotator, asker, answers.show_goal) if annotator.model else []
    own: dict[str, Any] = {"request": probes[0].canonical() if probes else None}
    if annotator.kind != MODEL:
        own |= {"kind": digest_of(ANNOTATORS, annotator.kind), "options": dict(annotator.options)}
    if annotator.kind == PYTHON:
        code = digest_of(FUNCTIONS, annotator.function) | versions_of(annotator.packages)
        own |= {"function": annotator.function, "kind": code, "type_map": asdict(annotator.type_map)}
    return own


def described(job: Job) -> dict[str, Any]:
    """Return the job as the manifest states it."""
    answers: Mapping[str, Any] = asdict(job.answers)
    guideline = dump_line(guideline_to_json(job.guideline))
    voters = [_described(annotator) for annotator in job.annotators]
    who: dict[str, Any] = {"annotator": voters[0]}
    if job.ballot is not None:
        weighed = [{**voter, "weight": job.ballot.weights[voter["name"]]} for voter in voters]
        who = {"annotators": weighed, "consensus": job.ballot.consensus}
    return {
        **who,
        "answers": {
            key: value for key, value in answers.items() if key not in ("max_failed_share", "allowed_failures")
        },
        "guideline": {
            "benchmark": job.guideline.benchmark,
            "round": job.guideline.round,
            "types": [t.label for t in job.guideline.types],
            "sha256": hashlib.sha256(guideline.encode()).hexdigest(),
        },
        "recipe": job.recipe,
        "format": job.format,
        "tokenizer": TOKENIZER,
    }


def _described(annotator: AnnotatorSettings) -> dict[str, Any]:
    model = annotator.model
    return {
        "name": annotator.name,
        "style": annotator.style,
        "prompt": annotator.prompt,
        "model": {**asdict(model), "stop": list(model.stop)} if model else kind_in_words(annotator),
    }


@cache
def _code_digest() -> str:
    folder = Path(__file__).parent
    found = digests(code_behind(*(folder / name for name in _CODE)))
    return hashlib.sha256(dump_line(found).encode()).hexdigest()
