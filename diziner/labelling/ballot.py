"""Ballot of a labelling: which annotators vote, and with what weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diziner.annotator.settings import FILE, AnnotatorSettings
from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.layout import Room
from diziner.records.agreement import agreement_from_json
from diziner.records.guideline import Guideline
from diziner.records.selection import selection_from_json
from diziner.settings import Settings

COALITION, POOL = "coalition", "pool"
SELECTED = "selected"


@dataclass(frozen=True, slots=True)
class Ballot:
    """Rules of a vote: the weight of each by name, and the kind of vote (io or bio, as in params)."""

    weights: Mapping[str, float]
    consensus: str


def annotators_of(
    one: str | None, several: str | None, guideline: Guideline, settings: Settings
) -> tuple[tuple[AnnotatorSettings, ...], Ballot | None]:
    """Return one annotator, or those that vote, sorted by name, with their ballot.

    `one` is a name, or `selected`: what the guideline's room chose by agreement, an annotator or a vote. `several` is
    `pool`, all annotators of the round that the guideline is of with their weights in it, `coalition`, those of its
    coalition alone, or names with commas between them, each of the same weight. Files are left out of pool and
    coalition: they cannot label other documents.

    Errors: UserError for a round without agreement, a room that has chosen nothing yet, an annotator that is unknown,
    and fewer than two voters.
    """
    if several is None and one == SELECTED and SELECTED not in settings.annotator_entries:
        return _selected(guideline, settings)
    if several is None:
        return (settings.annotator(one or ""),), None
    if several in (COALITION, POOL):
        weights = _of_round(several, guideline)
        weights = {name: weight for name, weight in weights.items() if settings.annotator(name).kind != FILE}
    else:
        weights = _named(several)
    if len(weights) < 2:
        raise UserError(
            f"--annotators {several}: {', '.join(weights) or 'nobody'} alone is no vote: name two or more with commas "
            "between them, or take --annotator NAME"
        )
    names = sorted(weights)
    ballot = Ballot({name: weights[name] for name in names}, settings.disagreement.consensus)
    return tuple(map(settings.annotator, names)), ballot


def _selected(guideline: Guideline, settings: Settings) -> tuple[tuple[AnnotatorSettings, ...], Ballot | None]:
    path = Room(guideline.benchmark).selection
    if not path.is_file():
        raise UserError(
            f"--annotator {SELECTED}: {path} is not there, which says who was chosen: run the rounds of "
            f"{guideline.benchmark} (or `dvc pull`), or name an annotator"
        )
    selection = selection_from_json(read_json(path, "selection"))
    if not selection.voters:
        return (settings.annotator(selection.annotator),), None
    weights = {name: voter.weight for name, voter in sorted(selection.voters.items())}
    return tuple(map(settings.annotator, weights)), Ballot(weights, selection.consensus)


def _of_round(several: str, guideline: Guideline) -> dict[str, float]:
    path = Room(guideline.benchmark).round(guideline.round) / "agreement.json"
    if not path.is_file():
        raise UserError(
            f"--annotators {several}: {path} is not there, which says who is in it: run the rounds of "
            f"{guideline.benchmark}, or name annotators with commas between them"
        )
    agreement = agreement_from_json(read_json(path, "agreement"))
    names = agreement.coalition if several == COALITION else agreement.annotators
    return {name: agreement.weights[name] for name in names}


def _named(words: str) -> dict[str, float]:
    return {name.strip(): 1.0 for name in words.split(",") if name.strip()}
