"""`diziner repro` against `dvc repro`: `python tests/perf/bench_repro.py [speed] [large] [stops] [embedded]`.

Figures are ratios of one run and CPU seconds of a process with all it started, with the bound each is held to; a
figure out of bounds ends the bench with exit 1. Everything happens in temporary copies.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import yaml
from projects import Project, copy_project
from repro_projects import locks, make_graph

MODELS, ROUNDS = 8, 6

# A benchmark in the paper's shape: 8 annotators, 6 rounds, 69 stages; those that would ask a model wait.
TEMPLATE = """
vars: [../../graph.yaml, name.yaml]
stages:
  seed:
    wdir: ../..
    cmd: mkdir -p data/${name}/out/r0 && echo ${name} > data/${name}/out/r0/guideline
    deps: [diziner/spans, diziner/common/files.py]
    outs: ["data/${name}/out/r0/guideline"]
  annotate:
    wdir: ../..
    matrix: {model: "${models}", round: "${rounds}"}
    cmd: ${wait} && mkdir -p data/${name}/out/r${item.round}/a &&
      echo ${item.model} > data/${name}/out/r${item.round}/a/${item.model}
    deps: [diziner/spans, diziner/common/files.py, diziner/prompts/annotator,
      "data/${name}/out/r${item.round}/guideline"]
    params: [{graph.yaml: ["settings.${item.model}"]}]
    outs: ["data/${name}/out/r${item.round}/a/${item.model}"]
  agree:
    wdir: ../..
    matrix: {round: "${rounds}"}
    cmd: cat data/${name}/out/r${item.round}/a/* > data/${name}/out/r${item.round}/agree
    deps: [diziner/agreement, diziner/spans, diziner/common/files.py, "data/${name}/out/r${item.round}/a"]
    outs: ["data/${name}/out/r${item.round}/agree"]
  refine:
    wdir: ../..
    matrix: {step: "${steps}"}
    cmd: ${wait} && mkdir -p data/${name}/out/r${item.step.id} &&
      cat data/${name}/out/r${item.step.prev}/guideline data/${name}/out/r${item.step.prev}/agree
      > data/${name}/out/r${item.step.id}/guideline
    deps: [diziner/supervisor, diziner/common/files.py, "data/${name}/out/r${item.step.prev}/guideline",
      "data/${name}/out/r${item.step.prev}/agree"]
    outs: ["data/${name}/out/r${item.step.id}/guideline"]
  final:
    wdir: ../..
    matrix: {model: "${models}"}
    cmd: ${wait} && mkdir -p data/${name}/out/f && echo ${item.model} > data/${name}/out/f/${item.model}
    deps: [diziner/spans, "data/${name}/out/r${last}/agree"]
    params: [{graph.yaml: ["settings.${item.model}"]}]
    outs: ["data/${name}/out/f/${item.model}"]
  score:
    wdir: ../..
    cmd: mkdir -p metrics && echo '{"f1":0}' > metrics/${name}.json
    deps: [diziner/spans, "data/${name}/out/f"]
    metrics: [{"metrics/${name}.json": {cache: false}}]
"""
SUMMARY = {
    "cmd": "cat metrics/*.json > summary.json",
    "deps": ["metrics"],
    "metrics": [{"summary.json": {"cache": False}}],
}


def paper(folder: Path, benchmarks: int, wait: str, count: int = MODELS, rounds: int = ROUNDS) -> Project:
    """A project of so many benchmarks, each in a folder of its own, on one template; `count` models."""
    models = [f"m{n}" for n in range(count)]
    graph = {
        "wait": wait,
        "models": models,
        "rounds": list(range(rounds)),
        "last": rounds - 1,
        "steps": [{"prev": n, "id": n + 1} for n in range(rounds - 1)],
        "settings": {model: {"name": model, "temperature": 0.0} for model in models},
    }
    project = make_graph(folder, {"summary": SUMMARY})
    (folder / "graph.yaml").write_text(yaml.safe_dump(graph))
    (folder / "metrics").mkdir()
    (folder / "metrics/none.json").write_text("{}\n")  # of a graph without benchmarks
    (folder / "stages/graph.dvc.yaml").write_text(TEMPLATE)
    for number in range(benchmarks):
        room = folder / f"data/b{number:03}"
        room.mkdir(parents=True)
        (room / "name.yaml").write_text(f"name: b{number:03}\n")
        (room / "dvc.yaml").symlink_to("../../stages/graph.dvc.yaml")
    return project


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a command and of all it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    run()
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Bounds:
    """Prints figures and remembers whether all were within their bounds."""

    def __init__(self) -> None:
        self.kept = True

    def hold(self, what: str, value: float, least: float | None = None, most: float | None = None) -> None:
        good = (least is None or value >= least) and (most is None or value <= most)
        self.kept &= good
        bound = f"at least {least:g}" if least is not None else f"at most {most:g}"
        sys.stdout.write(f"{what}: {value:.2f} ({bound}{'' if good else ', MISSED'})\n")
        sys.stdout.flush()


def stock_and_ours(folder: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """Wall and CPU seconds of `dvc repro` and of `diziner repro -j 8`, each of a graph of 70 stages of its own."""
    stock, ours = (paper(folder / name, 1, "sleep 0.5") for name in ("stock", "ours"))
    return timed(lambda: stock.dvc("repro")), timed(lambda: ours.diziner("repro", "-j", "8"))


def speed(folder: Path, bounds: Bounds) -> None:
    (slow, slow_cpu), (fast, fast_cpu) = stock_and_ours(folder)
    sys.stdout.write(f"70 stages, 61 of 0.5 s: dvc repro {slow:.1f} s, {slow_cpu:.1f} s CPU; ")
    sys.stdout.write(f"diziner repro -j 8 {fast:.1f} s, {fast_cpu:.1f} s CPU\n")
    bounds.hold("times faster", slow / fast, least=6)


def large(folder: Path, bounds: Bounds) -> None:
    project = paper(folder / "large", 18, "true")
    wall, cpu = timed(lambda: project.diziner("repro", "-j", "4"))
    bounds.hold(f"1,243 stages, first run ({wall:.0f} s), CPU seconds", cpu, most=100)
    assert sum(len(lock["stages"]) for lock in locks(project).values()) == 1243
    wall, cpu = timed(lambda: project.diziner("repro", "-j", "4"))
    bounds.hold(f"1,243 stages, nothing to do ({wall:.0f} s), CPU seconds", cpu, most=10)
    wall, cpu = timed(lambda: project.dvc("repro"))
    sys.stdout.write(f"1,243 stages, nothing to do, dvc repro: {wall:.0f} s, {cpu:.1f} s CPU\n")


def stops(folder: Path, bounds: Bounds) -> None:
    undisturbed = paper(folder / "undisturbed", 1, "sleep 0.1")
    undisturbed.diziner("repro", "-j", "4")
    whole = locks(undisturbed)
    project = paper(folder / "stopped", 1, "sleep 0.1")
    moments = random.Random(11)
    wrong = unfinished = 0
    for number in range(20):
        sent = (signal.SIGKILL, signal.SIGTERM)[number % 2]
        if number in {7, 14}:
            # Done by now, perhaps: begin anew, with nothing in the cache.
            shutil.rmtree(project.folder)
            project = paper(project.folder, 1, "sleep 0.1")
        words = [".venv/bin/python", "-m", "diziner", "repro", "-j", "4"]
        process = subprocess.Popen(
            words, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        before = written(project.folder)
        while process.poll() is None and written(project.folder) == before:
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 1.5))
        unfinished += process.poll() is None
        process.send_signal(sent)
        process.wait()
        for name, lock in locks(project).items():
            wrong += any(whole[name]["stages"][stage] != entry for stage, entry in lock["stages"].items())
        before = written(project.folder)
        time.sleep(0.3)
        wrong += written(project.folder) != before
    project.diziner("repro", "-j", "4")
    wrong += locks(project) != whole
    bounds.hold("stops, SIGKILL and SIGTERM in turn", unfinished, least=10)
    bounds.hold("lock files that were cut or wrong, commands that went on", wrong, most=0)


def written(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.glob("data/*/out/**/*")}


def embedded(folder: Path, bounds: Bounds) -> None:
    stock, ours = (copy_project(folder / name, None, recordings=True) for name in ("stock", "ours"))
    slow, slow_cpu = timed(lambda: stock.dvc("repro"))
    fast, fast_cpu = timed(lambda: ours.diziner("repro", "-j", "2"))
    sys.stdout.write(f"the embedded profile: dvc repro {slow:.1f} s, {slow_cpu:.1f} s CPU; ")
    sys.stdout.write(f"diziner repro -j 2 {fast:.1f} s, {fast_cpu:.1f} s CPU\n")
    assert stock.outputs() == ours.outputs()
    bounds.hold("share of the wall time", fast / slow, most=0.5)


SECTIONS = {"speed": speed, "large": large, "stops": stops, "embedded": embedded}


def main() -> None:
    os.environ["DVC_NO_ANALYTICS"] = "1"
    bounds = Bounds()
    for name in sys.argv[1:] or SECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            SECTIONS[name](Path(folder), bounds)
    sys.exit(0 if bounds.kept else 1)


if __name__ == "__main__":
    main()
