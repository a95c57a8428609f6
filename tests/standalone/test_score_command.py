"""`diziner score`: plain files of every kind, in any folder; every protocol; what is refused, in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import ROOT

from diziner.common.errors import UserError
from diziner.labelling.row_files import write_rows
from diziner.records.annotations import Annotation, Failure, Span, annotation_to_json
from diziner.records.documents import Document
from diziner.records.labelled import labelled_row
from diziner.scoring.protocols import PROTOCOLS, score_protocols
from diziner.scoring.strict import score_counts, strict_span_scores
from diziner.spans.brackets import parse_brackets
from diziner.spans.overlaps import resolve_overlaps
from diziner.spans.tags import spans_to_tags
from diziner.standalone.files import read_plain
from diziner.standalone.scores import chosen_protocols, difference_to_json, protocol_scores

Run = Callable[..., str]
Spans = tuple[Span, ...]
NEED_TOKENS = {name for name, protocol in PROTOCOLS.items() if protocol.reads_tokens}

DOCUMENTS = [
    Document("a", ("Angela", "Merkel", "visited", "Paris", "."), "Angela Merkel visited Paris."),
    Document("b", ("Reuters", "reports", "."), "Reuters reports."),
    Document("c", ("It", "rains"), "It rains"),
]
GOLD = [(Span(0, 2, "PER"), Span(3, 4, "LOC")), (Span(0, 1, "ORG"),), ()]
GUESS = [(Span(0, 2, "PER"), Span(3, 4, "ORG")), (), (Span(1, 2, "LOC"),)]


def jsonl(path: str, rows: list[dict[str, Any]]) -> str:
    Path(path).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def triples(spans: Spans) -> list[list[object]]:
    return [[span.start, span.end, span.type] for span in spans]


def as_spans(path: str, labels: list[Spans]) -> str:
    rows = zip(DOCUMENTS, labels, strict=True)
    return jsonl(path, [{"id": d.id, "tokens": list(d.tokens), "spans": triples(spans)} for d, spans in rows])


def as_tags(path: str, labels: list[Spans]) -> str:
    rows = zip(DOCUMENTS, labels, strict=True)
    return jsonl(
        path,
        [
            {"id": d.id, "tokens": list(d.tokens), "ner_tags": spans_to_tags(spans, len(d.tokens))}
            for d, spans in reversed(list(rows))
        ],
    )


def as_characters(path: str, labels: list[Spans]) -> str:
    rows = []
    for document, spans in zip(DOCUMENTS, labels, strict=True):
        texts = [(" ".join(document.tokens[span.start : span.end]), span.type) for span in spans]
        places = [(document.text.index(text), text, label) for text, label in texts]
        entities = [{"start": start, "end": start + len(text), "label": label} for start, text, label in places]
        rows.append({"id": document.id, "text": document.text, "entities": entities})
    return jsonl(path, rows)


def as_columns(path: str, labels: list[Spans]) -> str:
    blocks = [
        "".join(f"{token} _ {tag}\n" for token, tag in zip(d.tokens, spans_to_tags(spans, len(d.tokens)), strict=True))
        for d, spans in zip(DOCUMENTS, labels, strict=True)
    ]
    Path(path).write_text("\n".join(blocks), encoding="utf-8")
    return path


def annotations_of(labels: list[Spans]) -> list[Annotation]:
    return [Annotation(d.id, spans) for d, spans in zip(DOCUMENTS, labels, strict=True)]


def as_annotations(path: str, labels: list[Spans]) -> str:
    return jsonl(path, [annotation_to_json(row) for row in annotations_of(labels)])


def as_gold(path: str, labels: list[Spans]) -> str:
    return jsonl(path, [{"id": d.id, "spans": triples(spans)} for d, spans in zip(DOCUMENTS, labels, strict=True)])


def as_labelled(path: str, labels: list[Spans]) -> str:
    write_rows(Path(path), [*map(labelled_row, DOCUMENTS, annotations_of(labels))])
    return path


FORMS = {
    "spans.jsonl": as_spans,
    "tags.jsonl": as_tags,
    "characters.jsonl": as_characters,
    "annotations.jsonl": as_annotations,
    "gold.jsonl": as_gold,
    "labelled.jsonl": as_labelled,
    "labelled.parquet": as_labelled,
}


def protocols(output: str, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output)["predictions"][number]["protocols"]
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_file_gives_the_same_scores(diziner: Run, form: str) -> None:
    usual = diziner("score", "--gold", as_spans("g.jsonl", GOLD), "--pred", as_tags("p.jsonl", GUESS), "--protocol=all")
    other = FORMS[form](form, GUESS)
    assert protocols(diziner("score", "--gold", "g.jsonl", "--pred", other, "--protocol", "all")) == protocols(usual)
    swapped = FORMS[form](f"gold-{form}", GOLD)
    assert protocols(diziner("score", "--gold", swapped, "--pred", "p.jsonl", "--protocol", "all")) == protocols(usual)


def test_a_plain_parquet_file_has_its_ids(diziner: Run) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [
        {"id": d.id, "tokens": list(d.tokens), "ner_tags": list(spans_to_tags(spans, len(d.tokens)))}
        for d, spans in zip(DOCUMENTS, GUESS, strict=True)
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows[::-1]), "p.parquet")
    usual = diziner("score", "--gold", as_spans("g.jsonl", GOLD), "--pred", as_spans("p.jsonl", GUESS))
    assert protocols(diziner("score", "--gold", "g.jsonl", "--pred", "p.parquet")) == protocols(usual)


def test_columns_without_ids_are_matched_by_order(diziner: Run) -> None:
    gold, guess = as_columns("g.conll", GOLD), as_columns("p.bio", GUESS)
    usual = diziner("score", "--gold", as_spans("g.jsonl", GOLD), "--pred", as_spans("p.jsonl", GUESS))
    assert protocols(diziner("score", "--gold", gold, "--pred", guess)) == protocols(usual)
    rows = [{"tokens": d.tokens, "spans": triples(spans)} for d, spans in zip(DOCUMENTS, GUESS, strict=True)]
    assert protocols(diziner("score", "--gold", gold, "--pred", jsonl("p2.jsonl", rows))) == protocols(usual)
    assert "'#2'" in diziner("score", "--gold", gold, "--pred", jsonl("short.jsonl", rows[:1]), code=2)
    wrong = diziner("score", "--gold", gold, "--pred", jsonl("other.jsonl", rows[::-1]), code=2)
    longer = jsonl("longer.jsonl", [{**rows[0], "tokens": [*DOCUMENTS[0].tokens, "."]}, *rows[1:]])
    line = diziner("score", "--gold", gold, "--pred", longer, code=2)
    assert line == "longer.jsonl: document '#1' has other tokens than in g.conll: 6 of them, there 5"
    assert wrong == "other.jsonl: document '#1' has other tokens than in g.conll: token 0 is 'It', there 'Angela'"


def test_the_output_says_what_it_is(diziner: Run) -> None:
    output = diziner("score", "--gold", as_spans("g.jsonl", GOLD), "--pred", as_columns("p.conll", GUESS), code=2)
    assert "documents are matched by id, or by order where no file has ids" in output
    output = diziner("score", "--gold", "g.jsonl", "--pred", as_tags("p.jsonl", GUESS))
    value = json.loads(output)
    assert output == json.dumps(value, sort_keys=True, indent=2) + "\n"
    assert (value["documents"], value["left_out"]) == (3, 0)
    (prediction,) = value["predictions"]
    strict = prediction["protocols"]["strict"]
    assert (prediction["file"], prediction["failures"], strict["name"]) == ("p.jsonl", 0, "strict span F1")
    assert (strict["correct"], strict["predicted"], strict["gold"], strict["f1"]) == (1, 3, 3, 0.333333)
    assert strict["interval"]["low"] <= strict["f1"] <= strict["interval"]["high"]
    assert {label: row["correct"] for label, row in strict["types"].items()} == {"LOC": 0, "ORG": 0, "PER": 1}
    assert strict["macro_f1"] == 0.333333
    assert diziner("score", "--gold", "g.jsonl", "--pred", "p.jsonl") == output


def test_the_command_stands_on_its_own_in_a_folder_that_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "g.conll").write_text("Paris B-LOC\nsleeps O\n", encoding="utf-8")
    words = [str(Path(sys.executable).parent / "diziner"), "score", "--gold", "g.conll", "--pred", "g.conll"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert protocols(done.stdout)["strict"]["f1"] == 1.0
    words[1:] = ["summary"]
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False).returncode == 2


def test_two_predictions_are_compared_on_the_same_documents(diziner: Run) -> None:
    as_spans("g.jsonl", GOLD), as_spans("p.jsonl", GUESS)
    words = ("score", "--gold", "g.jsonl", "--protocol", "all")
    forward = json.loads(diziner(*words, "--pred", "p.jsonl", "--pred", "g.jsonl"))
    back = json.loads(diziner(*words, "--pred", "g.jsonl", "--pred", "p.jsonl"))
    assert [each["file"] for each in forward["predictions"]] == ["p.jsonl", "g.jsonl"]
    for name, found in forward["difference"].items():
        first, second = (prediction["protocols"][name]["f1"] for prediction in forward["predictions"])
        assert found["difference"] == pytest.approx(first - second, abs=2e-6)
        assert back["difference"][name]["difference"] == -found["difference"]
        assert back["difference"][name]["p_value"] == found["p_value"]
    assert forward["difference"]["reference"] == {
        "difference": forward["difference"]["reference"]["difference"],
        "low": None,
        "high": None,
        "p_value": None,
    }
    same = json.loads(diziner("score", "--gold", "g.jsonl", "--pred", "p.jsonl", "--pred", "p.jsonl"))
    assert same["difference"] == {"strict": {"difference": 0.0, "low": 0.0, "high": 0.0, "p_value": 1.0}}


@pytest.mark.parametrize("form", [as_annotations, as_labelled])
def test_a_failed_document_counts_as_nothing_found(diziner: Run, form: Callable[..., str]) -> None:
    form("p.jsonl", GOLD)
    rows = [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    rows[0] |= {"failure": {"code": "timeout", "detail": "no answer"}, "spans": []}
    jsonl("p.jsonl", rows)
    value = json.loads(diziner("score", "--gold", as_spans("g.jsonl", GOLD), "--pred", "p.jsonl"))
    strict = value["predictions"][0]["protocols"]["strict"]
    assert value["predictions"][0]["failures"] == 1
    assert (strict["correct"], strict["predicted"], strict["gold"]) == (1, 1, 3)
    line = diziner("score", "--gold", "p.jsonl", "--pred", "g.jsonl", code=2)
    assert line == "p.jsonl: document 'a' has a failure in place of labels; gold needs labels"


def test_a_failure_in_parquet_is_seen(tmp_path: Path) -> None:
    failed = Annotation("b", failure=Failure("timeout", "no answer"))
    rows = [*annotations_of(GOLD)[:1], failed, *annotations_of(GOLD)[2:]]
    write_rows(tmp_path / "p.parquet", [*map(labelled_row, DOCUMENTS, rows)])
    assert [row.failure for row in read_plain(tmp_path / "p.parquet").annotations] == [None, failed.failure, None]


def test_what_was_mended_is_counted(diziner: Run) -> None:
    Path("g.conll").write_text("New I-LOC\nYork I-LOC\n\nRome B-LOC\nsleeps I-PER\n", encoding="utf-8")
    value = json.loads(diziner("score", "--gold", "g.conll", "--pred", "g.conll"))
    assert value["gold"]["repairs"] == value["predictions"][0]["repairs"] == 2
    assert value["predictions"][0]["protocols"]["strict"]["gold"] == 3


def test_documents_of_some_files_only(diziner: Run) -> None:
    as_gold("gold.jsonl", GOLD), jsonl("p.jsonl", [annotation_to_json(row) for row in annotations_of(GUESS)[:2]])
    words = ("score", "--gold", "gold.jsonl", "--pred", "p.jsonl")
    line = diziner(*words, code=2)
    assert line.startswith("p.jsonl lacks 1 of the 3 documents of gold.jsonl: 'c'; ") and "--common" in line
    value = json.loads(diziner(*words, "--common"))
    assert (value["documents"], value["left_out"]) == (2, 1)
    assert value["predictions"][0]["protocols"]["strict"]["predicted"] == 2
    line = diziner("score", "--gold", "p.jsonl", "--pred", "gold.jsonl", code=2)
    assert line.startswith("p.jsonl lacks 1 of the 3 documents of gold.jsonl: 'c'; ")
    many = jsonl("many.jsonl", [{"id": name, "spans": []} for name in "abcdefg"])
    line = diziner("score", "--gold", many, "--pred", "p.jsonl", code=2)
    assert line.startswith("p.jsonl lacks 5 of the 7 documents of many.jsonl: 'c', 'd', 'e', …; ")
    none = jsonl("none.jsonl", [{"id": "z", "spans": []}])
    assert "no document in common" in diziner("score", "--gold", "gold.jsonl", "--pred", none, "--common", code=2)


def test_protocols_on_strings_need_tokens_from_somewhere(diziner: Run) -> None:
    as_gold("g.jsonl", GOLD), as_annotations("p.jsonl", GUESS)
    words = ("score", "--gold", "g.jsonl", "--pred", "p.jsonl", "--protocol")
    for name in sorted(NEED_TOKENS):
        line = diziner(*words, name, code=2)
        assert name in line and "--documents FILE" in line
    positions = ",".join(name for name in PROTOCOLS if name not in NEED_TOKENS)
    assert set(protocols(diziner(*words, positions))) == set(PROTOCOLS) - NEED_TOKENS
    jsonl(
        "texts.jsonl", [{"id": d.id, "text": d.text, "tokens": d.tokens, "spans": "not looked at"} for d in DOCUMENTS]
    )
    usual = diziner("score", "--gold", as_spans("t.jsonl", GOLD), "--pred", "p.jsonl", "--protocol", "all")
    assert protocols(diziner(*words, "all", "--documents", "texts.jsonl")) == protocols(usual)
    one = jsonl("one.jsonl", [{"id": "a", "text": DOCUMENTS[0].text}])
    line = diziner(*words, "all", "--documents", one, code=2)
    assert line == "one.jsonl: no document 'b', whose tokens are needed"


def test_documents_may_come_as_columns_without_tags(diziner: Run) -> None:
    Path("g.conll").write_text("Paris B-LOC\n\nRome O\n", encoding="utf-8")
    Path("d.conll").write_text("Paris\n\nRome\n", encoding="utf-8")
    words = ("score", "--gold", "g.conll", "--pred", "g.conll")
    assert json.loads(diziner(*words, "--documents", "d.conll"))["documents"] == 2
    Path("d.conll").write_text("Lyon\n\nRome\n", encoding="utf-8")
    assert "d.conll: document '#1' has other tokens" in diziner(*words, "--documents", "d.conll", code=2)
    Path("d.conll").write_text("\n", encoding="utf-8")
    assert diziner(*words, "--documents", "d.conll", code=2) == "d.conll: no documents"
    assert diziner(*words, "--documents", "d2.conll", code=2) == "d2.conll: no such file"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "p.jsonl: no documents"),
        ("\n\n{", "p.jsonl:3: not JSON: "),
        ("{", "p.jsonl:1: not JSON: "),
        ("[1]", "p.jsonl:1: a row must be a JSON object, found list"),
        ('{"id": "a"}', "p.jsonl:1: neither tokens nor text"),
        ('{"tokens": ["x"]}', "p.jsonl:1: neither tags nor spans"),
        ('{"tokens": ["x"], "tags": ["Q-X"]}', "p.jsonl:1: tags: tags 'Q-X' are of no known scheme; --scheme names it"),
        ('{"tokens": ["x"], "tags": []}', "p.jsonl:1: 1 token but 0 tags"),
        ('{"tokens": ["x"], "spans": [[0, 2, "X"]]}', "p.jsonl:1: span [0, 2) is empty or outside the 1 token"),
        ('{"tokens": ["x"], "spans": [], "failure": "late"}', "p.jsonl:1: failure: 'late' is neither null nor a code"),
        ('{"id": "a", "tokens": ["x"], "spans": []}\n{"tokens": ["x"], "spans": []}', "p.jsonl:2: no id, unlike the"),
        ('{"tokens": ["x"], "spans": []}\n{"id": "a", "tokens": ["x"], "spans": []}', "p.jsonl:2: an id, unlike the"),
        ('{"id": "a", "tokens": ["x"], "spans": []}\n' * 2, "p.jsonl:2: id 'a' is also at p.jsonl:1"),
        ('{"id": "a", "spans": [[3, 2, "X"]]}', "p.jsonl: a: [3, 2, 'X'] is not [start, end, type]"),
        ('{"id": "a", "spans": []}\n' * 2, "p.jsonl: id 'a' occurs twice"),
        ('{"id": "a", "spans": [[0, 9, "X"]]}', "p.jsonl: document 'a': X span [0, 9) is outside its 5 tokens"),
        ('{"id": "a", "spans": [], "failure": null}', "p.jsonl:1: top level: 'drops' is a required property"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(diziner: Run, lines: str, message: str) -> None:
    Path("p.jsonl").write_text(lines, encoding="utf-8")
    as_spans("g.jsonl", GOLD)
    assert diziner("score", "--gold", "g.jsonl", "--pred", "p.jsonl", "--common", code=2).startswith(message)


def test_bad_annotation_rows_are_refused(diziner: Run) -> None:
    as_spans("g.jsonl", GOLD)
    row = annotation_to_json(Annotation("a", (Span(0, 1, "X"),)))
    jsonl("p.jsonl", [row, row])
    assert diziner("score", "--gold", "g.jsonl", "--pred", "p.jsonl", code=2).startswith("p.jsonl: id 'a' occurs twice")
    jsonl("p.jsonl", [{**row, "spans": [[3, 2, "X"]]}])
    line = diziner("score", "--gold", "g.jsonl", "--pred", "p.jsonl", code=2)
    assert line == "p.jsonl: document 'a': span [3, 2) is empty"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pred", "nope.jsonl"], "nope.jsonl: no such file"),
        (["--pred", "g.md"], "g.md: plain text has no labels"),
        (["--pred", "g.parquet"], "g.parquet: not a parquet file: "),
        (
            ["--pred", "g.jsonl", "--protocol", "loose"],
            "--protocol: unknown scoring protocol 'loose'; there are all, strict,",
        ),
        (["--pred", "g.jsonl", "--samples", "0"], "--samples: is 0; must be a whole number"),
        (["--pred", "g.jsonl"] * 3, "--pred is given 3 times"),
    ],
)
def test_bad_words_are_refused(diziner: Run, words: list[str], message: str) -> None:
    as_spans("g.jsonl", GOLD)
    Path("g.md").write_text("x"), Path("g.parquet").write_text("x")
    assert diziner("score", "--gold", "g.jsonl", *words, code=2).startswith(message)


def test_protocols_are_chosen_by_name_in_their_own_order() -> None:
    assert chosen_protocols("all") == tuple(PROTOCOLS)
    assert chosen_protocols("reference, strict,strict") == ("strict", "reference")


LENGTH = 8
SPANS = st.lists(
    st.builds(
        lambda start, length, label: Span(start, min(LENGTH, start + length), label),
        st.integers(0, LENGTH - 1),
        st.integers(1, 3),
        st.sampled_from(("PER", "LOC", "SUB_AREA", "SUBAREA")),
    ),
    max_size=5,
).map(lambda found: resolve_overlaps(found, ())[0])
WORDS = st.lists(st.sampled_from(("the", "The", "Hague", "hague", ".")), min_size=LENGTH, max_size=LENGTH)


@settings(max_examples=60)
@given(st.lists(st.tuples(WORDS, SPANS, SPANS, SPANS), min_size=1, max_size=4))
def test_details_add_up_under_every_protocol(rows: list[tuple[list[str], Spans, Spans, Spans]]) -> None:
    documents = {f"d{n}": Document(f"d{n}", tuple(row[0]), " ".join(row[0])) for n, row in enumerate(rows)}
    gold, first, second = ({f"d{n}": row[1:][side] for n, row in enumerate(rows)} for side in range(3))
    expected = score_protocols(documents.values(), gold, first, list(PROTOCOLS))
    for name in PROTOCOLS:
        ours, other = (protocol_scores(name, documents, gold, side) for side in (first, second))
        assert ours.micro == expected[name]
        assert set(ours.per_type) == {span.type for side in (gold, first) for row in side.values() for span in row}
        if name in ("strict", "seqeval_default", "type", "set_of_strings", "multiset_of_strings"):
            for count in ("correct", "predicted", "gold"):
                by_type = sum(getattr(score, count) for score in ours.per_type.values())
                assert by_type == getattr(ours.micro, count)
        if PROTOCOLS[name].pooled:
            assert ours.counts is None
            continue
        assert ours.counts is not None
        summed = score_counts(*ours.counts.sum(axis=0).tolist())
        assert (summed.precision, summed.recall) == (ours.micro.precision, ours.micro.recall)
        assert summed.f1 == pytest.approx(ours.micro.f1, abs=1e-12)
        change = difference_to_json(ours, other, 50, 1)
        assert change["difference"] == pytest.approx(ours.micro.f1 - other.micro.f1, abs=1e-12)
        assert change["low"] <= change["high"] and 0 < change["p_value"] <= 1
    strict = protocol_scores("strict", None, gold, first)
    assert strict.per_type == strict_span_scores(gold, first).per_type
    assert strict.macro_f1 == pytest.approx(strict_span_scores(gold, first).macro_f1)


PAGE = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```example\n(.*?)```", PAGE, re.DOTALL)
_FIGURES = re.compile(r"(\d+) correct, (\d+) predicted, (\d+) gold, F1 (\d\.\d{3})")


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_protocols_page(example: str) -> None:
    lines = [line.split(maxsplit=1) for line in example.splitlines()]
    sides = {side: [parse_brackets(text) for word, text in lines if word == side] for side in ("gold", "predicted")}
    assert [tokens for tokens, _ in sides["gold"]] == [tokens for tokens, _ in sides["predicted"]]
    documents = [Document(f"d{n}", tokens, " ".join(tokens)) for n, (tokens, _) in enumerate(sides["gold"])]
    gold, predicted = ({f"d{n}": spans for n, (_, spans) in enumerate(side)} for side in sides.values())
    figures = [(word, text) for word, text in lines if word not in sides]
    assert len(figures) >= 2
    for name, text in figures:
        score = score_protocols(documents, gold, predicted, [name])[name]
        match = _FIGURES.fullmatch(text)
        assert match, text
        assert match.groups() == (str(score.correct), str(score.predicted), str(score.gold), f"{score.f1:.3f}"), name


def test_the_protocols_page_has_every_protocol_with_an_example_of_its_own() -> None:
    sections = dict(re.findall(r"(?ms)^### (\w+)\n(.*?)(?=^##)", PAGE))
    assert list(sections) == list(PROTOCOLS)
    for name, section in sections.items():
        assert f"| `{name}` |" in PAGE
        assert re.search(rf"(?m)^{name} +\d+ correct", section)


def test_a_protocol_without_tokens_is_refused_by_the_core_too() -> None:
    with pytest.raises(UserError, match="set_of_strings compares text"):
        protocol_scores("set_of_strings", None, {"a": []}, {"a": []})
