"""`diziner refine`: a person decides conflicts, the guideline keeps the decisions, the supervisor follows them."""

from __future__ import annotations

import io
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project, use_scripted
from stage_runs import BENCHMARK, answers, read, rows, run_predictions, run_rounds, standing_in, use_variants

from diziner.common.errors import UserError
from diziner.guideline.choices import conflicts_of, decision_for, with_choices
from diziner.guideline.file import load_guideline
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.guideline import Choice

PROMPT = "number, a rule in your own words"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three rounds on the same documents; tests put guideline.yaml back."""
    made = copy_project(tmp_path_factory.mktemp("refine") / "project", (BENCHMARK,))
    made.edit_params(use_scripted)
    use_variants(made, "fixed-pilot", "rounds-3")
    run_rounds(made)
    run_predictions(made)
    return made


@pytest.fixture
def guideline(project: Project) -> Any:
    path = project.folder / f"data/{BENCHMARK}/guideline.yaml"
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def run(project: Project, capsys: pytest.CaptureFixture[str], *words: str, typed: str = "") -> str:
    """The command in this process; what it printed."""
    from diziner.cli import _run

    with standing_in(project), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(typed))
        _run(["refine", BENCHMARK, *words])
    return capsys.readouterr().out


def refused(project: Project, *words: str) -> str:
    with pytest.raises(UserError) as error:
        run(project, None, *words)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


def names(shown: str) -> list[str]:
    return re.findall(r"^(?:\[\d+ of \d+\] )?(\S.*): \d+ tokens?$", shown, re.MULTILINE)


def test_it_lists_a_round_s_conflicts_with_their_cases(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(project, capsys, "--round", "0")
    groups = read(project, "rounds/r0/disagreements.json")["groups"]
    assert len(names(shown)) == len(groups) > 2
    assert f"{len(groups)} conflicts in round 0; decide with --interactive or --choices FILE" in shown
    assert "consensus (" in shown and "«" in shown
    last = run(project, capsys)
    assert "in round 2" in last and names(last) != names(shown)


def test_each_answer_does_what_the_prompt_says(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = guideline.read_text()
    conflicts = names(run(project, capsys, "--round", "0"))
    said = run(project, capsys, "--round", "0", "--interactive", typed="1\n9\n0\n  my own\trule: so # be it\n\nq\n1\n")
    # Two numbers that are no reading are asked again; an empty line leaves the third conflict alone; q ends.
    assert said.count("there is no reading") == 2
    assert said.count(PROMPT) == 6
    assert f"[4 of {len(conflicts)}]" in said and f"[5 of {len(conflicts)}]" not in said
    assert f"{BENCHMARK}/guideline.yaml: 2 decisions under `choices`; now run" in said
    choices = load_guideline(guideline).choices
    assert [choice.conflict for choice in choices] == conflicts[:2]
    assert re.fullmatch(r".+ is right, not .+", choices[0].decision)
    assert choices[1].decision == "my own rule: so # be it"
    assert guideline.read_text().startswith(before), "what was there changed"


def test_an_end_of_input_keeps_what_was_decided_and_nothing_decided_changes_nothing(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = guideline.read_bytes()
    assert "no decisions" in run(project, capsys, "--round", "0", "--interactive", typed="")
    assert "no decisions" in run(project, capsys, "--round", "0", "--interactive", typed="q\n")
    assert "no decisions" in run(project, capsys, "--round", "0", "--interactive", typed="\n" * 50)
    assert guideline.read_bytes() == before
    assert "1 decision under" in run(project, capsys, "--round", "0", "--interactive", typed="2")
    assert len(load_guideline(guideline).choices) == 1


def test_a_later_decision_takes_the_place_of_an_earlier_one_and_comments_stay(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, *_ = names(run(project, capsys, "--round", "0"))
    text = (
        f"# the head\n{guideline.read_text()}"
        f"choices: # ours\n  - conflict: old_to_gone # of another corpus\n    decision: stays\n"
        f"  - conflict: {second}\n    decision: before # to be changed\n  # the end of them\n"
    )
    guideline.write_text(text)
    shown = run(project, capsys, "--round", "0")
    assert "decided: before" in shown
    run(project, capsys, "--round", "0", "--interactive", typed="one\ntwo\nq\n")
    run(project, capsys, "--round", "0", "--interactive", typed="ONE\n\nthree\nq\n")
    after = guideline.read_text()
    assert [(c.conflict, c.decision) for c in load_guideline(guideline).choices] == [
        ("old_to_gone", "stays"), (second, "two"), (first, "ONE"), (third, "three"),
    ]  # fmt: skip
    expected = text.replace("decision: before", "decision: two").replace(
        "  # the end",
        f"  - conflict: {first}\n    decision: ONE\n  - conflict: {third}\n    decision: three\n  # the end",
    )
    assert after == expected


def test_decisions_come_from_a_file(project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = names(run(project, capsys, "--round", "0"))
    (project.folder / "mine.yaml").write_text(f"{first}: 'Mark it:\n  always.'\n{second}: é\n")
    said = run(project, capsys, "--round", "0", "--choices", "mine.yaml")
    assert "2 decisions" in said
    assert load_guideline(guideline).choices == (Choice(first, "Mark it: always."), Choice(second, "é"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no_to_where: x\n", r"mine.yaml: 'no_to_where' is no conflict of this round; there are: .*_to_"),
        ("[a, b]\n", r"mine.yaml: must map conflicts to decisions, such as `.+: text`"),
        ("", r"mine.yaml: must map conflicts to decisions"),
        ("a_to_b: 3\n", r"mine.yaml: must map conflicts to decisions"),
        ("a_to_b: ' '\n", r"mine.yaml: must map conflicts to decisions"),
        ("a: [\n", r"mine.yaml:2: not YAML"),
        (None, r"mine.yaml: no such file"),
    ],
)
def test_a_wrong_file_of_decisions_is_one_line(
    project: Project, guideline: Path, text: str | None, expected: str
) -> None:
    before = guideline.read_bytes()
    path = project.folder / "mine.yaml"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    assert re.match(expected, refused(project, "--round", "0", "--choices", "mine.yaml"))
    assert guideline.read_bytes() == before


def test_what_is_not_there_is_one_line(project: Project) -> None:
    assert "no round 7; there are: 0, 1, 2" in refused(project, "--round", "7")
    place = project.folder / f"data/{BENCHMARK}/rounds/r2/disagreements.json"
    away = place.rename(place.with_suffix(".away"))
    assert "r2/disagreements.json: not there yet: run `dvc repro" in refused(project)
    away.rename(place)


def test_ctrl_c_keeps_nothing_and_says_so(project: Project, guideline: Path) -> None:
    before = guideline.read_bytes()
    words = [".venv/bin/python", "-m", "diziner", "refine", BENCHMARK, "--interactive", "--round", "0"]
    with subprocess.Popen(
        words, cwd=project.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("1\n")
        process.stdin.flush()
        next(line for line in process.stdout if line.startswith("[2 of"))
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read().strip() == "interrupted: no decision was kept"
    assert guideline.read_bytes() == before


def test_a_decision_reaches_every_later_round_and_annotators_are_asked_nothing_again(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the pipeline: the stages of round 0 run again, from the store; only the supervisor is asked anything new."""
    project.diziner_here("repro", "-j", "2", f"{BENCHMARK}:select")
    known = {key for key, _, _ in rows(project)}
    run(project, capsys, "--round", "0", "--interactive", typed="Teams are always right.\n")
    conflict = load_guideline(guideline).choices[0].conflict
    project.diziner_here("repro", "-j", "2", f"{BENCHMARK}:select")
    new = [(key, request) for key, request, _ in rows(project) if key not in known]
    assert new and {request["model"] for _, request in new} == {"scripted-supervisor"}
    assert all(f"{conflict}: Teams are always right." in str(request) for _, request in new)
    refined = [key for number in (1, 2) for key in read(project, f"rounds/r{number}/refinement.json")["responses"]]
    assert set(refined) == {key for key, _ in new}
    for number in (1, 2):
        assert read(project, f"rounds/r{number}/guideline.yaml")["choices"] == [
            {"conflict": conflict, "decision": "Teams are always right."}
        ]
    # From the answers alone, the same bytes.
    outputs, count = project.outputs(), answers(project)
    run_rounds(project)
    assert project.outputs() == outputs and answers(project) == count


