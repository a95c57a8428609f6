"""Errors that people see: one line that says what, where, what was given, and what is allowed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import NoReturn

from diziner.common.plain import printable, shortened
from diziner.common.stage_note import end_note
from diziner.common.streams import guard_streams
from diziner.common.system_errors import drop_unwritable, flush_output, in_words, output_is_closed

_CLOSED = 141  # 128 + SIGPIPE
_INTERRUPTED = 130  # 128 + SIGINT
_WAITS = "error: waiting: "  # how a stage ends that waits for a batch (diziner.llm.waiting)
_LONGEST = 2000  # characters of a line: what was given may be a whole file


class DizinerError(Exception):
    """A failure with a one-line message and an exit code. Anything else that escapes is our bug (exit 1)."""

    exit_code = 1


class UserError(DizinerError):
    """Something the user gave is wrong or missing: a name, a file, a key, a setting. Exit 2."""

    exit_code = 2


class ModelGoneError(UserError):
    """An endpoint does not have the model (any more). Exit 2, where nobody goes on without it."""


class ProviderError(DizinerError):
    """A model or its server failed beyond what the settings allow. Exit 3."""

    exit_code = 3


def run_main(main: Callable[[], None]) -> None:
    """Run a script's `main`; what people can mend is one line on standard error, and the exit code says whose it is.

    An error of the operating system (a full disk, a name too long, a folder that is read-only) is the user's. A reader
    of the output that went away, as `head` does, is no error: the exit code is a shell's for it, 141.
    """
    guard_streams()
    try:
        try:
            main()
        except SystemExit:  # of argparse, for --help
            flush_output()
            raise
        flush_output()
        end_note()
    except DizinerError as error:
        _end(f"error: {error}", error.exit_code)
    except KeyboardInterrupt:
        _end("interrupted: every answer received so far is kept; run the same command again", _INTERRUPTED)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and output_is_closed():
            drop_unwritable()
            raise SystemExit(_CLOSED) from None
        _end(f"error: {in_words(error)}", UserError.exit_code)


def _end(said: str, code: int) -> NoReturn:
    # Of files and servers: nothing in it may move the cursor or colour what follows.
    lines = [printable(shortened(line, _LONGEST)) for line in said.split("\n")]
    failed = code != _INTERRUPTED and not said.startswith(_WAITS)
    end_note(lines[0].removeprefix("error: ") if failed else "")
    drop_unwritable()
    with contextlib.suppress(OSError):  # where nothing can be written, the exit code has to do
        sys.stderr.write(f"{chr(10).join(lines)}\n")
    drop_unwritable()
    raise SystemExit(code) from None
