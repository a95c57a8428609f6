"""Field cases of the way `match`: answered strings of a case's input, matched to its tokens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from projects import ROOT

from diziner.records.documents import Document
from diziner.spans.matching import match_answers

FOLDER = Path(os.environ.get("DIZINER_FIELD") or ROOT.parent / "shared" / "field")


def cases_of(way: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The cases of one way in a folder's cases.json; none if there is no such folder."""
    path = folder / "cases.json"
    listed = json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else []
    return [case for case in listed if case["way"] == way]


def match_outcome(case: Mapping[str, Any], folder: Path = FOLDER) -> dict[str, Any]:
    """What lenient matching, the default, makes of a case: `{"spans": [[start, end, label], ...]}`."""
    given = json.loads((folder / case["input"]).read_text(encoding="utf-8"))
    answers = [(surface, label) for surface, label in given["answers"]]
    document = Document("d", tuple(case["tokens"]), given["document"])
    matches = match_answers(document, answers, sorted({label for _, label in answers}))
    return {"spans": [[span.start, span.end, span.type] for span in matches.spans]}
