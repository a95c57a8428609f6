"""Effort to build something in: files touched by hand in a copy of the project, where all that follows is made.

Each addition is made as CONTRIBUTING.md says; then the pages and schemas are made, the tests that go through every
measure, protocol, source and figure run in the copy, and the files that differ are counted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from derived import DERIVED
from projects import ROOT, Project, copy_project

PROTOCOL = '''
@protocol("head", "head F1", unit="a last token", correct="type and last token are equal", used_by="parsers")
def head(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Units are distinct (document, last token, type); correct = |gold ∩ predicted|.

        correct = |G ∩ P|

    ```example
    gold       the [Bank of England|ORG]
    predicted  the Bank of [England|ORG]
    strict     0 correct, 1 predicted, 1 gold, F1 0.000
    head       1 correct, 1 predicted, 1 gold, F1 1.000
    ```
    """

    def units(spans: SpansById) -> set[tuple[str, int, str]]:
        return {(name, span.end, span.type) for name, row in spans.items() for span in row}

    return _score_units(units(gold), units(predicted))
'''

MEASURE = '''

@set_measure("full_agreement", "full agreement", low=0)
def full_agreement(counts: Ints, frequency: Ints) -> float:
    """Share of items on which all labels are equal; 1.0 where there is none."""
    total = int(frequency.sum())
    return float(frequency[(counts > 0).sum(axis=0) <= 1].sum()) / total if total else 1.0
'''
LOOP = '''

def full_agreement(items: Sequence[Sequence[str]]) -> float:
    """Share of items on which all labels are equal."""
    return sum(len(set(labels)) <= 1 for labels in items) / len(items) if items else 1.0
'''

SOURCE = '''

@source("folder", {"folder": {"type": "string"}}, required=["folder"])
def folder_tables(origin: Origin, split: str) -> Iterator[Table]:
    """JSON Lines of any name in a folder of the room, by split."""
    for path in sorted((origin.room / origin.entry.options["folder"] / split).glob("*.jsonl")):
        yield file_table(path, split, origin.entry.layout)
'''

FIGURE = '    _counted("correct", "selected", "micro", "correct"),\n)\n\n\ndef figures_of('

# What is built in -> the edits (file: old text and new, or None for an addition at the end), the tests that must hold
# in the copy, and the most files touched by hand, the addition's own test among them.
ADDITIONS: dict[str, tuple[dict[str, tuple[str | None, str]], list[str], int]] = {
    "protocol": (
        {"diziner/scoring/protocols.py": (None, PROTOCOL)},
        ["tests/standalone/test_score_command.py", "tests/scoring/test_protocols.py"],
        2,
    ),
    "measure": (
        {"diziner/agreement/chance.py": (None, MEASURE), "tests/perf/naive_agreement.py": (None, LOOP)},
        ["tests/agreement/test_measures.py"],
        3,
    ),
    "source": (
        {"diziner/corpora/sources.py": (None, SOURCE)},
        ["tests/corpora/test_card.py", "tests/corpora/test_sources.py"],
        2,
    ),
    "figure": (
        {"diziner/results/figures.py": (")\n\n\ndef figures_of(", FIGURE)},
        ["tests/results"],
        3,
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Project:
    """The project with its tests, as a git repository."""
    project = copy_project(tmp_path / "project", ("conll2003",), recordings=True)
    shutil.copytree(ROOT / "tests", project.folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "tests")
    return project


def git(project: Project, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=project.folder, capture_output=True, text=True, check=True)
    return done.stdout


def edit(folder: Path, edits: Mapping[str, tuple[str | None, str]]) -> None:
    for name, (old, new) in edits.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert old is None or text.count(old) == 1
        (folder / name).write_text(text + new if old is None else text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("what", ADDITIONS)
def test_building_something_in_touches_few_files(copy: Project, what: str) -> None:
    edits, tests, most = ADDITIONS[what]
    edit(copy.folder, edits)
    copy.run(sys.executable, "tests/derived.py")
    changed = set(git(copy, "diff", "--name-only").split())
    by_hand = changed - set(DERIVED)
    assert by_hand == set(edits)
    assert len(by_hand) + 1 <= most  # and its own test
    assert changed & set(DERIVED)
    copy.run(sys.executable, "-m", "pytest", "-q", "-x", "tests/test_derived.py", *tests)


def test_an_added_figure_and_measure_reach_every_file(copy: Project) -> None:
    """Through the real stages on the recorded answers: the round's metrics, the final ones, the summary."""
    for what in ("measure", "figure"):
        edit(copy.folder, ADDITIONS[what][0])
    copy.run(sys.executable, "tests/derived.py")
    copy.run(sys.executable, "-m", "diziner", "repro")
    for path, key in (
        ("data/conll2003/rounds/r0/agreement.json", '"full_agreement": 0.'),
        ("data/conll2003/rounds/r0/metrics.json", '"full_agreement": 0.'),
        ("metrics/final/conll2003.json", '"correct": '),
        ("metrics/summary.json", '"correct": '),
        ("report.html", "full agreement"),
    ):
        assert key in (copy.folder / path).read_text(encoding="utf-8"), path
