"""Chunks of long documents: cut at sentence ends, asked about one by one, merged into one annotation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from diziner.annotator.settings import AnswerSettings
from diziner.common.errors import UserError
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document, Range, token_offsets
from diziner.spans.overlaps import resolve_overlaps

OTHER_CHUNK = "other_chunk"  # why a mention is dropped that only the chunk has which its place does not count from

# Borders between tokens, the better the greater.
_WITHIN, _BLANK, _LINE, _SENTENCE = range(4)
_ENDS = re.compile(r"[.!?…‽。！？｡．؟۔।॥։።။។༎᠃]+")
_CLOSING = re.compile(r"[\"'”’»›)\]}」』】）]+")
_SHORT = 3  # letters of a word that may be an abbreviation: Dr. Gen. J.


class Chunk(NamedTuple):
    """Part of a document, as a document. `start` is its first token and `first` its first character in the whole;
    `own` the tokens of the whole whose mentions count from this chunk."""

    document: Document
    start: int
    first: int
    own: Range


def chunks_of(document: Document, answers: AnswerSettings) -> tuple[Chunk, ...]:
    """Cut a document into chunks of at most `answers.chunk_tokens` tokens; one that fits is its own only chunk.

    A chunk ends at the last sentence end of its second half: else at the end of a line there, else before a blank, else
    where it is full. The next one begins at the first sentence of the last `answers.overlap` tokens, with the same
    preferences. Each token belongs to one chunk, in an overlap to the one in which it is further from the cut.

    >>> text = "Ada came. Ben saw Rome. He left."
    >>> document = Document("d", ("Ada", "came", ".", "Ben", "saw", "Rome", ".", "He", "left", "."), text)
    >>> [chunk.document.text for chunk in chunks_of(document, AnswerSettings(chunk_tokens=8))]
    ['Ada came. Ben saw Rome.', 'He left.']
    """
    tokens = len(document.tokens)
    if answers.chunk_tokens is None or tokens <= answers.chunk_tokens:
        return (Chunk(document, 0, 0, (0, tokens)),)
    try:
        offsets = token_offsets(document.tokens, document.text)
    except UserError as error:
        raise UserError(f"document {document.id!r}: {error}") from None
    borders = _borders(document, offsets)
    ranges = _ranges(borders, answers.chunk_tokens, answers.overlap)
    middles = [(start + end + 1) // 2 for (_, end), (start, _) in pairwise(ranges)]
    own = zip([0, *middles], [*middles, tokens], strict=True)
    return tuple(
        _chunk(document, offsets, place, mine, f"{document.id}, part {number} of {len(ranges)}")
        for number, (place, mine) in enumerate(zip(ranges, own, strict=True), 1)
    )


def merged(
    document: Document,
    chunks: Sequence[Chunk],
    rows: Sequence[Annotation],
    types: Sequence[str],
    nested: bool = False,
) -> Annotation:
    """Join the annotations of a document's chunks into its own; that of an only chunk is it, unchanged.

    A mention counts from the chunk that its first token belongs to. Of those that then overlap the longest stays, as
    within a chunk, `types` deciding between equals; where they may be `nested` all do. One that counts from neither
    chunk is dropped as `other_chunk`. A document of which one chunk failed has failed.
    """
    if len(chunks) == 1:
        return rows[0]
    repairs = sum(row.repairs for row in rows)
    responses = tuple(key for row in rows for key in row.responses)
    for number, row in enumerate(rows, 1):
        if row.failure is not None:
            failure = Failure(row.failure.code, f"part {number} of {len(rows)}: {row.failure.detail}")
            return Annotation(document.id, failure=failure, repairs=repairs, responses=responses)
    found: dict[Span, Range] = {}
    others: set[Span] = set()
    for chunk, row in zip(chunks, rows, strict=True):
        for span, (first, last) in zip(row.spans, row.characters, strict=True):
            moved = Span(span.start + chunk.start, span.end + chunk.start, span.type)
            if chunk.own[0] <= moved.start < chunk.own[1]:
                found[moved] = (first + chunk.first, last + chunk.first)
            else:
                others.add(moved)
    kept, dropped = (tuple(sorted(found)), ()) if nested else resolve_overlaps(found, types)
    lost = {"overlap": len(dropped), OTHER_CHUNK: len(others - found.keys())}
    return Annotation(
        document.id,
        spans=kept,
        drops=_summed([*(row.drops for row in rows), lost]),
        forms=_summed(row.forms for row in rows),
        characters=tuple(found[span] for span in kept),
        matched=_summed(row.matched for row in rows),
        repairs=repairs,
        responses=responses,
    )


def _chunk(document: Document, offsets: Sequence[Range], place: Range, own: Range, name: str) -> Chunk:
    start, end = place
    first, last = offsets[start][0], offsets[end - 1][1]
    return Chunk(Document(name, document.tokens[start:end], document.text[first:last]), start, first, own)


def _ranges(borders: Sequence[int], longest: int, overlap: int) -> list[Range]:
    """Cut tokens into ranges; `borders` says what is in front of each token."""
    found: list[Range] = []
    start, tokens = 0, len(borders)
    while tokens - start > longest:
        # Of equally good borders the last, then the first: chunks are long, and overlaps too.
        least = max((longest + 1) // 2, overlap + 1)  # so that the next one begins behind this one's beginning
        end = max(range(start + least, start + longest + 1), key=lambda at: (borders[at], at))
        found.append((start, end))
        start = max(range(end - overlap, end), key=lambda at: (borders[at], -at)) if overlap else end
    return [*found, (start, tokens)]


def _borders(document: Document, offsets: Sequence[Range]) -> list[int]:
    """Say what is in front of each token: a sentence's end or a paragraph's, a line's, a blank, or nothing."""
    borders = [_SENTENCE]
    for after in range(1, len(offsets)):
        gap = document.text[offsets[after - 1][1] : offsets[after][0]]
        if gap.count("\n") > 1 or _ends_sentence(document.tokens, after):
            borders.append(_SENTENCE)
        elif "\n" in gap:
            borders.append(_LINE)
        else:
            borders.append(_BLANK if gap and not gap.strip() else _WITHIN)
    return borders


def _ends_sentence(tokens: Sequence[str], after: int) -> bool:
    """Say whether a sentence ends before token `after`. In doubt it does not: there are others to cut at."""
    last = after - 1
    while last > 0 and _CLOSING.fullmatch(tokens[last]):
        last -= 1
    following = tokens[after]
    if not _ENDS.fullmatch(tokens[last]) or following[0].islower() or _ENDS.fullmatch(following):
        return False
    if tokens[last] != "." or last == 0:
        return not _CLOSING.fullmatch(following)
    before = tokens[last - 1]
    abbreviation = len(before) <= _SHORT and before[0].isupper()
    return not abbreviation and not _CLOSING.fullmatch(following)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return {name: count for name, count in total.items() if count}
