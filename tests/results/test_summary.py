"""The summary: counts, table, published values, cost, the data of plots, and DVC's own views of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from metric_project import MetricProject, drawn
from projects import ROOT, copy_project

from diziner.cli import main
from diziner.common.errors import UserError
from diziner.common.files import check, write_json
from diziner.common.tables import Column, fitted_table
from diziner.common.yamlfile import read_yaml
from diziner.layout import PUBLISHED
from diziner.records.annotations import Annotation, Failure, Span
from diziner.results.document_counts import (
    PredictionCounts,
    counts_from_json,
    counts_from_rows,
    counts_to_rows,
    headline,
)
from diziner.results.final_scores import count_predictions, final_metrics, final_scores
from diziner.results.plots import agreement_rows, choice_rows, confusion_rows, cost_rows
from diziner.results.published import published_of
from diziner.results.room_metrics import (
    counts_in,
    figures_in,
    read_room_metrics,
    room_metrics,
    room_metrics_text,
    usage_in,
)
from diziner.results.summary import summarise
from diziner.results.summary_table import published_table, table
from diziner.results.usage import ModelUsage, model_usage_to_json

GOLD = {"a": (Span(0, 2, "PER"),), "b": (Span(1, 2, "LOC"), Span(3, 4, "LOC")), "ü": ()}
BEFORE = [Annotation("a", (Span(0, 1, "PER"),)), Annotation("b", (Span(1, 2, "LOC"),)), Annotation("ü")]
AFTER = [Annotation("a", (Span(0, 2, "PER"),)), Annotation("b", failure=Failure("refused", "no")), Annotation("ü")]
SELECTION = {"annotator": "x", "round": 1, "mean": {"x": 0.5}, "overall": {"0": 0.25, "1": 0.5}}
NAMES = [f"benchmark{number:02}" for number in range(18)]


def metrics(**changes: Any) -> dict[str, Any]:
    scores = final_scores(GOLD, AFTER, BEFORE, {}, {}, 100, 1)
    return {**final_metrics(scores, SELECTION, AFTER, 1234), **changes}


def test_the_metrics_are_those_of_the_counts() -> None:
    """What the gate checks: the figures in metrics/final follow from the counts beside them."""
    found = headline(count_predictions(GOLD, AFTER, BEFORE), 100, 1)
    assert found.items() <= metrics().items()
    assert (found["f1"], found["gain"]) == (0.5, 0.1)
    assert found["gain_low"] is not None and found["gain_low"] <= 0.1
    empty = count_predictions({}, AFTER, BEFORE)
    assert headline(empty, 100, 1) == dict.fromkeys(found)
    assert counts_from_rows(counts_to_rows(empty)).selected.ids == ()


def room_file() -> dict[str, Any]:
    usage = ModelUsage("e", "m", 2, 2, 10, 5, 0, 0.0, 10, 5)
    return room_metrics(metrics(), [0.25, 0.5], [usage], count_predictions(GOLD, AFTER, BEFORE))


def test_the_file_of_a_room_begins_with_what_dvc_compares_and_has_all_the_rest() -> None:
    value = room_file()
    text = room_metrics_text(value)
    assert text.startswith(
        '{\n  "f1": 0.5,\n  "agreement_selected": 0.5,\n  "f1_round0": 0.4,\n  "agreement_by_round": ['
    )
    assert text.endswith('    ["b", 2, 0, 0, 1, 1],\n    ["ü", 0, 0, 0, 0, 0]\n  ]\n}\n')
    assert json.loads(text) == value
    check(value, "final_metrics", "here")
    assert figures_in(value) == metrics()
    assert [model_usage_to_json(own) for own in usage_in(value)] == value["usage"]
    counts, back = count_predictions(GOLD, AFTER, BEFORE), counts_in(value)
    assert back.selected.ids == counts.selected.ids
    assert (back.selected.counts == counts.selected.counts).all()
    assert (back.initial.counts == counts.initial.counts).all()


def test_the_files_of_a_version_before_are_read_as_one(tmp_path: Path) -> None:
    value = room_file()
    written = counts_in(value)
    tables = {
        name: dict(zip(own.ids, own.counts.tolist(), strict=True))
        for name, own in zip(("selected", "initial"), written, strict=True)
    }
    counts = {"documents": 3, "correct": 1, "predicted": 1, "gold": 3, **tables}
    for folder, own in {"final": figures_in(value), "documents": counts, "usage": value["usage"]}.items():
        write_json(tmp_path / folder / "room.json", own)
    path = tmp_path / "final/room.json"
    assert read_room_metrics(path) == {**value, "agreement_by_round": []}
    write_json(tmp_path / "documents/room.json", {**counts, "correct": 2})
    with pytest.raises(UserError, match=r"final/room\.json: the sums are not those of the documents; write it anew"):
        read_room_metrics(path)
    (tmp_path / "documents/room.json").unlink()
    with pytest.raises(UserError, match="'counts' is a required property"):
        read_room_metrics(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"correct": 2}, "sums"),
        ({"initial": {"b": [0, 1, 1]}}, "not counted on the same documents"),
        ({"initial": {"a": [0, 1, 2]}}, "not counted on the same documents"),
        ({"initial": {"a": [1, 0, 1]}}, "more correct spans"),
    ],
)
def test_counts_of_a_version_before_that_cannot_be_are_refused(change: dict[str, Any], reason: str) -> None:
    sums = {"documents": 1, "correct": 1, "predicted": 1, "gold": 1}
    value = {**sums, "selected": {"a": [1, 1, 1]}, "initial": {"a": [0, 1, 1]}}
    assert counts_from_json(value).initial.counts.tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match=reason):
        counts_from_json({**value, **change})


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["a", 1, 1, 1, 0, 1], ["a", 1, 1, 1, 0, 1]], "twice"),
        ([["a", 1, 1, 0, 0, 0]], "more correct spans"),
        ([["a", 1, 1, 1, 2, 2]], "more correct spans"),
    ],
)
def test_counts_that_cannot_be_are_refused(rows: list[list[Any]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        counts_from_rows(rows)


def test_dvc_has_fewer_than_60_metric_columns_of_18_benchmarks() -> None:
    from dvc.repo.metrics.show import _extract_metrics
    from dvc.utils.flatten import flatten

    summary = summarise({name: metrics() for name in reversed(NAMES)}, dict.fromkeys(NAMES, 0.25))
    check(summary, "summary", "here")
    own, of_all = (flatten(_extract_metrics(value, "here")) for value in (room_file(), summary))
    assert list(own) == ["f1", "agreement_selected", "f1_round0"]
    assert len(NAMES) * len(own) + len(of_all) < 60
    assert [row["benchmark"] for row in summary["benchmarks"]] == NAMES
    assert len({tuple(row) for row in summary["benchmarks"]}) == 1
    assert summary["usd"] == pytest.approx(4.5)
    assert summarise({"a": metrics(), "b": metrics()}, {"a": 1.0, "b": None})["usd"] is None


HEADS = ("n", "rounds", "agreement", "chosen annotator", "gain [95 %]", "cost", "failed")


def test_a_narrow_terminal_shows_as_many_columns_as_it_has_place_for() -> None:
    """A wide column gives way to narrower ones, its long cells first."""
    columns = [
        Column("name", ("a", "b")),
        Column("gain", ("+0.1 [+0.0, +0.2]", "-0.1 [-0.2, +0.0]"), 1, ("+0.1", "-0.1")),
        Column("n", ("12", "13"), 2),
        Column("remark", ("as long as a sentence", ""), 3),
        Column("F1", ("0.5", "0.6"), 4),
    ]
    heads = {width: fitted_table(columns, width)[0].splitlines()[0].split() for width in range(4, 62)}
    assert heads[4] == ["name"] and heads[10] == ["name", "gain"] and heads[9] == ["name", "n"]
    assert heads[19] == ["name", "gain", "n", "F1"] and heads[61] == ["name", "gain", "n", "remark", "F1"]
    assert "+0.1 [" not in fitted_table(columns, 31)[0] and "+0.1 [" in fitted_table(columns, 32)[0]
    assert [len(heads[width]) for width in heads] == sorted(len(heads[width]) for width in heads)


@given(st.integers(20, 200))
def test_the_table_fits_any_terminal(width: int) -> None:
    summary = summarise({name: metrics() for name in NAMES[:3]}, dict.fromkeys(NAMES, 0.25))
    text = table(summary, width)
    assert max(map(len, text.splitlines())) <= width
    assert all(name in text for name in NAMES[:3])
    assert "0.500" in text
    note = " ".join(text.partition("left out in")[2].split())
    assert all(name in text.splitlines()[0] or name in note or "\n  " in text for name in HEADS)


def test_the_table_says_what_is_noise_and_what_is_not() -> None:
    runs = {
        "sure": metrics(gain=0.2, gain_low=0.1, gain_high=0.3),
        "unsure": metrics(gain=0.2, gain_low=-0.1, gain_high=0.3),
        "first": metrics(round=0, gain=0.0, gain_low=0.0, gain_high=0.0),
        "bare": metrics(f1=None, f1_low=None, f1_high=None, gain=None, gain_low=None, gain_high=None, tokens=None),
    }
    text = table(summarise(runs, {"sure": 1.5}), 500)
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert "+0.200 [+0.100, +0.300]  " in lines["sure"] and "noise" not in lines["sure"]
    assert "[-0.100, +0.300], within noise" in lines["unsure"]
    assert "round 0 chosen" in lines["first"]
    assert "strict span F1 [95 %]" in lines["benchmark"]
    assert "$1.50, 1k tokens" in lines["sure"] and "1 of 3" in lines["sure"]
    assert "0.250 -> 0.500" in lines["sure"] and "x, round 1" in lines["sure"]
    assert lines["mean"].split()[:2] == ["mean", "12"]
    assert table(summarise({}), 80) == "no benchmark has been run\n"


def test_without_gold_the_table_has_no_columns_of_dashes() -> None:
    none = dict.fromkeys(("f1", "f1_low", "f1_high", "gain", "gain_low", "gain_high"))
    text = table(summarise({name: metrics(**none) for name in ("a", "b")}), 74)
    assert "chosen annotator" in text.splitlines()[0] and "95 %" not in text
    assert "No F1: there are no gold labels." in text


def test_two_protocols_are_told_apart_in_the_rows() -> None:
    text = table(summarise({"a": metrics(), "b": metrics(protocol="other F1")}), 500)
    assert "] strict span F1" in text and "] other F1" in text


@given(st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1, max_size=3), st.integers(12, 60))
def test_tables_keep_every_row_at_any_width(cells: list[str], width: int) -> None:
    columns = [Column("name", tuple(f"n{k}" for k in range(len(cells)))), Column("value", tuple(cells), 1)]
    text, left_out = fitted_table(columns, width)
    assert max(map(len, text.splitlines())) <= width
    assert all(f"n{k}" in text for k in range(len(cells)))
    assert left_out in ([], ["value"])


def test_published_values_are_facts_with_sources_and_stay_apart() -> None:
    published = read_yaml(ROOT / PUBLISHED, "published")
    assert {method["source"] for method in published["methods"]} <= published["sources"].keys()
    known = {path.parent.name for path in ROOT.glob("data/*/benchmark.yaml")}
    named = {name for method in published["methods"] for name in method["f1"]}
    assert named == known and len(named) == 18
    assert published["notes"].keys() <= known
    values = published_of("conll2003", published)
    assert {slot: (value.f1, value.method) for slot, value in values.items()} == {
        "diziner_readme": (88.6, "DiZiNER"),
        "diziner_paper": (86.9, "DiZiNER"),
        "supervisor": (81.8, "GPT-5 mini"),
        "best_zero_shot": (81.3, "EvoPrompt"),
        "best_supervised": (95.1, "KnowCoder-7B"),
    }
    assert "best_supervised" not in published_of("crossner_ai", published)
    assert published_of("letters", published) == {}
    text = published_table(["conll2003", "letters"], published, 120)
    assert "Published values" in text and "not ours" in text and "source: Table 2" in text and "Table 1" not in text
    assert "imply 67.1" in published_table(["mit_restaurant"], published, 120)


def test_the_differences_printed_beside_the_published_values_hold() -> None:
    """A check of the copied figures by the tables' own rows: DiZiNER minus the best earlier zero-shot method."""
    published = read_yaml(ROOT / PUBLISHED, "published")
    printed = {
        "crossner_ai": 2.9, "crossner_literature": 2.2, "crossner_music": 0.5, "crossner_politics": 2.7,
        "crossner_science": -4.0, "mit_movie": 7.6, "broad_twitter": 10.4, "ace2005": -5.0, "conll2003": 7.3,
        "multinerd": 6.2, "ontonotes5": 31.3, "fabner": 2.8, "anatem": 27.4, "bc2gm": 25.1, "bc4chemd": 33.8,
        "bc5cdr": 13.3, "genia": 5.4,
    }  # fmt: skip
    for name, difference in printed.items():
        values = published_of(name, published)
        assert values["diziner_readme"].f1 - values["best_zero_shot"].f1 == pytest.approx(difference, abs=0.11), name


