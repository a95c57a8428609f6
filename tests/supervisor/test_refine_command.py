"""`diziner refine`: a person decides conflicts, the guideline keeps the decisions, the supervisor follows them."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from page_blocks import blocks_of, commands_of
from projects import Project, copy_project, use_scripted
from stage_runs import BENCHMARK, answers, read, rows, run_predictions, run_rounds, standing_in, use_variants

from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.common.yamlfile import dump_yaml, parse_yaml, read_yaml
from diziner.guideline.choices import with_choices
from diziner.guideline.file import load_guideline
from diziner.records.guideline import Choice
from diziner.records.type_names import renaming


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
    shutil.rmtree(project.folder / ".responses/refine", ignore_errors=True)


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
    return re.findall(r"^(?:\[\d+ of \d+\] )?(\S.*): \d+ cases? in \d+ documents?, \d+ %", shown, re.MULTILINE)


def asked(project: Project, capsys: pytest.CaptureFixture[str], typed: str, *words: str) -> str:
    return run(project, capsys, "--round", "0", "--interactive", *words, typed=typed)


def test_it_lists_a_round_s_conflicts_with_whole_sentences(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run(project, capsys, "--round", "0")
    assert len(names(shown)) > 2
    assert re.search(rf"\d+ cases of disagreement in {len(names(shown))} conflicts, round 0; decide with", shown)
    texts = [row["text"] for row in read(project, "corpus/pilot/r0.jsonl")]
    told = re.findall(r"^  \S+: (.*«.*».*)$", shown, re.MULTILINE)
    assert told and all(line.replace("«", "").replace("»", "") in texts for line in told)
    last = run(project, capsys)
    assert "round 2" in last and names(last) != names(shown)


def test_each_answer_does_what_the_prompt_says(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = guideline.read_text()
    conflicts = names(run(project, capsys, "--round", "0"))
    said = asked(project, capsys, "1.\n9\n0\nx\n?\nm\n  my own\trule: so # be it\ny\n\nq\n1\n")
    # Numbers that are no reading, and a lone letter, are asked again; an empty line leaves the third alone; q ends.
    assert said.count("there is no reading") == 2 and "'x' is no answer" in said
    assert said.count("take back the last step") == 2 and 'keep as a rule: "my own rule: so # be it"?' in said
    assert f"[4 of {len(conflicts)}]" in said and f"[5 of {len(conflicts)}]" not in said
    waiting = len(conflicts) - 3
    assert f"2 of {len(conflicts)} conflicts decided, 1 left as they are, {waiting} open" in said
    assert f"{BENCHMARK}/guideline.yaml: 2 decisions under `choices`; now run" in said
    choices = load_guideline(guideline).choices
    assert [choice.conflict for choice in choices] == conflicts[:2]
    assert re.fullmatch(r".+ is right, not .+", choices[0].decision)
    assert choices[1].decision == "my own rule: so # be it"
    assert guideline.read_text().startswith(before), "what was there changed"


def test_a_text_becomes_a_rule_only_if_it_is_meant(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = guideline.read_bytes()
    for typed in ("next\nn\nq\n", "next\n", "next\nwhat\n\nNO\n", "a\x1b[Drrow\nq\n"):
        assert "no new decisions" in asked(project, capsys, typed)
        assert guideline.read_bytes() == before
    [option, *_] = re.findall(r"^  1  (.+) is right", asked(project, capsys, "q\n"), re.MULTILINE)
    # The words of an answer are that answer, no rule.
    assert f"kept: {option} is right" in asked(project, capsys, f"{option.upper()}\nq\n")


def test_an_end_of_input_keeps_what_was_decided_and_nothing_decided_changes_nothing(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = guideline.read_bytes()
    assert "no new decisions" in asked(project, capsys, "")
    assert "no new decisions" in asked(project, capsys, "q\n")
    assert "1 decision under" in asked(project, capsys, "2")
    assert len(load_guideline(guideline).choices) == 1
    # Another session goes on behind it, and takes it back: the guideline has its bytes again.
    said = asked(project, capsys, "\n" * 50)
    assert "[2 of" in said and "[1 of" not in said and "1 of" in said and "0 open" in said
    asked(project, capsys, "u\n" * 60, "--again")
    assert guideline.read_bytes() == before


def test_undo_goes_back_step_by_step_and_leaves_what_was_changed_by_hand(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = names(run(project, capsys, "--round", "0"))
    asked(project, capsys, "1\n\none\ny\nq\n")
    said = asked(project, capsys, "u\nu\n2\nq\n")
    assert "not decided any more: one" in said and f"undone: {second}: open again" in said
    assert [choice.conflict for choice in load_guideline(guideline).choices] == [first, second]
    asked(project, capsys, "TWO\ny\nq\n", "--again")
    decided = {c.conflict: c.decision for c in load_guideline(guideline).choices}
    assert decided[first] == "TWO"
    said = asked(project, capsys, "u\nq\n")
    assert re.search(rf"undone: {re.escape(first)}: decided as before: .+ is right", said) and "[1 of" in said
    guideline.write_text(guideline.read_text().replace("is right", "was wrong"))
    changed = guideline.read_bytes()
    assert "was changed since; nothing is undone there" in asked(project, capsys, "u\nu\nu\nq\n")
    assert "there is nothing to undo" in asked(project, capsys, "u\nq\n", "--again")
    assert guideline.read_bytes() == changed


def test_cases_that_are_not_alike_are_decided_each_on_its_own(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run(project, capsys, "--round", "0")
    place, name = next((n, name) for n, name in enumerate(names(shown)) if re.match(r"(capitalised )?words ", name))
    said = asked(project, capsys, "\n" * place + "e\n1\nq\n")
    count = int(re.search(r"(\d+) conflicts of their own", said)[1])  # type: ignore[index]
    assert count > 1 and f"of {len(names(shown)) + count - 1}]" in said
    [choice] = load_guideline(guideline).choices
    kind = name[name.index(" (") :]
    assert choice.conflict.startswith('"') and choice.conflict.endswith(kind)
    assert f"decided besides:\n{choice.conflict}: {choice.decision}" in run(project, capsys, "--round", "0")
    assert f"undone: {name}: one conflict again" in asked(project, capsys, "u\nu\nq\n")


def test_a_later_decision_takes_the_place_of_an_earlier_one_and_comments_stay(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, *_ = names(run(project, capsys, "--round", "0"))
    quoted = {name: dump_yaml({"conflict": name}).strip() for name in (first, second, third)}
    text = (
        f"# the head\n{guideline.read_text()}"
        f"choices: # ours\n  - conflict: old_to_gone # of another corpus\n    decision: stays\n"
        f"  - {quoted[second]}\n    decision: before # to be changed\n  # the end of them\n"
    )
    guideline.write_text(text)
    shown = run(project, capsys, "--round", "0")
    assert "decided: before" in shown and "decided besides:\nold_to_gone: stays" in shown
    asked(project, capsys, "one\ny\ntwo\ny\nq\n", "--again")
    asked(project, capsys, "ONE\ny\n\nthree\ny\nq\n", "--again")
    after = guideline.read_text()
    assert [(c.conflict, c.decision) for c in load_guideline(guideline).choices] == [
        ("old_to_gone", "stays"), (second, "two"), (first, "ONE"), (third, "three"),
    ]  # fmt: skip
    expected = text.replace("decision: before", "decision: two").replace(
        "  # the end",
        f"  - {quoted[first]}\n    decision: ONE\n  - {quoted[third]}\n    decision: three\n  # the end",
    )
    assert after == expected
    asked(project, capsys, "u\n" * 5, "--again")
    assert guideline.read_text() == text


def test_decisions_come_from_a_file(project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = names(run(project, capsys, "--round", "0"))
    group = read(project, "rounds/r0/disagreements.json")["groups"][0]["subtype"]
    label = {t.label: t.name for t in load_guideline(guideline).types}
    path = project.folder / "mine.yaml"
    path.write_text(dump_yaml({first: "Mark it:\n  always.", second: None, group: "é"}))
    assert "2 decisions" in run(project, capsys, "--round", "0", "--choices", "mine.yaml")
    # A kind of disagreement may be spelt in labels, as the report has it; it is kept in names.
    name = renaming(label)(group)
    assert load_guideline(guideline).choices == (Choice(first, "Mark it: always."), Choice(name, "é"))
    path.write_text(json.dumps({name: "é"}))
    assert "no new decisions" in run(project, capsys, "--round", "0", "--choices", "mine.yaml")


def test_an_exported_file_comes_back_as_it_is(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *others = names(run(project, capsys, "--round", "0"))
    group = read(project, "rounds/r0/disagreements.json")["groups"][0]["subtype"]
    (project.folder / "mine.yaml").write_text(dump_yaml({second: "S: 'x' # no", group: "G"}))
    run(project, capsys, "--round", "0", "--choices", "mine.yaml")
    run(project, capsys, "--round", "0", "--export", "all.yaml")
    path = project.folder / "all.yaml"
    assert "all.yaml: is there already" in refused(project, "--round", "0", "--export", "all.yaml")
    value = read_yaml(path, "choices")
    assert list(value)[: len(others) + 2] == [first, second, *others]
    assert value[first] is None and value[second] == "S: 'x' # no" and list(value.values())[-1] == "G"
    text = guideline.read_bytes()
    assert "no new decisions" in run(project, capsys, "--round", "0", "--choices", "all.yaml")
    assert guideline.read_bytes() == text
    entry = dump_yaml({first: None}).replace(": null\n", ":\n")
    assert entry in path.read_text()
    path.write_text(path.read_text().replace(entry, entry.rstrip() + " now it is\n"))
    assert "1 decision under" in run(project, capsys, "--round", "0", "--choices", "all.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no_to_where: x\n", r"mine.yaml: 'no_to_where' is no conflict of this round; there are: .+, …$"),
        ("[a, b]\n", r"mine.yaml: must map conflicts to decisions, such as `.+: text`"),
        ("", r"mine.yaml: must map conflicts to decisions"),
        ("a_to_b: 3\n", r"mine.yaml: a_to_b: 3 is not of type 'string', 'null'"),
        ("a_to_b: ' '\n", r"mine.yaml: a_to_b: ' ' does not match"),
        ('a_to_b: "x\\ey"\n', r"mine.yaml: a_to_b: .* holds '\\x1b', which nobody sees"),
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


def test_the_page_s_commands_print_what_it_shows(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of docs/refine.md; what runs the pipeline is run by others here."""
    from diziner.cli import _run

    ran = 0
    for block in commands_of("refine.md"):
        for command, shown in re.findall(r"^\$ diziner (.+)\n((?:[^$].*\n)*)", block.text, re.MULTILINE):
            if command.startswith("refine "):
                said = run(project, capsys, *command.split()[2:], typed="q\n")
            elif command.startswith("guideline "):
                with standing_in(project):
                    _run(command.split())
                said = capsys.readouterr().out
            else:
                assert command == f"repro {BENCHMARK}"
                continue
            ran += 1
            for line in shown.splitlines():
                assert re.search(f"^{'.*'.join(map(re.escape, line.split('…')))}$", said, re.MULTILINE), said
    assert ran == 5
    for example in blocks_of("refine.md"):
        if example.language == "yaml":
            check(parse_yaml(example.text, "the page"), "choices", "the page")


