"""Projects that parts attack: made once for all workers, copied by each."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from projects import Project, copy_project, copy_tree, kept_folder, use_scripted

# Names that files may have, and that few programs expect.
ODD_NAMES = ("ünï 東京.jsonl", "a b'\"$(x).jsonl", "new\nline.jsonl", ".hidden.jsonl", "no ending")
LETTERS = [f"Ada Lovelace sent {number} letters from Lisbon to Port Said ." for number in range(6)]


def once(name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that is made once for all workers of this run."""
    made, mark = kept_folder() / name, kept_folder() / f"{name}.done"
    with (kept_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            shutil.rmtree(made, ignore_errors=True)
            make(made)
            mark.touch()
    return made


def fresh_project() -> Path:
    """A project with one room in which nothing has run."""
    return once("fresh", lambda folder: copy_project(folder, ("conll2003",)))


def finished_project() -> Path:
    """A project on scripted models in which everything has run, stage by stage in this process, and some files of
    people's: letters, labels of them, choices."""
    return once("finished", _finish)


def _finish(folder: Path) -> None:
    from stage_runs import run_predictions, run_rounds, run_stage, stage

    project = copy_tree(fresh_project(), kept_folder() / "made")
    project.edit_params(use_scripted)
    run_rounds(project)
    run_predictions(project)
    stage(project, "score")
    run_stage(project, "summary")
    project.folder.rename(folder)
    _add_files(Project(folder))


def _add_files(project: Project) -> None:
    rows = [json.dumps({"id": f"d{number}", "text": text}) for number, text in enumerate(LETTERS)]
    (project.folder / "letters.jsonl").write_text("".join(f"{row}\n" for row in rows))
    (project.folder / "gold.conll").write_text("Ada B-PER\nLovelace I-PER\nwrote O\n\nOslo B-LOC\nsleeps O\n")
    (project.folder / "pred.conll").write_text("Ada B-PER\nLovelace I-PER\nwrote O\n\nOslo B-PER\nsleeps O\n")
    groups = json.loads((project.folder / "data/conll2003/rounds/r1/disagreements.json").read_text())["groups"]
    kinds = [group["subtype"] for group in groups[:2]]
    (project.folder / "choices.yaml").write_text("".join(f"{kind}: take the longer one\n" for kind in kinds))
    profiles = project.folder / "profiles"
    profiles.mkdir()
    shutil.copy2(project.folder / "params.yaml", profiles / "mine.yaml")
    for name in ODD_NAMES:
        shutil.copy2(project.folder / "letters.jsonl", project.folder / name)
    (project.folder / "page.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    project.diziner_here("label", *LABEL)


LABEL = (
    *("--guideline", "data/conll2003/guideline.yaml", "--annotator", "scripted_careful"),
    *("--in", "letters.jsonl", "--out", "labels"),
)


def empty_project() -> Path:
    """A project without rooms in the pipeline, whose pilot sets are of one document."""
    return once("empty", _empty)


def _empty(folder: Path) -> None:
    made = copy_project(folder, ("none",))
    made.edit_params(lambda params: params["corpus"]["pilot"].update(documents=1, mode="fixed"))
