"""Check of a benchmark's data: is it at hand, and is it what its card says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.corpora.card import SPLITS, Card
from diziner.corpora.corpus import Corpus
from diziner.corpora.counts import count_differences, expected_counts, type_counts
from diziner.corpora.sources import read_source, source_of

State = Literal["ok", "differs", "bad", "missing"]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The data of one benchmark against its card: the user's local files, or an own corpus's file in its room.

    `state`: ok (as the card says, or the card gives no counts), differs (`notes` say where), bad (`notes` say
    what could not be read), missing (`notes` say how to get it). `sentences` and `types` are by split;
    `checked` says whether the card gives counts at all.
    """

    benchmark: str
    state: State
    licence: str
    redistribute: bool
    checked: bool
    sentences: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    repairs: int = 0
    notes: tuple[str, ...] = ()


def check_benchmark(card: Card, room: Path, local_dir: Path | None, nested: bool = False) -> CheckRow:
    """Compare a benchmark's data with its card, `nested` spans as the settings have them (corpus.nested). Never raises
    for what the data is like. Spans that are left out since they overlap others or have gaps are said, with counts."""

    def row(state: State, notes: tuple[str, ...]) -> CheckRow:
        licence = card.licence
        return CheckRow(card.name, state, licence.name, licence.redistribute, bool(expected), notes=notes)

    source = source_of(card, "local")
    expected = expected_counts(card, source)
    if source == "local":
        local = card.sources.get("local")
        if local is None:
            return row("missing", ("the card has no local source",))
        folder = local_dir / card.name if local_dir else None
        if folder is None or not any((folder / local.options[split]).exists() for split in SPLITS):
            return row("missing", (local.how,))
    try:
        corpus, _ = read_source(card, room, source, local_dir, False, nested)
    except UserError as error:
        return row("bad", (str(error),))
    differences = count_differences(expected, corpus)
    found = dict(zip(SPLITS, (corpus.pilot, corpus.test), strict=True))
    return CheckRow(
        benchmark=card.name,
        state="differs" if differences else "ok",
        licence=card.licence.name,
        redistribute=card.licence.redistribute,
        checked=bool(expected),
        sentences={split: len(documents) for split, documents in found.items()},
        types={split: type_counts(documents) for split, documents in found.items()},
        repairs=corpus.repairs,
        notes=(*differences, *_left_out(corpus)),
    )


def _left_out(corpus: Corpus) -> Iterator[str]:
    if corpus.overlapping:
        spans = counted(corpus.overlapping, "nested or overlapping span")
        yield f"{spans} left out, the longest stay; params corpus.nested keeps all (docs/nested.md)"
    if corpus.discontinuous:
        yield f"{counted(corpus.discontinuous, 'discontinuous span')} left out: documents here have spans without gaps"
