"""Doors for text from outside: YAML and JSON that would crash, hang or mislead are refused in one line, by place."""

from __future__ import annotations

import ast
import json
import math
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import read_json, read_jsonl
from diziner.common.parquetfile import parquet_rows
from diziner.common.xmlfile import xml_elements, xml_root
from diziner.common.yamlfile import parse_yaml, parse_yaml_as_dvc, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
# What is written, the line that is named, and words of the reason.
YAML = {
    "date": ("x: 1\nwhen: 2024-99-99\n", 2, "'2024-99-99' is no date"),
    "date as key": ("? 2024-99-99\n: 1\n", 1, "is no date"),
    "binary": ("x:\n  - 0b_\n", 2, "'0b_' is no whole number"),
    "tag": ("x: 1\ny: !!int 'abc'\n", 2, "y: 'abc' is no whole number"),
    "tag without value": ("x: !!int ''\n", 1, "'' is no whole number"),
    "bool": ("x: !!bool abc\n", 1, "'abc' is no boolean"),
    "timestamp": ("x: !!timestamp abc\n", 1, "is no date"),
    "digits": (f"x: 1\ny: {'1' * 6000}\n", 2, "a number of 6000 characters"),
    "hexadecimal": (f"x: 0x{'f' * 6000}\n", 1, "a number of 6002 characters"),
    "octal of DVC": (f"x: 0o{'7' * 6000}\n", 1, "a number of 6002 characters"),
    "sexagesimal": (f"x: {':'.join('1' * 4000)}\n", 1, "a number of 7999 characters"),
    "brackets": ("x: 1\ny: " + "[" * 100_000, 2, "nested too deeply"),
    "braces": ("{a: " * 100_000, 1, "nested too deeply"),
    "dashes": ("- " * 50_000 + "a\n", 1, "nested too deeply"),
    "indentation": ("".join(f"{' ' * depth}a:\n" for depth in range(300)), 101, "nested too deeply"),
    "laughs": (LAUGHS, 6, "with every alias written out"),
    "itself": ("x: 1\ny: &a [*a]\n", 2, "an alias stands for something that it is in"),
    "half pair": ('x: "\\ud800"\n', 1, "invalid Unicode"),
    "zero": ("x: 1\ny: \0\n", 2, "U+0000 may not be"),
    "nan": ("x: 1\ny: {z: [0, .nan]}\n", 2, "y.z.1: '.nan' is not finite"),
    "inf": ("x: 1\ny: [1, -.INF]\n", 2, "is not finite"),
    "too large": ("x: 1.0e+999\n", 1, "is not finite"),
    "long": (f"x: {'a' * 2**24}\n", 1, "longer than"),
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_that_cannot_be_used_is_one_line_with_its_place(name: str) -> None:
    text, line, words = YAML[name]
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "params.yaml")
    said = str(caught.value)
    assert said.startswith(f"params.yaml:{line}: not YAML: ") and words in said, said
    assert "\n" not in said and len(said) < 300


