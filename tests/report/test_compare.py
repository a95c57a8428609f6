"""Two runs side by side: against a revision, a folder, or another report's file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metric_project import MetricProject, drawn
from projects import ROOT
from report_page import overflow
from viewer_rooms import make_room, settings_for

from diziner.report.collect import report_page

Run = Callable[..., tuple[int, str]]
ROOM, OTHER = "conll2003", "crossner_ai"


def data_of(file: Path) -> Any:
    found = re.search(r'id="data">(.*?)</script>', file.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MetricProject:
    """A project with two benchmarks, of which one has become better since the last commit, with a line more."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = MetricProject(tmp_path / "here")
    for name in (ROOM, OTHER):
        made.score(name, drawn(1, 80, hit=0.5))
        (made.folder / f"data/{name}/benchmark.yaml").write_bytes((ROOT / f"data/{name}/benchmark.yaml").read_bytes())
    made.commit()
    shutil.copytree(made.folder, tmp_path / "before", ignore=shutil.ignore_patterns(".git"))
    guideline = made.folder / f"data/{ROOM}/guideline.yaml"
    guideline.write_text(guideline.read_text().replace("Names.", "All names."))
    made.score(ROOM, drawn(1, 80, hit=0.95))
    return made


def test_a_revision_and_a_folder_stand_beside_the_work_tree(
    place: MetricProject, command: Run, visit: Any, tmp_path: Path
) -> None:
    found = []
    for number, run in enumerate(("HEAD", "../before")):
        file = tmp_path / f"{number}.html"
        code, said = command("report", "--to", str(file), "--against", run)
        assert code == 0, said
        found.append(data_of(file)["comparison"])
    assert [own.pop("old") for own in found] == ["HEAD", "folder before"]
    assert found[0] == found[1]
    rows = {row["benchmark"]: row for row in found[0]["benchmarks"]}
    assert rows[ROOM]["verdict"] == "better" and rows[OTHER]["verdict"] == "same"
    assert found[0]["figures"]["old"][ROOM]["f1"] < found[0]["figures"]["new"][ROOM]["f1"]
    assert found[0]["changes"]["guidelines"] == [f'~ {ROOM} guideline: goal.purpose: "Names." -> "All names."']
    # A copy names its commit and that something is not in it; the page of the pipeline does not, and stays the same.
    commit = data_of(tmp_path / "0.html")["run"]["commit"]
    assert commit["changed"] is True and re.fullmatch(r"\d{4}-\d\d-\d\d", commit["date"]) and len(commit["id"]) == 10
    assert command("report")[0] == 0 and data_of(place.folder / "report.html")["run"]["commit"] is None

    page = visit(tmp_path / "0.html")
    assert "Against HEAD: better on 1, worse on 0" in page.text_content("main")
    assert f"commit {commit['id']}, {commit['date']}" in page.text_content("#run")
    page.click("a:text-is('Both side by side')")
    page.wait_for_selector("main h1:text-is('Two runs side by side')")
    assert "better" in page.locator("#figures tbody tr").first.text_content()
    assert "All names." in page.text_content("#changed")
    page.set_viewport_size({"width": 400, "height": 800})
    assert overflow(page) <= 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--against", "HEAD"), "say with --to FILE"),
        (("--no-text",), "say with --to FILE"),
        (("--to", "x.html", "--against", "nowhere"), "no revision 'nowhere'"),
        (("--to", "x.html", "--against", "data"), "data: no params.yaml there"),
    ],
)
def test_what_cannot_be_compared_is_one_line(place: MetricProject, command: Run, words: Any, said: str) -> None:
    code, text = command("report", *words)
    assert code == 2 and said in text and text.count("\n") == 1
    assert not (place.folder / "x.html").exists() and not (place.folder / "report.html").exists()


def test_the_command_takes_texts_in_and_leaves_them_out(place: MetricProject, command: Run, tmp_path: Path) -> None:
    for words, texts in ((("--text",), True), (("--no-text",), False), ((), True)):
        assert command("report", "--to", str(tmp_path / "copy.html"), *words)[0] == 0
        assert {own["text"] for own in data_of(tmp_path / "copy.html")["benchmarks"]} == {texts}


def test_another_report_is_opened_in_the_browser(report: Path, visit: Any, tmp_path: Path) -> None:
    """It is read by the page itself: nothing is asked for. Rubbish costs a line."""
    files, said = make_room("alpha", annotators=3, rounds=2, documents=14, seed=9)
    files = replace(files, card=replace(files.card, title="<img src=x onerror=alert(1)>"))
    other = tmp_path / "other.html"
    other.write_text(report_page([files], said, settings_for(3, 2)), encoding="utf-8")
    rubbish = tmp_path / "rubbish.html"
    rubbish.write_bytes(b"\xff<script>alert(2)</script>")
    page = visit(report, "#/compare")
    assert page.locator("#figures").count() == 0
    page.set_input_files("input[type=file]", rubbish)
    page.wait_for_selector("main .warn:has-text('rubbish.html: is no report')")
    page.set_input_files("input[type=file]", other)
    page.wait_for_selector("#figures")
    assert page.locator("#figures tbody tr").count() == 4
    first = page.locator("#figures tbody tr").first.text_content()
    assert "alpha" in first and "not tested" in first
    assert re.search(r"\+ rounds 3", page.text_content("#changed"))
    assert "- alpha C1.1: " in page.text_content("#changed")
    page.set_input_files("input[type=file]", report)
    page.wait_for_selector("main .lead:has-text('the same run')")
    assert "Nothing else is different" in page.text_content("#changed")
