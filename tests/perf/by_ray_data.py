"""Labelling by `ray.data`, the anchor of `bench_anchors.py`, in a project.

    python by_ray_data.py IN GUIDELINE ANNOTATOR WORKERS OUT

The same work for each text as in `diziner label`: tokens, request, answer from the store, spans, row.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ray

from diziner.annotator.annotate import annotate
from diziner.corpora.tokenize import tokenize
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.records.documents import Document
from diziner.records.labelled import labelled_row
from diziner.settings import load_settings

BATCH = 5000  # documents, as in a shard


class Labeller:
    """Worker: the guideline and the store, opened once."""

    def __init__(self, project: str, guideline: str, annotator: str) -> None:
        folder = Path(project)
        settings = load_settings(folder / "params.yaml")
        self.annotator = settings.annotator(annotator)
        self.guideline = load_guideline(folder / guideline)
        store = ResponseStore(folder / ".responses/responses.sqlite")
        self.asker = StoreAsker(store, settings.endpoints)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        texts = zip(batch["id"], batch["text"], strict=True)
        documents = [Document(str(name), tokenize(str(text)), str(text)) for name, text in texts]
        found = annotate(documents, self.guideline, self.annotator, self.asker, "ray.data").annotations
        return {"row": [json.dumps(labelled_row(*pair)) for pair in zip(documents, found, strict=True)]}


def main() -> None:
    """Label a file into a folder."""
    source, guideline, annotator, workers, out = sys.argv[1:]
    # A worker more than label: reading and writing are tasks of their own, and wait for ever beside as many actors.
    ray.init(num_cpus=int(workers) + 1, include_dashboard=False, logging_level="ERROR")
    rows = ray.data.read_json(source).map_batches(
        Labeller,
        fn_constructor_args=[str(Path.cwd()), guideline, annotator],
        batch_size=BATCH,
        compute=ray.data.ActorPoolStrategy(size=int(workers)),
    )
    rows.write_json(out)


if __name__ == "__main__":
    main()
