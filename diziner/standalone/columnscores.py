"""Scores of column files from their arrays: what `scores.protocol_scores` gives, without an object for each span."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diziner.common.exact import mean
from diziner.forms.choices import Choices
from diziner.forms.columnarrays import read_columns
from diziner.forms.columns import Columns, surfaces_of
from diziner.forms.form import Look, Task
from diziner.forms.jsonarrays import read_json_columns
from diziner.forms.table import form_of
from diziner.records.annotations import Span
from diziner.scoring.pairing import count_boundary_pairs, count_type_pairs
from diziner.scoring.strict import Score, score_counts
from diziner.scoring.surfaces import normalise
from diziner.standalone.scores import ProtocolScores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

Triple = tuple[int, int, int]  # credit, predicted, gold
_LENGTH_BITS = 20  # of a span's length beside its type in one whole number
_TYPE_BITS = 12


class _Units(NamedTuple):
    """Units of one side: a key for each, equal if they are the same, its document, and the code of its type."""

    keys: Numbers
    documents: Numbers
    types: Numbers


_READERS = {"columns": read_columns, "json": read_json_columns}


def read_same_columns(paths: Sequence[Path], choices: Choices) -> list[Columns] | None:
    """Read files of tokens and tags of the same documents as arrays; None if they are anything else, or not the same.

    Errors: UserError as `diziner.standalone.files.read_plain`.
    """
    found: list[Columns] = []
    for path in paths:
        read = _READERS.get(form_of(Look(path), choices).name)
        columns = read(Task(path, choices, "needed")) if read else None
        if columns is None or (found and not columns.same_tokens(found[0])):
            return None
        if found:  # one text and one set of tokens for all
            first = found[0]
            columns = replace(
                columns, text=first.text, starts=first.starts, ends=first.ends, first_token=first.first_token
            )
        found.append(columns)
    return found if _fit(found) else None


def _fit(files: Sequence[Columns]) -> bool:
    types = {label for file in files for label in file.types}
    lengths = [int((file.span_ends - file.span_starts).max(initial=0)) for file in files]
    return len(types) < 1 << _TYPE_BITS and max(lengths) < 1 << _LENGTH_BITS


class ColumnScores:
    """Scores of a prediction against gold, both as arrays, under the protocols that are built in."""

    def __init__(self, gold: Columns, predicted: Columns) -> None:
        import numpy as np

        self._sides = (gold, predicted)
        self.types = sorted({*gold.types, *predicted.types})
        self._types = []
        for side in self._sides:
            codes = np.array([self.types.index(label) for label in side.types] or [0], dtype=np.int64)
            self._types.append(codes[side.span_types])
        self._documents: list[Numbers] = [side.span_documents() for side in self._sides]
        # Rows of counts are in the order of ids; where there are none, these are # and a number.
        ids = gold.ids or [f"#{number + 1}" for number in range(gold.documents)]
        self._order = np.array(sorted(range(gold.documents), key=ids.__getitem__), dtype=np.int64)

    def of(self, name: str) -> ProtocolScores:
        """Score under a protocol, in detail."""
        if name in ("type", "muc_partial"):
            return self._paired(_type_pairs if name == "type" else _halves, halved=name == "muc_partial")
        multiset = name == "multiset_of_strings"
        gold, predicted = self._units(name)
        rows = _by_document(gold, predicted, len(self._order), multiset)
        total = rows.sum(axis=0)
        per_type = {}
        for code, label in enumerate(self.types):
            own = _of_type(gold, code), _of_type(predicted, code)
            per_type[label] = _score(*_by_document(*own, len(self._order), multiset).sum(axis=0).tolist())
        counts = None if name == "reference" else rows[self._order]
        return _detailed(_score(*total.tolist()), per_type, counts)

    def _units(self, name: str) -> tuple[_Units, _Units]:
        gold, predicted = (
            _Units(keys, documents, types)
            for keys, documents, types in zip(self._keys(name), self._documents, self._types, strict=True)
        )
        return gold, predicted

    def _keys(self, name: str) -> list[Numbers]:
        import numpy as np

        places = []
        for side in self._sides:
            length = (side.span_ends - side.span_starts).astype(np.int64)
            start = side.span_starts.astype(np.int64)
            if name == "reference":  # characters of the tokens joined by blanks, whatever the document
                offset = side.starts[side.first_token[:-1]][side.span_documents()]
                start, end = side.starts[side.span_starts] - offset, side.ends[side.span_ends - 1] - offset
                length = (end - start).astype(np.int64)
                start = start.astype(np.int64)
            places.append((start << _LENGTH_BITS | length) << _TYPE_BITS)
        if name == "boundary":
            return places
        if name in ("strict", "seqeval_default", "reference"):
            return [place | types for place, types in zip(places, self._types, strict=True)]
        return self._string_keys(name)

    def _string_keys(self, name: str) -> list[Numbers]:
        import numpy as np

        written: Callable[[str], str] = str if name == "multiset_of_strings" else normalise
        label: Callable[[str], str] = normalise if name == "word_aligned_set" else str
        named: dict[str, int] = {}
        types = np.array([named.setdefault(label(each), len(named)) for each in self.types] or [0], dtype=np.int64)
        known: dict[str, int] = {}
        strings: dict[str, int] = {}
        sides = []
        for side in self._sides:
            texts = surfaces_of(side)
            for text in texts:
                if text not in known:
                    known[text] = strings.setdefault(written(text), len(strings))
            sides.append(np.array([known[text] for text in texts], dtype=np.int64))
        return [
            (documents * max(len(strings), 1) + codes) * max(len(named), 1) + types[own]
            for documents, codes, own in zip(self._documents, sides, self._types, strict=True)
        ]

    def _paired(self, count: Callable[[list[Span], list[Span]], tuple[Triple, int]], halved: bool) -> ProtocolScores:
        """Score a protocol of pairs; documents whose two sides are equal need not be counted one by one."""
        import numpy as np

        every = self._pair_counts(count, halved, None)
        per_type = {
            label: _halved_or_not(*self._pair_counts(count, halved, code), halved)
            for code, label in enumerate(self.types)
        }
        rows, exact = every
        return _detailed(_halved_or_not(rows, exact, halved), per_type, np.asarray(rows)[self._order])

    def _pair_counts(
        self, count: Callable[[list[Span], list[Span]], tuple[Triple, int]], halved: bool, code: int | None
    ) -> tuple[Numbers, int]:
        """Return counts by document, of spans of one type or of all, and how many pairs have equal bounds."""
        import numpy as np

        size = len(self._order)
        gold, predicted = self._units("strict")
        if code is not None:
            gold, predicted = _of_type(gold, code), _of_type(predicted, code)
        rows = _by_document(gold, predicted, size, False)
        differ = (rows[:, 0] != rows[:, 1]) | (rows[:, 0] != rows[:, 2])
        exact = int(rows[~differ, 0].sum())
        rows = rows * 2 if halved else rows
        lists = [self._lists(side, differ) for side in (gold, predicted)]
        for document in np.flatnonzero(differ).tolist():
            rows[document], pairs = count(lists[0].get(document, []), lists[1].get(document, []))
            exact += pairs
        return rows, exact

    def _lists(self, side: _Units, wanted: NDArray[np.bool_]) -> dict[int, list[Span]]:
        chosen = wanted[side.documents]
        keys, documents, types = (column[chosen].tolist() for column in side)
        found: dict[int, list[Span]] = {}
        for key, document, code in zip(keys, documents, types, strict=True):
            place = key >> _TYPE_BITS
            start = place >> _LENGTH_BITS
            end = start + (place & (1 << _LENGTH_BITS) - 1)
            found.setdefault(document, []).append(Span(start, end, self.types[code]))
        return found


def _of_type(units: _Units, code: int) -> _Units:
    chosen = units.types == code
    return _Units(*(column[chosen] for column in units))


def _type_pairs(gold: list[Span], predicted: list[Span]) -> tuple[Triple, int]:
    return (count_type_pairs(gold, predicted), len(predicted), len(gold)), 0


def _halves(gold: list[Span], predicted: list[Span]) -> tuple[Triple, int]:
    pairs = count_boundary_pairs(gold, predicted)
    return (2 * pairs.exact + pairs.partial, 2 * len(predicted), 2 * len(gold)), pairs.exact


def _halved_or_not(rows: Numbers, exact: int, halved: bool) -> Score:
    score = _score(*rows.sum(axis=0).tolist())
    if not halved:
        return score
    return Score(score.precision, score.recall, score.f1, exact, score.predicted // 2, score.gold // 2)


def _score(correct: int, predicted: int, gold: int) -> Score:
    return score_counts(correct, predicted, gold)


def _detailed(micro: Score, per_type: dict[str, Score], counts: Any) -> ProtocolScores:
    macro = mean(score.f1 for score in per_type.values()) if per_type else 1.0
    return ProtocolScores(micro, macro, per_type, counts)


def _by_document(gold: _Units, predicted: _Units, documents: int, multiset: bool) -> Numbers:
    """Count units by document: (shared, predicted, gold); equal ones once, with `multiset` as often as they occur."""
    import numpy as np

    rows = np.zeros((documents, 3), dtype=np.int64)
    unique = []
    for column, side in ((2, gold), (1, predicted)):
        keys, first, often = np.unique(side.keys, return_index=True, return_counts=True)
        often = often if multiset else np.ones_like(often)
        own = side.documents[first]
        rows[:, column] = np.bincount(own, weights=often, minlength=documents).astype(np.int64)
        unique.append((keys, often, own))
    (keys, often, own), (others, others_often, _) = unique
    _, here, there = np.intersect1d(keys, others, assume_unique=True, return_indices=True)
    shared = np.minimum(often[here], others_often[there])
    rows[:, 0] = np.bincount(own[here], weights=shared, minlength=documents).astype(np.int64)
    return rows
