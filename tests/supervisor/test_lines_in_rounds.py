"""Acceptance of instructions one by one in a run with DVC: stages, usage, plan, settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from projects import Project, copy_project, use_scripted
from stage_runs import BENCHMARK, read, rows, stage, standing_in, use_variants

from diziner.agreement.held_back import held_back
from diziner.common.errors import UserError
from diziner.layout import room_named
from diziner.records.documents import read_documents
from diziner.settings import load_settings


def tried(params: Any) -> None:
    params["corpus"]["pilot"].update(documents=9)
    params["disagreement"]["held_back"] = 3


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three rounds with DVC on the same nine documents, three of them held back."""
    made = copy_project(tmp_path_factory.mktemp("lines") / "project", (BENCHMARK,))
    made.edit_params(use_scripted)
    use_variants(made, "rounds-3", "fixed-pilot", "accept-lines")
    made.edit_params(tried)
    made.diziner("repro", "-j", "2")
    return made


def held(project: Project) -> dict[str, str]:
    with standing_in(project):
        documents = read_documents(room_named(BENCHMARK).pilot(0))
    return {d.id: d.text for d in documents if d.id in held_back(documents, 3)}


def test_the_supervisor_never_sees_a_document_that_is_held_back(done: Project) -> None:
    hidden = held(done)
    assert len(hidden) == 3
    for number in (0, 1):
        disagreements = read(done, f"rounds/r{number}/disagreements.json")
        assert disagreements["held_back"] == sorted(hidden)
        assert not [name for name in hidden if name in str(disagreements["groups"] + [disagreements["annotators"]])]
    strings = [text[:40] for text in hidden.values()]
    asked = [str(request["messages"]) for _, request, _ in rows(done) if request["model"] == "scripted-supervisor"]
    assert asked and not [text for text in asked if any(string in text for string in strings)]
    cause = [i["receipt"]["documents"] for i in read(done, "rounds/r2/guideline.yaml")["instructions"]["common"]]
    assert cause and not {name for names in cause for name in names} & hidden.keys()


def test_every_new_line_was_tried_and_only_those_that_passed_stand(done: Project) -> None:
    tried_lines = 0
    for number in (1, 2):
        record = read(done, f"rounds/r{number}/refinement.json")
        instructions = read(done, f"rounds/r{number}/guideline.yaml")["instructions"]
        standing = [*instructions["common"], *(line for block in instructions["specific"].values() for line in block)]
        new = {line["id"] for line in standing if line["receipt"]["round"] == number}
        for line, trial in record["trials"].items():
            assert trial["kept"] is (trial["after"] >= trial["before"] and not trial["failed"])
            assert trial["kept"] or record["outcomes"][line].startswith("dropped: taken back: ")
            assert trial["kept"] or line not in new
        assert new <= record["trials"].keys()
        tried_lines += len(record["trials"])
    assert tried_lines
    assert "every hotspot" in done.diziner_here("guideline", "verify", BENCHMARK).stdout


def test_trials_are_in_the_usage_and_so_on_the_tape_and_in_what_a_plan_says(done: Project) -> None:
    usage = {row["key"] for row in read(done, "rounds/r1/refinement.usage.jsonl")}
    record = read(done, "rounds/r1/refinement.json")
    requests = {key: request for key, request, _ in rows(done)}
    trials = [requests[key] for key in usage - set(record["responses"])]
    asked = sum(len(trial["asked"]) for trial in record["trials"].values()) * 3
    assert 0 < len(trials) <= asked
    assert all(any(text in str(request["messages"]) for text in held(done).values()) for request in trials)
    lines = done.diziner_here("plan", BENCHMARK).stdout.splitlines()
    total = next(line for line in lines if line.startswith("total")).split()
    assert total[1] == "0" and int(total[2]) >= len(requests)


def test_a_run_is_up_to_date_afterwards_and_the_report_says_what_was_taken_back(done: Project) -> None:
    assert "Data and pipelines are up to date." in done.dvc("repro").stdout
    outcomes = [o for n in (1, 2) for o in read(done, f"rounds/r{n}/refinement.json")["outcomes"].values()]
    page = (done.folder / "report.html").read_text()
    assert all(outcome in page for outcome in outcomes)


def test_before_a_run_the_plan_counts_the_trials(make_project: Callable[..., Project]) -> None:
    project = make_project(BENCHMARK)
    use_variants(project, "fixed-pilot", "accept-lines")
    project.edit_params(tried)
    stage(project, "corpus")
    planned = project.diziner_here("plan", BENCHMARK).stdout
    assert f"{BENCHMARK} round 1, C1.1 alone, scripted_careful" in planned


def test_without_documents_held_back_it_is_refused(make_project: Callable[..., Project]) -> None:
    project = make_project(BENCHMARK)
    project.edit_params(lambda params: params["supervisor"].update(accept="lines"))
    with (
        standing_in(project),
        pytest.raises(UserError, match=r"disagreement.held_back, .* must be at least 1") as error,
    ):
        load_settings()
    assert "\n" not in str(error.value)
