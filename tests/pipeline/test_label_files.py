"""Annotators whose labels are files: people and other systems in the pool, beside scripted models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from projects import Project
from stage_runs import BENCHMARK, read, run_predictions, run_round, run_stage, stage, standing_in

from diziner.annotator.given import GivenLabels, given_labels
from diziner.annotator.settings import annotator_settings
from diziner.common.errors import UserError
from diziner.common.yamlfile import read_yaml
from diziner.corpora.labelrows import read_label_file
from diziner.records.documents import Document
from diziner.report.build import build_report
from diziner.settings import load_settings, settings_from

ANNA = {"kind": "file"}


def with_anna(params: dict[str, Any], entry: dict[str, Any] = ANNA) -> None:
    """Anna in the pool, and one pilot set for both rounds."""
    params["annotators"]["anna"] = entry
    params["annotator_files"] = [{"name": "anna", "file": "anna.jsonl"}]
    params["corpus"]["pilot"]["mode"] = "fixed"


def give(project: Project, rows: Sequence[dict[str, Any]], name: str = "anna.jsonl") -> Path:
    """Write a file of labels into the room."""
    path = project.folder / "data" / BENCHMARK / "annotators" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def like_careful(project: Project, count: int) -> list[dict[str, Any]]:
    """What the careful model found in the first documents of round 0."""
    stage(project, "annotate", "--annotator", "scripted_careful", "--round", "0")
    rows = read(project, "rounds/r0/annotations/scripted_careful.jsonl")[:count]
    return [{"id": row["id"], "spans": row["spans"]} for row in rows]


def test_people_take_part_in_agreement_but_are_neither_instructed_nor_chosen(
    make_project: Callable[..., Project], capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(BENCHMARK)
    project.edit_params(with_anna)
    project.edit_params(lambda params: params["supervisor"].update(specific_for_all=True, max_specific=2))
    stage(project, "corpus")
    give(project, [*like_careful(project, 4), {"id": "elsewhere", "spans": []}])
    run_round(project, 0)
    said = capsys.readouterr().out
    assert "anna (not a language model): 4 of 6 documents; 1 of the file's 5 are in no pilot set" in said

    rows = read(project, "rounds/r0/annotations/anna.jsonl")
    assert [row["failure"] and row["failure"]["code"] for row in rows] == [None] * 4 + ["absent"] * 2
    assert read(project, "rounds/r0/tallies/anna.json")["failures"] == {"absent": 2}
    agreement = read(project, "rounds/r0/agreement.json")
    names = agreement["annotators"]
    anna, careful = names.index("anna"), names.index("scripted_careful")
    assert agreement["pairs"]["strict_span_f1"][anna][careful] == 1.0  # over the four that she labelled
    assert agreement["common"][anna] == [4] * len(names) and agreement["common"][careful][careful] == 6
    report = (project.folder / "data" / BENCHMARK / "rounds/r0/report.md").read_text()
    assert "- anna: people, not a language model\n" in report and "anna and scripted_careful 4" in report

    run_round(project, 1)
    guideline = read(project, "rounds/r1/guideline.yaml")
    assert "anna" not in guideline["instructions"].get("specific", {})
    stage(project, "select")
    chosen = read(project, "final/selection.json")
    assert chosen["mean"]["anna"] == max(chosen["mean"].values()) and chosen["annotator"] != "anna"
    run_predictions(project)
    run_stage(project, "score", BENCHMARK)
    # On the documents that she labelled her F1 is that of the model whose labels she has; others do not count.
    gold = {row["id"]: {tuple(span) for span in row["spans"]} for row in read(project, "corpus/gold.jsonl")}
    own = {row["id"]: {tuple(span) for span in row["spans"]} for row in rows if row["failure"] is None}
    correct = sum(len(gold[name] & spans) for name, spans in own.items())
    size = sum(len(gold[name]) + len(spans) for name, spans in own.items())
    assert read(project, "final/scores.json")["pilot"]["0"]["anna"] == round(2 * correct / size, 6)
    with standing_in(project):
        build_report(Path("report.html"), lambda *_: {})
    assert "people, not a language model" in (project.folder / "report.html").read_text()
    planned = project.diziner_here("plan", BENCHMARK).stdout
    assert ", anna" not in planned and "total" in planned


DOCUMENTS = [
    Document("a", ("Ada", "met", "Bob", "."), "Ada met Bob."),
    Document("b", ("Rome", "won"), "Rome won"),
]


def taken(folder: Path, lines: Sequence[Any], **entry: Any) -> GivenLabels:
    """What an annotator's file gives for the two documents; lines that are no strings are written as JSON."""
    path = folder / "anna.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    annotator = annotator_settings("anna", {"kind": "file", **entry})
    pilot = {document.id: document for document in DOCUMENTS}
    return given_labels(read_label_file(path, annotator.read), DOCUMENTS, pilot, ["PER", "LOC"], annotator)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "spans": [[0, 1, "PER"], [2, 3, "PER"]]},  # tokens of ours
        {"id": "a", "tokens": ["Ada", "met", "Bob", "."], "spans": [[0, 1, "PER"], [2, 3, "PER"]]},
        {"id": "a", "tokens": ["Ada met", "Bob."], "text": "Ada met Bob.", "spans": [[0, 1, "PER"], [1, 2, "PER"]]},
        {"id": "a", "text": "Ada met Bob.", "spans": [[0, 3, "PER"], [8, 11, "PER"]]},  # characters
        {"id": 17, "text": "Ada met Bob.", "label": [[0, 3, "PER"], [8, 11, "PER"]]},  # an annotation tool's own id
        {"text": "Ada met Bob.", "spans": [[8, 11, "PER"], [0, 3, "PER"]]},  # no id: by its text
        {"tokens": ["Ada", "met", "Bob", "."], "spans": [[2, 3, "PER"], [0, 1, "PER"]]},
    ],
)
def test_rows_are_put_on_our_tokens_by_id_or_text(tmp_path: Path, row: dict[str, Any]) -> None:
    first, second = taken(tmp_path, [row]).annotations
    bounds = [(span.start, span.end, span.type) for span in first.spans]
    expected = (
        [(0, 2, "PER"), (2, 4, "PER")] if row.get("tokens", [""])[0] == "Ada met" else [(0, 1, "PER"), (2, 3, "PER")]
    )
    assert bounds == expected
    assert second.failure is not None and second.failure.code == "absent"


