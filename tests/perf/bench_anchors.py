"""Ours beside what does the same elsewhere: `python tests/perf/bench_anchors.py [NAMES]`.

Each pair is run in turn, five times; a figure is the median of the five ratios, with the least and the most. Anchors:
stock `dvc repro` (70 stages, 61 of which wait half a second), the ideal rate of calls (64 in flight, one second each),
`map_batches` of `ray.data` with the same function (needs a Python with Ray: `--ray PYTHON`), seqeval and nervaluate. A
figure out of bounds ends the bench with exit 1. `--json FILE` puts the chart there.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import bench_forms  # type: ignore[import-not-found]  # scripts beside this one
import bench_label  # type: ignore[import-not-found]
import bench_llm  # type: ignore[import-not-found]
import bench_repro  # type: ignore[import-not-found]
from perf.charts import add_chart, measured_before
from projects import ROOT, copy_project, use_scripted

TURNS = 5
SENTENCES, DOCUMENTS, WORKERS = 20_000, 20_000, 2
RAY_PYTHON = ROOT / ".venv-cluster/bin/python"
SAYS = (
    "Each pair run in turn, five times: the median of the ratios, least to most. Calls: the share of the ideal rate. "
    "All others: how many times the anchor's time ours fits into, by the clock for pipelines and labelling, in CPU "
    "seconds for scoring, start of the process included."
)


class Anchor(NamedTuple):
    """One comparison: what is said of it, the least median it is held to, and its ratios, a turn each."""

    says: str
    least: float
    ratios: Callable[[Path], Iterator[float]]


def against_dvc(folder: Path) -> Iterator[float]:
    """The wall time of `dvc repro` over that of `diziner repro -j 8`, of the same graph."""
    for turn in range(TURNS):
        (slow, _), (fast, _) = bench_repro.stock_and_ours(folder / f"{turn}")
        yield slow / fast


def against_the_ideal(folder: Path) -> Iterator[float]:
    """The share of 64 answers a second that 30 turns of 64 calls in flight reach."""
    for turn in range(TURNS):
        yield bench_llm.share_of_ideal(folder / f"{turn}", 64 * 30, 64)[0]


def against_seqeval(folder: Path) -> Iterator[float]:
    """seqeval's CPU seconds for its default F1 over ours for strict F1 with an interval."""
    yield from _scoring(folder, "strict", "seqeval")


def against_nervaluate(folder: Path) -> Iterator[float]:
    """nervaluate's CPU seconds for its four schemes over ours for the same four with intervals."""
    yield from _scoring(folder, "strict,boundary,type,muc_partial", "nervaluate")


def _scoring(folder: Path, protocol: str, other: str) -> Iterator[float]:
    gold, predicted = folder / "gold.conll", folder / "predicted.conll"
    bench_forms.write(gold, predicted, SENTENCES)
    words = [sys.executable, "-m", "diziner", "score", "--gold", str(gold), "--pred", str(predicted)]
    theirs = [sys.executable, "-c", bench_forms.READ + bench_forms.OTHERS[other], str(gold), str(predicted)]
    for _ in range(TURNS):
        ours = bench_forms.cpu_and_memory([*words, "--protocol", protocol])[0]
        yield bench_forms.cpu_and_memory(theirs)[0] / ours


def against_ray_data(python: Path, folder: Path) -> Iterator[float]:
    """The wall time of `ray.data` over that of `diziner label --engine ray`, of texts whose answers are kept."""
    project = copy_project(folder / "project", ("conll2003",))
    project.edit_params(use_scripted)
    source = folder / "in.jsonl"
    bench_label.prepare(project, source, DOCUMENTS)
    words = [str(python), "-m", "diziner", "label", "--guideline", bench_label.GUIDELINE]
    words += ["--annotator", bench_label.ANNOTATOR, "--in", str(source), "--engine", "ray"]
    theirs = [str(python), str(Path(__file__).with_name("by_ray_data.py")), str(source)]
    theirs += [bench_label.GUIDELINE, bench_label.ANNOTATOR, str(WORKERS)]
    for turn in range(TURNS):
        spent = []
        for command in (
            [*theirs, str(folder / f"theirs{turn}")],
            [*words, "--workers", str(WORKERS), "--out", str(folder / f"ours{turn}")],
        ):
            began = time.monotonic()
            subprocess.run(
                command,
                cwd=project.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            spent.append(time.monotonic() - began)
        rows = [sum(1 for _ in _rows(folder / f"{name}{turn}")) for name in ("theirs", "ours")]
        if rows != [DOCUMENTS, DOCUMENTS]:
            raise SystemExit(f"ray.data and diziner wrote {rows} rows of {DOCUMENTS}")
        yield spent[0] / spent[1]


def _rows(folder: Path) -> Iterator[str]:
    for file in folder.glob("*.json*"):
        if file.name != "manifest.json":
            yield from file.read_text(encoding="utf-8").splitlines()


def ray_python(given: Path | None) -> Path | None:
    """Return a Python that has Ray: the one given, this one, that of `make test-cluster`; None if there is none."""
    if given is not None:
        return given
    if importlib.util.find_spec("ray"):
        return Path(sys.executable)
    return RAY_PYTHON if RAY_PYTHON.exists() else None


def main() -> None:
    """Measure all comparisons, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of dvc, calls, ray, seqeval, nervaluate")
    parser.add_argument("--ray", type=Path, metavar="PYTHON", help="a Python that has Ray")
    parser.add_argument("--json", type=Path, metavar="FILE", help="put the chart into this file of figures")
    options = parser.parse_args()
    python = ray_python(options.ray)
    anchors = {
        "dvc": Anchor("dvc repro over diziner repro -j 8", 5.5, against_dvc),
        "calls": Anchor("calls: share of the ideal rate", 0.95, against_the_ideal),
        "seqeval": Anchor("seqeval over score", 1 / 0.7, against_seqeval),
        "nervaluate": Anchor("nervaluate over score, its four", 1.0, against_nervaluate),
    }
    if python is not None:
        anchors["ray"] = Anchor(
            "ray.data over label --engine ray", 0.8, lambda folder: against_ray_data(python, folder)
        )
    else:
        sys.stdout.write("ray: not run, no Python here has Ray\n")
    sound = True
    for name in options.names or anchors:
        says, least, ratios = anchors[name]
        with tempfile.TemporaryDirectory() as folder:
            found = sorted(ratios(Path(folder)))
        middle = statistics.median(found)
        sound = sound and middle >= least
        line = f"{says}: {middle:.2f} ({found[0]:.2f} to {found[-1]:.2f}; at least {least:.2f})"
        sys.stdout.write(f"{line}{'' if middle >= least else ' OUT OF BOUNDS'}\n")
        sys.stdout.flush()
        if options.json:
            low, value, high = (round(ratio, 3) for ratio in (found[0], middle, found[-1]))
            keep_bar(options.json, {"name": says, "value": value, "low": low, "high": high})
    raise SystemExit(not sound)


def keep_bar(path: Path, bar: dict[str, Any]) -> None:
    """Put one comparison into the chart, in place of an earlier one of its name; the others stay as measured."""
    others = [own for own in measured_before(path, "anchors", "bars") if own["name"] != bar["name"]]
    chart = {"kind": "bars", "title": "Beside others", "says": SAYS, "unit": "times the anchor", "bars": [*others, bar]}
    add_chart(path, "anchors", chart)


if __name__ == "__main__":
    os.environ["DVC_NO_ANALYTICS"] = "1"
    main()