@pytest.mark.parametrize("name", sorted(YAML.keys() - {"sexagesimal"}))
def test_what_dvc_wrote_is_read_within_the_same_limits(name: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_yaml_as_dvc(YAML[name][0].encode())
    assert "\n" not in str(caught.value)


def test_a_key_twice_is_refused_in_yaml() -> None:
    with pytest.raises(UserError, match=r"params.yaml:2: a: .*given twice"):
        parse_yaml("a: 1\na: 2\n", "params.yaml")


def test_yaml_within_the_limits_is_read() -> None:
    deep = "[" * 90 + "]" * 90
    flat = ", ".join(["[1]"] * 5000)
    read = parse_yaml(f"a: {deep}\nb: [{flat}]\nc: &c {{x: 1}}\nd: [*c, *c]\ne: {'9' * 300}x\n", "a.yaml")
    assert len(read["b"]) == 5000 and read["d"] == [{"x": 1}] * 2


JSON = {
    "digits": ('{"a": 1,\n "b": ' + "1" * 5000 + "}", 1, "thousands of digits"),
    "brackets": ("[" * 100_000, 1, "nested too deeply"),
    "closed brackets": ("[" * 300 + "]" * 300, 1, "nested too deeply"),
    "objects": ('{"a": ' * 100_000, 1, "nested too deeply"),
    "twice": ('{"a": 1,\n "b": {\n  "c": 1, "c": 2}}', 2, "the key 'c' is given twice"),
    "half pair": ('{"a": "\\ud83d"}', 1, "half a surrogate pair"),
    "zero": ('{"a":\n "\0"}', 2, "Invalid control character"),
    "nan": ('[1,\n{"a": NaN}]', 2, "NaN is no number"),
    "infinity": ("-Infinity", 1, "-Infinity is no number"),
    "too large": ('{"a": 1e999}', 1, "1e999 is too large"),
    "cut": ('{"a": [1,\n', 2, "Expecting value"),
    "empty": ("", 1, "Expecting value"),
    "more": ("{}\n{}", 2, "Extra data"),
    "single quotes": ("{'a': 1}", 1, "Expecting property name"),
    "constant": ("nul", 1, "Expecting value"),
}


@pytest.mark.parametrize("name", JSON)
def test_json_that_cannot_be_used_is_one_line_with_its_place(name: str, tmp_path: Path) -> None:
    text, line, words = JSON[name]
    file = tmp_path / "x.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_json(file)
    said = str(caught.value)
    assert said.startswith(f"{file}:{line}: not JSON: ") and words in said, said
    assert "\n" not in said and len(said) < 300


@pytest.mark.parametrize("name", sorted(JSON.keys() - {"too large", "empty", "more"}))
def test_a_line_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    text = JSON[name][0].replace("\n", " ")
    file = tmp_path / "x.jsonl"
    file.write_text(f'{{"a": 1}}\n\n{text}\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_jsonl(file)
    assert str(caught.value).startswith(f"{file}:3: not JSON: ") and "\n" not in str(caught.value)


def test_what_servers_send_is_taken_as_it_comes_but_for_depth_and_digits() -> None:
    assert jsontext.body('{"a": 1, "a": 2, "b": "\\ud800"}') == {"a": 2, "b": "\ud800"}
    assert math.isnan(jsontext.body("[NaN]")[0]) and math.isinf(jsontext.row("[1e999]")[0])
    for text in ("[" * 100_000, "[" * 300 + "]" * 300, "1" * 5000, "", b"\xff"):
        for read in (jsontext.body, jsontext.row, jsontext.loads, jsontext.line):
            with pytest.raises(jsontext.JsonError):
                read(text)


def test_bytes_and_files_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    assert jsontext.loads(b'\xef\xbb\xbf{"a": "\xc3\xa9"}') == {"a": "é"}
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(file) == {"a": 1}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=values, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_what_python_writes_is_read_as_it_was(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for read in (jsontext.loads, jsontext.line, jsontext.row, jsontext.body):
        assert read(text) == value and read(f" {text}\n") == value


# Who may call what reads text or rows from outside: the doors alone.
DOORS = {
    "json": ("diziner/common/jsontext.py",),
    "yaml": ("diziner/common/yamlfile.py", "diziner/common/yamllimits.py", "diziner/common/yamlagree.py"),
    "parquet": ("diziner/common/parquetfile.py",),
    "polars": (),
    "httpx": ("diziner/endpoints/bodies.py",),
    "xml": ("diziner/common/xmlfile.py",),
    "csv": ("diziner/forms/csvfiles.py",),
    "toml": ("diziner/doctor/subject.py", "diziner/pipeline/skeleton.py"),  # pyproject.toml of this checkout
}
CALLS = {
    "json": {"json.loads", "json.load", "json.JSONDecoder", "json.decoder.JSONDecoder"},
    "yaml": {
        f"yaml.{name}" for name in ("load", "safe_load", "load_all", "safe_load_all", "full_load", "compose", "parse")
    },
    "parquet": {f"pyarrow.parquet.{name}" for name in ("read_table", "ParquetFile", "read_schema", "ParquetDataset")},
    "polars": {f"polars.{name}" for name in ("read_parquet", "scan_parquet", "read_json", "read_ndjson", "read_csv")},
    "httpx": {"httpx.get", "httpx.post", "httpx.stream", "httpx.request", "reply.json", "response.json"},
    "xml": {
        *(f"ElementTree.{name}" for name in ("parse", "fromstring", "iterparse", "XML", "XMLParser", "XMLPullParser")),
        *("fromstring", "iterparse", "expat.ParserCreate", "minidom.parse", "minidom.parseString", "sax.parse"),
    },
    "csv": {"csv.reader", "csv.DictReader"},
    "toml": {"tomllib.load", "tomllib.loads"},
}


def called(path: Path) -> set[str]:
    names = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    return names | ({"json.loads"} if "from json import" in path.read_text() else set())


def test_nobody_but_the_doors_reads_text_from_outside() -> None:
    found = {}
    for folder in ("diziner", "stages"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for kind, calls in CALLS.items():
                if name not in DOORS[kind] and (used := called(path) & calls):
                    found[name] = used
    assert found == {}


def parquet_file(path: Path) -> bytes:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"id": [str(n) for n in range(3000)], "n": list(range(3000))}), path)
    return path.read_bytes()


XML = {
    "laughs": (
        '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9)) + "]>"
        "<x>&a8;</x>",
        "a.xml:1: declares the entity 'a'",
    ),
    "another file": (
        '<!DOCTYPE x [\n<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "a.xml:2: declares the entity 'a'",
    ),
    "parameters": (
        '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/a"> %a;]><x>b</x>',
        "a.xml:1: declares the entity 'a'",
    ),
    "of a type elsewhere": (
        '<!DOCTYPE x SYSTEM "x.dtd">\n<x>a &beta; b</x>',
        "a.xml:2: entity 'beta' is not known here",
    ),
    "unknown": ("<x>&beta;</x>", "a.xml: not XML: undefined entity"),
    "depth": ("<x>" * 100_000, "a.xml:1: nested too deeply"),
    "cut": ("<x><y>a</y>", "a.xml: not XML: no element found"),
    "empty": ("", "a.xml: not XML: no element found"),
    "two": ("<x/><x/>", "a.xml: not XML: junk after document element"),
    "zero": ("<x>\0</x>", "a.xml: not XML: not well-formed"),
    "a long tag": (f"<x a='{'a' * (17 << 20)}'/>", "a.xml:1: a tag or comment of more than 16 MB"),
    "encoding": ('<?xml version="1.0" encoding="x-nobody"?><x/>', "a.xml: not XML: unknown encoding"),
}


@pytest.mark.parametrize("name", XML)
def test_xml_that_cannot_be_used_is_one_line_with_the_file(name: str, tmp_path: Path) -> None:
    text, words = XML[name]
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(UserError) as caught:
        list(xml_elements(tmp_path / "a.xml", "x"))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path}/{words}") and "\n" not in said and len(said) < 300, said


