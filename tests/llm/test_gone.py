"""Models that are gone: told from other errors, left out by their stages, refused before anything is paid."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, SCRIPTED, Project, use_scripted
from stage_runs import prepared_project, run_stage

from diziner.common.errors import UserError
from diziner.common.version import VERSION
from diziner.endpoints import Endpoint
from diziner.endpoints.refusals import model_is_gone
from diziner.llm import ledger
from diziner.llm.roll_call import roll_call
from diziner.llm.store import ResponseStore
from diziner.records.annotations import left_out, read_annotations
from diziner.scripted.habits import MODELS, Served
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings

CONCURRENCY = 4
# What providers send, after public reports; own names.
GONE: list[tuple[str, int, Any]] = [
    ("OpenRouter", 404, {"error": {"message": "No endpoints found for a/b:free.", "code": 404}}),
    ("OpenRouter", 400, {"error": {"message": "a/b is not a valid model ID", "code": 400}}),
    ("OpenAI", 404, {"error": {"message": "The model `m` does not exist or …", "code": "model_not_found"}}),
    (
        "vLLM",
        404,
        {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError"},
    ),
    ("Groq", 400, {"error": {"message": "The model `m` has been decommissioned", "code": "model_decommissioned"}}),
    ("Anthropic", 404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-0"}}),
    (
        "Gemini",
        404,
        {"error": {"code": 404, "message": "models/m is not found for API version v1"}},
    ),
    ("Mistral", 400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"}),
    ("Ollama", 404, {"error": {"message": 'model "m" not found, try pulling it first', "type": "api_error"}}),
    ("Azure", 404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}),
    ("DeepSeek", 400, {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}),
]
OTHERWISE: list[tuple[str, int, Any]] = [
    ("OpenRouter", 404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}),
    (
        "OpenRouter",
        404,
        {"error": {"message": "No endpoints available matching your guardrail restrictions"}},
    ),
    ("a wrong address", 404, {"detail": "Not Found"}),
    ("a wrong address", 404, "<html>404 Not Found</html>"),
    ("OpenAI", 400, {"error": {"message": "Unsupported parameter: 'temperature' is not supported with this model."}}),
    ("OpenAI", 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.0 with this model."}}),
    ("a proxy", 503, {"error": {"message": "model not found"}}),
]


@pytest.mark.parametrize(("case", "is_gone"), [*((c, True) for c in GONE), *((c, False) for c in OTHERWISE)])
def test_a_model_that_is_gone_is_told_from_other_errors(case: tuple[str, int, Any], is_gone: bool) -> None:
    _, status, body = case
    assert model_is_gone(status, body if isinstance(body, str) else json.dumps(body)) is is_gone


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return prepared_project(tmp_path_factory.mktemp("gone"), use_scripted)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        yield made


@pytest.fixture
def project(prepared: Project, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose models are all behind HTTP, prepared, with nothing asked."""
    shutil.copytree(prepared.folder, tmp_path / "project", symlinks=True)
    made = Project(tmp_path / "project")
    endpoint = {"kind": "hosted", "api_base": server.base_url, "concurrency": CONCURRENCY, "attempts": 1}
    made.edit_params(lambda params: params["endpoints"].update(scripted=endpoint))
    monkeypatch.chdir(made.folder)
    return made


def let_go(project: Project, *annotators: str, supervisor: bool = False) -> None:
    """Have the settings name a model that the server does not have."""

    def change(params: dict[str, Any]) -> None:
        for name in annotators:
            params["annotators"][name]["model"] = "scripted-crafty"
        if supervisor:
            params["supervisor"]["model"]["model"] = "scripted-superviser"

    project.edit_params(change)


def test_an_annotator_whose_model_is_gone_is_left_out_and_the_run_goes_on(
    project: Project, server: ScriptedServer
) -> None:
    let_go(project, "scripted_shy")
    said = {}
    for name in SCRIPTED:
        said[name] = project.stage("annotate", "conll2003", "--annotator", name, "--round", "0").stdout
    assert re.fullmatch(
        r"note: conll2003 round 0, scripted_shy is left out as its model is gone: endpoint scripted, model "
        r"scripted-crafty: it is not there \(.+\); name another model in params.yaml\n",
        said.pop("scripted_shy"),
    )
    assert set(said.values()) == {""}
    rows = read_annotations(Path("data/conll2003/rounds/r0/annotations/scripted_shy.jsonl"))
    assert len(rows) == 6 and left_out(rows).startswith("as its model is gone")
    run_stage(project, "disagree", "conll2003", "--round", "0")
    agreement = json.loads(Path("data/conll2003/rounds/r0/agreement.json").read_text())
    assert sorted(agreement["mean"]) == ["scripted_careful", "scripted_eager"]
    from diziner.commands.summary import _left_out

    [line] = _left_out(["conll2003"])
    assert line.endswith(": scripted_shy in 1 round")
    # Six documents of two, and the one that is gone: once by each stage's roll call, then by its own, which ends with
    # the first answer; as many calls as may be in flight can have set out before that.
    assert server.requests <= 2 * 6 + len(SCRIPTED) + CONCURRENCY


