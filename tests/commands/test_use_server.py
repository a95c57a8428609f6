"""`diziner use --endpoint`: a server's models become the settings in one line, or one line says why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from projects import Project, copy_project

from diziner.common.yamlfile import broken_by_dvc
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project", ("conll2003",))


def test_a_servers_models_annotate_and_refine(project: Project, server: ScriptedServer) -> None:
    before = (project.folder / "params.yaml").read_text()
    words = ("--models", "scripted-careful,scripted-eager,scripted-shy", "--supervisor", "scripted-supervisor")
    said = project.diziner_here("use", "--endpoint", server.base_url, *words, "--name", "lab").stdout
    assert "3 models of lab annotate, scripted-supervisor refines" in said
    text = (project.folder / "params.yaml").read_text()
    assert broken_by_dvc(text) is None, "`dvc exp run -S` writes it anew without quotes"
    value = yaml.safe_load(text)
    assert value["annotator_pool"] == ["scripted_careful", "scripted_eager", "scripted_shy"]
    assert value["endpoints"]["lab"]["api_base"] == server.base_url
    assert (value["supervisor"]["model"]["model"], value["supervisor"]["batch"]) == ("scripted-supervisor", "all")
    assert value["annotators"]["scripted_shy"]["structured"] == "json_schema"
    # All else stays, comments too, and the file as it was is beside.
    assert {line for line in before.splitlines() if "#" in line} - set(text.splitlines()) <= {
        line for line in before.splitlines() if line.startswith(("  batch:", "    structured: grammar"))
    }
    assert "qwen_plain" in value["annotators"] and (project.folder / "params.yaml.bak").read_text() == before
    project.diziner("repro", "conll2003")
    assert (project.folder / "metrics/final/conll2003.json").is_file()
    # Again: nothing changes.
    again = project.diziner_here("use", "--endpoint", server.base_url, *words)
    assert "kept in" not in again.stdout and (project.folder / "params.yaml").read_text() == text
    short = project.diziner_here("use", "--endpoint", server.base_url.removesuffix("/v1"), "--name", "lab", check=False)
    assert f"endpoints.lab is {server.base_url}; give that" in short.stderr


def test_one_line_says_why_not_and_nothing_is_written(project: Project, server: ScriptedServer) -> None:
    before = (project.folder / "params.yaml").read_bytes()
    root = server.base_url.removesuffix("/v1")
    for words, reason in {
        (
            server.base_url,
            "--models",
            "scripted-carefull",
        ): "it has no model scripted-carefull (there are: scripted-careful",
        (f"{root}/v2",): "/v2/models: HTTP 404, no list of models; most base URLs end in /v1",
        ("http://127.0.0.1:9/v1",): "nobody listens",
        ("http://no-such-host.invalid/v1",): "no-such-host.invalid",
        ("localhost:8000",): "--endpoint: 'localhost:8000' is not an address that begins with http://",
        ("http://user:pw@127.0.0.1/v1",): "password",
    }.items():
        done = project.diziner_here("use", "--endpoint", *words, check=False)
        assert done.returncode == 2 and reason in done.stderr and done.stderr.count("\n") == 1, (words, done.stderr)
    for words, reason in {
        ("local", "--models", "a"): "--models: only with --endpoint URL",
        ("--endpoint", server.base_url, "--with", "relaxed"): "--with: only with a profile",
    }.items():
        done = project.diziner_here("use", *words, check=False)
        assert done.returncode == 2 and reason in done.stderr
    for words in ((), ("local", "--endpoint", server.base_url)):
        assert "either a profile's name or --endpoint" in project.diziner_here("use", *words, check=False).stderr
    assert (project.folder / "params.yaml").read_bytes() == before and not (project.folder / "params.yaml.bak").exists()


@pytest.mark.parametrize(
    ("refused", "words", "said"),
    [
        ("", (), "it asks for a key: --key-env NAME (HTTP 401)"),
        ("wrong-key-of-mine", ("--key-env", "LAB_KEY"), "the key in LAB_KEY is refused (HTTP 401)"),
    ],
)
def test_a_server_that_asks_for_a_key_is_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, refused: str, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("LAB_KEY", "wrong-key-of-mine")
    before = (project.folder / "params.yaml").read_bytes()
    with ScriptedServer(Faults(bad_key=refused)) as server:
        done = project.diziner_here("use", "--endpoint", server.base_url, *words, check=False)
        assert (done.returncode, done.stderr) == (2, f"error: {server.base_url}: {said}\n")
        assert (project.folder / "params.yaml").read_bytes() == before
        monkeypatch.setenv("LAB_KEY", "another-key-of-mine")
        project.diziner_here("use", "--endpoint", server.base_url, "--key-env", "LAB_KEY")
    text = (project.folder / "params.yaml").read_text()
    assert "key_env: LAB_KEY" in text and "-of-mine" not in text
