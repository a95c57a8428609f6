"""A run through batches as people make it: real DVC, real HTTP through litellm, two commands a round, and kill -9."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project, use_scripted
from stage_runs import run_predictions, run_rounds, stage

from diziner.layout import store_path
from diziner.llm import ledger
from diziner.llm.store import ResponseStore
from diziner.llm.waiting import WAITING
from diziner.repro import view
from diziner.scripted.batches import BatchHabits
from diziner.scripted.habits import Served
from diziner.scripted.server import ScriptedServer

MODELS = ("scripted-careful", "scripted-eager", "scripted-shy", "scripted-supervisor")
PRICES = {model: {"input": 1.0, "output": 4.0} for model in MODELS}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(batches=BatchHabits(doubled=0.2)) as server:
        yield server


def make(folder: Path, server: ScriptedServer, **more: Any) -> Project:
    def change(params: dict[str, Any]) -> None:
        use_scripted(params)
        own = {"kind": "hosted", "provider": "openai", "api_base": server.base_url, "concurrency": 8, "prices": PRICES}
        params["endpoints"] = {"scripted": {**own, **more}}

    project = copy_project(folder, ("conll2003",))
    project.edit_params(change)
    return project


@pytest.fixture(scope="module")
def called(server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same run by calls, stage by stage."""
    project = make(tmp_path_factory.mktemp("called") / "project", server)
    run_rounds(project)
    run_predictions(project)
    stage(project, "score")
    return project


def spendings(project: Project) -> dict[str, int]:
    """What each work cost, in billionths of a US dollar."""
    store = ResponseStore(project.folder / store_path())
    found: Counter[str] = Counter()
    for entry in store.apply([lambda c: list(ledger.entries(c))])[0]:
        found[entry.work] += entry.nano_usd
    return dict(found)


def killed_at(server: ScriptedServer, project: Project, method: str, path: str, *words: str) -> None:
    """Kill a command with SIGKILL as soon as the server has done what such a request asks, before its reply."""
    reply: Callable[..., Any] = server.shelf.reply
    begun: list[subprocess.Popen[bytes]] = []

    def last(*arguments: Any) -> Any:
        made = reply(*arguments)
        if arguments[0] == method and re.fullmatch(path, arguments[1]):
            while not begun:
                time.sleep(0.01)
            os.kill(begun[0].pid, signal.SIGKILL)
        return made

    vars(server.shelf)["reply"] = last
    try:
        command = [".venv/bin/python", "-m", "diziner", *words]
        begun.append(subprocess.Popen(command, cwd=project.folder, stdout=subprocess.DEVNULL))
        assert begun[0].wait(60) == -signal.SIGKILL
    finally:
        del vars(server.shelf)["reply"]


def test_two_commands_a_round_give_the_same_bytes_at_half_the_price_and_ask_nothing_twice(
    server: ScriptedServer, called: Project, tmp_path: Path
) -> None:
    before = server.requests
    project = make(tmp_path / "project", server, batch={"window": "24h"})
    first = project.diziner("repro", "-j", "2", "conll2003", check=False)
    assert first.returncode == 3
    assert re.search(r"error: waiting: conll2003 round 0, scripted_\w+: \d+ requests are in no batch", first.stderr)
    assert "3 waiting for batches" in first.stdout
    plan = project.diziner_here("plan")
    assert "scripted takes batches at 50 % of the price: `diziner batch submit`" in plan.stdout
    [*_, usd, in_batches] = next(line for line in plan.stdout.splitlines() if line.startswith("total")).split()
    assert float(usd) / 2 < float(in_batches) < float(usd)  # the supervisor is called

    # Killed when the first of three files was accepted, and nobody has been told.
    killed_at(server, project, "POST", "/v1/batches", "batch", "submit")
    sent = project.diziner_here("batch", "submit").stdout
    assert sent.count("submitted") == 2 and "batch_000: " in sent
    waiting = project.dvc("repro", "data/conll2003/dvc.yaml:annotate@scripted_careful-round0", check=False)
    assert waiting.returncode == 0  # it was the first to look: what had ended is collected
    killed_at(server, project, "GET", r"/v1/files/batch_001-output/content", "batch", "collect")

    commands = []
    for _ in range(3):  # two rounds and the predictions
        commands.append(project.diziner("repro", "-j", "2", "conll2003", check=False).returncode)
        if commands[-1]:
            assert "submitted" in project.diziner_here("batch", "submit").stdout
    assert commands == [3, 3, 0]

    expected = {name: data for name, data in called.outputs().items() if name != "metrics/cost.json"}
    made = project.outputs()
    assert len(expected) > 40
    assert {name for name, data in expected.items() if made[name] != data} == set()
    assert set(server.shelf.asked.values()) == {1}
    costs, full = spendings(project), spendings(called)
    assert costs.keys() == full.keys()
    supervised = {work for work in costs if "supervisor" in work}
    assert supervised and all(costs[work] == full[work] for work in supervised)
    assert all(2 * costs[work] == full[work] > 0 for work in costs.keys() - supervised)
    calls = json.loads((called.folder / "metrics/cost.json").read_text())["total"]["calls"]
    assert server.requests - before + sum(server.shelf.asked.values()) == calls
    assert project.diziner_here("batch", "submit").stdout == "nothing to send: `diziner repro` goes on\n"
    assert "collected" in project.diziner_here("batch", "status").stdout


