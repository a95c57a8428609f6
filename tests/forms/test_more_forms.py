"""Files as other tools write them, beside the samples of every form: what was read wrong in silence, or refused without
a way on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from form_samples import BOTH, PER, TEXT, WEBANNO, WORDS, write

from diziner.common.errors import UserError
from diziner.forms.choices import NO_CHOICES, Choices, parse_columns
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import LabelledFile, read_plain

TAGS = ["B-PER", "O", "O", "B-LOC"]
NAMES = ("O", "B-PER", "B-LOC")
LIND = [(0, 2, "PER")]
BY = {"start": 0, "end": 4, "text": "Mara", "labels": ["PER"]}
TWO_LINES = {**BY, "end": 9, "text": "Mara\\nLind"}
MIN = {"id": 7, "text": TEXT, "lead_time": 1, "created_at": "x"}
PASSAGE = {"text": TEXT, "offset": 0, "annotations": []}
EXTRACTION = {"extraction_class": "PER", "extraction_text": "Ms Mara", "char_interval": {"start_pos": 0, "end_pos": 4}}


def spans_of(file: LabelledFile) -> list[list[tuple[int, int, str]]]:
    return [[(span.start, span.end, span.type) for span in row.spans] for row in file.annotations]


def tokens_to_label(path: Path, choices: Choices = NO_CHOICES) -> list[list[str]]:
    return [list(document_of(item).tokens) for item in items_of(files_of(path, choices))]


def region(layer: str, start: int, end: int) -> dict[str, Any]:
    return {"from_name": layer, "type": "labels", "value": {"start": start, "end": end, "labels": ["PER"]}}


@pytest.mark.parametrize(
    ("name", "content", "choices", "spans"),
    [
        # What stands between letter and label, and what stands for O.
        ("a.conll", "Mara B/PER\nLind I/PER\nx O\n", {}, [LIND]),
        ("a.conll", "Mara BPER\nLind IPER\nx O\n", {}, [LIND]),
        ("a.conll", "Mara E\nBrand Brand\nx O\n", {}, [[(0, 1, "E"), (1, 2, "Brand")]]),
        ("a.conll", "Mara B-PER\nLind I-PER\nx _\n", {}, [LIND]),
        ("a.conll", "Mara B-PER\nLind I-PER\nx o\n", {}, [LIND]),
        ("a.conllup", "# global.columns = ID FORM NER LEMMA\n1\tMara\tB-PER\tx\n2\tsings\tO\ty\n", {}, [PER]),
        ("a.conll", "Mara per\nLind per\nx o\n", {"scheme": "IO"}, [[(0, 2, "per")]]),
        ("a.tsv", "# id = x\nTOKEN\tNE-LIT\tMISC\nMara\tB-PER\t_\nsings\tO\t_\n", {}, [PER]),
        # Tags that are numbers: of bare labels, in a .txt, and of a token that looks like a comment.
        ("a.conll", "Mara 1\nLind 1\nx 0\n", {"labels": ("O", "PER")}, [LIND]),
        ("a.txt", "Mara 1\nsings 0\n", {"labels": NAMES}, [PER]),
        ("a.conll", "# 0\nMara 1\n", {"labels": NAMES}, [[(1, 2, "PER")]]),
        # Line ends.
        ("a.conll", "Mara B-PER\r\r\nsings O\r\r\n\r\r\nLars B-PER\r\r\n", {}, [PER, PER]),
        ("a.conll", "Mara B-PER\rsings O\r\rLars B-PER\n", {}, [PER, PER]),
        # Names of keys, labels that are objects, numbers that are text, spans as a mapping of lists, two strings.
        *(
            ("a.jsonl", {"text": TEXT, "entities": [{start: 0, end: 4, label: "PER"}]}, {}, [PER])
            for start, end, label in (
                ("begin_offset", "end_offset", "entityLabel"),
                ("startIndex", "endIndex", "ent_type"),
                ("BeginOffset", "EndOffset", "Type"),
                ("start_idx", "end_idx", "nerTag"),
                ("charStart", "charEnd", "label_name"),
                ("offset_start", "offset_end", "label"),
            )
        ),
        ("a.jsonl", {"text": TEXT, "entities": [{"start": 0, "end": 4, "labels": [{"value": "PER"}]}]}, {}, [PER]),
        ("a.jsonl", {"text": TEXT, "entities": [{"start": "0", "end": 4.0, "label": "PER"}]}, {}, [PER]),
        (
            "a.jsonl",
            {"text": TEXT, "entities": {"start": [0, 14], "end": [4, 18], "label": ["PER", "LOC"]}},
            {},
            [BOTH],
        ),
        ("a.jsonl", {"text": TEXT, "entities": [[0, 4, "Mara", "PER"]]}, {}, [PER]),
        ("a.jsonl", {"text": TEXT, "entities": [{**BY, "text": "mara"}]}, {}, [PER]),
        ("a.jsonl", {"text": ["Mara", "sings"], "label": ["B-PER", "O"]}, {}, [PER]),
        # Tags beside a text, or as text.
        ("a.jsonl", {"sentence": TEXT, "tags": TAGS}, {}, [BOTH]),
        ("a.jsonl", {"text": "林小海 在", "labels": ["B-PER", "I-PER", "I-PER", "O"]}, {}, [[(0, 3, "PER")]]),
        ("a.csv", f'sentence,word_labels\n{TEXT},"{",".join(TAGS)}"\n', {}, [BOTH]),
        # Lists in cells as numpy writes them.
        ("a.csv", "tokens,ner_tags\n\"['Mara' 'is'\n 'here']\",\"['B-PER' 'O' 'O']\"\n", {}, [PER]),
        ("a.csv", "tokens,ner_tags\n\"['Mara' 'is']\",[1 0]\n", {"labels": NAMES}, [PER]),
        # A token a row: numbers of sentences begin anew with each document; columns of other names.
        ("a.csv", "doc_id,sent_id,token,label\na,1,Mara,B-PER\nb,1,Lars,B-PER\n", {}, [PER, PER]),
        ("a.csv", "sentence_id,words,labels\n0,Mara,B-PER\n0,Lind,I-PER\n1,Lars,B-PER\n", {}, [LIND, PER]),
        ("a.csv", "sentence_id,text,label\n0,Mara,B-PER\n0,Lind,I-PER\n1,Lars,B-PER\n", {}, [LIND, PER]),
        ("a.csv", "s,w,t\n0,Mara,B-PER\n0,Lind,I-PER\n", {"columns": parse_columns("token=w,tag=t,id=s")}, [LIND]),
        ("a.csv", "sentence_id,word,tag\n0,Mara,1\n0,sings,0\n", {"labels": NAMES}, [PER]),
        # Label Studio: line ends in texts of regions, whose annotations, which layer.
        (
            "a.json",
            [{"data": {"text": "Mara\nLind x"}, "annotations": [{"result": [{"value": TWO_LINES}]}]}],
            {},
            [LIND],
        ),
        (
            "a.json",
            [{**MIN, "annotator": 1, "annotation_id": 1, "label": [BY]}, {**MIN, "annotator": 2, "annotation_id": 2}],
            {"columns": {"annotator": 1}},
            [PER],
        ),
        (
            "a.json",
            [{"data": {"text": TEXT}, "annotations": [{"result": [region("a", 0, 4), region("b", 5, 10)]}]}],
            {"columns": {"spans": "a"}},
            [PER],
        ),
        # BioC within a list or under PubTator's name.
        ("a.json", [{"source": "x", "documents": [{"id": "1", "passages": [PASSAGE]}]}], {}, [[]]),
        (
            "a.json",
            {"PubTator3": [{"id": "1", "passages": [PASSAGE]}, {"id": "2", "passages": [PASSAGE]}]},
            {},
            [[], []],
        ),
        # A text that LangExtract found only roughly is the model's.
        ("a.jsonl", {"text": TEXT, "extractions": [{**EXTRACTION, "alignment_status": "match_fuzzy"}]}, {}, [PER]),
    ],
)
def test_files_of_other_tools_are_read(
    tmp_path: Path, name: str, content: Any, choices: dict[str, Any], spans: list[list[tuple[int, int, str]]]
) -> None:
    path = write(tmp_path / name, content)
    file = read_plain(path, Choices(**choices))
    assert spans_of(file) == spans and file.documents is not None
    # Who labels sees the same texts.
    texts = ["".join(each.text.split()) for each in file.documents.values()]
    to_label = [document_of(item) for item in items_of(files_of(path, Choices(**choices)))]
    assert ["".join(each.text.split()) for each in to_label] == texts
    arrays = read_same_columns([path, path], Choices(**choices))
    assert arrays is None or len(arrays[0].span_starts) == sum(map(len, spans))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.tsv", "Mara\tB-PER\rsings\tO\nLars\tB-PER\n", ":1: line 1 has a carriage return inside"),
        ("a.jsonl", {"text": TEXT, "entities": [[1, 5, "PER"], [15, 19, "LOC"]]}, "were they counted from 1"),
        (
            "a.jsonl",
            {"text": TEXT, "entities": [[0, 4, "B-PER"], [5, 10, "I-PER"]]},
            "labels are tags of single tokens",
        ),
        ("a.csv", "id,word,tag\n0,Mara,B-PER\n1,Lind,I-PER\n", "column 'id' is another in each row"),
        ("a.json", [{"data": {"text": TEXT}, "annotations": []}], "a task that nobody annotated"),
        ("a.jsonl", {"text": TEXT, "entities": [{"label": "X", "spans": [[0, 4], [14, 18]]}]}, "1 discontinuous span"),
        (
            "a.json",
            [{"data": {"text": TEXT}, "annotations": [{"result": [region("a", 0, 4), region("b", 5, 10)]}]}],
            "labels of two layers, 'a' and 'b'; say which to read: --columns spans=a",
        ),
        (
            "a.json",
            [{**MIN, "annotator": who, "annotation_id": who, "label": [BY]} for who in (1, 2)],
            "a second annotation of task 7, by 2 after 1; say whose to read: --columns annotator=ID",
        ),
        ("a.jsonl", {"tokens": WORDS, "ner_tags": [1, 0, 0, 2]}, "tag 1 has no name; --labels FILE says"),
    ],
)
def test_what_would_be_wrong_in_silence_is_refused(tmp_path: Path, name: str, content: Any, reason: str) -> None:
    with pytest.raises(UserError) as refused:
        read_plain(write(tmp_path / name, content))
    assert reason in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "tokens"),
    [
        ("a.conll", "# id x domain=train\nmara _ _ B-PER\nsings _ _ O\n", [["mara", "sings"]]),
        ("a.bio", "B-Plot\taliens\nO\tnow\n", [["aliens", "now"]]),
        ("a.conll", "# O\nMara B-PER\n", [["#", "Mara"]]),
        ("a.tsv", "# id = x\nTOKEN\tNE-LIT\tNE-METO\tX\nMara\tB-PER\tO\t_\nsings\tO\tO\t_\n", [["Mara", "sings"]]),
        ("a.txt", "Mara\rsings\nLars\n", [["Mara", "sings"], ["Lars"]]),
        ("a.txt", "Mara sings\rLars\r\n", [["Mara", "sings"], ["Lars"]]),
        ("a.json", [{**MIN, "annotator": who, "annotation_id": who} for who in (1, 2)], [WORDS]),
    ],
)
def test_labelling_reads_tokens_and_no_tags_or_comments(
    tmp_path: Path, name: str, content: Any, tokens: list[list[str]]
) -> None:
    assert tokens_to_label(write(tmp_path / name, content)) == tokens


def test_integer_tags_with_names_are_no_error_for_labelling(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Mara 1\nsings 0\n")
    assert tokens_to_label(path, Choices(labels=NAMES)) == [["Mara", "sings"]]


def test_a_table_of_texts_without_a_header_is_no_document_of_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "Mara sings\tx\nLars sleeps\ty\n")
    with pytest.raises(UserError, match=r"column 0 holds several words.*--columns token=0"):
        tokens_to_label(path)
    assert tokens_to_label(path, Choices(columns={"tokens": 0})) == [["Mara\u00a0sings", "Lars\u00a0sleeps"]]


@pytest.mark.parametrize("below", ["", "below"])
def test_a_folder_of_brat_is_labelled_as_its_texts_once_each(tmp_path: Path, below: str) -> None:
    (tmp_path / below).mkdir(exist_ok=True)
    write(tmp_path / below / "one.txt", "Mara\nsings")
    write(tmp_path / below / "one.ann", "T1\tPER 0 4\tMara\n")
    assert tokens_to_label(tmp_path) == [["Mara", "sings"]]
    write(tmp_path / "more.jsonl", {"text": "Lars"})
    with pytest.raises(UserError, match=r"more.jsonl: beside files of brat's"):
        files_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "marks", "spans"),
    [
        ("Mara\nLind sings", "T1\tPER 0 4;5 9\tMara Lind\n", LIND),  # as brat cuts at line ends
        ("x\r\ny\r\nMara\r\n", "T1\tPER 4 8\tMara\n", [(2, 3, "PER")]),  # line ends counted as one character
        ("x\r\ny\r\nMara\r\n", "T1\tPER 6 10\tMara\n", [(2, 3, "PER")]),  # and as two
    ],
)
def test_brat_counts_line_ends_as_its_texts_say(
    tmp_path: Path, text: str, marks: str, spans: list[tuple[int, int, str]]
) -> None:
    (tmp_path / "one.txt").write_bytes(text.encode())
    write(tmp_path / "one.ann", marks)
    assert spans_of(read_plain(tmp_path)) == [spans]


def test_brat_without_texts_of_entities_and_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write(tmp_path / "one.txt", f"\ufeff{TEXT}")
    write(tmp_path / "one.ann", "T1\tPER 1 5\n")
    assert spans_of(read_plain(tmp_path)) == [PER]


def test_a_span_of_webanno_without_a_label_is_counted(tmp_path: Path) -> None:
    file = read_plain(write(tmp_path / "a.tsv", WEBANNO.replace("\tLOC", "\t*")))
    assert (spans_of(file), file.repairs) == ([PER], 1)


def test_carriage_returns_inside_lines_of_text_are_counted(tmp_path: Path) -> None:
    from diziner.forms.form import Task
    from diziner.forms.plaintext import text_table

    table = text_table(Task(write(tmp_path / "a.txt", "Mara\rsings\nLars\n")))
    assert len(list(table.rows)) == 2 and table.repairs.total() == 1


def test_a_long_first_line_with_a_carriage_return_does_not_decide(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "x" * 70_000 + "\rMara\nLars\n")
    assert [len(tokens) for tokens in tokens_to_label(path)] == [2, 1]


def test_parquet_may_have_lists_as_text_and_names_of_labels_of_spans(tmp_path: Path) -> None:
    import datasets

    text = pyarrow.table({"text": [TEXT], "entities": [json.dumps([[0, 4, "PER"], [14, 18, "LOC"]])]})
    pyarrow.parquet.write_table(text, tmp_path / "text.parquet")
    assert spans_of(read_plain(tmp_path / "text.parquet")) == [BOTH]
    number, label = datasets.Value("int32"), datasets.ClassLabel(names=["PER", "LOC"])
    features = datasets.Features(
        {"text": datasets.Value("string"), "entities": [{"start": number, "end": number, "label": label}]}
    )
    rows = {"text": [TEXT], "entities": [[{"start": 0, "end": 4, "label": 0}, {"start": 14, "end": 18, "label": 1}]]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "names.parquet"))
    assert spans_of(read_plain(tmp_path / "names.parquet")) == [BOTH]
    tags = datasets.Sequence(datasets.ClassLabel(names=list(NAMES)))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "tags": tags, "pos": tags})
    tagged = {"tokens": [WORDS], "tags": [[1, 0, 0, 2]], "pos": [[0] * 4]}
    datasets.Dataset.from_dict(tagged, features=features).to_parquet(str(tmp_path / "tags.parquet"))
    assert spans_of(read_plain(tmp_path / "tags.parquet")) == [BOTH]
