"""Files between stages: read and written atomically, in one form, checked against JSON Schemas."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from diziner.common import jsontext, strictschema
from diziner.common.errors import UserError
from diziner.common.jsontext import parse_json
from diziner.common.secret_values import key_in, key_in_file

SCHEMAS = Path(__file__).parents[1] / "schemas"


PARTIAL = ".partial"  # the end of the name of a file that is being written
_OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is synced and renamed over `path`, else removed.

    A reader therefore sees the old file or the new one, never half of it, also after kill -9. What that leaves behind
    ends in `PARTIAL`, which git and DVC are told to pass over.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _told_of(path):
        # Cut, so that the longest name that a file can have can be written to.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=PARTIAL)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            _refuse(path, key_in_file(temporary))
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder of the same name; on success it is moved to `path`, where nothing is, else removed.

    Errors: UserError for a key in one of its files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.") as above:
        folder = Path(above) / path.name
        folder.mkdir()
        yield folder
        for file in sorted(filter(Path.is_file, folder.rglob("*"))):
            _refuse(path / file.relative_to(folder), key_in_file(file))
        folder.rename(path)


def refuse_key_in(path: Path, text: str) -> None:
    """Refuse to write a text with a key in it into a file that has it compressed, where a search would not see it."""
    _refuse(path, key_in(text))


def _refuse(path: Path, variable: str | None) -> None:
    if variable:
        raise UserError(
            f"{path}: not written: it would hold the value of {variable}, which is a key; take it out of what the file "
            "is made of, or, if it is an everyday word, change the key"
        )


@contextlib.contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Have errors in writing be told of the file that is meant, not of its temporary name, or of none."""
    try:
        yield
    except OSError as error:
        if str(error.filename).endswith(PARTIAL) or (error.filename is None and error.errno in _OF_WRITING):
            error.filename, error.filename2 = str(path), None
        raise


def shown(path: Path) -> Path:
    """Return a path as people are shown it: relative to the current folder if it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def dump_line(value: object) -> str:
    """Return one JSON value on one line: sorted keys, non-ASCII kept, no NaN."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(", ", ": "))


def write_json(path: Path, value: object) -> None:
    """Write one JSON value for people: two spaces, sorted keys, newline at the end."""
    write_text(path, json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[object]) -> None:
    """Write JSON Lines, in the order given."""
    write_text(path, "".join(f"{dump_line(row)}\n" for row in rows))


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn a file that is missing, unreadable or wrongly encoded into the user's error, within the block."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def read_text(path: Path) -> str:
    """Read a UTF-8 file. Errors: as `readable`."""
    with readable(path):
        return path.read_text(encoding="utf-8")


def read_json(path: Path, schema: str | None = None) -> Any:
    """Read one JSON value and check it against a schema of `diziner/schemas` by name."""
    value = parse_json(read_text(path), str(path))
    if schema:
        check(value, schema, str(path))
    return value


def read_jsonl(path: Path, schema: str | None = None) -> list[Any]:
    """Read JSON Lines; blank lines are skipped; each row is checked against the schema."""
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = jsontext.line(line)
        except jsontext.JsonError as error:
            raise UserError(f"{path}:{number}: not JSON: {error.reason}") from None
        if schema:
            check(row, schema, f"{path}:{number}")
        rows.append(row)
    return rows


@cache
def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema `diziner/schemas/<name>.schema.json`."""
    schema: dict[str, Any] = jsontext.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    return schema


def without_keywords(schema: Any, keywords: frozenset[str]) -> Any:
    """Return a copy of a schema without some keywords, at every depth."""
    if isinstance(schema, list):
        return [without_keywords(value, keywords) for value in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: without_keywords(value, keywords) for key, value in schema.items() if key not in keywords}


@cache
def _compiled(name: str, ignoring: frozenset[str] = frozenset()) -> Callable[[Any], Any]:
    return strictschema.compiled(without_keywords(schema_of(name), ignoring))


def validator(schema: str, ignoring: frozenset[str] = frozenset()) -> Callable[[Any], Any]:
    """Return a function that raises ValueError with a reason for a value that does not fit the schema of that name.

    `ignoring` are keywords of the schema, such as maxLength, that are not held against the value.
    """

    def validate(value: Any) -> None:
        import fastjsonschema

        try:
            _compiled(schema, ignoring)(value)
        except fastjsonschema.JsonSchemaException as error:
            raise ValueError(str(error)) from None

    return validate


def check(value: object, schema: str, where: str) -> None:
    """Check a value against a schema by name.

    Errors: UserError naming `where`, the key, what was given and what is allowed.
    """
    import fastjsonschema

    try:
        _compiled(schema)(value)
    except fastjsonschema.JsonSchemaException:
        raise UserError(f"{where}: {violation(value, schema_of(schema)) or 'does not match its schema'}") from None


def violation(value: object, schema: dict[str, Any]) -> str | None:
    """Return the most telling violation of a schema that is no file's, in one line; None if there is none."""
    return strictschema.explain(value, schema)
