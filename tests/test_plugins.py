"""Plug-ins: real distributions in a folder on the path, used through the real commands and stages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from plugin_place import blocks, install
from projects import ROOT, Project

GOLD = "Ada B-PER\nLovelace I-PER\nsaw O\nLisbon B-LOC\n"
MINE = "Ada O\nLovelace B-PER\nsaw O\nLisbon B-LOC\n"


def run(folder: Path, environment: Mapping[str, str], *words: str, code: int = 0) -> str:
    """Run a command in a folder: standard output, or with a code the line of error."""
    path = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "diziner", *words],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr if code else done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "gold.conll").write_text(GOLD)
    (folder / "mine.conll").write_text(MINE)
    return folder


SCORE = ("score", "--gold", "gold.conll", "--pred", "mine.conll", "--protocol")


def test_a_protocol_of_a_plug_in_scores(place: Path, tmp_path: Path) -> None:
    environment = install(tmp_path / "packages")
    [found] = json.loads(run(place, environment, *SCORE, "head,strict"))["predictions"]
    assert (found["protocols"]["strict"]["correct"], found["protocols"]["head"]["correct"]) == (1, 2)
    assert found["protocols"]["head"]["name"] == "head F1 (type and last token)"
    assert found["protocols"]["head"]["interval"] == {"low": 1.0, "high": 1.0}
    assert "head" not in json.loads(run(place, environment, *SCORE, "all"))["predictions"][0]["protocols"]


def test_a_measure_of_a_plug_in_is_printed_when_it_is_asked_for(place: Path, tmp_path: Path) -> None:
    environment = install(tmp_path / "packages")
    words = ("agree", "gold.conll", "mine.conll")
    found = json.loads(run(place, environment, *words, "--measure", "unanimous", "--measure", "fleiss_kappa"))
    assert found["measures"] == {"unanimous": 0.5, "fleiss_kappa": found["agreement"]["fleiss_kappa"]}
    assert "measures" not in json.loads(run(place, environment, *words))
    error = run(place, environment, *words, "--measure", "unanimus", code=2)
    assert error.endswith("from plug-ins: unanimous (ner-extras 1.0); did you mean unanimous?\n")
    assert "there are fleiss_kappa, krippendorff_alpha; " in error


def test_an_unknown_name_lists_what_there_is_and_imports_nothing(place: Path, tmp_path: Path) -> None:
    broken = {"broken.py": "raise OSError('no\\nlicence')\n"}
    points = {"diziner.protocols": {"mine": "broken:MINE"}}
    environment = install(tmp_path / "packages", "broken-extras", "2.0", broken, points)
    error = run(place, environment, *SCORE, "hed", code=2)
    assert "--protocol: unknown scoring protocol 'hed'; there are all, strict," in error
    assert error.endswith("reference; from plug-ins: mine (broken-extras 2.0)\n")
    error = run(place, environment, *SCORE, "mine", code=2)
    assert "'mine' of plug-in broken-extras 2.0: broken:MINE cannot be imported: OSError: no licence" in error
    run(place, environment, *SCORE, "strict")


def test_what_is_no_protocol_is_refused_and_so_is_a_name_of_two(place: Path, tmp_path: Path) -> None:
    files, points = {"one.py": "MINE = 3\n"}, {"diziner.protocols": {"mine": "one:MINE"}}
    install(tmp_path / "packages", "one-extras", "1.0", files, points)
    environment = {"PYTHONPATH": str(tmp_path / "packages")}
    error = run(place, environment, *SCORE, "mine", code=2)
    assert "one:MINE is a int; it must be a diziner.scoring.protocols.Protocol" in error
    install(tmp_path / "packages", "two-extras", "1.0", files, points)
    error = run(place, environment, *SCORE, "mine", code=2)
    assert "'mine' is in plug-ins one-extras 1.0 and two-extras 1.0; uninstall one" in error


WORDS = (".venv/bin/python", "-m")


@pytest.fixture
def project(make_project: Callable[..., Project], tmp_path: Path) -> tuple[Project, Path, dict[str, str]]:
    """A project with an annotator of the page's plug-in; the folder of packages and the environment that has them."""
    environment = install(tmp_path / "packages")
    project = make_project("conll2003")
    [entry] = yaml.safe_load(blocks("yaml")[0])["annotators"].values()

    def with_plug_ins(params: dict[str, Any]) -> None:
        params["annotators"]["places"] = entry
        params["annotator_pool"] = [*params["annotator_pool"][:2], "places"]

    project.edit_params(with_plug_ins)
    return project, tmp_path / "packages", environment


