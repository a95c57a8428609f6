"""What is done to every document: a job, and the digest of all of it that shapes a row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from stages.annotator.annotate import requests_for
from stages.annotator.settings import AnnotatorSettings, AnswerSettings
from stages.contracts import Document, Guideline
from stages.errors import UserError
from stages.files import dump_line
from stages.llm.ask import Asker
from stages.llm.prompts import render
from stages.settings import Settings
from stages.supervisor.guideline import guideline_to_json

Format = Literal["jsonl", "parquet"]

# The code behind a row, below stages/: with other code, a shard that is there is not taken for done.
_CODE = (
    "annotator/*.py",
    "corpora/texts.py",
    "corpora/tokenize.py",
    "labelling/rows.py",
    "llm/dialogue.py",
    "llm/parse.py",
    "ner/*.py",
    "schemas/answer.schema.json",
)
_PROBE = Document("probe", ("Probe", "."), "Probe .")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know, whichever process it is in. `settings` is params.yaml, checked.

    `recipe` is the digest that shard names carry.
    """

    guideline: Guideline
    annotator: AnnotatorSettings
    settings: Settings
    out: Path
    format: Format
    recipe: str

    @property
    def answers(self) -> AnswerSettings:
        return self.settings.answers

    @property
    def label(self) -> str:
        """What the work is called on progress lines and in the cost report."""
        return f"{self.guideline.benchmark} label, {self.annotator.name}"


def recipe_digest(
    guideline: Guideline, annotator: AnnotatorSettings, answers: AnswerSettings, asker: Asker, form: Format
) -> str:
    """SHA-256 of all but the documents that shapes rows: what a model is sent for any document, with templates
    filled in, how answers are read, the file format, and the code.

    Errors: UserError if the guideline leaves the annotator out: it would label nothing.
    """
    if annotator.name in guideline.left_out:
        others = sorted(set(guideline.specific) - set(guideline.left_out))
        hint = f"; it has instructions for: {', '.join(others)}" if others else ""
        raise UserError(f"--annotator: the guideline leaves {annotator.name} out, so it labels nothing{hint}")
    [probe] = requests_for([_PROBE], guideline, annotator, asker, answers.show_goal)
    shaping = {
        "request": probe.canonical(),
        "repair": render("repair.v1", reason=""),
        "types": [[t.label, t.name] for t in guideline.types],
        "occurrences": answers.occurrences,
        "repair_turns": answers.repair_turns,
        "format": form,
        "code": _code_digest(),
    }
    return hashlib.sha256(dump_line(shaping).encode()).hexdigest()


def described(job: Job) -> dict[str, Any]:
    """The job as the manifest states it."""
    answers: Mapping[str, Any] = asdict(job.answers)
    guideline = dump_line(guideline_to_json(job.guideline))
    return {
        "annotator": {
            "name": job.annotator.name,
            "style": job.annotator.style,
            "prompt": job.annotator.prompt,
            "model": {**asdict(job.annotator.model), "stop": list(job.annotator.model.stop)},
        },
        "answers": {key: value for key, value in answers.items() if key != "max_failed_share"},
        "guideline": {
            "benchmark": job.guideline.benchmark,
            "round": job.guideline.round,
            "types": [t.label for t in job.guideline.types],
            "sha256": hashlib.sha256(guideline.encode()).hexdigest(),
        },
        "recipe": job.recipe,
        "format": job.format,
    }


@cache
def _code_digest() -> str:
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for pattern in _CODE:
        for path in sorted(root.glob(pattern)):
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
