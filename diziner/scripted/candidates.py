"""Candidate mentions of a document: what the prompt names, what is known of the text, how words look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from diziner.scripted.reading import Reading
from diziner.scripted.strings import normal, occurrences

_OPENING = "\"'“”‘’`([{<«—–-*"
_CLOSING = "\"'“”‘’`)]}>»,;:!?…—–-*"
_SYMBOLS = frozenset("@#$€£%+/")
_LINKS = frozenset(["of", "de", "del", "der", "den", "di", "du", "la", "le", "van", "von"])
# fmt: off
_FUNCTION_WORDS = frozenset([
    "a", "an", "and", "are", "as", "at", "but", "by", "can", "did", "do", "does", "for", "from", "he", "her",
    "his", "how", "i", "if", "in", "is", "it", "its", "my", "no", "not", "of", "on", "or", "our", "she", "so",
    "than", "that", "the", "their", "then", "there", "these", "they", "this", "those", "to", "was", "we",
    "were", "what", "when", "where", "which", "who", "why", "with", "you", "your",
])
# fmt: on
_LONGEST_RUN = 6
_LONG_WORD = 8


class Candidate(NamedTuple):
    """A stretch of characters `[start, end)` that may be a mention.

    `type` is what the source says, None = to be chosen. `ruled`: an instruction decides it. `firm`: any
    annotator would see it; else only one that tags too much.
    """

    start: int
    end: int
    type: str | None
    ruled: bool
    firm: bool


class Word(NamedTuple):
    """A word without the punctuation around it; `opens` = starts a sentence, `joined` = no break before."""

    start: int
    end: int
    text: str
    opens: bool
    joined: bool


def candidates(reading: Reading, known: Sequence[tuple[str, str]] | None, heeds: bool = True) -> tuple[Candidate, ...]:
    """Return the candidates of a document, free of overlaps, in document order.

    `known` are the (string, type) of a text that is known, in order; then what only looks like a mention is
    not firm. Strings of the prompt and known ones come first, the longest of them first; looks come last.
    `heeds` False leaves instructions aside. What they say is no entity is no candidate.
    """
    document = reading.document
    vetoed = reading.vetoed if heeds else frozenset()
    named = [
        Candidate(start, end, name, ruled=True, firm=True)
        for string, name in (reading.rulings.items() if heeds else ())
        if name is not None
        for start, end in occurrences(string, document)
    ]
    named += _known(document, known or ())
    named += [
        Candidate(start, end, name, ruled=False, firm=True)
        for string, name in reading.shown.values()
        for start, end in occurrences(string, document)
    ]
    # Python's sort is stable: of equal length, a ruling precedes what is known, and that an example.
    named.sort(key=lambda candidate: candidate.start - candidate.end)
    looks = [c if known is None else c._replace(firm=False) for c in looking_like_mentions(document)]
    ranked = (c for c in (*named, *looks) if normal(document[c.start : c.end]) not in vetoed)
    return tuple(sorted(_without_overlaps(ranked)))


def words(document: str) -> Iterator[Word]:
    """Yield the words of a document, whether it is tokenised or not."""
    opens, joined = True, False
    for match in re.finditer(r"\S+", document):
        raw = match[0]
        text = raw.lstrip(_OPENING)
        start = match.end() - len(text)
        text = text.rstrip(_CLOSING)
        text = re.sub(r"['’]s$", "", text)
        # The full stop of "U.N." and "J." belongs to the word.
        if text.endswith(".") and "." not in text[:-1] and len(text) > 2:
            text = text.rstrip(".")
        if text.strip("."):
            yield Word(start, start + len(text), text, opens, joined and start == match.start())
            opens, joined = False, start + len(text) == match.end()
        else:
            joined = False
        if raw.rstrip("\"'”’)").endswith((".", "!", "?", ":")) and not _abbreviated(text):
            opens = True


def _abbreviated(text: str) -> bool:
    return text.endswith(".") and text != "."


def looking_like_mentions(document: str) -> list[Candidate]:
    """Return runs of capitalised words and words with digits or symbols; doubtful ones are not firm."""
    found: list[Candidate] = []
    run: list[Word] = []
    links: list[Word] = []
    for word in words(document):
        if run and word.joined and word.text in _LINKS:
            links.append(word)
            continue
        capital = word.text[0].isupper()
        if run and not (capital and word.joined and len(run) + len(links) < _LONGEST_RUN):
            found += _mention_of(run)
            run = []
        if run:
            run += [*links, word]
        elif capital:
            run = [] if word.text.casefold() in _FUNCTION_WORDS else [word]
        else:
            found += _odd_word(word)
        links = []
    return found + _mention_of(run)


def _mention_of(run: Sequence[Word]) -> list[Candidate]:
    if not run:
        return []
    # A sentence's first word is a capital anyway, unless its other letters are capitals or digits too.
    plain = len(run) == 1 and run[0].opens and run[0].text[1:].islower()
    return [Candidate(run[0].start, run[-1].end, None, ruled=False, firm=not plain)]


def _odd_word(word: Word) -> list[Candidate]:
    letters = any(character.isalpha() for character in word.text)
    digits = any(character.isdigit() for character in word.text)
    symbols = not _SYMBOLS.isdisjoint(word.text) and (letters or digits)
    if digits or symbols or len(word.text) >= _LONG_WORD:
        firm = (digits and letters) or symbols
        return [Candidate(word.start, word.end, None, ruled=False, firm=firm)]
    return []


def _known(document: str, known: Iterable[tuple[str, str]]) -> Iterator[Candidate]:
    position = 0
    for string, name in known:
        places = list(occurrences(string, document))
        # Known strings come in document order: each is the next of its kind.
        start, end = next((p for p in places if p[0] >= position), places[0] if places else (0, 0))
        if end:
            position = end
            yield Candidate(start, end, name, ruled=False, firm=True)


def _without_overlaps(ranked: Iterable[Candidate]) -> Iterator[Candidate]:
    kept: list[Candidate] = []
    for candidate in ranked:
        if all(candidate.end <= other.start or candidate.start >= other.end for other in kept):
            kept.append(candidate)
            yield candidate
