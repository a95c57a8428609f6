"""Annotators of the kind python: recipes of docs/annotators.md as real distributions, and functions that go wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from plugin_place import install
from projects import ROOT, Project
from stage_runs import BENCHMARK, read, standing_in

from diziner.annotator.annotate import annotate
from diziner.annotator.settings import AnswerSettings, annotator_settings
from diziner.common import plugins
from diziner.common.errors import ProviderError, UserError
from diziner.common.yamlfile import read_yaml
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.records.documents import Document
from diziner.results.summary_table import table
from diziner.settings import settings_from

PAGE = (ROOT / "docs/annotators.md").read_text(encoding="utf-8")
MODULES = {
    code.splitlines()[0].removeprefix("# "): code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}
[TOML] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
POINTS = tomllib.loads(TOML)["project"]["entry-points"]
ENTRIES = {
    name: entry
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for name, entry in yaml.safe_load(block)["annotators"].items()
}
SPACY = os.environ.get("DIZINER_SPACY_PYTHON", "")


def install_recipes(folder: Path) -> dict[str, str]:
    """The page's package, as pip lays it out."""
    return install(folder, "ner-recipes", "1.0", {"ner_recipes/__init__.py": "", **MODULES}, POINTS)


def in_the_pool(name: str, **changes: Any) -> Callable[[Any], None]:
    def change(params: dict[str, Any]) -> None:
        params["annotators"][name] = ENTRIES[name] | changes
        params["annotator_pool"] = [*params["annotator_pool"][:2], name]

    return change


