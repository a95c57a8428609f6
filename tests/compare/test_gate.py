"""`diziner gate`: real regressions fail, noise does not, and no metric that cannot be trusted gets through."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_project import MetricProject, Rows, drawn, table, two_benchmarks

from diziner.compare.comparison import Side, compare_all
from diziner.compare.gates import Gates, failed, judge
from diziner.scoring.bootstrap import paired_bootstrap
from diziner.scoring.significance import randomization_p_value

BENCHMARKS = [f"benchmark{number:02}" for number in range(18)]
FIGURES = {"failed_share": 0.0, "documents": 0}
GOOD, BAD = drawn(1, 60), [(0, p, g) for _, p, g in drawn(1, 60)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MetricProject:
    monkeypatch.chdir(tmp_path)
    return two_benchmarks(tmp_path, GOOD)


@pytest.fixture
def gate(command: Callable[..., tuple[int, str]]) -> Callable[..., tuple[int, str]]:
    """Run `diziner gate`: its exit code and everything it wrote."""
    return partial(command, "gate")


def outcome(old: dict[str, Rows], new: dict[str, Rows], **gates: Any) -> list[str]:
    """The benchmarks that fail, by the pure rules alone."""
    before, after = ({name: Side(FIGURES, table(rows)) for name, rows in runs.items()} for runs in (old, new))
    allowed = Gates(**{"max_drop": 0.0, "significance": 0.05, **gates})
    return failed(judge(allowed, compare_all(before, after, allowed.significance), after, {}, 0.0))


def test_noise_alone_fails_at_most_one_run_in_twenty() -> None:
    """18 benchmarks, both runs drawn from the same system, no drop allowed: the hardest case for the gate."""
    runs = [(12, seed) for seed in range(40)] + [(40, seed) for seed in range(40, 60)]
    failures = 0
    for documents, seed in runs:
        old, new = (
            {name: drawn(1000 * seed + 2 * k + side, documents, gold_seed=k) for k, name in enumerate(BENCHMARKS)}
            for side in (0, 1)
        )
        failures += bool(outcome(old, new))
    assert failures <= 0.05 * len(runs)


def test_the_bootstrap_alone_would_call_more_small_changes_real_than_chance_allows() -> None:
    """Why the verdict is not the bootstrap's: five of twelve documents got worse by one span each."""
    old = [(2, 3, 3)] * 12
    new = [(1, 3, 3)] * 5 + old[5:]
    bootstrap = paired_bootstrap(table(new).counts, table(old).counts, 2000, seed=1).p_value
    exact = randomization_p_value(table(new).counts, table(old).counts, 1, seed=1)
    assert bootstrap < 0.01
    assert exact == pytest.approx(2 / 2**5)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1))
@settings(max_examples=60)
def test_the_p_value_is_symmetric_and_a_share(rows: list[tuple[int, int, int, int]]) -> None:
    old = np.array([(min(a, gold), a + extra, gold) for a, _, gold, extra in rows])
    new = np.array([(min(b, gold), b + extra, gold) for _, b, gold, extra in rows])
    there, back = (randomization_p_value(*pair, 200, seed=3) for pair in ((new, old), (old, new)))
    assert there == pytest.approx(back)
    assert 0 < there <= 1
    assert randomization_p_value(new, new, 200, seed=3) == 1.0


def test_a_real_drop_fails_and_the_same_drop_within_the_allowance_passes() -> None:
    old = {name: drawn(k, 100, 0.8, gold_seed=k) for k, name in enumerate(BENCHMARKS)}
    worse = drawn(3, 100, 0.4, gold_seed=3)
    assert outcome(old, {**old, BENCHMARKS[3]: worse}) == [BENCHMARKS[3]]
    assert outcome(old, {**old, BENCHMARKS[3]: worse}, max_drop=0.9) == []
    better = {name: drawn(k, 100, 0.95, gold_seed=k) for k, name in enumerate(BENCHMARKS)}
    assert outcome(old, better) == []


def test_a_drop_of_exactly_the_allowed_size_passes() -> None:
    old, new = [(1, 1, 1)] * 200, [(1, 1, 1)] * 180 + [(0, 1, 1)] * 20
    assert outcome({"a": old}, {"a": new}, max_drop=0.1) == []
    assert outcome({"a": old}, {"a": new}, max_drop=0.099) == ["a"]


