"""Matching on real test files: gold strings matched back, and strings that are no mention.

Run from the repository's root for the table: `PYTHONPATH=.:tests python tests/gold_matching.py`.
"""

from __future__ import annotations

import json
import random
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from projects import ROOT

from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.strict import strict_span_scores
from diziner.spans.matching import Matching, match_answers
from diziner.spans.tags import tags_to_spans

BENCHMARKS = ROOT.parent / "shared" / "benchmarks"
NO_MENTIONS = 1000


class Gold(NamedTuple):
    """A document with its gold spans."""

    document: Document
    spans: tuple[Span, ...]


def real_test_files() -> list[Path]:
    """The test files at hand, by name of the benchmark."""
    return sorted(BENCHMARKS.glob("*/test.jsonl"))


def gold_of(path: Path) -> list[Gold]:
    """The documents of a test file, their tokens joined by blanks."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        Gold(Document(row["id"], tuple(row["tokens"]), " ".join(row["tokens"])), tags_to_spans(row["ner_tags"]))
        for row in rows
    ]


Occurrences = Literal["all", "ordered"]


def strict_f1(gold: Sequence[Gold], occurrences: Occurrences, matching: Matching) -> float:
    """Strict F1 of an annotator that answers with the strings of all gold mentions."""
    types = sorted({span.type for each in gold for span in each.spans})
    predicted = {}
    for document, spans in gold:
        answers = [(" ".join(document.tokens[span.start : span.end]), span.type) for span in spans]
        predicted[document.id] = match_answers(document, answers, types, occurrences, matching).spans
    return strict_span_scores({each.document.id: each.spans for each in gold}, predicted).micro.f1


class Found(NamedTuple):
    """A match of a string that is no mention: the string, the text, the tokens touched, what explains it."""

    answer: str
    text: str
    tokens: str
    why: str


def matches_of_no_mentions(gold: Sequence[Gold], seed: int = 13) -> Iterator[Found]:
    """Match strings that are no mention of their document, and say what explains each match; "" if nothing does.

    A third each: mentions of other documents, runs of tokens of other documents, parts of the document's own words.
    """
    chance = random.Random(seed)
    mentions = sorted({" ".join(d.tokens[s.start : s.end]) for d, spans in gold for s in spans})
    tried = 0
    while tried < NO_MENTIONS:
        document, spans = chance.choice(gold)
        own = {" ".join(document.tokens[s.start : s.end]) for s in spans}
        answer = _no_mention(tried % 3, document, gold, mentions, chance)
        if answer in own:
            continue
        tried += 1
        matches = match_answers(document, [(answer, "X")], ["X"])
        for span, (first, last) in zip(matches.spans, matches.characters, strict=True):
            tokens = document.tokens[span.start : span.end]
            text = document.text[first:last]
            yield Found(answer, text, " ".join(tokens), _why(answer, text, tokens))


def _no_mention(kind: int, document: Document, gold: Sequence[Gold], mentions: list[str], chance: random.Random) -> str:
    if kind == 0:
        return chance.choice(mentions)
    if kind == 1:
        other = chance.choice(gold).document.tokens
        start = chance.randrange(len(other))
        return " ".join(other[start : start + chance.randint(1, 3)])
    token = chance.choice(document.tokens)
    start = chance.randrange(len(token))
    return token[start : chance.randint(start + 1, len(token))]


def _why(answer: str, text: str, tokens: Sequence[str]) -> str:
    """The plain reasons, found without the code that matches."""
    whole = "".join(tokens)
    if _letters(whole) == _letters(answer) or _bare(whole) == _bare(answer):
        return "equal tokens"
    if _letters(text) != _letters(answer) and _bare(text) != _bare(answer):
        return ""
    at = whole.find("".join(text.split()))
    before, after = whole[:at], whole[at + len("".join(text.split())) :]
    if before and before[-1].isalnum() and text[0].isalnum():
        return ""
    if after and after[0].isalnum() and text[-1].isalnum():
        return ""
    return "inside a token, beside a mark"


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) not in ("Mn", "Cf"))


def _bare(text: str) -> str:
    """Letters and digits alone."""
    return "".join(c for c in _letters(text) if c.isalnum())


def main() -> None:
    hows: tuple[Occurrences, ...] = ("all", "ordered")
    matchings: tuple[Matching, ...] = ("plain", "lenient")
    ways = [(how, matching) for how in hows for matching in matchings]
    heads = "".join(f"{' '.join(way):>17}" for way in ways)
    sys.stdout.write(f"{'benchmark':22}{'mentions':>9}{heads}  matches of strings that are no mention\n")
    for path in real_test_files():
        gold = gold_of(path)
        figures = "".join(f"{strict_f1(gold, *way):17.6f}" for way in ways)
        why = Counter(found.why or "unexplained" for found in matches_of_no_mentions(gold))
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
        sys.stdout.write(f"{path.parent.name:22}{sum(len(each.spans) for each in gold):9}{figures}  {told}\n")


if __name__ == "__main__":
    main()
