"""Damaged files: cut, of wrong types, with fields missing or places that do not fit: one line with the place, or the
whole of what the file still says; never a traceback, never less in silence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from form_samples import MIN, PASSAGE, PLACED, SAMPLES, TEXT, WEBANNO, WORDS, XML, write

from diziner.common.errors import UserError
from diziner.forms.choices import Choices
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.standalone.files import LabelledFile, read_plain

WRONG: tuple[Any, ...] = (None, 7, 1.5, "", "x", [], {}, [None], {"a": 1}, "\ud83d")
TASK = {"id": 1, "data": {"text": TEXT}}
REGION = {"type": "labels", "value": {"start": 0, "end": 4, "labels": ["PER"]}}
V2 = [{"orth": "Mara", "ner": "U-PER"}, {"orth": "sings", "ner": "O"}]
JSON = [(form, name, content) for form, name, content, _ in SAMPLES if not isinstance(content, str)]
PUBTATOR = f"12|t|{TEXT}\n12\t0\t4\tMara\tPER\tX\n"


def regions(*found: Any) -> list[Any]:
    return [{**TASK, "annotations": [{"result": list(found)}]}]


def paragraphs(*found: Any) -> list[Any]:
    return [{"id": 0, "paragraphs": list(found)}]


def passages(**changes: Any) -> dict[str, Any]:
    return {"documents": [{"id": "7", "passages": [{**PASSAGE, **changes}]}]}


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from places(each, (*here, key))


def damaged(value: Any) -> Iterator[Any]:
    """Yield a value with something else in each of its places, and without each."""
    for place in places(value):
        if not place:
            yield from WRONG
            continue
        for wrong in (*WRONG, ...):
            changed = copy.deepcopy(value)
            holder = changed
            for key in place[:-1]:
                holder = holder[key]
            if wrong is ...:
                del holder[place[-1]]
            else:
                holder[place[-1]] = wrong
            yield changed


def read_or_refused(path: Path) -> LabelledFile | str:
    try:
        return read_plain(path)
    except UserError as error:
        message = str(error)
        assert "\n" not in message and str(path.parent) in message
        return message


@pytest.mark.parametrize(("form", "name", "content"), JSON)
def test_json_with_anything_anywhere_is_read_or_refused_with_its_place(
    tmp_path: Path, form: str, name: str, content: Any
) -> None:
    for number, value in enumerate(damaged(content)):
        found = read_or_refused(write(tmp_path / name, json.dumps(value)))
        # What is read can be written, and has a type wherever it has a mention.
        if isinstance(found, LabelledFile):
            for row in found.annotations:
                row.id.encode()
                assert all(span.type.encode() for span in row.spans), (form, number)


@pytest.mark.parametrize(("form", "name", "content"), JSON)
def test_json_that_is_cut_is_refused_wherever_the_cut_is(tmp_path: Path, form: str, name: str, content: Any) -> None:
    whole = json.dumps(content)
    for length in range(len(whole)):
        assert isinstance(read_or_refused(write(tmp_path / name, whole[:length])), str), (form, whole[:length])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", {"tokenized_text": WORDS, "ner": [[3, 4, "LOC"]]}, "a.jsonl:1: span [3, 5) is empty or outside"),
        ("a.jsonl", {"tokenized_text": WORDS, "ner": [[2, 1, "LOC"]]}, "a.jsonl:1: span [2, 2) is empty or outside"),
        ("a.jsonl", {"tokenized_text": WORDS, "ner": [[0.0, 0, "LOC"]]}, "span [0.0, 0, 'LOC'] is not [start, end,"),
        ("a.jsonl", {"tokenized_text": TEXT, "ner": []}, "a.jsonl:1: tokens must be a list of strings, found 'Mara"),
        (
            "a.jsonl",
            "\n".join(json.dumps({"tokenized_text": WORDS, key: []}) for key in ("ner", "nre")),
            "a.jsonl:2: neither tags nor spans; one without mentions has the spans []",
        ),
        ("a.json", [[TEXT, {"entities": [[0, 5, "PER"], [0, 99, "PER"]]}]], "row 0: span [0, 99) is empty or outside"),
        ("a.json", [[TEXT, {"entities": [[4, 0, "PER"]]}]], "row 0: span [4, 0) is empty or outside the 18 characters"),
        ("a.json", [[TEXT, {"entities": [["0", "4", "PER"]]}]], "row 0: span ['0', '4', 'PER'] is not [start, end"),
        ("a.json", [[TEXT, {"entities": []}], [TEXT]], "row 1: a row must be a JSON object, found list"),
        ("a.json", paragraphs({"sentences": [{"tokens": V2}]}, 7), "row 0, paragraph 1: a paragraph must be an object"),
        ("a.json", paragraphs({"sentences": [{"token": V2}]}), "row 0: a sentence has no tokens"),
        ("a.json", paragraphs({"sentences": [{"tokens": [*V2, "in"]}]}), "row 0: tokens of a sentence must be objects"),
        ("a.json", paragraphs({"sentences": [{"tokens": [*V2, {"orth": "in"}]}]}), "token 2 'in' has no ner, unlike"),
        ("a.json", paragraphs({"sentences": [{"tokens": [{"ner": "O"}, *V2]}]}), "row 0: tokens must be a list of str"),
        (
            "a.json",
            regions({**REGION, "value": {"start": 0, "labels": ["PER"]}}),
            "row 0: span {'start': 0, 'end': Non",
        ),
        ("a.json", regions({**REGION, "value": {"end": 4, "labels": ["PER"]}}), "row 0: a region has no start"),
        ("a.json", regions(REGION, "x"), "row 0: results of an annotation must be objects, found 'x'"),
        ("a.json", [{**TASK, "annotations": [{"id": 3}]}], "row 0: an annotation has no result"),
        ("a.json", [{**TASK, "annotations": [None]}], "row 0: annotations of a task must be objects, found None"),
        ("a.json", [{**MIN, "label": "PER"}], "row 0: neither tags nor spans; 'label' is neither: 'PER'; one without"),
        ("a.jsonl", {"text": TEXT, "extractions": [*PLACED, None]}, "a.jsonl:1: extraction None is no object"),
        ("a.jsonl", {"text": TEXT, "extractions": [{"char_interval": 7}]}, "is no object with a char_interval"),
        ("a.jsonl", {"text": TEXT, "_task_hash": 1, "answer": "yes"}, "a.jsonl:1: answer 'yes'; allowed: accept, rej"),
        ("a.json", passages(offset="x"), "row 0: offset of a passage must be a whole number, found 'x'"),
        ("a.json", passages(annotations=[{"locations": [{"offset": 5}]}]), "length of a location must be a whole num"),
        ("a.json", {"documents": [{"passages": [PASSAGE, {**PASSAGE, "text": "Other"}]}]}, "before the one before it"),
        ("a.json", {"documents": [{"id": ["7"], "passages": [PASSAGE]}]}, "row 0: id must be a string or a whole num"),
        ("a.xml", XML.replace("length='4'", ""), "a.xml, row 0: length of a location must be a whole number, found N"),
        ("a.xml", XML.replace("<offset>3", "<offset>three"), "row 0: offset of a passage must be a whole number"),
        ("a.xml", XML.replace("Mara</text></ann", "Lars</text></ann"), "its text is 'Lars', but there stands 'Mara'"),
        ("a.txt", PUBTATOR.removesuffix("\tPER\tX\n"), "a.txt:2: a label has a number, a start, an end, its text"),
        ("a.txt", PUBTATOR.replace("\t0\t4", "\t1\t4"), "a.txt:1: span [1, 4) of 'PER' says that its text is 'Mara'"),
        ("a.txt", f"{PUBTATOR}13\t0\t4\tMara\tPER\tX\n", "a.txt:3: labels without a title or an abstract"),
        (
            "a.tsv",
            WEBANNO[: WEBANNO.index("1-3")],
            "its text goes on after its last token: 'in Oslo'; is the file cut?",
        ),
        ("a.tsv", WEBANNO[: WEBANNO.index("\t*\tLOC")], "line 9 has 3 columns, expected 5"),
        ("a.csv", "id,text,spans\n1,Mara sings\n", "a.csv:2: 2 cells, the header has 3"),
        (
            "a.csv",
            'id,spans,text\n1,[],"Mara sings\n',
            "a.csv:2: not a row of this table: unexpected end of data; a cell",
        ),
        ("a.csv", 'id,spans,text\n1,[],"Mara" sings\n', "a.csv:2: not a row of this table: ',' expected after"),
        ("a.jsonl", {"text": TEXT, "spans": [[0, 4, "\ud83d"]]}, "a.jsonl:1: label has half a surrogate pair"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, content: Any, reason: str) -> None:
    assert reason in str(read_or_refused(write(tmp_path / name, content)))


def test_what_is_not_needed_may_be_damaged(tmp_path: Path) -> None:
    """An annotator labels the texts; what somebody said about them is nobody's concern."""
    contents = [
        [{**TASK, "annotations": [{"result": 7}, None]}],
        passages(annotations=[{"locations": 7}]),
        XML.replace("length='4'", ""),
    ]
    for name, content in zip(("a.json", "b.json", "c.xml"), contents, strict=True):
        [document] = [document_of(item) for item in items_of(files_of(write(tmp_path / name, content)))]
        assert document.text == TEXT


