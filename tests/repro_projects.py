"""Small DVC projects for tests of `diziner repro`: any graph, with the project's own code beside it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml
from projects import ROOT, Project, commit_all, compiled_code, copy_tree

from diziner.common.version import VERSION

# A stage script of ours in the project: reads files, waits, appends to a journal, writes its output.
TOY = """
import argparse, json, os, sys, time
from pathlib import Path
from stages.toywords import WORD

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--wait", type=float, default=0.0)
    parser.add_argument("--until", type=Path)
    parser.add_argument("--code", type=int, default=0)
    parser.add_argument("--say", default="")
    parser.add_argument("--journal", action="store_true")
    options = parser.parse_args()
    with Path("journal").open("a") as journal:
        journal.write(f"{options.output}\\n")
    sys.stderr.write(options.say)
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + options.wait
    while time.monotonic() < end or (options.until and not options.until.exists()):
        time.sleep(0.02)
        if options.journal:
            with Path(f"{options.output}.alive").open("a") as alive:
                alive.write(f"{os.getpid()} {time.monotonic()}\\n")
    if options.code:
        raise SystemExit(options.code)
    texts = [Path(name).read_text() for name in options.inputs]
    Path(options.output).write_text(WORD + " " + options.output + "\\n" + "".join(texts))

if __name__ == "__main__":
    main()
"""


def toy(output: str, *inputs: str, options: str = "", **more: Any) -> dict[str, Any]:
    """A stage of dvc.yaml that makes one file from others with the toy script."""
    command = f"sh stages/run toy {' '.join((output, *inputs))} {options}".strip()
    return {"cmd": command, "deps": ["stages/toy.py", "stages/toywords.py", *inputs], "outs": [output], **more}


def shell(output: str, *inputs: str, command: str = "", **more: Any) -> dict[str, Any]:
    """A stage of dvc.yaml that makes one file from others with a shell command."""
    made = command or f"mkdir -p {Path(output).parent} && cat /dev/null {' '.join(inputs)} > {output}"
    stage = {"cmd": made, "outs": [output], **more}
    return {**stage, "deps": list(inputs)} if inputs else stage


def make_graph(folder: Path, stages: dict[str, Any], rooms: dict[str, dict[str, Any]] | None = None) -> Project:
    """A git and DVC project with these stages in the root's dvc.yaml, and those of each room in data/<room>."""
    copy_tree(compiled_code(), folder)
    (folder / "stages/toy.py").write_text(TOY)
    (folder / "stages/toywords.py").write_text('WORD = "made"\n')
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copy2(ROOT / ".dvcignore", folder) if (ROOT / ".dvcignore").exists() else None
    (folder / ".diziner").write_text(f"{VERSION}\n")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    (folder / ".gitignore").write_text("/.venv\n/out\n/data/*/out\n__pycache__\n/journal\n*.alive\n")
    for path, value in {"": stages, **(rooms or {})}.items():
        target = folder / "data" / path if path else folder
        target.mkdir(parents=True, exist_ok=True)
        (target / "dvc.yaml").write_text(yaml.safe_dump({"stages": value}, sort_keys=False))
    commit_all(folder, "graph")
    return Project(folder)


def journal(project: Project) -> list[str]:
    """The outputs that the toy script set out to make, in order; forgotten once read."""
    path = project.folder / "journal"
    lines = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def locks(project: Project) -> dict[str, Any]:
    """Every dvc.lock as data, by path. Fails if one does not parse or is cut off."""
    found = {}
    for path in sorted(project.folder.glob("**/dvc.lock")):
        text = path.read_text()
        assert text.endswith("\n")
        found[str(path.relative_to(project.folder))] = yaml.safe_load(text)
    return found
