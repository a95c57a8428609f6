"""The image and the devcontainer, without Docker: each RUN line in a plain folder that stands for the image's root."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from projects import ROOT, copy_project

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LINES = [line for line in re.sub(r"\\\n", "", DOCKERFILE).splitlines() if line and not line.startswith("#")]


class Image:
    """A folder as an image's root: absolute paths of the Dockerfile are below it, `python` is in its /usr/local/bin."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "usr/local"], check=True)
        packages = root / "usr/local" / sysconfig.get_path("purelib", vars={"base": ""}).lstrip("/")
        (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        (root / "etc").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        self.environment = {
            **kept,
            "PATH": f"{root}/usr/local/bin:/usr/bin:/bin",
            "GIT_CONFIG_SYSTEM": f"{root}/etc/gitconfig",
            # What the lock names is at hand, and nothing is fetched.
            "PIP_NO_INDEX": "1",
            **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        }

    def build(self, line: str) -> None:
        """Carry out a line of the Dockerfile."""
        what, _, rest = line.partition(" ")
        if what == "WORKDIR":
            self.folder = Path(self.own(rest))
            self.folder.mkdir(parents=True, exist_ok=True)
        elif what == "RUN":
            self.run(rest)
        elif what == "COPY":
            names = [*shlex.split(rest)[:-1]]
            copied = tracked() if names == ["."] else names
            for name in copied:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_bytes((ROOT / name).read_bytes())
        elif what == "ENV":
            self.environment |= dict(self.own(pair).split("=", 1) for pair in shlex.split(rest))

    def run(self, command: str) -> str:
        words = ["sh", "-c", self.own(command)]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def own(self, text: str) -> str:
        """Put absolute paths below the root."""
        return re.sub(r"(?<![^\s=])/(?=\w)", f"{self.root}/", text)


def tracked() -> list[str]:
    """What git tracks or would track, which is all that a build is sent, apart from what .dockerignore leaves out."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [name for name in listed if name and not name.startswith("tests/") and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    made = Image(tmp_path_factory.mktemp("image"))
    for line in LINES:
        made.build(line)
    return made


def test_the_image_runs_a_project_of_whoever_mounts_one(image: Image) -> None:
    said = dict(line.split(" ", 1) for line in LINES)
    assert said["FROM"].startswith("python:3.11") and json.loads(said["ENTRYPOINT"]) == ["diziner"]
    assert image.folder == image.root / "project"
    command = shlex.join([*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])])
    assert "usage: diziner" in image.run(command)
    image.run("diziner init . --example")
    # Not what the mounted folder has of its host.
    (image.folder / ".venv").symlink_to("/nowhere")
    assert image.run("sh stages/run --python").strip() == f"{image.root}/usr/local/bin/python"
    assert "directory = *" in (image.root / "etc/gitconfig").read_text()
    where = image.run("python -c 'import diziner; print(diziner.__file__)'").strip()
    assert where.startswith(f"{image.root}/usr/local/lib/"), "the wheel's, not the sources'"
    assert "finished  conll2003 corpus" in image.run("diziner repro data/conll2003/dvc.yaml:corpus")


def test_nothing_that_a_build_needs_is_left_out_of_it() -> None:
    patterns = (ROOT / ".dockerignore").read_text().split()
    held = [name for name in tracked() if any(Path(name).match(p) or name.startswith(f"{p}/") for p in patterns)]
    assert held == []


def test_the_devcontainer_uses_the_image_and_sets_up_this_clone(tmp_path: Path) -> None:
    made = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    build = made["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (ROOT / ".devcontainer" / build["context"]).resolve() == ROOT
    project = copy_project(tmp_path / "clone", ("conll2003",), recordings=True)
    (project.folder / ".venv/.installed").touch()
    said = project.run("sh", "-c", made["postCreateCommand"], **made["containerEnv"], PYTHONPATH=str(project.folder))
    assert "DVC" in said.stdout
