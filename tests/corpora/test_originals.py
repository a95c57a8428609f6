"""Originals made local files: columns, the seeded cut, ACE 2005 and GENIA as they are given out (documents of ours)."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from projects import ROOT, Project, copy_project

from diziner.common.errors import UserError
from diziner.common.yamlfile import read_yaml
from diziner.corpora import genia
from diziner.corpora.ace2005 import SPLIT_LISTS, sentences
from diziner.corpora.card import load_card
from diziner.corpora.originals import convert, cut
from diziner.corpora.rows import Row

TYPES = load_card(ROOT / "data/ace2005").types
SGM = """<DOC>
<DOCID> {name} </DOCID>
<DOCTYPE SOURCE="newswire"> NEWS STORY </DOCTYPE>
<DATETIME> 2003-04-12T00:00:00 </DATETIME>
<BODY>
<HEADLINE>
Talks at Smith &amp; Sons
</HEADLINE>
<TEXT>
<TURN>
<SPEAKER> ANN LEE </SPEAKER>
Mr. Jones of Smith &amp; Sons met the
governor of Basra, the U.S. envoy and "the
New   York mayor." He left.

They came
</TURN>
</TEXT>
</BODY>
</DOC>
"""
HEADS = [  # head as in the text, which of its places, type of entity, whether its end leaves the escape out
    ("Smith &amp; Sons", 0, "ORG", False),
    ("ANN LEE", 0, "PER", False),
    ("Jones", 0, "PER", False),
    ("Smith &amp; Sons", 1, "ORG", True),
    ("governor", 0, "PER", False),
    ("Basra", 0, "GPE", False),
    ("U.S.", 0, "GPE", False),
    ("envoy", 0, "PER", False),
    ("New   York", 0, "GPE", False),
    ("mayor", 0, "PER", False),
    ("He", 0, "PER", False),
    ("They", 0, "XYZ", False),
]


def apf(name: str, heads: list[tuple[str, int, str, bool]], raw: str) -> str:
    entities = []
    for number, (head, which, kind, short) in enumerate(heads):
        place = [match.start() for match in re.finditer(re.escape(head), raw)][which]
        said = html.unescape(head)
        end = place + len(said if short else head) - 1
        seq = f'<charseq START="{place}" END="{end}">{escape(said)}</charseq>'
        extent = f'<charseq START="{max(0, place - 4)}" END="{end}">the {escape(said)}</charseq>'
        entities.append(
            f'<entity ID="{name}-E{number}" TYPE="{kind}" SUBTYPE="Other" CLASS="SPC">'
            f'<entity_mention ID="{name}-E{number}-1" TYPE="NAM"><extent>{extent}</extent><head>{seq}</head>'
            "</entity_mention></entity>"
        )
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE source_file SYSTEM "apf.v5.1.1.dtd">\n'
        f'<source_file URI="{name}.sgm" SOURCE="newswire" TYPE="text"><document DOCID="{name}">\n'
        + "\n".join(entities)
        + "\n</document></source_file>\n"
    )


def write_document(folder: Path, name: str, heads: list[tuple[str, int, str, bool]] = HEADS) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    text = SGM.format(name=name)
    sgm, annotation = folder / f"{name}.sgm", folder / f"{name}.apf.xml"
    sgm.write_text(text, encoding="utf-8")
    annotation.write_text(apf(name, heads, re.sub(r"<[^<>]*>", "", text)), encoding="utf-8")
    return annotation, sgm


def marked(row: Row) -> str:
    """A row's text with its spans in brackets."""
    text = str(row.value["text"])
    for start, end, label in sorted(row.value["spans"], reverse=True):
        text = f"{text[:start]}[{text[start:end]}|{label}]{text[end:]}"
    return text


def headed(xml: str, start: int, end: int, said: str) -> str:
    """The annotation with the head "Basra" said otherwise, from and to so many characters off its first."""

    def other(match: re.Match[str]) -> str:
        return f'<head><charseq START="{int(match[1]) + start}" END="{int(match[1]) + end}">{said}</charseq>'

    changed = re.sub(r'<head><charseq START="(\d+)" END="\d+">Basra</charseq>', other, xml)
    assert changed != xml
    return changed