def test_what_is_not_there_is_one_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no round 7; there are: 0, 1, 2" in refused(project, "--round", "7")
    place = project.folder / f"data/{BENCHMARK}/rounds/r2/disagreements.json"
    away = place.rename(place.with_suffix(".away"))
    assert "r2/disagreements.json: not there yet: run `dvc repro" in refused(project, "--round", "2")
    assert "conflicts, round 1;" in run(project, capsys), "the last round that was run"
    away.rename(place)
    state = project.folder / f".responses/refine/{BENCHMARK}.r0.json"
    state.parent.mkdir(exist_ok=True)
    state.write_text('{"made": [')
    assert re.search(
        r"r0.json:1: not JSON: .*; delete the file: decisions", refused(project, *["--round", "0", "--interactive"])
    )
    state.unlink()
    assert "--again: only with --interactive" in refused(project, "--again")


class Terminal:
    """The command on a terminal of its own (a pty), 60 columns wide, so that Ctrl-C typed there is a signal to it."""

    def __init__(self, project: Project) -> None:
        self.shown = ""
        words = [".venv/bin/python", "-m", "diziner", "refine", BENCHMARK, "--interactive", "--round", "0"]
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            os.chdir(project.folder)
            os.execve(words[0], words, {**os.environ, "TERM": "dumb", "COLUMNS": "60"})

    def until(self, text: str) -> str:
        """Read until a text is shown; return what was shown before it since the last call."""
        while text not in self.shown:
            try:
                assert select.select([self._terminal], [], [], 120)[0], f"no {text!r}: {self.shown}"
                self.shown += os.read(self._terminal, 65536).decode()
            except OSError:  # the other end is closed
                raise AssertionError(f"ended before {text!r}: {self.shown}") from None
        before, _, self.shown = self.shown.partition(text)
        return before

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Wait for the end; return the exit code, or the signal as a negative number."""
        status = os.waitpid(self.process, 0)[1]
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


def test_on_a_terminal_nothing_decided_is_lost_whatever_ends_it(project: Project, guideline: Path) -> None:
    prompt = "? help\r\n> "
    terminal = Terminal(project)
    terminal.until("[1 of ")
    assert all(len(line) <= 60 for line in terminal.until(prompt).splitlines())
    terminal.type("1\n")
    terminal.until("kept: ")
    terminal.until(prompt)
    assert len(load_guideline(guideline).choices) == 1
    # What is typed can be mended there: with the backspace, and with an arrow key.
    terminal.type("a rulx\x7fe\x01so \n")
    terminal.until('keep as a rule: "so a rule"? y or n: ')
    terminal.type("y\n")
    terminal.until(prompt)
    os.kill(terminal.process, signal.SIGKILL)
    assert terminal.end() == -signal.SIGKILL
    assert load_guideline(guideline).choices[1].decision == "so a rule"

    terminal = Terminal(project)
    terminal.until("[3 of ")
    terminal.until(prompt)
    second = Terminal(project)
    second.until("another `diziner refine --interactive` has it open")
    assert second.end() == 2
    terminal.type("2\n")
    terminal.until("[4 of ")
    terminal.until(prompt)
    time.sleep(0.5)  # the prompt is shown a moment before it waits; a signal in between is seen at the next key
    terminal.type("\x03")
    terminal.until("interrupted: what was decided is in")
    assert terminal.end() == 130
    assert len(load_guideline(guideline).choices) == 3

    terminal = Terminal(project)
    terminal.until("[4 of ")
    terminal.until(prompt)
    terminal.type("\x04")  # the end of the input
    terminal.until("3 of ")
    assert terminal.end() == 0
    assert not list(guideline.parent.glob("*.partial"))


def test_a_decision_reaches_every_later_round_and_annotators_are_asked_nothing_again(
    project: Project, guideline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the pipeline: the stages of round 0 run again, from the store; only the supervisor is asked anything new."""
    project.diziner_here("repro", "-j", "2", f"{BENCHMARK}:select")
    known = {key for key, _, _ in rows(project)}
    run(project, capsys, "--round", "0", "--interactive", typed="Teams are always right.\ny\n")
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


def test_decisions_in_a_file_that_cannot_be_changed_are_refused() -> None:
    text = "one: &all [{conflict: a, decision: b}]\nchoices: *all\n"
    with pytest.raises(UserError, match=r"^choices\.0\.decision: .*change it by hand$"):
        with_choices(text, [Choice("a", "b")], [Choice("a", "c")])
