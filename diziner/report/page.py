"""Page of the report: template, style, scripts and data in one HTML file that asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

READS = ("report/page",)

_FOLDER = Path(__file__).parent / "page"
# Each module stands after those it imports from.
SCRIPTS = (
    "dom",
    "format",
    "download",
    "tables",
    "charts",
    "plots",
    "correlation",
    "firstscreen",
    "texts",
    "choices",
    "decisions",
    "compare",
    "overview",
    "hotspots",
    "documents",
    "matrices",
    "guideline",
    "benchmark",
    "main",
)
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:function|const) (\w+))", re.MULTILINE)
# Also half surrogate pairs: JSON can hold them, UTF-8 cannot.
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def page_of(data: dict[str, Any]) -> str:
    """Return the HTML file with `data` in it. A strict policy allows the one style and the one script by their
    hashes."""
    script, style = _script(), _part("style.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "style": style, "script": script, "data": embedded(data)}
    # One pass: what looks like a place in the data stays text.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("page.html"))


def embedded(data: object) -> str:
    """Return JSON that cannot end its script element or be read as markup, whatever it holds.

    >>> embedded({"text": "</script>"})
    '{"text":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _script() -> str:
    return "\n" + "\n".join(_module(name, _part(f"{name}.js")) for name in SCRIPTS)


def _module(name: str, text: str) -> str:
    """Return a module as a function that is called at once, so that names stay its own: imports from files cannot work
    in a file that stands alone."""
    exported = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = module_\2;", text))
    return f"const module_{name} = (() => {{\n{body}return {{ {exported} }};\n}})();"


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
