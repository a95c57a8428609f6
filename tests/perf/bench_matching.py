"""Time of matching 10,000 answers: exact, folded, not in the text, and such as only lenient matching finds.

Run from the repository's root: `PYTHONPATH=. python tests/perf/bench_matching.py`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from time import perf_counter

from diziner.records.documents import Document
from diziner.spans.matching import match_answers

DOCUMENTS, TOKENS, ANSWERS = 2_000, 30, 5
_SYLLABLES = ("ka", "lo", "mi", "ren", "tos", "ve", "É", "ba", "Su", "or")


def documents(chance: random.Random) -> list[Document]:
    """Sentences of made-up words, some of them with accents, hyphens and marks."""
    made = []
    for number in range(DOCUMENTS):
        words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(TOKENS)]
        words[3], words[7], words[11] = f"{words[3]}-based", f"#{words[7]}", "don't"
        made.append(Document(f"d{number}", tuple(words), " ".join(words)))
    return made


def answered(texts: list[Document], chance: random.Random, change: Callable[[str], str]) -> list[list[tuple[str, str]]]:
    """Answers of one to three tokens for each document, changed in one way."""
    found = []
    for text in texts:
        starts = [chance.randrange(TOKENS - 3) for _ in range(ANSWERS)]
        found.append([(change(" ".join(text.tokens[at : at + chance.randint(1, 3)])), "PER") for at in starts])
    return found


def main() -> None:
    chance = random.Random(13)
    texts = documents(chance)
    kinds: dict[str, Callable[[str], str]] = {
        "exact": str,
        "case": str.swapcase,
        "not in the text": lambda surface: f"{surface}zz",
        "accents dropped": lambda surface: surface.replace("É", "E"),
        "mark left out": lambda surface: surface.strip("#").removesuffix("-based"),
    }
    for name, change in kinds.items():
        answers = answered(texts, random.Random(7), change)
        best = float("inf")
        for _ in range(5):
            began = perf_counter()
            for text, own in zip(texts, answers, strict=True):
                match_answers(text, own, ["PER"])
            best = min(best, perf_counter() - began)
        sys.stdout.write(f"{name:20} {best * 1000:8.1f} ms for {DOCUMENTS * ANSWERS:,} answers\n")


if __name__ == "__main__":
    main()