def test_files_of_any_form_are_read(tmp_path: Path) -> None:
    """A column file of people without ids, in which nobody labelled the second document as a mention."""
    path = tmp_path / "anna.conll"
    path.write_text("Ada B-PER\nmet O\nBob B-PER\n. O\n\nRome O\nwon O\n")
    annotator = annotator_settings("anna", {"kind": "file"})
    pilot = {document.id: document for document in DOCUMENTS}
    first, second = given_labels(read_label_file(path, {}), DOCUMENTS, pilot, ["PER", "LOC"], annotator).annotations
    assert [(span.start, span.end) for span in first.spans] == [(0, 1), (2, 3)]
    assert second.failure is None and second.spans == ()
    path.write_text("0 Ada B-PER O\n1 met O O\n2 Bob B-LOC B-PER\n3 . O O\n")
    read = {"columns": {"tokens": 1, "tags": -1}}
    first, second = given_labels(read_label_file(path, read), DOCUMENTS, pilot, ["PER"], annotator).annotations
    assert [(span.start, span.end) for span in first.spans] == [(2, 3)]
    with pytest.raises(UserError, match=r"--columns"):
        read_label_file(path, {})


def task(text: str, **people: Sequence[tuple[int, int, str]] | None) -> dict[str, Any]:
    """A task of a Label Studio export, as it was imported: labels of people, None for one who skipped it."""
    annotations = [
        {
            "completed_by": {"id": number, "email": f"{name}@example.org"},
            "was_cancelled": spans is None,
            "result": [
                {
                    "type": "labels", "from_name": "label", "to_name": "text",
                    "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
                }
                for start, end, label in spans or ()
            ],
        }
        for number, (name, spans) in enumerate(people.items())
    ]  # fmt: skip
    return {"id": 100 + len(text), "data": {"text": text}, "annotations": annotations}


