"""Every form of files: a sample of each with what it holds, and what is refused as it can be read in two ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from form_samples import BOTH, LABELS, MISC, NEST, PER, SAMPLES, TEXT, WEBANNO, WORDS, write
from labelled_rows import rows
from projects import Project

from diziner.common.errors import UserError
from diziner.forms.choices import Choices, parse_columns, read_label_names
from diziner.forms.form import Look
from diziner.forms.table import FORMS, form_of
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.labelling.row_files import write_rows
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import LabelledFile, read_plain
from diziner.standalone.from_python import score


def spans_of(file: LabelledFile, number: int = 0) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.type) for span in file.annotations[number].spans]


@pytest.mark.parametrize(("form", "name", "content", "spans"), SAMPLES)
def test_a_form_is_known_and_read(
    tmp_path: Path, form: str, name: str, content: Any, spans: list[tuple[int, int, str]]
) -> None:
    path = write(tmp_path / name, content)
    assert form_of(Look(path), Choices()).name == form
    assert spans_of(read_plain(path)) == spans


def test_every_form_has_a_sample_here_or_elsewhere() -> None:
    elsewhere = {"parquet", "datasets", "labelled", "docbin", "brat", "text"}
    assert {form for form, *_ in SAMPLES} | elsewhere == set(FORMS)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.tsv", "1\tMara\tB-PER\n2\tsings\tO\n", "--columns token=1,tag=2, or token=0,tag=2"),
        ("a.conll", "7 Mara B-PER\n7 sings O\n8 Oslo B-LOC\n", "column 0 numbers the tokens or their sentences"),
        ("a.tsv", "s1\tMara\tO\ns1\tsings\tO\ns1\tin\tO\ns2\tOslo\tO\n", "--columns token=1,tag=2, or token=0,tag=2"),
        ("a.conll", "Mara B-PER\n#broken\nsings O\n", ":1: line 2 has 1 column, expected 2 or more"),
        (
            "a.json",
            [{"data": {"text": TEXT}, "predictions": [{"result": LABELS}]}],
            "row 0: has predictions, which nobody has confirmed, and no annotation",
        ),
        ("a.conll", "Mara B-PER B-X\nsings O O\n", "columns 1 and 2 both hold tags"),
        ("a.conll", "Mara B-PER O\nsings O O\n", "columns 1 and 2 both hold tags"),
        ("a.conll", "B-PER Mara x\nO sings y\n", "tags are in column 0; say where tokens are"),
        ("a.conll", "Mara NN\nsings VB\n", "tags 'NN', 'VB' are of no known scheme; --scheme names it"),
        ("a.conll", "Mara 1\nsings 0\n", "--labels FILE says what each means"),
        ("a.conll", "10 000 O\nMara B-PER\nsings O\n", ":1: line 1 has 3 columns, the file has 2"),
        ("a.txt", "Mara\t1\nsings\t0\n", "--columns token=0,tag=1 or --scheme IO"),
        ("a.txt", "Mara sings.", "plain text has no labels"),
        ("a.conllu", MISC, "no tags in a column or in MISC"),
        ("a.jsonl", {"tokens": WORDS, "entities": [[0, 1, "PER"]]}, "--spans tokens|tokens-inclusive"),
        ("a.jsonl", {"tokens": WORDS, "text": TEXT, "spans": [[0, 4, "PER"]]}, "--spans tokens|characters"),
        ("a.jsonl", {"text": TEXT, "spans": [[0, 3, "PER"]]}, "most spans end inside a word"),
        ("a.jsonl", {"text": TEXT, "gold": [[0, 4, "PER"]]}, "'gold' looks like spans: --columns spans=gold"),
        ("a.jsonl", {"tokens": WORDS, "fine": ["B-PER", "O", "O", "O"]}, "'fine' looks like tags"),
        ("a.jsonl", {"tokens": WORDS, "tags": ["N"] * 4, "labels": ["B-X", "O", "O", "O"]}, "'tags' and 'labels'"),
        (
            "a.jsonl",
            {"text": TEXT, "entities": [{"start": 0, "end": 4, "type": "PER", "text": "Lars"}]},
            "says that its text is 'Lars', but there stands 'Mara'",
        ),
        ("a.jsonl", {"text": TEXT, "annotation": {"spans": [[0, 4, "PER"]]}}, "there are spans inside 'annotation'"),
        ("a.jsonl", {"text": TEXT, "result": [{"value": {"start": 0, "end": 4, "label": "A"}}]}, "inside 'result'"),
        ("a.jsonl", {"tokens": WORDS, "spans": [[0, 4, "PER", "Mara"]]}, "but its tokens are 'Mara sings in Oslo'"),
        ("a.jsonl", {"text": TEXT, "label": [[0, 4, 3]]}, "label 3 has no name; --labels"),
        ("a.jsonl", {"text": TEXT, "entities": [{"start": 0, "end": 4, "label": 3}]}, "label 3 has no name; --labels"),
        ("a.conll", "\n".join(f"w{n} l{n}" for n in range(9)) + "\nx O\n", "if they are bare labels: --scheme IO"),
        ("a.conll", "Mara B+PER\nsings O\n", "are of no known scheme"),
        ("a.jsonl", {"text": TEXT, "spans": NEST}, "1 nested or overlapping span: "),
        ("a.jsonl", {"text": TEXT, "entities": [{"label": "X", "span": [[0, 4], [14, 18]]}]}, "1 discontinuous span: "),
        (
            "a.json",
            [{"data": {"text": TEXT}, "annotations": [{"result": [], "completed_by": by} for by in (1, 2)]}],
            "2 annotations of one task, by 1, 2",
        ),
        ("a.json", "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a.jsonl", f'{{"text": "x", "spans": [{{"label": "X", "span": {"[" * 150}{"]" * 150}}}]}}', "is not [start"),
        ("a.jsonl", f'{{"text": "x", "spans": {"[" * 600}{"]" * 600}}}', "nested too deeply"),
        ("a.json", '[{"text": "x", "spans": []}, {"te', "row 1: not JSON"),
        ("a.json", '[{"text": "x", "spans": []}] {}', "after the array"),
        ("a.conll", "Mara\0 B-PER\n", "has a zero byte"),
        ("a.foo", "", "no documents: the file is empty"),
        ("a.xml", "<collection><document>", "not XML"),
        ("a.tsv", WEBANNO.replace("NamedEntity", "Other"), "which layer has the labels?"),
    ],
)
def test_what_can_be_read_in_two_ways_or_not_at_all_is_refused(
    tmp_path: Path, name: str, content: Any, reason: str
) -> None:
    with pytest.raises(UserError) as refused:
        read_plain(write(tmp_path / name, content))
    assert reason in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "choices", "spans"),
    [
        ("a.tsv", "1\tMara\tB-PER\tO\n2\tsings\tO\tB-X\n", {"columns": parse_columns("token=1,tag=3")}, [(1, 2, "X")]),
        ("a.conll", "Mara 1\nsings 0\n", {"labels": ("O", "B-PER")}, PER),
        ("a.txt", "Mara A\nsings O\n", {"scheme": "IO"}, [(0, 1, "A")]),
        ("a.jsonl", {"tokens": WORDS, "ner_tags": [1, 0, 0, 2]}, {"labels": ("O", "PER", "LOC")}, BOTH),
        ("a.jsonl", {"tokens": WORDS, "entities": [[0, 1, "A"]]}, {"spans": "tokens-inclusive"}, [(0, 2, "A")]),
        ("a.jsonl", {"body": TEXT, "gold": [[0, 4, "PER"]]}, {"columns": {"text": "body", "spans": "gold"}}, PER),
        ("a.jsonl", {"text": TEXT, "spans": NEST}, {"drop": True}, [(0, 2, "X")]),
        ("a.tsv", WEBANNO.replace("NamedEntity", "Other"), {"columns": {"tags": 4}}, BOTH),
    ],
)
def test_choices_decide(
    tmp_path: Path, name: str, content: Any, choices: Mapping[str, Any], spans: list[tuple[int, int, str]]
) -> None:
    assert spans_of(read_plain(write(tmp_path / name, content), Choices(**choices))) == spans


def test_a_folder_of_brat_is_read_with_its_gaps(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "one.txt").write_text(TEXT)
    (tmp_path / "one.ann").write_text("T1\tPER 0 4\tMara\nR1\tIn Arg1:T1 Arg2:T2\nT2\tX 0 4;14 18\tMara Oslo\n")
    write(tmp_path / "below/two.txt", "Nobody")
    (tmp_path / "below/two.ann").write_text("")
    with pytest.raises(UserError, match="1 discontinuous span"):
        read_plain(tmp_path)
    file = read_plain(tmp_path, Choices(drop=True))
    assert [row.id for row in file.annotations] == ["below/two", "one"]
    assert spans_of(file, 1) == PER and file.repairs == 1


def test_white_space_of_unicode_is_part_of_a_token_and_blanks_are_made_so(tmp_path: Path) -> None:
    file = read_plain(write(tmp_path / "a.tsv", "10\u2028000\tO\nNew York\tB-LOC\n\u00a0\tO\n"))
    assert file.documents is not None
    assert file.documents["#1"].tokens == ("10\u2028000", "New\u00a0York")
    assert (spans_of(file), file.repairs) == ([(1, 2, "LOC")], 2)


def test_names_of_integer_tags_are_read_from_lists_and_models(tmp_path: Path) -> None:
    names = ("O", "B-PER")
    for content in ("O\nB-PER\n", json.dumps(names), {"id2label": {"1": "B-PER", "0": "O"}}, {"B-PER": 1, "O": 0}):
        assert read_label_names(write(tmp_path / "labels", content)) == names
    with pytest.raises(UserError, match="are not 0, 1, 2"):
        read_label_names(write(tmp_path / "labels", {"id2label": {"1": "O"}}))


@pytest.mark.parametrize(
    ("scheme", "gold", "predicted", "strict"),
    [
        ("IOBES", [["B-PER", "E-PER", "S-PER"]], [["B-PER", "I-PER", "S-PER"]], 2 / 3),
        (
            "BILOU",
            [["U-ORG", "B-PER", "I-PER", "L-PER", "O"], ["U-ORG"]],
            [["U-ORG", "B-PER", "I-PER", "I-PER", "O"], ["U-ORG"]],
            4 / 5,
        ),
    ],
)
def test_spans_that_nothing_closes_are_counted_as_seqeval_does_by_default(
    tmp_path: Path, scheme: str, gold: list[list[str]], predicted: list[list[str]], strict: float
) -> None:
    """seqeval's issue 25 and pull request 56, as docs/protocols.md has them."""
    import seqeval.scheme
    from seqeval.metrics import f1_score

    assert f1_score(gold, predicted, mode="strict", scheme=getattr(seqeval.scheme, scheme)) == pytest.approx(strict)
    files = [
        write(tmp_path / f"{name}.conll", "\n\n".join("\n".join(f"x {tag}" for tag in own) for own in tags))
        for name, tags in (("gold", gold), ("predicted", predicted))
    ]
    first, second = files
    assert score(first, second)["strict"].f1 == f1_score(gold, predicted) == 1.0


