"""Form: one way in which files hold documents and labels."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from diziner.common.files import readable
from diziner.forms.choices import NO_CHOICES, Choices
from diziner.forms.jsonfiles import first_value
from diziner.forms.rows import Table

# What the caller wants of labels: they must be there, they may be there, they are not looked at.
Gold = Literal["needed", "wanted", "ignored"]
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Task:
    """Task of a reader: a file, the choices about it, what is wanted of labels, the name of its split (for ids)."""

    path: Path
    choices: Choices = NO_CHOICES
    gold: Gold = "wanted"
    split: str = ""


class Look:
    """First look at a file, by which its form is found."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.suffix = path.suffix.lower()

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, without a byte order mark; nothing of a folder."""
        if self.path.is_dir():
            return b""
        with readable(self.path), self.path.open("rb") as file:
            return file.read(_HEAD).removeprefix(codecs.BOM_UTF8)

    @cached_property
    def lines(self) -> list[str]:
        """The lines in it, without a last one that may be cut."""
        text = self.head.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        return lines[:-1] if self.path.stat().st_size > _HEAD else lines

    @cached_property
    def value(self) -> Any:
        """The first value of a JSON file; None where there is none."""
        return first_value(self.path) if self.head.lstrip()[:1] in (b"{", b"[") else None


@dataclass(frozen=True, slots=True)
class Form:
    """One form of files.

    `name` is what --form says. `endings` say so at once, if `looks` does not object; a file with another ending is of
    the first form of the table that it `looks` like. `read` gives its rows. `title`, `example` and `notes` are its row
    of the table in docs/corpora.md. `decides`: how it is read is known from the form itself.
    """

    name: str
    title: str
    read: Callable[[Task], Table]
    looks: Callable[[Look], bool]
    endings: tuple[str, ...] = ()
    example: str = ""
    notes: str = ""
