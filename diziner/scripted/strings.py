"""Strings of a prompt: how they are compared, quoted and found in a document."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Longer quotations are sentences, not mentions.
MOST_WORDS = 8

QUOTED = re.compile(r'"([^"\n]+)"|“([^”\n]+)”|«([^»\n]+)»')


def normal(text: str) -> str:
    """Return the form in which two surface strings are the same: one space between words, case folded."""
    return " ".join(text.split()).casefold()


def quotations(line: str) -> list[str]:
    """Return the quoted strings of a line that are short enough to be mentions, in order."""
    return [found for match in QUOTED.finditer(line) if (found := quoted(match))]


def quoted(match: re.Match[str]) -> str:
    """Return the string inside a match of `QUOTED`, or "" where it is blank or too long for a mention."""
    text = next(group for group in match.groups() if group is not None).strip()
    return text if 0 < len(text.split()) <= MOST_WORDS else ""


def occurrences(string: str, document: str) -> Iterator[tuple[int, int]]:
    """Yield character offsets `[start, end)` of a string in a document: whole words, any white space between them.

    White space may also be absent, since a text may be its tokens joined or the same text as printed.
    """
    words = string.split()
    # Cheap, and spares compiling a pattern for each example of a long prompt.
    if not words or not all(word in document for word in words):
        return
    before = r"(?<!\w)" if _is_word(words[0][0]) else ""
    after = r"(?!\w)" if _is_word(words[-1][-1]) else ""
    pattern = before + r"\s*".join(map(re.escape, words)) + after
    for match in re.finditer(pattern, document):
        yield match.span()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
