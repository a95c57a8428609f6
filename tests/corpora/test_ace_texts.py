"""ACE documents of ours in which every character is counted: sentences, escapes, splits; and GENIA's blanks."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from diziner.common.errors import UserError
from diziner.corpora import ace2005, genia
from diziner.corpora.ace2005 import sentences, split_tables

TYPES = ("PER", "ORG")


def write(folder: Path, name: str, sgm: str, *heads: tuple[str, int, str]) -> tuple[Path, Path]:
    """Write a document and its annotation; a head has its words, its start in the text without tags, and its type."""
    entities = "".join(
        f'<entity TYPE="{kind}"><entity_mention ID="m{start}"><head>'
        f'<charseq START="{start}" END="{start + len(said) - 1}">'
        f"{said.replace('&', '&amp;')}</charseq></head></entity_mention></entity>"
        for said, start, kind in heads
    )
    folder.mkdir(parents=True, exist_ok=True)
    text, annotation = folder / f"{name}.sgm", folder / f"{name}.apf.xml"
    text.write_text(sgm, encoding="utf-8")
    annotation.write_text(f"<source_file><document>{entities}</document></source_file>", encoding="utf-8")
    return annotation, text


def read(folder: Path, sgm: str, *heads: tuple[str, int, str]) -> list[tuple[str, list[tuple[str, str]]]]:
    rows = list(sentences(*write(folder, "D", sgm, *heads), "D", TYPES))
    assert [row.value["id"] for row in rows] == [f"D-{n:03}" for n in range(len(rows))]
    return [
        (row.value["text"], [(row.value["text"][start:end], label) for start, end, label in row.value["spans"]])
        for row in rows
    ]


def test_a_mention_may_begin_and_end_its_sentence(tmp_path: Path) -> None:
    sgm = "<DOC>Zed<BODY>Ann met Bob<TURN>Cy</TURN></BODY>Eve</DOC>"
    heads = [("Zed", 0, "PER"), ("Ann", 3, "PER"), ("Bob", 11, "PER"), ("Cy", 14, "PER"), ("Eve", 16, "PER")]
    assert read(tmp_path, sgm, *heads) == [("Ann met Bob", [("Ann", "PER"), ("Bob", "PER")]), ("Cy", [("Cy", "PER")])]
    # Without the tags of a body all of it is one.
    assert read(tmp_path, "Ann met Bob", ("Bob", 8, "PER")) == [("Ann met Bob", [("Bob", "PER")])]
    assert read(tmp_path, "x<body>Ann met<b>Bob", ("Bob", 8, "PER")) == [("Ann met", []), ("Bob", [("Bob", "PER")])]


def test_escapes_and_blanks_move_what_stands_behind_them(tmp_path: Path) -> None:
    sgm = "<BODY>  A &amp;&lt;B&GT; \n\t co  met &quot;Ann&apos;s&quot; Bob  </BODY>"
    raw = sgm.removeprefix("<BODY>").removesuffix("</BODY>")
    heads = [("A &amp;&lt;B&GT; \n\t co", "ORG"), ("Ann", "PER"), ("Bob", "PER")]
    places = [(said, raw.index(said), kind) for said, kind in heads]
    [(text, spans)] = read(tmp_path, sgm, *places)
    assert text == 'A &<B> co met "Ann\'s" Bob'
    assert spans == [("A &<B> co", "ORG"), ("Ann", "PER"), ("Bob", "PER")]


def test_sentences_end_behind_closing_marks_and_at_empty_lines_alone(tmp_path: Path) -> None:
    text = (
        "He left. \"Why?\" 'So what!') She asked. no one, not Dr. Who, spoke to J. Doe of the U.S. and the Sen. "
        "Ames... Then it ended.\nStill here\n \t\nAnd No. 5 too! (Yes.) 7 came"
    )
    assert [said for said, _ in read(tmp_path, f"<BODY>{text}</BODY>")] == [
        "He left.",
        '"Why?"',
        "'So what!')",
        "She asked. no one, not Dr. Who, spoke to J. Doe of the U.S. and the Sen. Ames...",
        "Then it ended.",
        "Still here",
        "And No. 5 too!",
        "(Yes.)",
        "7 came",
    ]
    # Never inside a mention.
    assert [said for said, _ in read(tmp_path, "<BODY>At Yahoo! Inc. He. Left</BODY>", ("Yahoo! Inc.", 3, "ORG"))] == [
        "At Yahoo! Inc.",
        "He.",
        "Left",
    ]


def test_a_head_may_be_longer_than_counted_but_not_elsewhere(tmp_path: Path) -> None:
    sgm = "<BODY>At R&amp;D they met</BODY>"
    annotation, text = write(tmp_path, "D", sgm, ("R&D", 3, "ORG"))  # counted as if it were three characters
    [row] = sentences(annotation, text, "D", TYPES)
    assert row.value["spans"] == [[3, 6, "ORG"]] and row.value["text"] == "At R&D they met"
    annotation, text = write(tmp_path, "D", sgm, ("R&D", 4, "ORG"))
    with pytest.raises(UserError, match=r"m4: the head is 'R&D', but '&am' stands at 4 to 6 of the text"):
        list(sentences(annotation, text, "D", TYPES))


def test_splits_are_those_of_the_lists_from_the_better_annotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = tmp_path / "lists.yaml"
    lists.write_text("train: {nw: one two, bn: three}\ntest: {nw: four}\n")
    monkeypatch.setattr(ace2005, "SPLIT_LISTS", lists)
    english = tmp_path / "ace/data/English"
    for kind, part, name, text in (
        ("nw", "timex2norm", "one", "Ann came"),
        ("nw", "adj", "one", "Nobody came"),
        ("nw", "adj", "two", "Bob came"),
        ("bn", "adj", "three", "Cy came"),
        ("nw", "adj", "four", "Dee came"),
    ):
        write(english / kind / part, name, f"<BODY>{text}</BODY>")
    for folder in (english, english.parent, english.parent.parent):
        tables = list(split_tables(folder, "pilot", TYPES))
        assert [(table.split, [row.value["text"] for row in table.rows]) for table in tables] == [  # type: ignore[union-attr]
            ("one", ["Ann came"]),
            ("two", ["Bob came"]),
            ("three", ["Cy came"]),
        ]
    assert [table.split for table in split_tables(english, "test", TYPES)] == ["four"]
    (english / "nw/adj/two.sgm").unlink()
    with pytest.raises(
        UserError, match=r"1 of the 3 train documents are missing, such as nw/two \(\.apf\.xml and \.sgm"
    ):
        list(split_tables(english, "pilot", TYPES))
    with pytest.raises(UserError, match="no folder nw in it, in its English or its data/English"):
        list(split_tables(tmp_path, "pilot", TYPES))


@pytest.mark.parametrize(
    ("marked", "text", "spans"),
    [
        ("<cons sem='G#protein'> a </cons> b", "a b", [[0, 1, "protein"]]),
        ("x <cons sem='G#protein'> a</cons>  b ", "x a b", [[2, 3, "protein"]]),
        ("x<cons sem='G#protein'> a</cons>", "x a", [[2, 3, "protein"]]),
        ("x<cons sem='G#protein_N/A'> </cons>y", "x y", []),
        ("<cons sem='G#proteins'>a</cons> <term sem='G#protein'>b</term> <cons>c</cons>", "a b c", []),
        ("<cons sem='G#protein'>a <cons sem='G#DNA'>b</cons> c</cons> d", "a b c d", [[0, 5, "protein"]]),
        ("<cons sem='G#other'>a <cons sem='G#DNA_x'>b</cons> c</cons>d", "a b cd", [[2, 3, "DNA"]]),
    ],
)
def test_blanks_around_and_inside_of_genias_terms(marked: str, text: str, spans: list[list[object]]) -> None:
    element = fromstring(f"<sentence>{marked}</sentence>")
    assert genia._marked(element, ["protein", "DNA"]) == (text, spans)


def test_genias_splits_are_tenths_counted_from_the_end(tmp_path: Path) -> None:
    told = "".join(f"<sentence><cons sem='G#DNA'>s{n}</cons></sentence>" for n in range(25))
    (tmp_path / genia.FILE).write_text(f"<set><article>{told}</article></set>")
    for split, name, wanted in (("pilot", "dev", ["s21", "s22"]), ("test", "test", ["s23", "s24"])):
        [table] = genia.split_tables(tmp_path, split, ["DNA"])
        assert (table.split, [row.value["text"] for row in table.rows]) == (name, wanted)  # type: ignore[union-attr]
