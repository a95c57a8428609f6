"""Labelled files of tokens and tags, read as arrays where all have the same documents: a sixth of the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from diziner.common.garbage import without_search_for_garbage
from diziner.forms.choices import NO_CHOICES, Choices
from diziner.forms.columns import Columns
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.standalone.columnscores import read_same_columns
from diziner.standalone.files import LabelledFile, read_plain


def read_labelled(paths: Sequence[Path], choices: Choices = NO_CHOICES) -> list[LabelledFile]:
    """Read labelled files of any form, in the order given.

    Columns of the same documents are read as arrays, and share the documents. Then spans have no characters of their
    own: those of their tokens are meant. All else is as `read_plain` has it.
    Errors: as `read_plain`.
    """
    with without_search_for_garbage():
        columns = read_same_columns(paths, choices) if len(paths) > 1 else None
        if columns is None or len(set(columns[0].ids)) < len(columns[0].ids):
            return [read_plain(path, choices) for path in paths]
        documents = {each.id: each for each in _documents(columns[0])}
        return [_file(path, own, documents) for path, own in zip(paths, columns, strict=True)]


def _documents(columns: Columns) -> Iterator[Document]:
    starts, ends, bounds = columns.starts.tolist(), columns.ends.tolist(), columns.first_token.tolist()
    tokens = [columns.text[start:end] for start, end in zip(starts, ends, strict=True)]
    names = columns.ids or [f"#{number}" for number in range(1, len(bounds))]
    for name, first, last in zip(names, bounds, bounds[1:], strict=False):
        yield Document(name, tuple(tokens[first:last]), columns.text[starts[first] : ends[last - 1]])


def _file(path: Path, columns: Columns, documents: dict[str, Document]) -> LabelledFile:
    span_of = cache(Span)  # most documents begin alike, and few types recur: one object for all that are equal
    spans: list[list[Span]] = [[] for _ in documents]
    owner = columns.span_documents()
    base = columns.first_token[owner]
    labels = [columns.types[code] for code in columns.span_types.tolist()]
    places = (owner, columns.span_starts - base, columns.span_ends - base)
    for number, start, end, label in zip(*(place.tolist() for place in places), labels, strict=True):
        spans[number].append(span_of(start, end, label))
    rows = tuple([Annotation(name, tuple(own)) for name, own in zip(documents, spans, strict=True)])
    return LabelledFile(path, bool(columns.ids), rows, documents, columns.repairs, frozenset(), columns.said)
