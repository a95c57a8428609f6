"""Clusters of like cases: what annotators disagree about there is one question, to which one answer can be given.

The rule, in this order; nothing in it depends on the order of documents or annotators:

1. The kind. `missing`: all who mark the place mark the same, others nothing. `type`: all mark the same words, as
   different types. `boundary`: one type, different words; or one mention against several inside it. `mixed`: types
   and words differ.
2. The types that compete.
3. What is in dispute. For a boundary, the words that the longer mention has before the shorter one and behind it; for
   other kinds the words of the place. Where two or more cases share these, they are a cluster; the rest of the same
   kind and types are parted by how they are written (in capitals, capitalised, in lower case, with digits) or, for a
   boundary, by the side where the words stand. What then stands alone is a cluster of its own words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diziner.agreement.cases import Case, Reading
from diziner.records.type_names import NO_ENTITY

MISSING, TYPE, BOUNDARY, MIXED = "missing", "type", "boundary", "mixed"
_LIKE = 2  # cases that share what is in dispute, to be a cluster of their own
_LONGEST = 80  # characters of a document's words in a cluster's name
_LONGER, _SHORTER, _BETWEEN = "the longer mention", "the shorter mention", "a mention in between"
_FIRST, _LATER = "the mention that begins first", "the mention that begins later"
_ONE, _INSIDE = "the whole as one mention", "each mention inside it"
_BOTH = "the whole with each mention inside it"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Like cases under a name that says what is in dispute, such as `"Ajax" (location or organization)`.

    `options` are the answers that annotators gave, each with how many gave it over all cases, most first. `differing`
    counts pairs of annotators that disagree, over all cases. `parts` are the same cases by their words, for answers
    one by one; none where they have the same words.
    """

    name: str
    kind: str
    options: tuple[tuple[str, int], ...]
    cases: tuple[Case, ...]
    differing: int
    parts: tuple[Cluster, ...] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked about one case; `exact` and `shape` are what is in dispute, in its words and by their looks.

    `options` are the readings as answers that fit other cases, too, `texts` those with the words of this one.
    """

    case: Case
    kind: str
    about: str
    words: str
    exact: str
    shape: str
    options: Mapping[Reading, str]
    texts: Mapping[Reading, str]


def clusters_of(
    cases: Sequence[Case], tokens: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> tuple[Cluster, ...]:
    """Return clusters of like cases: those where most pairs of annotators disagree first, then by name.

    `tokens` are those of each document by its id, `names` the types' names by label.
    """
    questions = [_question(case, tokens[case.document], names) for case in cases]
    shared = Counter((question.kind, question.about, question.exact) for question in questions)
    groups: dict[tuple[str, str, str], list[_Question]] = defaultdict(list)
    for question in questions:
        alike = shared[question.kind, question.about, question.exact] >= _LIKE
        groups[question.kind, question.about, question.exact if alike else question.shape].append(question)
    return _ranked(
        [
            # A single case says nothing of others that are written like it.
            _cluster(f"{what if len(own) >= _LIKE else own[0].exact} ({about})", own, parted=True)
            for (_, about, what), own in groups.items()
        ]
    )


def _cluster(name: str, questions: Sequence[_Question], parted: bool = False) -> Cluster:
    votes: Counter[str] = Counter()
    by_words: dict[str, list[_Question]] = defaultdict(list)
    for question in questions:
        by_words[f"{question.words} ({question.about})"].append(question)
    for question in questions:
        options = question.options if len(by_words) > 1 else question.texts
        for reading, annotators in question.case.readings:
            votes[options[reading]] += len(annotators)
    parts = [_cluster(part, own) for part, own in by_words.items()] if parted and len(by_words) > 1 else []
    return Cluster(
        name=name,
        kind=questions[0].kind,
        options=tuple(sorted(votes.items(), key=lambda item: (-item[1], item[0]))),
        cases=tuple(question.case for question in questions),
        differing=sum(question.case.differing for question in questions),
        parts=_ranked(parts),
    )


def _ranked(clusters: Sequence[Cluster]) -> tuple[Cluster, ...]:
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.differing, cluster.name)))


def _question(case: Case, tokens: Sequence[str], names: Mapping[str, str]) -> _Question:
    readings = [reading for reading, _ in case.readings]
    marked = [reading for reading in readings if reading]
    types = {reading: _types(reading, names) for reading in readings}
    several = sorted({types[reading] for reading in marked})
    extents = {reading: tuple((span.start, span.end) for span in reading) for reading in marked}
    words = _quoted(tokens[case.start : case.end])
    shape = _shape(" ".join(tokens[case.start : case.end]))
    if len(marked) == 1:
        return _Question(case, MISSING, f"{several[0]} or {NO_ENTITY}", words, words, shape, types, types)
    if len(set(extents.values())) == 1:
        return _Question(case, TYPE, " or ".join(several), words, words, shape, types, types)
    texts = {r: " and ".join(_quoted(tokens[a:b]) for a, b in extents.get(r, ())) or NO_ENTITY for r in readings}
    if any(len(reading) > 1 for reading in marked):
        about, options = _one_or_more(case, names)
        if set(options.values()) <= {_INSIDE, NO_ENTITY}:  # each crosses those of others: only their words tell them
            texts = {r: f"{types[r]} {texts[r]}" if r else NO_ENTITY for r in readings}
            return _Question(case, MIXED, f"extents of {' or '.join(several)}", words, words, words, texts, texts)
        return _Question(case, BOUNDARY, about, words, words, shape, options, options)
    extent = _extents(extents)
    if len(several) > 1:
        about = f"{' or '.join(several)}, and their extent"
        options = {r: f"{types[r]}, {extent[r]}" if r else NO_ENTITY for r in readings}
        texts = {r: f"{types[r]} {texts[r]}" if r else NO_ENTITY for r in readings}
        return _Question(case, MIXED, about, words, words, shape, options, texts)
    options = {r: extent.get(r, NO_ENTITY) for r in readings}
    exact, side = _edges(set(extents.values()), tokens) or (words, shape)
    return _Question(case, BOUNDARY, f"extent of {several[0]}", words, exact, side, options, texts)


def _one_or_more(case: Case, names: Mapping[str, str]) -> tuple[str, dict[Reading, str]]:
    """Return what is asked about a mention and others inside it, and each reading as an answer."""
    options = {}
    types = set()
    for reading, _ in case.readings:
        whole = [span for span in reading if (span.start, span.end) == (case.start, case.end)]
        types |= {names.get(span.type, span.type) for span in whole}
        inside = len(reading) - len(whole)
        options[reading] = (_BOTH if inside else _ONE) if whole else _INSIDE if inside else NO_ENTITY
    return f"one {' or '.join(sorted(types)) or 'mention'} or several mentions", options


def _types(reading: Reading, names: Mapping[str, str]) -> str:
    """Return the types of a reading's mentions in words, each once; "no entity" where there is none."""
    return " and ".join(dict.fromkeys(names.get(span.type, span.type) for span in reading)) or NO_ENTITY


