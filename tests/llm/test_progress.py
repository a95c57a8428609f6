"""Progress on terminals: a bar where there is place for one, the words alone on a narrow one, lines on a dumb one."""

from __future__ import annotations

import pytest
from terminal import Screen, terminal

from diziner.llm.progress import Progress


@pytest.mark.parametrize(("width", "bar"), [(60, False), (80, False), (140, True)])
def test_words_have_their_place(monkeypatch: pytest.MonkeyPatch, width: int, bar: bool) -> None:
    for variable, value in (("COLUMNS", width), ("TERM", "xterm"), ("NO_COLOR", "1")):
        monkeypatch.setenv(variable, str(value))
    with terminal(width=width) as (stream, shown):
        with Progress("conll2003 annotate@qwen", 40, 10, stream) as progress:
            progress.finished(5, 1)
        screen = Screen(width)
        screen.feed(shown())
    text = " ".join(screen.text().split())
    assert "conll2003 annotate@qwen: 15 of 40 requests, 10 from the store, " in text and "1 failed" in text
    assert ("━" in text) == bar and not (screen.coloured or screen.overflowed)


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with terminal() as (stream, shown):
        with Progress("label", 40, 10, stream) as progress:
            progress.finished(5, 0)
        assert shown().startswith("label: 15 of 40 requests, 10 from the store, ") and shown().count("\n") == 1
