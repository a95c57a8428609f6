"""Sealed archives: zip files of one form, in which every byte follows from the names and contents of the members.

Members are stored as they are, sorted, with fixed times and modes, so that no version of zlib, clock or file system
shows. `manifest-sha256.txt` names each other member with its SHA-256, in the form that `sha256sum -c` reads. Who reads
an archive writes it again and compares, so that no byte of it can be changed unseen.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from diziner.common.digests import file_sha256
from diziner.common.errors import UserError
from diziner.common.files import atomic, readable

MANIFEST = "manifest-sha256.txt"
_BLOCK = 1 << 20
_HEADER = 30  # bytes before a member's name
_MOST = 200_000  # members
_LONGEST = 1 << 26  # bytes of the manifest
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can say
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# What zipfile raises for what is no zip file, or one of another kind: encrypted, of several disks, cut.
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, struct.error)


def write_sealed(path: Path, members: Mapping[str, bytes | Path]) -> None:
    """Write an archive of members by name, contents or the file that has them; the same members give the same bytes.

    Errors: UserError for a name that an archive may not hold, and for a file that cannot be read.
    """
    for name in members:
        if fault := _name_fault(name):
            raise UserError(f"{name!r}: cannot be in an archive: {fault}")
    digests = {name: _digest(source) for name, source in members.items()}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    with atomic(path) as temporary, temporary.open("wb") as file:
        _write(file, {**members, MANIFEST: lines.encode()})


def read_sealed(path: Path) -> dict[str, str]:
    """Read an archive to its last byte; return the SHA-256 of each member by name, the manifest left out.

    A member at a time, in blocks. Nothing is unpacked, and nothing is believed: neither names nor sizes.
    Errors: UserError in one line with the member's name for whatever is not as `write_sealed` wrote it.
    """
    try:
        with readable(path), zipfile.ZipFile(path) as archive:
            infos = _sane(path, archive)
            named = _manifest(path, archive, infos)
            for name, info in infos.items():
                if name != MANIFEST and _read(path, archive, info) != named[name]:
                    raise UserError(f"{path}: {name}: not as the manifest says: it was changed")
            with tempfile.TemporaryFile() as again, path.open("rb") as file:
                _write(again, {name: _Member(archive, info) for name, info in infos.items()})
                _compare(path, file, again, infos)
    except _BROKEN as error:
        raise UserError(f"{path}: not an archive as it was written: {' '.join(str(error).split())}") from None
    return named


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive that `read_sealed` has read."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)


class _Member:
    """A member of another archive, as contents to write."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self.archive, self.info = archive, info


def _write(file: IO[bytes], members: Mapping[str, bytes | Path | _Member]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, source in sorted(members.items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = 3, 0o100644 << 16  # a plain file of Unix
            if isinstance(source, bytes):
                archive.writestr(info, source)
                continue
            opened = source.open("rb") if isinstance(source, Path) else source.archive.open(source.info)
            info.file_size = source.stat().st_size if isinstance(source, Path) else source.info.file_size
            with opened as data, archive.open(info, "w") as out:
                shutil.copyfileobj(data, out, _BLOCK)


def _sane(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name. Refuse names that lead elsewhere, doubled ones, and what is larger than it seems."""
    listed = archive.infolist()
    if len(listed) > _MOST:
        raise UserError(f"{path}: {len(listed)} members; an archive has at most {_MOST}")
    infos: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    left = path.stat().st_size
    for info in listed:
        name = info.orig_filename
        if fault := _name_fault(name):
            raise UserError(f"{path}: {name!r}: refused: {fault}")
        if name.casefold() in seen:
            raise UserError(f"{path}: {name}: is there twice")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise UserError(f"{path}: {name}: is compressed; members are stored as they are")
        left -= info.file_size
        if left < 0:
            raise UserError(f"{path}: {name}: members claim more bytes than the file has")
        seen.add(name.casefold())
        infos[name] = info
    return infos


def _name_fault(name: str) -> str:
    parts = name.split("/")
    if any(ord(sign) < 32 or ord(sign) == 127 or sign in '\\:"<>|?*' for sign in name):
        return "a name has no such signs"
    if name.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        return "a name leads to a file below the archive's root"
    return ""


def _manifest(path: Path, archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo]) -> dict[str, str]:
    """Return the digests that the manifest names, which must be of all other members and of no others."""
    if MANIFEST not in infos:
        raise UserError(f"{path}: has no {MANIFEST}: not a bundle, or it was cut")
    if infos[MANIFEST].file_size > _LONGEST:
        raise UserError(f"{path}: {MANIFEST}: larger than {_LONGEST} bytes")
    _read(path, archive, infos[MANIFEST])
    named: dict[str, str] = {}
    for number, line in enumerate(archive.read(infos[MANIFEST]).decode(errors="replace").split("\n")[:-1], 1):
        found = _LINE.fullmatch(line)
        if not found or found[2] in named:
            raise UserError(f"{path}: {MANIFEST}:{number}: not `SHA-256  NAME`, or a second time")
        named[found[2]] = found[1]
    for name in sorted(named.keys() - infos.keys()):
        raise UserError(f"{path}: {name}: is missing; the manifest names it")
    for name in sorted(infos.keys() - named.keys() - {MANIFEST}):
        raise UserError(f"{path}: {name}: is not in the manifest; it was added")
    return named


def _read(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    try:
        with archive.open(info) as data:
            while block := data.read(_BLOCK):
                digest.update(block)
    except _BROKEN as error:
        raise UserError(f"{path}: {info.orig_filename}: it was changed: {' '.join(str(error).split())}") from None
    return digest.hexdigest()


def _digest(source: bytes | Path) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with readable(source):
        return file_sha256(source)


def _compare(path: Path, file: IO[bytes], again: IO[bytes], infos: Mapping[str, zipfile.ZipInfo]) -> None:
    again.seek(0)
    place = 0
    while True:
        ours, theirs = again.read(_BLOCK), file.read(_BLOCK)
        if ours != theirs:
            place += next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(ours))
            before = [name for name, info in infos.items() if info.header_offset <= place < _end(info)]
            where = f"the header of {before[-1]}" if before else "its directory"
            raise UserError(f"{path}: {where} was changed, at byte {place}")
        if not ours:
            return
        place += len(ours)


def _end(info: zipfile.ZipInfo) -> int:
    """Return where a stored member ends that has no extra fields."""
    return info.header_offset + _HEADER + len(info.orig_filename.encode()) + info.file_size