def test_corrections_come_back_from_label_studio_as_annotators_or_as_gold(
    tmp_path: Path, diziner: Callable[..., str]
) -> None:
    path = tmp_path / "export.json"
    first = task("Ada met Bob.", anna=[(0, 3, "PER"), (8, 11, "PER")], ben=[(0, 3, "PER")])
    path.write_text(json.dumps([first, task("Rome won", anna=None, ben=[(0, 4, "LOC")]), task("Elsewhere", ben=[])]))
    pilot = {document.id: document for document in DOCUMENTS}
    found = {}
    for name in ("anna", "ben"):
        annotator = annotator_settings(
            name, {"kind": "file", "read": {"columns": {"annotator": f"{name}@example.org"}}}
        )
        found[name] = given_labels(read_label_file(path, annotator.read), DOCUMENTS, pilot, ["PER", "LOC"], annotator)
    anna, ben = found["anna"].annotations, found["ben"].annotations
    assert [(s.start, s.end) for s in anna[0].spans] == [(0, 1), (2, 3)] and anna[1].is_absent
    assert [(s.start, s.end, s.type) for s in ben[1].spans] == [(0, 1, "LOC")]
    assert found["ben"].note.startswith("1 of the file's 3 are in no pilot set")
    with pytest.raises(UserError, match=r"2 annotations of one task, by anna@example.org, ben@example.org"):
        read_label_file(path, {})

    # The same labels as gold, of what another annotator found.
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps([task("Ada met Bob.", anna=[(0, 3, "PER"), (8, 11, "PER")])]))
    (tmp_path / "mine.jsonl").write_text(json.dumps({"id": 112, "text": "Ada met Bob.", "spans": [[0, 3, "PER"]]}))
    said = json.loads(diziner("score", "--gold", "gold.json", "--pred", "mine.jsonl"))
    strict = said["predictions"][0]["protocols"]["strict"]
    assert (strict["correct"], strict["predicted"], strict["gold"]) == (1, 1, 2)


