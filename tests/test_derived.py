"""Pages and schemas that are made from the code's tables are as these make them."""

from __future__ import annotations

import pytest
from derived import DERIVED, derived


@pytest.mark.parametrize("name", DERIVED)
def test_what_follows_from_the_code_is_as_the_code_says(name: str) -> None:
    written, made = derived(name)
    assert written == made, "run `python tests/derived.py`"
