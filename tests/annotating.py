"""Annotations alone, for tests that do not look at what requests took."""

from __future__ import annotations

from typing import Any

from diziner.annotator import annotate as module
from diziner.records.annotations import Annotation


def annotate(*arguments: Any) -> list[Annotation]:
    """As `diziner.annotator.annotate.annotate`, without usage."""
    return module.annotate(*arguments).annotations
