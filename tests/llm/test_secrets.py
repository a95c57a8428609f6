"""Secrets: no setting takes one, no address holds one, and a key that a server sends back is in no file."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from loopback import completion, listening
from projects import copy_project, use_scripted

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint, endpoint_from
from diziner.endpoints.extra import FIELDS, check_fields
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.llm.tape import write_export
from diziner.prompting.request import Message, ModelSettings, Refusal, Request, Response
from diziner.scripted.protocol import Reply, error
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings

KEY = "sk-test-5ecret-1234567890"
IN_BASE64 = base64.b64encode(f"user:{KEY}".encode()).decode()

_NAMES = """
api_key apiKey API-KEY azure_ad_token azure_ad_token_provider aws_access_key_id aws_secret_access_key
aws_session_token aws_web_identity_token vertex_credentials vertex_ai_credentials litellm_credential_name token
access_token id_token hf_token authorization Authorization bearer auth basic_auth oauth_token client_secret password
azure_password passwd x-api-key private_key session_token subscription-key langfuse_secret_key AZUREADTOKEN cookie
openai_identity_token_file refresh_tokens
"""
_ROUTING = """
fallbacks mock_response custom_llm_provider proxies base_url api_base headers extra_headers model_list api_version
context_window_fallback_dict organization ssl_verify baseURL litellm_params
"""
# What shapes answers, as providers and litellm have it.
DECODING: list[dict[str, Any]] = [
    {"reasoning": {"effort": "low", "max_tokens": 5, "exclude": True}},
    {"reasoning_effort": "minimal", "verbosity": "low"},
    {"provider": {"order": ["a"], "allow_fallbacks": False, "quantizations": ["fp8"], "require_parameters": True}},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"top_k": 5, "min_p": 0.1, "min_tokens": 1, "repetition_penalty": 1.1, "stop_token_ids": [2]},
    {"chat_template_kwargs": {"enable_thinking": True}, "skip_special_tokens": False, "prompt_cache_key": "a"},
    {
        "extra_body": {
            "max_thinking_tokens": 9,
            "maxOutputTokens": 4,
            "tokenizer": "x",
            "author": "me",
            "eos_token": ".",
        }
    },
]


@pytest.mark.parametrize("name", _NAMES.split())
def test_no_name_of_a_secret_passes_at_any_depth(name: str) -> None:
    for extra in (
        {name: "hidden"},
        {"extra_body": {name: "hidden"}},
        {"extra_body": {"a": [1, {"b": {name.upper(): "hidden"}}]}},
        {"provider": {"options": [[{name: None}]]}},
        {"chat_template_kwargs": {"a": json.dumps({"b": {name: "hidden"}})}},
    ):
        with pytest.raises(UserError, match="cannot be set there") as refused:
            check_fields(extra, "params.yaml: annotators.a.extra")
        assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("name", _ROUTING.split())
def test_nothing_that_leads_elsewhere_passes(name: str) -> None:
    for extra in ({name: "x"}, {"extra_body": {name: "x"}}, {"extra_body": {"a": [{name: "x"}]}}):
        with pytest.raises(UserError, match="cannot be set there"):
            check_fields(extra, "params.yaml")


@pytest.mark.parametrize("extra", DECODING)
def test_what_shapes_an_answer_passes(extra: dict[str, Any]) -> None:
    check_fields(extra, "params.yaml")


def test_nothing_passes_that_litellm_takes_for_itself() -> None:
    """Its own arguments, of which it sends none on to the model."""
    from litellm.types.utils import all_litellm_params

    own = {"provider", "prompt_cache_key", "user", "store", "usage"}
    assert len(all_litellm_params) > 100
    assert FIELDS & set(all_litellm_params) <= own
    assert all(_refused({name: "x"}) for name in all_litellm_params if name not in FIELDS)


@pytest.mark.parametrize(
    "value", [f"x {KEY}", "Bearer abcdefghijkl", "-----BEGIN PRIVATE KEY-----\nx", "https://me:pw@host/v1"]
)
def test_no_secret_passes_as_a_value(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    hosted("http://127.0.0.1:1/v1").key()
    assert value not in _refused({"extra_body": {"a": [value]}})


@pytest.mark.parametrize("field", ["model", "messages", "temperature", "max_tokens", "stream", "response_format"])
def test_the_body_cannot_be_changed_behind_the_settings(field: str) -> None:
    assert f"extra_body.{field} cannot be set there" in _refused({"extra_body": {field: 1}})


def _refused(extra: dict[str, Any]) -> str:
    with pytest.raises(UserError) as refused:
        check_fields(extra, "params.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://ann:hidden@127.0.0.1:8000/v1",
        "https://hidden@host/v1",
        "https://host/v1?api_key=hidden",
        "https://host/v1?a=1&Access-Token=hidden",
        "https://host/v1?sig=hidden#x",
        "https://host/v1#token=hidden",
    ],
)
def test_no_address_holds_a_secret(address: str) -> None:
    for entry in ({"api_base": address}, {"base_urls": ["http://127.0.0.1:1/v1", address]}):
        with pytest.raises(UserError, match=r"params.yaml: endpoints.a.(api_base|base_urls\[1\]): holds") as refused:
            endpoint_from("a", {"kind": "hosted", **entry}, "params.yaml: endpoints.a.")
        assert "hidden" not in str(refused.value)
    endpoint_from("a", {"kind": "hosted", "api_base": "https://host:80/v1?api-version=2024-02-01"}, "")


def test_settings_are_refused_when_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_project(tmp_path / "project", ("conll2003",))
    project.edit_params(lambda p: p["supervisor"]["model"].update(extra={"extra_body": {"azure_ad_token": "hidden"}}))
    monkeypatch.chdir(project.folder)
    with pytest.raises(UserError, match=r"params.yaml: supervisor.model.extra: extra_body.azure_ad_token cannot"):
        load_settings()


def hosted(base_url: str, **settings: Any) -> Endpoint:
    return Endpoint("web", "hosted", api_base=base_url, key_env="TEST_KEY", attempts=1, **settings)


def ask(folder: Path, base_url: str, text: str = "Hi") -> tuple[Any, ResponseStore]:
    store = ResponseStore(folder / "store.sqlite")
    request = Request("web", ModelSettings("web", "m"), (Message("user", text),), about="document 17")
    [outcome] = StoreAsker(store, {"web": hosted(base_url)}).ask([request], "work")
    return outcome, store


def test_a_key_in_an_answer_is_masked_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    body = completion(f"your key {KEY}, or {IN_BASE64}") | {"model": f"m-{KEY}", "system_fingerprint": KEY}
    with listening((200, {}, body)) as (base_url, _):
        outcome, store = ask(tmp_path, base_url)
    assert isinstance(outcome, Response)
    assert outcome.text.startswith("your key (key), or ") and IN_BASE64 not in outcome.text
    assert (outcome.model, outcome.fingerprint) == ("m-(key)", "(key)")
    [(_, _, kept)] = store.rows()
    assert kept == outcome


def test_a_key_in_a_refusal_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    said = {"error": {"message": f"flagged by moderation for {KEY} and {IN_BASE64}", "code": "content_filter"}}
    with listening((400, {}, said)) as (base_url, _):
        outcome, store = ask(tmp_path, base_url)
    assert isinstance(outcome, Refusal) and "flagged by moderation for (key)" in outcome.detail
    assert [reply for _, _, reply in store.rows()] == [outcome]


def test_a_request_with_a_key_in_it_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    with listening((200, {}, completion())) as (base_url, bodies):
        with pytest.raises(UserError, match=r"document 17: not sent: the request holds the value of TEST_KEY"):
            ask(tmp_path, base_url, f"the password is {KEY}.")
        assert bodies == []


def test_rows_with_a_key_are_neither_taken_in_nor_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("web", ModelSettings("web", "m"), (Message("user", "Hi"),))
    row = request.key, request.canonical(), Response(f"{KEY} it is", "stop")
    monkeypatch.setenv("TEST_KEY", KEY)
    hosted("http://127.0.0.1:1/v1").key()
    with pytest.raises(UserError, match="holds the value of TEST_KEY"):
        ResponseStore(tmp_path / "store.sqlite").put_rows([row])
    with pytest.raises(UserError, match="holds the value of TEST_KEY"):
        write_export(tmp_path / "export.jsonl.zst", {}, lambda: [row])
    assert not list(tmp_path.glob("*export*"))


class Echoing(ScriptedServer):
    """Sends the key back in every answer, and in the words of a refusal now and then."""

    def reply_to(self, body: bytes, key: str) -> Reply:
        reply = super().reply_to(body, key)
        if self.requests % 6 == 5:
            return error(400, f"flagged by moderation: {key}, {IN_BASE64}", "content_filter")
        choice = reply.body["choices"][0]
        text = json.dumps(_with(json.loads(choice["message"]["content"]), key))
        choices = [{**choice, "message": {**choice["message"], "content": text}}]
        return dataclasses.replace(reply, body={**reply.body, "choices": choices, "system_fingerprint": f"fp {key}"})


def _with(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _with(held, key) for name, held in value.items()}
    if isinstance(value, list):
        return [_with(held, key) for held in value]
    return f"{value} {key} {IN_BASE64}" if isinstance(value, str) and len(value) > 25 else value


def test_no_file_of_a_run_holds_a_key_that_the_server_sends_back(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", ("conll2003",))
    with Echoing() as server:

        def use_server(params: dict[str, Any]) -> None:
            use_scripted(params)
            params["answers"]["max_failed_share"] = 1.0
            params["endpoints"]["scripted"] = {
                "kind": "hosted",
                "api_base": server.base_url,
                "key_env": "TEST_KEY",
                "prices": {f"scripted-{name}": {"input": 0, "output": 0} for name in ("careful", "eager", "shy")},
            }

        project.edit_params(use_server)
        done = project.run(".venv/bin/python", "-m", "diziner", "repro", "-j", "1", check=False, TEST_KEY=KEY)
        assert server.requests > 20
    said = done.stdout + done.stderr
    files = [path for path in project.folder.rglob("*") if path.is_file() and ".venv" not in path.parts]
    assert any(".dvc/tmp" in str(path) for path in files)
    holding = [str(path) for path in files if any(key.encode() in path.read_bytes() for key in (KEY, IN_BASE64))]
    assert (holding, KEY in said, IN_BASE64 in said) == ([], False, False)
    kept = [reply for _, _, reply in ResponseStore(project.folder / ".responses/responses.sqlite").rows()]
    assert {type(reply) for reply in kept} == {Response, Refusal}
    assert all(key not in str(reply) for reply in kept for key in (KEY, IN_BASE64))
    assert sum("(key)" in str(reply) for reply in kept) > 20
