"""Characters that nobody sees are refused in settings, but for half of one also where any text may be meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from odd_settings import settings_with
from projects import ROOT

from diziner.common.errors import UserError
from diziner.common.unseen import refuse_unseen
from diziner.common.yamlfile import read_yaml
from diziner.corpora.card import load_card
from diziner.settings import settings_from


@pytest.mark.parametrize("odd", ["\0", "\x1b[2J", "\n", "\x85", "\ud800", "\u2028", "\u202e", "\u2066"])
def test_what_nobody_sees_is_refused_in_settings(odd: str) -> None:
    for key in ("profile", "corpus.local_dir", "annotators.*.model", "endpoints.*.key_env", "weights.*.licence"):
        raw, said = settings_with(key, f"a{odd}b")
        with pytest.raises(UserError) as caught:
            settings_from(raw, "params.yaml")
        assert str(caught.value).startswith(f"params.yaml: {said}: ") and "which nobody sees" in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_card_has_none_and_the_shipped_ones_are_cards(tmp_path: Path) -> None:
    for card in sorted(ROOT.glob("data/*/benchmark.yaml")):
        load_card(card.parent)
    room = tmp_path / "conll2003"
    room.mkdir()
    text = (ROOT / "data/conll2003/benchmark.yaml").read_text(encoding="utf-8")
    (room / "benchmark.yaml").write_text(re.sub(r"^title: .*", r'title: "a\\e[2J"', text, flags=re.MULTILINE))
    with pytest.raises(UserError, match=r"benchmark.yaml: title: .* which nobody sees"):
        load_card(room)


@pytest.mark.parametrize("text", ["東京", "São Paulo", "a\u00a0b", "👩\u200d🚀", "می\u200cخواهم", "~/data (old)"])
def test_what_people_write_is_taken(text: str) -> None:
    settings_from(settings_with("corpus.local_dir", text)[0], "params.yaml")


@pytest.mark.parametrize("value", [{"stop": ["\n", "\0"]}, {"extra": {"a": {"b": "\x1b"}}}, {}, [], 3, None])
def test_where_any_text_may_be_meant_it_is(value: Any) -> None:
    refuse_unseen(value, "params.yaml", but=["stop", "extra"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"stop": ["\ud800"]}, r"a.yaml: stop[0]: '\ud800' holds '\ud800', which nobody sees; leave it out"),
        ({"a": {1: 2}}, "a.yaml: a: the key 1 is no text; put it in quotes"),
        ({None: 2}, "a.yaml: top level: the key None is no text; put it in quotes"),
        ({"a": {"b\0": 2}}, r"a.yaml: a: a key: 'b\x00' holds '\x00', which nobody sees; leave it out"),
    ],
)
def test_the_place_is_named(value: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        refuse_unseen(value, "a.yaml", but=["stop"])
    assert str(caught.value) == said


@pytest.mark.parametrize("key", ["7", "true", "null", "2024-01-01", "1.5"])
def test_a_key_that_is_no_text_is_refused_in_every_yaml_file(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"a:\n- {key}: 1\n")
    with pytest.raises(UserError, match=r"a\.yaml: a\[0\]: the key .* is no text; put it in quotes"):
        read_yaml(path)
    path.write_text(f"a:\n- '{key}': 1\n")
    assert read_yaml(path) == {"a": [{key: 1}]}
