"""Mistyped input: one line that names the place, what was given and what is allowed; exit 2; nothing written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose corpus is prepared and nothing else."""
    made = copy_project(tmp_path_factory.mktemp("bad") / "project", ("conll2003",))
    made.stage("corpus", "conll2003")
    return made


def refused(project: Project, *words: str, code: int = 2) -> str:
    """Run a stage or command that must fail: its one line of standard error."""
    before = project.outputs()
    done = project.run(".venv/bin/python", "-m", *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert project.outputs() == before
    return lines[0]


def test_unknown_benchmark(project: Project) -> None:
    line = refused(project, "stages.corpus", "conl2003")
    assert "conl2003" in line and "conll2003" in line


def test_unknown_annotator(project: Project) -> None:
    line = refused(project, "stages.annotate", "conll2003", "--annotator", "gpt", "--round", "0")
    assert "params.yaml" in line and "'gpt'" in line and "qwen_few_shot" in line


def test_unknown_round(project: Project) -> None:
    line = refused(project, "stages.annotate", "conll2003", "--annotator", "qwen_plain", "--round", "7")
    assert "no round 7" in line and "0, 1" in line


def test_unknown_profile(project: Project) -> None:
    line = refused(project, "diziner", "use", "embeded")
    assert "'embeded'" in line and "embedded, local, paper" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data", "pilots", "conll2003/"], "no benchmark 'conll2003/' in data/; there are: "),
        (["plan", "../data/conll2003"], "no benchmark '../data/conll2003' in data/"),
        (["ablate", "no-goal", "--show", "--benchmark", "CONLL2003"], "no benchmark 'CONLL2003' in data/"),
        (["refine", "x" * 300], "no benchmark 'xxx"),
        (["score", "--gold", "a\nb", "--pred", "c"], r"arguments: [2]: 'a\nb' holds '\n', which nobody sees"),
        (["use", "\x1b[2J"], r"arguments: [1]: '\x1b[2J' holds '\x1b', which nobody sees"),
        (["score", "--gold", "\udce9.conll", "--pred", "c"], r"arguments: [2]: '\udce9.conll' holds '\udce9'"),
        (["data", "check", "--local", ""], "an empty word stands where a path is meant"),
        (["agree", "a", "b", "--consensus", ""], "consensus"),
    ],
)
def test_odd_words_are_refused_in_one_line(project: Project, words: list[str], said: str) -> None:
    before = project.outputs()
    done = project.diziner_here(*words, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and said in done.stderr, done.stderr
    assert project.outputs() == before


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p["annotators"]["qwen_plain"].update(style="fewshot"), ["annotators.qwen_plain.style", "few_shot"]),
        (lambda p: p["annotators"]["qwen_plain"].update(temprature=1), ["annotators.qwen_plain", "temprature"]),
        (lambda p: p["annotators"]["qwen_plain"].update(endpoint="hub"), ["endpoint 'hub'", "local"]),
        (lambda p: p["annotator_pool"].append("nobody"), ["annotator_pool[3]", "nobody", "smollm_few_shot"]),
        (lambda p: p["answers"].update(max_failed_share=5), ["answers.max_failed_share", "5", "1"]),
        (lambda p: p["rounds"].append({"id": 5, "guideline": "x"}), ["rounds", "count up from 0"]),
        (lambda p: p["refinements"].clear(), ["refinements", "each round after the first"]),
        (lambda p: p.pop("supervisor"), ["supervisor", "required"]),
        (lambda p: p["corpus"].update(source="web"), ["corpus.source", "'web'", "sample"]),
        (lambda p: p["corpus"].update(source={"genia": "hub"}), ["corpus.source", "default"]),
        (lambda p: p["corpus"].update(source={"default": "hub", "genia": "web"}), ["corpus.source", "'web'", "sample"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(project: Project, change: Change, expected: list[str]) -> None:
    path = project.folder / "params.yaml"
    before = path.read_text()
    project.edit_params(change)
    line = refused(project, "stages.annotate", "conll2003", "--annotator", "qwen_plain", "--round", "0")
    path.write_text(before)
    assert line.startswith("error: params.yaml")
    for part in expected:
        assert part in line


def test_params_that_are_no_yaml_are_named_with_the_line(project: Project) -> None:
    path = project.folder / "params.yaml"
    before = path.read_text()
    path.write_text("profile: [embedded\nrounds: 2\n")
    line = refused(project, "stages.corpus", "conll2003")
    path.write_text(before)
    assert "params.yaml:2" in line


def test_a_guideline_that_breaks_its_schema(project: Project) -> None:
    path = project.folder / "data/conll2003/guideline.yaml"
    before = path.read_text()
    path.write_text(before.replace("definition:", "defintion:", 1))
    line = refused(project, "stages.annotate", "conll2003", "--annotator", "qwen_plain", "--round", "0")
    path.write_text(before)
    assert "guideline.yaml" in line and "types[0]" in line and "def" in line


def test_missing_weights_are_one_line_with_the_remedy(project: Project) -> None:
    done = project.stage(
        "annotate", "conll2003", "--annotator", "qwen_plain", "--round", "0", check=False, DIZINER_CACHE="nowhere"
    )
    assert done.returncode == 2
    assert "diziner weights fetch qwen2.5-coder-1.5b-instruct-q4_k_m" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / "data/conll2003/rounds").exists()


def test_a_missing_key_is_one_line_with_the_variable(project: Project) -> None:
    path = project.folder / "params.yaml"
    before = path.read_text()
    project.diziner("use", "paper")
    done = project.stage(
        "annotate", "conll2003", "--annotator", "phi4", "--round", "0", check=False, OPENROUTER_API_KEY=""
    )
    path.write_text(before)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "error: endpoint openrouter: no key: set the environment variable OPENROUTER_API_KEY"
    ]


def test_outside_a_project(project: Project, tmp_path: Path) -> None:
    python = project.folder / ".venv/bin/python"
    done = subprocess.run(
        [python, "-m", "diziner", "use", "local"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "not inside a diziner project" in done.stderr
