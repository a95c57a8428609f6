"""The documentation says what is there: names, sections, settings, links, examples of commands."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT
from ruamel.yaml import YAML

from diziner.ablation.variants import load_variants
from diziner.cli import COMMANDS, EXIT_CODES
from diziner.common.files import check, schema_of
from diziner.common.yamlfile import parse_yaml
from diziner.corpora.card import load_card
from diziner.pipeline.settingsdoc import settings_page
from diziner.settings import load_settings

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
METHOD = (ROOT / "docs/method.md").read_text(encoding="utf-8")
NAMED = sorted(
    {(path, name) for path, name in re.findall(r"`((?:diziner|stages|tests|data)/[\w./-]+)(?:::(\w+))?`", METHOD)}
)
SECTIONS = re.findall(r"^## (\d+) .*?$(.*?)(?=^## |\Z)", METHOD, re.DOTALL | re.MULTILINE)


def page_id(path: Path) -> str:
    return path.name


@cache
def defined(path: str) -> frozenset[str]:
    """The functions and classes at the top of a module."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=["::".join(filter(None, named)) for named in NAMED])
def test_what_the_method_names_exists(path: str, name: str) -> None:
    assert (ROOT / path).exists()
    assert not name or name in defined(path)


def test_each_step_of_the_method_has_its_code_and_its_test() -> None:
    assert [number for number, _ in SECTIONS] == [str(number) for number in range(1, 11)]
    for number, body in SECTIONS[:9]:
        steps = [row.strip("|").split(" | ") for row in body.splitlines() if row.startswith("| ")][2:]
        assert steps, number
        for step in steps:
            assert len(step) == 3, step
            assert re.search("`(?:diziner|stages)/", step[1]), step
            assert re.search(r"`tests/[\w/]+\.py::test_\w+`", step[2]), step


def test_each_promise_of_reliability_has_a_test_that_is_there() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    promises, _, attack = text.partition("## The attack")
    rows = [row for row in promises.splitlines() if row.startswith("| ") and "---" not in row]
    rows = [row for row in rows if not row.startswith(("| promise", "| loss", "| what |"))]
    assert len(rows) > 25
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        assert [(path, name) for path, name in named if name not in defined(path)] == []
    parts = set(re.findall(r"`tests/attack/(\w+)\.py` \|", attack))
    assert parts == {"settings", "yamlfiles", "inputs", "commands", "http", "stores", "kills"}


def test_sections_that_the_code_refers_to_are_there() -> None:
    known = {int(number) for number, _ in SECTIONS}
    named = set()
    for path in (ROOT / "diziner").rglob("*.py"):
        found = re.findall(r"[Mm]ethod sections? (\d+)(?: (?:to|and) (\d+))?", path.read_text(encoding="utf-8"))
        named |= {int(number) for pair in found for number in pair if number}
    assert named
    assert named <= known


def test_every_variant_is_listed_under_its_question() -> None:
    rows = [row for row in SECTIONS[9][1].splitlines() if row.startswith("| ")][2:]
    listed = [name for row in rows for name in re.findall(r"`([\w-]+)`", row)]
    assert sorted(listed) == sorted(load_variants(ROOT / "diziner/ablation/variants.yaml"))


def test_the_settings_page_is_what_the_schema_gives() -> None:
    written = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert written == settings_page(), "run: .venv/bin/python -m diziner.pipeline.settingsdoc > docs/settings.md"


def test_every_setting_says_what_it_means() -> None:
    def silent(schema: Any, path: str) -> list[str]:
        found = []
        for name, value in schema.get("properties", {}).items():
            found += [f"{path}.{name}"] if not value.get("description") else []
            found += silent(value, f"{path}.{name}")
        inside = [schema.get("additionalProperties"), schema.get("items"), *schema.get("oneOf", ())]
        return found + [name for each in inside if isinstance(each, dict) for name in silent(each, path)]

    assert silent(schema_of("params"), "params") == []


