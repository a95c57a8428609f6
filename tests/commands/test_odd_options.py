"""Numbers on the command line: none is read by int or float, and each odd one is refused in one line."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from diziner.cli import COMMANDS
from diziner.common.errors import UserError

ODD = [
    "nan",
    "inf",
    "-inf",
    "1_000",
    "0x10",
    "1.",
    "",
    " 1",
    "1 ",
    "٣",
    "1e400",
    "-1e9",
    "9" * 5000,
    "1" + "0" * 30,
    "true",
]


def numeric(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from numeric(inner)
        elif action.type is not None:
            yield action


def options() -> Iterator[tuple[str, argparse.Action]]:
    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"diziner.commands.{name.replace('-', '_')}").arguments(parser)
        for action in numeric(parser):
            yield name, action


def test_no_option_is_read_by_int_or_float_and_each_refuses_what_is_odd() -> None:
    tried = 0
    for name, action in options():
        assert action.type not in (int, float), (name, action.option_strings)
        if getattr(action.type, "__module__", "") != "diziner.common.options":
            continue
        tried += 1
        read: Any = action.type
        for text in ODD:
            if text == "1." and "number." in str(read):
                continue
            with pytest.raises(UserError) as caught:
                read(text)
            line = str(caught.value)
            assert line.startswith(action.option_strings[0]) and "; must be " in line and "\n" not in line, line
            assert len(line) < 200
    assert tried >= 15
