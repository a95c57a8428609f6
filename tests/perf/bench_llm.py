"""Calls to models under load, faults and kills, over HTTP through litellm: `python tests/perf/bench_llm.py`.

Figures are ratios and counts, with the bound each is held to; a figure out of bounds ends the bench with exit 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from annotating import annotate
from perf.charts import add_chart
from projects import copy_project, use_scripted

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.files import write_jsonl
from diziner.endpoints import Endpoint
from diziner.endpoints.client import litellm_module
from diziner.guideline.file import load_guideline
from diziner.llm.ask import StoreAsker
from diziner.llm.lane import run
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings, Request, Response
from diziner.records.annotations import annotation_from_json, annotation_to_json
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline
from diziner.scripted.faults import KINDS, Faults
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings

ATTEMPTS = 6
WAYS = {
    "annotate": "diziner, from document to spans",
    "litellm": "litellm.acompletion alone",
    "aiohttp": "aiohttp alone",
}
SAYS = (
    "600 calls, 32 in flight, to a scripted model on this machine that answers in 50 ms; medians of five runs in turn. "
    "Diziner makes the prompt, stores, reads and places the answer besides; litellm's records and prices are left out."
)
REPAIRS = 1
TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("bench", 0, Goal("News.", "Research.", "Names.", "Counting."), TYPES)
ANNOTATOR = AnnotatorSettings("bench", ModelSettings("web", "scripted-eager", structured="json_schema"))
TEXT = "Ada Lovelace sent {} letters from Lisbon to Port Said ."


def documents(count: int) -> list[Document]:
    """Texts that differ in a number."""
    return [Document(f"d{n}", tuple(TEXT.format(n).split()), TEXT.format(n)) for n in range(count)]


def client(options: argparse.Namespace) -> None:
    """A process that annotates: writes its rows, then prints the seconds and the CPU seconds that took."""
    endpoint = Endpoint(
        "web",
        "hosted",
        provider="hosted_vllm",
        api_base=options.base_url,
        concurrency=options.in_flight,
        attempts=ATTEMPTS,
        timeout_s=options.timeout,
    )
    if options.warm:
        # The import of the client and its first connection are not what is measured.
        with tempfile.TemporaryDirectory() as folder:
            warm = StoreAsker(ResponseStore(Path(folder) / "store"), {"web": endpoint})
            annotate([Document("warm", ("Warm", "."), "Warm .")], GUIDELINE, ANNOTATOR, warm, "warm")
    asker = StoreAsker(ResponseStore(options.folder / "store.sqlite"), {"web": endpoint})
    texts = documents(options.documents)
    started, cpu = time.monotonic(), time.process_time()
    rows = annotate(texts, GUIDELINE, ANNOTATOR, asker, "bench", AnswerSettings(repair_turns=REPAIRS))
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    write_jsonl(options.folder / "rows.jsonl", map(annotation_to_json, rows))
    sys.stdout.write(f"{seconds} {cpu}\n")


def start(
    folder: Path, base_url: str, count: int, in_flight: int, timeout: float = 30.0, warm: bool = False
) -> subprocess.Popen[str]:
    """The client in a process of its own."""
    words = [sys.executable, __file__, "client", str(folder), base_url, str(count), str(in_flight), str(timeout)]
    return subprocess.Popen(
        words + (["--warm"] if warm else []), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Wait for a client; the seconds and CPU seconds it measured."""
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the client exited {process.returncode}")
    seconds, cpu = map(float, printed.split())
    return seconds, cpu


class Figures:
    """What was measured, line by line, and whether all of it is within bounds."""

    def __init__(self, target: Path | None = None) -> None:
        self.sound = True
        self.target = target

    def say(self, name: str, figure: str, bound: str, within: bool) -> None:
        """One line."""
        self.sound = self.sound and within
        sys.stdout.write(f"{name:<82}{figure:>14}   {bound:<22}{'' if within else ' OUT OF BOUNDS'}\n".rstrip() + "\n")
        sys.stdout.flush()


def share_of_ideal(folder: Path, count: int, in_flight: int) -> tuple[float, float]:
    """The share of `in_flight` answers a second that a client reaches at a latency of 1 s, and its CPU seconds."""
    with ScriptedServer(latency_s=1.0) as server:
        seconds, cpu = finish(start(folder, server.base_url, count, in_flight, warm=True))
    return count / seconds / in_flight, cpu


