"""Plain text of what others wrote: one line, without what moves a cursor, what tells of a machine, or a traceback."""

from __future__ import annotations

import re

_RAISED = r"\w*(?:Error|Exception|Exit|Interrupt)\b: ?"
_TRACEBACK = re.compile(rf"Traceback \(most recent call last\):.*?(?:({_RAISED})|$)", re.DOTALL)
# A path from the root of a file system, no part of an address: of two folders and a module, of three and more, or in
# one of the folders that machines have.
_ROOTS = "home|root|usr|opt|var|tmp|etc|mnt|srv|app|lib|proc|private|Users|workspace|work|data"
_PATH = re.compile(
    rf"(?<![\w:/.\-])(?!/(?:v\d|api)\b)(?:/(?:{_ROOTS})(?:/[^\s/:;,'\"()<>]+)+|(?:/[^\s/:;,'\"()<>]+){{3,}}|(?:/?[\w.\-]+/)*[\w\-]+\.py\b)"
    r"|\b[A-Za-z]:\\[^\s'\"]+"
)
_CODE_LINE = re.compile(r"File \"?\(path\)\"?, line \d+(?:, in \S+)?")

_READ = 20_000  # characters of a message of another program that are read: of more, the beginning and the end


def printable(text: str) -> str:
    """Return the text with a blank in place of every character that is none to be seen, line breaks included.

    >>> printable("a\\x1b[31m red\\nb")
    'a [31m red b'
    """
    return "".join(c if c.isprintable() else " " for c in text)


def plain_line(text: str) -> str:
    """Return the text on one line, with single blanks and without control characters."""
    return " ".join(printable(text).split())


def shortened(text: str, longest: int = _READ) -> str:
    """Return a text as it is, or of a huge one its beginning and its end.

    >>> len(shortened("x" * 10_000_000))
    20003
    """
    return text if len(text) <= longest else f"{text[: longest // 2]} … {text[-longest // 2 :]}"


def plain_message(text: str, longest: int = 300) -> str:
    """Return a message of another program on one line: without its traceback but for what was raised, without paths,
    cut.

    >>> plain_message('Oops Traceback (most recent call last): File "/x/y/z.py", line 3, in f KeyError: 5')
    'Oops KeyError: 5'
    >>> plain_message("cannot open /home/ann/.cache/x; see https://host/docs/errors/a/b")
    'cannot open (path); see https://host/docs/errors/a/b'
    """
    line = _TRACEBACK.sub(lambda found: found[1] or "", plain_line(shortened(text)))
    line = _CODE_LINE.sub("", _PATH.sub("(path)", line))
    line = " ".join(line.split())
    return line if len(line) <= longest else f"{line[:longest]}…"
