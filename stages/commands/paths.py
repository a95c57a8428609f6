"""Paths on the command line of `diziner`."""

from __future__ import annotations

from pathlib import Path

from stages.cli import project_root


def given_path(text: str) -> Path:
    """A path as the caller means it: from the folder they stand in, while commands run in the project's root.

    Paths inside the project come back relative to its root.
    """
    path, root = Path(text).absolute(), project_root(Path.cwd())
    return path.relative_to(root) if path.is_relative_to(root) else path
