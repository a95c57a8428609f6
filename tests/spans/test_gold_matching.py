"""Matching on the real test files: gold comes back as before, and no string matches without a plain reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from gold_matching import NO_MENTIONS, gold_of, matches_of_no_mentions, real_test_files, strict_f1

FILES = real_test_files()


@pytest.mark.skipif(not FILES, reason="the shared benchmark files are not here")
def test_the_real_test_files_are_all_here() -> None:
    assert len(FILES) == 13 and NO_MENTIONS == 1000


@pytest.mark.parametrize("path", FILES, ids=[path.parent.name for path in FILES])
def test_gold_comes_back_and_no_match_is_without_reason(path: Path) -> None:
    gold = gold_of(path)
    for occurrences in ("all", "ordered"):
        assert strict_f1(gold, occurrences, "lenient") >= strict_f1(gold, occurrences, "plain")
    found = list(matches_of_no_mentions(gold))
    assert found
    assert [each for each in found if not each.why] == []
