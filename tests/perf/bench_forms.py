"""Scoring of column files beside others' scorers: `python tests/perf/bench_forms.py [SENTENCES] [NAMES]`.

CPU seconds and memory of a process that reads two files and scores them. Names: strict, all, agree (agreement and all
hotspots of the two), seqeval, seqeval_strict, nervaluate; `seqscore`, if the path of its command is in $SEQSCORE.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

SENTENCES = 100_000
WORDS = ["the", "of", "in", "to", "and", "said", "president", "market", "Merkel", "Paris", "Reuters", "week"]
TYPES = ["PER", "ORG", "LOC", "MISC"]
READ = """
import sys
def read(path):
    with open(path) as file:
        blocks = file.read().strip().split("\\n\\n")
    return [[line.rsplit(" ", 1)[1] for line in block.split("\\n")] for block in blocks]
gold, predicted = map(read, sys.argv[1:])
"""
OTHERS = {
    "seqeval": "from seqeval.metrics import f1_score; print(f1_score(gold, predicted))",
    "seqeval_strict": "from seqeval.metrics import f1_score; from seqeval.scheme import IOB2; "
    "print(f1_score(gold, predicted, mode='strict', scheme=IOB2))",
    "nervaluate": "from nervaluate import Evaluator; types = ['PER', 'ORG', 'LOC', 'MISC']; "
    "print(Evaluator(gold, predicted, tags=types, loader='list').evaluate()['overall']['strict'].f1)",
}


def main() -> None:
    sentences = int(sys.argv[1]) if len(sys.argv) > 1 else SENTENCES
    names = sys.argv[2].split(",") if len(sys.argv) > 2 else ["strict", "all", "agree", *OTHERS, "seqscore"]
    with tempfile.TemporaryDirectory() as folder:
        gold, predicted = Path(folder) / "gold.conll", Path(folder) / "predicted.conll"
        tokens = write(gold, predicted, sentences)
        sys.stdout.write(f"{sentences} sentences, {tokens} tokens\n")
        ours = [sys.executable, "-m", "diziner", "score", "--gold", str(gold), "--pred", str(predicted), "--protocol"]
        commands = {name: [*ours, name] for name in ("strict", "all")}
        commands["agree"] = [sys.executable, "-m", "diziner", "agree", str(gold), str(predicted)]
        commands |= {
            name: [sys.executable, "-c", READ + code, str(gold), str(predicted)] for name, code in OTHERS.items()
        }
        if own := os.environ.get("SEQSCORE"):
            commands["seqscore"] = [own, "score", "--labels", "BIO", "--reference", str(gold), str(predicted)]
        for name in names:
            if name in commands:
                sys.stdout.write(f"{name:<16}{measured(commands[name])}\n")
                sys.stdout.flush()


def write(gold: Path, predicted: Path, sentences: int) -> int:
    """Write two column files, the second with errors in it; how many tokens each has."""
    draw = random.Random(7)
    tokens = 0
    with gold.open("w") as first, predicted.open("w") as second:
        for _ in range(sentences):
            length = max(3, int(draw.gauss(21.5, 8)))
            tokens += length
            at, tags, guesses = 0, ["O"] * length, ["O"] * length
            while at < length:
                if draw.random() < 0.08:
                    end, label, luck = min(length, at + draw.randint(1, 3)), draw.choice(TYPES), draw.random()
                    tags[at:end] = [f"B-{label}"] + [f"I-{label}"] * (end - at - 1)
                    if luck < 0.8:
                        found = label if luck < 0.7 else draw.choice(TYPES)
                        guesses[at:end] = [f"B-{found}"] + [f"I-{found}"] * (end - at - 1)
                    at = end
                at += 1
            words = [f"{draw.choice(WORDS)}{draw.randrange(500)}" for _ in range(length)]
            for file, own in ((first, tags), (second, guesses)):
                file.write("".join(f"{word} {tag}\n" for word, tag in zip(words, own, strict=True)) + "\n")
    return tokens


def measured(command: list[str]) -> str:
    """CPU seconds and peak memory of a process, in words."""
    cpu, memory = cpu_and_memory(command)
    return f"{cpu:7.1f} s CPU {memory:6.0f} MB"


def cpu_and_memory(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory, in MB, of a process; one that fails ends the bench."""
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=_quiet())
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)[:200]}: exit {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _quiet() -> list[tuple[int, int, str, int, int]]:
    return [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


if __name__ == "__main__":
    main()
