"""Findings as text for a terminal of 80 columns, or of fewer."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from diziner.common.words import counted
from diziner.doctor.examine import number
from diziner.doctor.finding import Finding

_WIDTH = 80  # of lines, on a terminal that has place for it
_STATE = 9  # "problem" and two blanks, after an indent of 2
_NAME = 14
_MARGIN = " " * (2 + _STATE + _NAME)


def text_of(findings: Sequence[Finding], terminal: int = _WIDTH) -> str:
    """Return sections of aligned findings, each with its remedy; then how many problems there are and what to do
    next."""
    width, lines = min(_WIDTH, terminal), []
    for section, group in groupby(findings, key=lambda finding: finding.section):
        lines += [section, *(line for finding in group for line in _lines(finding, width)), ""]
    problems, notes = number(findings, "problem"), number(findings, "note")
    lines.append(f"{counted(problems, 'problem') if problems else 'No problem'}, {counted(notes, 'note')}.")
    return "\n".join([*lines, *_next(findings, width)]) + "\n"


def plain(text: str) -> str:
    r"""Return text whose control characters and halves of characters are written out.

    >>> print(plain("naïve \x1b[31m"))
    naïve \x1b[31m
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _lines(finding: Finding, width: int) -> list[str]:
    head = f"  {finding.state.ljust(_STATE)}{plain(finding.name)}"
    body = _wrapped(finding.found, width)
    if finding.mend:
        body += _wrapped(f"mend: {finding.mend}", width)
    if len(finding.name) > _NAME - 2:
        return [head, *body]
    return [f"{head.ljust(len(_MARGIN))}{body[0].strip()}", *body[1:]]


def _next(findings: Sequence[Finding], width: int) -> list[str]:
    """Return what to do next: the first remedy of a problem, or the first problem itself where none is known."""
    problems = [finding for finding in findings if finding.state == "problem"]
    if not problems:
        return ["Nothing has to be done."]
    first = next((finding for finding in problems if finding.mend), problems[0])
    return textwrap.wrap(
        plain(f"Next ({first.section}, {first.name}): {first.mend or first.found}"),
        width,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines below the names; a path or a command that is wider than that stays whole."""
    return textwrap.wrap(
        plain(text),
        width,
        initial_indent=_MARGIN,
        subsequent_indent=_MARGIN,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [_MARGIN]
