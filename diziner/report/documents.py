"""Documents of the page: their text, who read what in them, and how much they are disputed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.records.token_text import text_with_offsets
from diziner.report.files import RoomFiles

Reading = Sequence[Span] | None  # None: the annotator has no answer
_CLOSES = re.compile(r"[.,;:!?%)\]}»”’]+|''|['’](?:s|S|ll|re|ve|d|m|t)|n['’]t")
_OPENS = re.compile(r"[(\[{«“‘$£€#]+|``")


def document_view(
    document: Document,
    readings: Sequence[Reading],
    gold: Reading,
    types: Sequence[str],
    *,
    bounds: tuple[int, int] | None = None,
    text: bool = True,
) -> dict[str, Any]:
    """Return a document from token `bounds[0]` to `bounds[1]` (None: the whole), a mention that crosses an edge whole.

    `from` and `to` are there unless it is whole. `sets` are the distinct readings, each a list of
    `[start, end, index of type]` in the whole document's positions; `readings` and `gold` say which, null for no
    answer. `tokens` is one string with blanks between, unless a token has blanks itself; None without `text`. `glued`
    are tokens with no blank behind them, `gaps` what else stands there.
    """
    spans = [span for reading in (*readings, gold) for span in reading or ()]
    start, end = (max(0, bounds[0]), min(len(document.tokens), bounds[1])) if bounds else (0, len(document.tokens))
    start = min([start, *(s.start for s in spans if s.start < start < s.end)])
    end = max([end, *(s.end for s in spans if s.start < end < s.end)])
    sets: dict[tuple[tuple[int, int, int], ...], int] = {}

    def number(reading: Reading) -> int | None:
        if reading is None:
            return None
        shown = tuple((s.start, s.end, types.index(s.type)) for s in reading if s.start < end and s.end > start)
        return sets.setdefault(shown, len(sets))

    view: dict[str, Any] = {
        "id": document.id,
        "of": len(document.tokens),
        "readings": [number(reading) for reading in readings],
        "gold": number(gold),
    }
    view["sets"] = [[list(span) for span in own] for own in sets]
    if (start, end) != (0, len(document.tokens)):
        view |= {"from": start, "to": end}
    return view | (_text(document, start, end) if text else {"tokens": None})


def differing(reading: Reading, consensus: Sequence[Span]) -> int:
    """Return how many mentions stand in one of both alone; 0 where there is no answer."""
    return 0 if reading is None or reading == consensus else len(set(reading) ^ set(consensus))


def most_disputed(scores: Sequence[int], limit: int) -> set[int]:
    """Return the places of the `limit` highest scores; ties by place."""
    return set(sorted(range(len(scores)), key=lambda place: (-scores[place], place))[:limit])


def answered(rows: Mapping[str, Annotation], document: str) -> Reading:
    """Return what an annotator marked in a document; None if it failed there."""
    row = rows.get(document)
    return None if row is None or row.failure else row.spans


def test_view(files: RoomFiles, limit: int, *, text: bool) -> dict[str, Any]:
    """Return the test documents with the predictions of each guideline: the `limit` most disputed, of `all`.

    Disputed is what differs from gold, else what the guidelines' predictions have each alone.
    """
    names = list(files.predictions)
    rows = [{row.id: row for row in files.predictions[name]} for name in names]
    scores = []
    for document in files.test:
        readings = [answered(own, document.id) for own in rows]
        gold = files.gold.get(document.id)
        against = gold if gold is not None else next((own for own in readings if own is not None), ())
        scores.append(sum(differing(own, against) for own in readings))
    kept = most_disputed(scores, limit)
    shown = [
        document_view(
            document,
            [answered(own, document.id) for own in rows],
            files.gold.get(document.id),
            files.card.types,
            text=text,
        )
        for place, document in enumerate(files.test)
        if place in kept
    ]
    return {"all": len(files.test), "names": names, "documents": shown}


def _text(document: Document, start: int, end: int) -> dict[str, Any]:
    tokens = document.tokens[start:end]
    between = _gaps(document)[start : max(start, end - 1)]
    view: dict[str, Any] = {"tokens": list(tokens) if any(" " in token for token in tokens) else " ".join(tokens)}
    if glued := [place for place, gap in enumerate(between) if not gap]:
        view["glued"] = glued
    if others := [[place, gap] for place, gap in enumerate(between) if gap not in {"", " "}]:
        view["gaps"] = others
    return view


def _gaps(document: Document) -> list[str]:
    """Return what stands between each token and the next. Where a corpus has tokens alone, blanks before closing and
    behind opening marks are closed up, as one reads them."""
    if document.text != " ".join(document.tokens):
        text, offsets = text_with_offsets(document)
        return [text[last:first] for (_, last), (first, _) in pairwise(offsets)]
    return ["" if _CLOSES.fullmatch(b) or _OPENS.fullmatch(a) else " " for a, b in pairwise(document.tokens)]
