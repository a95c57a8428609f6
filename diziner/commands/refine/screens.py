"""Conflicts as they are shown on a terminal or in a file: whole sentences, and below each who read what."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from diziner.agreement.case_clusters import Cluster
from diziner.agreement.cases import Case, Reading
from diziner.commands.refine.conflicts import Conflicts
from diziner.common.plain import printable
from diziner.common.words import counted
from diziner.records.documents import Document, Range
from diziner.records.token_text import text_with_offsets
from diziner.records.type_names import NO_ENTITY

WHOLE = 60  # tokens up to which a document is shown whole
_ENDS = frozenset(".!?…。！？｡．؟۔।॥։።။")
_NARROWEST = 40


def told(
    conflicts: Conflicts, cluster: Cluster, most: int | None = None, width: int | None = None, place: str = ""
) -> str:
    """Return a conflict with its first `most` cases (None: all), those with other words before more of the same.

    Lines are broken at `width` columns (None: never). `place` stands before its name.
    """
    cases = _varied(cluster.cases, conflicts.documents)
    left = 0 if most is None else max(0, len(cases) - most)
    lines = [f"{place}{_head(conflicts, cluster)}"]
    for case in cases[: len(cases) - left]:
        lines += ["", *_case(case, conflicts)]
    lines += ["", f"  and {counted(left, 'more case')}"] if left else []
    return "\n".join(broken(line, width) for line in lines)


def _head(conflicts: Conflicts, cluster: Cluster) -> str:
    """Return a conflict's name, how many cases it has, and its share of all that annotators disagree about."""
    documents = len({case.document for case in cluster.cases})
    share = round(100 * cluster.differing / conflicts.differing)
    return (
        f"{cluster.name}: {counted(len(cluster.cases), 'case')} in {counted(documents, 'document')}, "
        f"{share} % of the disagreement"
    )


def sentence(document: Document, start: int, end: int) -> tuple[str, str, str]:
    """Return the text of tokens `[start, end)`, and what stands before and behind it to the ends of its sentence.

    A document of at most `WHOLE` tokens is shown whole; of others at most half as many tokens on either side, cut
    where there is an ellipsis.

    >>> words = ("He", "left", ".", *(["Ada", "saw", "Rome", "."] * 20))
    >>> sentence(Document("d", words, " ".join(words)), 5, 6)
    ('Ada saw ', 'Rome', ' .')
    >>> sentence(Document("d", ("in", "Rome"), "a text of other words"), 1, 2)  # its tokens are shown
    ('in ', 'Rome', '')
    """
    text, places = text_with_offsets(document)
    first, last = 0, len(document.tokens)
    if len(document.tokens) > WHOLE:
        first, last = start, end
        while first and start - first < WHOLE // 2 and not _ends(document, text, places, first):
            first -= 1
        while last < len(document.tokens) and last - end < WHOLE // 2 and not _ends(document, text, places, last):
            last += 1
    parts = (
        text[places[first][0] : places[start][0]],
        text[places[start][0] : places[end - 1][1]],
        text[places[end - 1][1] : places[last - 1][1]],
    )
    before, mention, behind = map(_on_one_line, parts)
    cut_before = first > 0 and not _ends(document, text, places, first)
    cut_behind = last < len(document.tokens) and not _ends(document, text, places, last)
    return f"{'… ' if cut_before else ''}{before}", mention, f"{behind}{' …' if cut_behind else ''}"


def _ends(document: Document, text: str, places: Sequence[Range], position: int) -> bool:
    """Say whether a sentence ends before the token at `position`: at a full stop and its like, or at a line's end."""
    gap = text[places[position - 1][1] : places[position][0]]
    return "\n" in gap or set(document.tokens[position - 1]) <= _ENDS


def _case(case: Case, conflicts: Conflicts) -> Iterator[str]:
    document = conflicts.documents[case.document]
    before, mention, behind = sentence(document, case.start, case.end)
    yield f"  {printable(case.document)}: {before}«{mention}»{behind}"
    for reading, annotators in case.readings:
        yield f"    {_reading(reading, case, document, conflicts)}: {', '.join(annotators)}"


def _reading(reading: Reading, case: Case, document: Document, conflicts: Conflicts) -> str:
    names = [conflicts.names.get(span.type, span.type) for span in reading]
    if [(span.start, span.end) for span in reading] == [(case.start, case.end)]:
        return names[0]
    texts = [sentence(document, span.start, span.end)[1] for span in reading]
    return "; ".join(f'{name} "{text}"' for name, text in zip(names, texts, strict=True)) or NO_ENTITY


def _varied(cases: Sequence[Case], documents: Mapping[str, Document]) -> list[Case]:
    """Return cases with those first whose words have not been shown yet; else in their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    turns = []
    for place, case in enumerate(cases):
        words = tuple(documents[case.document].tokens[case.start : case.end])
        turns.append((seen[words], place))
        seen[words] += 1
    return [cases[place] for _, place in sorted(turns)]


def _on_one_line(text: str) -> str:
    """Return text with each run of white space as one blank, and signs for what would steer a terminal."""
    words = " ".join(text.split())
    return printable(f"{' ' if text[:1].isspace() else ''}{words}{' ' if text[-1:].isspace() and words else ''}")


def broken(line: str, width: int | None) -> str:
    """Return a line broken at blanks to fit `width` columns (None: as it is), its margin kept."""
    if width is None or len(line) <= width:
        return line
    margin = " " * (len(line) - len(line.lstrip(" ")))
    return textwrap.fill(
        line.strip(),
        max(width, _NARROWEST),
        initial_indent=margin,
        subsequent_indent=f"{margin}  ",
        break_on_hyphens=False,
    )
