"""`diziner diff`: what moved, whether it is more than noise, and what was changed to move it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from metric_project import GUIDELINE, MetricProject, drawn, two_benchmarks

from diziner.cli import main
from diziner.compare.comparison import Comparison
from diziner.compare.render import comparison_markdown, comparison_text
from diziner.compare.whatchanged import Changes, changed_lines

OLD, BETTER = drawn(1, 80, 0.5), drawn(2, 80, 0.95)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MetricProject:
    monkeypatch.chdir(tmp_path)
    return two_benchmarks(tmp_path, OLD)


@pytest.fixture
def diff(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["diziner", "diff", *words])
        main()
        return capsys.readouterr().out

    return run


def line(text: str, start: str) -> str:
    [found] = [line for line in text.splitlines() if line.startswith(start)]
    return found


def test_without_arguments_the_work_tree_is_held_against_the_last_commit(
    project: MetricProject, diff: Callable[..., str]
) -> None:
    assert line(diff(), "conll2003").endswith("same")
    project.score("conll2003", BETTER)
    said = diff()
    assert said.startswith("HEAD -> work tree\n")
    assert line(said, "conll2003").endswith("better")
    assert line(said, "mit_movie").endswith("same")
    assert line(said, "mean of 2")


def test_two_revisions_are_compared_in_the_order_given(project: MetricProject, diff: Callable[..., str]) -> None:
    project.score("conll2003", BETTER)
    project.commit()
    there = json.loads(diff("HEAD~1", "HEAD", "--json"))
    back = json.loads(diff("HEAD", "HEAD~1", "--json"))
    [first], [second] = ([row for row in d["benchmarks"] if row["benchmark"] == "conll2003"] for d in (there, back))
    assert (first["verdict"], second["verdict"]) == ("better", "worse")
    assert first["change"] == pytest.approx(-second["change"])
    assert first["paired"] and first["low"] <= first["change"] <= first["high"] and first["adjusted"] < 0.05
    assert there["mean"]["change"] == pytest.approx(first["change"] / 2, abs=1e-6)


def test_a_revision_of_a_version_before_is_compared_document_by_document(
    project: MetricProject, diff: Callable[..., str]
) -> None:
    def row() -> Any:
        [found] = [row for row in json.loads(diff("--json"))["benchmarks"] if row["benchmark"] == "conll2003"]
        return found

    project.score("conll2003", BETTER)
    expected = row()
    project.score("conll2003", OLD)
    project.as_before("conll2003")
    project.commit()
    project.score("conll2003", BETTER)
    # What is left over of it in the work tree is not looked at.
    assert (project.folder / "metrics/documents/conll2003.json").is_file()
    assert row() == expected and expected["paired"] and expected["verdict"] == "better"


def test_a_small_change_is_called_noise(project: MetricProject, diff: Callable[..., str]) -> None:
    correct, predicted, gold = next(row for row in OLD if row[0] < row[2])
    place = OLD.index((correct, predicted, gold))
    project.score("mit_movie", [*OLD[:place], (correct + 1, predicted + 1, gold), *OLD[place + 1 :]])
    assert line(diff(), "mit_movie").endswith("within noise")


def test_other_test_documents_are_said_to_be_not_paired(project: MetricProject, diff: Callable[..., str]) -> None:
    project.score("conll2003", drawn(2, 90, 0.95))
    assert line(diff(), "conll2003").endswith("better (not paired: other test documents or gold)")
    project.score("conll2003", OLD, gold="other spans")
    assert line(diff(), "conll2003").endswith("within noise (not paired: other test documents or gold)")


def test_new_and_gone_benchmarks_have_a_line(project: MetricProject, diff: Callable[..., str]) -> None:
    project.score("bc5cdr", OLD)
    for path in ("metrics/final/mit_movie.json", "data/mit_movie/dvc.yaml"):
        (project.folder / path).unlink()
    said = diff()
    assert line(said, "bc5cdr").endswith("new")
    assert line(said, "mit_movie").endswith("gone")


def test_what_changed_is_said(project: MetricProject, diff: Callable[..., str]) -> None:
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    name = params["annotator_pool"][0]
    params["annotators"][name]["temperature"] = 0.7
    params["corpus"]["own"] = [1]
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    (project.folder / "diziner/prompts/annotate.v1.md").write_text("Mark names.\nAll of them.\n")
    (project.folder / "stages/score.py").write_text("# other scores\n")
    guideline = {**GUIDELINE, "instructions": {"common": [{"id": "H1", "text": "Mark teams."}], "specific": {}}}
    (project.folder / "data/conll2003/guideline.yaml").write_text(yaml.safe_dump(guideline))
    project.score("conll2003", OLD, gold="other")
    changes = json.loads(diff("--json"))["changes"]
    assert changes == {
        "settings": [f"~ annotators.{name}.temperature: 0.0 -> 0.7", "+ corpus.own: [1]"],
        "prompts": ["diziner/prompts/annotate.v1.md: +1 -0 lines"],
        "guidelines": ['+ conll2003 guideline: instructions.common.H1: "Mark teams."'],
        "data": ["conll2003: test documents or gold"],
        "code": ["stages/score.py"],
    }
    said = diff()
    assert all(entry in said for entries in changes.values() for entry in entries)


def annotated(spans: list[list[Any]]) -> bytes:
    return b"".join(b'{"id": "d%d", "spans": %s}\n' % (k, json.dumps(s).encode()) for k, s in enumerate(spans))


@pytest.mark.parametrize("place", ["cache", "remote"])
def test_a_revision_without_counts_is_read_from_dvcs_cache_or_remote(
    project: MetricProject, diff: Callable[..., str], place: str
) -> None:
    gold = annotated([[[0, 1, "PER"]]] * 30)
    old, new = annotated([[]] * 30), annotated([[[0, 1, "PER"]]] * 30)
    store = project.folder / ".dvc/cache/files/md5" if place == "cache" else project.folder / "far/files/md5"
    (project.folder / ".dvc").mkdir()
    (project.folder / ".dvc/config").write_text("[core]\nremote = far\n['remote \"far\"']\nurl = ../far\n")
    (project.folder / ".gitignore").write_text("/.dvc/cache\n/far\n/data/*/corpus\n/data/*/final\n")

    def keep(data: bytes) -> str:
        digest = hashlib.md5(data).hexdigest()
        (store / digest[:2]).mkdir(parents=True, exist_ok=True)
        (store / digest[:2] / digest[2:]).write_bytes(data)
        return digest

    def run(predicted: bytes, f1: float) -> None:
        room = project.folder / "data/conll2003"
        outs = {"corpus/gold.jsonl": gold, "corpus/test.jsonl": b"", "final/predictions.selected.jsonl": predicted}
        locked = [{"path": f"data/conll2003/{path}", "md5": keep(data)} for path, data in outs.items()]
        (room / "dvc.lock").write_text(yaml.safe_dump({"stages": {"score": {"outs": locked}}}))
        for path, data in outs.items():
            (room / path).parent.mkdir(exist_ok=True)
            (room / path).write_bytes(data)
        # As versions wrote it that kept no counts.
        project.edit("metrics/final/conll2003.json", json.dumps({"f1": f1, "f1_low": 0.0, "f1_high": 1.0}))

    run(old, 0.0)
    project.commit()
    run(new, 1.0)
    [row] = [row for row in json.loads(diff("--json"))["benchmarks"] if row["benchmark"] == "conll2003"]
    assert row["paired"] and (row["old"], row["new"], row["verdict"]) == (0.0, 1.0, "better")
    for file in store.rglob("*"):
        if file.is_file():
            file.unlink()
    [row] = [row for row in json.loads(diff("--json"))["benchmarks"] if row["benchmark"] == "conll2003"]
    assert not row["paired"] and row["note"].startswith("not paired: no counts per document")


def test_what_people_and_models_wrote_cannot_format_a_comment() -> None:
    hostile = Changes(guidelines=('+ x: "``` @all <img src=x> | [a](b)"',), settings=("~ a_b: 1 -> 2",))
    text = comparison_markdown("a|b", "<b>", [Comparison("x_y", 0.5, 0.5, 3, verdict="new")], hostile)
    fences = [line for line in text.splitlines() if line.startswith("````")]
    assert fences == ["````text", "````"]
    assert "a\\|b" in text and "\\<b\\>" in text and "x\\_y" in text
    assert text.index("@all") > text.index(fences[0])


def test_control_characters_are_shown_not_sent_to_the_terminal() -> None:
    [line] = changed_lines({}, {"text": "a\u202eb\x9b31m é東"})
    assert line == '+ text: "a\\u202eb\\u009b31m é東"'


def test_settings_are_compared_leaf_by_leaf() -> None:
    before = {"a": {"b": 1, "c": [1, 2], "d": {}}, "e": None, "f": "x"}
    after = {"a": {"b": 2, "c": [1, 2]}, "f": "x", "g": {"h": {"i": True}}}
    assert changed_lines(before, after, "p: ") == ["~ p: a.b: 1 -> 2", "- p: e: null", "+ p: g.h.i: true"]
    assert changed_lines(after, after) == []


def test_a_long_text_is_shown_where_it_changed_and_within_the_screen() -> None:
    old = "The name of a place. " * 9 + "Countries are LOC." + " More of it." * 9
    changes = Changes(guidelines=tuple(changed_lines({"a": old}, {"a": old.replace("LOC", "ORG")}, "conll2003: ")))
    text = comparison_text("a", "b", [], changes, width=60)
    assert "Countries are LOC. More" in " ".join(text.split()) and "Countries are ORG. More" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 60 and len(text) < 250


def test_damaged_metrics_are_named_and_others_compared(project: MetricProject, diff: Callable[..., str]) -> None:
    project.edit("metrics/final/conll2003.json", "{")
    text = diff()
    assert "not compared: metrics/final/conll2003.json (work tree): not JSON" in text
    assert line(text, "mit_movie").endswith("same") and "conll2003  " not in text


def test_outside_a_repository_and_for_no_revision_one_line_says_so(
    project: MetricProject,
    diff: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for words, said in ((["no-such"], "no revision 'no-such'"), (["HEAD", "-x"], "unrecognized arguments")):
        with pytest.raises(SystemExit) as stop:
            diff(*words)
        assert stop.value.code == 2
        assert said in capsys.readouterr().err
    monkeypatch.setenv("GIT_DIR", str(project.folder / "nowhere"))
    with pytest.raises(SystemExit) as stop:
        diff()
    assert stop.value.code == 2
    assert "not a git repository" in capsys.readouterr().err
