"""Files elsewhere: URLs such as s3://bucket/folder, reached through fsspec.

fsspec is what DVC and `datasets` reach storage through, with a package for each kind (s3fs, gcsfs, adlfs), which brings
retries and credentials. It is imported only where a URL is given.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from diziner.common.errors import UserError

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")
# What installs the package for a kind of storage.
_EXTRAS = {"s3": "diziner[s3]", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs"}


@dataclass(frozen=True)
class Remote:
    """A file or a folder elsewhere. `str` gives its URL."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(self._path).name

    @property
    def suffix(self) -> str:
        """The ending of the name."""
        return PurePosixPath(self._path).suffix

    @property
    def parent(self) -> Remote:
        """The folder that it is in."""
        return Remote(self.url.rstrip("/").rpartition("/")[0])

    def is_file(self) -> bool:
        """Return whether a file is there."""
        return self._kind() == "file"

    def is_folder(self) -> bool:
        """Return whether there is a folder, that is, a file with a name below this one."""
        return self._kind() == "directory"

    def files(self) -> dict[str, int]:
        """Return the files in a folder and their bytes by name, sorted; none where there is no folder."""
        with self._told():
            try:
                found = self._system.ls(self._path, detail=True)
            except FileNotFoundError:
                return {}
        files = (entry for entry in found if entry["type"] == "file" and not entry["name"].endswith("/"))
        return dict(sorted((PurePosixPath(entry["name"]).name, int(entry["size"] or 0)) for entry in files))

    def read(self) -> bytes:
        """Return what is in a file. Errors: UserError where there is none."""
        with self._told():
            content: bytes = self._system.cat_file(self._path)
            return content

    def read_each(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return what is in files of a folder, by name; several are read at a time."""
        if not names:
            return {}
        with self._told():
            paths = {(self / name)._path: name for name in names}
            found = self._system.cat([*paths])
            contents = found if isinstance(found, dict) else {next(iter(paths)): found}
            return {paths[path]: content for path, content in contents.items()}

    def write(self, content: bytes, new: bool = False) -> bool:
        """Write a small file; with `new` only where there is none: return whether there was none.

        Where a storage cannot see to that itself, a file that comes at the same moment is written over.
        """
        if new and self.is_file():
            return False
        with self._told():
            try:
                self._system.pipe_file(self._path, content, **({"mode": "create"} if new else {}))
            except (TypeError, NotImplementedError):
                if not new:
                    raise
                self._system.pipe_file(self._path, content)
            except OSError:
                if new and self.is_file():
                    return False
                raise
        return True

    def fetch(self, path: Path) -> None:
        """Copy a file, or a folder with all below it, to this machine."""
        with self._told():
            self._system.get(self._path, str(path), recursive=self._system.isdir(self._path))

    def send(self, path: Path) -> None:
        """Copy a file, or a folder with all below it, from this machine. A reader sees all of a file or nothing."""
        with self._told():
            if path.is_dir():
                self._system.put(f"{path}/", f"{self._path.rstrip('/')}/", recursive=True)
            else:
                self._system.put_file(str(path), self._path)

    def remove(self) -> None:
        """Remove a file, or a folder with all below it; nothing where there is neither."""
        with self._told(), contextlib.suppress(FileNotFoundError):
            self._system.rm(self._path, recursive=self._system.isdir(self._path))

    @contextlib.contextmanager
    def here(self) -> Iterator[Path]:
        """Give a copy of a file or a folder on this machine's disk, of the same name, for as long as it is read."""
        with tempfile.TemporaryDirectory(prefix="diziner-") as folder:
            copy = Path(folder) / self.name
            self.fetch(copy)
            yield copy

    @cached_property
    def _place(self) -> tuple[Any, str]:
        import fsspec  # type: ignore[import-untyped]

        with self._told():
            # What others write meanwhile is to be seen.
            system, path = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
            return system, str(path)

    @property
    def _system(self) -> Any:
        return self._place[0]

    @property
    def _path(self) -> str:
        return self._place[1]

    def _kind(self) -> str | None:
        with self._told():
            try:
                return str(self._system.info(self._path)["type"])
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell every error in one line: each storage has exceptions of its own, without a class in common."""
        try:
            yield
        except UserError:
            raise
        except ImportError as error:
            package = _EXTRAS.get(self.url.partition(":")[0], "the package that fsspec names")
            raise UserError(
                f"{self.url}: {error}; `python -m pip install '{package}'`, in the environment of diziner"
            ) from error
        except FileNotFoundError as error:
            raise UserError(f"{self.url}: no such file or folder") from error
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise UserError(
                f"{self.url}: {reason}; look at its name, at the credentials in the environment, and at the network"
            ) from error


Place = Path | Remote


def place_of(text: str) -> Place:
    """Return the path, or the file elsewhere, that a text names."""
    return Remote(text) if is_url(text) else Path(text)


def is_url(text: str) -> bool:
    """Return whether a text is a URL."""
    return bool(_URL.match(text))
