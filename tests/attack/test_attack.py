"""The attack itself: what is wrong is seen, told with what tries it again, and counted."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from attack.__main__ import PARTS, attacked
from attack.command_line import Ended, judged
from attack.findings import Attempt, Case, Finding, Part
from attack.reviewed import entries


def planted(folder: Path) -> Attempt:
    """Six ways to end, by name."""

    def attempt(given: str) -> Finding:
        if given == "raises":
            raise KeyError("lost")
        if given == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if given == "hangs":
            time.sleep(600)
        if given == "wrong":
            return Finding("wrong", "another's answer")
        return Finding("accepted" if given == "accepted" else "refused", "a.yaml: no")

    return attempt


def names(seed: int) -> list[Case]:
    given = ["refused", "raises", "dies", "hangs", "wrong", "accepted"]
    return [Case(number, f"planted {name}", name) for number, name in enumerate(given)]


def test_whatever_goes_wrong_is_told_with_what_tries_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    part = Part("planted", names, planted, least=6, brief=3, limit_s=2.0)
    assert attacked(part, 5) == 4
    said = capsys.readouterr().out
    for told in (
        "FAILED planted 1 (tracebacks): planted raises: KeyError at test_attack.py",
        "FAILED planted 2 (tracebacks): planted dies: the process died of SIGKILL",
        "FAILED planted 3 (tracebacks): planted hangs: hung: no end within 2 s",
        "FAILED planted 4 (wrong): planted wrong: another's answer",
        "again: PYTHONPATH=tests python -m attack --seed 5 --only planted --case 4",
        "planted: 6 tried: 1 refused in one line, 1 accepted, 3 tracebacks, 1 wrong; ",
    ):
        assert told in said
    assert attacked(part, 5, brief=True) == 1  # 2 and 5: the seed says which
    assert attacked(part, 5, alone=0) == 0
    assert attacked(Part("few", names, planted, least=7, brief=1, limit_s=2.0), 5) == 5
    assert "FAILED few: 6 cases, must be at least 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (Ended(0, "{}", "", None), "accepted"),
        (Ended(2, "", "error: a.yaml:3: not YAML\n", None), "refused"),
        (Ended(2, "", "usage: diziner use\ndiziner use: error: no NAME\n", None), "refused"),
        (Ended(2, "", "error: a\nerror: b\n", None), "wrong"),
        (Ended(2, "", "error: a\nmore of it\n", None), "wrong"),
        (Ended(2, "", "error: \x1b[2J\n", None), "wrong"),
        (Ended(2, "", f"error: {'x' * 9999}\n", None), "wrong"),
        (Ended(2, "", "", None), "wrong"),
        (Ended(1, "", "error: lost\n", None), "wrong"),
        (Ended(2, "", "Traceback (most recent call last):\n  …\nerror: a\n", None), "traceback"),
        (Ended(0, "", "", KeyError("x")), "traceback"),
    ],
)
def test_how_a_command_may_end(ended: Ended, verdict: str) -> None:
    assert judged(ended).verdict == verdict


def test_every_entry_of_the_reviewed_list_has_its_reason() -> None:
    found: dict[str, list[dict[str, Any]]] = entries()
    assert set(found) <= {*PARTS, "records"}  # these are read in the part of YAML
    for entry in (entry for own in found.values() for entry in own):
        assert set(entry) == {"why", "values", "at"}
        assert entry["why"] and entry["values"] and entry["at"]


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_cases_are_enough_numbered_and_the_same_for_the_same_seed(part: Part) -> None:
    cases = part.cases(3)
    assert sum(case.count for case in cases) >= part.least
    assert [case.number for case in cases] == list(range(len(cases)))
    assert [case.what for case in cases] == [case.what for case in part.cases(3)]


def test_settings_hold() -> None:
    """Some of each kind, in this process: the rest is for `make attack`."""
    part = PARTS["settings"]
    attempt = part.prepared(Path())
    for case in part.cases(1)[::41]:
        if "user info" not in case.what:
            found = attempt(case.given)
            assert found.verdict in ("refused", "accepted"), (case, found)