def test_xml_is_read_an_element_at_a_time_whatever_its_encoding_and_type(tmp_path: Path) -> None:
    text = "<!DOCTYPE all SYSTEM 'all.dtd'><!-- x --><all>no<x n='1'>é<y>b</y>&amp;</x>no<x><x>in</x></x></all>"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1250"):
        stated = f"<?xml version='1.0' encoding='{encoding.removesuffix('-sig')}'?>{text}"
        (tmp_path / "a.xml").write_bytes(stated.encode(encoding))
        first, second = xml_elements(tmp_path / "a.xml", "x")
        assert (first.attrib, "".join(first.itertext())) == ({"n": "1"}, "éb&")
        assert [each.tag for each in second.iter()] == ["x", "x"]
        assert "".join(xml_root(tmp_path / "a.xml").itertext()) == "noéb&noin"
    (tmp_path / "b.xml").write_text(f"<all>{'<x>' + 'a' * 100 + '</x>'}{'<no>b</no>' * 100_000}{'c' * 5_000_000}</all>")
    tracemalloc.start()
    assert len(list(xml_elements(tmp_path / "b.xml", "x"))) == 1
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()


def test_a_damaged_parquet_file_is_one_line_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    data = parquet_file(file)
    assert [row["n"] for row in parquet_rows(file, ["n", "none"])] == list(range(3000))
    damaged = [b"", b"PAR1", data[:-1], data[: len(data) // 2], b"x" * 100, data[:200] + b"\xff" * 300 + data[500:]]
    for case in damaged:
        file.write_bytes(case)
        with pytest.raises(UserError) as caught:
            list(parquet_rows(file))
        assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        list(parquet_rows(tmp_path / "none.parquet"))