STATES = {"": "current", "conll2003": "not fetched"}


def test_the_command_prints_table_json_and_published_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    project = MetricProject(tmp_path)
    project.score("conll2003", drawn(1, 20))
    (tmp_path / PUBLISHED).write_bytes((ROOT / PUBLISHED).read_bytes())

    def said(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["diziner", "summary", *words])
        main()
        return capsys.readouterr().out

    assert "conll2003" in said() and "Published" not in said()
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, said("--published").splitlines())) <= 50
    plain = json.loads(said("--json"))
    assert plain.pop("states") == {name: {"state": state, "why": []} for name, state in STATES.items()}
    assert plain == json.loads((tmp_path / "metrics/summary.json").read_text())
    both = json.loads(said("--json", "--published"))
    assert both.pop("states")
    assert both.pop("published")["f1_percent"]["conll2003"]["diziner_paper"]["f1"] == 86.9
    assert both == plain
    # The rows are the rooms' own; what sums them up is named where it is gone.
    before = said()
    (tmp_path / "metrics/summary.json").unlink()
    assert said().startswith(before) and "missing: metrics/summary.json is gone" in " ".join(said().split())
    for path in (tmp_path / "metrics").glob("*/conll2003.json"):
        path.unlink()
    assert "not in the table: missing: conll2003 (metrics/final/conll2003.json is gone" in " ".join(said().split())
    (tmp_path / "data/conll2003/dvc.lock").unlink()
    with pytest.raises(SystemExit) as stop:
        said()
    assert stop.value.code == 2


