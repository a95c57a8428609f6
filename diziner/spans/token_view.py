"""A document prepared for search: its tokens joined, in exact, folded and deeply folded form, each made when needed."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import Document, Range, token_offsets
from diziner.spans.borders import may_begin, may_end
from diziner.spans.folding import (
    Deep,
    deep_text,
    fold,
    fold_deep,
    is_removable,
    kinds_between,
    squeeze,
    squeeze_fold,
    strip_punctuation,
    without_invisible,
)

_AROUND = (
    "|<>=~^®™©℠"  # symbols that models set around a mention, or that the text has not; none that makes another one
)
DASHES = "dashes"  # the kind of a match with a dash for white space, or the reverse: Jean-Luc and Jean Luc
INSIDE = "inside_token"  # the kind of a match that begins or ends inside a token
_BETWEEN_WORDS = re.compile(r"(?<=[^\W\d_])(?:\s+|[-\u2010-\u2015\u05be\ufe58\ufe63\uff0d])(?=[^\W\d_])")


class Located(NamedTuple):
    """The places of a string, from left to right, in tokens, and what had to be overlooked to find them.

    `characters` has the characters of each place in the document's text, where they may be others than those of its
    tokens. `ambiguous`: texts that differ fold like the string, so that none of them was chosen.
    """

    ranges: Sequence[Range] = ()
    characters: Sequence[Range] | None = None
    kinds: tuple[str, ...] = ()
    ambiguous: bool = False


class TokenView:
    """A document's tokens as strings to search in."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._tokens = document.tokens
        self._spaced = " ".join(document.tokens)

    @cached_property
    def offsets(self) -> Sequence[Range]:
        """The characters of each token in the document's text."""
        try:
            return token_offsets(self._document.tokens, self._document.text)
        except UserError as error:
            raise UserError(f"document {self._document.id!r}: {error}") from None

    @cached_property
    def _exact(self) -> _Joined:
        if len(self._spaced.split()) == len(self._tokens):
            return _Joined(self._tokens)
        return _Joined([squeeze(token) for token in self._tokens])

    @cached_property
    def _folded(self) -> _Joined:
        if self._spaced.isascii():
            return self._exact.replaced(fold(self._exact.text))
        return _Joined([squeeze_fold(token) for token in self._tokens])

    @cached_property
    def _deep(self) -> _DeepView:
        return _DeepView(self._tokens, self._spaced)

    @cached_property
    def _flat(self) -> str:
        return fold(" ".join(self._document.text.split()))

    def locate(self, surface: str, lenient: bool) -> Located:
        """Return the places of the first form of `surface` that is found.

        Runs of whole tokens: as it stands, then folded, then both again without punctuation around it. `lenient`
        first looks for it as it stands inside tokens, and as a last resort folds all that `fold_deep` does.
        """
        if located := self._plainly(surface, lenient):
            return located
        bare = strip_punctuation(surface, _AROUND if lenient else "")
        if bare != surface and (located := self._plainly(bare, lenient)):
            return located
        return self._last_resort((surface, bare)) if lenient else Located()

    def characters(self, span: Span) -> Range:
        """Return the characters of a span's tokens, from the first of them to the last."""
        return self.offsets[span.start][0], self.offsets[span.end - 1][1]

    def contains(self, surface: str) -> bool:
        """Return whether the text has the string anywhere, also inside tokens, in any of its plain forms."""
        forms = (" ".join(form.split()) for form in (surface, strip_punctuation(surface)))
        return any(form and fold(form) in self._flat for form in forms)

    def _plainly(self, form: str, lenient: bool) -> Located | None:
        """Return the places of one form without deep folding."""
        squeezed = squeeze(form)
        if ranges := self._exact.find(squeezed):
            return Located(ranges)
        if lenient and squeezed and squeezed in self._exact.text:
            inside = [hit for hit in self._deep.find(form) if squeeze(hit.text) == squeezed]
            if inside:
                return self._located(form, inside)
        if ranges := self._folded.find(squeeze_fold(form)):
            return Located(ranges)
        return None

    def _last_resort(self, forms: Sequence[str]) -> Located:
        for form in forms:
            if hits := self._deep.find(form):
                by_look: dict[str, list[_Hit]] = {}
                for hit in hits:
                    by_look.setdefault(_look(hit.text), []).append(hit)
                chosen = by_look.get(_look(form))
                if chosen is None and len(by_look) > 1:
                    return Located(ambiguous=True)
                return self._located(form, chosen or hits)
        hits = self._deep.find_dashed(forms[-1])
        return self._located(forms[-1], hits, DASHES) if hits else Located()

    def _located(self, form: str, hits: list[_Hit], kind: str = "") -> Located:
        whole = [hit for hit in hits if not hit.inside]
        chosen = whole or hits
        kinds = [kind] if kind else kinds_between(form, chosen[0].text)
        characters = [
            (self.offsets[hit.start][0] + hit.first, self.offsets[hit.end - 1][0] + hit.last) for hit in chosen
        ]
        ranges = [(hit.start, hit.end) for hit in chosen]
        return Located(ranges, characters, tuple(kinds if whole else [*kinds, INSIDE]))


