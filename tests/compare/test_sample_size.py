"""`diziner plan --detect`, and what diff and gate say that their documents can see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from metric_project import MetricProject, Rows, drawn, table, two_benchmarks

from diziner.common.errors import UserError
from diziner.common.files import write_json, write_jsonl
from diziner.compare.comparison import Side, compare_all
from diziner.compare.gates import Gates, out_of_sight, sight_notes
from diziner.compare.sample_size import Basis, basis_of, sample_sizes, sizes_text
from diziner.layout import Room
from diziner.records.documents import Document, document_row
from diziner.scoring.power import Design, assumed_differences, documents_needed, smallest_change, spread


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MetricProject:
    monkeypatch.chdir(tmp_path)
    made: MetricProject = two_benchmarks(tmp_path, drawn(1, 60))
    for name in ("conll2003", "mit_movie"):
        (tmp_path / "data" / name / "benchmark.yaml").touch()
    return made


def compared(old: Rows, new: Rows, others: int = 0) -> Any:
    """The comparison of one benchmark, among others that changed too."""
    more = {f"other{k}": (drawn(k, 60), drawn(k + 50, 60)) for k in range(others)}
    sides = [{"a": rows, **{name: pair[k] for name, pair in more.items()}} for k, rows in enumerate((old, new))]
    before, after = ({name: Side({"documents": 0}, table(rows)) for name, rows in own.items()} for own in sides)
    return compare_all(before, after)[0]


def test_more_documents_and_fewer_tests_see_smaller_changes() -> None:
    seen = [compared(drawn(1, n), drawn(2, n)).smallest for n in (60, 240, 960)]
    assert seen[0] > 1.8 * seen[1] > 3 * seen[2] > 0
    assert compared(drawn(1, 60), drawn(2, 60), others=17).smallest > 1.2 * seen[0]


def test_runs_that_hardly_differ_are_judged_by_the_old_ones_spread() -> None:
    """Equal counts show no change at all, but their documents would still not show a small one."""
    rows = drawn(1, 200)
    same = compared(rows, rows)
    assumed = assumed_differences(spread(table(rows).counts))
    assert assumed is not None
    assert same.verdict == "same" and same.assumed
    assert documents_needed(assumed, same.smallest, Design()) == pytest.approx(200, abs=1)
    assert not compared(rows, drawn(2, 200)).assumed
    flawless = compared([(1, 1, 1)] * 50, [(1, 1, 1)] * 50)
    assert flawless.smallest is None  # nothing varies: nobody knows


def test_a_gate_says_that_it_does_not_see_its_own_max_drop(
    project: MetricProject, command: Callable[..., tuple[int, str]]
) -> None:
    code, text = command("gate")
    assert code == 0
    assert "this gate does not see its own max_drop of 0.02 in 2 of 2 benchmarks" in text
    assert "`diziner plan --detect 0.02`" in text and "of n 60" in text
    assert "max\\_drop of 0.02 in 2 of 2" in command("gate", "--md")[1]
    seen = json.loads(command("gate", "--json")[1])["smallest_seen"]
    assert seen.keys() == {"conll2003", "mit_movie"} and all(0.02 < value < 0.5 for value in seen.values())
    project.gates(max_drop=0.5)
    assert "does not see" not in command("gate")[1]


def test_the_line_names_four_and_counts_the_rest() -> None:
    rows = {f"b{k}": drawn(k, 60) for k in range(6)}
    sides = {name: Side({"documents": 0}, table(own)) for name, own in rows.items()}
    comparisons = compare_all(sides, sides)
    gates = Gates(max_drop=0.02, significance=0.05)
    [line] = sight_notes(gates, comparisons)
    assert "in 6 of 6 benchmarks" in line and "b3 0." in line and "b4" not in line and "and 2 more" in line
    edge = Gates(max_drop=round(comparisons[0].smallest or 0, 6), significance=0.05)
    assert comparisons[0] not in out_of_sight(edge, comparisons)


def test_diff_has_the_smallest_change_that_is_seen(
    project: MetricProject, command: Callable[..., tuple[int, str]]
) -> None:
    project.score("conll2003", drawn(2, 60))
    text = command("diff")[1]
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "smallest seen" in lines["benchmark"] and "*" not in lines["conll2003"] and "*" in lines["mit_movie"]
    rows = {row["benchmark"]: row for row in json.loads(command("diff", "--json")[1])["benchmarks"]}
    assert rows["mit_movie"]["assumed"] and not rows["conll2003"]["assumed"]
    assert f"{rows['conll2003']['smallest']:.3f}" in lines["conll2003"]


def test_plan_says_how_many_documents_a_change_needs(
    project: MetricProject, command: Callable[..., tuple[int, str]]
) -> None:
    def needed(text: str) -> list[int]:
        return [int(line.split("  ")[-1].strip("+ ").replace(",", "")) for line in text.splitlines()[2:4]]

    code, text = command("plan", "--detect", "0.02", "--power", "0.8")
    assert code == 0, text
    assert "with Holm" in text and "the last run's F1" in text
    first = needed(text)
    assert first[0] == first[1] > 500
    assert needed(command("plan", "--detect", "0.04")[1])[0] == pytest.approx(first[0] / 4, rel=0.02)
    assert needed(command("plan", "--detect", "0.02", "--power", "0.95")[1])[0] > first[0]
    assert needed(command("plan", "--detect", "0.02", "--correlation", "0.9")[1])[0] == pytest.approx(
        first[0] / 5, rel=0.02
    )
    one = command("plan", "conll2003", "--detect", "0.02")[1]
    assert "Holm" not in one and "mit_movie" not in one


def test_a_table_of_sizes_says_what_is_known_of_each() -> None:
    differences = assumed_differences(0.5)
    bases = {
        "all": Basis(100, 100, 0.5, differences, "gold"),
        "more": Basis(100, 10**6, None, differences, "gold"),
        "few": Basis(1, None, 0.25, differences, "gold"),
        "none": Basis(0, None, None, None, "nothing"),
    }
    rows = sample_sizes(bases, 0.1, 0.8, 0.05)
    alone, together = (documents_needed(differences, 0.1, Design(tests=n)) for n in (1, 3))  # type: ignore[arg-type]
    assert [(row.alone, row.together) for row in rows] == [(alone, together)] * 3 + [(None, None)]
    seen = [smallest_change(differences, 100, Design(tests=n)) or 0.0 for n in (1, 3)]  # type: ignore[arg-type]
    lines = [line.split() for line in sizes_text(rows, 0.1, 0.8, 0.05, None).splitlines()]
    both = [f"{seen[0]:.3f},", "with", "Holm", f"{seen[1]:.3f}"]
    assert lines[2] == ["all", "0.500", "gold", "100", "100", *both, f"{alone}+", f"{together}+"]
    assert lines[3] == ["more", "-", "gold", "100", "1000000", *both, f"{alone}", f"{together}"]
    assert lines[4] == ["few", "0.250", "gold", "1", "-", "none,", "with", "Holm", "none", f"{alone}", f"{together}"]
    assert lines[5] == ["none", "-", "nothing", "0", "-", "-", "-", "-"]
    text = sizes_text(rows, 0.1, 0.8, 0.05, 0.3)
    assert "with Holm: each of 3 benchmarks at 0.0167." in text and "errors correlate by 0.3 over" in text
    single = sizes_text([rows[0], rows[3]], 0.1, 0.8, 0.05, None)
    assert "Holm" not in single and "errors correlate by 0.5 over" in single
    exact = Basis(100, alone, 0.5, differences, "gold")
    assert "+\n" not in sizes_text(sample_sizes({"all": exact}, 0.1, 0.8, 0.05), 0.1, 0.8, 0.05, None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--detect", "0"], "--detect: is 0; must be above 0"),
        (["--detect", "2"], "--detect: is 2; must be above 0 and below 1"),
        (["--detect", "nan"], "--detect: is nan"),
        (["--detect", "0.02", "--power", "1"], "--power: is 1; must be at least 0.5"),
        (["--detect", "0.02", "--power", "0.02"], "--power: is 0.02"),
        (["--detect", "0.02", "--correlation", "1"], "--correlation: is 1; must be above -1"),
        (["--power", "0.9"], "go with --detect"),
        (["--detect", "0.02", "nothing"], "nothing"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    words: list[str], reason: str, project: MetricProject, command: Callable[..., tuple[int, str]]
) -> None:
    code, text = command("plan", *words)
    assert code == 2 and reason in text and text.count("\n") == 1


def test_without_a_run_gold_and_the_published_f1_say_it(project: MetricProject) -> None:
    room = Room("bc5cdr")
    documents = [Document(f"d{k}", ("a", "b", "c"), "a b c") for k in range(400)]
    assert basis_of(room, None, None).by == "no documents yet"
    write_jsonl(room.test, map(document_row, documents))
    write_jsonl(
        room.gold, [{"id": d.id, "spans": [[0, 1, "X"], [1, 2, "X"]][: 1 + k % 2]} for k, d in enumerate(documents)]
    )
    write_json(room.manifest, {"test": {"loaded": 5000}})
    published = {"methods": [{"kind": "diziner", "source": "paper", "name": "D", "f1": {"bc5cdr": 80.0}}]}
    basis = basis_of(room, published, None)
    assert (basis.documents, basis.available, basis.f1, basis.by) == (400, 5000, 0.8, "gold, at that F1")
    assert basis_of(room, None, None).f1 == 0.7
    rows = sample_sizes({"bc5cdr": basis, "none": basis_of(Room("none"), None, None)}, 0.02, 0.8, 0.05)
    assert rows[0].alone == rows[0].together and (rows[0].alone or 0) > 400 and rows[1].alone is None
    # Counts that cannot be are no bug of ours.
    project.score("bc5cdr", drawn(1, 60))
    project.edit("metrics/final/bc5cdr.json", {"counts": [["d0", 1, 2, 1, 1, 1]]})
    with pytest.raises(UserError, match="more correct spans"):
        basis_of(room, published, None)
    # Counts of other documents than those at hand are of another run.
    project.score("bc5cdr", drawn(1, 60))
    assert basis_of(room, published, None).by == "gold, at that F1"
