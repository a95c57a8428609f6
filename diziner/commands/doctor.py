"""`diziner doctor`: what this installation is made of, what is wrong with it, and how to mend it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from diziner.common.errors import DizinerError, UserError
from diziner.common.tables import width_of
from diziner.doctor.examine import examine, number, report
from diziner.doctor.finding import reason
from diziner.doctor.subject import Subject
from diziner.doctor.text import text_of
from diziner.layout import project_root

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add(
        "--json", action="store_true", help="one JSON object for programs, as diziner/schemas/doctor.schema.json has it"
    )
    add("--strict", action="store_true", help="fail with exit code 1 if there is a problem; notes do not count")
    add("--quick", action="store_true", help="do not read the weights to verify them, about a second a gigabyte")
    parser.epilog = "example: diziner doctor --strict (it works anywhere, and changes nothing)"


def run(options: argparse.Namespace) -> None:
    """Print the findings on the project around the present folder, or on the installation alone outside of one.

    Errors: DizinerError (exit 1) with --strict if there is a problem.
    """
    subject = _subject(options.quick)
    findings = examine(subject)
    text = (
        json.dumps(report(subject, findings), indent=2, sort_keys=True) + "\n"
        if options.json
        else text_of(findings, width_of(sys.stdout))
    )
    # Names that this terminal cannot show are no reason to say nothing.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    problems = number(findings, "problem")
    if options.strict and problems:
        sys.stdout.flush()
        raise DizinerError(f"doctor: {problems} problem{'' if problems == 1 else 's'}")


def _subject(quick: bool) -> Subject:
    try:
        root = project_root(Path.cwd())
        os.chdir(root)
    except UserError as error:
        return Subject(None, str(error), quick, _say)
    except OSError as error:
        return Subject(None, f"not known: {reason(error)}", quick, _say)
    return Subject(root, "", quick, _say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