def test_what_was_found_is_said_by_each_command(tmp_path: Path) -> None:
    for name, tags in (("anna", "B-PER O"), ("ben", "PER O")):
        first, second = tags.split()
        write(tmp_path / f"{name}.conll", f"Mara {first}\nsings {second}\n")
    agreed = Project(tmp_path).diziner_here("agree", "anna.conll", "ben.conll")
    assert agreed.stderr == "ben: read as tokens of column 0, IO tags of column 1\n"
    scored = Project(tmp_path).diziner_here("score", "--gold", "anna.conll", "--pred", "ben.conll")
    value = json.loads(scored.stdout)
    assert (value["gold"]["read_as"], value["predictions"][0]["read_as"]) == (
        "",
        "tokens of column 0, IO tags of column 1",
    )


@pytest.mark.parametrize("name", ["a.csv", "a.conll", "a.tsv", "a.json", "a.pubtator"])
def test_labelling_reads_texts_of_each_form_and_no_labels(tmp_path: Path, name: str) -> None:
    contents = {
        "a.csv": "id,text,entities\n7,Mara sings,broken\n",
        "a.conll": "Mara NN\nsings VB\n",
        "a.tsv": WEBANNO,
        "a.json": [{"data": {"text": TEXT}, "annotations": [{"result": "broken"}]}],
        "a.pubtator": f"7|t|{TEXT}\n",
    }
    [document] = [document_of(item) for item in items_of(files_of(write(tmp_path / name, contents[name])))]
    assert document.tokens[:2] == ("Mara", "sings")
    assert document.id == ("7" if name in ("a.csv", "a.pubtator") else f"{name}:1")