def test_a_region_that_nobody_gave_a_label_is_counted(tmp_path: Path) -> None:
    bare = {"type": "labels", "value": {"start": 5, "end": 10}}
    choice = {"type": "choices", "value": {"start": 5, "end": 10, "choices": ["sure"]}}
    file = read_plain(write(tmp_path / "a.json", regions(REGION, bare, choice)))
    assert [span.type for span in file.annotations[0].spans] == ["PER"] and file.repairs == 1


def test_pubtator_without_a_blank_line_between_documents_is_two_documents(tmp_path: Path) -> None:
    file = read_plain(write(tmp_path / "a.txt", PUBTATOR + PUBTATOR.replace("12", "13")))
    assert [(row.id, len(row.spans)) for row in file.annotations] == [("12", 1), ("13", 1)]


@pytest.mark.parametrize(
    ("marks", "reason"),
    [
        ("T1\tPER 0 4\tMara\nT2\tLOC 14", "one.ann:2: no entity of brat"),
        ("T1\tPER 0 4\tMara\nT2\tLOC 14 1", "one.ann:2: an entity without its text; is the file cut?"),
        ("T1\tPER 0 4", "one.ann:1: an entity without its text; is the file cut?"),
        ("T1\tPER 0 4\tMara\nT2\tLOC 14 18\tOs", "says that its text is 'Os', but there stands 'Oslo'"),
        ("T1\tPER 1 5\tMara\n", "span [1, 5) of 'PER' says that its text is 'Mara', but there stands 'ara '"),
        ("T1\tPER 14 99\tOslo\n", "span [14, 99) is empty or outside the 18 characters"),
        ("T1\tPER 4 0\tMara\n", "span [4, 0) of 'PER' says that its text is 'Mara'"),
        ("T1 PER 0 4 Mara\n", "one.ann:1: no entity of brat: T1<tab>LABEL"),
        ("T1\tPER zero 4\tMara\n", "one.ann:1: no entity of brat"),
        ("PER\t0 4\tMara\n", "one.ann:1: no line of brat: each begins with T, R"),
    ],
)
def test_damaged_files_of_brat_are_refused_with_their_line(tmp_path: Path, marks: str, reason: str) -> None:
    write(tmp_path / "one.txt", TEXT)
    (tmp_path / "one.ann").write_text(marks)
    with pytest.raises(UserError) as refused:
        read_plain(tmp_path)
    assert reason in str(refused.value) and "one.ann" in str(refused.value) and "\n" not in str(refused.value)
    # Who labels the texts does not look at them.
    assert [document_of(item).text for item in items_of(files_of(tmp_path, Choices(form="brat")))] == [TEXT]


