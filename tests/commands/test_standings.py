"""States of figures: the same state is named the same way by status, summary, diff, gate and report."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from metric_project import MetricProject, drawn
from projects import ROOT, Project

from diziner.repro.failures import FailureRecord
from diziner.repro.plan import Step

ROOM, OTHER = "conll2003", "mit_movie"
PIPELINE = f"data/{ROOM}/dvc.yaml"
Run = Callable[..., tuple[int, str]]


class Place(MetricProject):
    """Two benchmarks with all their outputs, as committed."""

    def fetch(self) -> None:
        """Put the cached outputs there, and what they are into the lock."""
        for name in (ROOM, OTHER):
            lock = self.folder / f"data/{name}/dvc.lock"
            for kind in ("test", "gold"):
                path = self.folder / f"data/{name}/corpus/{kind}.jsonl"
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"{name} {kind}\n")
                digest = hashlib.md5(path.read_bytes()).hexdigest()
                lock.write_text(lock.read_text().replace(f"{kind} gold", digest))

    def change(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    def drop(self, *paths: str) -> None:
        for path in paths:
            (self.folder / path).unlink()

    def fail(self, why: str, goal: str = "Names.", *gone: str) -> None:
        """What a run leaves whose stage failed, with the guideline that it was run on."""
        self.change(GUIDELINE, "Names.", goal)
        self.drop(*gone)
        FailureRecord(self.folder).fail(f"{PIPELINE}:score", why)

    def never_run(self) -> None:
        self.drop(f"metrics/final/{ROOM}.json", f"data/{ROOM}/dvc.lock")
        self.git("rm", "-rqf", "--cached", f"metrics/final/{ROOM}.json", f"data/{ROOM}")
        self.git("commit", "-qm", "gone")

    def left_out(self) -> None:
        self.never_run()
        FailureRecord(self.folder).leave_out(f"data/{ROOM}", "no  such\nfile")


FINAL = f"metrics/final/{ROOM}.json"
GUIDELINE = f"data/{ROOM}/guideline.yaml"
# What is done to a project whose outputs are all there, the state of the room then, why, and whether the gate passes.
TABLE: dict[str, tuple[Callable[[Place], Any], str, str, bool]] = {
    "nothing": (lambda place: None, "current", "", True),
    "outputs not there": (lambda place: place.drop(f"data/{ROOM}/corpus/gold.jsonl"), "not fetched", "", True),
    "guideline": (
        lambda place: place.change(GUIDELINE, "Names.", "All names."),
        "stale",
        f"{GUIDELINE} changed",
        False,
    ),
    "guideline gone": (lambda place: place.drop(GUIDELINE), "stale", f"{GUIDELINE} is gone", False),
    "setting": (
        lambda place: place.change("params.yaml", "repair_turns: 1", "repair_turns: 2"),
        "stale",
        "params.yaml answers.repair_turns: 1 -> 2",
        False,
    ),
    "command": (lambda place: place.change(PIPELINE, "cmd: score", "cmd: scores"), "stale", "the command of", False),
    "metrics by hand": (lambda place: place.edit(FINAL, {"f1": 0.9}), "stale", f"{FINAL} is not what dvc.lock", False),
    "output by hand": (
        lambda place: (place.folder / f"data/{ROOM}/corpus/gold.jsonl").write_text("x"),
        "stale",
        f"data/{ROOM}/corpus/gold.jsonl is not what dvc.lock says",
        False,
    ),
    "failed": (
        lambda place: place.fail("no  such\nfile", "All.", FINAL),
        "failed",
        "score: no such file",
        False,
    ),
    "made good": (lambda place: place.fail("once"), "current", "", True),
    "metrics gone": (lambda place: place.drop(FINAL), "missing", f"{FINAL} is gone", False),
    "never run": (Place.never_run, "not run", "", True),
    "left out": (Place.left_out, "not run", "the last run left it out: no such file", True),
    "unlinked": (lambda place: place.drop(PIPELINE), "unlinked", "", True),
    "damaged pipeline": (lambda place: (place.folder / PIPELINE).write_text("stages: 1"), "failed", PIPELINE, False),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    made = Place(tmp_path)
    for name in (ROOM, OTHER):
        made.score(name, drawn(1, 60))
        (tmp_path / f"data/{name}/benchmark.yaml").write_bytes((ROOT / f"data/{name}/benchmark.yaml").read_bytes())
    made.fetch()
    made.commit()
    return made


def read(said: str) -> Any:
    return json.loads(said[: said.rindex("}") + 1])


@pytest.mark.parametrize("case", TABLE)
def test_a_state_has_one_name_on_every_screen(place: Place, command: Run, case: str) -> None:
    change, state, why, passes = TABLE[case]
    change(place)
    before = {
        path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file() and ".git" not in path.parts
    }

    code, said = command("status", "--json")
    found = json.loads(said)["rooms"]
    assert code == 0 and found[ROOM]["state"] == state
    assert why in "".join(found[ROOM]["why"]) if why else not found[ROOM]["why"]
    other = "stale" if case == "setting" else "current"
    assert found[OTHER]["state"] == other
    lines = command("status", ROOM)[1].splitlines()
    assert lines[0] == f"{ROOM}: {state}" and (not why or why in lines[1])

    for words in (("summary", "--json"), ("diff", "--json"), ("gate", "--json")):
        states = read(command(*words)[1])["states"]
        assert (states[ROOM], states[OTHER]) == (found[ROOM], found[OTHER]), words
    text = " ".join(command("summary")[1].split())
    assert f"{ROOM} {state}" in text or f"{state}: {ROOM}" in text or (state, passes) == ("current", True)
    assert why in text and OTHER in text
    text = command("diff")[1]
    assert state in text or state == "current"

    code, said = command("gate")
    assert code == (0 if passes else 1), said
    assert state == "current" or re.search(rf"(ok|FAIL) +{ROOM}(, {OTHER})? +state +{re.escape(state)}", said)
    assert (f"gate failed: {ROOM}" in said or case == "setting") != passes
    code, _ = command("gate", "--allow-stale")
    assert code == (0 if passes or (state == "stale" and case != "metrics by hand") else 1)

    assert command("report")[0] == 0
    page = (place.folder / "report.html").read_text()
    data = json.loads(page[page.index('<script type="application/json"') :].partition(">")[2].partition("</script>")[0])
    shown = {own["name"]: own["state"] and own["state"]["state"] for own in data["benchmarks"]}
    assert shown.get(ROOM, "unlinked") == (None if state == "current" else state)
    assert shown[OTHER] == (None if other == "current" else other)

    (place.folder / "report.html").unlink()
    after = {path: path.read_bytes() for path in before if path.is_file()}
    assert after == before, "no screen changes a file"


def test_a_room_that_is_not_linked_is_one_line_of_the_gate_unless_it_fails(place: Place, command: Run) -> None:
    place.drop(PIPELINE)
    said = command("gate")[1]
    assert sum(f" {ROOM} " in line for line in said.splitlines() if line.startswith(("ok", "FAIL"))) == 1, said
    assert not re.search(f"does not see.*{ROOM}", said)
    place.gates(floors={ROOM: 0.99})
    code, said = command("gate")
    assert code == 1 and re.search(rf"FAIL +{ROOM} +F1 ", said)


def test_a_room_that_was_not_run_and_of_which_the_base_has_a_figure_fails(place: Place, command: Run) -> None:
    place.drop(FINAL, f"data/{ROOM}/dvc.lock")
    code, said = command("gate", "--allow-stale")
    assert code == 1 and f"gate failed: {ROOM}" in said and re.search(rf"ok +{ROOM} +state +not run", said)
    place.gates(retired=[ROOM])
    assert command("gate", "--allow-stale")[0] == 0


@pytest.mark.parametrize(
    "lock",
    ["", "[]", "stages: [1]", "stages: {score: }", "stages: {score: {deps: 1, outs: {a: b}, params: [x]}}"],
)
def test_rubbish_in_a_lock_is_a_state(place: Place, command: Run, lock: str) -> None:
    (place.folder / f"data/{ROOM}/dvc.lock").write_text(lock)
    found = json.loads(command("status", "--json")[1])["rooms"][ROOM]["state"]
    assert found == ("not run" if lock in {"", "[]", "stages: {score: }"} else "failed" if "[1]" in lock else "stale")


def test_paths_in_a_lock_are_those_of_the_stages_own_folder(place: Place, command: Run) -> None:
    """As in a pipeline of people's own, without `wdir`."""
    for name in ("dvc.yaml", "dvc.lock"):
        file = place.folder / f"data/{ROOM}/{name}"
        text = file.read_text().replace("wdir: ../..\n", "wdir: .\n").replace(f"data/{ROOM}/", "")
        text = re.sub(r"(?<![\w/])(metrics/|params\.yaml)", r"../../\1", text)
        file.write_text(text.replace("- answers", "- ../../params.yaml: [answers]"))
    assert json.loads(command("status", "--json")[1])["rooms"][ROOM] == {"state": "current", "why": []}
    place.change("params.yaml", "repair_turns: 1", "repair_turns: 2")
    assert "params.yaml answers.repair_turns: 1 -> 2" in command("status", ROOM)[1]


