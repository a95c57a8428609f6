"""Choices of a person about conflicts: shown with their evidence, kept in the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from diziner.common.errors import UserError
from diziner.common.words import there_are
from diziner.common.yamledit import with_item, with_value
from diziner.records.disagreements import ErrorGroup
from diziner.records.guideline import Choice

_EXTENT = "Span_Error"  # the family of conflicts about the extent of mentions
_EXTENTS = ("the longer mention", "the shorter mention")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One kind of disagreement: its name, such as `organization_to_location`, its cases, and the readings that
    compete: types, most frequent first, or extents where the type is not in question."""

    name: str
    tokens: int
    group: ErrorGroup
    readings: tuple[str, ...]


def conflicts_of(groups: Sequence[ErrorGroup]) -> list[Conflict]:
    """Return the conflicts of a round, most tokens first, as the groups are."""
    return [Conflict(group.subtype, group.tokens, group, _readings(group)) for group in groups]


def decision_for(conflict: Conflict, reading: str) -> str:
    """Return the decision that a reading is right, as the supervisor is told it."""
    others = [other for other in conflict.readings if other != reading]
    return f"{reading} is right" + (f", not {' or '.join(others)}" if others else "")


def with_choices(text: str, before: Sequence[Choice], new: Iterable[Choice]) -> str:
    """Return a guideline file's text with new choices among those it has (`before`); one about the same conflict gives
    way. Everything else, comments included, stays byte for byte.

    Errors: UserError for a file that is written in a way that cannot be changed like this.
    """
    places = {choice.conflict: position for position, choice in enumerate(before)}
    for choice in new:
        if choice.conflict in places:
            text = with_value(text, ["choices", places[choice.conflict], "decision"], choice.decision)
        else:
            places[choice.conflict] = len(places)
            text = with_item(text, "choices", asdict(choice))
    return text


def choices_from(value: object, conflicts: Sequence[Conflict], where: str) -> list[Choice]:
    """Return choices of a file: conflict -> decision.

    Errors: UserError for another form, and for a conflict that the round does not have.
    """
    names = [conflict.name for conflict in conflicts]
    if not isinstance(value, dict) or not all(isinstance(v, str) and v.strip() for v in value.values()):
        raise UserError(f"{where}: must map conflicts to decisions, such as `{names[0] if names else 'a_to_b'}: text`")
    unknown = [name for name in value if name not in names]
    if unknown:
        raise UserError(f"{where}: {unknown[0]!r} is no conflict of this round; {there_are(names, unknown[0])}")
    return [Choice(name, " ".join(text.split())) for name, text in value.items()]


def _readings(group: ErrorGroup) -> tuple[str, ...]:
    if group.family == _EXTENT:
        return _EXTENTS
    found = dict.fromkeys(group.subtype.split("_to_"), 0)
    for example in group.examples:
        for reading, count in [(example.consensus, 1), *((r, len(names)) for r, names in example.alternatives)]:
            # A reading with the entity's own text belongs to one example; only its type is a reading of the kind.
            plain = reading.partition(' "')[0]
            found[plain] = found.get(plain, 0) + count
    return tuple(sorted(found, key=lambda reading: (-found[reading], reading)))
