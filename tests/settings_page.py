"""Defaults as docs/settings.md says them to users."""

from __future__ import annotations

import json
import re
from typing import Any

from projects import ROOT

_ROW = re.compile(r"\| `([\w.]+)` \| .* \| `([^`]*)` \| [^|]* \|")


def said_defaults(section: str) -> dict[str, Any]:
    """What a key of a section means where it is left out, by its name; keys that are required are not among them."""
    rows = (_ROW.fullmatch(line) for line in (ROOT / "docs/settings.md").read_text(encoding="utf-8").splitlines())
    found = {row[1]: json.loads(row[2]) for row in rows if row}
    return {
        name.removeprefix(f"{section}."): value for name, value in found.items() if name.rpartition(".")[0] == section
    }