def test_corrections_come_back_from_doccano(tmp_path: Path) -> None:
    path = tmp_path / "admin.jsonl"
    rows = [
        {"id": 7, "text": "Rome won", "label": [[0, 4, "LOC"]], "Comments": []},
        {"id": 8, "text": "Ada met Bob.", "label": [], "Comments": []},
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    annotator = annotator_settings("admin", {"kind": "file"})
    pilot = {document.id: document for document in DOCUMENTS}
    first, second = given_labels(read_label_file(path, {}), DOCUMENTS, pilot, ["LOC"], annotator).annotations
    assert first.spans == () and first.failure is None
    assert [(s.start, s.end, s.type) for s in second.spans] == [(0, 1, "LOC")]


def test_types_are_mapped_left_out_or_dropped_and_counted(tmp_path: Path) -> None:
    row = {"id": "a", "spans": [[0, 1, "PERSON"], [1, 2, "VERB"], [0, 4, "EVENT"], [2, 3, "PERSON"], [2, 4, "PERSON"]]}
    [first, _] = taken(
        tmp_path, [row], types={"PERSON": "PER", "VERB": None}, other_types="drop", read={"drop": True}
    ).annotations
    assert [(span.start, span.end, span.type) for span in first.spans] == [(0, 1, "PER"), (2, 4, "PER")]
    assert first.drops == {"other_type": 2, "overlap": 1}
    with pytest.raises(UserError, match=r"4 mentions of types that the guideline has not: 'PERSON' 3, 'EVENT' 1; its"):
        taken(tmp_path, [row], types={"VERB": None})


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [{"id": "x", "spans": []}, {"id": "y", "spans": []}],
            r"none of the round's 2 documents \(first 'a'\) among its 2, whose first is 'x'",
        ),
        ([], r"has none of the round's 2 documents"),
        (
            [{"id": "a", "text": "Ada met Rob.", "spans": []}, {"id": "b", "text": "Rome won", "spans": []}],
            r"other text than the benchmark's in 1 of its 2 documents: .*'a' has 'Ada met Rob.' where",
        ),
        ([{"id": "a", "tokens": ["Ada"], "spans": [[0, 1, "PER"]]}], r"other text"),
        ([{"id": "a", "spans": [[0, 2, "PER"], [1, 2, "PER"]]}], r"1 nested or overlapping mention: .*drop: true"),
        ([{"id": "a", "spans": []}, {"id": "a", "spans": []}], r"anna.jsonl:2: id 'a' is also at .*anna.jsonl:1"),
        (
            [{"id": "a", "spans": [[0, 5, "PER"]]}],
            r"anna.jsonl:1: document 'a': span \[0, 5\) is empty or outside its 4 tokens",
        ),
        ([{"id": "a", "text": "Ada met Bob.", "spans": [[9, 13, "PER"]]}], r"document 'a': \[9, 13\) is empty"),
        ([{"id": "a", "spans": "none"}], r"anna.jsonl:1: spans must be a list"),
        ([{"spans": []}], r"is no row of an id with spans"),
        ([{"id": "a", "spans": [["0", 1, "PER"]]}], r"is not \[start, end, label\]"),
        (["{"], r"anna.jsonl:1: not JSON"),
        (["3"], r"a row must be a JSON object"),
    ],
)
def test_what_cannot_be_used_is_one_line_with_counts(tmp_path: Path, lines: Sequence[Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        taken(tmp_path, lines)
    assert "\n" not in str(raised.value)


def test_settings_say_what_is_missing(make_project: Callable[..., Project]) -> None:
    project = make_project(BENCHMARK)
    project.edit_params(with_anna)

    def refused(change: Callable[[Any], object], said: str) -> None:
        raw = read_yaml(project.folder / "params.yaml")
        change(raw)
        with pytest.raises(UserError, match=said):
            settings_from(raw, "params.yaml")

    with standing_in(project):
        assert load_settings().pool[-1] == "anna"
    refused(lambda raw: raw["corpus"]["pilot"].update(mode="fresh"), "anna are people.*mode must be 'fixed'")
    refused(lambda raw: raw["annotators"].pop("anna"), r"annotator_files\[0\]: annotators has no anna of kind file")
    refused(lambda raw: raw["annotator_pool"].append("anna"), r"annotator_pool\[3\]: anna is of kind file; name it in")
    refused(lambda raw: raw["annotator_files"].append({"name": "anna", "file": "b.jsonl"}), "is there twice")
    refused(lambda raw: raw["annotators"]["anna"].update(model="x"), "kind file has no model; it may have kind, by")
    refused(
        lambda raw: raw["annotators"]["scripted_shy"].pop("model"), "kind model needs endpoint and model|needs model"
    )
    refused(lambda raw: raw["annotators"]["scripted_shy"].update(by="people"), "kind model has no by; these are for")

    def system(raw: Any) -> None:
        raw["corpus"]["pilot"]["mode"] = "fresh"
        raw["annotators"]["anna"]["by"] = "system"

    raw = read_yaml(project.folder / "params.yaml")
    system(raw)
    assert settings_from(raw, "params.yaml").annotator("anna").by == "system"


def test_people_need_published_sets_where_these_are_fresh(make_project: Callable[..., Project]) -> None:
    project = make_project(BENCHMARK)
    project.edit_params(with_anna)
    project.edit_params(lambda params: params["corpus"]["pilot"].update(mode="fresh", pins=True))
    (project.folder / "data" / BENCHMARK / "pilots.yaml").write_text("pool: null\nrounds: []\n")
    give(project, [{"id": "a", "spans": []}])
    with pytest.raises(UserError, match=r"pilots.yaml: publishes no pilot sets.*anna are people"):
        stage(project, "take", "--annotator", "anna", "--round", "0")


def test_a_file_is_a_dependency_of_its_own_stages_alone(make_project: Callable[..., Project]) -> None:
    """By real DVC: after an edit to the file the annotator's stages run again, and no model's."""
    project = make_project(BENCHMARK)
    project.edit_params(with_anna)
    stage(project, "corpus")
    path = give(project, like_careful(project, 6))
    project.diziner("repro", "-j", "2")
    path.write_text(path.read_text().replace('"LOC"', '"ORG"'))
    stale = json.loads(project.dvc("status", "--json").stdout)
    assert {name.partition(":")[2] for name in stale if name.startswith("data/")} == {
        "take@annotator0-round0",
        "take@annotator0-round1",
    }
    done = project.diziner("repro", "-j", "2")
    ran = set(re.findall(rf"finished +{BENCHMARK} (\S+)", done.stdout + done.stderr))
    assert ran >= {"take@annotator0-round0", "take@annotator0-round1"}, done.stdout
    assert not {name for name in ran if re.match("annotate.*round0", name)}
