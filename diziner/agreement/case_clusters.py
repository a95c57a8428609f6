"""Clusters of like cases: what annotators disagree about there is one question, to which one answer can be given.

The rule; nothing in it depends on the order of documents or annotators:

1. The kind. `missing`: all who mark the place mark the same, others nothing. `type`: all mark the same words, as
   different types. `boundary`: one type, different words; or one mention against several inside it. `mixed`: types
   and words differ.
2. Two or more cases of the same words are a cluster, whichever types compete, where no extent is in dispute.
3. The others are parted by their kind and the types that compete, and are then gathered from narrow to wide, each step
   for what the one before left over. Two or more cases are a cluster that have the same words there (for a boundary:
   the words that the longer mention has before the shorter one or behind it); then the same last word; then the same
   first word; then words of the same looks: in capitals, in lower case, with digits, and, where the question is not
   what type they are, capitalised. Where types and words differ, looks make nothing alike.
4. What then stands alone is a cluster of its own words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from diziner.agreement.cases import Case, Reading
from diziner.records.documents import Document
from diziner.records.token_text import text_with_offsets
from diziner.records.type_names import NO_ENTITY

Text = Callable[[int, int], str]  # of tokens [start, end) of one document

MISSING, TYPE, BOUNDARY, MIXED = "missing", "type", "boundary", "mixed"
_STEPS = 4  # the same words, the last one, the first one, the same looks
_LIKE = 2  # cases that share what is in dispute, to be a cluster of their own
_OF_ANY_TYPE = {"capitalised words", "other words"}  # as most names are written, whatever they name
_LONGEST = 80  # characters of a document's words in a cluster's name
LONGER, SHORTER, _BETWEEN = "the longer mention", "the shorter mention", "a mention in between"
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
    """Question about one case; `types` are those that compete. `likeness` says what else is like it, a text for
    each of the `_STEPS`, its own words first; "" for a step that makes it like nothing.

    `options` are the readings as answers that fit other cases, too, `texts` those with the words of this one.
    """

    case: Case
    kind: str
    about: str
    types: tuple[str, ...]
    words: str
    likeness: tuple[str, ...]
    options: Mapping[Reading, str]
    texts: Mapping[Reading, str]


def clusters_of(
    cases: Sequence[Case], documents: Mapping[str, Document], names: Mapping[str, str]
) -> tuple[Cluster, ...]:
    """Return clusters of like cases: those where most pairs of annotators disagree first, then by name.

    `documents` are theirs by id, `names` the types' names by label.
    """
    text_of = {name: _text_of(documents[name]) for name in {case.document for case in cases}}
    questions = [_question(case, text_of[case.document], names) for case in cases]
    named = [question for question in questions if question.kind in {MISSING, TYPE}]
    clusters, rest = _gathered(named, lambda question: (question.words,))
    rest += [question for question in questions if question.kind not in {MISSING, TYPE}]
    for step in range(_STEPS):
        found, rest = _gathered(rest, partial(_like, step))
        clusters += found
    return _ranked([*clusters, *(_cluster([question], question.likeness[0]) for question in rest)])


def _like(step: int, question: _Question) -> tuple[str, ...]:
    """Return what a question must share with others to be like them; nothing if the step makes it like none."""
    return (question.likeness[step], question.kind, question.about) if question.likeness[step] else ()


def _gathered(
    questions: Sequence[_Question], key: Callable[[_Question], tuple[str, ...]]
) -> tuple[list[Cluster], list[_Question]]:
    """Return clusters of the questions with the same key, named by its first text, and those that have it alone."""
    groups: dict[tuple[str, ...], list[_Question]] = defaultdict(list)
    for question in questions:
        groups[key(question)].append(question)
    alone = [q for what, own in groups.items() for q in own if not what or len(own) < _LIKE]
    return [_cluster(own, what[0]) for what, own in groups.items() if what and len(own) >= _LIKE], alone


def _cluster(questions: Sequence[_Question], what: str) -> Cluster:
    abouts = sorted({question.about for question in questions})
    if len(abouts) > 1:  # of the same words alone
        types = sorted({name for question in questions for name in question.types})
        none = [NO_ENTITY] if any(question.kind == MISSING for question in questions) else []
        abouts = [" or ".join([*types, *none])]
    votes: Counter[str] = Counter()
    by_words: dict[str, list[_Question]] = defaultdict(list)
    for question in questions:
        by_words[question.words].append(question)
    for question in questions:
        options = question.options if len(by_words) > 1 else question.texts
        for reading, annotators in question.case.readings:
            votes[options[reading]] += len(annotators)
    return Cluster(
        name=f"{what} ({abouts[0]})",
        kind=max(question.kind for question in questions),
        options=tuple(sorted(votes.items(), key=lambda item: (-item[1], item[0]))),
        cases=tuple(question.case for question in questions),
        differing=sum(question.case.differing for question in questions),
        parts=_ranked([_cluster(own, words) for words, own in by_words.items()]) if len(by_words) > 1 else (),
    )


def _ranked(clusters: Sequence[Cluster]) -> tuple[Cluster, ...]:
    return tuple(sorted(clusters, key=lambda cluster: (-cluster.differing, cluster.name)))


def _question(case: Case, text: Text, names: Mapping[str, str]) -> _Question:
    readings = [reading for reading, _ in case.readings]
    marked = [reading for reading in readings if reading]
    types = {reading: _types(reading, names) for reading in readings}
    several = sorted({types[reading] for reading in marked})
    extents = {reading: tuple((span.start, span.end) for span in reading) for reading in marked}
    first, last = case.start, case.end
    words, shape = _quoted(text(first, last)), _shape(text(first, last))
    narrow = (words, "", "")
    if last - first > 1:
        ends = _quoted(text(last - 1, last)), _quoted(text(first, first + 1))
        narrow = (words, f"words ending in {ends[0]}", f"words beginning with {ends[1]}")
    types_named = tuple(sorted({names.get(span.type, span.type) for reading in marked for span in reading}))

    def asked(
        kind: str, about: str, like: tuple[str, ...], options: Mapping[Reading, str], texts: Mapping[Reading, str]
    ) -> _Question:
        return _Question(case, kind, about, types_named, words, like, options, texts)

    if len(marked) == 1:
        return asked(MISSING, f"{several[0]} or {NO_ENTITY}", (*narrow, shape), types, types)
    if len(set(extents.values())) == 1:
        looks = "" if shape in _OF_ANY_TYPE else shape
        return asked(TYPE, " or ".join(several), (*narrow, looks), types, types)
    texts = {r: " and ".join(_quoted(text(*place)) for place in extents.get(r, ())) or NO_ENTITY for r in readings}
    typed = {r: f"{types[r]} {texts[r]}" if r else NO_ENTITY for r in readings}
    if any(len(reading) > 1 for reading in marked):
        about, options = _one_or_more(case, names)
        if set(options.values()) <= {_INSIDE, NO_ENTITY}:  # each crosses those of others: only their words tell them
            return asked(MIXED, f"extents of {' or '.join(several)}", (words, "", "", ""), typed, typed)
        return asked(BOUNDARY, about, (*narrow, shape), options, options)
    extent = _extents(extents)
    if len(several) > 1:
        options = {r: f"{types[r]}, {extent[r]}" if r else NO_ENTITY for r in readings}
        return asked(MIXED, f"{' or '.join(several)}, and their extent", (*narrow, ""), options, typed)
    options = {r: extent.get(r, NO_ENTITY) for r in readings}
    exact, looks = _edges(set(extents.values()), text) or (words, shape)
    return asked(BOUNDARY, f"extent of {several[0]}", (exact, "", "", looks), options, texts)


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
    ends = {ranked[0][0]: LONGER, ranked[-1][0]: SHORTER}
    return {reading: ends.get(start - end, _BETWEEN) for reading, ((start, end),) in extents.items()}


def _edges(extents: set[tuple[tuple[int, int], ...]], text: Text) -> tuple[str, str] | None:
    """Return the words that a mention has and another, inside it, has not, with the side where they stand, and their
    looks; None where there are three mentions, or none is inside the other."""
    if len(extents) > 2:
        return None
    ((long_start, long_end),), ((start, end),) = sorted(extents, key=lambda extent: extent[0][0] - extent[0][1])
    if not long_start <= start <= end <= long_end:
        return None
    sides = [("start", long_start, start), ("end", end, long_end)]
    there = [(side, text(first, last)) for side, first, last in sides if first < last]
    exact = " and ".join(f"{_quoted(words).casefold()} at the {side}" for side, words in there)
    return exact, " and ".join(f"{_shape(words)} at the {side}" for side, words in there)


def _text_of(document: Document) -> Text:
    """Return a function that gives the text of tokens `[start, end)`, on one line."""
    text, places = text_with_offsets(document)
    return lambda start, end: " ".join(text[places[start][0] : places[end - 1][1]].split())


def _quoted(text: str) -> str:
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
