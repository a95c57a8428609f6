"""Pause of the search for circular garbage, for work that makes very many objects and no circles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_search_for_garbage() -> Iterator[None]:
    """Keep Python from looking for circles of objects that nobody uses, in all threads, until the block ends.

    It looks each time that some hundreds of objects were made, through all of them in the end; where records are made
    by the hundred thousand, a fifth of the time goes there. What nobody uses is freed as ever, unless it is in a
    circle.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