# Conflicts and their readings.


def group(subtype: str, family: str, *readings: tuple[str, str]) -> ErrorGroup:
    examples = tuple(
        ErrorExample("d:0-1", "d", 0, 1, "Bonn", "in «Bonn»", consensus, ("a",), ((other, ("b", "c")),), "minor")
        for consensus, other in readings
    )
    return ErrorGroup(family, subtype, len(readings), len(readings), examples)


def test_readings_are_types_or_extents() -> None:
    kinds = conflicts_of(
        [
            group("person_to_no entity", "Ent_to_O", ("person", 'location "Bonn am Rhein"')),
            group("person_bounds", "Span_Error", ("person", 'person "Mr Bonn"')),
        ]
    )
    # Both types of the conflict's name can be chosen, also where every example has another reading.
    assert [kind.readings for kind in kinds] == [
        ("location", "person", "no entity"),
        ("the longer mention", "the shorter mention"),
    ]
    assert decision_for(kinds[0], "person") == "person is right, not location or no entity"
    assert decision_for(kinds[1], "the longer mention") == "the longer mention is right, not the shorter mention"


def test_decisions_in_a_file_that_cannot_be_changed_are_refused() -> None:
    text = "one: &all [{conflict: a, decision: b}]\nchoices: *all\n"
    with pytest.raises(UserError, match=r"^choices\.0\.decision: .*change it by hand$"):
        with_choices(text, [Choice("a", "b")], [Choice("a", "c")])
