"""One process of the check: run stages in a copy of the project; say what came out and what the process really used.

`python -m portable.child COPY [--whole]` prints a JSON object: `digests` of outputs by path, `drawn` pilot sets by
benchmark (published ones put aside), the BLAS `kernels` and NumPy `features` in use.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUTPUTS = ("data/*/corpus/**/*", "data/*/rounds/**/*", "data/*/final/**/*", "metrics/**/*.json")
# What the stages that compute write, beside the answers of annotators and the supervisor that others read.
KEPT = "refinement.json"  # of the folder of outputs, and in the name of the metrics
COMPUTED = (
    "data/*/corpus/**/*",
    *(
        f"data/*/rounds/*/{name}"
        for name in (
            "agreement.json",
            "confusion.json",
            "disagreements.json",
            "hotspots.jsonl",
            "report.md",
            "tokens.*",
        )
    ),
    "data/*/final/selection.json",
    "data/*/final/guideline.yaml",
    "data/*/final/scores.json",
    "metrics/**/*.json",
)


def main() -> None:
    copy, whole = Path(sys.argv[1]), "--whole" in sys.argv
    os.chdir(copy)
    for pattern in OUTPUTS if whole else COMPUTED:
        for path in Path().glob(pattern):
            if path.is_file() and (whole or not path.name.endswith(KEPT)):
                path.unlink()
    from diziner.layout import rooms
    from diziner.settings import load_settings

    settings = load_settings()
    for room in rooms():
        for words in commands(room.name, settings.raw, whole):
            run(*words)
    run("summary")
    found: dict[str, Any] = {
        "digests": {path.as_posix(): digest(path) for path in outputs()},
        "drawn": {room.name: drawn(room, settings.raw) for room in rooms()},
        "kernels": kernels(),
        "features": features(),
    }
    sys.stdout.write(json.dumps(found))


def commands(name: str, raw: Any, whole: bool) -> Iterator[tuple[str, ...]]:
    """The stages of one benchmark in order, each as its words."""
    yield "corpus", name
    for entry in raw["rounds"]:
        number = str(entry["id"])
        if whole and entry["id"]:
            yield "refine", name, "--round", number
        if whole:
            yield from (("annotate", name, "--annotator", each, "--round", number) for each in raw["annotator_pool"])
        yield "disagree", name, "--round", number
    yield "select", name
    if whole:
        yield from (("predict", name, "--guideline", each) for each in ("selected", "initial"))
    yield "score", name


def run(stage: str, *words: str) -> None:
    """Run a stage in this process; what it prints goes to standard error."""
    sys.argv = [stage, *words]
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        importlib.import_module(f"stages.{stage}").main()
    finally:
        sys.stdout = stdout


def outputs() -> list[Path]:
    return sorted({path for pattern in OUTPUTS for path in Path().glob(pattern) if path.is_file()})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def drawn(room: Any, raw: Any) -> list[list[str]]:
    """The pilot sets of a room as they are drawn where none are published."""
    from diziner.corpora.card import load_card
    from diziner.corpora.prepare import drawn_sets, pool_of
    from diziner.corpora.settings import corpus_settings
    from diziner.corpora.sources import load_source

    card = load_card(room.folder)
    pool = pool_of(load_source(card, room.folder, "sample", None))
    sets = drawn_sets(pool, corpus_settings(raw["corpus"], len(raw["rounds"])))
    return [[document.id for document in each] for each in sets]


def kernels() -> list[str]:
    """The BLAS kernels that this process runs."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return sorted({f"{each.get('architecture', each['internal_api'])}, {each['num_threads']} threads" for each in blas})


def features() -> list[str]:
    """The features beyond its baseline that NumPy uses in this process."""
    umath = importlib.import_module("numpy._core._multiarray_umath")

    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


if __name__ == "__main__":
    main()
