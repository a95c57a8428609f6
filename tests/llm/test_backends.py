"""Kinds of endpoints: each is one class behind one entry, and a new one needs nothing but these two."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest
from projects import ROOT

from diziner.common.errors import UserError
from diziner.endpoints import BACKENDS, Endpoint, backend_of, endpoints_from
from diziner.endpoints.in_process import Scripted
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request, Response

EXAMPLE = '''
from diziner.endpoints.in_process import Scripted
from diziner.prompting.request import Response


class Echo(Scripted):
    """Models that say what they are asked."""

    def address(self, endpoint):
        return f"echo@{endpoint.api_base}"

    def connect(self, endpoint, model, weights):
        async def send(request):
            return Response(request.messages[-1].content, "stop", model.model)

        return send
'''


def test_a_new_kind_is_a_class_and_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("echo_backend")
    exec(EXAMPLE, module.__dict__)
    monkeypatch.setitem(sys.modules, "echo_backend", module)
    monkeypatch.setitem(BACKENDS, "echo", "echo_backend:Echo")
    endpoints = endpoints_from({"here": {"kind": "echo", "api_base": "wall"}})
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), endpoints)
    request = Request(asker.address("here"), ModelSettings("here", "m"), (Message("user", "Hi"),))
    assert request.address == "echo@wall"
    assert asker.ask([request], "work") == [Response("Hi", "stop", "m")]
    assert asker.tally.called == 1
    assert asker.ask([request], "work") == [Response("Hi", "stop", "m")]
    assert asker.tally.called == 1


@pytest.mark.parametrize(("kind", "free", "here"), [("hosted", 0, 0), ("local", 1, 1), ("scripted", 1, 0)])
def test_the_kinds_there_are(kind: str, free: bool, here: bool) -> None:
    backend = backend_of(kind)
    assert (backend.is_free, backend.runs_here) == (free, here)
    assert Endpoint("any", kind).is_free == bool(free)


def test_an_unknown_kind_is_named_with_its_place_and_those_there_are() -> None:
    with pytest.raises(UserError, match=r"endpoints\.web\.kind: is 'hostd'; there are: hosted, local, scripted$"):
        endpoints_from({"web": {"kind": "hostd"}})


def test_a_scripted_endpoint_is_asked_in_this_process(tmp_path: Path) -> None:
    document = "- person: A human.\n\n<document>\nMara sings\n</document>"
    asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"here": Endpoint("here", "scripted")})
    request = Request("scripted", ModelSettings("here", "scripted-eager"), (Message("user", document),))
    [outcome] = asker.ask([request], "work")
    assert isinstance(outcome, Response)
    assert Scripted().identity(outcome) == ("scripted-eager", "scripted")


def test_nobody_else_asks_what_kind_an_endpoint_is() -> None:
    """`.kind` of an endpoint is compared nowhere: what differs by kind is a method or an attribute of the backend."""
    found = []
    for path in (ROOT / "diziner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and set(BACKENDS) & {
                side.value
                for side in (node.left, *node.comparators)
                if isinstance(side, ast.Constant) and isinstance(side.value, str)
            }:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    # A corpus' source, DVC's protocol and labelling's engine may be `local` as well.
    others = ("corpora/", "repro/dvc_graph.py", "repro/dvc_once.py", "repro/verify.py", "commands/label.py")
    assert [line for line in found if not any(name in line for name in others)] == []
    assert [line for line in found if "kind" in line] == []
