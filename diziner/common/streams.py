"""Standard output and error as commands and stages write to them: without keys, and with a name in errors."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from diziner.common.secret_values import masked

_ESCAPED = "diziner.escaped"  # what is done with characters that an encoding lacks


def can_be_redrawn(stream: TextIO) -> bool:
    """Say whether a stream is a terminal whose lines can be written over."""
    return stream.isatty() and os.environ.get("TERM", "").casefold() not in {"dumb", "unknown"}


def in_encoding_of(stream: TextIO, text: str) -> str:
    """Return a text with a question mark for each character that a stream's encoding does not have."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


class Guarded:
    """A stream that writes no key, and whose errors name it. All else is the stream's own."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._failed: OSError | None = None  # argparse passes over it: it is told by `flush`

    def write(self, text: str) -> int:
        """See TextIO."""
        try:
            self._stream.write(masked(text))
        except OSError as error:
            error.filename = self._name
            self._failed = error
            raise
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """See TextIO."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """See TextIO. Errors: OSError, that of an earlier write too, once."""
        failed, self._failed = self._failed, None
        try:
            if failed is not None:
                raise failed
            self._stream.flush()
        except OSError as error:
            error.filename = self._name
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Have all that this process says, to its end, go through `Guarded`: a traceback of Python's too. What an encoding
    such as Latin-1 lacks is written as JSON's escapes, so that a table is read and JSON stays what it is."""
    codecs.register_error(_ESCAPED, _escaped)
    for name, words in (("stdout", "standard output"), ("stderr", "standard error")):
        stream = getattr(sys, name)
        if getattr(stream, "errors", "") == "strict" and callable(reconfigure := getattr(stream, "reconfigure", None)):
            reconfigure(errors=_ESCAPED)
        if stream is not None and not isinstance(stream, Guarded):
            setattr(sys, name, cast(TextIO, Guarded(stream, words)))


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{lacking[at : at + 2].hex()}" for at in range(0, len(lacking), 2)), error.end