def digest_file(project: Project, stage: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((project.folder / f"stages/code/{stage}.json").read_text())
    return found


def test_an_annotator_of_a_plug_in_labels_and_an_edit_runs_it_again(
    project: tuple[Project, Path, dict[str, str]],
) -> None:
    copy, packages, environment = project
    refused = copy.run(*WORDS, "diziner", "repro", check=False, **environment)
    assert refused.returncode != 0
    assert "plug-in ner-extras 1.0" in refused.stdout + refused.stderr
    assert "run `diziner data link`" in refused.stdout + refused.stderr
    copy.run(*WORDS, "diziner", "data", "link", check=True, **environment)
    copy.run(*WORDS, "diziner", "repro", check=True, **environment)
    path = copy.folder / "data/conll2003/rounds/r0/annotations/places.jsonl"
    spans = {tuple(span) for line in path.read_text().splitlines() for span in json.loads(line)["spans"]}
    assert spans and {label for _, _, label in spans} == {"LOC"}
    stages = ("annotate", "predict", "corpus", "score")
    using = {name for name in stages if "plug-in ner-extras 1.0" in digest_file(copy, name)}
    assert using == {"annotate", "predict"}

    # Nothing to do; then an edit in the plug-in, which plain `dvc repro` sees as well.
    again = copy.run(*WORDS, "diziner", "repro", check=True, **environment)
    assert "1 ran" in again.stderr + again.stdout  # code_digests alone
    module = packages / "ner_extras/annotators.py"
    module.write_text(module.read_text().replace("names[t])", '"PER")'))
    copy.run(*WORDS, "dvc", "repro", "-q", "data/conll2003/dvc.yaml:annotate", check=True, **environment)
    spans = {tuple(span) for line in path.read_text().splitlines() for span in json.loads(line)["spans"]}
    assert spans and {label for _, _, label in spans} == {"PER"}


def test_a_labelling_by_a_plug_in_is_of_its_code(project: tuple[Project, Path, dict[str, str]]) -> None:
    copy, packages, environment = project
    (copy.folder / "in.txt").write_text("Ada saw Oslo.\n")
    label = ("label", "--guideline", "data/conll2003/guideline.yaml", "--annotator", "places")
    words = (*WORDS, "diziner", *label, "--in", "in.txt", "--out", "labels")
    copy.run(*words, check=True, **environment)
    [shard] = (copy.folder / "labels").glob("**/*.jsonl")
    assert json.loads(shard.read_text())["spans"] == [[2, 3, "LOC"]]
    assert "(1 shard there before)" in copy.run(*words, check=True, **environment).stdout
    module = packages / "ner_extras/annotators.py"
    module.write_text(module.read_text() + "# An edit.\n")
    refused = copy.run(*words, check=False, **environment)
    assert refused.returncode == 2 and "of other documents, settings or code" in refused.stderr
    dry = copy.run(*words, "--dry", check=False, **environment)
    assert dry.returncode == 2 and "places is of the kind gazetteer: what it asks is not known" in dry.stderr


def test_another_version_of_a_plug_in_is_another_digest(tmp_path: Path) -> None:
    script = (
        "import json; from diziner.common.plugins import ANNOTATORS, digest_of;"
        "print(json.dumps(digest_of(ANNOTATORS, 'gazetteer')))"
    )

    def digest(folder: Path) -> dict[str, str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
        words = [sys.executable, "-c", script]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        found: dict[str, str] = json.loads(done.stdout)
        return found

    install(tmp_path / "a")
    install(tmp_path / "b", version="1.1")
    first, second = digest(tmp_path / "a"), digest(tmp_path / "b")
    assert list(first) == ["plug-in ner-extras 1.0"] and list(second) == ["plug-in ner-extras 1.1"]
    assert list(first.values()) == list(second.values())
    (tmp_path / "b/ner_extras/words.txt").write_text("data of the package counts\n")
    assert digest(tmp_path / "b") != second
    (tmp_path / "a/ner_extras/__pycache__").mkdir()
    (tmp_path / "a/ner_extras/__pycache__/x.pyc").write_text("not code")
    assert digest(tmp_path / "a") == first


def test_a_source_of_a_plug_in_is_loaded_by_the_stage(project: tuple[Project, Path, dict[str, str]]) -> None:
    copy, _, environment = project
    card = copy.folder / "data/conll2003/benchmark.yaml"
    card.write_text(card.read_text().replace("sources:\n", "sources:\n  lines: {folder: texts}\n"))
    copy.edit_params(lambda params: params["corpus"].update(source="lines"))
    done = copy.stage("corpus", "conll2003", check=False, **environment)
    assert done.returncode == 2 and "texts/pilot: no files that end in .txt" in done.stderr
    for split, count in (("pilot", 60), ("test", 3)):
        folder = copy.folder / "data/conll2003/texts" / split
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{split}{number:02}.txt").write_text(f"Letter {number} of {split} went to Oslo.")
    copy.stage("corpus", "conll2003", check=True, **environment)
    rows = [json.loads(line) for line in (copy.folder / "data/conll2003/corpus/test.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["test00", "test01", "test02"]
    copy.run(*WORDS, "diziner", "data", "link", check=True, **environment)
    copy.run(*WORDS, "dvc", "repro", "-q", "code_digests", check=True, **environment)
    assert "plug-in ner-extras 1.0" in digest_file(copy, "corpus")
    # Not installed: the card's source is no longer known.
    gone = copy.stage("corpus", "conll2003", check=False)
    assert gone.returncode == 2
    assert "corpus source 'lines'; there are sample, local, hub; from plug-ins: none" in gone.stderr
    wrong = card.read_text().replace("{folder: texts}", "{folder: 3}")
    card.write_text(wrong)
    refused = copy.stage("corpus", "conll2003", check=False, **environment)
    assert "benchmark.yaml: sources.lines: folder: 3 is not of type 'string'" in refused.stderr


def test_an_annotator_kind_that_nobody_has_is_refused(make_project: Callable[..., Project]) -> None:
    project = make_project("conll2003")
    project.edit_params(lambda params: params["annotators"]["scripted_shy"].update(kind="gazeteer"))
    done = project.diziner("plan", check=False)
    assert done.returncode == 2
    assert "unknown annotator kind 'gazeteer'; there are model, file, python; from plug-ins: none" in done.stderr