def test_nothing_is_asked_if_the_supervisor_is_gone_or_too_few_annotators_are_left(
    project: Project, server: ScriptedServer
) -> None:
    words = ("annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0")
    let_go(project, supervisor=True)
    done = project.stage(*words, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "supervisor.model: endpoint scripted, model scripted-superviser: it is not there" in done.stderr
    assert "(there are: scripted-supervisor" in done.stderr and "nothing was asked yet" in done.stderr
    project.edit_params(lambda params: params["supervisor"]["model"].update(model="scripted-supervisor"))
    let_go(project, "scripted_careful", "scripted_shy")
    done = project.stage(*words, check=False)
    assert done.returncode == 2
    assert "annotator_pool: too few annotators are left; scripted_careful: endpoint" in done.stderr
    assert server.requests == 2  # one tiny question about each name that the list lacks
    assert not list(ResponseStore(Path(".responses/responses.sqlite")).rows())


def test_the_supervisor_is_not_needed_where_no_refinement_follows(project: Project, server: ScriptedServer) -> None:
    let_go(project, supervisor=True)
    last = max(load_settings().rounds)
    shutil.copytree("data/conll2003", f"data/conll2003/rounds/r{last}", ignore=lambda *_: {"rounds", "corpus"})
    done = project.stage("annotate", "conll2003", "--annotator", "scripted_eager", "--round", str(last))
    assert done.stdout == "" and server.requests >= 6


def test_planning_by_first_answers_goes_on_without_a_model_that_is_gone(project: Project) -> None:
    let_go(project, "scripted_shy")
    out = project.diziner_here("plan", "conll2003", "--ask", "2").stdout
    assert re.match(
        r"scripted_shy: endpoint scripted, model scripted-crafty: it is not there .+; a run leaves it out\n", out
    )
    assert len(list(ResponseStore(Path(".responses/responses.sqlite")).rows())) == 2 * 2
    assert "--ask: is -1" in project.diziner_here("plan", "--ask", "-1", check=False).stderr


def test_the_roll_is_called_once_for_all_stages_of_a_run(
    project: Project, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go(project, "scripted_shy")
    monkeypatch.setenv("DIZINER_TURNS", str(tmp_path))
    for _ in range(3):
        roll_call(load_settings(), ResponseStore(Path("store.sqlite")), supervised=True)
    assert server.requests == 1


def test_a_model_that_answered_and_is_gone_since_stops_the_run(project: Project) -> None:
    with ScriptedServer() as other:
        project.edit_params(lambda params: params["endpoints"]["scripted"].update(base_urls=[other.base_url]))
        project.edit_params(lambda params: params["endpoints"]["scripted"].pop("api_base"))
        run_stage(project, "annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0")
    # The same endpoint by name, with a server that lacks the model now.
    with _Server({"error": {"message": "The model `scripted-eager` does not exist."}}) as url:
        project.edit_params(lambda params: params["endpoints"]["scripted"].update(base_urls=[url]))
        project.edit_params(lambda params: params["annotators"]["scripted_eager"].update(temperature=0.5))
        words = ("annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0")
        done = project.stage(*words, check=False)
    assert done.returncode == 2
    assert "it has answered before: to go on without it, take it out of annotator_pool" in done.stderr


class _Server:
    """A server that answers every chat request with 404 and one body, and lists what it is given."""

    def __init__(self, body: Any, listing: tuple[int, bytes] = (404, b"")) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._send(404, json.dumps(body).encode())

            def do_GET(self) -> None:
                self._send(*listing)

            def _send(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        self._http = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        ((200, b'{"data": [{"id": "b"}, {"id": "models/a"}, {"id": 3}, "x"]}'), ["a", "b"]),
        ((200, b'[{"id": "together"}]'), ["together"]),
        ((200, b'{"data": []}'), None),
        ((200, b"<html>"), None),
        ((200, b'{"data": {"id": "b"}}'), None),
        ((401, b'{"data": [{"id": "b"}]}'), None),
    ],
)
def test_lists_of_models_in_whatever_form(listing: tuple[int, bytes], found: list[str] | None) -> None:
    with _Server({}, listing) as url:
        endpoint = Endpoint("web", "hosted", "openai", api_base=url)
        assert endpoint.backend.models(endpoint) == found
    assert endpoint.backend.models(endpoint) is None  # nobody there


def test_a_list_needs_the_key_that_calls_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    endpoint = Endpoint("web", "hosted", "openai", api_base="http://127.0.0.1:1/v1", key_env="NO_SUCH_KEY")
    with pytest.raises(UserError, match="set the environment variable NO_SUCH_KEY"):
        endpoint.backend.models(endpoint)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    from diziner.cli import main

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["diziner", "check-endpoint", *words])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


