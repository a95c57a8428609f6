"""Nine providers, each as it speaks: what litellm makes of a request, and what row its reply becomes.

The server behind them refuses what the provider refuses (`diziner.scripted.dialects`), so a body that is sent wrongly
is an error here as it would be there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate
from projects import ROOT

from diziner.annotator.prompt import answer_schema
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings, Refusal, Response
from diziner.records.annotations import Annotation
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline
from diziner.scripted.dialects import DIALECTS, Dialect
from diziner.scripted.faults import REFUSAL, Faults
from diziner.scripted.habits import Served
from diziner.scripted.protocol import Reply
from diziner.scripted.server import ScriptedServer
from diziner.supervisor.evidence import Evidence, Leaning
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import refine
from diziner.supervisor.settings import SupervisorSettings

KEY = "sk-contract-1234567890"
TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("made_up", 0, Goal("News.", "Research.", "Names.", "Counting."), TYPES)
SCHEMA = answer_schema(TYPES, "json_schema", 10)
STRICT = {"type": "json_schema", "json_schema": {"name": "entities", "schema": SCHEMA, "strict": True}}


@dataclass(frozen=True)
class Place:
    """A model at a provider: where, and what of a request is sent there besides model and messages.

    `plain` is the body of a request with temperature 0 (1 where nothing else is taken), top_p 1, 800 tokens and seed 7;
    `held` is what a schema adds to it.
    """

    dialect: str
    provider: str
    model: str
    path: str
    plain: Mapping[str, Any]
    held: Mapping[str, Any]
    temperature: float = 0.0
    seed: int = 7

    def endpoint(self, server: ScriptedServer, **more: Any) -> Endpoint:
        base = f"{server.base_url.removesuffix('/v1')}/{self.dialect}{self.path}"
        given: dict[str, Any] = {"provider": self.provider, "key_env": "TEST_KEY", "attempts": 2, "timeout_s": 5.0}
        return Endpoint("web", "hosted", api_base=base, **{**given, **more})

    def settings(self, **more: Any) -> AnnotatorSettings:
        given: dict[str, Any] = {"temperature": self.temperature, "max_tokens": 800, "seed": self.seed}
        return AnnotatorSettings("reader", ModelSettings("web", self.model, **{**given, **more}), prompt="annotate.v2")


CHAT = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 800, "seed": 7}
REASONING = {"temperature": 1.0, "max_completion_tokens": 800, "seed": 7}
TOOL = {"tool_choice": {"name": "json_tool_call", "type": "tool"}}
PLACES = {
    "OpenAI": Place("openai", "openai", "gpt-4o-mini", "/v1", CHAT, {"response_format": STRICT}),
    "OpenAI, GPT-5": Place(
        "openai", "openai", "gpt-5-mini-2025-08-07", "/v1", REASONING, {"response_format": STRICT}, 1.0
    ),
    "OpenAI, GPT-5.5": Place("openai", "openai", "gpt-5.5", "/v1", REASONING, {"response_format": STRICT}, 1.0),
    "Azure": Place("azure", "azure", "my-deployment", "", CHAT, {"response_format": STRICT}),
    "Azure, GPT-5": Place("azure", "azure", "gpt-5-mini", "", REASONING, {"response_format": STRICT}, 1.0),
    "OpenRouter": Place(
        "openrouter",
        "openrouter",
        "qwen/qwen3-14b",
        "/api/v1",
        {**CHAT, "usage": {"include": True}},
        {"response_format": STRICT},
    ),
    "Anthropic": Place(
        "anthropic",
        "anthropic",
        "claude-sonnet-4-5",
        "",
        {"temperature": 0.0, "max_tokens": 800},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        seed=0,
    ),
    "Anthropic, by a tool": Place(
        "anthropic", "anthropic", "claude-3-5-haiku-20241022", "", {"temperature": 0.0, "max_tokens": 800}, TOOL, seed=0
    ),
    "Gemini": Place(
        "gemini",
        "gemini",
        "gemini-2.5-flash-lite",
        "/v1beta",
        {"generationConfig": {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 800, "seed": 7}},
        {"response_mime_type": "application/json", "response_json_schema": SCHEMA},
    ),
    "Mistral": Place(
        "mistral",
        "mistral",
        "mistral-small-2506",
        "/v1",
        {"temperature": 0.0, "top_p": 1.0, "max_tokens": 800, "random_seed": 7},
        {"response_format": STRICT},
    ),
    "vLLM": Place("vllm", "hosted_vllm", "Qwen/Qwen3-14B", "/v1", CHAT, {"response_format": STRICT}),
    "llama.cpp": Place("llama.cpp", "openai", "qwen3-14b", "/v1", CHAT, {"response_format": STRICT}),
    "Ollama": Place(
        "ollama",
        "ollama_chat",
        "qwen3:14b",
        "",
        {"options": {"temperature": 0.0, "top_p": 1.0, "num_predict": 800, "seed": 7}, "stream": False},
        {"format": SCHEMA},
    ),
}
# Open models refuse in their answer, which then cannot be read.
IN_WORDS = {"vLLM": REFUSAL, "llama.cpp": REFUSAL, "Ollama": REFUSAL}
NO_LIMIT = {"llama.cpp", "Ollama"}  # it is busy instead, with status 503
EVERYWHERE = pytest.mark.parametrize("name", PLACES)


class Overheard(ScriptedServer):
    """A server that keeps what it is sent, and what it replies, in dialects."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.heard: list[tuple[str, Mapping[str, str], dict[str, Any]]] = []

    def speak(self, dialect: Dialect, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        reply = super().speak(dialect, path, headers, body)
        if reply is not None:  # litellm asks Ollama for more than answers
            self.heard.append((path, headers, json.loads(body)))
        return reply


def documents(count: int) -> list[Document]:
    texts = [f"Ada Lovelace sent {n} letters from Lisbon to Port Said ." for n in range(count)]
    return [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]


@pytest.fixture(autouse=True)
def key_and_short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("diziner.llm.lane._FIRST_WAIT_S", 0.01)


@contextmanager
def serving(*gone: str, **rates: Any) -> Iterator[Overheard]:
    with Overheard(Faults(**rates), served=Served(any_model=True, gone=frozenset(gone))) as server:
        yield server


Asked = tuple[list[Annotation], list[Response | Refusal]]


def ask(folder: Path, place: Place, server: Overheard, count: int = 1, **settings: Any) -> Asked:
    """The rows of some documents, and what came back, in the order of keys."""
    asker = StoreAsker(ResponseStore(folder / "store.sqlite"), {"web": place.endpoint(server, concurrency=1)})
    annotator = place.settings(**settings)
    rows = annotate(documents(count), GUIDELINE, annotator, asker, "test", AnswerSettings(repair_turns=0))
    return rows, [reply for _, _, reply in asker.store.rows()]


def texts_in(body: Mapping[str, Any]) -> tuple[str, str]:
    """What the system and the user say, wherever a provider has it."""
    if "contents" in body:
        [turn] = body["contents"]
        return body["system_instruction"]["parts"][0]["text"], turn["parts"][0]["text"]
    said = [(message["role"], message["content"]) for message in body["messages"]]
    if "system" in body:
        said.insert(0, ("system", body["system"]))
    assert [role for role, _ in said] == ["system", "user"]
    first, second = (text if isinstance(text, str) else text[0]["text"] for _, text in said)
    return first, second


@EVERYWHERE
def test_what_is_sent_is_what_the_provider_takes_and_no_more(name: str, tmp_path: Path) -> None:
    place = PLACES[name]
    with serving() as server:
        rows, [reply] = ask(tmp_path, place, server)
    [(path, headers, body)] = server.heard
    system, user = texts_in(body)
    assert "# Named entity recognition" in system and "<document>" in user
    names = {"messages", "system", "contents", "system_instruction", "model"}
    assert {key: held for key, held in body.items() if key not in names} == place.plain
    assert place.model in (body.get("model"), path.partition(":")[0].rpartition("/")[2])
    sent_key = {"azure": "api-key", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(place.dialect)
    assert headers[sent_key] == KEY if sent_key else headers["authorization"] == f"Bearer {KEY}"
    assert rows[0].failure is None and rows[0].spans
    # What a row says of its answer is what the provider said.
    assert isinstance(reply, Response)
    assert (reply.model, reply.finish_reason) == (place.model, "stop")
    assert reply.prompt_tokens > 100 and reply.completion_tokens > 10
    assert (reply.cost_usd is not None) == (name == "OpenRouter")
    by_fingerprint = {"openai", "azure", "llama.cpp"}
    assert reply.fingerprint == ("scripted-0" if place.dialect in by_fingerprint else "")


@EVERYWHERE
def test_a_schema_goes_where_the_provider_has_it_and_nowhere_else(name: str, tmp_path: Path) -> None:
    place = PLACES[name]
    with serving() as server:
        rows, _ = ask(tmp_path, place, server, structured="json_schema")
        plain, _ = ask(tmp_path / "plain", place, server)
    body = server.heard[0][2]
    added = {key: held for key, held in body.items() if key not in server.heard[1][2]}
    if place.dialect == "gemini":
        added = {k: held for k, held in body["generationConfig"].items() if k not in place.plain["generationConfig"]}
    if place.held is TOOL:
        [tool] = added.pop("tools")
        assert {key: tool["input_schema"][key] for key in SCHEMA or {}} == SCHEMA
    assert added == place.held
    assert rows[0].spans == plain[0].spans != ()
    with serving() as server:
        rows, _ = ask(tmp_path / "object", place, server, structured="json_object")
    assert rows[0].spans == plain[0].spans


@EVERYWHERE
def test_every_outcome_is_the_same_row_at_every_provider(name: str, tmp_path: Path) -> None:
    """Answers with reasoning, cut by it, refused, filtered, too long, limited, broken: by the provider's own words."""
    place = PLACES[name]
    expected = {
        "sound": (None, 1),
        "reasoned": (None, 1),
        "reasoned_out": ("truncated", 1),
        "truncated": ("truncated", 1),
        "refusal": ("unparsable" if name in IN_WORDS else "refused", 1),
        "filtered": ("refused", 1),
        "moderated": ("refused", 1),
        "too_long": ("too_long", 1),
        "too_large": ("too_long", 1),
        "rate_limit": ("unavailable" if name in NO_LIMIT else "rate_limited", 2),
        "server_error": ("unavailable", 2),
        "reset": ("unavailable", 2),
    }
    found, replies = {}, {}
    for fault in expected:
        with serving(**({} if fault == "sound" else {fault: 1.0}), retry_after_s=0.01) as server:
            [row], kept = ask(tmp_path / fault, place, server)
        found[fault] = (row.failure.code if row.failure else None, len(server.heard))
        replies[fault] = (row, kept[0] if kept else None)
        if row.failure:
            assert row.failure.detail.isprintable() and "litellm" not in row.failure.detail.lower()
    assert found == expected
    sound, reasoned = replies["sound"], replies["reasoned"]
    assert sound[0].spans == reasoned[0].spans != ()
    # Reasoning is paid for as output wherever it is, and is no part of the answer.
    assert isinstance(sound[1], Response) and isinstance(reasoned[1], Response)
    assert reasoned[1].text == sound[1].text
    assert reasoned[1].completion_tokens > sound[1].completion_tokens + 10
    refused = replies["too_long"][1]
    assert isinstance(refused, Refusal) and refused.status in (400, 413)


@EVERYWHERE
def test_a_bad_key_and_a_model_that_is_gone_stop_at_the_first_call_and_say_so(name: str, tmp_path: Path) -> None:
    place = PLACES[name]
    with serving(bad_key=KEY) as server:
        with pytest.raises(UserError, match=r"check the key in TEST_KEY \(.*\w") as bad_key:
            ask(tmp_path / "key", place, server, 5)
        assert len(server.heard) == 1
    with serving(place.model) as server:
        with pytest.raises(UserError, match="it is not there") as gone:
            ask(tmp_path / "gone", place, server, 5)
        assert len(server.heard) == 1
    assert KEY not in str(bad_key.value)
    assert "\n" not in str(gone.value)


def evidence() -> Evidence:
    example = ErrorExample(
        "d1:0-1", "d1", 0, 1, "Chicago", "«Chicago» 5 Boston", "person", ("a",), (("location", ("b",)),), "minor"
    )
    group = ErrorGroup("Ent_to_Ent", "person_to_location", 3, 2, (example,))
    leanings = {"a": Leaning(0.6, 1.0, 0, {}), "b": Leaning(0.4, 0.9, 0, {"location": 1})}
    return Evidence((group,), {"a": (), "b": (group,)}, ("a",), leanings)


@pytest.mark.parametrize("batch", ["all", "one"])
@pytest.mark.parametrize(
    "name", ["OpenAI, GPT-5", "Azure, GPT-5", "Anthropic", "Anthropic, by a tool", "Gemini", "Mistral", "OpenRouter"]
)
def test_every_phase_of_a_refinement_has_a_schema_that_the_provider_takes(
    name: str, batch: str, tmp_path: Path
) -> None:
    place = PLACES[name]
    with serving() as server:
        asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"web": place.endpoint(server)})
        model = place.settings(structured="json_schema", max_tokens=16000).asked
        settings = SupervisorSettings(model, batch=batch, max_common=2, max_specific=1)
        refined = refine(StartingPoint(GUIDELINE, 0.5), evidence(), settings, asker, "test")
    phases = [phase["phase"] for phase in refined.record["phases"]]
    assert phases[:3] == ["patterns", "diagnosis", "instructions"]
    assert "goal" in phases
    assert len(server.heard) >= len(phases)
    assert any(line.receipt for line in refined.guideline.common)


