"""Knowledge of scripted annotators: sentences whose mentions they have heard of, though not all.

Only for rehearsals: it is made of the shipped samples, gold included, and is asked for by an environment
variable. Real annotators never come near it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.common.yamlfile import read_yaml
from diziner.scripted.chance import fraction
from diziner.spans.brackets import parse_brackets

VARIABLE = "DIZINER_SCRIPTED_KNOWLEDGE"
# What nobody knows: without it, an annotator that never errs would give back the gold.
FORGOTTEN = 0.05

Mentions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Texts (white space removed) with their mentions: (surface string, type name), in text order."""

    texts: Mapping[str, Mentions]

    @classmethod
    def of(cls, sentences: Mapping[str, Sequence[tuple[str, str]]]) -> Knowledge:
        """Return knowledge of sentences: text -> (string, type) in text order.

        One mention in twenty, rounded up and chosen by hash, is forgotten: any corpus with a mention is known
        imperfectly.
        """
        mentions = [(text, index) for text, pairs in sentences.items() for index in range(len(pairs))]
        by_chance = sorted(mentions, key=lambda mention: (fraction("forgotten", *mention), mention))
        forgotten = set(by_chance[: math.ceil(FORGOTTEN * len(mentions))])
        texts: dict[str, Mentions] = {}
        for text, pairs in sentences.items():
            kept = tuple(pair for index, pair in enumerate(pairs) if (text, index) not in forgotten)
            # One sentence may serve two benchmarks: both readings are kept, the scheme asked for decides.
            texts[_key(text)] = texts.get(_key(text), ()) + kept
        return cls(texts)

    def mentions(self, text: str, types: Collection[str]) -> Mentions | None:
        """Return the known mentions of a text whose types are among `types`; None where the text is not known.

        A text is also unknown where it has mentions, but none of these types: another scheme is meant.
        """
        known = self.texts.get(_key(text))
        if known is None:
            return None
        fitting = tuple(pair for pair in known if pair[1] in types)
        return fitting if fitting or not known else None


@cache
def knowledge_in(data: Path) -> Knowledge:
    """Return knowledge of the samples below a data directory (`*/sample.txt`).

    Labels become the readable names of the `guideline.yaml` beside a sample; without one they stay.
    A directory is read once in a process.
    Errors: UserError where there is no sample, or one is ill-formed (file:line).
    """
    samples = sorted(data.glob("*/sample.txt"))
    if not samples:
        raise UserError(f"{data}: no */sample.txt in it; set {VARIABLE} to a directory of benchmarks, or unset it")
    sentences: dict[str, tuple[tuple[str, str], ...]] = {}
    for sample in samples:
        names = _names_beside(sample)
        for text, pairs in _sentences(sample):
            sentences[text] = sentences.get(text, ()) + tuple((s, names.get(t, t)) for s, t in pairs)
    return Knowledge.of(sentences)


def knowledge_from_environment() -> Knowledge | None:
    """Return knowledge of the data directory that DIZINER_SCRIPTED_KNOWLEDGE names; None where it is unset."""
    directory = os.environ.get(VARIABLE)
    return knowledge_in(Path(directory)) if directory else None


def _sentences(sample: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for number, line in enumerate(read_text(sample).split("\n"), 1):
        if not line.strip() or line.startswith(("# ", "== ")):
            continue
        try:
            tokens, spans = parse_brackets(line)
        except UserError as error:
            raise UserError(f"{sample}:{number}: {error}") from None
        pairs = [(" ".join(tokens[span.start : span.end]), span.type) for span in spans]
        yield " ".join(tokens), pairs


def _names_beside(sample: Path) -> dict[str, str]:
    path = sample.with_name("guideline.yaml")
    if not path.exists():
        return {}
    guideline = read_yaml(path)
    if not isinstance(guideline, dict) or not isinstance(guideline.get("types"), list):
        raise UserError(f"{path}: no list `types`")
    return {
        str(entry["label"]): str(entry["name"])
        for entry in guideline["types"]
        if isinstance(entry, dict) and {"label", "name"} <= entry.keys()
    }


def _key(text: str) -> str:
    return "".join(text.split())