def test_the_text_of_conllu_is_kept_where_its_tokens_stand_in_it(tmp_path: Path) -> None:
    first = "# text = Mara sings.\n1\tMara\tB-PER\n2\tsings\tO\n3\t.\tO\n"
    second = "# text = Im Haus\n1-2\tIm\t_\n1\tIn\tO\n2\tdem\tO\n3\tHaus\tO\n"
    file = read_plain(write(tmp_path / "a.conllu", f"{first}\n{second}"))
    assert file.documents is not None
    assert [each.text for each in file.documents.values()] == ["Mara sings.", "In dem Haus"]


OSLO = [(0, 1, "LOC")]


@pytest.mark.parametrize(
    ("name", "content", "tokens", "spans"),
    [
        # A header of a table of tokens, whatever ends its sentences.
        ("a.tsv", "token\ttag\nMara\tB-PER\n\nsings\tO\n", [("Mara",), ("sings",)], [PER, []]),
        (
            "a.csv",
            "Token,NER\nMara,B-PER\nsings,O\n,\nOslo,B-LOC\n",
            [("Mara", "sings"), ("Oslo",)],
            [PER, [(0, 1, "LOC")]],
        ),
        ("a.conll", "word pos ner\nMara NN B-PER\nsings VB O\n", [("Mara", "sings")], [PER]),
        ("a.conll", "Word Tag\nMara PER\nsings O\n", [("Mara", "sings")], [PER]),
        # Comments in odd places, and tokens that look like them.
        ("a.conll", "Mara B-PER\n# a note\nsings O\n# the end of it\n", [("Mara", "sings")], [PER]),
        ("a.conll", "Mara B-PER\n# O\n#1 O\n", [("Mara", "#", "#1")], [PER]),
        # What spaCy's Doc.to_json writes.
        (
            "a.json",
            {
                "text": TEXT,
                "ents": [{"start": 0, "end": 4, "label": "PER"}],
                "tokens": [
                    {"id": n, "start": s, "end": e} for n, (s, e) in enumerate(((0, 4), (5, 10), (11, 13), (14, 18)))
                ],
            },
            [tuple(WORDS)],
            [PER],
        ),
    ],
)
def test_odd_files_are_read_as_they_are_meant(
    tmp_path: Path, name: str, content: Any, tokens: list[tuple[str, ...]], spans: list[list[tuple[int, int, str]]]
) -> None:
    path = write(tmp_path / name, content)
    file = read_plain(path)
    assert file.documents is not None and [each.tokens for each in file.documents.values()] == tokens
    assert [spans_of(file, number) for number in range(len(tokens))] == spans and not file.repairs
    arrays = read_same_columns([path, path], Choices())
    assert arrays is None or (arrays[0].documents, len(arrays[0].span_starts)) == (len(tokens), sum(map(len, spans)))


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_labelling_is_read_as_one_file_once_it_is_complete(tmp_path: Path, ending: str) -> None:
    whole = rows(40)
    for number, start in enumerate((0, 25)):
        write_rows(tmp_path / f"{number:06}-{'a' * 16}.{ending}", whole[start : start + 25])
    with pytest.raises(UserError, match="not complete"):
        read_plain(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    file = read_plain(tmp_path)
    assert [row.id for row in file.annotations] == [row["id"] for row in whole]
    assert [[[s.start, s.end, s.type] for s in row.spans] for row in file.annotations] == [
        row["spans"] for row in whole
    ]
    labelled_again = [document_of(item).id for item in items_of(files_of(tmp_path))]
    assert labelled_again == [row["id"] for row in whole]