def test_a_mark_of_byte_order_and_blanks_of_a_head_move_no_mention(tmp_path: Path) -> None:
    annotation, sgm = write_document(tmp_path, "XIN_1")
    plain = [marked(row) for row in sentences(annotation, sgm, "XIN_1", TYPES)]
    annotation.write_text(headed(annotation.read_text(), -1, 4, " Basra"))
    sgm.write_text(f"\ufeff{sgm.read_text()}", encoding="utf-8")
    assert [marked(row) for row in sentences(annotation, sgm, "XIN_1", TYPES)] == plain


def test_sentences_of_an_ace_document(tmp_path: Path) -> None:
    rows = list(sentences(*write_document(tmp_path, "XIN_1"), "XIN_1", TYPES))
    assert [marked(row) for row in rows] == [
        "Talks at [Smith & Sons|ORG]",
        "[ANN LEE|PER]",
        "Mr. [Jones|PER] of [Smith & Sons|ORG] met the [governor|PER] of [Basra|GPE], the [U.S.|GPE] [envoy|PER] "
        'and "the [New York|GPE] [mayor|PER]."',
        "[He|PER] left.",
        "They came",
    ]
    assert [row.value["id"] for row in rows] == [f"XIN_1-{n:03}" for n in range(5)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xml: xml.replace(">Basra<", ">Basrah<"), "the head is 'Basrah', but 'Basra' stands at "),
        (lambda xml: xml.replace('START="', 'BEGIN="'), "no TYPE, or no head with a charseq of START and END"),
        (lambda xml: xml[: len(xml) // 2], "not XML"),
        (lambda xml: headed(xml, 0, -1, ""), "the head is '', but '' stands at "),
        (lambda xml: headed(xml, -1, -1, " "), "the head is ' ', but ' ' stands at "),
    ],
)
def test_annotations_that_do_not_fit_are_refused(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    annotation, sgm = write_document(tmp_path, "XIN_1")
    annotation.write_text(change(annotation.read_text()))
    with pytest.raises(UserError) as error:
        list(sentences(annotation, sgm, "XIN_1", TYPES))
    assert message in str(error.value) and str(annotation) in str(error.value) and "\n" not in str(error.value)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("originals") / "project", ())


def test_ace_is_converted_by_the_usual_lists(project: Project, tmp_path: Path) -> None:
    english = tmp_path / "ace_2005_td_v7/data/English"
    lists = read_yaml(SPLIT_LISTS)
    ids = {part: [(kind, name) for kind, own in lists[part].items() for name in own.split()] for part in lists}
    assert {part: len(set(own)) for part, own in ids.items()} == {"train": 370, "dev": 43, "test": 51}
    assert len({name for own in ids.values() for _, name in own}) == 464
    for number, (kind, name) in enumerate([*ids["train"], *ids["test"]]):
        # The annotation that others would overrule is beside the final one.
        write_document(english / kind / ("timex2norm" if number % 2 else "adj"), name)
    words = ("data", "convert", "ace2005", "--from", str(tmp_path / "ace_2005_td_v7"), "--into", str(tmp_path / "mine"))
    said = project.diziner_here(*words).stdout
    assert f"{tmp_path}/mine/ace2005: documents: 1850 pilot, 255 test (the card has no counts)" in said
    rows = [json.loads(line) for line in (tmp_path / "mine/ace2005/test.jsonl").read_text().splitlines()]
    assert rows[0]["id"] == "CNN_CF_20030304.1900.02-000"
    assert rows[0]["text"] == "Talks at Smith & Sons" and rows[0]["spans"] == [[9, 21, "ORG"]]
    # What is written is what the source `local` reads.
    project.edit_params(lambda p: p["corpus"].update(source={"default": "sample", "ace2005": "local"}))
    checked = project.diziner_here("data", "check", "ace2005", "--local", str(tmp_path / "mine")).stdout
    assert "found, card has no counts" in checked and "1850" in checked and "not here" not in checked
    refused = project.diziner_here(*words, check=False)
    assert "pilot.jsonl: is there already; --force writes over it" in refused.stderr
    (english / "nw/timex2norm").rename(english / "nw/lost")
    refused = project.diziner_here(*words, "--force", check=False)
    assert refused.returncode == 2 and "documents are missing, such as nw/" in refused.stderr


