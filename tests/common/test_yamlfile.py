"""YAML files mean the same to DVC (ruamel.yaml, YAML 1.2) and to PyYAML (YAML 1.1), or are refused in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from projects import ROOT
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from diziner.common.errors import UserError
from diziner.common.yamlagree import surely_alike
from diziner.common.yamledit import with_item, with_value
from diziner.common.yamlfile import dump_yaml, parse_yaml, parse_yaml_as_dvc, read_yaml, write_yaml

FILES = sorted(
    path
    for pattern in ("*.yaml", "metrics/*.yaml", "data/*.yaml", "data/*/*.yaml", "stages/*.yaml", "diziner/*/*.yaml")
    for path in ROOT.glob(pattern)
)
QUOTED = " in quotes"
SAME = "true True FALSE null ~ 0 -0 +1 13 1_000 0x1F 0b11 0.5 5. .5 07.5 1.0e+5 y n tRue -a 1.2.3 2001-01-01 17th"
# What is written: what DVC makes of it, and what PyYAML does.
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "off": ("off", False),
    "on": ("on", True),
    "yes": ("yes", True),
    "no": ("no", False),
    "NO": ("NO", False),
    "017": (17, 15),
    "010": (10, 8),
    "09": (9, "09"),
    "0o17": (15, "0o17"),
    "-0o7": (-7, "-0o7"),
    "1:30": ("1:30", 90),
    "1:30.5": ("1:30.5", 90.5),
    "1e3": (1000.0, "1e3"),
    "1e-5": (1e-05, "1e-5"),
    "1.5e5": (150000.0, "1.5e5"),
    "1.e5": (100000.0, "1.e5"),
    "-.5": (-0.5, "-.5"),
    "+.5": (0.5, "+.5"),
}


def pyyaml(text: str) -> Any:
    return yaml.load(text, yaml.CSafeLoader)


def ruamel(text: str) -> Any:
    return YAML(typ="safe").load(text)


def fault(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "params.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("written", DIFFERENT)
def test_what_the_two_read_differently_is_refused(written: str) -> None:
    text = f"annotators:\n  a:\n    identity: {written}\n"
    assert (ruamel(f"a: {written}")["a"], pyyaml(f"a: {written}")["a"]) == DIFFERENT[written]
    said = fault(text)
    assert said.startswith("params.yaml:3: annotators.a.identity: DVC (YAML 1.2) reads ")
    for way in said.rpartition("; write ")[2].split(" or "):
        mended = parse_yaml(text.replace(f" {written}\n", f" {way.removesuffix(QUOTED)}\n"), "mended")
        assert mended["annotators"]["a"]["identity"] in DIFFERENT[written]


@pytest.mark.parametrize("written", SAME.split())
def test_what_the_two_read_alike_is_read(written: str) -> None:
    assert repr(parse_yaml(f"a: {written}", "")) == repr(ruamel(f"a: {written}")) == repr(pyyaml(f"a: {written}"))


def test_identity_off_says_what_each_makes_of_it() -> None:
    assert fault("identity: off # none\n") == (
        "params.yaml:1: identity: DVC (YAML 1.2) reads the text 'off', PyYAML (YAML 1.1) false; "
        "write 'off' in quotes or false"
    )


def test_a_type_called_no_is_found_in_lists_and_as_a_key() -> None:
    assert fault("types: [PER, NO]").startswith("params.yaml:1: types.1: ")
    assert fault("types:\n- PER\n- NO\n").startswith("params.yaml:3: types.1: ")
    assert fault("a: 1\nNO: {b: 2}\n").startswith("params.yaml:2: NO: ")
    assert parse_yaml("types: [PER, 'NO']", "")["types"] == ["PER", "NO"]


@pytest.mark.parametrize("urls", ["[http://a]", "[http://a, http://b]", "[a?b]", '["http://a", http://b:80/v1]'])
def test_what_dvc_calls_corrupted_is_refused_with_its_place(urls: str) -> None:
    text = f"endpoints:\n  x:\n    kind: hosted\n    base_urls: {urls}\n"
    with pytest.raises(YAMLError):
        ruamel(text)
    said = fault(text)
    assert said.startswith("params.yaml:4: endpoints.x.base_urls.")
    assert said.endswith("write it in block style, each item or key on a line of its own")
    assert parse_yaml("base_urls:\n  - http://a\n  - http://b\n", "") == {"base_urls": ["http://a", "http://b"]}


def test_a_key_twice_is_refused() -> None:
    assert fault("a:\n  b: 1\n  c: 2\n  b: 3\n") == (
        "params.yaml:4: a.b: DVC cannot read this (a key is given twice); keep one of them"
    )


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029"])
def test_a_line_that_ends_for_one_parser_alone_is_refused(sign: str) -> None:
    # DVC reads with ruamel.yaml's parser in C where there is a wheel of it, else with the one in Python.
    for text in (f"a: 1\nb: 2{sign}c: 3\n", f"a: 1\n{sign}b: 2\n", f"a: 1\nb: 2 # so{sign}c: 3\n"):
        said = fault(text)
        assert said.startswith("params.yaml:2: ")
        assert f"U+{ord(sign):04X} ends a line for some parsers only" in said
    assert parse_yaml(f'a: "one{sign}two"\n', "") == ruamel(f'a: "one{sign}two"\n')


def test_what_neither_reads_is_refused_where_it_is() -> None:
    assert fault("a: 1\nb: [1\nc: 2\n").startswith("params.yaml:3: not YAML: ")
    assert fault("a: 2001-99-99\n").startswith("params.yaml:1: not YAML: ")
    assert fault("a: &x [*x]\n")
    assert fault("[" * 5000)


def test_what_dvc_wrote_is_read_as_dvc_does() -> None:
    assert parse_yaml_as_dvc(b"a: off\nb: 0o17\n") == {"a": "off", "b": 15}
    assert parse_yaml_as_dvc("a: é\n".encode()) == {"a": "é"}
    for broken in (b"a: [http://a]", b"a: [", b"a: \xff"):
        with pytest.raises(ValueError):
            parse_yaml_as_dvc(broken)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_the_project_means_one_thing(path: Path) -> None:
    assert repr(read_yaml(path)) == repr(ruamel(path.read_text(encoding="utf-8")))


def test_settings_are_read_without_loading_what_dvc_reads_with() -> None:
    """Loading ruamel.yaml takes longer than reading all profiles; so it is only done if a text is in doubt."""
    code = (
        "import sys; from pathlib import Path; from diziner.common.yamlfile import read_yaml\n"
        "for path in Path('diziner/profiles').glob('*.yaml'): read_yaml(path, 'params')\n"
        "for path in Path('data').glob('*/guideline.yaml'): read_yaml(path, 'guideline')\n"
        "sys.exit(bool({'ruamel.yaml', 'dvc'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*DIFFERENT, *SAME.split(), "http://a:80/v1", "a: b", "a?", "- a", "<<", "=", "", "a #b", "~"]),
    st.text(alphabet="0123456789-+._eExXob:", max_size=6),
    st.text(alphabet="ab:?,[]{}#&*!|>'\"%@`\\ \n\t-", max_size=8),
)
SCALARS = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=200)
@given(VALUES, st.sampled_from([False, True, None]))
@example("\x85 \u2028", False)
@example({"NO": ["0o17", "1e3", "off", "http://a"]}, True)
@example({"NO": ["0o17", "1e3", "off", "http://a"]}, False)
def test_what_is_written_is_read_alike(value: Any, flow: bool | None) -> None:
    text = dump_yaml(value, flow=flow)
    assert repr(pyyaml(text)) == repr(ruamel(text)) == repr(value)


SIGNS = r"""a b : : :: ? ?x [ ] { } , , - - # ' " & * ! | > |- >2 % @ ` \ / . < = ~ 'a' "b" http://a --- ..."""
SPACES = [
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\n",
    "\n  ",
    "\n- ",
    "a: ",
    "b: ",
    ": ",
    ", ",
    "<<: ",
    "\t",
    "\u2028",
    "\x85",
    "\ufeff",
]
PIECES = st.sampled_from([*DIFFERENT, *SIGNS.split(), *SPACES, "é"])


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_looks_alike_is_alike(text: str) -> None:
    """A text that is not given to both parsers is one of which both make the same."""
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        value = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError):
        return
    if node is not None and surely_alike(text, node):
        assert repr(ruamel(text)) == repr(value)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_text_is_read_as_both_do_or_refused_in_one_line(text: str) -> None:
    try:
        value = parse_yaml(text, "x")
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert repr(ruamel(text)) == repr(value) == repr(pyyaml(text))


