"""Three readers' paths, each from an empty folder to its result, by the commands that the pages show, as they stand."""

from __future__ import annotations

import ast
import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_blocks import Block, Reader, blocks_of, commands_of
from projects import ROOT
from test_annotation_day import corrected

from diziner.guideline.file import load_guideline
from diziner.labelling.row_files import read_rows
from diziner.scripted.habits import Served
from diziner.scripted.server import ScriptedServer

README = (ROOT / "README.md").read_text(encoding="utf-8")
WAYS = re.findall(
    r"^### You .*?\n\n```bash\n(.*?)^```.*?\]\(docs/(tutorial-\w+\.md)\)", README, re.DOTALL | re.MULTILINE
)
TUTORIALS = ("tutorial-student.md", "tutorial-annotation.md", "tutorial-gate.md")
URL = "http://localhost:8000/v1"
# What a server lists beside three annotators, one of whom refines: nobody has these at home.
ODD = {"scripted-random", "scripted-lazy", "scripted-twin", "scripted-reader", "scripted-supervisor"}
PRODUCTS = ("Router X1", "Phone Z", "CloudBox", "Laptop Pro 14", "PrintMate")
PEOPLE = ("Anna Berg", "Mr. Chen", "Olga", "Tom Hardy", "Li Wei")
FIRMS = ("Acme Corp", "Globex", "Initech", "Umbrella GmbH")
SENTENCES = (
    "{who} from {firm} says the {what} does not start since Monday.",
    "Ticket by {who}: {what} loses WiFi, order {number}.",
    "The {what} I bought at {firm} is broken!",
    "Hello, {firm} support? My {what} overheats. Regards, {who}",
)
KNOWN = "#!/bin/sh\nsed -i 's/Every product that is mentioned/Every named product, not a kind of product/' \"$1\"\n"


def first_block(page: str) -> Block:
    """The block with which a tutorial begins in an empty folder."""
    return next(block for block in commands_of(page) if block.lines[0].startswith("diziner init "))


def commands(block: Block) -> list[str]:
    return [command for line in block.lines for command in line.split(" && ")]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(served=Served(gone=frozenset(ODD))) as running:
        yield running


@pytest.fixture
def reader(tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Someone in an empty folder whose server has another port, and who knows what a product is."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for the stages that a command in this process starts
    editor = tmp_path / "editor"
    editor.write_text(KNOWN)
    editor.chmod(0o755)
    empty = tmp_path / "empty"
    empty.mkdir()
    instead = {URL: server.base_url, "report --open": "report", "${EDITOR:-nano}": str(editor)}
    return Reader(empty, instead)


def test_the_readme_has_three_ways_in_that_are_those_of_the_tutorials() -> None:
    assert tuple(page for _, page in WAYS) == TUTORIALS
    for block, page in WAYS:
        assert block == first_block(page).text


@pytest.mark.parametrize("page", TUTORIALS)
def test_a_way_takes_under_ten_commands_and_no_line_of_yaml(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    block = first_block(page)
    before = blocks_of(page)[: block.number + 1]
    lines = sum(len(each.text.splitlines()) for each in before if each.language in {"yaml", "yml"})
    with capsys.disabled():
        print(f"\n{page}: {len(commands(block))} commands, {lines} lines of YAML", end="")  # noqa: T201
    assert len(commands(block)) < 10 and lines == 0


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_a_student_with_a_server_gets_a_refined_guideline_and_a_score(reader: Reader, server: ScriptedServer) -> None:
    [block] = commands_of("tutorial-student.md")
    said = reader.types(block)
    assert "3 models of 127.0.0.1" in said and re.search(r"^conll2003 +12 +2 ", said, re.MULTILINE)
    assert (reader.folder / "report.html").stat().st_size > 50_000
    assert load_guideline(reader.folder / "data/conll2003/rounds/r1/guideline.yaml").common
    asked = server.requests
    assert "unchanged" in reader.types(Block("", 0, "sh", "diziner repro\n", "")) and server.requests == asked


def test_two_hundred_tickets_become_a_labelled_corpus_and_a_list_of_doubts(reader: Reader) -> None:
    texts = tickets(200)
    with (reader.folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *((f"T{n}", text) for n, text in enumerate(texts))])
    above = reader.folder
    way, again, after = commands_of("tutorial-annotation.md")
    said = reader.types(way)
    assert "140 documents for pilot sets, 60 to test on" in said and "conll2003" not in said
    guideline = load_guideline(reader.folder / "data/tickets/final/guideline.yaml")
    assert [each.label for each in guideline.types] == ["PERSON", "PRODUCT", "COMPANY"]
    labelled = [row for path in sorted((above / "labels").glob("0*.jsonl")) for row in read_rows(path)]
    assert [(row["id"], row["text"]) for row in labelled] == [(f"T{n}", text) for n, text in enumerate(texts)]
    held_out = {row["id"] for row in read_rows(reader.folder / "data/tickets/final/predictions.selected.jsonl")}
    assert len(held_out) == 60 and held_out < {row["id"] for row in labelled}, "the same names in room and labels"
    assert len(json.loads((above / "corpus.json").read_text())) == 200
    said = reader.types(again)
    assert "(0 shards there before)" in said and "finished  tickets annotate@scripted_careful-round0" in said
    review = json.loads((above / "labels/review.json").read_text())
    assert 0 < len(review) < 200
    # Nothing shipped is in the way of what the project says of itself.
    for words in (("status",), ("summary",), ("verify",), ("plan",)):
        own = reader.diziner_here(*words).stdout
        assert "tickets" in own or words[0] in {"verify", "plan"}
        assert not re.search("conll2003|ace2005|unlinked", own), own

    (above / "reviewed.json").write_text(json.dumps(corrected(review)), encoding="utf-8")
    assert '"calibration"' in reader.types(after)
    assert len(json.loads((above / "corrected.json").read_text())) == 200


def test_an_engineer_gets_a_gate_that_holds_back_what_was_not_run(reader: Reader, server: ScriptedServer) -> None:
    way, change = commands_of("tutorial-gate.md")
    said = reader.types(way)
    assert "passed: 1 benchmark" in said and "diziner-gate.yml: written" in said
    tracked = reader.run("git", "ls-files").stdout.split()
    assert ".github/workflows/diziner-gate.yml" in tracked and "metrics/final/conll2003.json" in tracked
    held = reader.types(change)
    assert re.search(r"FAIL +conll2003 +state +stale: data/conll2003/guideline.yaml changed", held)
    assert held.rstrip().endswith("held back") and server.requests == 0


def tickets(count: int) -> list[str]:
    draw = random.Random(7)
    return [
        draw.choice(SENTENCES).format(
            who=draw.choice(PEOPLE), firm=draw.choice(FIRMS), what=draw.choice(PRODUCTS), number=1000 + number
        )
        for number in range(count)
    ]


def messages() -> list[str]:
    """Every text in the library and the launcher of stages, with `…` for what is put in."""
    found = [(ROOT / "stages/run").read_text(encoding="utf-8")]
    for path in (ROOT / "diziner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
    return found


def test_each_message_of_the_page_on_troubles_is_one_that_is_given() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 30
    known = messages()
    unknown = []
    for row in rows:
        pattern = re.compile(".*".join(re.escape(part) for part in row.split("…")), re.DOTALL)
        if not any(pattern.search(text) for text in known):
            unknown.append(row)
    assert unknown == []
