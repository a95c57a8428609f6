"""Objects of DVC's cache and entries of its run-cache, read and held against their names.

DVC takes a cached object that is read-only for what its name says and never reads it again, and an entry of the
run-cache for what was written there. Both names are digests of the contents, so what rotted can be told from what did
not. Private to DVC, as `diziner.repro.dvc_graph` is.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.yamlfile import parse_yaml_as_dvc

_FOLDER = re.compile(r"[0-9a-f]{2}")
_OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")
_ENTRY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checked:
    """A file of the cache that was read: the digest in its name, that of its contents, its bytes; `error` where it
    cannot be read."""

    path: Path
    expected: str
    found: str
    size: int
    error: str = ""

    @property
    def rotted(self) -> bool:
        return not self.error and self.expected != self.found


def objects_behind(odb: Any, digest: str) -> Iterator[Checked]:
    """Read the object of that digest, for a folder's also those of its files; what is not in the cache is passed over.

    A file at a time, in blocks.
    """
    checked = _read(odb, digest)
    if checked is None:
        return
    yield checked
    if digest.endswith(".dir") and checked.found == checked.expected:
        entries = jsontext.loads(checked.path.read_bytes())
        for name in sorted({entry["md5"] for entry in entries}):
            if file := _read(odb, name):
                yield file


def all_objects(odb: Any) -> Iterator[Checked]:
    """Read every object of a cache, in the order of their names."""
    for folder in _sorted(Path(odb.path), _FOLDER):
        for path in _sorted(folder, _OBJECT):
            if checked := _read(odb, folder.name + path.name):
                yield checked


def all_entries(stage_cache: Any) -> Iterator[Checked]:
    """Read every entry of the run-cache."""
    for first in _sorted(Path(stage_cache.cache_dir), _FOLDER):
        for run in _sorted(first, _ENTRY):
            for path in _sorted(run, _ENTRY):
                yield entry_at(path)


def entry_at(path: Path) -> Checked:
    """Read one entry of the run-cache: its folder is named by what was run, itself by that and what came of it."""
    from dvc.stage.cache import _get_cache_hash

    name = f"{path.parent.name}/{path.name}"
    size = 0
    try:
        data = path.read_bytes()
        size, run = len(data), parse_yaml_as_dvc(data)
        whole = _get_cache_hash(run)
        return Checked(path, name, f"{_get_cache_hash(run, key=True)}/{whole}", size)
    except OSError as error:
        return Checked(path, name, "", 0, error.strerror or type(error).__name__)
    except (ValueError, AttributeError, KeyError, TypeError):
        return Checked(path, name, "no entry", size)


def outputs_of_runs(stage_cache: Any, key: str) -> Iterator[dict[str, str]]:
    """Yield path -> digest of the outputs of each run that the run-cache has under a key, whole entries only."""
    for path in _sorted(Path(stage_cache._get_cache_dir(key)), _ENTRY):
        checked = entry_at(path)
        if checked.found == checked.expected:
            yield {out["path"]: out["md5"] for out in parse_yaml_as_dvc(path.read_bytes())["outs"] if "md5" in out}


def remove_rotted(checked: Iterable[Checked]) -> list[Checked]:
    """Remove what rotted, as DVC does with an object that is not read-only; what was removed is returned.

    Errors: OSError.
    """
    rotted = [each for each in checked if each.rotted]
    for each in rotted:
        each.path.unlink(missing_ok=True)
    return rotted


@contextlib.contextmanager
def restored_by_contents(stage_cache: Any) -> Iterator[list[Checked]]:
    """Have the run-cache restore only what was read and is as its name says, within the block.

    Anything else is removed, and DVC does not find it; the list says what that was.
    """
    removed: list[Checked] = []
    create, load = stage_cache._create_stage, stage_cache._load_cache

    def create_stage(*arguments: Any, **options: Any) -> Any:
        stage = create(*arguments, **options)
        for out in stage.outs:
            if out.hash_info:
                removed.extend(remove_rotted(objects_behind(out.cache, out.hash_info.value)))
        return stage

    def load_cache(key: str, value: str) -> Any:
        path = Path(stage_cache._get_cache_path(key, value))
        if path.exists():
            removed.extend(remove_rotted([entry_at(path)]))
        return load(key, value)

    stage_cache._create_stage, stage_cache._load_cache = create_stage, load_cache
    try:
        yield removed
    finally:
        del stage_cache._create_stage, stage_cache._load_cache


def _read(odb: Any, digest: str) -> Checked | None:
    from dvc_data.hashfile.hash import file_md5

    path = Path(odb.oid_to_path(digest))
    try:
        size, found = path.stat().st_size, file_md5(os.fspath(path), odb.fs, name=odb.hash_name)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Checked(path, digest.removesuffix(".dir"), "", 0, error.strerror or type(error).__name__)
    return Checked(path, digest.removesuffix(".dir"), found, size)


def _sorted(folder: Path, name: re.Pattern[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if name.fullmatch(path.name))
