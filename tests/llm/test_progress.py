"""Progress on terminals: a bar where there is place for one, the words alone on a narrow one, lines on a dumb one."""

from __future__ import annotations

import io

import pytest
from terminal import Screen, terminal

from diziner.llm import progress as module
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


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(module, "time", own)
    return own


def test_rate_and_time_left_are_of_this_runs_work_after_the_first(clock: Clock) -> None:
    progress = Progress("label", 1200, 200, io.StringIO(), cost=lambda: 0.25)
    assert progress.line() == "200 of 1,200 requests, 200 from the store, 0.0 a minute, USD 0.2500"
    clock.now += 60  # a model is loaded
    progress.advance()
    # So far the time to the first is all that there is, and says nothing of what is left.
    assert progress.line() == "201 of 1,200 requests, 200 from the store, 1.0 a minute, USD 0.2500"
    clock.now += 10
    progress.finished(21, 2)
    # 20 more in 10 s; 979 are left.
    assert progress.line() == (
        "221 of 1,200 requests, 200 from the store, 2.0 a second, 2 failed, USD 0.2500, 8 min left"
    )
    progress.stands_at(10)
    assert progress.line().startswith("231 of 1,200 requests, 200 from the store, 3.0 a second, 2 failed")
    clock.now += 50
    progress.finished(10, 1)
    assert progress.line().startswith("231 of 1,200 requests, 200 from the store, 30.0 a minute, 3 failed")
    clock.now -= 30
    assert "1.0 a second, 3 failed" in progress.line()
    progress.finished(969, 0)
    assert progress.line().endswith("USD 0.2500") and "left" not in progress.line()


def test_without_a_cost_or_anything_found_neither_is_said(clock: Clock) -> None:
    progress = Progress("label", 4, 0, io.StringIO(), things="stages")
    clock.now += 2
    progress.finished(1, 0)
    assert progress.line() == "1 of 4 stages, 30.0 a minute"
    clock.now += 4
    progress.finished(1, 0)
    assert progress.line() == "2 of 4 stages, 15.0 a minute, 8 s left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (5369, "89 min"), (5400, "1 h 30 min"), (12_000, "3 h 20 min")],
)
def test_durations_are_for_people(seconds: float, words: str) -> None:
    assert module._duration(seconds) == words


def test_lines_come_every_ten_seconds_and_at_the_end(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress("label", 5, 0, stream) as progress:
        for pause in (9.9, 0.1, 9.9, 0.2):
            clock.now += pause
            progress.advance()
    lines = stream.getvalue().splitlines()
    assert [line.split(" requests")[0] for line in lines] == ["label: 2 of 5", "label: 4 of 5", "label: 4 of 5"]
    silent = io.StringIO()
    with Progress("label", 5, 5, silent):
        clock.now += 100
    assert silent.getvalue() == ""
