"""Libraries that are in memory before a fork: loaded once for all jobs, with no thread left behind.

A fork copies only the thread that forks. What another one held or did is lost: a lock stays shut, a queue is never
read. Numbers stay those of a process that loads the libraries itself: OpenBLAS works in a fork with as many threads.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import time
from collections.abc import Iterable, Iterator

from diziner.repro.threads import others

# Loading these opens no connection, computes nothing and leaves no thread behind (tests hold them to it). Not polars:
# it starts a thread that deletes what queries spill to disk, and a fork without that thread may wait for it for ever.
WARM = frozenset(
    {"fastjsonschema", "jinja2", "joblib", "jsonschema", "litellm", "numpy", "openai", "scipy", "seqeval", "sklearn"}
    | {"diziner", "stages", "yaml"}
)
# What the allocator of pyarrow, which sklearn loads by way of pandas, reads once. After a fork it has no thread anyway.
_ALLOCATOR = "JE_ARROW_MALLOC_CONF"
_PATIENCE_S = 1.0  # until the system has taken a thread that has ended off its list: less than a millisecond as a rule


def load(names: Iterable[str]) -> None:
    """Load modules; those that fail to load are skipped, and fail where they are needed."""
    with _no_allocator_thread():
        for name in names:
            with contextlib.suppress(ImportError, AttributeError):
                importlib.import_module(name)
            if name == "diziner.common.files":
                _compile_schemas()
    if others():
        _stop_openblas()


def _compile_schemas() -> None:
    """Compile every schema, as the first check against it would: that takes longer than the work of many a stage."""
    from diziner.common.files import SCHEMAS, _compiled

    for path in sorted(SCHEMAS.glob("*.schema.json")):
        with contextlib.suppress(ValueError, OSError):
            _compiled(path.name.removesuffix(".schema.json"))


def _stop_openblas() -> None:
    """Have OpenBLAS end the workers that it started as it was loaded.

    It does so before any fork in C, in a handler of its own, and starts them anew in whichever process has work for
    them. A fork that runs another program at once is safe whatever threads there are.
    """
    usual = subprocess._USE_VFORK
    # Documented for the case that a real fork is needed: the other ways to start a program call no handlers.
    subprocess._USE_VFORK = False  # type: ignore[misc]
    try:
        # Whether there is such a program does not matter, and whoever forks counts.
        with contextlib.suppress(OSError):
            subprocess.run(["true"], check=False)
    finally:
        subprocess._USE_VFORK = usual  # type: ignore[misc]
    end = time.monotonic() + _PATIENCE_S
    while others() and time.monotonic() < end:
        time.sleep(0.001)


@contextlib.contextmanager
def _no_allocator_thread() -> Iterator[None]:
    before = os.environ.get(_ALLOCATOR)
    os.environ[_ALLOCATOR] = f"{before},background_thread:false" if before else "background_thread:false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ALLOCATOR]
        else:
            os.environ[_ALLOCATOR] = before
