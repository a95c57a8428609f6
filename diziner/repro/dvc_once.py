"""DVC's repeated work done once, for one process that has the project to itself. Private to DVC, as
`diziner.repro.dvc_graph` is; what comes out is the same.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from diziner.repro.dvc_yaml import as_dvc_writes

Version = tuple[str, int, int, int]  # of a file: path, inode, time and size


@contextlib.contextmanager
def one_process() -> Iterator[None]:
    """Have DVC work for one process: no locks on single paths, as nobody else holds the project's; params.yaml and
    git's index are parsed once a version, the index not once an output, and settings are looked up once;
    pipeline files of the same text, as those of rooms, and each name in braces are parsed once;
    entries of the run-cache are written by `diziner.repro.dvc_yaml`;
    whether a stage can be in the run-cache, for which DVC hashes all its dependencies, is asked once, not four times.
    """
    import dvc.dependency.param
    import dvc.parsing.interpolate
    import dvc.rwlock
    import dvc.stage.cache
    import dvc.utils.serialize
    import dvc.utils.strictyaml
    import scmrepo.git.backend.dulwich

    git: Any = scmrepo.git.backend.dulwich.DulwichBackend
    is_tracked = git.is_tracked
    load = dvc.dependency.param.load_path
    read_params = dvc.dependency.param.read_param_file
    load_checked = dvc.utils.strictyaml.load
    parse_name = dvc.parsing.interpolate.parse_expr
    lock = dvc.rwlock.rwlock
    can_hash = dvc.stage.cache._can_hash
    dump_yaml = dvc.utils.serialize.dump_yaml
    hashable: dict[Any, bool] = {}
    parsed: dict[Version, Any] = {}
    tracked: dict[Version, frozenset[bytes]] = {}
    settings: dict[tuple[Version, str], dict[str, Any]] = {}
    checked: dict[tuple[int, str], Any] = {}

    def load_once(path: str, *arguments: Any, **options: Any) -> Any:
        key = _version(path)
        if key not in parsed:
            parsed[key] = load(path, *arguments, **options)
        return parsed[key]

    def read_params_once(
        fs: Any, path: str, keys: Sequence[str] | None = None, flatten: bool = False, **options: Any
    ) -> Any:
        if not flatten or not keys or options:
            return read_params(fs, path, keys, flatten, **options)
        version = _version(path)
        found: dict[str, Any] = {}
        for key in keys:
            if (version, key) not in settings:
                settings[version, key] = read_params(fs, path, [key], flatten)
            found |= settings[version, key]
        return found

    def load_checked_once(path: str, schema: Any = None, fs: Any = None, *arguments: Any, **options: Any) -> Any:
        if arguments or options or fs is None or fs.protocol != "local":
            return load_checked(path, schema, fs, *arguments, **options)
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return load_checked(path, schema, fs)
        key = id(schema), text  # a class of DVC has it, for as long as the process lives
        if key not in checked:
            checked[key] = load_checked(path, schema, fs)
        return copy.deepcopy(checked[key])

    def can_hash_once(stage: Any) -> bool:
        if stage not in hashable:
            hashable[stage] = can_hash(stage)
        return hashable[stage]

    def is_tracked_by_index_read_once(backend: Any, path: str) -> bool:
        key = _version(backend.repo.index_path())
        if key not in tracked:
            tracked[key] = _with_folders(backend.repo.open_index())
        return os.path.relpath(path, backend.root_dir).replace(os.path.sep, "/").encode() in tracked[key]

    def dump_yaml_directly(path: str, data: Any) -> None:
        Path(path).write_text(as_dvc_writes(data), encoding="utf-8")

    git.is_tracked = is_tracked_by_index_read_once
    dvc.utils.serialize.dump_yaml = dump_yaml_directly
    dvc.utils.strictyaml.load = load_checked_once
    dvc.parsing.interpolate.parse_expr = cache(parse_name)
    dvc.dependency.param.load_path = load_once
    dvc.dependency.param.read_param_file = read_params_once
    dvc.stage.cache._can_hash = can_hash_once
    dvc.rwlock.rwlock = lambda *_: contextlib.nullcontext()
    try:
        yield
    finally:
        git.is_tracked = is_tracked
        dvc.utils.serialize.dump_yaml = dump_yaml
        dvc.utils.strictyaml.load = load_checked
        dvc.parsing.interpolate.parse_expr = parse_name
        dvc.dependency.param.load_path = load
        dvc.dependency.param.read_param_file = read_params
        dvc.stage.cache._can_hash = can_hash
        dvc.rwlock.rwlock = lock


def _version(path: str) -> Version:
    """Return what changes when a file is written anew, and the same for a file that is not there."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return path, 0, 0, 0
    return path, found.st_ino, found.st_mtime_ns, found.st_size


def _with_folders(paths: Iterable[bytes]) -> frozenset[bytes]:
    """Return paths and all folders above them.

    >>> sorted(_with_folders([b"a/b/c", b"a/d"]))
    [b'a', b'a/b', b'a/b/c', b'a/d']
    """
    found = set()
    for path in paths:
        above = path
        while above and above not in found:
            found.add(above)
            above = above.rpartition(b"/")[0]
    return frozenset(found)


def forget_staged() -> None:
    """Empty the memory that DVC stages objects in on their way to the cache: it searches all of it each time."""
    from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