def test_other_test_documents_are_compared_unpaired() -> None:
    metrics = {**FIGURES, "f1_low": 0.65, "f1_high": 0.75}
    old, new = Side({**metrics, "f1": 0.7}), Side({**metrics, "f1": 0.3, "f1_low": 0.25, "f1_high": 0.35})
    [row] = compare_all({"a": old}, {"a": new})
    assert (row.paired, row.verdict) == (False, "worse")
    assert "not paired" in row.note
    [row] = compare_all({"a": old}, {"a": Side({**metrics, "f1": 0.69, "f1_low": 0.64, "f1_high": 0.74})})
    assert row.verdict == "within noise"
    named = [Side(metrics, table(GOOD), test_set) for test_set in ("one", "two")]
    [row] = compare_all({"a": named[0]}, {"a": named[1]})
    assert "other test documents" in row.note


def test_nothing_changed_passes_and_says_over_what(project: MetricProject, gate: Callable[..., Any]) -> None:
    code, said = gate()
    assert code == 0, said
    assert "passed: 2 benchmarks" in said
    assert "5 checks passed: 2 F1 against the base, 2 failed share, 1 USD, all benchmarks\n" in said
    assert "+0.000, the same counts" in gate("--all")[1]


def test_a_regression_fails_and_names_the_benchmark(project: MetricProject, gate: Callable[..., Any]) -> None:
    project.score("mit_movie", BAD)
    code, said = gate()
    assert code == 1
    assert "error: gate failed: mit_movie\n" in said
    code, said = gate("--json")
    checks = json.loads(said[: said.rindex("}") + 1])
    assert not checks["passed"]
    assert [c["benchmark"] for c in checks["checks"] if not c["passed"]] == ["mit_movie"]
    project.commit()
    assert gate()[0] == 0  # against itself
    assert gate("--base", "HEAD~1")[0] == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"f1": 0.123}, "f1 is 0.123, the counts of its documents say"),
        ({"f1_low": 0.0}, "f1_low is 0,"),
        ({"gain": 0.2}, "gain is 0.2,"),
        ({"drop_share": 0.01}, "not what dvc.lock says"),
        ({"f1": None}, "f1 is none, the counts"),
        ({"f1": float("nan")}, "NaN is no number"),
        ({"failed_share": float("inf")}, "Infinity is no number"),
        ({"f1": "high"}, "f1: 'high' is not of type"),
        ("{}", "is a required property"),
        ('{"f1": 1e999}', "metrics/final"),
        ("{", "not JSON"),
        ("", "not JSON"),
    ],
)
def test_a_metric_edited_by_hand_fails(
    project: MetricProject, gate: Callable[..., Any], change: Any, reason: str
) -> None:
    project.edit("metrics/final/conll2003.json", change)
    code, said = gate()
    assert code == 1
    assert reason in said
    assert "gate failed: conll2003\n" in said


def test_a_number_too_large_for_any_fails(project: MetricProject, gate: Callable[..., Any]) -> None:
    path = project.folder / "metrics/final/conll2003.json"
    path.write_text(path.read_text().replace(": 1000", ": 1e999", 1))
    code, said = gate()
    assert code == 1 and "not JSON: 1e999 is too large for a number" in " ".join(said.split())


def test_a_metric_and_its_counts_lowered_together_fail(project: MetricProject, gate: Callable[..., Any]) -> None:
    lock = (project.folder / "data/conll2003/dvc.lock").read_text()
    project.score("conll2003", [*GOOD[:-1], (0, 1, GOOD[-1][2])])
    (project.folder / "data/conll2003/dvc.lock").write_text(lock)
    code, said = gate()
    assert code == 1 and "not what dvc.lock says" in said


def test_metrics_of_a_version_before_are_held_to_their_counts_as_the_base_and_here(
    project: MetricProject, gate: Callable[..., Any]
) -> None:
    project.as_before("conll2003")
    assert gate()[0] == 0
    project.commit()
    project.score("conll2003", BAD)
    code, said = gate()
    assert code == 1 and "worse" in said and "failed: conll2003\n" in said
    project.score("conll2003", GOOD)
    assert gate()[0] == 0
    project.as_before("conll2003")
    path = "metrics/documents/conll2003.json"
    rows = json.loads((project.folder / path).read_text())["selected"]
    project.edit(path, {"selected": {**rows, "test-0000": [0, 9, rows["test-0000"][2]]}})
    code, said = gate()
    assert code == 1 and "with metrics/documents: the sums are not those of the documents" in " ".join(said.split())
    (project.folder / path).unlink()
    code, said = gate()
    assert code == 1 and "with metrics/documents: no such file" in " ".join(said.split())


def test_a_missing_metric_fails(project: MetricProject, gate: Callable[..., Any]) -> None:
    (project.folder / "metrics/final/conll2003.json").unlink()
    code, said = gate()
    assert code == 1 and "no such file" in said


