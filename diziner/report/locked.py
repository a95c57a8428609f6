"""Outputs held against the lock files that name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diziner.common.digests import file_md5, folder_md5
from diziner.common.errors import UserError
from diziner.common.files import PARTIAL, readable
from diziner.common.yamlfile import parse_yaml_as_dvc
from diziner.layout import DATA, METRICS

_PASSED_OVER = (".pyc", PARTIAL)


def recorded_files(lock: Path) -> Iterator[Path]:
    """Yield the files of the outputs below data/ and metrics/ that a lock file names, each output held against its MD5.

    What stages were run on is not looked at: `diziner.repro.lock_facts` does.
    Errors: UserError for an output that is missing or another.
    """
    for stage, entry in _stages(lock).items():
        for out in entry.get("outs", ()):
            path, expected = Path(out["path"]), str(out.get("md5", ""))
            if path.parts[0] not in {METRICS.name, DATA.name}:
                continue
            if not path.exists():
                raise UserError(f"{path}: output of {stage}: is not there; run `diziner repro` first")
            if (digest := output_md5(path)) != expected:
                raise UserError(
                    f"{path}: output of {stage}: its MD5 is {digest}, {lock} says {expected}; run `diziner repro`; "
                    "`diziner verify` says more"
                )
            yield from sorted(filter(Path.is_file, path.rglob("*"))) if path.is_dir() else [path]


def dependencies(lock: Path) -> Iterator[Path]:
    """Yield what the stages of a lock file depend on."""
    for entry in _stages(lock).values():
        yield from (Path(each["path"]) for each in entry.get("deps", ()))


def output_md5(path: Path) -> str:
    """Return the digest of an output as DVC has it: of a file's bytes; for a folder of the list of its files."""
    return _md5(path) if path.is_file() else _list_md5(path, filter(Path.is_file, path.rglob("*")))


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder of code, without what Python and tools leave there."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in _PASSED_OVER
        and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    )


def _md5(path: Path) -> str:
    with readable(path):
        return file_md5(path)


def _list_md5(folder: Path, files: Iterable[Path]) -> str:
    return folder_md5({file.relative_to(folder).as_posix(): _md5(file) for file in files})


def _stages(lock: Path) -> Mapping[str, Any]:
    if not lock.is_file():
        raise UserError(f"{lock}: no such file: nothing was run yet; run `diziner repro` first")
    with readable(lock):
        data = lock.read_bytes()
    try:
        stages: Mapping[str, Any] = parse_yaml_as_dvc(data)["stages"]
        if all("path" in each for entry in stages.values() for key in ("outs", "deps") for each in entry.get(key, ())):
            return stages
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise UserError(f"{lock}: damaged; put the committed one in its place and run `diziner repro`")
