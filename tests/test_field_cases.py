"""Cases from the field, of a folder that is no part of the project: each comes to what it may, and to nothing else.

`DIZINER_FIELD` names the folder; its cases.json lists inputs, the way each meets the product, and outcomes.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT

FOLDER = Path(os.environ.get("DIZINER_FIELD") or ROOT.parent / "shared/field")
# The way's module in tests/ and its function: a case and the folder in, what became of it out.
WAYS = {
    "answer": "field_answers:answer_outcome",
    "match": "field_matches:match_outcome",
    "reply": "field_replies:reply_outcome",
    "refusal": "field_replies:refusal_outcome",
    "file": "field_files:file_outcome",
}
EXACT = ("spans", "calls", "code")
SEARCHED = ("detail", "stderr")


def cases() -> list[Any]:
    """The folder's cases; one that says why there are none, where there is no folder."""
    if not (FOLDER / "cases.json").is_file():
        reason = f"no cases.json in {FOLDER}: DIZINER_FIELD names a folder of field cases"
        return [pytest.param({}, id="none", marks=pytest.mark.skip(reason=reason))]
    [listed] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8")).values()
    return [pytest.param(case, id=f"{case['way']}-{case['input']}", marks=marks(case["way"])) for case in listed]


def marks(way: str) -> list[pytest.MarkDecorator]:
    """A way whose module is not there yet fails, and is expected to."""
    module = WAYS.get(way, "").partition(":")[0]
    if module and not (ROOT / "tests" / f"{module}.py").is_file():
        return [pytest.mark.xfail(reason=f"tests/{module}.py is not there", strict=False)]
    return []


def fits(expected: Mapping[str, Any], outcome: Mapping[str, Any]) -> bool:
    """Whether an outcome is as expected. Errors: AssertionError for an expectation that is not understood."""
    for name, value in expected.items():
        assert name in ("failure", *EXACT, *SEARCHED), f"an outcome that is not understood: {name}"
        held = outcome.get(name)
        if name in SEARCHED:
            if re.search(value, held or "") is None:
                return False
        elif name == "failure" and value is True:
            if not held:
                return False
        elif held != value:
            return False
    return bool(expected)


@pytest.mark.parametrize("case", cases())
def test_a_field_case_comes_to_what_it_may(case: dict[str, Any]) -> None:
    assert case["way"] in WAYS, f"a way that is not understood: {case['way']}"
    module, _, function = WAYS[case["way"]].partition(":")
    way = importlib.import_module(module)
    outcome = getattr(way, function)(case, FOLDER)
    # A way of which several outcomes make one has its own comparison.
    compare = getattr(way, "fits", fits)
    assert any(compare(expected, outcome) for expected in case["accept"]), outcome
    never = getattr(way, "fits_somewhere", compare)
    assert not any(never(expected, outcome) for expected in case["never"]), outcome


def test_what_is_not_understood_fails() -> None:
    with pytest.raises(AssertionError, match="not understood: colour"):
        fits({"colour": "red"}, {"spans": []})
    assert not fits({}, {"spans": []})
    assert fits({"failure": True}, {"failure": "empty"}) and not fits({"failure": True}, {"spans": []})
    assert fits({"failure": "empty", "detail": "reason"}, {"failure": "empty", "detail": "no text but reasoning"})