def _extents(extents: Mapping[Reading, tuple[tuple[int, int], ...]]) -> dict[Reading, str]:
    """Return how the words of each reading, a mention, compare with those of the others."""
    ranked = sorted((start - end, start) for ((start, end),) in extents.values())
    if ranked[0][0] == ranked[-1][0]:  # as long as one another
        return {reading: _FIRST if start == ranked[0][1] else _LATER for reading, ((start, _),) in extents.items()}
    ends = {ranked[0][0]: _LONGER, ranked[-1][0]: _SHORTER}
    return {reading: ends.get(start - end, _BETWEEN) for reading, ((start, end),) in extents.items()}


def _edges(extents: set[tuple[tuple[int, int], ...]], tokens: Sequence[str]) -> tuple[str, str] | None:
    """Return the words that a mention has and another, inside it, has not, and on which side they stand; None where
    there are three mentions, or none is inside the other."""
    if len(extents) > 2:
        return None
    ((long_start, long_end),), ((start, end),) = sorted(extents, key=lambda extent: extent[0][0] - extent[0][1])
    if not long_start <= start <= end <= long_end:
        return None
    sides = [("start", tokens[long_start:start]), ("end", tokens[end:long_end])]
    told = [(f"{_quoted(words).casefold()} at the {side}", side) for side, words in sides if words]
    where = "both sides" if len(told) > 1 else f"the {told[0][1]}"
    return " and ".join(words for words, _ in told), f"words {'on' if len(told) > 1 else 'at'} {where}"


def _quoted(tokens: Sequence[str]) -> str:
    text = " ".join(tokens)
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return f'"{text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"}"'


def _shape(text: str) -> str:
    """Return how words are written.

    >>> [_shape(text) for text in ("GMT", "Bank of England", "the bank", "Boeing 707", "$", "東京")]
    ['words in capitals', 'capitalised words', 'words in lower case', 'words with digits', 'signs', 'other words']
    """
    if any(character.isdigit() for character in text):
        return "words with digits"
    if not any(character.isalpha() for character in text):
        return "signs"
    if text.isupper():
        return "words in capitals"
    if text.islower():
        return "words in lower case"
    return "capitalised words" if text.lower() != text else "other words"
