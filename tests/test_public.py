"""The public names: quick to import, typed, documented by examples that run as they are written."""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT

import diziner
from diziner.scripted.server import ScriptedServer

PAGE = (ROOT / "docs/python-api.md").read_text(encoding="utf-8")
SOURCE = ROOT / "diziner/__init__.py"


def declared() -> dict[str, str]:
    """The names that a type checker sees, with the module of each."""
    [block] = [
        node
        for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names:
            assert alias.asname == alias.name  # else it is not exported under mypy --strict
            found[alias.name] = node.module
    return found


def test_every_public_name_is_typed_there_and_listed() -> None:
    assert set(declared()) == set(diziner.__all__) <= set(dir(diziner))
    for name, module in declared().items():
        assert getattr(diziner, name) is getattr(importlib.import_module(module), name)
    assert (ROOT / "diziner/py.typed").exists()
    # A room of the same name would take its place once it is imported.
    assert not {path.stem for path in (ROOT / "diziner").iterdir()} & set(diziner.__all__)
    with pytest.raises(AttributeError, match=r"no public name 'scor'; it has .*score"):
        getattr(diziner, "scor")  # noqa: B009


def test_every_public_name_is_documented() -> None:
    assert not [name for name in diziner.__all__ if not re.search(rf"\b{name}\b", PAGE)]


def loaded(code: str) -> list[str]:
    """The modules that code loads, in a fresh interpreter."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_loads_nothing_and_a_name_only_what_it_needs() -> None:
    assert loaded("import diziner") == ["diziner"]
    every = "import diziner; [getattr(diziner, name) for name in diziner.__all__]"
    roots = {module.partition(".")[0] for module in loaded(every)}
    assert "numpy" in roots and not roots & {"litellm", "polars", "dvc", "datasets", "seqeval", "ray"}


def test_the_page_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) > 5
    monkeypatch.chdir(tmp_path)
    with ScriptedServer() as server:
        monkeypatch.setenv("SERVER", server.base_url)
        monkeypatch.setenv("MODEL", "scripted-careful")
        names: dict[str, object] = {}
        for block in blocks:
            exec(compile(block, "docs/python-api.md", "exec"), names)
        assert server.requests == 2
        label = next(block for block in blocks if "diziner.label(" in block)

        async def in_a_notebook() -> None:
            exec(compile(label, "docs/python-api.md", "exec"), names)

        asyncio.run(in_a_notebook())
        assert server.requests == 2  # answered already
        asyncio.run(ask_more(server))
        assert server.requests == 3
    assert (tmp_path / ".responses/responses.sqlite").exists()


async def ask_more(server: ScriptedServer) -> None:
    """Label where an event loop runs, as it does in a notebook."""
    guideline = diziner.load_guideline(Path("guideline.yaml"))
    [row] = diziner.label(
        ["Grace Hopper saw Oslo."],
        guideline,
        endpoint={"kind": "hosted", "api_base": server.base_url},
        model="scripted-careful",
    )
    assert row.failure is None


def test_what_label_is_given_is_checked() -> None:
    guideline = diziner.Guideline("x", 0, diziner.Goal("a", "b", "c", "d"), (diziner.EntityType("A", "a", "An a."),))
    with pytest.raises(diziner.UserError, match=r"^endpoint: kind: is 'hostd'; there are: hosted, local, scripted$"):
        diziner.label(["Hi."], guideline, endpoint={"kind": "hostd"}, model="m")
    with pytest.raises(diziner.UserError, match=r"annotator: .*'styl' was unexpected"):
        diziner.label(["Hi."], guideline, endpoint={"kind": "scripted"}, model="m", annotator={"styl": "plain"})
    with pytest.raises(diziner.UserError, match="texts: number 2 is empty"):
        diziner.label(["Hi.", " "], guideline, endpoint={"kind": "scripted"}, model="m")