def test_the_data_of_plots_is_plain_sorted_rows() -> None:
    assert agreement_rows({"b": {0: 0.5}, "a": {1: 0.25, 0: 1 / 3}}) == [
        {"benchmark": "a", "round": 0, "agreement": 0.333333},
        {"benchmark": "a", "round": 1, "agreement": 0.25},
        {"benchmark": "b", "round": 0, "agreement": 0.5},
    ]
    assert choice_rows("a", {0: {"y": 0.5, "x": 0.25}}, {0: {"x": 0.75, "y": None}}) == [
        {"benchmark": "a", "round": 0, "annotator": "x", "agreement": 0.25, "f1": 0.75}
    ]
    predictions = [Annotation("a", (Span(0, 2, "LOC"),)), Annotation("b", (Span(1, 2, "LOC"), Span(3, 5, "LOC")))]
    assert confusion_rows("a", GOLD, [*predictions, Annotation("unknown", (Span(0, 1, "LOC"),))]) == [
        {"benchmark": "a", "gold": "LOC", "predicted": "LOC", "mentions": 1},
        {"benchmark": "a", "gold": "LOC", "predicted": "none", "mentions": 1},
        {"benchmark": "a", "gold": "PER", "predicted": "LOC", "mentions": 1},
        {"benchmark": "a", "gold": "none", "predicted": "LOC", "mentions": 1},
    ]
    summary = summarise({"a": metrics(), "b": metrics(f1=None), "c": metrics(tokens=None)}, {"a": 0.5})
    assert cost_rows(summary["benchmarks"]) == [
        {"benchmark": "a", "annotator": "x", "f1": 0.5, "tokens": 1234, "usd": 0.5}
    ]


