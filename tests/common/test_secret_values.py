"""Keys in what is written: found in every form, masked or refused; words and short keys stay as they are."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError, run_main
from diziner.common.files import atomic, write_json
from diziner.common.secret_values import keep_secret, key_in, masked, masked_message

KEY = 'sk+te/st"5ecret\\1234=é'


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIZINER_TEST_KEY", f" {KEY}\n")
    keep_secret("DIZINER_TEST_KEY")


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json in json": lambda key: json.dumps({"a": key}, ensure_ascii=False),
    "address": lambda key: f"https://host/?k={quote(key, safe='')}",
    "basic": lambda key: f"Basic {base64.b64encode(f'user:{key}'.encode()).decode()}",
    "basic, longer name": lambda key: base64.b64encode(f"users:{key}".encode()).decode(),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(f"k{key}x".encode()).decode(),
    "bearer": lambda key: f"Authorization: Bearer {key}",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_masked(form: str) -> None:
    text = f"so: {FORMS[form](KEY)} it is"
    assert key_in(text) == "DIZINER_TEST_KEY"
    assert key_in(masked(text)) is None and "(key)" in masked(text)
    assert masked(text).startswith("so: ") and masked(text).endswith(" it is")


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_nothing_else_is(text: str) -> None:
    assert masked(text) == text


def test_a_short_key_is_masked_as_a_word_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIZINER_TEST_KEY", "none")
    assert masked("none of it") == "none of it"
    assert masked_message("key none is wrong, nonetheless", "none") == "key (key) is wrong, nonetheless"


def test_no_file_is_written_with_a_key(tmp_path: Path) -> None:
    write_json(path := tmp_path / "out.json", {"a": 1})
    before = path.read_bytes()
    with pytest.raises(UserError, match="not written: it would hold the value of DIZINER_TEST_KEY"):
        write_json(path, {"a": f"x{KEY}y"})
    with pytest.raises(UserError, match="DIZINER_TEST_KEY"), atomic(path) as temporary:
        temporary.write_bytes(b"\0" * 100_000 + base64.b64encode(KEY.encode()))
    with atomic(tmp_path / "empty"):
        pass
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty", "out.json"]


def test_no_line_on_the_terminal_has_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        sys.stdout.writelines([f"a {KEY}\n", "b\n"])
        sys.stderr.write(f"note: {KEY}\n")
        raise UserError(f"refused: {KEY}")

    with pytest.raises(SystemExit):
        run_main(main)
    assert capsys.readouterr() == ("a (key)\nb\n", "note: (key)\nerror: refused: (key)\n")
