"""Every form of files: a sample of each with what it holds, and what is refused as it can be read in two ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from diziner.common.errors import UserError
from diziner.forms.choices import Choices, parse_columns, read_label_names
from diziner.forms.form import Look
from diziner.forms.table import FORMS, form_of
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.standalone.files import LabelledFile, read_plain
from diziner.standalone.from_python import score

TEXT = "Mara sings in Oslo"
WORDS = TEXT.split()
BOTH = [(0, 1, "PER"), (3, 4, "LOC")]
PER = [(0, 1, "PER")]
NEST = [[0, 4, "PER"], [0, 10, "X"]]

LABELS = [{"value": {"start": 0, "end": 4, "text": "Mara", "labels": ["PER"]}, "type": "labels"}]
MIN = {"annotator": 1, "annotation_id": 2, "lead_time": 1.5, "text": TEXT}
PASSAGE = {
    "offset": 5,
    "text": TEXT,
    "annotations": [{"infons": {"type": "PER"}, "text": "Mara", "locations": [{"offset": 5, "length": 4}]}],
}
XML = (
    f"<collection><document><id>7</id><passage><offset>3</offset><text>{TEXT}</text><annotation id='1'><infon "
    "key='type'>PER</infon><location offset='3' length='4'/><text>Mara</text></annotation></passage></document>"
    "</collection>"
)
WEBANNO = (
    "#FORMAT=WebAnno TSV 3.2\n#T_SP=custom.NamedEntity|identifier|value\n\n\n#Text=Mara sings in Oslo\n"
    "1-1\t0-4\tMara\t*[1]\tPER[1]\t\n1-2\t5-10\tsings\t_\t_\t\n1-3\t11-13\tin\t_\t_\t\n1-4\t14-18\tOslo\t*\tLOC\t\n"
)
UTF16 = {"text": "Mara", "type": "PER", "start": 3, "end": 7}
MISC = "1\tMara" + "\t_" * 7 + "\tGloss=x"
PLACED = [{"extraction_class": "PER", "extraction_text": "Mara", "char_interval": {"start_pos": 0, "end_pos": 4}}]

# The form, the file's name, what is in it, the spans of its first document.
SAMPLES: list[tuple[str, str, Any, list[tuple[int, int, str]]]] = [
    ("label-studio", "a.json", [{"id": 1, "data": {"text": TEXT}, "annotations": [{"result": LABELS}]}], PER),
    ("label-studio-min", "a.json", [{**MIN, "label": [{"start": 14, "end": 18, "labels": ["LOC"]}]}], BOTH[1:]),
    ("label-studio-min", "a.json", [MIN], []),
    ("spacy", "a.json", [[TEXT, {"entities": [[0, 4, "PER"], [14, 18, "LOC"]]}]], BOTH),
    ("spacy", "a.json", {"classes": ["PER"], "annotations": [[TEXT, {"entities": [[0, 4, "PER"]]}], None]}, PER),
    (
        "spacy",
        "a.json",
        [
            {
                "id": 0,
                "paragraphs": [
                    {
                        "sentences": [
                            {
                                "tokens": [
                                    {"orth": word, "ner": tag}
                                    for word, tag in zip(WORDS, ["U-PER", "O", "O", "U-LOC"], strict=True)
                                ]
                            }
                        ]
                    }
                ],
            }
        ],
        BOTH,
    ),
    ("gliner", "a.jsonl", {"tokenized_text": WORDS, "ner": [[0, 0, "PER"], [3, 3, "LOC"]]}, BOTH),
    ("langextract", "a.jsonl", {"text": TEXT, "extractions": [*PLACED, {**PLACED[0], "char_interval": None}]}, PER),
    ("prodigy", "a.jsonl", {"text": TEXT, "_task_hash": 1, "answer": "accept"}, []),
    ("bioc-json", "a.json", {"documents": [{"id": "7", "passages": [PASSAGE]}]}, PER),
    ("bioc-xml", "a.xml", XML, PER),
    ("webanno", "a.tsv", WEBANNO, BOTH),
    ("pubtator", "a.txt", f"12|t|{TEXT}\n12|a|Lars sleeps.\n12\t0\t4\tMara\tPER\tX\n12\tCID\tD1\tD2\n", PER),
    ("csv", "a.csv", "ID,Text,source,entities\n1,Mara sings in Oslo,x,\"[[0, 4, 'PER'], [14, 18, 'LOC']]\"\n", BOTH),
    ("csv", "a.csv", "Sentence #,Word,POS,Tag\n1,Mara,N,B-PER\n,sings,V,O\n2,Oslo,N,B-LOC\n", PER),
    ("json", "a.json", json.dumps([{"tokens": WORDS, "ner_tags": ["B-PER", "O", "O", "B-LOC"]}], indent=1), BOTH),
    ("json", "a.jsonl", {"text": TEXT, "label": [[0, 4, "PER"], [14, 18, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"text": TEXT, "label": {"PER": {"Mara": [[0, 3]]}, "LOC": {"Oslo": [[14, 17]]}}}, BOTH),
    (
        "json",
        "a.jsonl",
        {"content": TEXT, "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 3, "text": "Mara"}]}]},
        PER,
    ),
    ("json", "a.jsonl", {"text": f"\U0001f600 {TEXT}", "entities": [UTF16]}, [(1, 2, "PER")]),
    ("json", "a.jsonl", {"tokens": WORDS, "ner": [[0, 0, "PER"], [3, 3, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"tokens": WORDS, "text": TEXT, "spans": [[0, 4, "PER"], [14, 18, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"tokens": WORDS, "spans": [[0, 1, "PER"], [3, 4, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"text": TEXT, "spans": [[0, 4, "a man"]]}, [(0, 1, "a_man")]),
    ("json", "a.foo", {"text": TEXT, "spans": []}, []),
    ("columns", "a.foo", "Mara B-PER\nsings O\n", PER),
    ("columns", "a.conll", "\ufeffMara B-PER\r\nsings O\r\n", PER),
    ("columns", "a.conll", "Mara B-PER\rsings O\r", PER),
    ("columns", "a.tsv", "Mara\tB-PER\t\nsings\tO\t\n", PER),
    ("columns", "a.conll", " O\nMara B-PER\n\n O\n\nOslo B-LOC\n", PER),
    ("columns", "a.conll", "Mara NNP B-NP B-PER\nsings VB B-VP O\n", PER),
    ("columns", "a.conll", "Mara PER-B\nLind PER-I\nsings O\n", [(0, 2, "PER")]),
    ("columns", "a.conll", "Mara I-PER\nLind E-PER\nLars E-PER\n", [(0, 2, "PER"), (2, 3, "PER")]),
    ("columns", "a.conll", "Mara b-per\nLind i-per\nsings o\n", [(0, 2, "per")]),
    ("columns", "a.conll", "Mara B\nLind I\nsings O\n", [(0, 2, "ENTITY")]),
    ("columns", "a.conll", "Mara PER\nLind PER\nsings O\n", [(0, 2, "PER")]),
    ("columns", "a.conll", "Mara B:PER\nLind I:PER\nsings O\n", [(0, 2, "PER")]),
    ("columns", "a.conll", "Mara\tB-a man\nsings\tO\n", [(0, 1, "a_man")]),
    ("columns", "a.conllu", "1-2\tim\t_\n1\tin\tO\n2\tdem\tO\n3\tOslo\tB-LOC\n", [(2, 3, "LOC")]),
]


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


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
    elsewhere = {"parquet", "datasets", "docbin", "brat", "text"}
    assert {form for form, *_ in SAMPLES} | elsewhere == set(FORMS)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.tsv", "1\tMara\tB-PER\n2\tsings\tO\n", "--columns token=1,tag=2, or token=0,tag=2"),
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
        ("a.json", "[" * 5000, "nested too deeply"),
        ("a.jsonl", f'{{"text": "x", "spans": [{{"label": "X", "span": {"[" * 150}{"]" * 150}}}]}}', "is not [start"),
        ("a.jsonl", f'{{"text": "x", "spans": {"[" * 600}{"]" * 600}}}', "nested too deeply"),
        ("a.json", '[{"text": "x"}, {"te', "row 1: not JSON"),
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