def test_a_missing_summary_fails_because_the_cost_is_unknown(project: MetricProject, gate: Callable[..., Any]) -> None:
    (project.folder / "metrics/summary.json").unlink()
    code, said = gate()
    assert code == 1 and "unknown" in said and "gate failed: USD, all benchmarks, summary\n" in said


def test_a_benchmark_that_is_gone_fails_unless_it_is_retired(project: MetricProject, gate: Callable[..., Any]) -> None:
    for path in ("metrics/final/mit_movie.json", "data/mit_movie/dvc.yaml"):
        (project.folder / path).unlink()
    code, said = gate()
    assert code == 1 and "no metrics, although the base has them" in said
    project.gates(retired=["mit_movie"])
    assert gate()[0] == 0
    project.gates(retired=["mit_movie"], floors={"nowhere": 0.5})
    code, said = gate()
    assert code == 1 and "nowhere" in said and "no metrics, although it has a floor" in said


@pytest.mark.parametrize(
    ("gates", "figures", "usd", "reason"),
    [
        ({"floors": {"conll2003": 0.99}}, {}, 0.1, "at least 0.99"),
        ({}, {"failed_share": 0.06}, 0.1, "at most 0.05"),
        ({}, {}, 0.7, "at most 1"),
        ({}, {}, None, "unknown"),
    ],
)
def test_floors_and_caps_hold_whatever_the_noise(
    project: MetricProject,
    gate: Callable[..., Any],
    gates: dict[str, Any],
    figures: dict[str, Any],
    usd: float | None,
    reason: str,
) -> None:
    project.gates(**gates)
    project.score("conll2003", GOOD, usd=usd, **figures)
    code, said = gate()
    assert code == 1
    [line] = [line for line in said.splitlines() if line.startswith("FAIL")]
    assert reason in line
    project.gates(max_usd=None, max_failed_share=1.0)
    assert gate()[0] == 0


def test_a_benchmark_without_gold_is_no_failure_and_losing_its_scores_is_one(
    project: MetricProject, gate: Callable[..., Any]
) -> None:
    project.score("letters", [], documents=5)
    assert gate()[0] == 0
    project.score("conll2003", [], documents=5)
    code, said = gate()
    assert code == 1 and "none; the base has" in said


def test_a_gate_says_why_nothing_could_fall_below_its_base(project: MetricProject, gate: Callable[..., Any]) -> None:
    assert "no F1 differs from HEAD's; what commits changed is seen from" in gate()[1]
    project.git("tag", "before")
    project.score("letters", GOOD)
    project.commit()
    code, said = gate("--base", "before")
    assert code == 0 and "before has no F1 of letters, so that no drop of theirs is seen" in said
    assert "differs from HEAD" not in said
    project.git("update-ref", "refs/remotes/origin/trunk", "before")
    assert "; did you mean origin/trunk?" in gate("--base", "trunk")[1]


def test_the_table_is_markdown_on_request(project: MetricProject, gate: Callable[..., Any]) -> None:
    code, said = gate("--md")
    assert code == 0
    assert said.startswith("### Gate against HEAD: passed")
    assert "| ok | mit\\_movie |" in said


@pytest.mark.parametrize(
    ("words", "gates", "said"),
    [
        (["--base", "nowhere"], None, "no revision 'nowhere'"),
        (["--base", "--help=x"], None, "expected one argument"),
        (["--md", "--json"], None, "not allowed with"),
        ([], "f1: {max_drop: .nan, significance: 0.05, floors: {}}", "f1.max_drop: '.nan' is not finite"),
        ([], "f1: {max_drop: 0.1, significance: 0.05, floors: {conll2003: 40}}", "f1.floors.conll2003: 40"),
        ([], "f1: {max_drop: 0.1, significance: 0.05, floor: {}}", "'floors' is a required property"),
        ([], "f1: [", "not YAML"),
    ],
)
def test_mistakes_are_said_in_one_line(
    project: MetricProject, gate: Callable[..., Any], words: list[str], gates: str | None, said: str
) -> None:
    if gates is not None:
        text = f"{gates}\nmax_failed_share: 0.05\nmax_usd: null\nretired: []\n"
        (project.folder / "metrics/gates.yaml").write_text(text)
    code, out = gate(*words)
    assert code == 2
    assert said in out.splitlines()[-1]


def test_the_projects_own_gates_are_as_their_schema_says() -> None:
    from projects import ROOT

    from diziner.common.yamlfile import read_yaml
    from diziner.compare.gates import gates_from

    gates = gates_from(read_yaml(ROOT / "metrics/gates.yaml", "gates"))
    linked = {path.parent.name for path in ROOT.glob("data/*/dvc.yaml")}
    assert gates.floors.keys() <= linked
