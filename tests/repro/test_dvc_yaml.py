"""Our YAML is DVC's, byte for byte."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import dumps_yaml
from hypothesis import example, given
from hypothesis import strategies as st
from projects import ROOT

from diziner.repro import dvc_yaml
from diziner.repro.dvc_yaml import as_dvc_writes

# Text that a YAML writer could take for something else, or fold, beside any text.
ODD = (
    "", "yes", "NO", "null", "~", "true", "1", "007", "0o7", "0x1f", "1e5", "1234e567", "1.5", ".5", "1_000", "0b101",
    "12:30:45", "2026-11-26", "...", "---", "- a", "a: b", "a #b", "a  b", "a ", " a", "a\nb", "=", "<<", "a/b.c@d-e",
    "sh stages/run annotate conll2003 --annotator qwen_few_shot --round 0", "word " * 30, "w" * 200, "Ærø 東京 🙂",
)  # fmt: skip
HEX = st.text("0123456789abcdef", min_size=1, max_size=32)
TEXTS = st.sampled_from(ODD) | st.from_regex(dvc_yaml._WORDS, fullmatch=True) | HEX | st.text(max_size=40)
SCALARS = TEXTS | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@example({text: [{"path": text, "size": 1, "also": [text]}, text] for text in ODD})
@example({f"0{' 00' * 27}": ["0 0"], "k" * 127: {"k" * 128: "a"}, "a": {"b": {"c": "x y " * 20}}})
def test_any_value_is_written_as_dvc_writes_it(value: dict[str, Any]) -> None:
    assert as_dvc_writes(value) == dumps_yaml(value)


def test_lock_files_are_written_as_dvc_writes_them_and_mostly_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [ROOT / "dvc.lock", *sorted(ROOT.glob("data/*/dvc.lock"))]
    entries = [stage for path in paths for stage in yaml.safe_load(path.read_text())["stages"].values()]
    assert len(entries) > 200
    for entry in entries[::9]:
        assert as_dvc_writes({"stages": {"name": entry}}) == dumps_yaml({"stages": {"name": entry}})
    left = 0
    by_dvc = dvc_yaml._by_dvc

    def counted(key: Any, value: Any, depth: int) -> str:
        nonlocal left
        left += 1
        return by_dvc(key, value, depth)

    monkeypatch.setattr(dvc_yaml, "_by_dvc", counted)
    for entry in entries:
        as_dvc_writes(entry)
    assert left < len(entries)


def test_shared_containers_and_other_kinds_of_mappings_are_dvc_s_to_write() -> None:
    shared = {"a": [1]}
    nested = OrderedDict(b=1, a=OrderedDict(c=[OrderedDict(d="e")]))
    values: list[Any] = [{"x": shared, "y": shared}, nested, {}, [], "a", {1: 2}]
    for value in values:
        assert as_dvc_writes(value) == dumps_yaml(value)