def test_columns_are_converted_whole_or_cut(project: Project, tmp_path: Path) -> None:
    original = tmp_path / "MIT"
    original.mkdir()
    for split, count in (("train", 2500), ("test", 40)):
        lines = [f"O\tfilm{n}\nB-ACTOR\tbond\nI-ACTOR\t{split if n > 9 else 'same'}\n" for n in range(count)]
        (original / f"{split}.txt").write_text("\n".join(lines))
    card = load_card(ROOT / "data/mit_movie")
    whole = convert(card, original)
    assert [len(whole.splits[split]) for split in ("pilot", "test")] == [2500, 40]
    assert whole.splits["test"][0].document.id == "mit_movie-test-00000"
    small = cut(card, whole)
    kept = list(range(10, 2500))  # ten are in the test split
    random.Random(13).shuffle(order := list(range(len(kept))))
    assert [each.document.id for each in small.splits["pilot"]] == [
        f"mit_movie-train-{kept[place]:05}" for place in order[:2000]
    ]
    assert small.splits["test"] == whole.splits["test"] and small.dropped == 10
    words = ("data", "convert", "mit_movie", "--from", str(original), "--into", str(tmp_path / "mine"))
    refused = project.diziner_here(*words, check=False)
    assert refused.returncode == 2
    assert "documents are written (2500 pilot, 40 test), and not as the card says: test sentences" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fabner", "--from", "."), "fabner: its card says nothing of an original to convert; From figshare item"),
        (("genia", "--from", "."), "no GENIAcorpus3.02.xml in it or in a folder of it"),
        (("mit_movie", "--from", "nowhere"), "nowhere: no such folder; it is to hold train.txt, test.txt"),
        (("mit_movie", "--from", "."), "train.txt: no such file; mit_movie is converted from train.txt, test.txt"),
        (("ace2005", "--from", "."), "no folder nw in it, in its English or its data/English"),
    ],
)
def test_what_cannot_be_converted_is_said_in_a_line(project: Project, words: tuple[str, ...], message: str) -> None:
    refused = project.diziner_here("data", "convert", *words, "--into", "mine", check=False)
    assert refused.returncode == 2 and message in refused.stderr and refused.stderr.count("\n") == 1


def test_without_a_folder_to_write_to_it_is_asked_for(project: Project) -> None:
    project.diziner_here("use", "embedded")
    refused = project.diziner_here("data", "convert", "mit_movie", "--from", ".", check=False)
    assert "--into: name a folder for the files, or set corpus.local_dir in params.yaml" in refused.stderr


