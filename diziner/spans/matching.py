"""From answered strings to token spans: where in a document a model's entity stands."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, assert_never

from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.spans.overlaps import resolve_overlaps

DROP_REASONS = (
    "unknown_type",  # the label is none of the scheme's
    "empty",  # the string is empty or whitespace
    "not_in_text",  # the string does not occur in the document
    "inside_token",  # it occurs, but starts or ends inside a token
    "repeated",  # every occurrence is already taken by an earlier answer
    "overlap",  # every occurrence lost to an overlapping span
)

# Models often answer with the ASCII form of a typographic mark, or the reverse; one for one, lengths keep.
_TYPOGRAPHIC = str.maketrans("‘’‚‛`´“”„‟‐‑‒–—―−", "''''''\"\"\"\"-------")


@dataclass(frozen=True, slots=True)
class Matches:
    """Spans found, sorted and free of overlaps, and how many answers each reason dropped.

    `drops` has only reasons that occurred, in the order of `DROP_REASONS`. Every answer counts once:
    it has a span in `spans`, or it is in `drops`.
    """

    spans: tuple[Span, ...]
    drops: dict[str, int]


def match_answers(
    document: Document,
    answers: Sequence[tuple[str, str]],
    types: Sequence[str],
    occurrences: Literal["all", "ordered"] = "all",
) -> Matches:
    """Locate `answers`, pairs of (surface string, label), as token spans of `document`.

    A string matches a run of whole tokens whose characters, whitespace aside, equal its own: `U.N.`
    matches the token `U.N.` and the tokens `U . N .`; `Ann` never matches in `Annual`. Where an exact
    match finds nothing, case and form are folded (NFKC, case, typographic quotes and dashes); where that
    finds nothing, punctuation around the string is stripped and both are tried again.

    Labels are matched to `types` exactly, or else case-folded where that names one type only.
    `occurrences="all"` tags every occurrence of each answer, as the reference does.
    `occurrences="ordered"` gives each answer one occurrence: the next one right of the previous answer's,
    else the first one; occurrences clear of all taken tokens come before ones that only overlap them.
    Overlaps are then resolved by `resolve_overlaps` with `types` as order. Method sections 2, 12 (D12, D14).
    """
    view = _TokenView(document)
    labels = set(types)
    by_folded = _unique_by_folded(types)
    drops = dict.fromkeys(DROP_REASONS, 0)
    claims: list[list[Span]] = []  # one entry for each answer that is still in play
    claimed: set[Span] = set()
    cursor = -1  # start of the previous answer's span
    for surface, given in answers:
        label = given if given in labels else by_folded.get(_fold(given.strip()))
        if label is None:
            drops["unknown_type"] += 1
            continue
        if not surface.strip():
            drops["empty"] += 1
            continue
        found = [Span(start, end, label) for start, end in view.locate(surface)]
        if not found:
            drops["inside_token" if view.contains(surface) else "not_in_text"] += 1
            continue
        match occurrences:
            case "all":
                chosen = [] if claimed.issuperset(found) else found
            case "ordered":
                chosen = _next_free(found, claimed, cursor)
            case _:
                assert_never(occurrences)
        if not chosen:
            drops["repeated"] += 1
            continue
        cursor = chosen[0].start
        claimed.update(chosen)
        claims.append(chosen)
    kept, dropped = resolve_overlaps(claimed, types)
    lost = set(dropped)
    drops["overlap"] = sum(1 for claim in claims if lost.issuperset(claim))
    return Matches(kept, {reason: count for reason, count in drops.items() if count})


def _unique_by_folded(types: Sequence[str]) -> dict[str, str]:
    """Folded label -> label, without the folded labels that several types share."""
    shared = Counter(_fold(label) for label in dict.fromkeys(types))
    return {_fold(label): label for label in types if shared[_fold(label)] == 1}


def _next_free(found: Sequence[Span], claimed: set[Span], cursor: int) -> list[Span]:
    """The occurrence an answer consumes, as a list of one, or an empty list if none is left."""
    extents = {(span.start, span.end) for span in claimed}
    free = [span for span in found if (span.start, span.end) not in extents]
    clear = [span for span in free if not any(span.start < end and start < span.end for start, end in extents)]
    candidates = clear or free
    right = [span for span in candidates if span.start > cursor]
    return (right or candidates)[:1]


class _TokenView:
    """A document prepared for search, in exact and in folded form; the folded form only when needed."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _exact(self) -> _Joined:
        return _Joined(self._document.tokens, _squeeze)

    @cached_property
    def _folded(self) -> _Joined:
        return _Joined(self._document.tokens, _squeeze_fold)

    @cached_property
    def _text(self) -> str:
        return _fold(" ".join(self._document.text.split()))

    def locate(self, surface: str) -> list[tuple[int, int]]:
        """Token ranges of the first form of `surface` that is found, from left to right."""
        bare = _strip_punctuation(surface)
        for form in (surface, bare) if bare != surface else (surface,):
            for joined in (self._exact, self._folded):
                ranges = list(joined.find(form))
                if ranges:
                    return ranges
        return []

    def contains(self, surface: str) -> bool:
        """Whether the text has the string anywhere, also inside tokens, in any of its forms."""
        forms = (" ".join(form.split()) for form in (surface, _strip_punctuation(surface)))
        return any(form and _fold(form) in self._text for form in forms)


class _Joined:
    """All tokens in one string without whitespace, with the offsets at which tokens start and end."""

    def __init__(self, tokens: Sequence[str], form: Callable[[str], str]) -> None:
        self._form = form
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        parts = []
        offset = 0
        for index, token in enumerate(tokens):
            part = form(token)
            if part:  # a token of whitespace only has no characters to match
                self._starts[offset] = index
                offset += len(part)
                self._ends[offset] = index + 1
                parts.append(part)
        self._string = "".join(parts)

    def find(self, surface: str) -> Iterator[tuple[int, int]]:
        needle = self._form(surface)
        at = self._string.find(needle) if needle else -1
        while at != -1:
            start, end = self._starts.get(at), self._ends.get(at + len(needle))
            if start is not None and end is not None:
                yield start, end
            at = self._string.find(needle, at + 1)


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _squeeze_fold(text: str) -> str:
    return _squeeze(_fold(text))


def _fold(text: str) -> str:
    # Case folding can leave a string that is no longer normalised, so NFKC is applied before and after.
    # Marks are translated first, since NFKC splits some of them into a space and a combining accent.
    composed = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHIC))
    return unicodedata.normalize("NFKC", composed.casefold())


def _strip_punctuation(text: str) -> str:
    first, last = 0, len(text)
    while first < last and _is_edge(text[first]):
        first += 1
    while first < last and _is_edge(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_edge(character: str) -> bool:
    return character.isspace() or character in "`´" or unicodedata.category(character).startswith("P")
