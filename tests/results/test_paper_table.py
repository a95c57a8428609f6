"""`diziner summary --paper`: own results beside the published ones, and the abstract's claims by the same table."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from metric_project import MetricProject, drawn
from projects import ROOT

from diziner.cli import main
from diziner.common.files import write_json
from diziner.common.yamlfile import read_yaml
from diziner.layout import PUBLISHED, Room
from diziner.results.paper_table import all_claims, claims, paper_json, paper_lines
from diziner.results.summary_table import paper_table

VALUES = read_yaml(ROOT / PUBLISHED, "published")


def row(name: str, f1: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    own = {"benchmark": name, "f1": f1, "f1_low": low, "f1_high": high, "documents": 300, "rounds": 5}
    return {**own, "protocol": "strict span F1", "usd": 13.5}


def test_the_claims_are_worked_out_from_the_published_tables() -> None:
    """The README prints mean gains of 0.9 (five benchmarks) and 12.6 (thirteen), and a gap of 32.0 less 12.6."""
    lines = paper_lines({"benchmarks": []}, VALUES, {})
    found = all_claims(lines)
    readme, paper, here = found["README"], found["paper"], found["here"]
    assert (readme.compared, readme.best, readme.best_of_all) == (18, 15, 12)
    assert readme.gain == pytest.approx((5 * 0.9 + 13 * 12.6) / 18, abs=0.1)
    assert readme.with_supervised == 13 and readme.gap_before == pytest.approx(32.0, abs=0.05)
    assert readme.gap_reduced == pytest.approx(12.6, abs=0.06)
    assert readme.supervisor_gain == pytest.approx((5 * 7.5 + 13 * 6.4) / 18, abs=0.1)
    # The paper's values, known of nine, are lower: by 14.1 points in all.
    assert paper.gain == pytest.approx((readme.gain or 0) - 14.1 / 18, abs=1e-5)
    assert (here.compared, here.best, here.gain, here.gap_reduced) == (0, 0, None, None)


def test_own_results_are_counted_where_they_are_the_benchmarks_and_missing_ones_stay_empty() -> None:
    own = [
        row("conll2003", 0.85, 0.82, 0.87),  # above 81.3 with its interval, and above GPT-5 mini's 81.8
        row("bc5cdr", 0.7, 0.65, 0.75),  # above 68.0, but its interval holds that
        row("mit_movie", 0.709, 0.69, 0.72),  # equal to 70.9: not above
        row("genia", 0.9, 0.8, 0.95),  # on a sample
        row("letters", 0.9, 0.8, 0.95),  # not in the paper
        row("anatem", None),
    ]
    sources = {"conll2003": "hub", "bc5cdr": "local", "mit_movie": "local", "genia": "sample", "anatem": "hub"}
    lines = paper_lines({"benchmarks": own}, VALUES, sources)
    assert len(lines) == 18 and [line.benchmark for line in lines] == sorted(line.benchmark for line in lines)
    here = all_claims(lines)["here"]
    assert (here.compared, here.best, here.clear, here.best_of_all) == (3, 2, 1, 2)
    assert here.gain == pytest.approx((3.7 + 2.0 + 0.0) / 3, abs=1e-6)
    assert here.with_supervised == 3 and here.gap_reduced == pytest.approx(5.7 / 3, abs=1e-6)
    text = paper_table(lines, VALUES, 500)
    cells = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "85.0 [82.0, 87.0]" in cells["conll2003"] and "+3.7" in cells["conll2003"] and "$13.50" in cells["conll2003"]
    assert "strict span F1" not in cells["ace2005"] and "hub" not in cells["ace2005"]
    assert "no gold" in cells["anatem"]
    assert "1 of them on the short samples" in text and "letters" not in text
    assert "14 of 18" in text and "2 of 3, 1 clearly" in text and "+8.0" in text


def test_a_tie_is_not_above_and_decimals_are_taken_as_written() -> None:
    [line] = [line for line in paper_lines({"benchmarks": []}, VALUES, {}) if line.benchmark == "mit_movie"]
    assert claims([line], lambda _: Fraction("70.9")).best == 0
    assert claims([line], lambda _: Fraction("70.9001")).best == 1


@pytest.mark.parametrize("width", [50, 80, 200])
def test_the_papers_table_fits_the_terminal_and_keeps_every_benchmark(width: int) -> None:
    lines = paper_lines({"benchmarks": [row("conll2003", 0.85, 0.82, 0.87)]}, VALUES, {"conll2003": "hub"})
    text = paper_table(lines, VALUES, width)
    assert max(map(len, text.splitlines())) <= width
    assert all(line.benchmark in text for line in lines)


def test_the_command_prints_table_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where documents came from is read from the manifest, else from the lock (a fresh clone has no manifest), and from
    settings, which `diziner use` may have changed since, only where there is neither."""
    monkeypatch.chdir(tmp_path)
    project = MetricProject(tmp_path)
    project.score("conll2003", drawn(1, 20))
    project.score("bc5cdr", drawn(2, 20))
    (tmp_path / PUBLISHED).parent.mkdir(exist_ok=True)
    (tmp_path / PUBLISHED).write_bytes((ROOT / PUBLISHED).read_bytes())
    write_json(Room("conll2003").manifest, {"source": "local"})
    shutil.copy2(ROOT / "data/genia/dvc.lock", tmp_path / "data/bc5cdr")
    shutil.copy2(ROOT / "data/genia/dvc.lock", tmp_path / "data/genia")
    monkeypatch.setattr("sys.argv", ["diziner", "summary", "--paper", "--json"])
    main()
    found = json.loads(capsys.readouterr().out)
    rows = {line["benchmark"]: line for line in found["benchmarks"]}
    assert (rows["conll2003"]["documents_of"], rows["bc5cdr"]["documents_of"]) == ("local", "sample")
    assert found["claims"]["here"]["compared"] == 1 and found["abstract"]["best"] == "14 of 18"
    assert rows["genia"]["here"] is None
    lines = paper_lines(json.loads(Path("metrics/summary.json").read_text()), VALUES, {})
    assert paper_json(lines, VALUES)["claims"]["README"] == found["claims"]["README"]
    monkeypatch.setattr("sys.argv", ["diziner", "summary", "--paper"])
    main()
    assert "here [95 %]" in capsys.readouterr().out
