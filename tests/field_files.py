"""Field cases of the way `file`: a file as tools write it, read by `diziner score` and `diziner new`."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from projects import Project, copy_project

from diziner.standalone.from_python import read_labels


def file_outcome(case: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What each of a case's commands comes to: documents with their spans, or why the file was refused."""
    return {"results": [_result(words, folder / case["input"]) for words in case["commands"]]}


def fits(expected: Mapping[str, Any], outcome: Mapping[str, Any]) -> bool:
    """Whether all commands came to what is expected. Errors: AssertionError for what is not understood."""
    return all(_fits(expected, result) for result in outcome["results"])


def fits_somewhere(expected: Mapping[str, Any], outcome: Mapping[str, Any]) -> bool:
    """Whether a command came to what may never be. Errors: AssertionError for what is not understood."""
    return any(_fits(expected, result) for result in outcome["results"])


def _fits(expected: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    known = {"documents", "mentions", "refused", "count", "gold", "token", "type"}
    assert expected and set(expected) <= known, f"an outcome that is not understood: {expected}"
    if "refused" in expected:
        return result["refused"] is not None and re.search(expected["refused"], result["refused"]) is not None
    if result["refused"] is not None:
        return False
    documents = result["documents"]
    spans = [(document, span) for document in documents for span in document["spans"]]
    seen: dict[str, Any] = {
        "count": len(documents),
        "gold": len(spans),
        "mentions": sorted([" ".join(own["tokens"][start:end]), label] for own, (start, end, label) in spans),
    }
    for key, value in expected.items():
        if key == "documents":
            found = [_like(own, document) for own, document in zip(value, documents, strict=False)]
            held = found == value and len(documents) == len(value)
        elif key == "token":
            held = any(value in own["tokens"] for own in documents)
        elif key == "type":
            held = any(span[2] == value for _, span in spans)
        else:
            held = seen[key] == (sorted(map(list, value)) if key == "mentions" else value)
        if not held:
            return False
    return True


def _like(expected: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the keys that are expected of it."""
    bounds = [span[:2] for span in document["spans"]]
    return {key: bounds if key == "bounds" else document.get(key) for key in expected}


def _result(command: str, source: Path) -> dict[str, Any]:
    name, *words = command.split()
    assert name in ("score", "new"), f"a command that is not understood: {name}"
    with tempfile.TemporaryDirectory() as there:
        path = Path(there) / f"in{source.suffix}"
        shutil.copyfile(source, path)
        return _scored(path, words) if name == "score" else _made(path, words)


def _scored(path: Path, words: Sequence[str]) -> dict[str, Any]:
    done = Project(path.parent).diziner_here("score", "--gold", str(path), "--pred", str(path), *words, check=False)
    if done.returncode:
        return {"refused": _refusal(done.returncode, done.stderr, path)}
    strict = json.loads(done.stdout)["predictions"][0]["protocols"]["strict"]
    file = read_labels(path)
    assert file.documents is not None
    documents: list[dict[str, Any]] = [
        {
            "tokens": list(file.documents[row.id].tokens),
            "spans": [[span.start, span.end, span.type] for span in row.spans],
        }
        for row in file.annotations
    ]
    assert strict["gold"] == sum(len(document["spans"]) for document in documents)
    assert strict["correct"] == strict["gold"]
    return {"refused": None, "documents": documents}


def _made(path: Path, words: Sequence[str]) -> dict[str, Any]:
    project = _project()
    room = project.folder / "data/fieldcase"
    done = project.diziner_here("new", "fieldcase", "--from", str(path), *words, check=False)
    if done.returncode:
        return {"refused": _refusal(done.returncode, done.stderr, path)}
    rows = [json.loads(line) for line in (room / "texts.jsonl").read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: (len(row["id"]), row["id"]))
    shutil.rmtree(room)
    documents = [{"tokens": row["tokens"], "spans": row.get("spans") or []} for row in rows]
    return {"refused": None, "documents": documents}


@cache
def _project() -> Project:
    """A project whose pilot sets are of one document, once for all cases."""
    there = Path(tempfile.mkdtemp(prefix="diziner-field-"))
    atexit.register(shutil.rmtree, there, ignore_errors=True)
    made = copy_project(there / "project", ())
    made.edit_params(lambda params: params["corpus"]["pilot"].update(documents=1, mode="fixed"))
    return made


def _refusal(code: int, err: str, path: Path) -> str:
    assert code == 2 and err.count("\n") == 1, err
    return err.replace(str(path), "")
