"""Files of public kinds that were read wrong in silence, or refused without a way on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from form_samples import BOTH, PER, TEXT, WEBANNO, WORDS, write

from diziner.common.errors import UserError
from diziner.corpora.newroom import read_own_texts
from diziner.forms.choices import NO_CHOICES, Choices, parse_columns
from diziner.forms.columnlooks import looks_nearly_like_columns
from diziner.forms.form import Look
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import read_plain

LIND = [(0, 2, "PER")]
TAGGED = ["B-PER", "O", "O", "B-LOC"]
BARE = ["PER", "O", "O", "LOC"]
BY = {"start": 0, "end": 4, "label": "PER"}
OBJECTS = [{"text": word, "pos": "X", "tag": tag} for word, tag in zip(WORDS, TAGGED, strict=True)]
NESTED = {"entity_index": {"begin": 0, "end": 4}, "entity_type": "PER", "entity": "Mara"}


def spans_of(path: Path, choices: Choices = NO_CHOICES) -> list[list[tuple[int, int, str]]]:
    """Return the spans of each document; the arrays of a file, where it can be read so, must have as many."""
    file = read_plain(path, choices)
    arrays = read_same_columns([path, path], choices)
    found = [[(span.start, span.end, span.type) for span in row.spans] for row in file.annotations]
    assert arrays is None or arrays[0].documents == len(found)
    assert arrays is None or len(arrays[0].span_starts) == sum(map(len, found))
    return found


def refusals(path: Path) -> list[str]:
    """Return what scoring and a new room say of a file that both must refuse."""
    said = []
    for read in (read_plain, lambda place: read_own_texts("x", place, None, ("PER", "LOC"), 0.5, 1)):
        with pytest.raises(UserError) as refused:
            read(path)
        said.append(str(refused.value))
    assert not any("\n" in each for each in said)
    return said


@pytest.mark.parametrize(
    ("name", "content", "spans"),
    [
        # What stands for O in words and marks, and the letter behind another mark.
        *(("a.conll", f"Mara B-PER\nLind I-PER\nx {outside}\n", [LIND]) for outside in ("0", "OTHER", "None", "--")),
        *(("a.conll", f"Mara PER{mark}B\nLind PER{mark}I\nx O\n", [LIND]) for mark in ":/."),
        # A document begins within a run of lines.
        ("a.conll", "-DOCSTART- O\nMara B-PER\n-DOCSTART- O\nLind I-PER\nx O\n", [[(0, 1, "PER")], [(0, 1, "PER")]]),
        # Headers of other names, and a first line that names the form.
        ("a.tsv", "FORM\tPOS\tNER\nMara\tX\tB-PER\nsings\tX\tO\n\nLars\tX\tB-PER\n", [PER, PER]),
        ("a.conll", "Token NE\nMara B-PER\nsings O\n", [PER]),
        ("a.conll", WEBANNO, [BOTH]),
        # Columns of sentences of other names.
        *(
            ("a.csv", f"{column},token,tag\n0,Mara,B-PER\n0,sings,O\n1,Lars,B-PER\n", [PER, PER])
            for column in ("sent", "SentenceId", "sentence number", "sid")
        ),
        # Labels in each token, as text, under a place of another name, of spaCy's name without a text.
        ("a.jsonl", {"tokens": OBJECTS}, [BOTH]),
        ("a.json", {"tokens": [{"word": "Mara", "ner": "PER"}, {"word": "x", "ner": "O"}]}, [PER]),
        ("a.jsonl", {"text": TEXT, "entities": '[[0, 4, "PER"], [14, 18, "LOC"]]'}, [BOTH]),
        ("a.jsonl", {"text": TEXT, "entities": [NESTED]}, [PER]),
        (
            "a.jsonl",
            {"tokens": WORDS, "ents": [{"start": 3, "end": 4, "label": "LOC", "text": "Oslo"}]},
            [[(3, 4, "LOC")]],
        ),
    ],
)
def test_files_of_public_kinds_are_read(
    tmp_path: Path, name: str, content: Any, spans: list[list[tuple[int, int, str]]]
) -> None:
    path = write(tmp_path / name, content)
    assert spans_of(path) == spans
    to_label = [len(document_of(item).tokens) for item in items_of(files_of(path))]
    assert len(to_label) == len(spans)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        # Columns in .txt: O is written otherwise, labels are bare, parts of speech, numbers, other marks between cells.
        *(
            ("a.txt", f"Mara {tag}\nLind {tag}\nsings {outside}\n\nOslo LOC\nx {outside}\n", "look like columns")
            for tag, outside in (("PER", "_"), ("PER", "OTHER"), ("PER", "o"), ("B-PER", "0"), ("Person", "none"))
        ),
        ("a.txt", "Mara NNP\nLind NNP\nsings VBZ\n", "look like columns"),
        ("a.txt", "Mara 1\nsings 0\n\nOslo 1\n", "look like columns"),
        ("a.txt", "Mara,B-PER\nLind,I-PER\nsings,O\n", "its words carry tags, as 'Mara,B-PER'"),
        ("a.txt", "Mara/PER sings/O in/O Oslo/LOC\nOslo/LOC sleeps/O\n", "its words carry tags, as 'Mara/PER'"),
        ("a.txt", "Mara|NNP|I-PER sings|VBZ|O\n", "its words carry tags, as 'Mara|NNP|I-PER'"),
        ("a.txt", "<s>\nMara\tB-PER\nx\tO\n</s>\n<s>\nOslo\tB-LOC\nx\tO\n</s>\n", "look like columns"),
        ("a.txt", f"{TEXT}\nB-PER O O B-LOC\n\nLars sleeps\nB-PER O\n", "its words carry tags, as 'B-PER'"),
        ("a.txt", {"text": TEXT, "label": [[0, 4, "PER"]]}, "first line is JSON: --form json"),
        ("a.txt", "id,text\n1,Mara sings\n2,Lars sleeps\n", "first line is a header of a table: --form csv"),
        ("a.txt", "Mara sings\t0,4,PER\nLars sleeps\t\n", "look like columns"),
        # A row a token.
        ("a.json", [{"text": "Mara", "ner": "B-PER"}, {"text": "x", "ner": "O"}], "each row has one word and its tag"),
        ("a.csv", "text,label\nMara,B-PER\nsings,O\n", "each row has one word and its tag"),
        # Mentions without places.
        ("a.jsonl", {"sentence": WORDS, "ner": [{"index": [0], "type": "PER"}]}, "without a start and an end"),
        ("a.jsonl", {"text": TEXT, "mentions": [{"text": "Mara", "type": "PER"}]}, "without a start and an end"),
        ("a.jsonl", {"text": TEXT, "label": {"PER": ["Mara"], "LOC": []}}, "without a start and an end"),
        # A cell that is no tag does not hide the others.
        ("a.iob2", "1\tMara\tB-PER\tx\n2\tsings\tO\tx\n3\tx\tB-LOC\tx\n4\tx\tX\tx\n", "tag 'X' at position 3"),
        # Which column holds tokens, which tags.
        ("a.conll", "NNP Mara B-PER\nNNP Lind I-PER\nVBZ sings O\n", "--columns token=1,tag=2"),
        ("a.conll", " Mara B-PER\n sings O\n", "column 0 is empty in each line.*--columns token=1,tag=2"),
        ("a.conll", "Mara B-PER PER\nLind I-PER PER\nsings O O\n", "columns 1 and 2 both hold tags"),
        ("a.tsv", "T1\tMara\tB-PER\nT2\tsings\tO\nT3\tx\tO\n", "--columns token=1,tag=2"),
        ("a.conll", "id token tag\n1 Mara B-PER\n2 sings O\n", "column 0 numbers the tokens"),
        ("a.conll", "Mara B-PER,B-ORG\nLind I-PER\nsings O\n", "'B-PER,B-ORG' is more than one tag"),
        # Spans that cut tokens.
        ("a.jsonl", {"text": "Maralind x", "tokens": ["Maralind", "x"], "spans": [BY]}, "--spans characters takes"),
        # A table of tokens whose column of sentences has no usual name.
        (
            "a.csv",
            "block,token,tag\n0,Mara,B-PER\n0,sings,O\n1,Lars,B-PER\n1,x,O\n",
            "'block' is the same in.*--columns token=token,tag=tag,id=block",
        ),
        # Labels under other names: bare ones, as text, in one string, inside an object, a row a span.
        ("a.jsonl", {"tokens": WORDS, "gold": BARE}, "'gold' looks like tags: --columns tags=gold"),
        ("a.jsonl", {"tokens": WORDS, "gold": [1, 0, 0, 2]}, "'gold' looks like tags: --columns tags=gold"),
        ("a.csv", f'text,gold\n{TEXT},"[[0, 4, ""PER""]]"\n', "'gold' looks like spans: --columns spans=gold"),
        ("a.csv", f"text,gold\n{TEXT},B-PER O O B-LOC\n", "'gold' looks like tags: --columns tags=gold"),
        ("a.jsonl", {"text": TEXT, "annotation": {"spans": [BY]}}, "there are spans inside 'annotation'"),
        ("a.csv", f"text,start,end,label\n{TEXT},0,4,PER\n{TEXT},14,18,LOC\n", "a row a span"),
        ("a.jsonl", {"text": TEXT, "answer": [[0, 4, "PER"]]}, "'answer' looks like spans: --columns spans=answer"),
    ],
)
def test_what_was_read_wrong_in_silence_is_refused(tmp_path: Path, name: str, content: Any, reason: str) -> None:
    for said in refusals(write(tmp_path / name, content)):
        assert re.search(reason, said)


@pytest.mark.parametrize(
    ("name", "content", "columns", "spans"),
    [
        ("a.jsonl", {"tokens": WORDS, "gold": TAGGED}, "tags=gold", [BOTH]),
        ("a.csv", f'text,gold\n{TEXT},"[[0, 4, ""PER""]]"\n', "spans=gold", [PER]),
        ("a.csv", f"text,gold\n{TEXT},B-PER O O B-LOC\n", "tags=gold", [BOTH]),
        ("a.conll", "NNP Mara B-PER\nNNP Lind I-PER\nVBZ sings O\n", "token=1,tag=2", [LIND]),
        ("a.conll", " Mara B-PER\n sings O\n", "token=1,tag=2", [PER]),
        ("a.csv", "block,token,tag\n0,Mara,B-PER\n0,x,O\n1,Lars,B-PER\n", "token=token,tag=tag,id=block", [PER, PER]),
        ("a.txt", "Mara B-PER\nLind I-PER\nsings 0\n", "token=0,tag=1", [LIND]),
    ],
)
def test_the_option_that_a_refusal_names_reads_the_file(
    tmp_path: Path, name: str, content: Any, columns: str, spans: list[list[tuple[int, int, str]]]
) -> None:
    assert spans_of(write(tmp_path / name, content), Choices(columns=parse_columns(columns))) == spans


@pytest.mark.parametrize(
    "content",
    [
        "Mara Lind\nLars Holm\nOla Berg\n",
        "I like tea.\nYou like tea.\nWe like tea.\nThey drink tea.\n",
        "Chapter One\nChapter Two\nChapter Three\n",
        "Go to and/or from Oslo\nSee a/b\n",
        "NEW YORK\nOLD YORK\n",
        "O Romeo\nO Juliet\nMara sings\n",
    ],
)
def test_texts_are_no_columns(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "a.txt", content)
    assert len(list(items_of(files_of(path)))) == content.count("\n")


def test_gold_of_conllu_is_not_lost_where_a_word_of_several_tokens_has_none(tmp_path: Path) -> None:
    lines = ["1\tMara\t_\tB-PER", "2-3\tim\t_\t_", "2\tin\t_\tO", "3\tdem\t_\tO"]
    path = write(tmp_path / "a.conllu", "\n".join([*lines, "", *lines, ""]))
    texts = read_own_texts("x", path, None, (), 0.5, 1)
    assert [len(each.spans or ()) for each in (*texts.pilot, *texts.test)] == [1, 1]


def test_sentences_of_one_pattern_that_end_in_a_number_are_text(tmp_path: Path) -> None:
    path = tmp_path / "notices.txt"
    path.write_text("".join(f"The train from Oslo to Bergen leaves platform {n}\n" for n in (1, 2, 1, 3)))
    assert not looks_nearly_like_columns(Look(path))
    path.write_text("".join(f"{word} {n}\n" for word, n in zip(WORDS, (1, 0, 0, 2), strict=True)))
    assert looks_nearly_like_columns(Look(path))
