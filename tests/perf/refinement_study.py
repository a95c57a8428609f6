"""Study of refinement with real models: starts, supervisor, a person's lines, examples from agreement, lines accepted.

    PYTHONPATH=.:tests python tests/perf/refinement_study.py --out docs/refinement-study.jsonl conll2003

The pilot set is fixed (24 documents), the test set the same for all (60). Every arm is compared with round 0 of its own
start by the same annotators: agreement on the pilot set, and strict span F1 of each annotator on the test set, paired
by document. Models, prompts and decoding are those of a profile; `--api-base` asks another server for them. Answers are
kept in a store, so a study that was stopped goes on where it was. A row an arm and benchmark; `--report` prints them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from diziner.agreement.analysis import Analysis, analyse
from diziner.agreement.files import disagreements_to_json
from diziner.annotator.annotate import annotate
from diziner.common.rounding import rounded
from diziner.corpora.card import load_card
from diziner.corpora.pins import read_pins
from diziner.corpora.prepare import prepare
from diziner.corpora.sources import load_source
from diziner.endpoints import Endpoint
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.pipeline.line_acceptance import line_trials
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.records.guideline import Guideline, Instruction
from diziner.results.refinement_counts import refinement_line
from diziner.scoring.bootstrap import document_counts, paired_bootstrap
from diziner.settings import Settings, load_settings
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.evidence import evidence_from_json
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.method import refine_by_method
from diziner.supervisor.settings import SupervisorSettings

ROOT = Path(__file__).parents[2]
PILOT, TEST, SAMPLES, SEED = 24, 60, 1000, 13
NO_LINES = {"max_common": 0, "max_specific": 0}
ARMS: dict[str, dict[str, Any]] = {
    "person": {},
    "supervisor": {},
    "supervisor, lines accepted": {"accept": "lines"},
    "metaprompt": {"method": "metaprompt"},
    "examples fixed": {**NO_LINES, "examples": "fixed"},
    "examples similar": {**NO_LINES, "examples": "similar"},
    "supervisor and examples fixed": {"examples": "fixed"},
    "supervisor and examples similar": {"examples": "similar"},
}
FILES = {"rich": "guideline.yaml", "terse": "guideline.terse.yaml"}


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark's documents, gold and types."""

    name: str
    pilot: Sequence[Document]
    test: Sequence[Document]
    gold: Mapping[str, Any]
    types: Sequence[str]


@dataclass(frozen=True, slots=True)
class Run:
    """Run of one guideline: annotations of the pilot and the test set by annotator."""

    pilot: Mapping[str, Sequence[Annotation]]
    test: Mapping[str, Sequence[Annotation]]
    analysis: Analysis


def bench_of(name: str, settings: Settings, folder: Path) -> Bench:
    """Load a benchmark as stage corpus does, with one fixed pilot set."""
    room = ROOT / "data" / name
    card = load_card(room)
    corpus = load_source(card, room, "local", folder)
    sizes = replace(settings.corpus, pilot_size=PILOT, pilot_mode="fixed", test_size=TEST, rounds=1)
    prepared = prepare(corpus, card, sizes, read_pins(room / "pilots.yaml"))
    return Bench(name, prepared.pilot_sets[0], prepared.test, prepared.gold, card.types)


def run_of(bench: Bench, guideline: Guideline, settings: Settings, asker: StoreAsker, label: str) -> Run:
    """Ask all annotators about both sets."""
    pilot, test = {}, {}
    for name in settings.pool:
        annotator = settings.annotator(name)
        answers = replace(settings.answers, max_failed_share=1.0)
        pilot[name] = annotate(bench.pilot, guideline, annotator, asker, f"{label} {name} pilot", answers).annotations
        test[name] = annotate(bench.test, guideline, annotator, asker, f"{label} {name} test", answers).annotations
    return Run(pilot, test, analyse(bench.pilot, pilot, bench.types, settings.disagreement))


