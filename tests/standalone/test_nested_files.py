"""Files with nested spans: read, scored and compared as they are with --nested, refused without."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT

import diziner
from diziner.common.errors import UserError
from diziner.forms.choices import Choices

BENCHMARKS = Path(os.environ.get("DIZINER_BENCHMARKS") or ROOT.parent / "shared/benchmarks")
GENIA = BENCHMARKS / "genia/test_nested.jsonl"
TOKENS = ["the", "IL-2", "gene", "promoter", "binds"]
WHOLE, INNER = [1, 4, "DNA"], [1, 2, "protein"]

Diziner = Callable[..., str]


def write(path: str, *rows: list[list[Any]], **more: Any) -> None:
    lines = [{"id": f"d{number}", "tokens": TOKENS, "spans": spans, **more} for number, spans in enumerate(rows)]
    Path(path).write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_nested_gold_is_refused_scored_or_dropped_as_one_says(diziner: Diziner) -> None:
    write("gold.jsonl", [WHOLE, INNER], [])
    write("mine.jsonl", [INNER, [1, 3, "DNA"]], [WHOLE])
    words = ("score", "--gold", "gold.jsonl", "--pred", "mine.jsonl")
    assert "1 nested or overlapping span" in diziner(*words, code=2)
    found = json.loads(diziner(*words, "--nested"))["predictions"][0]["protocols"]["strict"]
    assert (found["correct"], found["predicted"], found["gold"]) == (1, 3, 2)
    assert found["f1"] == 0.4 and found["types"]["protein"]["f1"] == 1.0
    found = json.loads(diziner(*words, "--drop"))["predictions"][0]["protocols"]["strict"]
    assert (found["correct"], found["predicted"], found["gold"]) == (0, 2, 1)
    error = diziner(*words, "--nested", "--protocol", "strict,boundary", code=2)
    assert error.startswith("--protocol: boundary: defined for flat spans, and 1 document (first 'd0') have nested")
    assert "give one of the two" in diziner(*words, "--nested", "--drop", code=2)


def test_flat_files_score_the_same_with_and_without_the_option(diziner: Diziner) -> None:
    write("gold.jsonl", [WHOLE], [[0, 1, "cell"], INNER])
    write("mine.jsonl", [INNER], [[0, 1, "cell"]])
    words = ("score", "--gold", "gold.jsonl", "--pred", "mine.jsonl", "--protocol", "all")
    assert diziner(*words) == diziner(*words, "--nested")


def test_nested_texts_with_characters_are_cut_where_spans_ask(diziner: Diziner) -> None:
    for name, spans in (("gold", [[0, 9, "DNA"], [0, 4, "protein"]]), ("mine", [[0, 4, "protein"]])):
        row = {"id": "d", "text": "IL-2 gene.", "spans": spans}
        Path(f"{name}.jsonl").write_text(f"{json.dumps(row)}\n")
    words = ("score", "--gold", "gold.jsonl", "--pred", "mine.jsonl", "--nested")
    found = json.loads(diziner(*words))["predictions"][0]["protocols"]["strict"]
    assert (found["correct"], found["predicted"], found["gold"]) == (1, 1, 2)


def test_agreement_of_nested_files_is_by_span(diziner: Diziner) -> None:
    write("anna.jsonl", [WHOLE, INNER], [])
    write("ben.jsonl", [WHOLE], [INNER])
    assert "nested or overlapping" in diziner("agree", "anna.jsonl", "ben.jsonl", code=2)
    found = json.loads(diziner("agree", "anna.jsonl", "ben.jsonl", "--nested", "--report", "report.md"))
    assert found["agreement"]["pairs"]["strict_span_f1"][0][1] == 0.5
    assert {tuple(hotspot["candidates"][0]) for hotspot in found["hotspots"]} == {(1, 2)}
    assert "3 candidate spans" in Path("report.md").read_text()
    error = diziner("agree", "anna.jsonl", "ben.jsonl", "--nested", "--consensus", "bio", code=2)
    assert "voted for as wholes" in error


@pytest.mark.skipif(not GENIA.is_file(), reason="the benchmark genia, with nested spans, is not at hand")
def test_genia_with_nested_spans_is_scored_as_an_independent_count_says(diziner: Diziner, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in GENIA.read_text(encoding="utf-8").splitlines()]
    gold = {(row["id"], *span) for row in rows for span in row["spans"]}
    nested = sum(
        any(a != b and b[0] <= a[0] and a[1] <= b[1] for b in row["spans"]) for row in rows for a in row["spans"]
    )
    assert (len(rows), nested > 100) == (len(rows), True)

    draw = random.Random(8)  # a prediction that misses, adds, mistypes and moves some
    types = sorted({key[3] for key in gold})
    predicted = set()
    for name, start, end, label in sorted(gold):
        if draw.random() < 0.2:
            continue
        moved = end - 1 if draw.random() < 0.15 and end - start > 1 else end
        predicted.add((name, start, moved, draw.choice(types) if draw.random() < 0.1 else label))
    mine = [{**row, "spans": sorted([list(k[1:]) for k in predicted if k[0] == row["id"]])} for row in rows]
    Path("mine.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in mine))
    words = ("score", "--gold", str(GENIA), "--pred", "mine.jsonl", "--nested", "--samples", "10")
    said = json.loads(diziner(*words))
    found = said["predictions"][0]["protocols"]["strict"]
    assert (found["correct"], found["predicted"], found["gold"]) == (len(gold & predicted), len(predicted), len(gold))
    assert found["f1"] == round(2 * len(gold & predicted) / (len(gold) + len(predicted)), 6)
    for label in types:
        own = {key for key in gold if key[3] == label}, {key for key in predicted if key[3] == label}
        assert found["types"][label]["correct"] == len(own[0] & own[1])


def test_python_has_the_option_too(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    write(str(path), [WHOLE, INNER])
    with pytest.raises(UserError, match="nested or overlapping"):
        diziner.read_labels(path)
    read = diziner.read_labels(path, Choices(nested=True))
    assert diziner.score(read, read)["strict"].correct == 2
    with pytest.raises(UserError, match="boundary: defined for flat spans"):
        diziner.score(read, read, "boundary")