def test_a_model_that_is_gone_takes_its_annotator_out_and_holds_up_no_round(tmp_path: Path) -> None:
    with ScriptedServer(served=Served(gone=frozenset({"scripted-shy"}))) as server:
        project = make(tmp_path / "project", server, batch={"window": "24h"})
        sent = project.diziner_here("batch", "submit").stdout
        assert sent.count("submitted") == 2
        assert "scripted-shy of scripted is gone: " in sent
        for name in ("scripted_careful", "scripted_eager", "scripted_shy"):
            stage(project, "annotate", "--annotator", name, "--round", "0")
        rows = (project.folder / "data/conll2003/rounds/r0/annotations/scripted_shy.jsonl").read_text().splitlines()
        assert {json.loads(row)["failure"]["code"] for row in rows} == {"left_out"}
        stage(project, "disagree", "--round", "0")
        stage(project, "refine", "--round", "1")
        again = project.diziner_here("batch", "submit").stdout
        assert again.count("submitted") == 2 and "gone" not in again

        # In the midst, with an answered round behind it: nobody goes on without it unasked.
        server.served = Served(gone=frozenset({"scripted-shy", "scripted-eager"}))
        stage(project, "annotate", "--annotator", "scripted_careful", "--round", "1")
        words = ("annotate", "conll2003", "--annotator", "scripted_eager", "--round", "1")
        waiting = project.stage(*words, check=False)
        assert waiting.returncode == 3 and "failed, 0 answers, 6 not answered" in waiting.stderr
        said = project.diziner_here("batch", "submit").stdout
        assert "scripted-eager of scripted is gone: " in said and "says what to do where they have answered" in said
        stopped = project.stage(*words, check=False)
        assert stopped.returncode == 2 and "take it out of annotator_pool" in stopped.stderr


def test_what_a_batch_answers_elsewhere_is_imported(server: ScriptedServer, called: Project, tmp_path: Path) -> None:
    project = make(tmp_path / "project", server)
    stage(project, "corpus")
    wrong = project.diziner_here("responses", "requests", "--out", "in.jsonl", check=False)
    assert wrong.returncode == 2 and "choose one with --model: scripted-careful (" in wrong.stderr
    lines = []
    for model in MODELS[:3]:
        project.diziner_here("responses", "requests", "--out", "in.jsonl", "--model", model)
        lines += [json.loads(line) for line in (project.folder / "in.jsonl").read_text().splitlines()]
    answered = []
    for line in lines:  # as `vllm run-batch` does it
        reply = server.reply_to(json.dumps(line["body"]).encode(), "")
        response = {"status_code": 200, "request_id": "vllm-batch-1", "body": reply.body}
        answered.append({"id": "vllm-1", "custom_id": line["custom_id"], "response": response, "error": None})
    (project.folder / "out.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in answered) + "rubbish\n")
    said = project.diziner_here("responses", "import", "out.jsonl").stdout
    assert f"{len(lines)} answers, 1 line for requests that it does not hold" in said
    asked = server.requests
    for name in ("scripted_careful", "scripted_eager", "scripted_shy"):
        stage(project, "annotate", "--annotator", name, "--round", "0")
        path = f"data/conll2003/rounds/r0/annotations/{name}.jsonl"
        assert (project.folder / path).read_bytes() == (called.folder / path).read_bytes()
    assert server.requests == asked
    again = project.diziner_here("responses", "import", "out.jsonl").stdout
    assert ": 0 answers" in again


def test_a_waiting_stage_is_known_by_what_it_says() -> None:
    assert f"error: {WAITING}" == view.WAITING


def test_names_that_are_wrong_are_said(server: ScriptedServer, tmp_path: Path) -> None:
    project = make(tmp_path / "project", server)
    none = project.diziner_here("batch", "submit", check=False)
    assert none.returncode == 2 and "params.yaml: endpoints: none has `batch`" in none.stderr
    strange = project.diziner_here("batch", "cancel", "batch_9", check=False)
    assert (strange.returncode, strange.stderr) == (2, "error: no open batch 'batch_9'; there are: none\n")
    assert project.diziner_here("batch", "status").stdout == "no batches\n"
    assert project.diziner_here("batch", "collect").stdout == "nothing is open\n"
