"""Pilot sets of real corpora under every BLAS kernel: `python -m portable.pilots FOLDER [--embedder tfidf]`.

FOLDER holds `<name>/pilot.jsonl` with `tokens` a line. Of each the first documents are embedded once a kernel, in a
process of its own and with a cache of its own, and 5 sets of 25 drawn. Says whether all kernels draw the same sets.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from portable.child import features, kernels
from portable.variations import Variation, child_environment, variations

ROUNDS, SIZE = 5, 25


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embedder", choices=["tfidf", "minilm"], default="tfidf")
    parser.add_argument("--documents", type=int, default=600, metavar="N", help="of each corpus")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        found = {path.parent.name: drawn(path, options) for path in sorted(options.folder.glob("*/pilot.jsonl"))}
        sys.stdout.write(json.dumps({"sets": found, "kernels": kernels(), "features": features()}))
        return
    chosen = [Variation("baseline"), *variations(features(), brief=True)]
    everything = [name for name in chosen if name.environment.get("OPENBLAS_CORETYPE") or name.name == "baseline"]
    baseline: dict[str, Any] = {}
    seen: set[str] = set()
    for variation in everything:
        found = run(variation)
        baseline = baseline or found
        ran = f"{'; '.join(found['kernels'])}, NumPy {' '.join(found['features']) or 'baseline'}"
        different = [name for name, sets in found["sets"].items() if sets != baseline["sets"][name]]
        again = ", a kernel seen before" if ran in seen else ""
        seen.add(ran)
        verdict = (
            f"DIFFERENT for {', '.join(different)}" if different else f"the same {len(found['sets'])} x {ROUNDS} sets"
        )
        sys.stdout.write(f"{options.embedder}, {variation.name} ({ran}{again}): {verdict}\n")
        sys.stdout.flush()


def run(variation: Variation) -> Any:
    """A child's object. Its cache holds the weights, if there are any, and no vectors."""
    from diziner.layout import weights_folder

    with tempfile.TemporaryDirectory(prefix="portable-") as cache:
        if weights_folder().is_dir():
            shutil.copytree(weights_folder(), Path(cache) / "weights", copy_function=os.link)
        done = subprocess.run(
            [sys.executable, "-m", "portable.pilots", *sys.argv[1:], "--child"],
            env={**child_environment(variation), "DIZINER_CACHE": cache},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(done.stdout)


def drawn(path: Path, options: argparse.Namespace) -> list[list[str]]:
    """The ids of a corpus' sets; repetitions are left out of the pool, as the pipeline does."""
    from diziner.corpora.pilot import pilot_sets
    from diziner.records.documents import Document

    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for _, line in zip(range(options.documents), lines, strict=False)]
    pool = {tuple(row["tokens"]): row["id"] for row in reversed(rows)}
    documents = [Document(name, tokens, " ".join(tokens)) for tokens, name in sorted(pool.items(), key=lambda t: t[1])]
    sets = pilot_sets(documents, ROUNDS, SIZE, seed=13, embedder=options.embedder)
    return [[document.id for document in each] for each in sets]


if __name__ == "__main__":
    main()