@pytest.mark.parametrize(
    "lock",
    ["{", "<<<<<<< ours\nstages:\n=======\nstages:\n>>>>>>> theirs\n", "stages: [1]", "stages: {}\nstages: {}\n"],
)
def test_a_damaged_lock_costs_its_own_row(place: Place, command: Run, lock: str) -> None:
    (place.folder / f"data/{ROOM}/dvc.lock").write_text(lock)
    for words in (("status",), ("summary",), ("report",), ("diff",)):
        code, said = command(*words)
        assert code == 0 and re.search(rf"failed.*data/{ROOM}/dvc.lock: damaged", said), words
        assert not re.search("<unicode|yaml.dev|while", said), "in plain words"
    row = next(line for line in command("diff")[1].splitlines() if line.startswith(OTHER))
    assert row.split()[1] == "current"
    code, said = command("gate")
    assert code == 1 and re.search(rf"FAIL +{ROOM} +state +failed: data/{ROOM}/dvc.lock: damaged", said), said
    assert said.endswith(f"error: gate failed: {ROOM}\n")


def test_rooms_whose_figures_are_all_gone_were_run_all_the_same(place: Place, command: Run) -> None:
    place.drop(FINAL, FINAL.replace(ROOM, OTHER))
    said = command("summary")[1]
    assert f"missing: {ROOM}" in said and "has been run" not in said