def refined_by(
    arm: str, bench: Bench, start: Guideline, before: Run, settings: Settings, asker: StoreAsker
) -> tuple[Guideline, str]:
    """Return the guideline of round 1, and what the supervisor did in a line."""
    if arm == "person":
        lines = yaml.safe_load((ROOT / "examples/lines/lines.yaml").read_text(encoding="utf-8"))[bench.name]
        own = tuple(Instruction(f"H{number}", text) for number, text in enumerate(lines, 1))
        return replace(start, common=(*start.common, *own)), "a person's lines"
    supervisor: SupervisorSettings = replace(settings.supervisor, **{"examples": "none", **ARMS[arm]})
    evidence = evidence_from_json(disagreements_to_json(before.analysis), start.types)
    beginning = StartingPoint(start, before.analysis.agreement.overall)
    round_zero = AnnotatedRound(bench.pilot, before.pilot, before.analysis.agreement)
    label = f"{bench.name} {arm}"
    pool = [settings.annotator(name) for name in settings.pool]
    held = [document.id for document in bench.pilot[1::2]]
    trials = line_trials(supervisor, held, round_zero, pool, asker, label, settings.answers)
    found = refine_by_method(beginning, evidence, round_zero, supervisor, asker, label, trials)
    return found.guideline, refinement_line(found.record)


def row_of(
    arm: str, start: str, bench: Bench, before: Run, after: Run, said: str, guideline: Guideline
) -> dict[str, Any]:
    """Return one arm's row: agreement, and per annotator F1 before, after and their paired change."""
    changes = {}
    for name in before.test:
        spans = [{row.id: row.spans for row in run.test[name]} for run in (after, before)]
        gold = {key: bench.gold[key] for key in spans[0]}
        new, old = (document_counts(gold, own).counts for own in spans)
        changes[name] = rounded(asdict(paired_bootstrap(new, old, SAMPLES, seed=SEED)))
    return {
        "benchmark": bench.name,
        "start": start,
        "arm": arm,
        "documents": {"pilot": len(bench.pilot), "test": len(bench.test)},
        "agreement": [rounded(run.analysis.agreement.overall) for run in (before, after)],
        "change": changes,
        "said": said,
        "lines": len(guideline.common) + sum(map(len, guideline.specific.values())),
    }


def study(options: argparse.Namespace) -> None:
    """Run every arm on every benchmark; append a row as each ends."""
    settings = load_settings(options.params)
    endpoints = settings.endpoints
    if options.api_base:
        more = {"api_base": options.api_base, "concurrency": options.concurrency, "attempts": 3}
        endpoints = {name: Endpoint(name, "hosted", **more) for name in endpoints}
    asker = StoreAsker(ResponseStore(options.store), endpoints, settings.weights)
    done = {(row["benchmark"], row["start"], row["arm"]) for row in rows_in(options.out)}
    for name in options.benchmarks:
        bench = bench_of(name, settings, options.data)
        for start in options.starts:
            file = FILES[start]
            guideline = load_guideline(ROOT / "data" / name / file)
            before = run_of(bench, guideline, settings, asker, f"{name} {start} 0")
            for arm in options.arms or ARMS:
                if (name, start, arm) in done:
                    continue
                refined, said = refined_by(arm, bench, guideline, before, settings, asker)
                after = run_of(bench, refined, settings, asker, f"{name} {start} {arm}")
                with options.out.open("a", encoding="utf-8") as out:
                    out.write(f"{json.dumps(row_of(arm, start, bench, before, after, said, refined))}\n")


def rows_in(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a study's file; none where it is not there."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def report(path: Path) -> None:
    """Print a table: change of agreement, and of F1 by annotator with its interval."""
    for row in sorted(rows_in(path), key=lambda row: (row["start"], row["arm"], row["benchmark"])):
        low, high = row["agreement"]
        cells = [f"{row['start']:5} {row['arm']:32} {row['benchmark']:18} agreement {low:.3f} -> {high:.3f}"]
        for name, change in row["change"].items():
            cells.append(f"{name} {change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]")
        sys.stdout.write("  ".join(cells) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*")
    parser.add_argument("--params", type=Path, default=ROOT / "diziner/profiles/local.yaml")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/benchmarks")
    parser.add_argument("--store", type=Path, default=Path("study.sqlite"))
    parser.add_argument("--out", type=Path, default=Path("study.jsonl"))
    parser.add_argument("--arms", nargs="*", choices=list(ARMS))
    parser.add_argument("--starts", nargs="*", choices=list(FILES), default=list(FILES))
    parser.add_argument("--api-base", default="")
    parser.add_argument("--concurrency", type=int, default=24)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    report(options.out) if options.report else study(options)


if __name__ == "__main__":
    main()
