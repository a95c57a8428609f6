"""Field cases of matching: each has one of its right outcomes, and none that it must never have."""

from __future__ import annotations

from typing import Any

import pytest
from field_matches import FOLDER, cases_of, match_outcome

CASES = cases_of("match")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared field cases are not here")
def test_there_are_field_cases_of_matching() -> None:
    assert CASES


@pytest.mark.parametrize("case", CASES, ids=[case["input"] for case in CASES])
def test_a_field_case_of_matching_has_a_right_outcome(case: dict[str, Any]) -> None:
    outcome = match_outcome(case)
    assert outcome in case["accept"]
    assert outcome not in case["never"]
