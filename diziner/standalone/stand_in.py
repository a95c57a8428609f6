"""May models stand in for people? The alternative annotator test on labelled files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from diziner.agreement.alt_test import FALSE_DISCOVERIES, alt_test
from diziner.common.errors import UserError
from diziner.common.exact import mean
from diziner.records.agreement import Agreement
from diziner.records.annotations import Span
from diziner.standalone.files import LabelledFile


def stand_in(
    files: Mapping[str, LabelledFile],
    people: Sequence[str],
    models: Sequence[str],
    agreement: Agreement,
    epsilon: float,
) -> dict[str, Any]:
    """Return the test of every model, by name, with what it was made with and how far people agree among themselves.

    `files` are by annotator, on common tokens. Errors: as `alt_test`.
    """
    answers = {name: _answers(files[name]) for name in (*people, *models)}
    found = {}
    for name in models:
        try:
            result = alt_test(answers[name], {person: answers[person] for person in people}, epsilon)
        except UserError as error:
            raise UserError(f"--alt-test, {name}: {error}") from None
        found[name] = {**asdict(result), "strict_span_f1_with_people": _mean_f1(agreement, [name], people)}
    return {
        "epsilon": epsilon,
        "false_discoveries": FALSE_DISCOVERIES,
        "agreement_is": "mean strict span F1 with the other people, document by document",
        "people": {"names": list(people), "strict_span_f1": _mean_f1(agreement, people)},
        "models": found,
    }


def _answers(file: LabelledFile) -> dict[str, Collection[Span]]:
    return {row.id: row.spans for row in file.annotations if row.failure is None}


def _mean_f1(agreement: Agreement, names: Sequence[str], others: Sequence[str] = ()) -> float:
    """Return the mean F1 of pairs: of names among themselves, or with the others."""
    place = {name: number for number, name in enumerate(agreement.annotators)}
    matrix = agreement.pairs["strict_span_f1"]
    pairs = [(one, other) for one in names for other in others] if others else list(combinations(names, 2))
    return mean(matrix[place[one]][place[other]] for one, other in pairs)
