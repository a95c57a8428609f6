"""Plain words for the terms of disagreement, as the page says them; the term itself stands behind each."""

from __future__ import annotations

from diziner.agreement.error_families import FAMILIES
from diziner.agreement.hotspots import KINDS
from diziner.agreement.report import FAMILY_MEANINGS, KIND_NAMES

_KINDS = {
    "elite_split": (
        "leading annotators split",
        "the annotators that agree most (the coalition) differ with each other",
    ),
    "systematic_bias": (
        "two camps",
        "the annotators that agree most (the coalition) read it one way, the rest another",
    ),
    "complex": ("split and two camps", "both at once: the coalition is split, and the rest reads it otherwise"),
    "minor": ("scattered", "much disagreement in all, but neither between the camps nor within the coalition"),
}
_FAMILIES = {
    "O_to_Ent": "marked too much",
    "Ent_to_O": "missed",
    "Ent_to_Ent": "other type",
    "Span_Error": "other extent",
}


def kinds_view() -> list[dict[str, str]]:
    """Return the kinds of hotspots: key, plain words, the term, and what is meant."""
    return [
        {"key": kind, "plain": _KINDS[kind][0], "term": KIND_NAMES[kind], "meaning": _KINDS[kind][1]} for kind in KINDS
    ]


def families_view() -> list[dict[str, str]]:
    """Return the families of errors in the same way; the key is the term."""
    return [
        {"key": family, "plain": _FAMILIES[family], "term": family, "meaning": FAMILY_MEANINGS[family]}
        for family in FAMILIES
    ]
