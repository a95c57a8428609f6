"""Choices of a person about conflicts: kept in the guideline, and in files that people write or a tool exports."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.common.unseen import refuse_unseen
from diziner.common.yamledit import with_item, with_value, without_item
from diziner.common.yamlfile import dump_yaml
from diziner.records.guideline import Choice

_NAMED = 8  # conflicts that an error names


def decision_for(options: Sequence[str], right: str) -> str:
    """Return the decision that one of several answers is right, as the supervisor is told it.

    >>> decision_for(["person", "location", "no entity"], "person")
    'person is right, not location or no entity'
    """
    others = [other for other in options if other != right]
    return f"{right} is right" + (f", not {' or '.join(others)}" if others else "")


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


def without_choice(text: str, before: Sequence[Choice], conflict: str) -> str:
    """Return a guideline file's text without its choice about a conflict. Errors: as `with_choices`."""
    return without_item(text, "choices", [choice.conflict for choice in before].index(conflict))


def choices_from(value: object, conflicts: Mapping[str, str], where: str) -> list[Choice]:
    """Return the choices of a file (choices.schema.json): conflict -> decision, in its order; a conflict without one is
    passed over. `conflicts` are those of the round as a file may spell them, and as they are kept.

    Errors: UserError for another form, and for a conflict that the round does not have.
    """
    example = next(iter(conflicts.values()), "a_to_b")
    if not isinstance(value, dict):
        raise UserError(f"{where}: must map conflicts to decisions, such as `{dump_yaml({example: 'text'}).strip()}`")
    check(value, "choices", where)
    on_one_line = {name: text and " ".join(text.split()) for name, text in value.items()}
    refuse_unseen(on_one_line, where)
    for name in value:
        if name not in conflicts:
            close = difflib.get_close_matches(name, conflicts, _NAMED, 0.5) or list(conflicts)[:_NAMED]
            more = ", …" if len(conflicts) > len(close) else ""
            raise UserError(
                f"{where}: {name!r} is no conflict of this round; there are: {', '.join(close) or 'none'}{more}"
            )
    return [Choice(conflicts[name], text) for name, text in on_one_line.items() if text is not None]