class _Joined:
    """Tokens in one string without white space, with the offsets at which they start and end."""

    def __init__(self, parts: Sequence[str]) -> None:
        self.text = "".join(parts)
        offsets = list(accumulate(map(len, parts), initial=0))
        # Later tokens win: one without characters of its own cannot start or end a match.
        self._starts = dict(zip(offsets, range(len(parts)), strict=False))
        self._ends = dict(zip(reversed(offsets[1:]), range(len(parts), 0, -1), strict=False))

    def replaced(self, text: str) -> _Joined:
        """Return the same tokens in another form of equal length."""
        other = object.__new__(_Joined)
        other.text, other._starts, other._ends = text, self._starts, self._ends
        return other

    def find(self, needle: str) -> list[Range]:
        """Return the runs of whole tokens that make up the needle."""
        found: list[Range] = []
        at = self.text.find(needle) if needle else -1
        while at != -1:
            start, end = self._starts.get(at), self._ends.get(at + len(needle))
            if start is not None and end is not None:
                found.append((start, end))
            at = self.text.find(needle, at + 1)
        return found


class _Hit(NamedTuple):
    """A match in deeply folded text: tokens touched, characters counted from the first and the last of these tokens."""

    start: int
    end: int
    first: int
    last: int
    inside: bool
    text: str


class _DeepView:
    """Tokens with blanks between them, deeply folded."""

    def __init__(self, tokens: Sequence[str], spaced: str) -> None:
        self._tokens = tokens
        self._spaced = spaced
        self._text = deep_text(spaced)

    @cached_property
    def _folded(self) -> Deep:
        return fold_deep(self._spaced)

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((len(token) + 1 for token in self._tokens), initial=0))[:-1]

    def find(self, form: str) -> list[_Hit]:
        """Return the matches of a string that begin and end where a mention may."""
        needle = deep_text(form)
        return [hit for at in _occurrences(self._text, needle) if (hit := self._hit(at, at + len(needle)))]

    def find_dashed(self, form: str) -> list[_Hit]:
        """Return the matches of several words between which a dash may stand or not."""
        if not _BETWEEN_WORDS.search(form):
            return []
        words = "-?".join(re.escape(deep_text(word)) for word in _BETWEEN_WORDS.split(form))
        found = [hit for match in re.finditer(words, self._text) if (hit := self._hit(*match.span()))]
        return found if len({_look(hit.text) for hit in found}) == 1 else []

    def _hit(self, at: int, end: int) -> _Hit | None:
        _, first, last = self._folded
        if at and first[at - 1] == first[at]:
            return None
        if end < len(first) and last[end - 1] == last[end]:
            return None
        low, high = first[at], last[end - 1]
        while high < len(self._spaced) and is_removable(self._spaced[high]):
            high += 1
        start = bisect_right(self._starts, low) - 1
        stop = bisect_left(self._starts, high)
        in_first, in_last = low - self._starts[start], high - self._starts[stop - 1]
        if not may_begin(self._tokens[start], in_first):
            return None
        if not may_end(self._tokens[stop - 1], in_last):
            return None
        inside = _is_inside(self._tokens[start][:in_first]) or _is_inside(self._tokens[stop - 1][in_last:])
        return _Hit(start, stop, in_first, in_last, inside, self._spaced[low:high])


def _occurrences(text: str, needle: str) -> Iterator[int]:
    at = text.find(needle) if needle else -1
    while at != -1:
        yield at
        at = text.find(needle, at + 1)


def _is_inside(rest: str) -> bool:
    return bool(squeeze(without_invisible(rest)))


def _look(text: str) -> str:
    """Return what is left of a string without the differences that nobody sees or that plain matching overlooks."""
    return squeeze_fold(without_invisible(text))