def throughput(figures: Figures, folder: Path) -> None:
    """500 documents, 64 in flight, 1 s latency: what share of 64 answers a second; the median of three runs.

    Everything between the texts and the rows counts. 500 is not a multiple of 64, so the last of eight turns is not
    full: nothing can be better than 97.7 %. CPU time is the client's, all threads.
    """
    runs = [share_of_ideal(folder / f"{number}", 500, 64) for number in range(3)]
    shares = sorted(share for share, _ in runs)
    name = f"500 documents, 64 in flight, 1 s latency: of the ideal rate ({shares[0]:.1%} to {shares[2]:.1%})"
    figures.say(name, f"{shares[1]:.1%}", ">= 90 %", shares[1] >= 0.9)
    spent = sorted(cpu for _, cpu in runs)[1] / 500
    figures.say("500 documents, 64 in flight, 1 s latency: client's CPU a call", f"{spent * 1e3:.2f} ms", "", True)


def steady(figures: Figures, folder: Path) -> None:
    """30 turns of 64 and 20 of 256 calls in flight at 1 s: what share of the ideal rate; the median of three runs.

    In so many turns the first, in which calls set out apart, and the last, which empties, weigh 3 and 5 %.
    """
    for in_flight, turns, least in ((64, 30, 0.95), (256, 20, 0.85)):
        count = in_flight * turns
        runs = [share_of_ideal(folder / f"{in_flight}-{number}", count, in_flight) for number in range(3)]
        shares = sorted(share for share, _ in runs)
        name = (
            f"{count:,} documents, {in_flight} in flight, 1 s: of the ideal rate ({shares[0]:.1%} to {shares[2]:.1%})"
        )
        figures.say(name, f"{shares[1]:.1%}", f">= {least:.0%}", shares[1] >= least)
        spent = sorted(cpu for _, cpu in runs)[1] / count
        figures.say(
            f"{count:,} documents, {in_flight} in flight: client's CPU a call", f"{spent * 1e3:.2f} ms", "", True
        )


def floor(figures: Figures, folder: Path) -> None:
    """Client CPU a call beside that of `litellm.acompletion` alone and of aiohttp alone, in turn; medians of five."""
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    with ScriptedServer(latency_s=0.05) as server:
        for _ in range(5):
            for way in WAYS:
                words = [sys.executable, __file__, "one", way, server.base_url]
                done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
                spent[way].append(float(done.stdout))
    medians = {way: sorted(own)[2] for way, own in spent.items()}
    for way, own in spent.items():
        name = f"{way}: CPU a call, 600 calls, 32 in flight ({min(own) * 1e3:.2f} to {max(own) * 1e3:.2f} ms)"
        figures.say(name, f"{medians[way] * 1e3:.2f} ms", "", True)
    ratio = medians["annotate"] / medians["litellm"]
    bound = "<= 4 ms, or 1.25 x litellm"
    within = medians["annotate"] <= 0.004 or ratio <= 1.25
    figures.say("annotating, against litellm.acompletion alone", f"{ratio:.2f}", bound, within)
    if figures.target is not None:
        bars = [
            {"name": WAYS[way], "value": round(medians[way] * 1e3, 3)}
            | {"low": round(min(own) * 1e3, 3), "high": round(max(own) * 1e3, 3)}
            for way, own in spent.items()
        ]
        unit = "ms of client CPU a call"
        add_chart(
            figures.target,
            "calls",
            {"kind": "bars", "title": "Client CPU a call", "says": SAYS, "unit": unit, "bars": bars},
        )


