"""Tapes: recorded replies as JSON Lines, to replay without a model and to move between stores.

The first line says what was recorded on what, how many rows follow, and a digest of all of them (`{"tape": 2, "rows":
64, "digest": "…", "models": {…}, "recorded": "…"}`). Then come the texts that several requests share (`{"part",
"content"}`), then the rows of `diziner.llm.rows`, sorted by key (`{"key", "request", "response", "usage",
"provenance", "digest"}`, or a `refusal` in place of the three). A row's message holds its `content`, or its `part`.
An export is a tape without parts; where its name ends in .zst it is compressed.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import atomic, dump_line, readable
from diziner.llm.rows import (
    DamagedRowError,
    Row,
    reply_from_json,
    reply_text,
    reply_to_json,
    row_digest,
    sane,
)
from diziner.prompting.request import Reply, Response, key_of

TapeRow = Row

FORMAT = 2
_OF_FORMAT = ("tape", "rows", "digest")  # what is in the first line beside the provenance
_MAGIC = b"\x28\xb5\x2f\xfd"  # what a zstd file begins with


def read_tape(path: Path, earlier: bool = False) -> list[TapeRow]:
    """Return the rows of a tape, as `tape_rows`."""
    return list(tape_rows(path, earlier))


def tape_rows(path: Path, earlier: bool = False) -> Iterator[TapeRow]:
    """Yield the rows of a tape or an export, one after the other; with `earlier` also of one of the earlier format.

    Whether the tape is whole is known at its end only.
    Errors: UserError with file, line and key for a row that was edited, is doubled or of another form; for a tape
    that was cut or lacks rows; for another format.
    """
    with readable(path), _text(path) as lines:
        form, head = _head(path, lines.readline())
        if form < FORMAT and not earlier:
            raise UserError(f"{path}:1: of an earlier format of tapes: run `diziner responses convert {path}`")
        parts: dict[str, str] = {}
        digest, count, last = _Digest(), 0, ""
        for number, line in enumerate(lines, 2):
            try:
                value = _object(line)
                if "part" in value:
                    parts[_part_name(value)] = value["content"]
                    digest.add(value["part"])
                    continue
                key, _, reply = row = _row(value, parts, form)
                if key <= last:
                    raise DamagedRowError("doubled" if key == last else "out of order: it was moved or is doubled")
            except DamagedRowError as error:
                raise UserError(f"{path}:{number}: {_named(line)}not a row of this tape: {error}") from None
            digest.add(row_digest(key, reply_text(reply)))
            count, last = count + 1, key
            yield row
        if form < FORMAT:
            return
        if count != head["rows"]:
            raise UserError(f"{path}:1: {head['rows']} rows were written, {count} are there: cut, or rows are missing")
        if head["digest"] != digest.of(head):
            raise UserError(f"{path}:1: the first line, or the rows as a whole, are not as they were written")


def provenance_of(path: Path) -> dict[str, Any]:
    """Return what the first line of a tape or an export says beside its format. Errors: UserError."""
    with readable(path), _text(path) as lines:
        _, head = _head(path, lines.readline())
    return {name: value for name, value in head.items() if name not in _OF_FORMAT}


def write_tape(path: Path, provenance: Mapping[str, Any], rows: Iterable[TapeRow]) -> None:
    """Write a tape atomically; the same rows give the same bytes."""
    chosen = sorted(rows, key=lambda row: row[0])
    uses = Counter(message["content"] for _, request, _ in chosen for message in request["messages"])
    parts = {content: _part(content) for content, count in uses.items() if count > 1}
    _write(path, provenance, lambda: chosen, parts)


def write_export(path: Path, provenance: Mapping[str, Any], rows: Callable[[], Iterable[TapeRow]]) -> int:
    """Write rows sorted by key as an export, atomically; returns how many. `rows` is called twice."""
    return _write(path, provenance, rows, {})


def convert(path: Path) -> bool:
    """Bring a tape or an export of the earlier format to the present one, in place; False if it has it already.

    Errors: UserError as of `tape_rows`; the file stays as it is then.
    """
    with readable(path), _text(path) as lines:
        form, _ = _head(path, lines.readline())
    if form == FORMAT:
        return False
    write_tape(path, provenance_of(path), tape_rows(path, earlier=True))
    return True


class _Digest:
    """The digest of a whole tape: of its parts' names, its rows' digests, and its first line."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, name: str) -> None:
        self._sum.update(f"{name}\n".encode())

    def of(self, head: Mapping[str, Any]) -> str:
        whole = self._sum.copy()
        whole.update(dump_line({name: value for name, value in head.items() if name != "digest"}).encode())
        return whole.hexdigest()


