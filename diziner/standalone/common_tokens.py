"""One set of tokens for files that give texts: cut where any of their spans begins or ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from sys import intern
from typing import NamedTuple

from diziner.corpora.texts import cut_ranges
from diziner.corpora.tokenize import tokenize
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document, Range, tokens_touched
from diziner.spans.folding import squeeze
from diziner.spans.overlaps import are_flat, resolve_overlaps
from diziner.spans.widened import counted, widened_spans
from diziner.standalone.files import LabelledFile

Texts = tuple[Path, Mapping[str, Document]]


class _Tokens(NamedTuple):
    """A document's tokens: `base`, of which spans without characters are, and `final`, which all files get."""

    base: tuple[str, ...]
    final: tuple[str, ...]


class _Source(NamedTuple):
    """Source of a document in one file: a row, and the document itself if the file has texts."""

    row: Annotation
    document: Document | None
    own_tokens: bool


def with_common_tokens(
    files: Sequence[LabelledFile], texts: Texts | None = None
) -> tuple[list[LabelledFile], Texts | None]:
    """Give documents that came without tokens the same tokens in all files.

    Where some file has tokens for such a document, these hold, and its spans are the tokens that they touch. Else, or
    if the tokens are those that our tokenizer makes, they are cut where spans of any file begin or end: then every
    span is in tokens what it was in characters. Documents that differ in more than white space are left as they are.
    """
    rows = [{row.id: row for row in file.annotations} for file in files]
    common: dict[str, _Tokens] = {}
    for name in sorted({name for file in files for name in file.own_tokens}):
        sources = [_source(file, own[name]) for file, own in zip(files, rows, strict=True) if name in own]
        if tokens := _common_tokens(sources, texts[1].get(name) if texts else None):
            common[name] = tokens
    renewed = texts and (texts[0], {name: _document(each, common.get(name)) for name, each in texts[1].items()})
    return [_file(file, common) for file in files], renewed


def widened_of(file: LabelledFile, ids: Collection[str]) -> dict[str, object]:
    """Return how many of these documents' spans have more in their tokens than was given or answered, with examples."""
    texts = file.documents or {}
    rows = (row for row in file.annotations if row.id in ids and row.id in texts)
    return counted(each for row in rows for each in widened_spans(texts[row.id], row.spans, row.characters))


def _source(file: LabelledFile, row: Annotation) -> _Source:
    return _Source(row, (file.documents or {}).get(row.id), row.id in file.own_tokens)


def _common_tokens(sources: Sequence[_Source], text: Document | None) -> _Tokens | None:
    documents = [each.document for each in sources if each.document is not None]
    given = {each.document.tokens for each in sources if each.document is not None and not each.own_tokens}
    if text is not None:
        documents.append(text)
        given |= {text.tokens} - {tokenize(text.text)}
    letters = {squeeze(part) for each in documents for part in ("".join(each.tokens), each.text)}
    if len(letters) > 1 or len(given) > 1:
        return None
    base = next(iter(given), tokenize(documents[0].text))
    if base != tokenize(documents[0].text):
        return _Tokens(base, base)
    [whole] = letters
    cuts = [bound for each in sources for place in _places(each, base) for bound in place]
    return _Tokens(base, tuple(intern(whole[start:end]) for start, end in cut_ranges(_ranges(base), cuts)))


def _places(source: _Source, base: Sequence[str]) -> list[Range]:
    """Return where a row's spans stand among the document's letters: its characters that are no white space."""
    row, document, _ = source
    if document is not None and row.characters:
        before = [0, *accumulate(not character.isspace() for character in document.text)]
        return [(before[first], before[last]) for first, last in row.characters]
    ranges = _ranges(base if document is None else document.tokens)
    if any(span.end > len(ranges) for span in row.spans):
        return []  # outside its document: refused later, with its file
    return [(ranges[span.start][0], ranges[span.end - 1][1]) for span in row.spans]


def _ranges(tokens: Sequence[str]) -> tuple[Range, ...]:
    return tuple(pairwise(accumulate((len(squeeze(token)) for token in tokens), initial=0)))


def _file(file: LabelledFile, common: Mapping[str, _Tokens]) -> LabelledFile:
    """Return the file with other tokens for some documents, and its spans as positions in these."""
    rows = [_row(_source(file, row), common[row.id]) if row.id in common else row for row in file.annotations]
    lost = sum(len(old.spans) - len(new.spans) for old, new in zip(file.annotations, rows, strict=True))
    documents = file.documents and {name: _document(each, common.get(name)) for name, each in file.documents.items()}
    return replace(file, annotations=tuple(rows), documents=documents, repairs=file.repairs + lost)


def _row(source: _Source, tokens: _Tokens) -> Annotation:
    row, ranges = source.row, _ranges(tokens.final)
    places = _places(source, tokens.base)
    if len(places) != len(row.spans):
        return row
    found: dict[Span, int] = {}  # by the place of the first that becomes it
    for number, (span, place) in enumerate(zip(row.spans, places, strict=True)):
        found.setdefault(Span(*tokens_touched(ranges, *place), span.type), number)
    if are_flat(row.spans):
        kept, _ = resolve_overlaps(found, sorted({span.type for span in found}))
    else:  # they may be nested
        kept = tuple(sorted(found))
    characters = tuple(row.characters[found[span]] for span in kept) if row.characters else ()
    return replace(row, spans=kept, characters=characters)


def _document(document: Document, tokens: _Tokens | None) -> Document:
    return document if tokens is None else replace(document, tokens=tokens.final)
