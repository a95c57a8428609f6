"""Files that follow from tables in the code: `python tests/derived.py` writes them, tests/test_derived.py compares.

Each thing that is built in is declared in one place; its row in a page and its key in a schema are made from there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def protocols_page(written: str) -> str:
    """docs/protocols.md with the table and the sections of the protocols as the code declares them."""
    from diziner.scoring.protocols import PROTOCOLS

    head, _, rest = written.partition("| protocol | ")
    between, _, rest = rest.partition("## The protocols\n")
    tail = rest[rest.index("## Scores by type\n") :]
    rows = [f"| `{name}` | {own.unit} | {own.correct} | {own.used_by} |" for name, own in PROTOCOLS.items()]
    table = ["| protocol | a unit is | correct if | used by |", "| --- | --- | --- | --- |", *rows]
    sections = [f"### {name}\n\n{own.section}\n" for name, own in PROTOCOLS.items()]
    assert re.fullmatch(r"(?s)a unit is.*\|\n\n", between), "nothing but the table stands there"
    return head + "\n".join(table) + "\n\n## The protocols\n\n" + "\n".join(sections) + "\n" + tail


def benchmark_schema(written: str) -> str:
    """The schema of cards, with the keys of every source that is built in."""
    from diziner.corpora.sources import SOURCES

    schema = json.loads(written)
    layout = {key: {"$ref": f"#/definitions/{key}"} for key in ("columns", "labels", "label_map", "expected")}
    how = {"description": "Where to get the data and where to put them.", "type": "string", "minLength": 1}
    schema["properties"]["sources"] = {
        "type": "object",
        "minProperties": 1,
        "properties": {
            name: {
                "type": "object",
                "additionalProperties": False,
                "required": list(own.required),
                "properties": {**own.options, **({"how": how, **layout} if own.has_layout else {})},
            }
            for name, own in SOURCES.items()
        },
        # Of a plug-in, which checks what is its own.
        "additionalProperties": {"type": "object", "properties": {"how": how, **layout}},
    }
    return schema_text(schema)


def schema_text(schema: object) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


# File -> what makes its text from what is written there.
DERIVED: dict[str, Callable[[str], str]] = {
    "docs/protocols.md": protocols_page,
    "diziner/schemas/benchmark.schema.json": benchmark_schema,
}


def derived(name: str) -> tuple[str, str]:
    """What a file holds, and what it would hold."""
    written = (ROOT / name).read_text(encoding="utf-8")
    return written, DERIVED[name](written)


def main() -> None:
    for name in DERIVED:
        written, made = derived(name)
        if made != written:
            (ROOT / name).write_text(made, encoding="utf-8")
            sys.stdout.write(f"{name}: made anew\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
