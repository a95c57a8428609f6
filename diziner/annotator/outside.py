"""Labels that no prompt of ours asked for, from files and functions, as spans of our documents; nothing goes silently.

Mentions come as characters of a document's text. Their types are put into the benchmark's labels, what cannot be used
is counted by reason: `other_type`, `empty` (white space alone) and `overlap` (a longer mention has the tokens).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from diziner.annotator.settings import TypeMap
from diziner.common.errors import UserError
from diziner.common.words import counted, listed
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document, Range, token_offsets, tokens_touched
from diziner.spans.overlaps import resolve_overlaps

Mention = tuple[int, int, str]  # first character, one past the last, type

_OTHER_TYPE, _EMPTY, OVERLAP = "other_type", "empty", "overlap"


class Placing:
    """Placing of mentions on documents by one guideline's labels; types that are not among them are remembered.

    `nested`: mentions that overlap are kept, all of them."""

    def __init__(self, labels: Sequence[str], types: TypeMap, nested: bool = False) -> None:
        self._labels, self._types, self._nested = labels, types, nested
        self._foreign: Counter[str] = Counter()

    def row(self, document: Document, mentions: Iterable[Mention]) -> Annotation:
        """Return the row of a document.

        Errors: UserError for a mention that is no part of the text.
        """
        offsets = token_offsets(document.tokens, document.text)
        drops: Counter[str] = Counter()
        places: dict[Span, Range] = {}
        for first, last, label in mentions:
            if not 0 <= first < last <= len(document.text):
                length = len(document.text)
                raise UserError(
                    f"document {document.id!r}: [{first}, {last}) is empty or outside its "
                    f"{counted(length, 'character')}"
                )
            own = self._label(label)
            start, end = tokens_touched(offsets, first, last)
            if own is None or start == end:
                drops[_OTHER_TYPE if own is None else _EMPTY] += 1
                continue
            whole = offsets[start][0], offsets[end - 1][1]
            place = max(first, whole[0]), min(last, whole[1])
            if places.setdefault(Span(start, end, own), place) != place:
                drops[OVERLAP] += 1  # two mentions inside one token are one span
        kept, lost = (tuple(sorted(places)), ()) if self._nested else resolve_overlaps(places, self._labels)
        drops[OVERLAP] += len(lost)
        counts = {reason: count for reason, count in sorted(drops.items()) if count}
        return Annotation(document.id, kept, drops=counts, characters=tuple(places[span] for span in kept))

    def refuse_other_types(self, where: str) -> None:
        """Raise UserError with counts if there were mentions of types that the guideline has not."""
        if self._foreign:
            found = [f"{label!r} {count}" for label, count in sorted(self._foreign.items(), key=_most_first)]
            raise UserError(
                f"{where}: {counted(self._foreign.total(), 'mention')} of types that the guideline has not: "
                f"{listed(found)}; its labels are {', '.join(self._labels)}; name the others under types in the "
                "annotator's entry (null leaves them out), or set its other_types to drop"
            )

    def _label(self, label: str) -> str | None:
        own = self._types.labels.get(label, label)
        if own is None or own in self._labels:
            return own
        if not self._types.drop_others:
            self._foreign[label] += 1
        return None


def in_characters(document: Document, spans: Iterable[Span]) -> list[Mention]:
    """Return spans of a document's tokens as mentions.

    Errors: UserError for a span that is empty or ends behind the last token.
    """
    offsets = token_offsets(document.tokens, document.text)
    mentions = []
    for span in spans:
        if not 0 <= span.start < span.end <= len(offsets):
            where = f"document {document.id!r}: span [{span.start}, {span.end})"
            raise UserError(f"{where} is empty or outside its {counted(len(offsets), 'token')}")
        mentions.append((offsets[span.start][0], offsets[span.end - 1][1], span.type))
    return mentions


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
