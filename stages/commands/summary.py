"""`diziner summary`: the table of the last run."""

from __future__ import annotations

import argparse
import sys

from stages.files import read_json
from stages.ner.scoring import STRICT_PROTOCOL
from stages.rooms import SUMMARY
from stages.summarise import table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = "example: diziner summary"


def run(options: argparse.Namespace) -> None:
    """Print the table.

    Errors: UserError if nothing has been run yet.
    """
    sys.stdout.write(table(read_json(SUMMARY, "summary"), STRICT_PROTOCOL))
