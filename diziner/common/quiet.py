"""Silence of the libraries that read data sets: what goes wrong is said once, by us, and how far they are by nobody."""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import Any


def quiet_datasets() -> Any:
    """Return the library `datasets`, silent: without progress bars, warnings and notes before a line of error."""
    import datasets

    quiet_hub()
    datasets.logging.set_verbosity(logging.CRITICAL)
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", module=r"(datasets|fsspec)\b")
    return datasets


def quiet_hub() -> None:
    """Have the client of the hub, and what it sends by, print nothing."""
    utils: Any = importlib.import_module("huggingface_hub.utils")
    utils.logging.set_verbosity(logging.CRITICAL)
    utils.disable_progress_bars()
    for name in ("httpx", "urllib3", "fsspec", "filelock"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"huggingface_hub\b")
