"""Files by which the gate is asked elsewhere: a workflow of GitHub, a hook of pre-commit."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_text, write_text

_WORKFLOW = """\
# Written by `diziner gate --set-up github`. It holds the figures of a pull request, as git has them, against those of
# its base: no model is asked and nothing is run. The result is in the job's summary.
name: diziner gate
on: pull_request
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0
        with: {{python-version: "3.11"}}
      - name: Install
        run: python -m pip install --quiet {source}
        shell: bash
      - name: Gate
        run: diziner gate --base "origin/$GITHUB_BASE_REF" --md | tee -a "$GITHUB_STEP_SUMMARY"
        shell: bash # with -o pipefail
        working-directory: {folder}
"""
_HOOK = """\
repos:
  - repo: local
    hooks:
      - id: diziner-gate
        name: diziner gate
        entry: {entry}
        language: python
        additional_dependencies: [{source}]
        pass_filenames: false
        files: {files}
"""
# What figures stand on, below a project.
_FILES = r"(data|metrics|stages)/|params\.yaml$|dvc\.(yaml|lock)$"


def _workflow(source: str, folder: str) -> str:
    return _WORKFLOW.format(source=shlex.quote(source), folder=json.dumps(folder))


def _hook(source: str, folder: str) -> str:
    # pre-commit installs from a folder of its own.
    own = str(Path(source).absolute()) if Path(source).exists() else source
    within = "" if folder == "." else f"{folder}/"
    below = shlex.join(["sh", "-c", f"cd {shlex.quote(folder)} && diziner gate"])
    entry = below if within else "diziner gate"
    return _HOOK.format(entry=json.dumps(entry), source=json.dumps(own), files=json.dumps(f"^{within}({_FILES})"))


KINDS: dict[str, tuple[Path, Callable[[str, str], str]]] = {
    "github": (Path(".github/workflows/diziner-gate.yml"), _workflow),
    "pre-commit": (Path(".pre-commit-config.yaml"), _hook),
}


def set_up(kind: str, source: str) -> Path:
    """Write the file of a kind at the root of the repository around the current project, and return its path;
    `source` is what pip installs diziner from.

    Errors: UserError outside of a repository, and, with the text on standard output, for a file that is there and says
    something else.
    """
    root = _root()
    path, made = KINDS[kind]
    text = made(source, Path.cwd().resolve().relative_to(root).as_posix())
    if (root / path).exists() and read_text(root / path) != text:
        sys.stdout.write(text)
        raise UserError(f"{root / path}: is there already and says something else; take what stands above into it")
    write_text(root / path, text)
    return root / path


def _root() -> Path:
    done = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{Path.cwd()}: in no git repository, so there are no changes to gate; `git init` makes one")
    return Path(done.stdout.rstrip("\n")).resolve()
