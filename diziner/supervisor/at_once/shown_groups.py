"""Kinds of disagreement as the supervisor is shown them, with ids that it can name, within a budget of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diziner.prompting.templates import render
from diziner.records.disagreements import ErrorGroup

_CHARACTERS_PER_TOKEN = 4
_STEPS = (10, 5, 3, 2, 1)  # examples of each kind, fewer where all would be over the budget


def with_ids(groups: Sequence[ErrorGroup], prefix: str) -> dict[str, ErrorGroup]:
    """Return groups by the ids that the supervisor names them by: `G1`, `G2`, in order."""
    return {f"{prefix}{number}": group for number, group in enumerate(groups, 1)}


def shown_groups(groups: Mapping[str, ErrorGroup], budget: int | None = None, heading: str = "##") -> str:
    """Return groups with their examples, readings and who gave them, as text of about `budget` tokens at most.

    Over the budget, every kind is shown with fewer examples, down to one; then the last ones (those of the fewest
    tokens) are left out. What is left out is named. None: no budget.
    """
    for most in _STEPS:
        text = _text(groups, most, (), heading)
        if _fits(text, budget):
            return text
    names = list(groups)
    while names and not _fits(text, budget):
        # Halving the surplus finds the place in few steps; the text's length grows with every kind.
        names = names[: -max(1, _surplus(text, budget, len(names)))]
        left_out = [_named(name, group) for name, group in groups.items() if name not in names]
        text = _text({name: groups[name] for name in names}, 1, left_out, heading)
    return text


def _text(groups: Mapping[str, ErrorGroup], most: int, left_out: Sequence[str], heading: str) -> str:
    rows = [(name, group, group.examples[:most]) for name, group in groups.items()]
    return render("supervisor/groups.v2", groups=rows, left_out=left_out, heading=heading)


def _fits(text: str, budget: int | None) -> bool:
    return budget is None or len(text) <= budget * _CHARACTERS_PER_TOKEN


def _surplus(text: str, budget: int | None, count: int) -> int:
    over = len(text) - (budget or 0) * _CHARACTERS_PER_TOKEN
    return over * count // (2 * max(len(text), 1))


def _named(name: str, group: ErrorGroup) -> str:
    return f"{name} {group.subtype} ({group.mentions} {'mention' if group.mentions == 1 else 'mentions'})"
