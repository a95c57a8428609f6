"""A run as people see it: lines where nobody watches, a live table on a terminal of any size, without colour too."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import ROOT
from terminal import Screen, recorded, terminal

from diziner.common.streams import can_be_redrawn
from diziner.repro.grid import Grid
from diziner.repro.outcome import Failure, Outcome
from diziner.repro.plan import Step
from diziner.repro.view import View

ROOMS = sorted(path.parent.name for path in ROOT.glob("data/*/benchmark.yaml"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    for module in ("view", "grid"):
        monkeypatch.setattr(f"diziner.repro.{module}.time.monotonic", made)
    yield made


def steps_of(rooms: list[str], rounds: int = 2) -> list[Step]:
    """The stages of a run of the embedded profile, or of one of more rounds."""
    found = [Step("code_digests"), Step("summary")]
    for room in rooms:
        names = ["corpus", "select", "predict@initial", "predict@selected", "score"]
        names += [f"annotate@{one}-round{number}" for number in range(rounds) for one in ("a", "b", "c")]
        names += [f"disagree@round{number}" for number in range(rounds)]
        names += [f"refine@step{number}" for number in range(rounds - 1)]
        found += [Step(f"data/{room}/dvc.yaml:{name}", f"data/{room}") for name in names]
    return sorted(found, key=lambda step: step.name)


def play(
    view: View, steps: list[Step], clock: Clock, until: int | None = None, log: Path = Path("none"), tick_every: int = 1
) -> Outcome:
    """Have stages run one after the other, a second each: the first rooms' from the cache, one failed; then, of those
    from `until` on, three are begun. The view may draw after each, or after every so many: drawing takes the time."""
    outcome = Outcome()
    view.begin(steps, 4)
    for number, step in enumerate(steps[:until], 1):
        if step.group.endswith("anatem"):
            outcome.unchanged += 1
            view.ended(step, "unchanged", None)
        elif step.group.endswith("ace2005"):
            outcome.cached += 1
            view.ended(step, "cached", None)
        else:
            view.started(step, log)
            clock.now += 1
            if step.group.endswith("bc2gm") and step.kind == "score":
                outcome.failures.append(Failure(step, 2, "failed with exit code 2", log))
                view.failed(step, "failed with exit code 2", log)
            else:
                outcome.ran += 1
                view.ended(step, "finished", 1.0)
        if not number % tick_every:
            view.tick()
    for step in [] if until is None else steps[until : until + 3]:
        view.started(step, log)
    return outcome


def test_a_run_of_all_rooms_prints_a_line_for_each_where_nobody_watches(clock: Clock, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("error: no such file\n")
    stream = io.StringIO()
    view, steps = View(stream), steps_of(ROOMS)
    view.close(play(view, steps, clock, log=log))
    assert len(steps) == 18 * 14 + 2
    recorded("repro.piped", stream.getvalue())
    assert len(stream.getvalue().splitlines()) <= 22


@pytest.mark.parametrize(
    ("rooms", "rounds", "lines"),
    [(ROOMS[6:7], 2, 17), (ROOMS[6:8], 2, 10), (ROOMS[6:7], 8, 12), (ROOMS * 3, 2, 20)],
)
def test_lines_are_about_as_many_as_fit_on_a_screen(clock: Clock, rooms: list[str], rounds: int, lines: int) -> None:
    stream = io.StringIO()
    view = View(stream)
    view.close(play(view, sorted({*steps_of(rooms, rounds)}, key=lambda step: step.name), clock))
    assert len(stream.getvalue().splitlines()) <= lines + 1


def test_a_run_that_says_nothing_for_a_minute_says_how_far_it_is(clock: Clock) -> None:
    stream = io.StringIO()
    view, steps = View(stream), steps_of(ROOMS)
    play(view, steps, clock, 100)
    before = len(stream.getvalue())
    for _ in range(36_000):
        clock.now += 1
        view.tick()
    said = stream.getvalue()[before:].splitlines()
    assert said[0].startswith("running   100 of 254 stages, about ") and said[0].endswith(" and 1 more")
    assert 5 <= len(said) <= 40


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_live_table_fits_the_terminal(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, width: int
) -> None:
    log = tmp_path / "log"
    log.write_text("conll2003 annotate: 12 of 40 requests, 3.1 a second, about 9 s left, prompt tokens 12,345\n")
    for variable, value in (("COLUMNS", width), ("LINES", 24), ("TERM", "xterm"), ("NO_COLOR", "1")):
        monkeypatch.setenv(variable, str(value))
    with terminal() as (stream, shown), Grid(stream) as grid:
        assert can_be_redrawn(stream)
        outcome = play(grid, steps_of(ROOMS), clock, 100, log)
        clock.now += 75
        grid.tick()
        during = shown()
        grid.close(outcome)
    screen = Screen(width)
    screen.feed(shown())
    assert not screen.coloured and "254 stages in" in screen.text() and "benchmark" not in screen.text()
    live = Screen(width)
    live.feed(during)
    assert not (live.overflowed or screen.overflowed)
    recorded(f"repro.live.{width}", live.text())
    kept = screen.text().count("\n") - 1  # lines that stay, above the table
    assert live.text().count("\n") - kept < 24


@pytest.mark.parametrize(("width", "height"), [(40, 10), (60, 24), (80, 12), (200, 60)])
def test_eight_rounds_of_many_rooms_fit_too(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    for variable, value in (("COLUMNS", width), ("LINES", height), ("TERM", "xterm-256color")):
        monkeypatch.setenv(variable, str(value))
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal() as (stream, shown), Grid(stream) as grid:
        play(grid, steps_of([f"a_room_of_a_long_name_{number}" for number in range(30)], 8), clock, 700, tick_every=50)
        grid.tick()
        screen = Screen(width)
        screen.feed(shown())
    lines = screen.text().splitlines()
    assert not screen.overflowed and len(lines) < height and screen.coloured
    assert lines[-1].startswith("700 of 1,322 stages, about ")
    assert lines[0].split()[1:] == [
        "start",
        *([f"r{number}" for number in range(8)] if width > 60 else ["rounds"]),
        "end",
    ]


def test_a_terminal_of_another_encoding_gets_marks_that_it_has(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("żółć, as a model wrote it, in a line that is longer than the terminal is wide\n")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")
    with terminal("ascii") as (stream, shown), Grid(stream) as grid:
        play(grid, steps_of(["bc2gm", "genia"]), clock, 18, tmp_path / "log")
        clock.now += 1
        grid.tick()
        text = shown()
    assert "x1" in text and ">" in text and "????, as a model" in text


def test_a_run_of_many_stages_shows_the_first_of_their_notes_and_counts_the_others(clock: Clock) -> None:
    for rooms, shown in ((ROOMS, 3), (ROOMS[:1], 14)):
        stream = io.StringIO()
        view, steps = View(stream), steps_of(rooms)
        view.begin(steps, 2)
        for step in steps[1:15]:
            view.note(step, f"wrote lines for {step.label}")
        view.close(Outcome())
        assert stream.getvalue().count("wrote lines") == shown
        assert ("11 notes more of stages" in stream.getvalue()) == (shown == 3)


def test_output_of_failures_that_is_the_same_is_printed_once(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("error: no key\n")
    stream = io.StringIO()
    view, steps = View(stream), steps_of(ROOMS)
    view.begin(steps, 2)
    for step in steps[1:5]:
        view.started(step, tmp_path / "log")
        view.failed(step, "failed with exit code 2", tmp_path / "log")
    assert stream.getvalue().count("no key") == 1 and stream.getvalue().count("that of an earlier one") == 3


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_terminal_that_cannot_go_back_gets_lines(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TERM", name)
    with terminal() as (stream, _):
        assert not can_be_redrawn(stream)
