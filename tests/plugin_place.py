"""Small plug-in distributions for tests, installed into a folder that is put on the path: those of docs/plug-ins.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from projects import ROOT

PAGE = (ROOT / "docs/plug-ins.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def declared() -> dict[str, dict[str, str]]:
    """The entry points of the page by group."""
    groups: dict[str, dict[str, str]] = {}
    for block in blocks("toml"):
        for group, own in tomllib.loads(block)["project"]["entry-points"].items():
            groups.setdefault(group, {}).update(own)
    return groups


def modules() -> dict[str, str]:
    """The modules of the page by path, which each one's first line names."""
    return {block.splitlines()[0].removeprefix("# "): block for block in blocks("python") if block.startswith("# ner_")}


def install(
    folder: Path,
    name: str = "ner-extras",
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, str]:
    """Install a distribution as pip lays one out; by default the page's. Returns the environment that has it."""
    files = {"ner_extras/__init__.py": "", **modules()} if files is None else files
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    groups = declared() if entry_points is None else entry_points
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in own.items()) for group, own in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    listed = [*files, *(f"{info.name}/{path.name}" for path in info.iterdir()), f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in listed), encoding="utf-8")
    return {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
