"""`diziner agree`: agreement of plain files without gold, in any folder, and what it refuses, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from perf.synthetic import make_corpus

from diziner.agreement.analysis import analyse
from diziner.agreement.report import render_report
from diziner.agreement.settings import AnalysisSettings
from diziner.records.agreement import agreement_to_json
from diziner.records.annotations import Annotation, annotation_to_json
from diziner.spans.tags import spans_to_tags

Run = Callable[..., str]

DOCUMENTS, ROWS, TYPES = make_corpus(12, 3, 3, failing=0.1, seed=5)
BY_ID = {document.id: document for document in DOCUMENTS}
# Columns cannot say that a document failed.
WHOLE = sorted(set(BY_ID) - {row.id for rows in ROWS.values() for row in rows if row.failure is not None})


def write(path: str, rows: list[dict[str, Any]]) -> str:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled(row: Annotation) -> dict[str, Any]:
    """A row with tokens, as `diziner label` writes it."""
    return {"tokens": list(BY_ID[row.id].tokens), "text": BY_ID[row.id].text, **annotation_to_json(row)}


def write_all(form: Callable[[Annotation], dict[str, Any]] = labelled) -> list[str]:
    return [write(f"{name}.jsonl", [form(row) for row in rows]) for name, rows in ROWS.items()]


def columns(path: str, rows: list[Annotation]) -> str:
    blocks = []
    for row in rows:
        tokens = BY_ID[row.id].tokens
        tags = spans_to_tags(row.spans, len(tokens))
        blocks.append("".join(f"{token} {tag}\n" for token, tag in zip(tokens, tags, strict=True)))
    Path(path).write_text("\n".join(blocks), encoding="utf-8")
    return path


def six_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: six_places(item) for key, item in value.items()}
    if isinstance(value, list):
        return [six_places(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("weights", ["span_f1", "kappa", "hybrid"])
def test_files_give_what_the_analysis_gives(diziner: Run, weights: str) -> None:
    output = diziner("agree", *write_all(), "--weights", weights, "--report", "made/report.md")
    analysis = analyse(DOCUMENTS, ROWS, TYPES, AnalysisSettings(weights=weights))
    value = json.loads(output)
    assert output == json.dumps(value, sort_keys=True, indent=2) + "\n"
    assert value["agreement"] == six_places(agreement_to_json(analysis.agreement))
    assert value["totals"]["disagreeing"] == analysis.totals.disagreeing > 0
    assert [hotspot["id"] for hotspot in value["hotspots"]] == [hotspot.id for hotspot in analysis.hotspots]
    assert {name: file["failures"] for name, file in value["files"].items()} == analysis.failed
    assert sum(analysis.failed.values()) > 0
    assert Path("made/report.md").read_text(encoding="utf-8") == render_report(analysis, DOCUMENTS)


def test_the_order_of_files_and_rows_changes_nothing(diziner: Run) -> None:
    paths = write_all()
    usual = diziner("agree", *paths)
    lines = Path(paths[0]).read_text(encoding="utf-8").splitlines(keepends=True)
    Path(paths[0]).write_text("".join(reversed(lines)), encoding="utf-8")
    assert diziner("agree", *reversed(paths)) == usual


def test_tokens_may_come_from_one_file_or_from_the_documents(diziner: Run) -> None:
    usual = diziner("agree", *write_all())
    paths = write_all(annotation_to_json)
    line = diziner("agree", *paths, code=2)
    assert line == "annotator-00.jsonl: neither it nor another file has tokens; give them by --documents FILE"
    texts = [{"id": document.id, "tokens": document.tokens} for document in DOCUMENTS]
    assert diziner("agree", *paths, "--documents", write("texts.jsonl", texts)) == usual
    write(paths[1], [labelled(row) for row in ROWS["annotator-01"]])
    assert diziner("agree", *paths) == usual
    line = diziner("agree", *write_all(annotation_to_json), "--documents", write("few.jsonl", texts[1:]), code=2)
    assert line == "few.jsonl: no document 'doc-000000', whose tokens are needed"


def test_columns_are_matched_by_order(diziner: Run) -> None:
    answered = {name: [row for row in rows if row.id in WHOLE] for name, rows in ROWS.items()}
    paths = [columns(f"{name}.conll", rows) for name, rows in answered.items()]
    value = json.loads(diziner("agree", *paths))
    expected = analyse([BY_ID[name] for name in WHOLE], answered, TYPES)
    assert value["agreement"] == six_places(agreement_to_json(expected.agreement))
    assert all(hotspot["document"].startswith("#") for hotspot in value["hotspots"])


def test_annotators_that_find_nothing_agree(diziner: Run) -> None:
    silent = [{"id": "a", "tokens": ["x"], "spans": []}]
    value = json.loads(diziner("agree", write("one.jsonl", silent), write("two.jsonl", silent)))
    assert (value["agreement"]["overall"], value["hotspots"]) == (1.0, [])


ONE = {"id": "a", "tokens": ["x", "y"], "spans": [[0, 1, "PER"]]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "two.jsonl: no documents"),
        ([{**ONE, "id": "b"}, ONE], "annotator 'one' has no row for document 'b'"),
        ([{"id": "b", "spans": []}], "annotator 'one' has no row for document 'b'"),
        ([{**ONE, "tokens": ["x", "z"]}], "two.jsonl: document 'a' has other tokens than in one.jsonl: token 1 is 'z'"),
        ([{**ONE, "spans": [[1, 3, "PER"]]}], "two.jsonl:1: span [1, 3) is empty or outside the 2 tokens"),
        ([{"id": "a", "spans": [[1, 3, "PER"]]}], "two.jsonl: document 'a': PER span [1, 3) is outside its 2 tokens"),
        (
            [{"id": "a", "spans": [[0, 2, "PER"], [1, 2, "LOC"]]}],
            "annotator 'two', document 'a': two spans cover token 1",
        ),
        ([{"id": "a", "spans": [[0, 1, "O"]]}], "types must differ from each other and from O"),
        (
            [{**ONE, "spans": [], "failure": {"code": "timeout", "detail": "late"}}],
            "annotator 'two' answered none of 1 document (first: 'a', timeout)",
        ),
        ([{"tokens": ["x", "y"], "spans": []}], "two.jsonl has no ids, one.jsonl has (first 'a')"),
    ],
)
def test_what_is_refused(diziner: Run, rows: list[dict[str, Any]], message: str) -> None:
    write("one.jsonl", [ONE]), write("two.jsonl", rows)
    assert diziner("agree", "one.jsonl", "two.jsonl", "--report", "r.md", code=2).startswith(message)
    assert not Path("r.md").exists()


def test_bad_words_are_refused(diziner: Run) -> None:
    write("one.jsonl", [ONE]), write("two.jsonl", [ONE])
    Path("again").mkdir()
    write("again/one.jsonl", [ONE])
    assert diziner("agree", "one.jsonl", code=2).startswith("one.jsonl: agreement needs two files or more")
    line = diziner("agree", "one.jsonl", "again/one.jsonl", code=2)
    assert line == "one.jsonl and again/one.jsonl: both annotators are called 'one'; rename one file"
    line = diziner("agree", "one.jsonl", "two.jsonl", "--weights", "best", code=2)
    assert line == "weights: unknown weighting 'best'; one of span_f1, kappa, hybrid"
    assert diziner("agree", "one.jsonl", "two.jsonl", "--report", "again", code=2).startswith("--report again: ")
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


def test_documents_are_named_in_the_report(diziner: Run) -> None:
    other = {**ONE, "spans": [[0, 1, "LOC"]]}
    diziner("agree", write("one.jsonl", [ONE]), write("two.jsonl", [other]), "--report", "r.md")
    assert '"x" (a, tokens 0-1; hotspot a:0-1)' in Path("r.md").read_text(encoding="utf-8")