def pieces(page: Path) -> list[str]:
    """The blocks of YAML on a page, as they are written."""
    return re.findall(r"^```ya?ml\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_every_piece_of_yaml_is_read_alike_by_dvc_and_others() -> None:
    found = [(page, piece) for page in PAGES for piece in pieces(page)]
    assert {page.name for page, _ in found} >= {"models.md", "label-at-scale.md", "corpora.md"}
    for page, piece in found:
        value = parse_yaml(piece, page.name)
        assert repr(YAML(typ="safe").load(piece)) == repr(value) == repr(yaml.safe_load(piece)), page.name


@pytest.mark.parametrize("page", ["models.md", "label-at-scale.md"])
def test_pieces_of_settings_load_as_they_are_written(page: str, tmp_path: Path) -> None:
    """A section is written below the profile's own entries, byte for byte, as a reader would; a value in its place."""
    assert pieces(ROOT / "docs" / page)
    for piece in pieces(ROOT / "docs" / page):
        text = (ROOT / "diziner/profiles/embedded.yaml").read_text(encoding="utf-8")
        for section in re.split(r"^(?=\w)", piece, flags=re.MULTILINE)[1:]:
            head, _, entries = section.partition("\n")
            key = head.partition(":")[0]
            if not re.search(rf"^{key}:", text, re.MULTILINE):
                text += section
            elif entries:
                text = re.sub(rf"^({key}:.*\n)", "\\1" + entries.replace("\\", r"\\"), text, flags=re.MULTILINE)
            else:
                text = re.sub(rf"^{key}:.*$", head.replace("\\", r"\\"), text, flags=re.MULTILINE)
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        settings = load_settings(path)
        assert YAML(typ="safe").load(text) == settings.raw
        assert all(settings.annotator(name) for name in settings.pool)
        for key, value in parse_yaml(piece, page).items():
            assert (
                {**settings.raw[key], **value} == settings.raw[key]
                if isinstance(value, dict)
                else settings.raw[key] == value
            )


def test_the_card_in_the_docs_is_a_card(tmp_path: Path) -> None:
    [piece] = [piece for piece in pieces(ROOT / "docs/corpora.md") if piece.startswith("name:")]
    check(yaml.safe_load(piece), "benchmark", "docs/corpora.md")
    room = tmp_path / "my_corpus"
    room.mkdir()
    (room / "benchmark.yaml").write_text(piece, encoding="utf-8")
    card = load_card(room)
    assert set(card.sources) == {"sample", "local", "hub"}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_files_that_pages_name_are_there(page: Path) -> None:
    named = re.findall(
        r"`((?:diziner|stages|tests|docs|\.github)/[\w./-]+)(?:::\w+)?`", page.read_text(encoding="utf-8")
    )
    assert not [name for name in named if not (ROOT / name).exists()]
    # A module may be named from its room on: `scoring/bootstrap.py`. What the log names was there on its day.
    if page.name != "LOG.md":
        rooms = re.findall(r"`([a-z_]+/[a-z_]+\.py)(?:::[\w.]+)?`", page.read_text(encoding="utf-8"))
        assert not [n for n in rooms if not any((ROOT / top / n).exists() for top in ("", "diziner", "tests"))]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_that_pages_name_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`|\$ )(?:\.venv/bin/)?diziner ([a-z][a-z-]+)", text, re.MULTILINE)
    assert set(named) <= set(COMMANDS)


@pytest.mark.parametrize("name", ["report.png", "report-dark.png", "report-400px.png"])
def test_a_picture_is_a_picture_and_light(name: str) -> None:
    picture = (ROOT / "docs" / name).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 200_000


@pytest.mark.parametrize("name", COMMANDS)
def test_every_commands_help_has_an_example_that_is_understood(name: str) -> None:
    module = importlib.import_module(f"diziner.commands.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"diziner {name}")
    module.arguments(parser)
    # An example ends where the shell's next command or a remark begins.
    found = re.match(r"examples?: diziner (.+?)(?: && |\n| \(|\. |; |\.?$)", parser.epilog or "", re.DOTALL)
    assert found, f"diziner {name} --help: no example"
    words = shlex.split(found[1])
    assert words[0] == name
    parser.parse_args(words[1:])


def test_exit_codes_are_in_the_readme_as_in_the_help() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for code in EXIT_CODES.removeprefix("exit codes: ").split(", "):
        assert code in readme.replace("missing (one line says what)", "missing")