def one_way(way: str, base_url: str) -> None:
    """Make 600 calls in this process in one of `WAYS`, and print CPU seconds a call."""
    endpoint = Endpoint("web", "hosted", provider="hosted_vllm", api_base=base_url, concurrency=32, timeout_s=60.0)
    texts = documents(600)
    with tempfile.TemporaryDirectory() as folder:
        warm = StoreAsker(ResponseStore(Path(folder) / "warm"), {"web": endpoint})
        annotate([Document("warm", ("Warm", "."), "Warm .")], GUIDELINE, ANNOTATOR, warm, "warm")
        asker = StoreAsker(ResponseStore(Path(folder) / "store"), {"web": endpoint})
        requests = requests_for(texts, GUIDELINE, ANNOTATOR, asker)
        work: dict[str, Callable[[], object]] = {
            "annotate": lambda: annotate(texts, GUIDELINE, ANNOTATOR, asker, "bench"),
            "litellm": lambda: run(_each(requests, partial(_by_litellm, endpoint))),
            "aiohttp": lambda: asyncio.run(_by_aiohttp(requests, base_url)),
        }
        began = time.process_time()
        work[way]()
        sys.stdout.write(f"{(time.process_time() - began) / len(texts)}\n")


async def _each(requests: Sequence[Request], call: Callable[[Request], Coroutine[Any, Any, object]]) -> None:
    places = asyncio.Semaphore(32)

    async def one(request: Request) -> None:
        async with places:
            await call(request)

    await asyncio.gather(*map(one, requests))


async def _by_litellm(endpoint: Endpoint, request: Request) -> None:
    body = request.canonical()
    await litellm_module().acompletion(
        model=f"hosted_vllm/{body['model']}",
        messages=body["messages"],
        temperature=body["temperature"],
        max_tokens=body["max_tokens"],
        response_format={"type": "json_schema", "json_schema": {"name": "entities", "schema": body["schema"]}},
        timeout=60.0,
        num_retries=0,
        max_retries=0,
        api_base=endpoint.api_base,
        api_key="none",
    )


async def _by_aiohttp(requests: Sequence[Request], base_url: str) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def call(request: Request) -> None:
            body = request.canonical()
            chosen = {name: body[name] for name in ("model", "messages", "temperature", "max_tokens")}
            async with session.post(f"{base_url}/chat/completions", json=chosen) as reply:
                await reply.json()

        await _each(requests, call)


def faults(figures: Figures, folder: Path) -> None:
    """500 documents with every kind of fault, 20 % together, against the same without."""
    rates: dict[str, Any] = dict.fromkeys(KINDS, 0.2 / len(KINDS))
    with ScriptedServer() as server:
        finish(start(folder / "sound", server.base_url, 500, 32))
        port = int(server.base_url.split(":")[2].removesuffix("/v1"))
    with ScriptedServer(Faults(**rates, retry_after_s=0.05, hang_s=2.0), port=port) as server:
        finish(start(folder / "faulty", server.base_url, 500, 32, timeout=1.0))
        calls = server.requests
    sound = (folder / "sound" / "rows.jsonl").read_text().splitlines()
    faulty = (folder / "faulty" / "rows.jsonl").read_text().splitlines()
    rows = [annotation_from_json(json.loads(line)) for line in faulty]
    failed = Counter(row.failure.code for row in rows if row.failure)
    answered = sum(not row.failure for row in rows)
    # A repaired answer is another answer, and one with an invented entity drops it: neither can be the same row.
    changed = [row for row in rows if row.repairs or row.drops]
    same = sum(a == b for a, b in zip(sound, faulty, strict=True))
    expected = sum(not row.failure and row not in changed for row in rows)
    figures.say("20 % faults: documents answered or failed with a cause", f"{len(rows)} / 500", "all", len(rows) == 500)
    causes = ", ".join(f"{code} {count}" for code, count in sorted(failed.items()))
    figures.say(f"20 % faults: answered (failed: {causes})", f"{answered}", "", True)
    most = 500 * ATTEMPTS * (1 + REPAIRS)
    figures.say("20 % faults: calls made", f"{calls}", f"<= {most} allowed", 500 <= calls <= most)
    name = f"20 % faults: rows equal to the fault-free run's ({len(changed)} repaired or with a drop)"
    figures.say(name, f"{same} / {expected}", "all", same == expected)


