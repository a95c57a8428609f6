"""A project that holds nothing but metrics, as a git repository: what `diziner diff` and `gate` read."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from projects import ROOT

from diziner.common.files import write_json, write_text
from diziner.common.version import VERSION
from diziner.results.document_counts import PredictionCounts, headline
from diziner.results.figures import FIGURES
from diziner.results.room_metrics import counts_in, figures_in, room_metrics, room_metrics_text
from diziner.results.summary import summarise
from diziner.results.usage import ModelUsage
from diziner.scoring.bootstrap import DocumentCounts

Rows = Sequence[tuple[int, int, int]]  # (correct, predicted, gold) of each document
GUIDELINE = {
    "goal": {"purpose": "Names."},
    "types": [{"label": "PER", "name": "person", "definition": "A person."}],
    "examples": ["[Ada|PER] wrote ."],
    "instructions": {"common": [], "specific": {}},
}
GATES: dict[str, Any] = {
    "f1": {"max_drop": 0.02, "significance": 0.05, "floors": {}},
    "max_failed_share": 0.05,
    "max_usd": 1.0,
    "retired": [],
}


def table(rows: Rows) -> DocumentCounts:
    ids = tuple(f"test-{number:04}" for number in range(len(rows)))
    return DocumentCounts(ids, np.array(rows, dtype=np.int64).reshape(len(rows), 3))


def drawn(seed: int, documents: int, hit: float = 0.7, gold_seed: int = 0) -> Rows:
    """Counts of a system that finds a share `hit` of mentions, on the documents of `gold_seed`."""
    gold = np.random.default_rng(gold_seed).integers(0, 6, documents)
    generator = np.random.default_rng(seed)
    found = generator.binomial(gold, hit)
    wrong = generator.binomial(gold, 0.2)
    return [(int(c), int(c + w), int(g)) for c, w, g in zip(found, wrong, gold, strict=True)]


class MetricProject:
    """The files; `score` writes a benchmark's metrics as the stages do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics: dict[str, dict[str, Any]] = {}
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        self.pipeline(folder, "summary", ["metrics/summary.json"])
        (folder / "diziner/prompts").mkdir(parents=True)
        (folder / "diziner/prompts/annotate.v1.md").write_text("Mark names.\n")
        (folder / "stages").mkdir()
        (folder / "stages/score.py").write_text("# scores\n")
        (folder / ".diziner").write_text(f"{VERSION}\n")
        self.git("init", "-q", "-b", "main")
        self.gates()

    def git(self, *words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *words], cwd=self.folder, check=True
        )

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a state", "--allow-empty")

    def gates(self, **changes: Any) -> None:
        value = {**GATES, **{k: v for k, v in changes.items() if k not in GATES["f1"]}}
        value["f1"] = {**GATES["f1"], **{k: v for k, v in changes.items() if k in GATES["f1"]}}
        path = self.folder / "metrics/gates.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(value))

    def score(self, name: str, rows: Rows, gold: str = "gold", usd: float | None = 0.1, **figures: Any) -> None:
        """A benchmark's metrics from its counts, its lock, and the summary of all."""
        scoring = yaml.safe_load((self.folder / "params.yaml").read_text())["scoring"]
        counts = PredictionCounts(table(rows), table(rows))
        own = headline(counts, scoring["bootstrap_samples"], scoring["seed"])
        self.metrics[name] = {
            **dict.fromkeys(figure.name for figure in FIGURES),
            **own, "protocol": "strict span F1", "annotator": "a", "round": 0, "rounds": 2, "documents": len(rows),
            "macro_f1": own["f1"], "agreement_first": 0.4, "agreement_last": 0.5, "agreement_selected": 0.5,
            "pearson": None, "spearman": None, "drop_share": 0.0,
            "failed_share": 0.0, "tokens": 1000, **figures,
        }  # fmt: skip
        room = self.folder / "data" / name
        room.mkdir(parents=True, exist_ok=True)
        known = int(usd is not None)
        usage = ModelUsage("e", "m", 1, known, 900, 100, known, usd or 0.0, 0, 0)
        metrics = [f"metrics/final/{name}.json"]
        self.pipeline(room, "score", metrics, [f"data/{name}/corpus/{kind}.jsonl" for kind in ("test", "gold")])
        if not (room / "guideline.yaml").exists():
            (room / "guideline.yaml").write_text(yaml.safe_dump(GUIDELINE))
        value = room_metrics(self.metrics[name], [0.4, 0.5], [usage], counts)
        write_text(self.folder / metrics[0], room_metrics_text(value))
        self.lock(room, "score", metrics, name, gold)
        write_json(self.folder / "metrics/summary.json", summarise(self.metrics, dict.fromkeys(self.metrics, usd)))
        self.lock(self.folder, "summary", ["metrics/summary.json"])

    def pipeline(self, room: Path, stage: str, metrics: Sequence[str], cached: Sequence[str] = ()) -> None:
        """A dvc.yaml of one stage that depends on the guideline, if it is a room's, and on a setting."""
        deps = [f"{room.relative_to(self.folder)}/guideline.yaml"] if room != self.folder else []
        entry: dict[str, Any] = {"cmd": stage, "deps": deps, "params": ["answers"], "outs": list(cached)}
        entry |= {"wdir": "../..", "metrics": [{path: {"cache": False}} for path in metrics]}
        if room == self.folder:
            del entry["wdir"]
        (room / "dvc.yaml").write_text(yaml.safe_dump({"stages": {stage: entry}}))

    def lock(self, room: Path, stage: str, paths: Sequence[str], name: str = "", gold: str = "") -> None:
        digests = {path: hashlib.md5((self.folder / path).read_bytes()).hexdigest() for path in paths}
        if name:
            digests |= {f"data/{name}/corpus/{kind}.jsonl": f"{kind} {gold}" for kind in ("test", "gold")}
        outs = [{"path": path, "md5": digest} for path, digest in digests.items()]
        guideline = room / "guideline.yaml"
        deps = [
            {"path": str(path.relative_to(self.folder)), "md5": hashlib.md5(path.read_bytes()).hexdigest()}
            for path in [guideline] * bool(name)
        ]
        params = {"params.yaml": {"answers": yaml.safe_load((self.folder / "params.yaml").read_text())["answers"]}}
        entry = {"cmd": stage, "deps": deps, "params": params, "outs": outs}
        (room / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {stage: entry}}))

    def as_before(self, name: str) -> None:
        """Write a benchmark's metrics as versions before did: all figures bare, counts in a file beside."""
        path, documents = self.folder / f"metrics/final/{name}.json", f"metrics/documents/{name}.json"
        value = json.loads(path.read_text())
        counts = counts_in(value)
        tables = {key: dict(zip(own.ids, own.counts.tolist(), strict=True)) for key, own in counts._asdict().items()}
        sums = dict(zip(("correct", "predicted", "gold"), counts.selected.counts.sum(axis=0).tolist(), strict=True))
        write_json(path, figures_in(value))
        write_json(self.folder / documents, {"documents": len(counts.selected.ids), **sums, **tables})
        room, metrics = self.folder / "data" / name, [f"metrics/final/{name}.json", documents]
        self.pipeline(room, "score", metrics, [f"data/{name}/corpus/{kind}.jsonl" for kind in ("test", "gold")])
        self.lock(room, "score", metrics, name, "gold")

    def edit(self, path: str, change: Mapping[str, Any] | str) -> None:
        """Change a JSON file by hand: some keys, of a room's metrics figures, or the whole text."""
        file = self.folder / path
        if not isinstance(change, str):
            value = json.loads(file.read_text())
            others = value["figures"][0] if "figures" in value else {}
            for key, figure in change.items():
                (others if key in others else value)[key] = figure
            change = json.dumps(value)
        file.write_text(change)


def two_benchmarks(folder: Path, rows: Rows) -> MetricProject:
    """A project, committed, in which two benchmarks have the same counts."""
    made = MetricProject(folder)
    for name in ("conll2003", "mit_movie"):
        made.score(name, rows)
    made.commit()
    return made
