"""The paper's run from `use paper` to its table, by scripted models: `python tests/perf/paper_run.py [--faulty] …`.

18 benchmarks x 8 annotators x 5 rounds of 25 documents, 300 test documents, in a temporary copy of the project: 16
rooms from local folders that are laid out as their branches on the hub are, ACE 2005 and MIT Movie from local files.
The models go by their real names, behind a server that speaks as OpenRouter and OpenAI do. Documents are the real
benchmarks' where DIR (--data) has them, else made of the shipped samples. `--faulty` has 2 % of answers unparsable, 1 %
of documents refused, and one annotator's model withdrawn. `--batches`: annotators stand behind a proxy with /files and
/batches at half the price, and the run is two commands a round, `batch submit` and `repro`. It prints what was planned
and spent, and what the pipeline cost. Scores mean nothing: scripted models have heard of the gold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import yaml
from projects import ROOT, Project, commit_all, copy_project

from diziner.corpora.card import Card, load_card
from diziner.spans.brackets import parse_brackets, render_brackets
from diziner.spans.tags import spans_to_tags, tags_to_spans

LOCAL = ("ace2005", "mit_movie")
FAULTS = ("wrong_types=0.02", "moderated=0.01")
MODEL_FAILED = 3  # exit code, of a stage that waits for a batch too
PROXY = {"provider": "litellm_proxy", "batch": {"window": "24h", "discount": 0.5}}  # OpenRouter has no batches
WITHDRAWN = "microsoft/phi-4"
ADDRESSES = {"openrouter": "/openrouter/api/v1", "openai": "/openai/v1"}
KEYS = ("OPENROUTER_API_KEY", "OPENAI_API_KEY")
Row = tuple[list[str], list[str]]  # tokens and tags


@dataclass(frozen=True)
class Sizes:
    """Documents: of the pilot pool and of the test split."""

    pool: int
    test: int


def rows_of(name: str, split: str, count: int, data: Path | None) -> list[Row]:
    """Distinct documents of a split: real ones, else two sentences of the sample each, told apart by a number."""
    path = data / name / f"{split}.jsonl" if data else None
    if path is not None and path.is_file():
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:count]]
        return [(row["tokens"], row["ner_tags"]) for row in found]
    sentences = sample_of(name, split)
    chance = random.Random(f"{name} {split}")
    rows = []
    for number in range(count):
        parts = chance.sample(sentences, min(2, len(sentences)))
        tokens = [token for part, _ in parts for token in part]
        tags = [tag for _, part in parts for tag in part]
        rows.append(([*tokens, "(", f"{split}{number}", ")"], [*tags, "O", "O", "O"]))
    return rows


def sample_of(name: str, split: str) -> list[Row]:
    """The sentences of a split of the shipped sample."""
    text = (ROOT / "data" / name / "sample.txt").read_text(encoding="utf-8")
    section = text.split(f"== {split} ==")[1].split("\n== ")[0]
    lines = [line for line in section.splitlines() if line.strip() and not line.startswith("#")]
    parsed = map(parse_brackets, lines)
    return [(list(tokens), list(spans_to_tags(spans, len(tokens)))) for tokens, spans in parsed]


def lay_out(card: Card, folder: Path, pilot: Sequence[Row], test: Sequence[Row]) -> None:
    """Write a folder as the branch of a card's data set is on the hub, in the hub's own labels."""
    import datasets

    hub = card.sources["hub"]
    theirs = {ours: name for name, ours in hub.layout.label_map.items() if ours is not None}
    names: dict[str, list[str]] = hub.options["splits"]
    parts = {name: pilot[place :: len(names["pilot"])] for place, name in enumerate(names["pilot"])}
    parts[names["test"][0]] = test
    labels = hub.layout.labels
    tag = datasets.ClassLabel(names=labels) if labels else datasets.Value("string")
    features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(tag)})
    for split, rows in parts.items():
        place = hub.options.get("files", {}).get(split, f"data/{split}-*.parquet")
        path = folder / place.replace("/*.", "/0000.").replace("-*", "-00000-of-00001")
        path.parent.mkdir(parents=True, exist_ok=True)
        own = [{"tokens": tokens, "ner_tags": [_named(t, theirs) for t in tags]} for tokens, tags in rows]
        if path.suffix == ".jsonl":
            coded = [{**row, "ner_tags": [labels.index(t) for t in row["ner_tags"]]} for row in own] if labels else own
            path.write_text("".join(f"{json.dumps(row)}\n" for row in coded), encoding="utf-8")
        else:
            datasets.Dataset.from_list(own, features=features).to_parquet(str(path))
    if "files" not in hub.options:
        lines = "".join(f"  - split: {split}\n    path: data/{split}-*\n" for split in parts)
        head = "---\nconfigs:\n- config_name: default\n  data_files:\n"
        (folder / "README.md").write_text(f"{head}{lines}---\n", encoding="utf-8")


def _named(tag: str, theirs: dict[str, str]) -> str:
    prefix, _, label = tag.partition("-")
    return f"{prefix}-{theirs.get(label, label)}" if label else tag


def prepare(project: Project, names: Sequence[str], sizes: Sizes, data: Path | None, folder: Path) -> None:
    """Lay out all sources, point the cards to them, and write down what the scripted annotators have heard of."""
    import datasets

    datasets.disable_progress_bars()
    for name in names:
        room = project.folder / "data" / name
        card = load_card(room)
        pilot, test = (
            rows_of(name, split, getattr(sizes, key), data) for split, key in (("pilot", "pool"), ("test",) * 2)
        )
        path = room / "benchmark.yaml"
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        if name in LOCAL:
            target = folder / "local" / name
            target.mkdir(parents=True)
            for split, rows in (("pilot", pilot), ("test", test)):
                own = [{"id": f"{split}-{k}", "tokens": t, "ner_tags": g} for k, (t, g) in enumerate(rows)]
                text = "".join(f"{json.dumps(row)}\n" for row in own)
                (target / f"{split}.jsonl").write_text(text, encoding="utf-8")
        else:
            lay_out(card, folder / "hub" / name, pilot, test)
            value["sources"]["hub"]["id"] = str(folder / "hub" / name)
        for source in ("local", "hub"):
            value["sources"].get(source, {}).pop("expected", None)  # those of the whole benchmark
        path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
        known = folder / "knowledge" / name
        known.mkdir(parents=True)
        shutil.copy2(room / "guideline.yaml", known)
        lines = [render_brackets(tokens, tags_to_spans(tags)) for tokens, tags in (*pilot, *test)]
        (known / "sample.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class Run:
    """Commands in the project, each timed."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.environment = dict.fromkeys(KEYS, "scripted") | {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"}

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = self.project.run(".venv/bin/python", "-m", "diziner", *words, check=False, **self.environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        say(f"$ diziner {' '.join(words)}: exit {done.returncode}, {time.monotonic() - started:.1f} s, CPU {cpu:.1f} s")
        if check and done.returncode:
            say(done.stdout[-3000:] + done.stderr[-3000:])
            raise SystemExit(1)
        return done


def serve(folder: Path, latency: float, faulty: bool, port: int) -> tuple[subprocess.Popen[str], str]:
    words = [
        sys.executable,
        "-m",
        "diziner",
        "fake-server",
        "--any-model",
        "--latency",
        str(latency),
        "--port",
        str(port),
    ]
    if faulty:
        words += [part for fault in FAULTS for part in ("--fault", fault)] + ["--gone", WITHDRAWN]
    environment = {**os.environ, "DIZINER_SCRIPTED_KNOWLEDGE": str(folder / "knowledge")}
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert server.stdout is not None
    return server, server.stdout.readline().split()[-1].removesuffix("/v1")


def go(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it; return what it came to: cost, benchmarks, failed documents, what the run and the table said, how often
    batches were sent, what was planned, and every output."""
    project = copy_project(folder / "project", None)
    known = sorted(path.parent.name for path in (project.folder / "data").glob("*/dvc.yaml"))
    names = (known if not chosen.names else chosen.names)[: chosen.benchmarks]
    prepare(project, names, Sizes(chosen.pool, chosen.test + 20), chosen.data, folder)
    commit_all(project.folder, "sources")
    run = Run(project, folder)
    if unused := [name for name in known if name not in names]:
        run("data", "unlink", *unused)
    run("use", "paper", *(["--with", f"rounds-{chosen.rounds}"] if chosen.rounds in (1, 3) else []))
    run("weights", "fetch", "minilm")  # 91 MB, once
    server, address = serve(folder, chosen.latency, chosen.faulty, chosen.port)
    try:
        project.edit_params(lambda params: _point(params, folder, names, address, chosen))
        planned = None if chosen.no_plan else _planned(run)
        started = time.monotonic()
        done = run("repro", "-j", str(chosen.jobs), check=False)
        sent = 0
        while chosen.batches and done.returncode == MODEL_FAILED and "error: waiting: " in done.stderr:
            sent += 1
            submitted = run("batch", "submit").stdout
            say("".join(f"  {line}\n" for line in submitted.splitlines()))
            if " submitted" not in submitted:
                raise SystemExit("stages wait, and there was nothing to send")
            done = run("repro", "-j", str(chosen.jobs), check=False)
        again = 0
        while done.returncode == MODEL_FAILED and again < 5:  # too many refusals in a stage: what its message advises
            say("".join(f"  {line}\n" for line in (done.stdout + done.stderr).splitlines() if "error:" in line))
            again += 1
            done = run("repro", "-j", str(chosen.jobs), "--again", check=False)
        say((done.stdout + done.stderr)[-1500:])
        if done.returncode:
            raise SystemExit(1)
        say(f"wall time of the run: {time.monotonic() - started:.0f} s; asked again for refusals: {again} times")
        return {"said": done.stdout + done.stderr, "sent": sent, "planned": planned, **_report(project, run)}
    finally:
        server.terminate()
        server.wait()


def _planned(run: Run) -> float:
    """What `plan` takes the run to cost, by calls."""
    said = run("plan").stdout
    say(said[-1500:])
    head, *rows = said.splitlines()
    total = next(row for row in rows if row.startswith("total "))
    return float(total[head.index("USD") :].split()[0])


def _point(
    params: dict[str, Any], folder: Path, names: Sequence[str], address: str, chosen: argparse.Namespace
) -> None:
    sources = {name: "local" for name in names if name in LOCAL}
    params["corpus"]["source"] = {"default": "hub", **sources} if sources else "hub"
    params["corpus"]["local_dir"] = str(folder / "local")
    params["corpus"]["test"]["documents"] = chosen.test
    params["corpus"]["pilot"]["documents"] = chosen.pilot
    for name, path in ADDRESSES.items():
        params["endpoints"][name]["api_base"] = f"{address}{path}"
    if chosen.batches or chosen.proxy:
        own = PROXY if chosen.batches else {"provider": PROXY["provider"]}
        params["endpoints"]["openrouter"].update(own, api_base=f"{address}/v1")


def _report(project: Project, run: Run) -> dict[str, Any]:
    cost = json.loads((project.folder / "metrics/cost.json").read_text(encoding="utf-8"))["total"]
    say(f"cost: {json.dumps(cost, sort_keys=True)}")
    summary = json.loads((project.folder / "metrics/summary.json").read_text(encoding="utf-8"))
    failed = sum(round(row["failed_share"] * row["documents"]) for row in summary["benchmarks"])
    mean, documents = summary["mean"], summary["over"][0]["documents"]
    say(
        f"{len(summary['benchmarks'])} benchmarks, {documents} test documents, {failed} failed; mean F1 "
        f"{mean['f1']:.3f}, agreement {mean['agreement_first']:.3f} -> "
        f"{mean['agreement_last']:.3f}; usd {summary['usd']}"
    )
    once_more, table = run("repro").stdout, run("summary", "--paper").stdout
    say(table)
    names = [row["benchmark"] for row in summary["benchmarks"]]
    results = {name: data for name, data in project.outputs().items() if name != "metrics/cost.json"}
    found = {"benchmarks": names, "failed": failed, "once_more": once_more, "table": table, "results": results}
    digest = hashlib.sha256(repr(sorted(results.items())).encode()).hexdigest()
    say(f"digest of all {len(results)} outputs: {digest[:16]}")
    return {**cost, **found}


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=int, default=18)
    parser.add_argument("--names", nargs="+", default=[])
    parser.add_argument("--rounds", type=int, choices=(1, 3, 5), default=5)
    parser.add_argument("--pilot", type=int, default=25, help="documents of a round")
    parser.add_argument("--pool", type=int, default=200, help="documents to draw pilot sets from")
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument(
        "--data", type=Path, help="folder with a folder of pilot.jsonl and test.jsonl for each benchmark"
    )
    parser.add_argument("--faulty", action="store_true")
    parser.add_argument("--port", type=int, default=0, help="of the server: an address is part of a request's key")
    parser.add_argument("--batches", action="store_true", help="through /batches, two commands a round")
    parser.add_argument("--proxy", action="store_true", help="by calls to the same address, to compare with --batches")
    parser.add_argument("--no-plan", action="store_true", help="leave out `plan`, which rehearses the whole run")
    parser.add_argument("-j", "--jobs", type=int, default=4)
    return parser.parse_args(words)


def main() -> None:
    chosen = options()
    folder = Path(tempfile.mkdtemp(prefix="paper-run-"))
    try:
        go(chosen, folder)
    finally:
        shutil.rmtree(folder)


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
