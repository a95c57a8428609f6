"""Sealed archives: the same bytes everywhere, and no byte that can be changed unseen."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from diziner.common.errors import UserError
from diziner.common.sealed import MANIFEST, read_sealed, unpack, write_sealed

MEMBERS = {"a/b.txt": b"one\n", "empty": b"", "größe.json": b'{"n": 1}\n', "z.bin": bytes(range(256))}
# Of the archive of MEMBERS. Another Python or zlib that writes other bytes fails here.
DIGEST = "6f667b08475fc568d996d55f3b31783a03d62de7b3285e9bc20a79ac90b0d570"


def sealed(folder: Path) -> Path:
    path = folder / "run.zip"
    write_sealed(path, MEMBERS)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read_sealed(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def test_the_bytes_are_those_of_every_machine(tmp_path: Path) -> None:
    path = sealed(tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == DIGEST
    for name, data in MEMBERS.items():
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / name).write_bytes(data)
    write_sealed(tmp_path / "again.zip", {name: tmp_path / "files" / name for name in reversed(MEMBERS)})
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_what_was_written_is_read_and_unpacked(tmp_path: Path) -> None:
    path = sealed(tmp_path)
    assert read_sealed(path) == {name: hashlib.sha256(data).hexdigest() for name, data in MEMBERS.items()}
    unpack(path, tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in MEMBERS} == MEMBERS
    lines = (tmp_path / "out" / MANIFEST).read_text(encoding="utf-8").splitlines()
    assert lines == sorted(lines, key=lambda line: line[66:])


def test_each_byte_that_is_changed_is_found_and_a_members_by_its_name(tmp_path: Path) -> None:
    path = sealed(tmp_path)
    good, draw = path.read_bytes(), random.Random(19)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    inside = {
        place: info.filename
        for info in infos
        for place in range(info.header_offset + 30 + len(info.filename.encode()), len(good))
        if place < info.header_offset + 30 + len(info.filename.encode()) + info.file_size
    }
    assert len(inside) > 500
    for place in range(len(good)):
        data = bytearray(good)
        data[place] ^= draw.randrange(1, 256)
        path.write_bytes(bytes(data))
        said = refused(path)
        assert place not in inside or said.startswith(inside[place]), (place, said)


@pytest.mark.parametrize("cut", [0, 1, 3, 21, 22, 100, 500, -1])
def test_an_archive_that_was_cut_or_lengthened_is_refused(tmp_path: Path, cut: int) -> None:
    path = sealed(tmp_path)
    good = path.read_bytes()
    path.write_bytes(good[:-cut] if cut > 0 else good + b"more" if cut else b"")
    refused(path)
    path.write_bytes(b"\0" * 40 + good)
    refused(path)


def made(build: Callable[[zipfile.ZipFile], object], path: Path) -> Path:
    """An archive that somebody else made."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        build(archive)
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a//x", "C:/x", "a\\..\\x", "./x", "dir/", "a\nb"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = made(lambda archive: archive.writestr(name, "x"), tmp_path / "evil.zip")
    assert refused(path).startswith(f"{name!r}: refused: ")
    with pytest.raises(UserError, match="cannot be in an archive"):
        write_sealed(tmp_path / "own.zip", {name: b"x"})
    assert not (tmp_path / "own.zip").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_added_missing_and_blown_up_members_are_refused_by_name(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"x").hexdigest()

    def doubled(archive: zipfile.ZipFile) -> None:
        archive.writestr("x", "x")
        archive.writestr("X", "y")

    def added(archive: zipfile.ZipFile) -> None:
        archive.writestr(MANIFEST, "")
        archive.writestr("x", "x")

    def missing(archive: zipfile.ZipFile) -> None:
        archive.writestr(MANIFEST, f"{digest}  gone\n")

    def bomb(archive: zipfile.ZipFile) -> None:
        archive.writestr("x", b"\0" * 10_000_000, zipfile.ZIP_DEFLATED)

    path = tmp_path / "made.zip"
    assert refused(made(doubled, path)) == "X: is there twice"
    assert refused(made(added, path)) == "x: is not in the manifest; it was added"
    assert refused(made(missing, path)) == "gone: is missing; the manifest names it"
    assert refused(made(bomb, path)) == "x: is compressed; members are stored as they are"
    assert refused(made(lambda archive: archive.writestr("x", "x"), path)).startswith(f"has no {MANIFEST}")
    # A directory that claims members over and over each other, or larger than the file.
    data = made(added, path).read_bytes().replace((1).to_bytes(4, "little") * 2, (1 << 30).to_bytes(4, "little") * 2)
    path.write_bytes(data)
    assert "claim more bytes than the file has" in refused(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("text")
    assert refused(tmp_path / "text.zip").startswith("not an archive as it was written: ")
    for path in (tmp_path / "none.zip", tmp_path):
        refused(path)
