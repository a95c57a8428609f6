"""Whether a benchmark's documents are at hand: told without reading them, and with one question to the hub at most."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from diziner.corpora.card import SPLITS, Card, SourceEntry

OFFLINE = "HF_HUB_OFFLINE"  # read by huggingface_hub and datasets when they are loaded, and by what is started here
_TRUE = ("1", "ON", "YES", "TRUE")
_SECONDS = 5.0  # that the hub has to answer in
_AGAIN = "run the same command again where it can be"


def missing(card: Card, source: str, local_dir: Path | None) -> str | None:
    """Return why a benchmark cannot be loaded from a source, with what to do; None if nothing speaks against it.

    The hub is asked only about what is not in the cache of `datasets`.
    """
    entry = card.sources.get(source)
    if entry is None:
        return no_source(card, source)
    if source == "local":
        return missing_files(card.name, entry, local_dir, SPLITS)
    if source == "hub" and not _is_cached(entry) and not hub_answers():
        return f"{card.name}: {unreachable(str(entry.options['id']))}"
    return None


def unlinked(benchmark: str) -> str:
    """Return how the rest of a pipeline runs without a benchmark, to be put behind the reason why that cannot run."""
    return f"; to run the others without it: `diziner data unlink {benchmark}`"


def unreachable(name: str) -> str:
    """Return what to say of a data set that is on no hub that answers and in no cache."""
    return f"{endpoint()} cannot be reached, and no copy of {name} is in the cache; {_AGAIN}"


def endpoint() -> str:
    """Return the address of the hub, as huggingface_hub reads it."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


@cache
def hub_answers() -> bool:
    """Ask the hub once a process whether it is there. If not, this process and what it starts go without: the
    libraries would ask six times for every data set, half a minute each.

    Whoever sets $HF_HUB_OFFLINE has answered.
    """
    if os.environ.get(OFFLINE, "").upper() in _TRUE:
        return False
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint(), method="HEAD"), timeout=_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True  # it refuses, but it is there
    except (OSError, ValueError):
        os.environ[OFFLINE] = "1"
        return False


def no_source(card: Card, source: str) -> str:
    """Return what to say of a source that a card does not have."""
    local = card.sources.get("local")
    how = f"; {local.how}" if local and source == "hub" else ""
    return f"{card.name}: no source {source!r}; the card has: {', '.join(card.sources)}{how}"


def missing_files(benchmark: str, entry: SourceEntry, local_dir: Path | None, splits: Iterable[str]) -> str | None:
    """Return what to say of files of the user's own that are not there; None if those of the splits are."""
    if local_dir is None:
        return f"{benchmark}: source 'local' needs the folder of your files (corpus.local_dir); {entry.how}"
    paths = [local_dir / benchmark / entry.options[split] for split in splits]
    lacking = next((path for path in paths if not path.exists()), None)
    return None if lacking is None else f"{lacking}: no such file; {entry.how}"


def _is_cached(entry: SourceEntry) -> bool:
    """Say whether there may be a copy, by where the libraries keep them: files that a card names in the cache of
    huggingface_hub, whole data sets in that of `datasets`. A folder is its own copy."""
    name = str(entry.options["id"])
    if Path(name).exists():
        return True
    *owner, own = name.split("/")
    if "files" in entry.options:
        folder, pattern = _cache("HF_HUB_CACHE", "hub"), f"{'--'.join(['datasets', *owner, own])}/snapshots/*"
    else:
        snake = re.sub(r"([a-z\d])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", own)).lower()
        folder, pattern = _cache("HF_DATASETS_CACHE", "datasets"), f"{'___'.join([*owner, snake])}/*/*/*"
    return any(path.is_dir() for path in folder.glob(pattern))


def _cache(variable: str, below: str) -> Path:
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(os.environ.get(variable) or home / below).expanduser()
