"""The response store at a million answers: size, writes, look-ups, checks: `python tests/perf/bench_store.py`.

`--rows N` for fewer. Requests are those of shipped guidelines, 50 annotators' worth of them, with a sentence each.
Figures out of bounds end the bench with exit 1; with fewer rows those that grow with them are scaled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_llm import Figures  # type: ignore[import-not-found]  # a script beside this one

from diziner.llm.store import ResponseStore
from diziner.llm.writer import Writer
from diziner.prompting.request import Message, ModelSettings, Request, Response

ROOT = Path(__file__).parents[2]
WORDS = (
    "Ada",
    "Lovelace",
    "sent",
    "letters",
    "from",
    "Lisbon",
    "to",
    "Port",
    "Said",
    "in",
    "winter",
    "without",
    "snow",
)
Row = tuple[str, dict[str, Any], Response]


def openings() -> list[tuple[Message, ...]]:
    """Conversations before the document, as they are on the shipped tapes."""
    found: dict[tuple[Message, ...], None] = {}
    for tape in sorted(ROOT.glob("data/*/tape.jsonl")):
        lines = [json.loads(line) for line in tape.read_text(encoding="utf-8").splitlines()]
        parts = {line["part"]: line["content"] for line in lines if "part" in line}
        for line in lines:
            turns = [
                Message(m["role"], parts.get(m.get("part"), m.get("content")))
                for m in line.get("request", {}).get("messages", [])
            ]
            if turns and turns[-1].role == "user" and "<document>" in turns[-1].content:
                text = turns[-1].content.partition("<document>")[0]
                found[(*turns[:-1], Message("user", text))] = None
    return list(found)[:50]


def rows(count: int) -> Iterator[Row]:
    """That many rows, a guideline for each thousand documents in turn."""
    chance, known = random.Random(1), openings()
    for number in range(count):
        *before, last = known[number // 1000 % len(known)]
        text = " ".join(chance.choices(WORDS, k=24))
        asked = Message("user", f"{last.content}<document>\nd{number} {text}\n</document>")
        request = Request("https://api.example.org/v1", ModelSettings("web", "model-1"), (*before, asked))
        answer = json.dumps({"entities": [{"text": word, "type": "person"} for word in chance.choices(WORDS, k=4)]})
        yield (
            request.key,
            request.canonical(),
            Response(answer, "stop", "model-1-2026-08-01", "fp_1a2b3c", 1800, 60, 0.00031),
        )


def size(path: Path) -> int:
    """Bytes of a store with what lies beside it."""
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.is_file())


def fill(figures: Figures, path: Path, count: int) -> list[str]:
    """Write all rows, a thousand in a transaction; the keys."""
    store, keys, all_rows = ResponseStore(path), [], rows(count)
    seconds = plain = 0.0
    while chunk := list(islice(all_rows, 1000)):
        plain += sum(len(json.dumps(request)) for _, request, _ in chunk)
        started = time.monotonic()
        store.put_rows(chunk)
        seconds += time.monotonic() - started
        keys += [key for key, _, _ in chunk]
    store.close()
    share = count / 1e6
    gigabytes = size(path) / 1e9
    name = f"store of {count:,} answers, whose requests are {plain / 1e9:.2f} GB"
    figures.say(name, f"{gigabytes:.3f} GB", f"<= {1.5 * share:.2f} GB", gigabytes <= 1.5 * share)
    figures.say("written, a thousand in a transaction", f"{count / seconds * 60:,.0f}/min", "", True)
    return keys


def look_up(figures: Figures, path: Path, keys: list[str]) -> None:
    """Random batches of 500, each key once; the best of ten parts, by CPU time: others use the machine, too."""
    chance, store = random.Random(2), ResponseStore(path)
    chosen = chance.sample(keys, min(len(keys), 200_000))
    store.get(chosen[:500])
    found, rates = 0, []
    for part in range(10):
        started, cpu = time.monotonic(), time.process_time()
        mine = chosen[part::10]
        found += sum(len(store.get(mine[start : start + 500])) for start in range(0, len(mine), 500))
        rates.append((len(mine) / (time.monotonic() - started), len(mine) / (time.process_time() - cpu)))
    rate, of_cpu = (max(column) for column in zip(*rates, strict=True))
    within = of_cpu >= 1e5 and found == len(chosen)
    figures.say(f"look-ups in batches of 500 (by the clock {rate:,.0f}/s)", f"{of_cpu:,.0f}/s", ">= 100,000/s", within)


def verify(figures: Figures, path: Path, count: int) -> None:
    """Structure, keys and digests of everything."""
    started, cpu = time.monotonic(), time.process_time()
    right = ResponseStore(path).verify() == count
    clock, seconds, most = time.monotonic() - started, time.process_time() - cpu, 120 * count / 1e6
    figures.say(
        f"verify of {count:,}, CPU time (by the clock {clock:.1f} s)",
        f"{seconds:.1f} s",
        f"<= {most:.1f} s",
        right and seconds <= most,
    )


def write(figures: Figures, path: Path, count: int = 10_000, at_once: int = 64) -> None:
    """Single answers from coroutines, each waited for until it is on disk."""
    from diziner.llm.tables import keep

    chosen = iter(list(rows(count)))
    writer = Writer(ResponseStore(path))

    async def worker() -> None:
        for row in chosen:
            await writer.run(lambda connection, row=row: keep(connection, *row))  # type: ignore[misc]

    async def everyone() -> None:
        await asyncio.gather(*(worker() for _ in range(at_once)))
        await writer.drain()

    started = time.monotonic()
    asyncio.run(everyone())
    rate = count / (time.monotonic() - started) * 60
    figures.say(f"durable writes, {at_once} waiting at once", f"{rate:,.0f}/min", ">= 30,000/min", rate >= 30_000)


def main() -> None:
    """Everything on one store in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args().rows
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store" / "responses.sqlite"
        keys = fill(figures, path, count)
        look_up(figures, path, keys)
        verify(figures, path, count)
        write(figures, Path(folder) / "other" / "responses.sqlite")
    raise SystemExit(not figures.sound)


if __name__ == "__main__":
    main()
