"""Standard output: what an encoding lacks is written as escapes, not as a traceback."""

from __future__ import annotations

import io
import json
import sys

import pytest

from diziner.common.streams import guard_streams


def test_characters_that_a_terminal_lacks_are_escaped_as_json_does(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    guard_streams()
    said = {"goal": "Köln → 上海 \U0001f600"}
    sys.stdout.write(json.dumps(said, ensure_ascii=False))
    sys.stdout.flush()
    assert json.loads(written.getvalue().decode("latin-1")) == said and "Köln".encode("latin-1") in written.getvalue()