def test_check_endpoint_says_of_each_model_what_a_run_needs_to_know(
    project: Project, server: ScriptedServer, check: Callable[..., tuple[int, str, str]]
) -> None:
    prices = {f"scripted-{name}": {"input": 1.0, "output": 4.0} for name in ("careful", "supervisor")}
    project.edit_params(lambda params: params["endpoints"]["scripted"].update(prices=prices))
    code, out, err = check("scripted")
    assert (code, err) == (0, "")
    head, columns, _, *lines = out.splitlines()
    assert head == f"endpoint scripted: no key, {len(MODELS)} models listed"
    assert columns.split()[:3] == ["model", "for", "listed"]
    careful = next(line.split() for line in lines if line.startswith("scripted-careful"))
    assert careful[:4] == ["scripted-careful", "scripted_careful", "yes", "scripted-careful"]
    assert "json_schema:" in careful and "kept" in careful and "sent" in careful
    cost = float(careful[-2])
    assert careful[-1] == "price" and 0 < cost < 0.001
    assert next(line.split() for line in lines if line.startswith("scripted-shy"))[-2:] == ["?", "unknown"]
    # It counts as spent, and no answer of it is kept: plan would take it for one about a document.
    store = ResponseStore(Path(".responses/responses.sqlite"))
    [spent] = store.apply([ledger.spent])
    assert spent >= ledger.nano(cost) and not list(store.rows())
    requests = server.requests
    assert check("scripted", "--list") == (0, "".join(f"{name}\n" for name in sorted(MODELS)), "")
    assert server.requests == requests


def test_a_probe_binds_no_run_to_the_fingerprint_of_that_day(
    project: Project, server: ScriptedServer, check: Callable[..., tuple[int, str, str]]
) -> None:
    def served_by(url: str) -> None:  # the address of several servers is the endpoint's name
        endpoint = {"kind": "hosted", "base_urls": [url], "identity": "fingerprint"}
        project.edit_params(lambda params: params["endpoints"].update(scripted=endpoint))

    served_by(server.base_url)
    assert check("scripted")[0] == 0
    with ScriptedServer(seed=7) as other:  # its models have another fingerprint
        served_by(other.base_url)
        run_stage(project, "annotate", "conll2003", "--annotator", "scripted_eager", "--round", "0")


def test_a_key_that_is_refused_is_the_users_to_mend_and_an_outage_is_not(
    project: Project, check: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "scripted-bad-key")
    project.edit_params(lambda params: params["endpoints"]["scripted"].update(key_env="A_KEY"))
    code, out, err = check("scripted")
    assert code == 2 and "check the key in A_KEY" in out and "scripted-bad-key" not in out + err
    project.edit_params(lambda params: params["endpoints"]["scripted"].update(api_base="http://127.0.0.1:9/v1"))
    code, out, _ = check("scripted")
    assert code == 3 and "no list of models" in out and "scripted_shy: unavailable: " in out


def test_check_endpoint_names_what_is_gone_and_what_there_is(
    project: Project, check: Callable[..., tuple[int, str, str]]
) -> None:
    let_go(project, "scripted_shy")
    code, out, err = check("scripted")
    assert code == 2 and err == "error: endpoint scripted: 1 of 4 models cannot be used as they are\n"
    assert re.search(r"^scripted-crafty +scripted_shy +no +gone ", out, re.MULTILINE)
    assert re.search(r"^scripted_shy: .+ it is not there .+ \(there are: scripted-", out, re.MULTILINE)
    assert check() == (code, out, err)  # the one that is in use
    code, _, err = check("scirpted")
    assert code == 2 and "no endpoint scirpted; there are: scripted" in err
    project.edit_params(lambda params: params["endpoints"]["scripted"].update(key_env="NO_SUCH_KEY"))
    code, out, err = check("scripted")
    assert (code, out) == (2, "") and "set the environment variable NO_SUCH_KEY" in err


def test_the_papers_models_are_checked_before_anything_is_asked(
    tmp_path: Path, check: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their own names, in each one's own settings, at a server that refuses what OpenAI and OpenRouter refuse."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENROUTER_API_KEY", "a-key")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    params = yaml.safe_load((ROOT / "diziner/profiles/paper.yaml").read_text(encoding="utf-8"))
    with ScriptedServer(served=Served(any_model=True)) as server:
        for name, path in (("openrouter", "/openrouter/api/v1"), ("openai", "/openai/v1")):
            params["endpoints"][name]["api_base"] = f"{server.base_url.removesuffix('/v1')}{path}"
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        (tmp_path / ".diziner").write_text(f"{VERSION}\n")
        code, out, err = check()
    assert (code, err) == (0, ""), out
    assert len(re.findall(r"^\S+/\S+ +\w+ .* none +sent ", out, re.MULTILINE)) == 8, out
    assert re.search(r"^gpt-5-mini-2025-08-07 .* json_schema: kept ", out, re.MULTILINE), out