GENIA_TYPES = load_card(ROOT / "data/genia").types
GENIA_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/css" href="gpml.css"?>
<!DOCTYPE set SYSTEM "gpml.dtd">
<set>
<import resource="GENIAontology.daml" prefix="G"></import>
"""
GENIA_SENTENCES = [  # as the corpus marks terms; with ours in brackets
    (
        '<cons lex="ABC-1_gene_expression" sem="G#other_name"><cons lex="ABC-1_gene" sem="G#DNA_domain_or_region">'
        '<cons lex="ABC-1" sem="G#protein_molecule">ABC-1</cons> gene</cons> expression</cons> in <cons lex="T_cell" '
        'sem="G#cell_type">T cells</cons> needs <cons lex="x" sem="G#protein_N/A">x</cons>.',
        "[ABC-1 gene|DNA] expression in [T cells|cell_type] needs [x|protein].",
    ),
    (
        'Both <cons lex="(AND B_cell T_cell)" sem="(AND G#cell_type G#cell_type)"><cons lex="B*">B</cons> and '
        '<cons lex="T*">T</cons> <cons lex="*cell">cells</cons></cons> of\n'
        '<cons lex="(OR u_site v_site)" sem="(OR G#DNA_domain_or_region G#DNA_domain_or_region)"><cons lex="u" '
        'sem="G#protein_molecule"><cons lex="u*">u</cons></cons> or <cons lex="v*">v</cons> <cons lex="*site">sites'
        "</cons></cons>",
        "Both B and T cells of [u|protein] or v sites",
    ),
    (
        ' At   &lt; 5 %, <cons lex="Zed_line" sem="G#cell_line"> Zed\n  line </cons>has <cons lex="abc_mRNA" '
        'sem="G#RNA_molecule">abc mRNA</cons> and <cons lex="virus" sem="G#virus">a virus</cons>. ',
        "At < 5 %, [Zed line|cell_line] has [abc mRNA|RNA] and a virus.",
    ),
]


def genia_corpus(articles: int) -> str:
    """Articles of a title and three sentences, the last ones' texts told apart."""
    parts = [GENIA_HEAD]
    for number in range(articles):
        told = [f"<sentence>{text}</sentence>" for text, _ in GENIA_SENTENCES]
        told[1] = told[1].replace("Both", f"Both {number}")
        parts.append(
            f"<article>\n<articleinfo>\n<bibliomisc>MEDLINE:{number}</bibliomisc>\n</articleinfo>\n<title>\n<sentence>"
            f'On <cons lex="x" sem="G#protein_molecule">x{number}</cons></sentence>\n</title>\n<abstract>\n'
            + "\n".join(told)
            + "\n</abstract>\n</article>\n"
        )
    return "".join([*parts, "</set>\n"])


def test_genia_has_the_outermost_terms_of_its_five_classes(tmp_path: Path) -> None:
    path = tmp_path / genia.FILE
    path.write_text(genia_corpus(1), encoding="utf-8")
    rows = list(genia.sentences(path, GENIA_TYPES))
    wanted = [text.replace("Both", "Both 0") for _, text in GENIA_SENTENCES]
    assert [marked(row) for row in rows] == ["On [x0|protein]", *wanted]
    assert rows[2].where == f"{path}: MEDLINE:0, sentence 2"


def test_genia_is_converted_by_tenths_of_its_sentences(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "GENIA_term_3.02"
    folder.mkdir()
    (folder / genia.FILE).write_text(genia_corpus(12), encoding="utf-8")  # 48 sentences: 4 for tests, 4 of 44 before
    words = ("data", "convert", "genia", "--from", str(tmp_path), "--into", str(tmp_path / "mine"))
    done = project.diziner_here(*words, check=False)
    assert done.returncode == 2 and "documents are written (4 pilot, 4 test), and not as the card says" in done.stderr
    rows = {
        split: [json.loads(line) for line in (tmp_path / f"mine/genia/{split}.jsonl").read_text().splitlines()]
        for split in ("pilot", "test")
    }
    assert [row["id"] for row in rows["test"]] == [f"genia-test-{n:05}" for n in range(4)]
    assert [row["text"][:8] for row in rows["test"]] == ["On x11", "ABC-1 ge", "Both 11 ", "At < 5 %"]
    assert [row["text"][:8] for row in rows["pilot"]] == ["On x10", "ABC-1 ge", "Both 10 ", "At < 5 %"]
    assert rows["test"][3]["spans"] == [[10, 18, "cell_line"], [23, 31, "RNA"]]
    # Without the texts of the test split, as the card's smaller copy is.
    project.diziner_here(*words, "--cut", "--force", check=False)
    cut_rows = (tmp_path / "mine/genia/pilot.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"][:8] for line in cut_rows] == ["On x10", "Both 10 "]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no GENIAcorpus3.02.xml in it or in a folder of it"),
        (GENIA_HEAD, "not XML"),
        (GENIA_HEAD + "</set>", "0 sentences with no term of protein, DNA, RNA, cell_type, cell_line"),
        (genia_corpus(3).replace("cons", "term"), "12 sentences with no term of protein"),
    ],
)
def test_a_file_that_is_not_genias_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / genia.FILE).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        convert(load_card(ROOT / "data/genia"), tmp_path)
    assert message in str(error.value) and "\n" not in str(error.value)
