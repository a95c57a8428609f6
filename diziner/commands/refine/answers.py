"""Answers of a person at a terminal, or of a file that is piped in: a line each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from diziner.common.errors import UserError
from diziner.common.unseen import refuse_unseen
from diziner.common.wholenumbers import whole_number

COMMANDS = {"u": "undo", "m": "more", "e": "each", "q": "quit", "?": "help"}
KEYS = "a number, a rule, Enter to leave it, u undo, q quit, ? help"
HELP = """  a number    that reading is right, in all cases of this conflict
  words       a rule in your own words; you are asked before it is kept
  Enter       leave this conflict as it is
  u  undo     take back the last step, of an earlier session too
  m  more     show all cases
  e  each     decide these cases one by one, by their words
  q  quit     stop; the same command goes on from here
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a question: an option, a rule, or a command by its name; `end` where the input ends, `leave` for an
    empty line."""

    command: str = ""
    option: str = ""
    rule: str = ""


def answer_about(options: Sequence[str]) -> Answer:
    """Return the answer about a conflict; what cannot be one is asked anew."""
    while True:
        sys.stdout.write(f"{KEYS}\n")
        word = _line("> ")
        if word is None:
            return Answer("end")
        plain = word.casefold()
        if not word:
            return Answer("leave")
        if plain in COMMANDS or plain in COMMANDS.values():
            return Answer(COMMANDS.get(plain, plain))
        if option := next((option for option in options if option.casefold() == plain), ""):
            return Answer(option=option)
        bare = word.rstrip(".)")
        if bare.isdecimal():
            if 1 <= (number := whole_number(bare) or 0) <= len(options):
                return Answer(option=options[number - 1])
            sys.stdout.write(f"there is no reading {bare}; there are 1 to {len(options)}\n")
        elif len(word) == 1:
            sys.stdout.write(f"{word!r} is no answer; ? shows those that there are\n")
        else:
            return Answer(rule=word)


def is_meant(rule: str) -> bool | None:
    """Ask whether a text is to become a rule; None where the input ends."""
    while True:
        word = _line(f'keep as a rule: "{rule}"? y or n: ')
        if word is None:
            return None
        if word.casefold() in {"y", "yes", "n", "no"}:
            return word.casefold().startswith("y")


def _line(prompt: str) -> str | None:
    """Return the next line that can be read, with single blanks; None at the end of the input."""
    while True:
        line = _typed(prompt)
        if line is None:
            return None
        word = " ".join(line.split())
        try:
            refuse_unseen(word, "the answer")
        except UserError:
            sys.stdout.write("that holds characters that nobody sees, or is not UTF-8; type it anew\n")
            continue
        return word


def _typed(prompt: str) -> str | None:
    if sys.stdin.isatty() and sys.stdout.isatty():
        import readline  # noqa: F401  (so that `input` lets one edit the line)

        try:
            return input(prompt)
        except EOFError:
            sys.stdout.write("\n")
            return None
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = sys.stdin.readline()
    return line or None
