"""The report's page as tests see it: what it does, and how wide it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """What a page must not do."""

    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def dialog(self, shown: Any) -> None:
        self.dialogs.append(shown.message)
        shown.dismiss()


def overflow(page: Any) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found
