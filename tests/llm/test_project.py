"""Models in a whole project: served from the store without a socket, kept, planned, paid for, and stopped in time."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import completion, replying
from projects import SCRIPTED, Project, use_scripted
from stage_runs import prepared_project, run_stage

from diziner.commands.plan import arguments as plan_arguments
from diziner.commands.plan import plan
from diziner.commands.plan import run as run_plan
from diziner.common.errors import run_main
from diziner.layout import Room, store_path
from diziner.llm.access import AGAIN
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape, write_tape
from diziner.prompting.request import Response
from diziner.records.usage import read_usage
from diziner.rehearsal.rehearse import rehearse
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings
from stages.annotate import main as annotate_stage

PRICES = {f"scripted-{name}": {"input": 1.0, "output": 4.0} for name in ("careful", "eager", "shy", "supervisor")}


def use_priced(params: dict[str, Any]) -> None:
    use_scripted(params)
    params["endpoints"]["scripted"]["prices"] = PRICES


def use_server(base_url: str, **settings: Any) -> Callable[[dict[str, Any]], None]:
    endpoint = {"kind": "hosted", "provider": "openai", "api_base": base_url, "prices": PRICES, "concurrency": 8}

    def change(params: dict[str, Any]) -> None:
        use_scripted(params)
        params["endpoints"]["scripted"] = {**endpoint, **settings}

    return change


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project on scripted models with its documents and nothing else. Tests leave it as they find it."""
    return prepared_project(tmp_path_factory.mktemp("prepared"), use_priced)


