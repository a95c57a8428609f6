"""Damaged stores, tapes and exports: of each kind one (`tests/damaged_answers.py` makes more)."""

from __future__ import annotations

from pathlib import Path

import pytest
from damaged_answers import cases, originals, outcome

from diziner.llm.rows import Row

KINDS = len({case[:2] for case in cases(200)})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, originals(folder)


@pytest.mark.parametrize(("file", "damage", "seed"), list(cases(KINDS)))
def test_of_what_is_damaged_no_wrong_answer_is_used(
    whole: tuple[Path, list[Row]], file: str, damage: str, seed: int
) -> None:
    found = outcome(*whole, file, damage, seed)
    assert found in {"refused", "whole", "some missing"}
    if file in {"tape", "export"}:
        assert found == "refused"
