"""Errors that people see: one line that says what, where, what was given, and what is allowed."""

from __future__ import annotations

import sys
from collections.abc import Callable

from diziner.common.plain import printable


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
    """Run a script's `main`; print a DizinerError as one line on standard error and exit with its code."""
    try:
        main()
    except DizinerError as error:
        # Of files and servers: nothing in it may move the cursor or colour what follows.
        lines = [printable(line) for line in str(error).split("\n")]
        sys.stderr.write(f"error: {chr(10).join(lines)}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: every answer received so far is kept; run the same command again\n")
        raise SystemExit(130) from None
