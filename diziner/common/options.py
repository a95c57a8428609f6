"""Numbers on the command line: read strictly, and refused in one line that names the option and what it may be.

`int` and `float` take 1_000, NaN and a thousand digits, and argparse prints its usage before it says what is wrong.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable

from diziner.common.errors import UserError

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,3})?")
LARGEST_SEED = 2**32 - 1


def whole(option: str, least: int, most: int) -> Callable[[str], int]:
    """Return the type of an option that takes integers of a range.

    >>> whole("--samples", 1, 100)("20")
    20
    """

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise UserError(f"{option}: is {_short(text)}; must be a whole number from {least} to {most}")
        return int(text)

    return read


def number(
    option: str, least: float, most: float, *, open_below: bool = False, open_above: bool = False, hint: str = ""
) -> Callable[[str], float]:
    """Return the type of an option that takes finite numbers of a range; `open_below`, `open_above`: without that end.

    >>> number("--power", 0.5, 1, open_above=True)("0.8")
    0.8
    """
    words = f"{'above' if open_below else 'at least'} {least:g} and {'below' if open_above else 'at most'} {most:g}"

    def read(text: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else None
        if (
            value is None
            or not least <= value <= most
            or (open_below and value == least)
            or (open_above and value == most)
        ):
            raise UserError(f"{option}: is {_short(text)}; must be {words}{f' ({hint})' if hint else ''}")
        return value

    return read


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Declare `-j`, how many stages run at once: as many as there are cores, if nothing is said."""
    parser.add_argument(
        "-j",
        "--jobs",
        type=whole("-j", 1, 1000),
        default=os.cpu_count() or 1,
        metavar="N",
        help="stages at once (default: %(default)s)",
    )


def _short(text: str) -> str:
    return (text if len(text) <= 40 else f"{text[:40]}…") or "empty"
