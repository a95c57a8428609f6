"""Numbers of thousands of digits in files of users: a line that says where, and no error of Python's own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from diziner.common.errors import UserError
from diziner.common.tables import width_of
from diziner.forms.choices import NO_CHOICES
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import read_plain

LONG = "9" * 5000
TEXT = "Anna left"


def _brat(folder: Path) -> Path:
    (folder / "a").mkdir()
    (folder / "a/1.txt").write_text(f"{TEXT}\n", encoding="utf-8")
    (folder / "a/1.ann").write_text(f"T1\tPER 0 {LONG}\tAnna\n", encoding="utf-8")
    return folder / "a"


def _file(name: str, content: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    return write


def _label_studio(end: object) -> str:
    value = {"start": 0, "end": end, "text": "Anna", "labels": ["PER"]}
    result = [{"value": value, "from_name": "label", "to_name": "text", "type": "labels"}]
    return json.dumps([{"data": {"text": TEXT}, "annotations": [{"result": result}]}])


BIOC = (
    "<collection><document><id>1</id><passage><offset>0</offset><text>Anna left</text><annotation id='1'>"
    f"<infon key='type'>PER</infon><location offset='0' length='{LONG}'/><text>Anna</text></annotation></passage>"
    "</document></collection>"
)
FILES = {
    "spans": _file("a.jsonl", json.dumps({"text": TEXT, "spans": [{"charStart": "0", "charEnd": LONG, "label": "P"}]})),
    "table of tokens": _file("a.csv", f"token,tag,sentence_id\nAnna,{LONG},1\nleft,0,1\n"),
    "numpy's list": _file("a.csv", f"id,tokens,ner_tags\n1,\"['Anna' 'left']\",\"[{LONG} 0]\"\n"),
    "index": _file("a.conll", f"{LONG}\tAnna\tB-PER\n{LONG}\tleft\tO\n\n"),
    "integer tags": _file("a.conll", f"Anna\t{LONG}\nleft\t0\n\n"),
    "Label Studio": _file("a.json", _label_studio(LONG)),
    "BioC": _file("a.xml", BIOC),
    "PubTator": _file("a.pubtator", f"1|t|{TEXT}\n1|a|.\n1\t0\t{LONG}\tAnna\tPER\n\n"),
    "brat": _brat,
}


@pytest.mark.parametrize("labels", [(), ("O", "B-PER", "I-PER")], ids=["", "with labels"])
@pytest.mark.parametrize("form", FILES)
def test_a_number_of_thousands_of_digits_is_read_or_said_in_a_line(
    form: str, labels: tuple[str, ...], tmp_path: Path
) -> None:
    path = FILES[form](tmp_path)
    choices = replace(NO_CHOICES, labels=labels)
    with contextlib.suppress(UserError):
        read_plain(path, choices)
    with contextlib.suppress(UserError):
        read_same_columns([path, path], choices)


def test_columns_of_the_terminal_that_no_terminal_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", LONG)
    with Path("/dev/null").open("w") as stream:
        assert width_of(stream) > 100
