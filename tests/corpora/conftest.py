"""Fixture of the tests of corpora: a room whose sources a test writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_room import Setup


@pytest.fixture
def toy(tmp_path: Path) -> Setup:
    return Setup(tmp_path)