def test_a_function_labels_in_a_round_and_its_versions_are_tracked(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    environment = install_recipes(tmp_path / "packages")
    project = make_project(BENCHMARK)
    project.edit_params(in_the_pool("places", packages=["numpy"]))
    words = (".venv/bin/python", "-m", "diziner")
    project.run(*words, "data", "link", check=True, **environment)
    project.run(*words, "repro", "-j", "2", check=True, **environment)
    rows = read(project, "rounds/r0/annotations/places.jsonl")
    assert {span[2] for row in rows for span in row["spans"]} == {"LOC"}
    digests = json.loads((project.folder / "stages/code/annotate.json").read_text())
    assert set(digests) >= {"plug-in ner-recipes 1.0", "package numpy"}
    assert "plug-in ner-recipes 1.0" not in json.loads((project.folder / "stages/code/score.json").read_text())
    report = (project.folder / "data" / BENCHMARK / "rounds/r0/report.md").read_text()
    assert "- places: function name_list, not a language model\n" in report
    # Chosen by agreement or not, it is marked wherever it is named.
    chosen = read(project, "final/selection.json")["annotator"] == "places"
    shown = project.run(*words, "summary", check=True, **environment).stdout
    assert ("places: function name_list, not a language model" in shown) == chosen
    specific = read(project, "rounds/r1/guideline.yaml")["instructions"].get("specific", {})
    assert "places" not in specific

    # As at scale: the same function labels a corpus, and another version of its package labels it anew.
    (tmp_path / "texts.txt").write_text("He left Oslo for Japan .\nNothing here .\n")
    given = ("--guideline", f"data/{BENCHMARK}/guideline.yaml", "--in", str(tmp_path / "texts.txt"))
    label = ("label", "--annotator", "places", *given, "--out", str(tmp_path / "out"))
    assert "2 mentions" in project.run(*words, *label, check=True, **environment).stdout
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["annotator"]["model"] == "function name_list, not a language model"


DOCUMENTS = [Document("a", ("Ada", "saw", "Oslo"), "Ada saw Oslo"), Document("b", ("Rome", "."), "Rome .")]
ANSWERS = AnswerSettings()
FUNCTIONS = """
def some(documents, types, label="LOC"):
    assert [(t.label, t.name) for t in types][0] == ("PER", "person"), types
    return [[(8, 12, label), (0, 3, "PER")], None]
def arrays(documents, types):
    import numpy
    return [[(numpy.int64(8), numpy.int32(12), numpy.str_("LOC"))], []]
def floats(documents, types): return [[(8.0, 12.0, "LOC")], []]
def truths(documents, types): return [[(False, True, "LOC")], []]
def nothing(documents, types): return [None for _ in documents]
def few(documents, types): return [[]]
def words(documents, types): return ["LOC", []]
def pairs(documents, types): return [[(0, 3)], []]
def outside(documents, types): return [[(8, 13, "LOC")], []]
def raises(documents, types): raise KeyError("no\\nmodel")
def six(documents, guideline, annotator, asker, label, answers): return []
"""
NAMES = re.findall(r"^def (\w+)", FUNCTIONS, re.MULTILINE)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Annotate the two documents by a function of a package that is installed for the test."""
    points = {"diziner.annotators": {name: f"kinds_for_tests:{name}" for name in NAMES}}
    install(tmp_path / "packages", "kinds", "1.0", {"kinds_for_tests.py": FUNCTIONS}, points)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    plugins._entries.cache_clear()
    guideline = load_guideline(ROOT / "data/conll2003/guideline.yaml")

    def run(function: str, answers: AnswerSettings = ANSWERS, **entry: Any) -> Any:
        annotator = annotator_settings("own", {"kind": "python", "function": function, **entry})
        asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {})
        return annotate(DOCUMENTS, guideline, annotator, asker, "room round 0, own", answers).annotations

    yield run
    plugins._entries.cache_clear()


def test_mentions_are_characters_and_none_is_a_failure(call: Callable[..., Any]) -> None:
    first, second = call("some")
    assert [(s.start, s.end, s.type) for s in first.spans] == [(0, 1, "PER"), (2, 3, "LOC")]
    assert first.characters == ((0, 3), (8, 12))
    assert second.failure.code == "absent"
    assert call("some", types={"place": "LOC"}, options={"label": "place"})[0] == first
    assert [(s.start, s.end, s.type) for s in call("arrays")[0].spans] == [(2, 3, "LOC")]
    with pytest.raises(ProviderError, match="1 of 2 documents failed"):
        call("some", AnswerSettings(max_failed_share=0.1, allowed_failures=0))


@pytest.mark.parametrize(
    ("function", "entry", "said"),
    [
        ("nothing", {}, "own: function nothing: gave None for all of 2 documents"),
        ("few", {}, "gave 1 result for 2 documents; it must give one for each"),
        ("words", {}, "document 'a': 'LOC' is no list of mentions"),
        ("pairs", {}, r"document 'a': \(0, 3\) is not \(first character, one past the last, label\)"),
        ("floats", {}, r"document 'a': \(8.0, 12.0, 'LOC'\) is not"),
        ("truths", {}, r"document 'a': \(False, True, 'LOC'\) is not"),
        ("outside", {}, r"document 'a': \[8, 13\) is empty or outside its 12 characters"),
        ("raises", {}, r"function raises: raised KeyError: 'no\\nmodel'"),
        ("six", {}, "cannot be called with documents, types and the options none: missing a required argument"),
        ("few", {"options": {"size": 3}}, "the options size: got an unexpected keyword argument 'size'"),
        ("some", {"options": {"label": "city"}}, "1 mention of types that the guideline has not: 'city' 1; its"),
        ("nobody", {}, "unknown annotator function 'nobody'; .*from plug-ins: arrays"),
    ],
)
def test_a_function_that_goes_wrong_is_named(
    call: Callable[..., Any], function: str, entry: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said) as raised:
        call(function, **entry)
    assert "\n" not in str(raised.value)


def test_settings_name_a_function_and_packages_that_are_there(make_project: Callable[..., Project]) -> None:
    project = make_project(BENCHMARK)
    raw = read_yaml(project.folder / "params.yaml")
    in_the_pool("places")(raw)
    with pytest.raises(UserError, match="unknown annotator function 'name_list'"):
        settings_from(raw, "params.yaml")
    del raw["annotators"]["places"]["function"]
    with pytest.raises(UserError, match=r"annotators.places: kind python needs function"):
        settings_from(raw, "params.yaml")
    with pytest.raises(UserError, match=r"packages: no-such-package is not installed here"):
        plugins.versions_of(["numpy", "no-such-package"])


def test_recipes_are_code_that_the_packages_have() -> None:
    """Entry points of the page lead to its modules; those of GLiNER call what version 0.2.29 has (docs/LOG.md)."""
    for point in POINTS["diziner.annotators"].values():
        module, _, name = point.partition(":")
        code = MODULES[f"{module.replace('.', '/')}.py"]
        assert f"def {name}(documents, types" in code
        compile(code, module, "exec")
    assert {entry["function"] for entry in ENTRIES.values() if entry["kind"] == "python"} == set(
        POINTS["diziner.annotators"]
    )


@pytest.mark.skipif(
    not SPACY, reason="needs DIZINER_SPACY_PYTHON: a Python with spaCy, a model and the project's packages"
)
def test_a_spacy_model_takes_part(make_project: Callable[..., Project], tmp_path: Path) -> None:
    """A real model, whatever its name: entities of a round's documents, held against spaCy itself."""
    environment = install_recipes(tmp_path / "packages")
    model = subprocess.run(
        [SPACY, "-c", "import spacy; print(spacy.util.get_installed_models()[0])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    project = make_project(BENCHMARK)
    project.edit_params(in_the_pool("spacy_small", packages=["spacy"], options={"model": model}))
    with standing_in(project):
        stage_words = (SPACY, "-m", "stages.annotate", BENCHMARK, "--annotator", "spacy_small", "--round", "0")
        project.run(SPACY, "-m", "stages.corpus", BENCHMARK, check=True, **environment)
        project.run(*stage_words, check=True, **environment)
    rows = read(project, "rounds/r0/annotations/spacy_small.jsonl")
    documents = {row["id"]: row["text"] for row in read(project, "corpus/pilot/r0.jsonl")}
    script = (
        "import json, sys, spacy; read = spacy.load(sys.argv[1])\n"
        "print(json.dumps([[e.text for e in read(t).ents] for t in json.load(sys.stdin)]))"
    )
    texts = [documents[row["id"]] for row in rows]
    said = subprocess.run(
        [SPACY, "-c", script, model], input=json.dumps(texts), capture_output=True, text=True, check=True
    ).stdout
    found = 0
    for row, text, own in zip(rows, texts, json.loads(said), strict=True):
        surfaces = [text[first:last] for first, last in row["characters"]]
        assert set(surfaces) <= set(own)
        assert len(surfaces) + sum(row["drops"].values()) == len(own)
        found += len(surfaces)
    assert found > 5


def test_the_summary_marks_a_chosen_annotator_that_is_no_language_model() -> None:
    summary = json.loads((ROOT / "metrics/summary.json").read_text(encoding="utf-8"))
    chosen = summary["benchmarks"][0]["annotator"]
    shown = table(summary, 200, {chosen: "function spacy_model, not a language model", "anna": "people"})
    assert f"\n{chosen}: function spacy_model, not a language model\n" in shown and "anna" not in shown
    assert "language model" not in table(summary, 200, {})