def test_annotations_of_brat_without_a_text_are_no_loss_in_silence(tmp_path: Path) -> None:
    write(tmp_path / "one.txt", TEXT)
    (tmp_path / "one.ann").write_text("T1\tPER 0 4\tMara\n#1\tAnnotatorNotes T1\tsure\nE1\tSing:T1\nA1\tSure T1\n")
    (tmp_path / "two.ann").write_text("T1\tPER 0 4\tMara\n")
    with pytest.raises(UserError, match=r"two.ann: has no text two.txt beside it"):
        read_plain(tmp_path)


@pytest.mark.parametrize(("start", "end"), [(0, 4), (1, 5)])
def test_a_byte_order_mark_counts_in_brat_if_the_texts_say_so(tmp_path: Path, start: int, end: int) -> None:
    write(tmp_path / "one.txt", f"\ufeff{TEXT}")
    (tmp_path / "one.ann").write_text(f"T1\tPER {start} {end}\tMara\n")
    [row] = read_plain(tmp_path).annotations
    assert row.characters == ((0, 4),)


def test_quotes_in_a_table_with_tabs_are_part_of_the_text_unless_cells_are_quoted(tmp_path: Path) -> None:
    bare = 'sentence_id\ttoken\ttag\n1\t"\tO\n1\tMara\tB-PER\n1\t"\tO\n2\t"x"\tO\n'
    file = read_plain(write(tmp_path / "a.tsv", bare))
    assert file.documents is not None
    assert [each.tokens for each in file.documents.values()] == [('"', "Mara", '"'), ('"x"',)]
    quoted = 'id\ttext\tspans\n1\t"He said ""Mara""\tand\n left"\t[]\n'
    file = read_plain(write(tmp_path / "b.tsv", quoted))
    assert file.documents is not None and file.documents["1"].text == 'He said "Mara"\tand\n left'


def test_empty_columns_of_a_spreadsheet_are_no_columns(tmp_path: Path) -> None:
    table = ",text,,spans,,\n0,Mara sings,,\"[[0, 4, 'PER']]\",,\n1,Nobody,x,[],,\n"
    [first, second] = read_plain(write(tmp_path / "a.csv", table)).annotations
    assert (len(first.spans), len(second.spans)) == (1, 0)
    others = [document_of(item).other for item in items_of(files_of(tmp_path / "a.csv"))]
    assert others == [{"column 0": "0", "column 2": ""}, {"column 0": "1", "column 2": "x"}]


@pytest.mark.parametrize("name", ["state.json", "dataset_info.json"])
@pytest.mark.parametrize("content", ["null", "[]", "7", "{}", '{"_data_files": 7}', "{", "[" * 100_000])
def test_a_damaged_folder_of_datasets_is_refused_in_one_line(tmp_path: Path, name: str, content: str) -> None:
    from datasets import Dataset

    Dataset.from_dict({"tokens": [["Mara"]], "ner_tags": [["B-PER"]]}).save_to_disk(tmp_path / "set")
    (tmp_path / "set" / name).write_text(content)
    found = read_or_refused(tmp_path / "set")
    assert not isinstance(found, str) or "not a folder of Dataset.save_to_disk" in found
    assert isinstance(found, str) or [len(row.spans) for row in found.annotations] == [1]
