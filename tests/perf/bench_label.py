"""Labelling a large corpus whose answers are all in the store: `python tests/perf/bench_label.py --documents 1000000`.

The command itself in a process of its own, on synthetic documents. A figure out of bounds ends the bench with exit 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from projects import Project, copy_project, use_scripted

from diziner.annotator.annotate import requests_for
from diziner.corpora.tokenize import tokenize
from diziner.guideline.file import load_guideline
from diziner.labelling.shards import in_groups
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Response
from diziner.records.documents import Document
from diziner.settings import load_settings

TEXT = "Ada Lovelace sent {} letters from Lisbon to Port Said, said the U.N. on Monday; nobody answered them."
ANSWER = Response('{"entities":[{"text":"Ada Lovelace","type":"person"},{"text":"Lisbon","type":"location"}]}', "stop")
ANNOTATOR = "scripted_careful"
GUIDELINE = "data/conll2003/guideline.yaml"


def documents(count: int) -> Iterator[Document]:
    """Texts that differ in a number."""
    for number in range(count):
        text = TEXT.format(number)
        yield Document(f"d{number}", tokenize(text), text)


def prepare(project: Project, source: Path, count: int) -> None:
    """The input file, and a store with an answer for each of its documents."""
    guideline = load_guideline(project.folder / GUIDELINE)
    settings = load_settings(project.folder / "params.yaml")
    store = ResponseStore(project.folder / ".responses/responses.sqlite")
    asker = StoreAsker(store, settings.endpoints)
    annotator = settings.annotator(ANNOTATOR)
    with source.open("w", encoding="utf-8") as file:
        for group in in_groups(documents(count), 20_000):
            file.writelines(json.dumps({"id": each.id, "text": each.text}) + "\n" for each in group)
            asked = sorted(requests_for(group, guideline, annotator, asker), key=lambda request: request.key)
            store.put_rows((request.key, request.canonical(), ANSWER) for request in asked)
    store.close()


def label(project: Project, source: Path, out: Path, *more: str) -> tuple[float, float, float]:
    """Run the command; wall seconds, CPU seconds and the most memory it held, in GB."""
    words = [".venv/bin/python", "-m", "diziner", "label", "--guideline", GUIDELINE, "--annotator", ANNOTATOR]
    started = time.monotonic()
    process = subprocess.Popen(
        [*words, "--in", str(source), "--out", str(out), *more],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"diziner label {' '.join(more)} exited {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def say(name: str, figure: str, bound: str, within: bool) -> bool:
    """One line."""
    line = f"{name:<58}{figure:>22}   {bound:<24}{'' if within else ' OUT OF BOUNDS'}"
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()
    return within


def main() -> None:
    """Everything, on as many documents as asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=50_000)
    count = parser.parse_args().documents
    sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = copy_project(folder / "project", ("conll2003",))
        project.edit_params(use_scripted)
        source = folder / "in.jsonl"
        prepare(project, source, count)
        store = sum(path.stat().st_size for path in (project.folder / ".responses").iterdir())
        say(f"{count:,} documents: the store of their answers", f"{store / 2**30:.2f} GB", "", True)
        runs = {
            "JSON Lines": (folder / "jsonl", ()),
            "parquet": (folder / "parquet", ("--format", "parquet")),
            "again, all shards done": (folder / "jsonl", ()),
            "--dry, all answered": (folder / "dry", ("--dry",)),
        }
        for what, (out, more) in runs.items():
            seconds, cpu, memory = label(project, source, out, *more)
            rate = count / seconds * 60
            sound &= say(f"{what}: documents a minute", f"{rate:,.0f}", ">= 10,000", rate >= 10_000)
            say(f"{what}: CPU a document", f"{cpu / count * 1e6:.0f} us", "", True)
            sound &= say(f"{what}: memory at most", f"{memory:.2f} GB", "< 1 GB", memory < 1)
        rows = sum(path.read_bytes().count(b"\n") for path in (folder / "jsonl").glob("*-*.jsonl"))
        sound &= say("rows written", f"{rows:,}", f"{count:,}", rows == count)
    raise SystemExit(not sound)


if __name__ == "__main__":
    main()
