"""Match of labelled files: are they of the same documents, and the tokens of those."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.records.documents import Document
from diziner.standalone.files import LabelledFile

_NAMED = 3  # documents that a message names


def require_matching_ids(files: Sequence[LabelledFile]) -> None:
    """Refuse files of which some have ids and some have not: their documents cannot be matched."""
    first = files[0]
    for file in files[1:]:
        if file.has_ids != first.has_ids:
            having, lacking = (first, file) if first.has_ids else (file, first)
            raise UserError(
                f"{lacking.path} has no ids, {having.path} has (first {having.annotations[0].id!r}): "
                "documents are matched by id, or by order where no file has ids"
            )


def require_same_documents(files: Sequence[LabelledFile]) -> None:
    """Refuse files that do not have the same documents, naming the first few that one lacks."""
    first = files[0]
    for file in files[1:]:
        for having, lacking in ((first, file), (file, first)):
            known = {row.id for row in lacking.annotations}
            missing = [row.id for row in having.annotations if row.id not in known]
            if missing:
                named = ", ".join(map(repr, missing[:_NAMED])) + (", …" if len(missing) > _NAMED else "")
                raise UserError(
                    f"{lacking.path} lacks {len(missing)} of the {counted(len(having.annotations), 'document')} of "
                    f"{having.path}: {named}; add them, or leave out with --common what is not in every file"
                )


def common_documents(files: Sequence[LabelledFile]) -> frozenset[str]:
    """Return the ids that every file has.

    Errors: UserError if there are none.
    """
    common = frozenset.intersection(*(frozenset(row.id for row in file.annotations) for file in files))
    if not common:
        raise UserError(
            f"{files[0].path}: no document in common with the other files (first {files[0].annotations[0].id!r}; "
            f"{files[1].path} has {files[1].annotations[0].id!r})"
        )
    return common


def joined_documents(
    files: Sequence[LabelledFile], texts: tuple[Path, Mapping[str, Document]] | None, wanted: Collection[str]
) -> dict[str, Document] | None:
    """Return the documents of these ids from all files that have tokens, and from a file of `texts`; None if none has
    any.

    Errors: UserError for a document with other tokens in one file than in another, one without tokens, and
    a span that is outside its document.
    """
    sources = [(file.path, file.documents) for file in files if file.documents is not None]
    sources += [texts] if texts else []
    if not sources:
        return None
    found: dict[str, tuple[Path, Document]] = {}
    for path, documents in sources:
        for name in sorted(documents.keys() & wanted):
            other, document = found.setdefault(name, (path, documents[name]))
            if document.tokens != documents[name].tokens:
                what = _difference(document.tokens, documents[name].tokens)
                raise UserError(f"{path}: document {name!r} has other tokens than in {other}: {what}")
    for name in sorted(wanted):
        if name not in found:
            raise UserError(f"{sources[-1][0]}: no document {name!r}, whose tokens are needed")
    joined = {name: document for name, (_, document) in found.items()}
    for file in files:
        _require_spans_inside(file, joined)
    return joined


def _difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    place = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    if place is None:
        return f"{len(theirs)} of them, there {len(ours)}"
    return f"token {place} is {theirs[place]!r}, there {ours[place]!r}"


def _require_spans_inside(file: LabelledFile, documents: Mapping[str, Document]) -> None:
    for row in file.annotations:
        length = len(documents[row.id].tokens) if row.id in documents else None
        for span in row.spans:
            if length is not None and span.end > length:
                raise UserError(
                    f"{file.path}: document {row.id!r}: {span.type} span [{span.start}, {span.end}) "
                    f"is outside its {counted(length, 'token')}"
                )
