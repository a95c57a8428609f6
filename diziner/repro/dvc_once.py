"""DVC's repeated work done once, for one process that has the project to itself. Private to DVC, as
`diziner.repro.dvc_graph` is; what comes out is the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def one_process() -> Iterator[None]:
    """Have DVC work for one process: no locks on single paths, as nobody else holds the project's; params.yaml is
    parsed once a version;
    whether a stage can be in the run-cache, for which DVC hashes all its dependencies, is asked once, not four times.
    """
    import dvc.dependency.param
    import dvc.rwlock
    import dvc.stage.cache

    load = dvc.dependency.param.load_path
    lock = dvc.rwlock.rwlock
    can_hash = dvc.stage.cache._can_hash
    hashable: dict[Any, bool] = {}
    parsed: dict[tuple[str, int, int, int], Any] = {}

    def load_once(path: str, *arguments: Any, **options: Any) -> Any:
        found = Path(path).stat()
        key = (path, found.st_ino, found.st_mtime_ns, found.st_size)
        if key not in parsed:
            parsed[key] = load(path, *arguments, **options)
        return parsed[key]

    def can_hash_once(stage: Any) -> bool:
        if stage not in hashable:
            hashable[stage] = can_hash(stage)
        return hashable[stage]

    dvc.dependency.param.load_path = load_once
    dvc.stage.cache._can_hash = can_hash_once
    dvc.rwlock.rwlock = lambda *_: contextlib.nullcontext()
    try:
        yield
    finally:
        dvc.dependency.param.load_path = load
        dvc.stage.cache._can_hash = can_hash
        dvc.rwlock.rwlock = lock


def forget_staged() -> None:
    """Empty the memory that DVC stages objects in on their way to the cache: it searches all of it each time."""
    from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
