"""Pilot sets, report and gate at the paper's size: `python tests/perf/bench_scale.py [ROOMS] [DOCUMENTS]`.

18 benchmarks x 300 documents x 8 annotators x 6 rounds, synthetic. CPU seconds (user and system), each with its ratio
to an anchor of the same run: pilot sets to the TF-IDF vectors that they are made of, the report to the analyses that it
shows, the gate to reading the metrics of both sides as JSON. A ratio out of its bound ends the bench with exit 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_pilot import sentences  # type: ignore[import-not-found]  # a script beside this one
from metric_project import MetricProject, drawn
from viewer_rooms import make_room, settings_for

from diziner.agreement.analysis import analyse
from diziner.commands import gate
from diziner.corpora.pilot import pilot_sets
from diziner.embedding.tfidf import tfidf
from diziner.report.collect import report_page

ANNOTATORS, ROUNDS, PILOT = 8, 6, 25


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of a piece of work, with those of the processes that it started and waited for."""
    began = _cpu()
    work()
    return _cpu() - began


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def held(name: str, seconds: float, anchor: str, others: float, most: float) -> bool:
    """Print a line, CPU seconds and the ratio to the anchor's; say whether the ratio is at most `most`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    times = seconds / max(others, 1e-9)
    ratio = f"{times:.2f} x {anchor} ({others:.3f} s; at most {most:g})"
    sys.stdout.write(f"{name:<40}{seconds:>8.2f} s   {ratio:<64}{peak:>6} MB\n")
    sys.stdout.flush()
    return times <= most


def pilots(rooms: int, documents: int) -> bool:
    pools = [sentences(documents * ROUNDS, seed=number) for number in range(rooms)]
    made = spent(lambda: [pilot_sets(pool, rounds=ROUNDS, size=PILOT) for pool in pools])
    vectors = spent(lambda: [tfidf(pool) for pool in pools])
    name = f"pilot sets: {rooms} x {ROUNDS} of {PILOT} from {documents * ROUNDS:,}"
    return held(name, made, "their vectors", vectors, 25)


def report(rooms: int, documents: int) -> bool:
    made = [make_room(f"b{number:02}", ANNOTATORS, ROUNDS, documents, seed=number) for number in range(rooms)]
    files = [own for own, _ in made]
    texts = {key: text for _, said in made for key, text in said.items()}
    settings = settings_for(ANNOTATORS, ROUNDS)
    types = files[0].card.types
    analyses = spent(lambda: [analyse(part.documents, part.annotations, types) for own in files for part in own.rounds])
    pages: list[str] = []
    page = spent(lambda: pages.append(report_page(files, texts, settings, None)))
    name = f"report: {rooms} x {ROUNDS} x {documents} x {ANNOTATORS}, {len(pages[0]) / 1e6:.1f} MB"
    return held(name, page, "the analyses it shows", analyses, 10)


def gates(rooms: int, documents: int) -> bool:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        place = MetricProject(Path(folder))
        for hit in (0.70, 0.71):
            for number in range(rooms):
                place.score(f"b{number:02}", drawn(number, documents, hit, number), usd=0.01)
            if hit == 0.70:
                place.commit()
        here = Path.cwd()
        os.chdir(folder)
        try:
            parser = argparse.ArgumentParser()
            gate.arguments(parser)
            options = parser.parse_args(["--allow-stale"])
            judged = spent(lambda: gate.run(options))
            metrics = list(Path("metrics").rglob("*.json"))
            reading = spent(lambda: [json.loads(path.read_text()) for path in metrics for _ in range(2)])
        finally:
            os.chdir(here)
    return held(f"gate: {rooms} x {documents} test documents", judged, "reading both sides", reading, 200)


def main() -> None:
    rooms = int(sys.argv[1]) if len(sys.argv) > 1 else 18
    documents = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    inside = [part(rooms, documents) for part in (pilots, report, gates)]
    sys.exit(0 if all(inside) else 1)


if __name__ == "__main__":
    main()