@pytest.mark.parametrize("name", ["OpenAI", "Azure", "OpenRouter", "Anthropic", "Gemini"])
def test_when_to_come_back_is_understood_wherever_it_is_said(name: str, tmp_path: Path) -> None:
    with serving(rate_limit=1.0, retry_after_s=7000) as server:
        [row], _ = ask(tmp_path, PLACES[name], server)
    assert row.failure is not None
    assert "it asks to wait 7000 s" in row.failure.detail
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("OpenAI, GPT-5", {"temperature": 0.0}, "temperature"),
        ("OpenAI, GPT-5", {"stop": ("END",)}, "stop"),
        ("OpenAI", {"structured": "grammar"}, "'maxLength' is not permitted"),
        ("OpenAI", {"extra": {"top_k": 5}}, "Unrecognized request argument supplied: top_k"),
        ("Anthropic", {"top_p": 0.5}, "`temperature` and `top_p` cannot both be specified"),
        ("Anthropic", {"seed": 7}, "seed"),
        ("Anthropic", {"extra": {"min_p": 0.1}}, "min_p: Extra inputs are not permitted"),
        ("Mistral", {"extra": {"top_k": 5}}, "Extra inputs are not permitted"),
    ],
)
def test_a_setting_that_a_provider_does_not_take_stops_at_the_first_call_with_its_words(
    name: str, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with serving() as server:
        with pytest.raises(UserError, match="the request is refused") as stopped:
            ask(tmp_path, PLACES[name], server, 5, **settings)
        assert said in str(stopped.value)
        assert len(server.heard) <= 1  # none, where litellm knows it


@pytest.mark.parametrize("name", ["vLLM", "llama.cpp", "OpenRouter", "Anthropic", "Gemini", "Ollama"])
def test_more_fields_reach_the_providers_that_have_more(name: str, tmp_path: Path) -> None:
    with serving() as server:
        [row], _ = ask(tmp_path, PLACES[name], server, extra={"top_k": 5})
    assert row.failure is None
    body = server.heard[0][2]
    assert {"Gemini": "generationConfig", "Ollama": "options"}.get(name) in (None, *body)
    assert {**body, **body.get("generationConfig", {}), **body.get("options", {})}["top_k"] == 5


def test_the_fields_that_openai_takes_are_those_of_its_own_client() -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsBase

    from diziner.scripted.dialects.openai_azure import OPENAI_FIELDS

    assert {*CompletionCreateParamsBase.__annotations__, "stream"} == OPENAI_FIELDS


def test_a_call_to_each_provider_writes_nothing_to_the_terminal() -> None:
    """In a process of its own: what litellm warns of, it warns of once."""
    with serving() as server:
        calls = {name: (place.endpoint(server), place.settings().model) for name, place in PLACES.items()}
        script = f"""
import asyncio
from diziner.endpoints import Endpoint, client
from diziner.prompting.request import Message, ModelSettings, Request, Response
turns = (Message("system", "- person: a human"), Message("user", "<document>\\nAda .\\n</document>"))
async def main():
    for endpoint, model in {list(calls.values())!r}:
        reply = await client.complete(Request("web", model, turns), endpoint, endpoint.api_base)
        assert isinstance(reply, Response), reply
asyncio.run(main())
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""
    assert len(server.heard) == len(PLACES)


def test_every_dialect_is_spoken_by_some_place() -> None:
    assert {place.dialect for place in PLACES.values()} == set(DIALECTS)
