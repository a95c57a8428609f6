"""A scripted annotator: sees candidates, then errs by habit. Pure; no gold unless `knowledge` is given."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diziner.scripted.candidates import Candidate, candidates
from diziner.scripted.chance import choose, fraction
from diziner.scripted.habits import Habits, habits_of, missed
from diziner.scripted.knowledge import Knowledge
from diziner.scripted.reading import Reading
from diziner.scripted.strings import normal

_DETERMINER_BEFORE = re.compile(r"(?<!\w)(?:the|an?|this|that|its|their|his|her)\s+$", re.IGNORECASE)


def annotate(reading: Reading, model: str, seed: int, knowledge: Knowledge | None = None) -> list[tuple[str, str]]:
    """Return the (surface string, type) pairs that a scripted model answers, in document order.

    Every error is decided by a hash of model, seed, document and candidate against a rate, so the same
    request gives the same answer. A type confusion is decided per string, not per document: it is a belief.
    Instructions help only by what they rule, which is done without error: general advice changes nothing.
    Errors: UserError for an unknown model.
    """
    habits = habits_of(model)
    known = knowledge.mentions(reading.document, reading.types) if knowledge else None
    vetoed = reading.vetoed if habits.heeds else frozenset()
    pairs = []
    for candidate in candidates(reading, known, habits.heeds):
        span = _span(candidate, reading, habits, seed)
        if span is None:
            continue
        named = reading.document[candidate.start : candidate.end]
        given = reading.document[span[0] : span[1]]
        if normal(given) not in vetoed:
            pairs.append((given, _type(candidate, normal(named), reading, habits, seed)))
    return pairs


def _span(candidate: Candidate, reading: Reading, habits: Habits, seed: int) -> tuple[int, int] | None:
    """Return the span answered for a candidate, None if it is left out."""
    if candidate.ruled:
        return candidate.start, candidate.end
    key = (habits.identity, seed, reading.document, candidate.start, candidate.end)
    if candidate.firm:
        # Sensitive annotators draw anew for each prompt: what they miss in one is no sign of what they miss in another.
        key_of_miss = (*key, reading.wording, reading.guided) if habits.guided or habits.worded else key
        if fraction("miss", *key_of_miss) < missed(habits, reading.guided, reading.wording):
            return None
    elif fraction("extra", *key) >= habits.extra:
        return None
    if fraction("slip", *key) < habits.slip:
        slips = _slips(candidate, reading.document)
        if slips:
            return choose(slips, "which slip", *key)
    return candidate.start, candidate.end


def _slips(candidate: Candidate, document: str) -> list[tuple[int, int]]:
    """Return wrong boundaries that come naturally: first or last word dropped, the determiner taken in."""
    start, end = candidate.start, candidate.end
    inner = list(re.finditer(r"\S+", document[start:end]))
    slips = []
    if len(inner) > 1:
        slips += [(start + inner[1].start(), end), (start, start + inner[-2].end())]
    determiner = _DETERMINER_BEFORE.search(document, 0, start)
    if determiner:
        slips.append((determiner.start(), end))
    return slips


def _type(candidate: Candidate, string: str, reading: Reading, habits: Habits, seed: int) -> str:
    if candidate.ruled and candidate.type is not None:
        return candidate.type
    key = (habits.identity, seed, string)
    believed = candidate.type
    if believed is None and string in reading.shown:
        believed = reading.shown[string][1]
    if believed is None:
        possible = [name for name in reading.types if (string, name) not in reading.excluded]
        believed = choose(possible or reading.types, "type", *key)
    if fraction("confuse", *key) < habits.confuse:
        return choose(_others(reading.types, believed), "confusion", *key)
    return believed


def _others(types: Sequence[str], name: str) -> Sequence[str]:
    return [other for other in types if other != name] or types
