"""Round 0 of a benchmark out of its tape, without DVC and without a model: the guideline and the evidence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from projects import ROOT, copy_project, kept_folder

from diziner.agreement.analysis import analyse
from diziner.agreement.files import disagreements_to_json
from diziner.annotator.annotate import annotate
from diziner.corpora.card import load_card
from diziner.guideline.file import load_guideline
from diziner.layout import room_named
from diziner.llm.access import asker_for
from diziner.records.documents import read_documents
from diziner.records.guideline import Guideline
from diziner.settings import load_settings
from diziner.supervisor.evidence import Evidence, evidence_from_json
from stages.corpus import main as corpus_stage


@cache
def round_zero(benchmark: str) -> tuple[Guideline, Evidence]:
    """The guideline that people wrote, and what the recorded annotators disagree about under it."""
    project = copy_project(kept_folder() / f"round-zero-{benchmark}", (benchmark,), recordings=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        patch.setattr("sys.argv", ["corpus", benchmark])
        corpus_stage()
        settings, room = load_settings(), room_named(benchmark)
        guideline, documents = load_guideline(room.guideline(0, settings.start)), read_documents(room.pilot(0))
        asker = asker_for(settings, room)
        rows = {
            name: annotate(documents, guideline, settings.annotator(name), asker, "test", settings.answers).annotations
            for name in settings.pool
        }
        analysis = analyse(documents, rows, load_card(room.folder).types, settings.disagreement)
    return guideline, evidence_from_json(disagreements_to_json(analysis), guideline.types)


def benchmarks() -> list[str]:
    """All rooms that have a tape."""
    return sorted(path.parent.name for path in Path(ROOT, "data").glob("*/tape.jsonl"))
