"""Growth of cost with the input: 1, 10 and 100 times as much, exponents fitted: `python tests/perf/bench_growth.py`.

CPU seconds (user and system, of this process, for stages of the commands) of what commands do, from files to what they
print; the least of some runs, less what the smallest input takes. An exponent above 1.1, of all three or of the last
tenfold, ends the bench with exit 1; that of stock `dvc repro` is shown for what it is. `--json FILE` puts the chart
there. Names after that: only these.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import bench_repro  # type: ignore[import-not-found]  # scripts beside this one
import yaml
from bench_forms import write  # type: ignore[import-not-found]
from bench_label import ANSWER, TEXT  # type: ignore[import-not-found]
from bench_store import rows  # type: ignore[import-not-found]
from perf.charts import add_chart, measured_before
from projects import ROOT, Project, use_scripted

from diziner.annotator.annotate import requests_for
from diziner.commands import agree, label, score
from diziner.corpora.tokenize import tokenize
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.records.documents import Document
from diziner.settings import load_settings

TIMES = (1, 10, 100)
REPEATS = {1: 5, 10: 3, 100: 1}
MOST = 1.1
GUIDELINE = ROOT / "data/conll2003/guideline.yaml"
Work = Callable[[], object]


def command(module: object, *words: str) -> None:
    """Run a command in this process; nothing it says is shown."""
    parser = argparse.ArgumentParser()
    module.arguments(parser)  # type: ignore[attr-defined]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        module.run(parser.parse_args(words))  # type: ignore[attr-defined]


def scoring(folder: Path, size: int) -> Work:
    """Two column files of so many sentences, scored by strict F1."""
    gold, predicted = folder / "gold.conll", folder / "predicted.conll"
    write(gold, predicted, size)
    return lambda: command(score, "--gold", str(gold), "--pred", str(predicted))


def agreeing(folder: Path, size: int) -> Work:
    """Two column files of so many sentences, their agreement and all hotspots."""
    one, other = folder / "one.conll", folder / "other.conll"
    write(one, other, size)
    return lambda: command(agree, str(one), str(other))


def labelling(folder: Path, size: int) -> Work:
    """So many texts, labelled anew each time from answers that the store has."""
    os.chdir(folder)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    use_scripted(params)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    texts = [TEXT.format(number) for number in range(size)]
    documents = [Document(f"d{number}", tokenize(text), text) for number, text in enumerate(texts)]
    settings, store = load_settings(folder / "params.yaml"), ResponseStore(folder / ".responses/responses.sqlite")
    annotator = settings.annotator("scripted_careful")
    asked = requests_for(documents, load_guideline(GUIDELINE), annotator, StoreAsker(store, settings.endpoints))
    store.put_rows((request.key, request.canonical(), ANSWER) for request in asked)
    store.close()
    source = folder / "in.jsonl"
    lines = (json.dumps({"id": each.id, "text": each.text}) for each in documents)
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    run = iter(range(1000))
    words = ("--guideline", str(GUIDELINE), "--annotator", "scripted_careful", "--params", str(folder / "params.yaml"))
    return lambda: command(label, *words, "--in", str(source), "--out", str(folder / f"out{next(run)}"))


def storing(folder: Path, size: int) -> Work:
    """So many answers written as they come with 64 in flight, then each looked up once, 500 at a time; what makes them
    is left out. (A thousand random keys a transaction, as an import has them, each change a page of their own as soon
    as there are so many pages: up to 200,000 answers that grows by 1.15.)"""
    run = iter(range(1000))

    def work() -> float:
        store = ResponseStore(folder / f"store{next(run)}" / "responses.sqlite")
        waiting, keys, spent = rows(size), [], 0.0
        while chunk := list(islice(waiting, 64)):
            keys += [key for key, _, _ in chunk]
            began = time.process_time()
            store.put_rows(chunk)
            spent += time.process_time() - began
        began = time.process_time()
        for start in range(0, size, 500):
            store.get(keys[start : start + 500])
        store.close()
        return spent + time.process_time() - began

    return work


def running(folder: Path, size: int) -> Work:
    """Benchmarks of eight stages each, run for the first time by `diziner repro`."""
    return _graph(folder, size, lambda project: project.diziner("repro"))


def looking(folder: Path, size: int) -> Work:
    """The same benchmarks with nothing to do, by `diziner repro`."""
    return _graph(folder, size, lambda project: project.diziner("repro"), first=True)


def looking_by_dvc(folder: Path, size: int) -> Work:
    """The same benchmarks with nothing to do, by stock `dvc repro`."""
    return _graph(folder, size, lambda project: project.dvc("repro"), first=True)


def _graph(folder: Path, size: int, step: Callable[[Project], object], first: bool = False) -> Work:
    """A graph of so many benchmarks; made and, if `first`, run beforehand."""
    run = iter(range(1000))
    done = bench_repro.paper(folder / "done", size, "true", 1, 2) if first else None
    if done is not None:
        done.diziner("repro")

    def work() -> float:
        project = done or bench_repro.paper(folder / f"g{next(run)}", size, "true", 1, 2)
        spent: float = bench_repro.timed(lambda: step(project))[1]
        return spent

    return work


class Part(NamedTuple):
    """One command: its work, the size that is 1, a word for that size, the smallest size, whose cost is taken off, and
    whether its exponent is held to the bound."""

    prepare: Callable[[Path, int], Work]
    base: int
    word: str
    smallest: int = 1
    held: bool = True


PARTS = {
    "score": Part(scoring, 1000, "sentences"),
    "agree": Part(agreeing, 500, "sentences"),
    "label": Part(labelling, 200, "texts"),
    "store": Part(storing, 2000, "answers"),
    "repro": Part(running, 1, "benchmark of 8 stages", smallest=0),
    "repro, nothing to do": Part(looking, 1, "benchmark of 8 stages", smallest=0),
    "dvc repro, nothing to do": Part(looking_by_dvc, 1, "benchmark of 8 stages", smallest=0, held=False),
}


def seconds(prepare: Callable[[Path, int], Work], size: int, repeats: int) -> float:
    """The least CPU time of some runs of a size."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        work = prepare(Path(folder), size)
        spent = []
        for _ in range(repeats):
            began = time.process_time()
            own = work()  # work that has parts to leave out says what it took
            spent.append(own if isinstance(own, float) else time.process_time() - began)
        os.chdir(here)
    return min(spent)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Fit y = a x^k by least squares of logarithms; return k.

    >>> round(exponent([(1, 0.2), (10, 2.0), (100, 20.0)]), 6)
    1.0
    """
    xs, ys = ([math.log(value) for value in column] for column in zip(*points, strict=True))
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread


def main() -> None:
    """Measure all parts, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="put the chart into this file of figures")
    options = parser.parse_args()
    series, sound = [], True
    for name in options.parts or PARTS:
        prepare, base, word, smallest, held = PARTS[name]
        seconds(prepare, 1, 1)  # imports
        fixed = seconds(prepare, smallest, 5)
        points = [(float(n), max(seconds(prepare, base * n, REPEATS[n]) - fixed, 1e-4)) for n in TIMES]
        # What is the same for all sizes flattens the first step: the last one alone counts as well.
        found = max(exponent(points), exponent(points[1:]))
        sound = sound and (found <= MOST or not held)
        shown = ", ".join(f"{cpu:.3f}" for _, cpu in points)
        line = f"{name}: {base:,} {word} x 1, 10, 100: {shown} s of CPU beyond {fixed:.3f}; exponent {found:.2f}"
        bound = f"<= {MOST}{'' if found <= MOST else ' OUT OF BOUNDS'}" if held else "not ours"
        sys.stdout.write(f"{line:<100}{bound}\n")
        sys.stdout.flush()
        rounded = [(n, round(cpu, 4)) for n, cpu in points]
        series.append({"name": f"{name}: {base:,} {word}, {found:.2f}", "points": rounded})
    if options.json:
        if options.parts:  # the other parts stay as they were measured
            others = measured_before(options.json, "growth", "series")
            series = [own for own in others if own["name"].partition(":")[0] not in options.parts] + series
        chart = {
            "kind": "lines",
            "title": "Cost as the input grows",
            "says": "CPU seconds beyond those of a single document (of stages: of none), from files to what is "
            "printed. After each name: the input that is 1, and the greater of two exponents, of all and of the last "
            "tenfold; 1 is linear.",
            "x": "times the input",
            "y": "CPU seconds",
            "series": series,
        }
        add_chart(options.json, "growth", chart)
    raise SystemExit(not sound)


if __name__ == "__main__":
    main()