def test_damaged_metrics_cost_their_own_row(place: Place, command: Run) -> None:
    (place.folder / FINAL).write_text("{")
    for words in (("status",), ("summary",), ("report",), ("diff",)):
        code, said = command(*words)
        assert code == 0 and (FINAL in said or words == ("report",)), words
    assert any(line.startswith(OTHER) for line in command("diff")[1].splitlines())
    assert FINAL in command("diff", "--md")[1] and FINAL in read(command("diff", "--json")[1])["unread"][ROOM]
    code, said = command("gate")
    assert code == 1 and f"error: gate failed: {ROOM}\n" in said


def test_a_damaged_lock_of_the_root_costs_the_sum(place: Place, command: Run) -> None:
    (place.folder / "dvc.lock").write_text("{")
    for words in (("status",), ("summary",), ("report",), ("diff",)):
        assert command(*words)[0] == 0, words
    code, said = command("gate")
    assert code == 1 and said.endswith("error: gate failed: summary\n"), said


def test_a_run_of_one_room_shows_its_new_figure_and_says_what_is_of_before(
    place: Place, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary's file, written by a run of all rooms, is not asked for a room's figure."""
    monkeypatch.setenv("COLUMNS", "200")
    old = (place.folder / "metrics/summary.json").read_bytes()
    place.score(ROOM, [(0, 1, 1)] * 60, annotator="b")
    (place.folder / "metrics/summary.json").write_bytes(old)
    place.fetch()
    row = next(line for line in command("summary")[1].splitlines() if line.startswith(ROOM))
    assert "b, round 0" in row and "0.000" in row
    assert "metrics/summary.json, metrics/correlation.json and plots" in command("summary")[1]
    code, said = command("gate", "--allow-stale")
    assert code == 1 and "FAIL  all        summary" in said


def test_a_failure_under_stock_dvc_is_one(make_project: Callable[..., Project]) -> None:
    project = make_project("mit_movie")
    sample, notes = project.folder / "data/mit_movie/sample.txt", project.folder / ".dvc/tmp/diziner-stages"
    text = sample.read_text()
    sample.write_text("[Ada|NOBODY] wrote .\n")

    def said() -> str:
        return project.diziner_here("status", "mit_movie").stdout

    assert project.dvc("repro", "data/mit_movie/dvc.yaml:corpus", check=False).returncode
    assert "mit_movie: failed\n  corpus: " in said() and "sample.txt:1" in said()
    # By hand a stage begins no note, and one that is under way has not failed; one that was killed has.
    [note] = notes.iterdir()
    assert note.name == "corpus mit_movie"
    note.write_text(f"{os.getpid()}\n")
    assert said() == "mit_movie: not run\n"
    dead = subprocess.Popen(["true"])
    dead.wait()
    note.write_text(f"{dead.pid}\n")
    assert "failed\n  corpus: it did not come to its end" in said()
    # What a run of our own does with the stage is what counts from then on.
    project.diziner_here("repro", "data/mit_movie/dvc.yaml:corpus", check=False)
    assert not note.exists() and "failed\n  corpus: " in said()
    sample.write_text(text)
    launched = ("sh", "stages/run", "corpus", "mit_movie")
    project.run(*launched, DVC_STAGE="data/mit_movie/dvc.yaml:corpus")
    assert not note.exists()
    project.run(*launched, DVC_STAGE="data/mit_movie/dvc.yaml:corpus", DIZINER_TURNS="x")
    project.run(*launched)
    assert not list(notes.iterdir())


def test_a_failure_is_forgotten_when_its_stage_begins_anew(tmp_path: Path) -> None:
    from diziner.repro.failures import failures_at

    record = FailureRecord(tmp_path)
    record.fail("data/a/dvc.yaml:score", "x")
    record.fail("data/b/dvc.yaml:score", "y")
    record.leave_out("data/c", "no files")
    again = failures_at(tmp_path)
    again.begin([Step("data/a/dvc.yaml:score", "data/a"), Step("data/c/dvc.yaml:corpus", "data/c")])
    assert failures_at(tmp_path).failed == {"data/b/dvc.yaml:score": "y"} and not failures_at(tmp_path).left_out
    (tmp_path / ".dvc/tmp/diziner-failures.json").write_text("[1")
    assert failures_at(tmp_path).failed == {}
