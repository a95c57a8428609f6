"""Build step beyond pyproject.toml: the files of a project go into the wheel from where they stand."""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DataFiles = list[tuple[str, str, str, list[str]]]


class BuildWithSkeleton(build_py):
    """Adds what `diziner init` lays to the package data of `diziner`, as files of its folder `skeleton`."""

    def _get_data_files(self) -> DataFiles:
        return [*super()._get_data_files(), self._skeleton()]

    def get_data_files_without_manifest(self) -> DataFiles:
        """Return what a source distribution holds besides modules."""
        return [*super().get_data_files_without_manifest(), self._skeleton()]

    def _skeleton(self) -> tuple[str, str, str, list[str]]:
        patterns = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["diziner"]["skeleton"]
        found = sorted(str(path) for pattern in patterns for path in Path().glob(pattern))
        return "diziner", "", str(Path(self.build_lib, "diziner", "skeleton")), found


setup(cmdclass={"build_py": BuildWithSkeleton})
