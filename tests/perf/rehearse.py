"""The paper's scale, rehearsed without a model: `python tests/perf/rehearse.py [--benchmarks N] [--rounds K] [-j N]`.

18 benchmarks x 8 annotators x 6 rounds in a temporary copy of the project, through `diziner repro`, on scripted models
behind real HTTP that answer after a while and fail in one call of twenty. Documents are the shipped samples. It prints
what was planned and what was spent, and what the pipeline itself cost beside waiting for models.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import yaml
from projects import Project, copy_project

ANNOTATORS = ("careful", "careful-2", "careful-3", "eager", "eager-2", "shy", "shy-2", "random")
FAULTS = {"rate_limit": 0.02, "server_error": 0.01, "reset": 0.01, "prose": 0.005, "wrong_types": 0.005}
PRICE = {"input": 0.25, "output": 2.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--latency", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("-j", "--jobs", type=int, default=8)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    server = _server(chosen.latency)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        project = copy_project(folder / "project", None)
        names = sorted(path.parent.name for path in (project.folder / "data").glob("*/sample.txt"))
        project.diziner("data", "unlink", *names)
        project.diziner("data", "link", *names[: chosen.benchmarks])
        project.edit_params(lambda params: _settings(params, url, chosen.rounds))
        _rehearse(project, chosen)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


def _server(latency: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "diziner", "fake-server", "--latency", str(latency)]
    for name, rate in FAULTS.items():
        words += ["--fault", f"{name}={rate}"]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "DIZINER_SCRIPTED_KNOWLEDGE": str(root / "data")}
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root, env=environment)


def _settings(params: dict[str, Any], url: str, rounds: int) -> None:
    model = {"endpoint": "there", "temperature": 0.0, "max_tokens": 1024, "seed": 0, "structured": "json_schema"}
    names = [name.replace("-", "_") for name in ANNOTATORS]
    params["annotator_pool"] = names
    params["annotators"] = {
        name: {**model, "model": f"scripted-{habit}", "style": "few_shot", "prompt": "annotate.v1"}
        for name, habit in zip(names, ANNOTATORS, strict=True)
    }
    params["supervisor"] |= {"model": {**model, "model": "scripted-supervisor"}, "batch": "all"}
    params["corpus"]["pilot"] |= {"mode": "fixed"}
    # Sets are small here: one document that stays unreadable is a sixth of them.
    params["answers"] |= {"repair_turns": 2, "max_failed_share": 0.5}
    params["rounds"] = [
        {"id": k, "guideline": f"rounds/r{k}/guideline.yaml" if k else "guideline.yaml"} for k in range(rounds)
    ]
    params["refinements"] = [
        {
            "prev": k,
            "id": k + 1,
            "guideline": f"rounds/r{k}/guideline.yaml" if k else "guideline.yaml",
            "record": f"rounds/r{k}/refinement.json" if k else "guideline.yaml",
        }
        for k in range(rounds - 1)
    ]
    prices = {f"scripted-{name}": dict(PRICE) for name in (*ANNOTATORS, "supervisor")}
    params["endpoints"] = {
        "there": {
            "kind": "hosted",
            "api_base": url,
            "concurrency": 64,
            "attempts": 6,
            "prices": prices,
            "identity": "off",
        }
    }


def _rehearse(project: Project, chosen: argparse.Namespace) -> None:
    stages = len(project.dvc("stage", "list", "--all", "--name-only").stdout.split())
    _say(f"stages: {stages}")
    started, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = project.diziner("repro", "-j", str(chosen.jobs), check=False)
    wall, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        _say(done.stdout[-3000:] + done.stderr[-3000:])
        raise SystemExit(1)
    seconds = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    cost = json.loads((project.folder / "metrics/cost.json").read_text())["total"]
    _say(f"wall time: {wall:.0f} s, {1000 * wall / stages:.0f} ms a stage; CPU {seconds:.0f} s")
    _say(
        f"calls: {cost['calls']} answered, {cost['unanswered']} unanswered, {cost['repairs']} repair turns; "
        f"{cost['prompt_tokens'] + cost['completion_tokens']} tokens, {cost['usd']:.2f} USD"
    )
    waiting = cost["calls"] * chosen.latency
    _say(f"one call after the other would have waited {waiting:.0f} s: {waiting / wall:.1f} times the wall time")
    started = time.monotonic()
    project.diziner("repro", "-j", str(chosen.jobs))
    _say(f"again, nothing to do: {time.monotonic() - started:.1f} s")
    summary = json.loads((project.folder / "metrics/summary.json").read_text())
    mean = summary["mean"]
    _say(f"mean agreement {mean['agreement_first']:.3f} -> {mean['agreement_last']:.3f}, mean F1 {mean['f1']:.3f}")
    parsed = yaml.safe_load((project.folder / "params.yaml").read_text())
    _say(f"{len(parsed['annotator_pool'])} annotators, {len(parsed['rounds'])} rounds, {chosen.benchmarks} benchmarks")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
