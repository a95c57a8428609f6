"""A terminal for tests: what a screen shows after the bytes written to it, a pseudo-terminal, and recorded screens."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

SCREENS = Path(__file__).parent / "screens"
RENEW = "RENEW_SCREENS"  # set it to write the recorded screens anew; then read the difference
_END = "\x05"  # written to learn that all before it has come
_CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Screen:
    """Lines of characters and a cursor; knows the codes that are used here: cursor up, erase a line, colours."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = [""]
        self.coloured = False
        self.overflowed = False  # a line was wider than the screen, which broke it wherever it was
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            if found := _CODE.match(text, position):
                self._code(found[1], found[2])
                position = found.end()
            else:
                self._put(text[position])
                position += 1

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n") + "\n"

    def _put(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._row += 1
        else:
            assert char.isprintable(), f"a terminal does not know {char!r}"
            if self._column == self.width:
                self._row, self._column = self._row + 1, 0
                self.overflowed = True
            self._fill()
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + char + line[self._column + 1 :]
            self._column += 1
        self._fill()

    def _fill(self) -> None:
        self.lines += [""] * (self._row + 1 - len(self.lines))

    def _code(self, value: str, kind: str) -> None:
        if kind == "A":
            self._row = max(0, self._row - int(value or 1))
        elif kind == "K":
            assert value == "2"
            self.lines[self._row] = ""
        elif kind == "m":
            self.coloured |= any(part.startswith(("3", "4", "9")) for part in value.split(";"))
        else:
            assert kind in "hl" and value.startswith("?"), f"a terminal does not know {value}{kind}"


@contextlib.contextmanager
def terminal(encoding: str = "utf-8", width: int = 80) -> Iterator[tuple[TextIO, Callable[[], str]]]:
    """Give a stream that is a terminal, and a function that returns what was written to it so far."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    data = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while more := os.read(master, 65536):
                data.extend(more)

    def shown() -> str:
        if not stream.closed:
            stream.write(_END)
            stream.flush()
            while not data.endswith(_END.encode()):
                time.sleep(0.001)
        return data.decode(encoding).replace(_END, "")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with os.fdopen(slave, "w", encoding=encoding) as stream:
        yield stream, shown
    reader.join(10)
    os.close(master)


def shown_on_terminal(width: int, *words: str) -> tuple[int, str]:
    """Run a command line on a terminal of that width: its exit code, and the screen, without standard error."""
    from diziner.cli import main

    code, screen = 0, Screen(width)
    with pytest.MonkeyPatch.context() as patch, terminal(width=width) as (stream, shown):
        patch.delenv("COLUMNS", raising=False)
        patch.setattr(sys, "argv", ["diziner", *words])
        patch.setattr(sys, "stdout", stream)
        try:
            main()
        except SystemExit as stop:
            code = int(str(stop.code))
        screen.feed(shown())
    assert not screen.overflowed, f"wider than {width}:\n{screen.text()}"
    return code, screen.text()


def recorded(name: str, text: str) -> None:
    """Hold a screen against the recorded one of that name."""
    path = SCREENS / f"{name}.txt"
    if os.environ.get(RENEW):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"no such screen: {path.name}; {RENEW}=1 writes it"
    assert text == path.read_text(encoding="utf-8"), f"{path.name}; {RENEW}=1 writes it anew"
