"""`diziner guideline`: what changed between two guidelines, and whether every receipt leads somewhere."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import Project, copy_project, use_scripted

from diziner.commands.guideline.verify import verify_room
from diziner.guideline.file import load_guideline, save_guideline
from diziner.layout import Room, store_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import write_tape
from diziner.settings import load_settings

RUN = """
import runpy, sys
for words in {words!r}:
    sys.argv = words
    runpy.run_module("stages." + words[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose label-free stages have run on scripted models, three rounds."""
    project = copy_project(tmp_path_factory.mktemp("guideline") / "project", ("conll2003",))
    project.edit_params(use_scripted)
    project.edit_params(three_rounds)
    pool = yaml.safe_load((project.folder / "params.yaml").read_text())["annotator_pool"]
    stages = [["corpus", "conll2003"]]
    for number in "012":
        stages += [["refine", "conll2003", "--round", number]] if number != "0" else []
        stages += [["annotate", "conll2003", "--annotator", name, "--round", number] for name in pool]
        stages += [["disagree", "conll2003", "--round", number]]
    project.run(sys.executable, "-c", RUN.format(words=[*stages, ["select", "conll2003"]]))
    return project


def three_rounds(params: dict[str, Any]) -> None:
    params["rounds"] = [{"id": 0, "guideline": "guideline.yaml"}] + [
        {"id": n, "guideline": f"rounds/r{n}/guideline.yaml"} for n in (1, 2)
    ]
    params["corpus"]["pilot"]["documents"] = 5
    params["refinements"] = [
        {"prev": 0, "id": 1, "guideline": "guideline.yaml", "record": "guideline.yaml"},
        {"prev": 1, "id": 2, "guideline": "rounds/r1/guideline.yaml", "record": "rounds/r1/refinement.json"},
    ]


@pytest.fixture
def room(done: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The room of a copy of that project, to damage; the copy is where commands are run."""
    copy = tmp_path / "copy"
    shutil.copytree(done.folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "stages"))
    monkeypatch.chdir(copy)
    return Path("data/conll2003")


def problems() -> list[str]:
    return verify_room(Room("conll2003"), load_settings()).problems


def test_what_the_pipeline_wrote_verifies(done: Project) -> None:
    shown = done.diziner_here("guideline", "verify")
    assert re.fullmatch(r"conll2003: 3 guidelines, \d+ receipts; every hotspot, .* is there\n", shown.stdout)
    first, second = (load_guideline(done.folder / f"data/conll2003/rounds/r{n}/guideline.yaml") for n in (1, 2))
    found = [i.receipt.status for i in (*first.common, *second.common) if i.receipt]
    assert {"new", "retained"} <= set(found)


def edited(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")


def in_r1(old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    return lambda room: edited(room / "rounds/r1/guideline.yaml", lambda text: text.replace(old, new, count))


def emptied(name: str) -> Callable[[Path], object]:
    return lambda room: (room / name).write_text("")


def reword_a_retained_line(room: Path) -> None:
    path = room / "rounds/r2/guideline.yaml"
    refined = load_guideline(path)
    kept = next(i for i in refined.common if i.receipt and i.receipt.status == "retained")
    common = tuple(replace(i, text="Mark nothing.") if i == kept else i for i in refined.common)
    save_guideline(path, replace(refined, common=common))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (emptied("rounds/r0/hotspots.jsonl"), r"r1/guideline\.yaml: \w+1\.\d: no hotspot \S+ in round 0"),
        (emptied("corpus/pilot/r0.jsonl"), r"no document conll2003-pilot-\d+ in the pilot set of round 0"),
        (lambda room: shutil.rmtree(".responses"), r"no response [0-9a-f]{12} in the store or the tape"),
        (in_r1("status: new", "status: retained"), "said to be retained, but its receipt is of round 1 itself"),
        (in_r1("\n      round: 1", "\n      round: 3"), "receipt is of round 3; allowed: 1 to 1"),
        (in_r1("\nround: 1\n", "\nround: 2\n"), r"r1/guideline\.yaml: round: is 2; must be 1"),
        (in_r1("benchmark: conll2003", "benchmark: other"), "benchmark: is 'other'; must be 'conll2003'"),
        (in_r1("\ngoal:", "\n# Mine\ngoal:"), r"r1/guideline\.yaml:3: not as the supervisor's stage writes it"),
        (in_r1("  common:\n", "  common:\n  - id: H9\n    text: Mine.\n"), "H9: has no receipt and is not a line of"),
        (in_r1("goal:", "goal: ["), r"r1/guideline\.yaml:\d+: not YAML"),
        (lambda room: (room / "rounds/r2/guideline.yaml").unlink(), r"rounds/r2/guideline\.yaml: no such file"),
        (lambda room: (room / "rounds/r1/refinement.json").write_text("{"), r"refinement\.json:1: not JSON"),
        (lambda room: (room / "rounds/r1/guideline.yaml").write_bytes(b"\xff"), "not UTF-8 at byte 0"),
        (lambda room: Path(".responses/responses.sqlite").write_bytes(b"junk" * 999), "response store is damaged"),
        (lambda room: edited(room / "final/guideline.yaml", lambda t: f"{t}\n"), r"final/guideline\.yaml: differs"),
        (lambda room: edited(room / "guideline.yaml", lambda t: t.replace("|PER]", "|X]")), "label X; allowed: PER"),
        (reword_a_retained_line, "said to be retained and differs from the guideline before"),
    ],
)  # fmt: skip
def test_whatever_a_receipt_cannot_show_is_one_line(
    room: Path, damage: Callable[[Path], object], expected: str
) -> None:
    assert problems() == []
    damage(room)
    found = problems()
    assert any(re.search(expected, problem) for problem in found), found
    assert not any("\n" in problem for problem in found)


def test_a_line_that_two_rounds_caused_may_name_both(room: Path) -> None:
    path = room / "rounds/r2/guideline.yaml"
    refined = load_guideline(path)
    first = next(i for i in refined.common if i.receipt and i.receipt.status == "retained")
    assert first.receipt is not None
    merged = replace(first, text=f"{first.text} Always.", receipt=replace(first.receipt, round=2, status="modified"))
    save_guideline(path, replace(refined, common=tuple(merged if i.id == first.id else i for i in refined.common)))
    chosen = json.loads((room / "final/selection.json").read_text())["round"]
    shutil.copy(
        room / "rounds" / f"r{chosen}" / "guideline.yaml" if chosen else room / "guideline.yaml", room / "final"
    )
    assert problems() == []


def test_responses_may_lie_in_the_tape_alone(room: Path) -> None:
    write_tape(room / "tape.jsonl", {}, ResponseStore(store_path()).rows())
    shutil.rmtree(".responses")
    assert problems() == []
    edited(room / "tape.jsonl", lambda text: text.rsplit("\n", 2)[0] + "\n{\n")
    assert any(re.search(r"tape\.jsonl:\d+: not a row of this tape: not JSON", problem) for problem in problems())


def test_rounds_that_gold_supervised_have_their_hotspots_in_its_folder(room: Path) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["evidence"] = {"folder": "gold", "gold_rounds": [0, 1]}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert any("gold/r0/disagreements.json: no such file" in problem for problem in problems())
    for number in "01":
        (room / f"gold/r{number}").mkdir(parents=True)
        shutil.copy(room / f"rounds/r{number}/disagreements.json", room / f"gold/r{number}")
        (room / f"rounds/r{number}/hotspots.jsonl").unlink()
    assert problems() == []


def test_problems_exit_2_after_a_line_each_and_the_other_rooms_are_still_checked(done: Project) -> None:
    path = done.folder / "data/conll2003/rounds/r0/hotspots.jsonl"
    text = path.read_text()
    try:
        path.write_text("")
        shown = done.diziner_here("guideline", "verify", "conll2003", "ace2005", check=False)
    finally:
        path.write_text(text)
    assert shown.returncode == 2
    assert re.fullmatch(r"error: \d+ problems with the guidelines of conll2003, ace2005\n", shown.stderr)
    assert shown.stdout.endswith("data/ace2005/rounds/r1: no such folder; run `dvc repro data/ace2005/dvc.yaml`\n")


def test_guidelines_are_named_by_file_by_round_and_by_revision(done: Project) -> None:
    def diff(*words: str) -> str:
        return done.diziner_here("guideline", "diff", *words).stdout

    expected = diff("conll2003:0", "conll2003:1")
    assert expected.startswith("conll2003 round 0 → conll2003 round 1: ")
    assert diff("data/conll2003/guideline.yaml", "data/conll2003/rounds/r1/guideline.yaml") == expected
    assert diff("HEAD:data/conll2003/guideline.yaml", "conll2003:1") == expected
    assert diff("HEAD:conll2003:0", "conll2003:1") == expected
    data = json.loads(diff("--json", "conll2003:0", "conll2003:1"))
    assert data["changed"] and data["after"] == {"benchmark": "conll2003", "round": 1, "source": "conll2003:1"}
    new = [entry for b in data["blocks"] for entry in b["lines"] if entry["status"] == "new" and entry["receipt"]]
    assert new and all(entry["receipt"]["round"] == 1 and entry["receipt"]["documents"] for entry in new)
    assert diff("--md", "conll2003:0", "conll2003:1").startswith("**conll2003 round 0 → conll2003 round 1: ")
    folder = done.folder / "data" / "conll2003"
    script = f"""
import os, sys
os.chdir({str(folder)!r})
sys.argv = ["diziner", "guideline", "diff", "guideline.yaml", "conll2003:1"]
from diziner.cli import main
main()
"""
    below = done.run(".venv/bin/python", "-c", script, PYTHONPATH=str(done.folder))
    assert below.stdout == expected


def test_a_refined_guideline_of_a_revision_comes_from_dvcs_cache(done: Project, tmp_path: Path) -> None:
    copy = Project(tmp_path / "copy")
    shutil.copytree(done.folder, copy.folder, symlinks=True)
    output = copy.folder / "data/conll2003/rounds/r1/guideline.yaml"
    copy.dvc("commit", "-f", "data/conll2003/dvc.yaml:refine@step0")
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")
    copy.run(*git, "add", "-A")
    copy.run(*git, "commit", "-qm", "run")
    written = load_guideline(output)
    output.chmod(0o644)
    save_guideline(output, replace(written, goal=replace(written.goal, use="Something else.")))
    shown = copy.diziner_here("guideline", "diff", "HEAD:conll2003:1", "conll2003:1").stdout
    assert "Something else." in shown and "0 new" not in shown
    shutil.rmtree(copy.folder / ".dvc/cache")
    gone = copy.diziner_here("guideline", "diff", "HEAD:conll2003:1", "conll2003:1", check=False)
    assert gone.returncode == 2 and "DVC's cache has" in gone.stderr and gone.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("nope", "nope: no such file"),
        ("nope:1", "no benchmark 'nope' in data/"),
        ("conll2003:9", "params.yaml: rounds: no round 9; there are: 0, 1"),
        ("nope:file.yaml", "no revision 'nope' in this repository"),
        ("HEAD:conll2003:9", "HEAD:data/conll2003/rounds/r9/guideline.yaml: no such file in git"),
        (":", "':': not a guideline"),
        ("README.md", "README.md:5: not YAML"),
        ("HEAD:README.md", "HEAD:README.md:5: not YAML"),
        ("params.yaml", "params.yaml: "),
        ("data", "data: Is a directory"),
        ("HEAD:data", "HEAD:data: no such file in git"),
        ("HEAD:/etc/passwd", "HEAD:/etc/passwd: no such file in git"),
    ],
)
def test_what_is_no_guideline_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], done: Project, word: str, expected: str
) -> None:
    from diziner.cli import main

    monkeypatch.chdir(done.folder)
    monkeypatch.setattr(sys, "argv", ["diziner", "guideline", "diff", word, "conll2003:0"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert expected in said and said.count("\n") == 1