@pytest.fixture(scope="module")
def ran(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same after a run, stage by stage. Tests leave it as they find it."""
    project = copied(prepared, tmp_path_factory.mktemp("ran"))
    for number in ("0", "1"):
        if number != "0":
            run_stage(project, "refine", "conll2003", "--round", number)
        for annotator in SCRIPTED:
            run_stage(project, "annotate", "conll2003", "--annotator", annotator, "--round", number)
        run_stage(project, "disagree", "conll2003", "--round", number)
    run_stage(project, "select", "conll2003")
    for guideline in ("selected", "initial"):
        run_stage(project, "predict", "conll2003", "--guideline", guideline)
    return project


def copied(project: Project, folder: Path) -> Project:
    shutil.copytree(project.folder, folder / "project", symlinks=True)
    return Project(folder / "project")


@pytest.fixture
def project(ran: Project, tmp_path: Path) -> Project:
    """A copy of `ran` to break."""
    return copied(ran, tmp_path)


@pytest.fixture
def fresh(prepared: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of `prepared` to use, and the tests' process in its root."""
    project = copied(prepared, tmp_path)
    monkeypatch.chdir(project.folder)
    return project


ANNOTATE = ("annotate", "conll2003", "--annotator", "scripted_shy", "--round", "1")
ANNOTATIONS = Path("data/conll2003/rounds/r1/annotations/scripted_shy.jsonl")

# Loaded by Python itself before the stage: sockets are refused, and heavy modules are named when it ends.
GUARD = """
import atexit, sys
HEAVY = set("litellm openai httpx aiohttp datasets pandas polars sklearn seqeval asyncio dvc xllamacpp".split())
def refuse(event, arguments):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}:
        raise RuntimeError(f"{event} {arguments}")
sys.addaudithook(refuse)
atexit.register(lambda: sys.stdout.write(" ".join(sorted(HEAVY & sys.modules.keys()))))
"""


@pytest.fixture
def guard(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    return {"PYTHONPATH": str(tmp_path / "guard")}


def test_a_stage_served_from_the_store_opens_no_socket_and_loads_no_client(
    project: Project, guard: dict[str, Any]
) -> None:
    before = (project.folder / ANNOTATIONS).read_bytes()
    cost = (project.folder / "metrics/cost.json").read_bytes()
    (project.folder / ANNOTATIONS).unlink()
    done = project.stage(*ANNOTATE, **guard)
    assert done.stdout == ""
    assert done.stderr == ""
    assert (project.folder / ANNOTATIONS).read_bytes() == before
    assert (project.folder / "metrics/cost.json").read_bytes() == cost


def test_the_guard_itself_works(project: Project, guard: dict[str, Any]) -> None:
    shutil.rmtree(project.folder / ".responses")
    assert "asyncio" in project.stage(*ANNOTATE, **guard).stdout
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    refused = project.run(".venv/bin/python", "-c", code, check=False, **guard)
    assert "RuntimeError: socket." in refused.stderr


def test_a_tape_replays_a_run_without_the_store(project: Project, guard: dict[str, Any]) -> None:
    recorded = project.diziner_here("responses", "record").stdout
    assert re.search(r"data/conll2003/tape\.jsonl: \d+ responses", recorded)
    before = (project.folder / ANNOTATIONS).read_bytes()
    shutil.rmtree(project.folder / ".responses")
    (project.folder / ANNOTATIONS).unlink()
    done = project.stage(*ANNOTATE, **guard)
    assert done.stdout == ""
    assert (project.folder / ANNOTATIONS).read_bytes() == before
    assert not (project.folder / ".responses").exists()


def test_responses_move_between_stores(project: Project, tmp_path: Path) -> None:
    count = re.search(r"(\d+) responses, none altered", project.diziner_here("responses", "verify").stdout)
    assert count
    assert int(count[1]) > 50
    file = tmp_path / "answers.jsonl"
    project.diziner_here("responses", "export", str(file))
    again = project.diziner_here("responses", "import", str(file)).stdout
    assert f"0 of {count[1]} responses were new" in again
    assert "differ" not in again
    shutil.rmtree(project.folder / ".responses")
    assert (
        f"{count[1]} of {count[1]} responses were new" in project.diziner_here("responses", "import", str(file)).stdout
    )
    assert "6 from the store" not in project.stage(*ANNOTATE).stderr


def test_an_import_says_where_it_differs_and_replaces_nothing(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    project.diziner_here("responses", "export", str(file))
    *rows, (key, request, answer) = read_tape(file)
    assert isinstance(answer, Response)
    write_tape(file, {}, [*rows, (key, request, replace(answer, text='{"entities": [ ]}'))])
    assert (
        "1 differ from those kept here before, which stay"
        in project.diziner_here("responses", "import", str(file)).stdout
    )
    assert "none altered" in project.diziner_here("responses", "verify").stdout


def test_of_an_edited_export_nothing_is_taken(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    project.diziner_here("responses", "export", str(file))
    *lines, last = file.read_text().splitlines()
    row = json.loads(last)
    row["response"]["text"] = '{"entities": [ ]}'
    file.write_text("\n".join([*lines, json.dumps(row)]) + "\n")
    shutil.rmtree(project.folder / ".responses")
    done = project.diziner_here("responses", "import", str(file), check=False)
    assert done.returncode == 2
    assert f"{file}:{len(lines) + 1}: {row['key'][:12]}: not a row of this tape: its digest is another" in done.stderr
    assert not (project.folder / ".responses").exists()


def test_an_export_may_be_compressed(project: Project, tmp_path: Path) -> None:
    plain, small = tmp_path / "answers.jsonl", tmp_path / "answers.jsonl.zst"
    for file in (plain, small):
        project.diziner_here("responses", "export", str(file))
    assert small.stat().st_size < plain.stat().st_size / 8
    assert read_tape(small) == read_tape(plain)
    shutil.rmtree(project.folder / ".responses")
    count = len(read_tape(plain))
    assert f"{count} of {count} responses were new" in project.diziner_here("responses", "import", str(small)).stdout


def test_verify_finds_an_altered_response_and_stages_do_not_ask_around_it(project: Project) -> None:
    store = project.folder / ".responses/responses.sqlite"
    connection = sqlite3.connect(store)
    connection.execute("UPDATE responses SET reply = replace(reply, 'entities', 'Entities')")
    connection.commit()
    connection.close()
    for done in (project.diziner_here("responses", "verify", check=False), project.stage(*ANNOTATE, check=False)):
        assert done.returncode == 2
        assert "the response store is damaged" in done.stderr
        assert done.stderr.count("\n") == 1


def test_gc_takes_only_what_no_output_names(project: Project) -> None:
    assert "0 of" in project.diziner_here("responses", "gc").stdout
    # Another temperature leaves the answers of the first behind.
    project.edit_params(lambda params: params["annotators"]["scripted_shy"].update(temperature=0.5))
    project.stage(*ANNOTATE)
    found = project.diziner_here("responses", "gc").stdout
    assert "6 of" in found
    assert "scripted:scripted-shy 6" in found
    assert "--delete" in found
    assert "they cost USD 0.0" in found
    kept = project.diziner_here("responses", "gc", "--delete").stdout
    assert "not removed: they cost USD 0.0" in kept
    assert "add --yes" in kept
    assert "6 removed; they cost USD 0.0" in project.diziner_here("responses", "gc", "--delete", "--yes").stdout
    assert "0 of" in project.diziner_here("responses", "gc").stdout
    (project.folder / str(ANNOTATIONS).replace("annotations", "usage")).unlink()
    unfinished = project.diziner_here("responses", "gc", "--delete", check=False)
    assert unfinished.returncode == 2
    assert "gc needs every output" in unfinished.stderr


def test_after_a_run_nothing_is_left_to_plan(ran: Project) -> None:
    table = ran.diziner_here("plan").stdout.splitlines()
    assert table[2].split()[:2] == ["total", "0"]
    assert int(table[2].split()[2]) > 50


def test_a_changed_setting_plans_that_annotator_alone(project: Project) -> None:
    project.edit_params(lambda params: params["annotators"]["scripted_careful"].update(temperature=0.5))
    works = [line for line in project.diziner_here("plan").stdout.splitlines() if line.startswith("conll2003 round 0")]
    assert len(works) == 1
    assert works[0].startswith("conll2003 round 0, scripted_careful")


def test_a_plan_prepares_the_documents_first(make_project: Callable[..., Project]) -> None:
    done = make_project("conll2003").diziner_here("plan")
    assert "started   conll2003 corpus" in done.stderr
    assert "conll2003 round 0" in done.stdout


def test_a_plan_comes_within_a_tenth_of_what_a_run_on_the_server_spends(
    fresh: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        fresh.edit_params(use_server(server.base_url))
        settings = load_settings()
        planned = plan(["conll2003"], settings)
        assert server.requests == 0
        assert not Path(".responses").exists()
        asker = StoreAsker(ResponseStore(Path("store")), settings.endpoints, report=Path("cost.json"))
        rehearse(Room("conll2003"), settings, asker)  # one that asks in earnest
        assert server.requests == asker.tally.called
    report = json.loads(Path("cost.json").read_text())
    total = report["total"]
    assert sum(line.calls for line in planned) == pytest.approx(total["calls"], rel=0.1)
    assert sum(line.usd or 0 for line in planned) == pytest.approx(total["usd"], rel=0.1)
    tokens = sum(line.prompt_tokens + line.completion_tokens for line in planned)
    assert tokens == pytest.approx(total["prompt_tokens"] + total["completion_tokens"], rel=0.1)
    # Round 0 is known to the call; what it costs, but for the answers' length.
    first = {line.work: line for line in planned if " round 0," in line.work}
    assert len(first) == 3
    for work, line in first.items():
        assert line.calls == report["work"][work]["calls"]
        assert line.usd == pytest.approx(report["work"][work]["usd"], rel=0.1)
    assert total["unpriced"] == 0


def test_the_report_counts_by_work_and_by_model_and_repeats_byte_for_byte(ran: Project) -> None:
    report = json.loads((ran.folder / "metrics/cost.json").read_text())
    work = report["work"]
    assert "conll2003 round 0, scripted_eager" in work
    assert "conll2003 round 1, supervisor: patterns" in work
    assert work["conll2003 round 0, scripted_eager"]["structured"] == ["json_schema"]
    assert sum(line["calls"] for line in work.values()) == report["total"]["calls"]
    assert sum(line["usd"] for line in work.values()) == pytest.approx(report["total"]["usd"], abs=1e-5)
    assert report["models"]["scripted:scripted-eager"]["answered_as"] == [["scripted-eager", "scripted"]]


def test_a_budget_stops_the_stage_keeps_the_answers_and_goes_on_when_raised(fresh: Project) -> None:
    def budget(usd: float) -> None:
        fresh.edit_params(lambda params: params.update(budget={"usd": usd}))

    first = ("annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0")
    fresh.edit_params(lambda params: params["annotators"]["scripted_eager"].update(max_tokens=64))
    budget(0.005)
    assert "not enough: the run will stop there" in fresh.diziner_here("plan").stdout
    done = fresh.stage(*first, check=False)
    assert done.returncode == 2
    assert "budget.usd: is 0.005" in done.stderr
    kept = len(list(ResponseStore(Path(".responses/responses.sqlite")).rows()))
    assert 0 < kept < 6
    assert json.loads(Path("metrics/cost.json").read_text())["total"]["usd"] <= 0.005
    budget(1.0)
    again = fresh.stage(*first)
    assert f": 6 of 6 requests, {kept} from the store, " in again.stderr


def test_a_budget_without_prices_is_refused_before_anything_is_sent(fresh: Project) -> None:
    with ScriptedServer() as server:
        fresh.edit_params(use_server(server.base_url, prices={}))
        fresh.edit_params(lambda params: params.update(budget={"usd": 5}))
        assert "until every model has a price" in fresh.diziner_here("plan").stdout
        done = fresh.stage("annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0", check=False)
        assert done.returncode == 2
        assert "no price for scripted-eager, so budget.usd cannot hold" in done.stderr
        assert server.requests == 0


def test_too_many_failures_stop_with_a_table_and_a_rerun_asks_for_the_rest_only(
    fresh: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In this process, which has the client loaded.
    monkeypatch.setattr("sys.argv", ["annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0"])
    output = Path("data/conll2003/rounds/r0/annotations/scripted_eager.jsonl")
    with ScriptedServer(Faults(refusal=0.4, truncated=0.1), seed=3) as server:
        fresh.edit_params(use_server(server.base_url))
        with pytest.raises(SystemExit) as stopped:
            run_main(annotate_stage)
        assert stopped.value.code == 3
        message = capsys.readouterr().err
        found = re.search(r"(\d) of 6 documents failed; the allowed share is 0\.05", message)
        assert found
        assert re.search(r"^  refused +\d   first \S+: finish reason refusal$", message, re.MULTILINE)
        assert not output.exists()
        calls = server.requests
        # With the share allowed, failures are rows, and only what was cut off is asked for again.
        cut = re.search(r"^  truncated +(\d)", message, re.MULTILINE)
        fresh.edit_params(lambda params: params["answers"].update(max_failed_share=1.0))
        run_main(annotate_stage)
        assert server.requests == calls + int(cut[1] if cut else 0)
    assert len(output.read_text().splitlines()) == 6


def test_an_answer_that_cannot_be_read_is_no_dead_end(
    fresh: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the message names works: asked once more, the stage ends well, and needs no model any more."""
    monkeypatch.setattr("sys.argv", ["annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0"])
    output = Path("data/conll2003/rounds/r0/annotations/scripted_eager.jsonl")

    def reply(asked: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        return 200, {}, completion("I see no names." if asked.get("seed", 0) == 0 else '{"entities": []}')

    with replying(reply) as (base_url, bodies):
        fresh.edit_params(use_server(base_url))
        for calls in (12, 0):  # with a repair turn each
            before = len(bodies)
            with pytest.raises(SystemExit) as stopped:
                run_main(annotate_stage)
            assert stopped.value.code == 3
            assert "`diziner repro --again` asks once more for what is unparsable" in capsys.readouterr().err
            assert len(bodies) == before + calls
        monkeypatch.setenv(AGAIN, "1")
        run_main(annotate_stage)
        assert len(bodies) == 12 + 6
        rows = output.read_bytes()
        monkeypatch.delenv(AGAIN)
        output.unlink()
        run_main(annotate_stage)
        assert len(bodies) == 12 + 6
    assert output.read_bytes() == rows
    # The tape gets all of it, so that a replay comes to the same answers.
    used = [row.key for row in read_usage(Path("data/conll2003/rounds/r0/usage/scripted_eager.jsonl"))]
    assert len(used) == 18
    assert len(ResponseStore(store_path()).get(used)) == 18


def test_the_servers_command_serves(ran: Project) -> None:
    helped = ran.diziner("fake-server", "--help").stdout
    assert "--latency" in helped
    assert "--fault" in helped


def test_a_plan_names_what_does_not_fit_the_window(fresh: Project, capsys: pytest.CaptureFixture[str]) -> None:
    def window(tokens: int) -> Callable[[dict[str, Any]], None]:
        return lambda params: params["endpoints"]["scripted"].update(context=tokens)

    parser = argparse.ArgumentParser()
    plan_arguments(parser)
    fresh.edit_params(window(2000))
    run_plan(parser.parse_args(["conll2003"]))
    lines = [line for line in capsys.readouterr().out.splitlines() if "not fit into the 2,000 tokens" in line]
    assert {line.partition(" that ")[2].partition(" sees")[0] for line in lines} >= {"scripted-careful", "scripted-shy"}
    assert "document" in lines[0] and "(params answers.chunk_tokens)" in lines[0]
    fresh.edit_params(window(200_000))
    run_plan(parser.parse_args(["conll2003"]))
    assert "not fit" not in capsys.readouterr().out
