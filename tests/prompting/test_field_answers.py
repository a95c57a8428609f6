"""Answers from the field, from a folder of cases that is no part of the project: each comes to what it may come to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from field_answers import answer_outcome
from projects import ROOT

FOLDER = Path(os.environ.get("DIZINER_FIELD", ROOT.parent / "shared/field"))
CASES: list[dict[str, Any]] = []
if (FOLDER / "cases.json").exists():
    [rows] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8")).values()
    CASES = [case for case in rows if case["way"] == "answer"]


@pytest.mark.skipif(not CASES, reason=f"no cases.json in {FOLDER}: set DIZINER_FIELD to a folder of field cases")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["input"])
def test_a_field_answer_comes_to_what_it_may(case: dict[str, Any]) -> None:
    outcome = answer_outcome(case, FOLDER)
    assert outcome in case["accept"]
    assert outcome not in case["never"]
