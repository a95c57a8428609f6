"""Records between stages: what is not as a stage wrote it is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from diziner.common.errors import UserError, run_main
from diziner.common.files import check
from diziner.records.annotations import Annotation, Span, annotation_to_json, read_annotations
from diziner.records.documents import Document

ROOT = Path(__file__).parents[2]


DOCUMENTS = [Document(name, ("Ada", "ran"), "Ada ran") for name in ("b", "a")]


def written(path: Path, *ids: str, spans: tuple[Span, ...] = ()) -> Path:
    rows = [json.dumps(annotation_to_json(Annotation(name, spans))) for name in ids]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (("a", "b", "a"), "id 'a' occurs twice"),
        (("a",), "row 'b' is missing (1 such)"),
        (("a", "b", "c"), "row 'c' is of no document here"),
    ],
)
def test_annotations_are_of_each_document_once(tmp_path: Path, ids: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words.replace("(", r"\(").replace(")", r"\)")):
        read_annotations(written(tmp_path / "rows.jsonl", *ids), DOCUMENTS)
    rows = read_annotations(written(tmp_path / "rows.jsonl", "a", "b"), DOCUMENTS)
    assert [row.id for row in rows] == ["b", "a"], "in the documents' order"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Span(1, 3, "PER"), "a: mention 1-3 of a document of 2 tokens"),
        (Span(1, 1, "PER"), "a: mention 1-1 of a document of 2 tokens"),
        (Span(0, 1, "GOD"), "a: type 'GOD' is not one of PER"),
    ],
)
def test_mentions_are_of_their_document_and_of_its_types(tmp_path: Path, span: Span, words: str) -> None:
    path = written(tmp_path / "rows.jsonl", "a", spans=(span,))
    with pytest.raises(UserError) as caught:
        read_annotations(path, DOCUMENTS[1:], ["PER"])
    assert str(caught.value) == f"{path}: {words}"
    if span.start < span.end < 3:
        assert read_annotations(path, DOCUMENTS[1:])[0].spans == (span,)


def test_settings_of_a_choice_are_held_to_the_schema_of_annotators() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings: dict[str, Any] = params["annotators"][params["annotator_pool"][0]]
    choice = {
        "round": 1,
        "annotator": "a",
        "settings": settings,
        "overall": {"1": 0.5},
        "mean": {"a": 0.5},
        "voters": {},
    }
    choice |= {"voters": {}, "consensus": "io"}
    check(choice, "selection", "selection.json")
    for key, value in {"endpo: int": "x", "model": {"a": 1}, "temperature": "warm"}.items():
        with pytest.raises(UserError, match=r"selection\.json"):
            check({**choice, "settings": {**settings, key: value}}, "selection", "selection.json")


def test_a_line_of_an_error_is_cut_in_the_middle(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError(f"params.yaml: seed: {'x' * 200_000} is not an integer")

    with pytest.raises(SystemExit):
        run_main(main)
    said = capsys.readouterr().err
    assert len(said) < 2100 and said.startswith("error: params.yaml: seed: x") and said.endswith("is not an integer\n")