def test_a_write_that_dvc_could_not_read_never_lands(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    write_yaml(path, "a: 1\n")
    for text in ("a: [http://a]\n", "a: off\n", "a: [\n"):
        with pytest.raises(UserError, match=r"a\.yaml"):
            write_yaml(path, text)
    assert path.read_text() == "a: 1\n"
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]


@pytest.mark.parametrize("value", [*DIFFERENT, "http://a", ["http://a", "1e3"], {"NO": "0o17"}, [{"u": "http://a?b"}]])
def test_an_edit_writes_what_both_read(value: Any) -> None:
    for text in ("a: 1 # one\n", "a: {b: 1} # one\n", "a: [1, 2]\n"):
        way: list[str | int] = ["a", "b"] if "{" in text else ["a", 1] if "[" in text else ["a"]
        after = with_value(text, way, value)
        assert ruamel(after) == pyyaml(after)
        assert "# one" in after or "#" not in text
    after = with_item("choices: [] # mine\n", "choices", {"conflict": "NO", "decision": value})
    assert ruamel(after) == pyyaml(after) == {"choices": [{"conflict": "NO", "decision": value}]}


def test_an_edit_of_a_file_that_dvc_cannot_read_is_refused() -> None:
    with pytest.raises(UserError):
        with_value("a: 1\nb: [http://a]\n", ["a"], 2)