@pytest.fixture(scope="module")
def plotted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the project with plot data as the summary stage writes it."""
    project = copy_project(tmp_path_factory.mktemp("plots") / "project", ())
    summary = summarise({"a": metrics(), "b": metrics()}, {"a": 0.5, "b": 0.25})
    confusion = [*confusion_rows("a", GOLD, AFTER), *confusion_rows("b", GOLD, BEFORE)]
    rows = {
        "agreement": agreement_rows({"a": {0: 0.5, 1: 0.6}, "b": {0: 0.4, 1: 0.3}}),
        "choice": choice_rows("a", {0: {"x": 0.5}}, {0: {"x": 0.7}}),
        "confusion": confusion,
        "cost": cost_rows(summary["benchmarks"]),
    }
    for name, own in rows.items():
        write_json(project.folder / f"metrics/plots/{name}.json", own)
    write_json(project.folder / "metrics/summary.json", summary)
    return project, rows


def test_dvc_shows_all_four_plots(plotted: Any) -> None:
    project, rows = plotted
    found = json.loads(project.dvc("plots", "show", "--json").stdout)
    assert not found.get("errors")
    assert found["data"].keys() == {f"metrics/plots/{name}.json" for name in rows}
    for name, own in rows.items():
        [plot] = found["data"][f"metrics/plots/{name}.json"]
        values = plot["content"]["data"]["values"]
        assert [{key: value[key] for key in row} for row, value in zip(own, values, strict=True)] == own
        assert "<DVC_METRIC" not in json.dumps(plot["content"])


def test_every_plots_template_and_fields_exist(plotted: Any) -> None:
    _, rows = plotted
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["summary"]
    plots = {path: props for entry in stage["plots"] for path, props in entry.items()}
    assert plots.keys() == {f"metrics/plots/{name}.json" for name in rows}
    for path, props in plots.items():
        assert (ROOT / f".dvc/plots/{props['template']}.json").is_file()
        own = rows[Path(path).stem]
        assert {props["x"], props["y"]} <= own[0].keys()


def test_dvc_metrics_show_the_headline_figures_alone(plotted: Any) -> None:
    project, _ = plotted
    shown = json.loads(project.dvc("metrics", "show", "--json", "metrics/summary.json").stdout)
    [figures] = [entry["data"]["metrics/summary.json"]["data"] for entry in shown.values()]
    assert figures.keys() == {"mean", "usd"} and figures["mean"]["f1"] == 0.5


def test_counts_of_different_guidelines_are_kept_apart() -> None:
    counts = count_predictions(GOLD, AFTER, BEFORE)
    assert isinstance(counts, PredictionCounts)
    assert counts.selected.counts.tolist() == [[1, 1, 1], [0, 0, 2], [0, 0, 0]]
    assert counts.initial.counts.tolist() == [[0, 1, 1], [1, 1, 2], [0, 0, 0]]
