"""The label-free choice (method section 9, done honestly: D3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.contracts import Selection


def select(
    overall: Mapping[int, float],
    mean: Mapping[int, Mapping[str, float]],
    settings: Mapping[str, Mapping[str, Any]],
) -> Selection:
    """Choose the round of the highest overall agreement, in it the annotator of the highest mean agreement.

    Ties go to the earlier round (fewer instructions) and to the first name, so that the choice is defined.
    `overall` maps round -> overall agreement, `mean` round -> annotator -> mean agreement.
    """
    number = min(overall, key=lambda k: (-overall[k], k))
    annotator = min(mean[number], key=lambda name: (-mean[number][name], name))
    return Selection(number, annotator, settings[annotator], dict(overall), dict(mean[number]))
