"""Strict span F1 of the consensus against gold, adjacent mentions merged (io) and kept apart (bio).

    python tests/perf/consensus_kinds.py                        # the recorded answers, once `diziner repro` has run
    python tests/perf/consensus_kinds.py FILE.jsonl …           # annotators that give a file's gold, all of them

The first prints a line for each room and one for all, from every round's pilot documents: mentions, how many of them
no annotator gave, F1 of both, and the paired change with its 95 % interval by resampling documents. The second is what
a merging vote loses at best: its F1 where everybody is right. Files have a line for each
sentence: id, tokens, ner_tags.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from diziner.agreement.analysis import analyse
from diziner.corpora.card import load_card
from diziner.layout import Room, rooms
from diziner.pipeline.evidence_files import round_annotations
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document, read_documents
from diziner.records.gold import gold_of
from diziner.scoring.bootstrap import document_counts, paired_bootstrap
from diziner.scoring.strict import score_counts
from diziner.settings import Settings, load_settings
from diziner.spans.tags import tags_to_spans

Spans = Mapping[str, Sequence[Span]]
SEED = 13


def voted(
    documents: Sequence[Document], rows: Mapping[str, Sequence[Annotation]], types: Sequence[str], settings: Settings
) -> dict[str, Spans]:
    """Return the consensus of both kinds."""
    return {
        kind: dict(analyse(documents, rows, types, replace(settings.disagreement, consensus=kind)).consensus)
        for kind in ("io", "bio")
    }


def say(name: str, gold: Spans, found: Mapping[str, Spans], given: Mapping[str, set[Span]]) -> None:
    """Print one line."""
    counts = {kind: document_counts(gold, spans).counts for kind, spans in found.items()}
    f1 = {kind: score_counts(*own.sum(axis=0).tolist()).f1 for kind, own in counts.items()}
    change = paired_bootstrap(counts["bio"], counts["io"], seed=SEED)
    sizes = {kind: sum(map(len, spans.values())) for kind, spans in found.items()}
    nobodys = {kind: sum(s not in given[d] for d, own in spans.items() for s in own) for kind, spans in found.items()}
    sys.stdout.write(
        f"{name}: {len(gold)} documents, {sum(map(len, gold.values()))} gold mentions; mentions {sizes['io']} -> "
        f"{sizes['bio']}, given by nobody {nobodys['io']} -> {nobodys['bio']}; F1 {f1['io']:.3f} -> "
        f"{f1['bio']:.3f}, change {change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}]\n"
    )


def recorded(room: Room, settings: Settings) -> tuple[Spans, Mapping[str, Spans], dict[str, set[Span]]]:
    """Return gold, both votes and all spans that somebody gave, by round and document."""
    gold: dict[str, Sequence[Span]] = {}
    found: dict[str, dict[str, Sequence[Span]]] = {"io": {}, "bio": {}}
    given: dict[str, set[Span]] = {}
    for number in settings.rounds:
        documents = read_documents(room.pilot(number))
        own = gold_of(documents, room.gold)
        rows = round_annotations(room, number, settings.pool)
        for kind, consensus in voted(documents, rows, load_card(room.folder).types, settings).items():
            found[kind] |= {f"{room.name} r{number} {name}": consensus.get(name, ()) for name in own}
        for document, spans in own.items():
            name = f"{room.name} r{number} {document}"
            gold[name] = spans
            given[name] = {s for r in rows.values() for row in r if row.id == document for s in row.spans}
    return gold, found, given


def main(files: Sequence[str]) -> None:
    """Print what was asked for."""
    settings = load_settings()
    for file in files:
        lines = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
        documents = [Document(row["id"], tuple(row["tokens"]), " ".join(row["tokens"])) for row in lines]
        gold: Spans = {row["id"]: tags_to_spans(row["ner_tags"]) for row in lines}
        rows = {"gold": [Annotation(name, tuple(spans)) for name, spans in gold.items()]}
        types = sorted({span.type for spans in gold.values() for span in spans})
        given = {name: set(spans) for name, spans in gold.items()}
        say("/".join(Path(file).parts[-2:]), gold, voted(documents, rows, types, settings), given)
    if files:
        return
    every = [recorded(room, settings) for room in rooms()]
    for room, own in zip(rooms(), every, strict=True):
        say(room.name, *own)
    say(
        "all",
        {name: spans for gold, _, _ in every for name, spans in gold.items()},
        {kind: {n: s for _, found, _ in every for n, s in found[kind].items()} for kind in ("io", "bio")},
        {name: spans for _, _, given in every for name, spans in given.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1:])
