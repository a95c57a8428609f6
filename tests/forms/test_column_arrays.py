"""Column files as arrays: what the reader of lines makes of them, and the scores that documents one by one give."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diziner.commands.score import scored, scored_columns
from diziner.common.errors import UserError
from diziner.forms.choices import NO_CHOICES
from diziner.forms.columnarrays import read_columns
from diziner.forms.columns import Columns
from diziner.forms.form import Task
from diziner.forms.jsonarrays import read_json_columns
from diziner.scoring.protocols import PROTOCOLS
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import read_plain
from diziner.standalone.together import read_together

TOKENS = st.sampled_from(["Ann", "the", "É", "林", "U.S.", "😀", "a|b", "x", "-DOCSTART-x"])
SCHEMES = {
    "BIO": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-X.y"],
    "IOB1": ["O", "I-PER", "I-LOC"],
    "BIOES": ["O", "B-PER", "I-PER", "E-PER", "S-PER", "S-LOC", "E-LOC"],
    "BMES": ["O", "B-PER", "M-PER", "E-PER", "S-LOC", "M-LOC"],
    "IOE": ["O", "I-PER", "E-PER", "I-LOC", "E-LOC"],
    "suffix": ["O", "PER-B", "PER-I", "LOC-B"],
    "lower": ["o", "b-per", "i-per", "b-loc"],
    "IO": ["O", "PER", "LOC"],
}


@st.composite
def files(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]], list[list[str]], str, str]:
    """Tokens of sentences, two taggings of them in one scheme, what stands between cells, what ends lines."""
    tags = st.sampled_from(SCHEMES[draw(st.sampled_from(sorted(SCHEMES)))])
    sentences = draw(st.lists(st.lists(TOKENS, min_size=1, max_size=7), min_size=1, max_size=6))
    one, other = ([[draw(tags) for _ in sentence] for sentence in sentences] for _ in range(2))
    return sentences, one, other, draw(st.sampled_from([" ", "\t", " NN "])), draw(st.sampled_from(["\n", "\r\n"]))


def write(path: Path, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], cell: str, end: str) -> Path:
    blocks = [
        "".join(f"{token}{cell}{tag}{end}" for token, tag in zip(*pair, strict=True))
        for pair in zip(sentences, tags, strict=True)
    ]
    path.write_bytes((f"-DOCSTART-{cell}O{end}{end}" + end.join(blocks)).encode())
    return path


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=files())
def test_arrays_and_lines_are_read_alike(tmp_path: Path, drawn: tuple[list[list[str]], ...]) -> None:
    sentences, gold, _, cell, end = drawn
    path = write(tmp_path / "in.conll", sentences, gold, str(cell), str(end))
    try:
        columns = read_columns(Task(path, gold="needed"))
    except Exception as error:  # noqa: BLE001 - whatever it is, lines must be refused for the same reason
        with pytest.raises(type(error), match=r"known scheme|column 0 numbers"):
            read_plain(path)
        return
    assert columns is not None
    assert_equal(columns, path)


def assert_equal(columns: Columns, path: Path) -> None:
    file = read_plain(path)
    assert file.documents is not None
    assert (columns.documents, columns.repairs, columns.said) == (len(file.annotations), file.repairs, file.read_as)
    owner = columns.span_documents().tolist()
    for number, row in enumerate(file.annotations):
        assert columns.tokens(number) == file.documents[row.id].tokens
        first = int(columns.first_token[number])
        found = [
            (
                int(columns.span_starts[k]) - first,
                int(columns.span_ends[k]) - first,
                columns.types[columns.span_types[k]],
            )
            for k in range(len(owner))
            if owner[k] == number
        ]
        assert found == [(span.start, span.end, span.type) for span in row.spans]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=files())
def test_files_read_together_are_those_that_are_read_alone(tmp_path: Path, drawn: tuple[list[list[str]], ...]) -> None:
    sentences, one, other, cell, end = drawn
    sides = (("a", one), ("b", other))
    paths = [write(tmp_path / f"{name}.conll", sentences, tags, str(cell), str(end)) for name, tags in sides]
    try:
        alone = [read_plain(path) for path in paths]
    except UserError as error:
        with pytest.raises(UserError) as refused:
            read_together(paths, NO_CHOICES)
        assert str(refused.value) == str(error)
        return
    together = read_together(paths, NO_CHOICES)
    assert together == alone
    if read_same_columns(paths, NO_CHOICES) is not None:
        assert together[0].documents is together[1].documents


def test_rows_with_ids_are_read_together_as_alone(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path, tags in zip(paths, (["B-PER", "O", "I-X"], ["O", "B-X", "I-X"]), strict=True):
        rows = [{"id": name, "tokens": ["Ann", "林", "😀"], "ner_tags": tags} for name in ("z", "a")]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert read_same_columns(paths, NO_CHOICES) is not None
    assert read_together(paths, NO_CHOICES) == [read_plain(path) for path in paths]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=files())
def test_scores_of_arrays_are_those_of_documents(tmp_path: Path, drawn: tuple[list[list[str]], ...]) -> None:
    sentences, gold, predicted, cell, end = drawn
    paths = [
        write(tmp_path / f"{name}.conll", sentences, tags, str(cell), str(end))
        for name, tags in (("gold", gold), ("one", predicted), ("other", gold))
    ]
    try:
        read = [read_plain(path) for path in paths]
    except Exception:  # noqa: BLE001 - tags of no known scheme: the test before
        return
    columns = read_same_columns(paths, NO_CHOICES)
    assert columns is not None
    slow = scored(read, None, tuple(PROTOCOLS), False, 20, 13)
    assert json.dumps(scored_columns(paths, columns, tuple(PROTOCOLS), 20, 13)) == json.dumps(slow)


@pytest.mark.parametrize(
    "text",
    [
        "Ann B-PER\n\xa0 O\n",  # a blank token is a repair
        "Ann B-PER\nNew York\tB-LOC\n",
        "# text\nAnn B-PER\n",
        "Ann B-PER\n \nLee O\n",
        "Ann B-PER \nLee O\n",
        "Ann B-P|R\nLee O\n",
        "Ann B-PER\nLee\n",
    ],
)
def test_what_is_not_regular_is_left_to_the_reader_of_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "in.conll"
    path.write_text(text, encoding="utf-8")
    assert read_columns(Task(path, gold="needed")) is None


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=files(), with_ids=st.booleans())
def test_json_lines_are_read_and_scored_alike(
    tmp_path: Path, drawn: tuple[list[list[str]], ...], with_ids: bool
) -> None:
    sentences, gold, predicted, _, _ = drawn
    paths = []
    for name, tags in (("gold", gold), ("one", predicted)):
        rows = [{"tokens": tokens, "ner_tags": own} for tokens, own in zip(sentences, tags, strict=True)]
        named = [{"id": f"d{len(rows) - n}", **row} for n, row in enumerate(rows)] if with_ids else rows
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text("".join(f"{json.dumps(row)}\n" for row in named), encoding="utf-8")
    try:
        read = [read_plain(path) for path in paths]
    except UserError:
        return
    columns = read_same_columns(paths, NO_CHOICES)
    assert columns is not None and bool(columns[0].ids) == with_ids
    slow = scored(read, None, tuple(PROTOCOLS), False, 20, 13)
    assert json.dumps(scored_columns(paths, columns, tuple(PROTOCOLS), 20, 13)) == json.dumps(slow)


@pytest.mark.parametrize(
    "row",
    [
        {"tokens": ["a b"], "ner_tags": ["O"]},
        {"tokens": ["a", ""], "ner_tags": ["O", "O"]},
        {"tokens": ["a"], "ner_tags": ["O"], "text": "a"},
        {"tokens": ["a"], "ner_tags": ["O"], "failure": None},
        {"tokens": ["a"], "ner_tags": [0]},
        {"tokens": ["a"], "ner_tags": ["O", "O"]},
        {"tokens": ["\ud83d"], "ner_tags": ["O"]},
        {"id": 1.5, "tokens": ["a"], "ner_tags": ["O"]},
    ],
)
def test_rows_that_are_not_regular_are_left_to_the_reader_of_rows(tmp_path: Path, row: object) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f"{json.dumps({'tokens': ['x'], 'ner_tags': ['B-PER']})}\n{json.dumps(row)}\n")
    assert read_json_columns(Task(path, gold="needed")) is None
