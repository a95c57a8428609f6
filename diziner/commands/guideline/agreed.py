"""Verification of examples from agreement: each is made anew from the annotations that its receipt names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from diziner.common.files import read_json
from diziner.layout import Room
from diziner.records.agreement import agreement_from_json
from diziner.records.annotations import read_annotations, taking_part
from diziner.records.documents import read_documents
from diziner.records.guideline import AgreedExample, Guideline
from diziner.settings import Settings
from diziner.supervisor.agreed_examples import agreed_document, example_of


def agreed_problems(room: Room, guideline: Guideline, settings: Settings) -> Iterator[str]:
    """Yield what is wrong with a guideline's examples from agreement, a sentence each.

    Errors: UserError for a file of their rounds that is missing or broken.
    """
    examples = guideline.agreed.examples if guideline.agreed else ()
    for number in sorted({example.round for example in examples}):
        own = [example for example in examples if example.round == number]
        if number not in settings.rounds or number >= guideline.round:
            last = guideline.round - 1
            yield f"agreed.examples: {own[0].document} is said to be of round {number}; allowed: 0 to {last}"
        else:
            yield from _of_round(room, number, own, settings)


def _of_round(room: Room, number: int, examples: list[AgreedExample], settings: Settings) -> Iterator[str]:
    pilot = read_documents(room.pilot(number))
    documents = {document.id: document for document in pilot}
    read = {name: read_annotations(room.annotations(number, name), pilot) for name in settings.pool}
    annotations = {name: {row.id: row for row in rows} for name, rows in taking_part(read).items()}
    weights = agreement_from_json(read_json(room.round(number) / "agreement.json", "agreement")).weights
    for example in examples:
        if example.document not in documents:
            yield f"agreed.examples: no document {example.document} in the pilot set of round {number}"
            continue
        rows = {name: own[example.document] for name, own in annotations.items()}
        agreed = agreed_document(documents[example.document], rows, weights)
        if agreed is None:
            yield f"agreed.examples: no two annotators of round {number} gave {example.document} the same mentions"
            continue
        found, named = asdict(example_of(agreed, number)), asdict(example)
        wrong = [key for key in found if found[key] != named[key]]
        if wrong:
            what = f"not as annotators of round {number} left it"
            yield f"agreed.examples: {example.document}: {what}: {', '.join(wrong)}"