def cached(figures: Figures, folder: Path) -> None:
    """The stage itself on 10,000 documents whose answers the store has, without sockets."""
    project = copy_project(folder / "project", ("conll2003",))
    project.edit_params(use_scripted)
    pilot = project.folder / "data/conll2003/corpus/pilot/r0.jsonl"
    many = documents(10_000)
    write_jsonl(pilot, [{"id": d.id, "tokens": list(d.tokens), "text": d.text} for d in many])
    guideline = load_guideline(project.folder / "data/conll2003/guideline.yaml")
    settings = load_settings(project.folder / "params.yaml")
    store = ResponseStore(project.folder / ".responses/responses.sqlite")
    annotator = settings.annotator("scripted_careful")
    answer = Response(
        '{"entities":[{"text":"Ada Lovelace","type":"person"},{"text":"Lisbon","type":"location"}]}', "stop"
    )
    asked = requests_for(many, guideline, annotator, StoreAsker(store, settings.endpoints))
    store.put_rows((request.key, request.canonical(), answer) for request in asked)
    store.close()
    guard = folder / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "def refuse(event, arguments):\n"
        "    if event.startswith('socket.') and event != 'socket.__new__':\n"
        "        raise RuntimeError(event)\n"
        "sys.addaudithook(refuse)\n"
        "atexit.register(lambda: sys.stdout.write('litellm' if 'litellm' in sys.modules else 'no client'))\n"
    )
    words = ("annotate", "conll2003", "--annotator", "scripted_careful", "--round", "0")
    started = time.monotonic()
    done = project.stage(*words, PYTHONPATH=str(guard))
    seconds = time.monotonic() - started
    rows = (project.folder / "data/conll2003/rounds/r0/annotations/scripted_careful.jsonl").read_text().count("\n")
    figures.say("10,000 cached documents, the whole stage", f"{seconds:.2f} s", "< 5 s", seconds < 5 and rows == 10_000)
    clean = done.stdout == "no client"
    figures.say("10,000 cached documents: connections; client imported", "0; no" if clean else "?", "0; no", clean)


def kills(figures: Figures, folder: Path) -> None:
    """Ten kills at random moments of a run over HTTP; then the run to its end."""
    in_flight, count = 16, 400
    moments = random.Random(13)
    repeated = []
    with ScriptedServer(latency_s=0.2) as server:
        finish(start(folder / "whole", server.base_url, count, in_flight))
        whole = (folder / "whole" / "rows.jsonl").read_bytes()
        store = ResponseStore(folder / "killed" / "store.sqlite")
        before = server.requests
        for _ in range(10):
            kept, sent = len(list(store.rows())), server.requests
            process = start(folder / "killed", server.base_url, count, in_flight)
            while server.requests == sent and process.poll() is None:
                time.sleep(0.005)
            time.sleep(moments.uniform(0.0, 0.6))
            process.kill()
            process.wait()
            time.sleep(0.05)  # what is on its way still arrives
            repeated.append(server.requests - sent - (len(list(store.rows())) - kept))
        left = count - len(list(store.rows()))
        finish(start(folder / "killed", server.base_url, count, in_flight))
        total = server.requests - before
    same = (folder / "killed" / "rows.jsonl").read_bytes() == whole
    figures.say("ten kills: final rows equal the uninterrupted run's", "yes" if same else "no", "yes", same)
    name = f"ten kills: calls repeated after each, at most (left for the last run: {left})"
    figures.say(name, f"{max(repeated)}", f"<= {in_flight} in flight", max(repeated) <= in_flight)
    figures.say("ten kills: calls in all", f"{total}", f"{count} + repeated", total == count + sum(repeated))


def main() -> None:
    """Everything, or the one thing named."""
    parts = {
        "throughput": throughput,
        "steady": steady,
        "floor": floor,
        "faults": faults,
        "cached": cached,
        "kills": kills,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="put the chart of `floor` into this file of figures")
    commands = parser.add_subparsers(dest="command")
    for name in parts:
        commands.add_parser(name)
    calling = commands.add_parser("client")
    calling.add_argument("folder", type=Path)
    calling.add_argument("base_url")
    calling.add_argument("documents", type=int)
    calling.add_argument("in_flight", type=int)
    calling.add_argument("timeout", type=float)
    calling.add_argument("--warm", action="store_true")
    alone = commands.add_parser("one")
    alone.add_argument("way", choices=WAYS)
    alone.add_argument("base_url")
    options = parser.parse_args()
    if options.command == "client":
        client(options)
        return
    if options.command == "one":
        one_way(options.way, options.base_url)
        return
    figures = Figures(options.json)
    for name in [options.command] if options.command else parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](figures, Path(folder))
    raise SystemExit(not figures.sound)


if __name__ == "__main__":
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    main()
