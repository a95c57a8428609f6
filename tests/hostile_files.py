"""Hostile files, a case of each kind: what editors, exports, transfers and people make of files of documents."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from form_samples import TEXT

BOM = b"\xef\xbb\xbf"
COLUMNS = "Mara B-PER\nsings O\nin O\nOslo B-LOC\n\nLars B-PER\nsleeps O\n"
ROW: dict[str, Any] = {"text": TEXT, "spans": [[0, 4, "PER"], [14, 18, "LOC"]]}
ONE = [["Mara PER", "Oslo LOC"]]
TWO = [*ONE, ["Lars PER"]]


class Case(NamedTuple):
    """A file's name, how it is made (bytes, or a word), and what becomes of it: the mentions of each document, or words
    of the refusal. `text`: that of a file that is refused is read by whoever does not look at labels."""

    name: str
    made: bytes | str
    outcome: list[list[str]] | str
    text: bool = False


def lines(*rows: Any) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def spans(*given: Any, text: str = TEXT) -> bytes:
    return lines({"text": text, "spans": list(given)})


def tagged(tokens: Any, tags: Any) -> bytes:
    return lines({"tokens": tokens, "ner_tags": tags})


def columns(text: str) -> bytes:
    return text.encode()


SHIFTED = {"text": "Ångström Mara", "entities": [{"start": 11, "end": 15, "label": "PER", "text": "Mara"}]}
CSV = 'text,spans\n"Mara sings","[[0, 4, ""PER""]]"\n'

CASES: dict[str, Case] = {
    # Encodings and line ends.
    "UTF-16": Case("a.conll", COLUMNS.encode("utf-16"), "not UTF-8 at byte 0"),
    "UTF-16 without a mark": Case("a.conll", COLUMNS.encode("utf-16-le"), "a.conll:1: has a zero byte"),
    "UTF-32": Case("a.jsonl", lines(ROW).decode().encode("utf-32"), "not UTF-8 at byte 0"),
    "Latin 1": Case("a.conll", "Márá B-PER\n".encode("latin-1"), "not UTF-8 at byte 1"),
    "mark": Case("a.conll", BOM + columns(COLUMNS), TWO),
    "mark twice": Case("a.conll", BOM * 2 + columns(COLUMNS), TWO),
    "mark within": Case("a.conll", columns(COLUMNS.replace("\nLars", "\n\ufeffLars")), TWO),
    "mark before each line": Case("a.jsonl", BOM.join([b"", lines(ROW), lines(ROW)]), ONE * 2),
    "mark of a table": Case("a.csv", BOM + CSV.encode(), [["Mara PER"]]),
    "mark of an array": Case("a.json", BOM + json.dumps([ROW]).encode(), ONE),
    "CR": Case("a.conll", columns(COLUMNS.replace("\n", "\r")), TWO),
    "CR in JSON Lines": Case("a.jsonl", lines(ROW, ROW).replace(b"\n", b"\r"), ONE * 2),
    "CR in a table": Case("a.csv", CSV.replace("\n", "\r").encode(), [["Mara PER"]]),
    "mixed ends": Case(
        "a.conll", columns("Mara B-PER\r\nin O\n\r\nLars B-PER\r\n\nin O\n"), [["Mara PER"], ["Lars PER"], []]
    ),
    "CR after LF": Case("a.conll", columns("Mara B-PER\nin O\r\rLars B-PER\rin O\n"), "a carriage return inside"),
    "CRLF in a cell": Case("a.csv", b'text,spans\r\n"a\r\nMara","[[3, 7, ""PER""]]"\r\n', [["Mara PER"]]),
    # What nobody sees.
    "zero width in a blank line": Case(
        "a.conll", columns(COLUMNS.replace("\n\n", "\n\u200b\n")), "line 5 has 1 column"
    ),
    "no-break space in a blank line": Case("a.conll", columns(COLUMNS.replace("\n\n", "\n\u00a0\n")), TWO),
    "no-break spaces between columns": Case("a.conll", columns(COLUMNS.replace(" ", "\u00a0")), "columns are apart by"),
    "no-break space in a token": Case("a.conll", columns("New\u00a0York\tB-LOC\nis\tO\n"), [["New York LOC"]]),
    "blank token": Case("a.jsonl", tagged(["Mara", " ", "in"], ["B-PER", "O", "O"]), [["Mara PER"]]),
    "empty token": Case("a.jsonl", tagged(["Mara", "", "in"], ["B-PER", "I-PER", "O"]), [["Mara PER"]]),
    "zero bytes": Case("a.conll", b"Mara B-PER\n\0\nin O\n", "a.conll:2: has a zero byte"),
    "nothing but zero bytes": Case("a.jsonl", b"\0" * 5000, "a.jsonl:1: has a zero byte"),
    "direction": Case("a.jsonl", spans([1, 5, "PER"], text="\u202eMara in"), [["Mara PER"]]),
    "escape": Case("a.jsonl", spans([4, 8, "PER"], text="\x1b[2JMara"), [["Mara PER"]]),
    "half a pair": Case("a.jsonl", b'{"text": "a \\ud83d b", "spans": []}\n', "half a surrogate pair at character 2"),
    # Offsets.
    "emoji": Case("a.jsonl", spans([2, 6, "PER"], text="😀 Mara in"), [["Mara PER"]]),
    "emoji as two": Case("a.jsonl", spans([3, 7, "PER"], text="😀 Mara in"), "in utf16 1; say which", True),
    "bytes": Case("a.jsonl", spans([11, 15, "PER"], text="Ångström Mara in"), "in utf8 1; say which", True),
    "bytes with texts": Case("a.jsonl", lines(SHIFTED), [["Mara PER"]]),
    "outside": Case("a.jsonl", spans([0, 99, "PER"]), r"span \[0, 99\) is empty or outside", True),
    "negative": Case("a.jsonl", spans([-4, 2, "PER"]), r"span \[-4, 2\) is empty or outside", True),
    "empty span": Case("a.jsonl", spans([3, 3, "PER"]), r"span \[3, 3\) is empty or outside", True),
    "one empty span": Case(
        "a.jsonl", spans([0, 4, "PER"], [14, 18, "LOC"], [3, 3, "X"], text=f"{TEXT} ."), r"span \[3, 3\) is empty", True
    ),
    "reversed": Case("a.jsonl", spans([4, 0, "PER"]), r"span \[4, 0\) is empty or outside", True),
    "overlapping": Case("a.jsonl", spans([0, 10, "PER"], [5, 13, "LOC"]), "1 nested or overlapping span", True),
    "twice": Case("a.jsonl", spans([0, 4, "PER"], [0, 4, "PER"]), [["Mara PER"]]),
    "two types": Case("a.jsonl", spans([0, 4, "PER"], [0, 4, "LOC"]), "1 nested or overlapping span", True),
    "floats": Case("a.jsonl", spans([0.0, 4.0, "PER"]), "with whole numbers and a label", True),
    "strings": Case("a.jsonl", spans(["0", "4", "PER"]), "with whole numbers and a label", True),
    "true": Case("a.jsonl", spans([False, 4, "PER"]), "with whole numbers and a label", True),
    "of blanks": Case("a.jsonl", spans([4, 6, "PER"], text="Mara  in"), "covers no visible text", True),
    "6000 digits": Case(
        "a.jsonl", b'{"text": "a", "spans": [[0, ' + b"9" * 6000 + b', "X"]]}\n', "thousands of digits"
    ),
    # Labels and tags.
    "label with a blank": Case("a.jsonl", spans([0, 4, "PER SON"]), [["Mara PER_SON"]]),
    "label with a colon": Case("a.jsonl", spans([0, 4, "a:b"]), [["Mara a:b"]]),
    "empty label": Case("a.jsonl", spans([0, 4, ""]), "with whole numbers and a label", True),
    "blank label": Case("a.jsonl", spans([0, 4, "  "]), "label ''; it must be", True),
    "label of brackets": Case("a.jsonl", spans([0, 4, "a|b]"]), "it must be without white space", True),
    "label O": Case("a.jsonl", spans([0, 4, "O"]), "is the tag of what is no mention", True),
    "label without a name": Case("a.jsonl", spans([0, 4, 7]), "label 7 has no name", True),
    "stray I": Case("a.conll", columns("Mara O\nOslo I-LOC\nFjord I-LOC\n"), [["Oslo Fjord LOC"]]),
    "I of another type": Case("a.conll", columns("Mara B-PER\nOslo I-LOC\n"), [["Mara PER", "Oslo LOC"]]),
    "zero for O": Case("a.conll", columns("Mara B-PER\nsings 0\nin O\n"), "tag '0' at position 1 is not BIO2", True),
    "no label": Case("a.conll", columns("Mara B-\nin O\n"), "tags 'B-', 'O' are of no known scheme", True),
    "chunks too": Case("a.conll", columns("Mara B-NP B-PER\nsings B-VP O\n"), [["Mara PER"]]),
    "two columns of tags": Case("a.conll", columns("Mara B-PER B-X\nsings O O\n"), "both hold tags", True),
    "ragged": Case("a.conll", columns("Mara NNP B-PER\nsings O\n"), "line 2 has 2 columns"),
    "one column": Case("a.conll", columns("Mara\nsings\n"), "one column, so no tags", True),
    "more tags": Case("a.jsonl", tagged(["Mara"], ["B-PER", "O"]), "1 token but 2 tags", True),
    "tags without names": Case("a.jsonl", tagged(["Mara", "in"], [1, 0]), "tag 1 has no name", True),
    "tokens in tokens": Case("a.jsonl", tagged([["Mara"]], [["O"]]), "tokens must be a list of strings"),
    # Documents and ids.
    "nothing found": Case("a.jsonl", lines(ROW, {"text": "x", "spans": []}), [*ONE, []]),
    "no labels": Case("a.jsonl", lines(ROW, {"text": "x"}), "a.jsonl:2: neither tags nor spans", True),
    "no text": Case("a.jsonl", lines({"text": "", "spans": []}), "empty document"),
    # `label` looks at ids as it makes its shards.
    "id twice": Case("a.jsonl", lines({"id": "1", **ROW}, {"id": 1, **ROW}), "a.jsonl:2: id '1' is also at", True),
    "id of a fraction": Case("a.jsonl", lines({"id": 1.5, **ROW}), "id must be a string or a whole number"),
    "some ids": Case("a.jsonl", lines({"id": "1", **ROW}, ROW), "no id, unlike the rows before", True),
    "ids that are paths": Case("a.jsonl", lines({"id": "../../x", **ROW}, {"id": "/etc/x", **ROW}), ONE * 2),
    "empty": Case("a.jsonl", b"", "no documents"),
    "blank": Case("a.conll", b"\n \n\t\n", "no documents"),
    "header alone": Case("a.csv", b"id,text,spans\n", "no documents"),
    # JSON and tables that are none.
    "comma after a line": Case("a.jsonl", json.dumps(ROW).encode() + b",\n", "not JSON: Extra data"),
    "comma at the end": Case("a.json", f"[{json.dumps(ROW)},]".encode(), "not JSON: Expecting value"),
    "no comma": Case("a.json", f"[{json.dumps(ROW)} {json.dumps(ROW)}]".encode(), "not JSON: Expecting ','"),
    "two arrays": Case("a.json", f"[{json.dumps(ROW)}][]".encode(), r"not JSON: '\[\]' after the array"),
    "single quotes": Case("a.jsonl", b"{'text': 'Mara'}\n", "not JSON: Expecting property name"),
    "comment": Case("a.json", b"// x\n[]", "not JSON: Expecting value"),
    "key twice": Case("a.jsonl", b'{"text": "a", "text": "b", "spans": []}\n', "the key 'text' is given twice"),
    "NaN beside": Case("a.jsonl", b'{"text": "Mara", "spans": [], "x": NaN}\n', [[]]),
    "too large beside": Case("a.jsonl", b'{"text": "Mara", "spans": [], "x": 1e400}\n', [[]]),
    "a number": Case("a.json", b"42", "a row must be a JSON object, found int"),
    "strings for rows": Case("a.jsonl", b'"Mara"\n"Lars"\n', "a row must be a JSON object, found str"),
    "100000 brackets": Case("a.json", b"[" * 100_000, "nested too deeply"),
    "an object around": Case("a.json", json.dumps({"version": "1", "data": [ROW]}, indent=1).encode(), ONE),
    "quotes in quotes": Case("a.csv", b'text,spans\n"""Mara, ""in""","[[1, 5, ""PER""]]"\n', [["Mara PER"]]),
    "open quote": Case("a.csv", b'text,spans\n"Mara,[]\nx,[]\n', "not a row of this table: unexpected end"),
    "semicolons": Case("a.csv", b'text;spans\nMara in;[[0, 4, "PER"]]\n', [["Mara PER"]]),
    "column twice": Case("a.csv", b"text,text\na,b\n", "column 'text' is there twice"),
    "no header": Case("a.csv", b"Mara in,PER\nLars,PER\n", "neither tokens nor text"),
    "more cells": Case("a.csv", b"text,spans\nMara,[],x\n", "3 cells, the header has 2"),
    "endless header": Case("a.csv", b"text,spans," + b"x" * 200_000 + b"\nMara,[],1\n", [[]]),
    # Other files.
    "gzip": Case("a.jsonl.gz", gzip.compress(lines(ROW)), "is compressed by gzip"),
    "gzip by another name": Case("a.jsonl", gzip.compress(lines(ROW)), "is compressed by gzip"),
    "half of gzip": Case("a.conll.gz", gzip.compress(lines(ROW))[:40], "is compressed by gzip"),
    "office": Case("a.csv", b"PK\x03\x04" + bytes(range(200)), "a zip archive, as documents and tables of office"),
    "PDF": Case("a.txt", b"%PDF-1.7\n%\xe2\xe3\n", "is a PDF document"),
    "picture": Case("a.jsonl", b"\x89PNG\r\n\x1a\n\0\0", "a.jsonl: not UTF-8 at byte 0|has a zero byte"),
    "parquet by another name": Case("a.json", "parquet", [["Mara PER"]]),
    "JSON as parquet": Case("a.parquet", lines(ROW), "not a parquet file"),
    "entities in XML": Case(
        "a.xml",
        b'<!DOCTYPE x [<!ENTITY a "b">]><collection><document>&a;</document></collection>',
        "declares the entity",
    ),
    "annotations alone": Case("a.ann", b"T1\tPER 0 4\tMara\n", "a.txt: no such file"),
    "a name of 300 letters": Case(f"{'x' * 300}.jsonl", "none", "File name too long"),
    "folder": Case("a.jsonl", "folder", "no dataset_info.json|no file to read in it"),
    "pipe": Case("a.jsonl", "pipe", "no file but a pipe"),
    "link to nothing": Case("a.jsonl", "link", "no such file"),
    "link to itself": Case("a.jsonl", "loop", "no such file"),
    "no ending": Case("letters", lines(ROW), ONE),
}


def make(folder: Path, case: Case) -> Path:
    """Make a case's file in a folder."""
    path = folder / case.name
    if isinstance(case.made, bytes):
        path.write_bytes(case.made)
    elif case.made == "parquet":
        import polars

        table = polars.DataFrame({"tokens": [["Mara", "sings"]], "ner_tags": [["B-PER", "O"]]})
        table.write_parquet(path)
    elif case.made == "folder":
        path.mkdir()
    elif case.made == "pipe":
        os.mkfifo(path)
    elif case.made in ("link", "loop"):
        path.symlink_to("nowhere" if case.made == "link" else path.name)
    return path
