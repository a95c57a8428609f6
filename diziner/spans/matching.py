"""Matching of answered strings to token spans: where in a document a model's entity stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from diziner.records.annotations import Span
from diziner.records.documents import Document, Range
from diziner.spans.folding import fold
from diziner.spans.overlaps import resolve_overlaps
from diziner.spans.token_view import Located, TokenView

DROP_REASONS = (
    "unknown_type",  # the label is none of the scheme's
    "empty",  # the string is empty or whitespace
    "not_in_text",  # the string does not occur in the document
    "inside_token",  # it occurs, but starts or ends inside a token, where no mention may
    "ambiguous",  # texts that differ are like the string, once folded
    "repeated",  # every occurrence is already taken by an earlier answer
    "overlap",  # every occurrence lost to an overlapping span
)


Matching = Literal["plain", "lenient"]


@dataclass(frozen=True, slots=True)
class Matches:
    """Spans found, sorted and free of overlaps, and how many answers each reason dropped.

    `drops` has only reasons that occurred, in the order of `DROP_REASONS`. Every answer counts once:
    it has a span in `spans`, or it is in `drops`. `characters` has, for each span, the characters of the
    document's text that were answered, which are fewer than those of its tokens where it begins or ends inside one.
    `matched` counts the used answers that only lenient matching found, by what it overlooked.
    """

    spans: tuple[Span, ...]
    drops: dict[str, int]
    characters: tuple[Range, ...] = ()
    matched: dict[str, int] = field(default_factory=dict)


def match_answers(
    document: Document,
    answers: Sequence[tuple[str, str]],
    types: Sequence[str],
    occurrences: Literal["all", "ordered"] = "all",
    matching: Matching = "lenient",
    nested: bool = False,
) -> Matches:
    """Locate `answers`, pairs of (surface string, label), as token spans of `document`.

    A string matches a run of whole tokens whose characters, whitespace aside, equal its own: `U.N.`
    matches the token `U.N.` and the tokens `U . N .`; `Ann` never matches in `Annual`. Where an exact
    match finds nothing, case and form are folded (NFKC, case, typographic quotes and dashes); where that
    finds nothing, punctuation around the string is stripped and both are tried again.

    Lenient matching also finds a string inside tokens, where a mention may begin and end (`diziner.spans.borders`):
    as it stands, before anything is folded. As a last resort it folds what `diziner.spans.folding.KINDS` names. Of
    texts that fold alike it takes those that look like the string; if none does and they differ, the answer is
    ambiguous.

    Labels are matched to `types` exactly, or else case-folded where that names one type only.
    `occurrences="all"` tags every occurrence of each answer, as the reference does.
    `occurrences="ordered"` gives each answer one occurrence: the next one right of the previous answer's,
    else the first one; occurrences clear of all taken tokens come before ones that only overlap them.
    Overlaps are then resolved by `resolve_overlaps` with `types` as order, unless `nested`. Method
    sections 2, 12 (D12, D14).
    """
    view = TokenView(document)
    labels = set(types)
    by_folded = _unique_by_folded(types)
    drops = dict.fromkeys(DROP_REASONS, 0)
    claims: list[tuple[list[Span], tuple[str, ...]]] = []  # one entry for each answer that is still in play
    claimed: set[Span] = set()
    answered: dict[Span, Range] = {}  # the characters of claimed spans that may not be all of their tokens'
    cursor = -1  # start of the previous answer's span
    for surface, given in answers:
        label = given if given in labels else by_folded.get(fold(given.strip()))
        if label is None:
            drops["unknown_type"] += 1
            continue
        if not surface.strip():
            drops["empty"] += 1
            continue
        located = view.locate(surface, matching == "lenient")
        if not located.ranges:
            drops[_why_not(view, surface, located)] += 1
            continue
        found = [Span(start, end, label) for start, end in located.ranges]
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
        if located.characters is not None:
            found_at = zip(found, located.characters, strict=True)
            answered |= {span: place for span, place in found_at if span in chosen and span not in claimed}
        claimed.update(chosen)
        claims.append((chosen, located.kinds))
    kept, dropped = (tuple(sorted(claimed)), ()) if nested else resolve_overlaps(claimed, types)
    lost = set(dropped)
    kinds: Counter[str] = Counter()
    for chosen, overlooked in claims:
        if lost.issuperset(chosen):
            drops["overlap"] += 1
        else:
            kinds.update(overlooked)
    return Matches(
        kept,
        {reason: count for reason, count in drops.items() if count},
        tuple(answered.get(span) or view.characters(span) for span in kept),
        dict(sorted(kinds.items())),
    )


def _why_not(view: TokenView, surface: str, located: Located) -> str:
    if located.ambiguous:
        return "ambiguous"
    return "inside_token" if view.contains(surface) else "not_in_text"


def _unique_by_folded(types: Sequence[str]) -> dict[str, str]:
    """Return folded label -> label, without the folded labels that several types share."""
    shared = Counter(fold(label) for label in dict.fromkeys(types))
    return {fold(label): label for label in types if shared[fold(label)] == 1}


def _next_free(found: Sequence[Span], claimed: set[Span], cursor: int) -> list[Span]:
    """Return the occurrence an answer consumes, as a list of one, or an empty list if none is left."""
    extents = {(span.start, span.end) for span in claimed}
    free = [span for span in found if (span.start, span.end) not in extents]
    clear = [span for span in free if not any(span.start < end and start < span.end for start, end in extents)]
    candidates = clear or free
    right = [span for span in candidates if span.start > cursor]
    return (right or candidates)[:1]