def _write(
    path: Path, provenance: Mapping[str, Any], rows: Callable[[], Iterable[TapeRow]], parts: Mapping[str, str]
) -> int:
    texts = sorted((part, content) for content, part in parts.items())
    digest, count = _Digest(), 0
    for part, _ in texts:
        digest.add(part)
    for key, _, reply in rows():
        digest.add(row_digest(key, reply_text(reply)))
        count += 1
    head = {**provenance, "tape": FORMAT, "rows": count}
    with atomic(path) as temporary, _opened(temporary, path.suffix == ".zst") as file:
        file.write(f"{dump_line({**head, 'digest': digest.of(head)})}\n")
        for part, content in texts:
            file.write(f"{dump_line({'part': part, 'content': content})}\n")
        for key, request, reply in rows():
            row = {"key": key, "request": _with_parts(request, parts), **reply_to_json(reply)}
            file.write(f"{dump_line({**row, 'digest': row_digest(key, reply_text(reply))})}\n")
    return count


def _opened(path: Path, compressed: bool) -> IO[str]:
    if compressed:
        return cast(IO[str], zstd.open(path, "wt", encoding="utf-8", newline="\n"))
    return path.open("w", encoding="utf-8", newline="\n")


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as file:
        compressed = file.read(len(_MAGIC)) == _MAGIC
    try:
        with (
            zstd.open(path, "rt", encoding="utf-8", newline="\n")
            if compressed
            else path.open(encoding="utf-8", newline="\n") as lines
        ):
            yield cast(IO[str], lines)
    except (zstd.ZstdError, EOFError) as error:
        raise UserError(f"{path}: it was cut or damaged ({error})") from None


def _head(path: Path, line: str) -> tuple[int, dict[str, Any]]:
    try:
        head = _object(line)
        form = head.get("tape")
        if type(form) is not int or form < 1:
            raise DamagedRowError
    except DamagedRowError:
        raise UserError(f'{path}:1: not a tape: its first line must be an object with "tape": {FORMAT}') from None
    if form > FORMAT:
        raise UserError(f"{path}:1: made by a newer version (format {form}, this one reads {FORMAT}); update diziner")
    if form == FORMAT and not (type(head.get("rows")) is int and type(head.get("digest")) is str):
        raise UserError(f"{path}:1: not a tape: its first line must have rows, a number, and digest, a text")
    return form, head


def _object(line: str) -> dict[str, Any]:
    try:
        value = jsontext.body(line)
    except jsontext.JsonError as error:
        raise DamagedRowError(f"not JSON: {error}" + ("" if line.endswith("\n") else " (the file was cut)")) from None
    if not isinstance(value, dict):
        raise DamagedRowError("not an object")
    return value


def _part_name(value: Mapping[str, Any]) -> str:
    content = value.get("content")
    if value.keys() != {"part", "content"} or type(content) is not str:
        raise DamagedRowError("a part must have a content, which is text")
    if value["part"] != _part(content):
        raise DamagedRowError("the text does not fit the name of the part: it was edited")
    return str(value["part"])


def _row(value: dict[str, Any], parts: Mapping[str, str], form: int) -> TapeRow:
    try:
        key, request, digest = value.pop("key"), value.pop("request"), value.pop("digest", "")
        request["messages"] = [
            {"role": m["role"], "content": parts[m["part"]] if "part" in m else m["content"]}
            for m in request["messages"]
        ]
        if key != key_of(request):
            raise DamagedRowError("the key does not fit the request: the row was edited")
        reply = _earlier(value) if form < FORMAT else reply_from_json(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedRowError(f"lacks or mistakes {error}") from None
    except UserError as error:
        raise DamagedRowError(str(error)) from None
    if form == FORMAT and digest != row_digest(key, reply_text(reply)):
        raise DamagedRowError("its digest is another: the reply was edited")
    return key, request, reply


def _earlier(value: Mapping[str, Any]) -> Reply:
    response = Response(**value["response"])
    if value.keys() != {"response"} or type(response.text) is not str or type(response.finish_reason) is not str:
        raise DamagedRowError("must have a response, whose text and finish_reason must be text")
    return sane(response)


def _named(line: str) -> str:
    """Return the key in a line of a row, as far as it can be made out."""
    _, _, rest = line.partition('"key": "')
    key = rest.partition('"')[0]
    return f"{key[:12]}: " if key.isalnum() else ""


def _part(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _with_parts(request: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
    messages = [
        {"role": m["role"], "part": parts[m["content"]]} if m["content"] in parts else m for m in request["messages"]
    ]
    return {**request, "messages": messages}
