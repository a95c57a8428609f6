"""Files that follow from tables in the code: `python tests/derived.py` writes them, tests/test_derived.py compares.

Each thing that is built in is declared in one place; its row in a page and its key in a schema are made from there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def forms_page(written: str) -> str:
    """docs/forms.md with the tables of forms that are read and written as the code declares them."""
    from diziner.commands.results_out import RESULTS
    from diziner.forms.table import FORMS
    from diziner.forms.writers import WRITERS

    head, _, rest = written.partition("| form | ")
    tail = rest[rest.index("## What a form leaves open\n") :]
    rows = [
        f"| `{own.name}` | {own.title} | {' '.join(own.endings) or '-'} | {f'`{own.example}`' if own.example else ''} |"
        for own in FORMS.values()
    ]
    table = ["| form | what it is | endings | looks like |", "| --- | --- | --- | --- |", *rows]
    between, _, rest = tail.partition("| `--to` | ")
    end = rest[rest.index("\n\n") :]
    written_rows = [
        f"| `{name}` | {own.title} | {own.ending or 'a folder'} | {f'`{own.read_as}`' if own.read_as else '-'} |"
        for name, own in WRITERS.items()
    ]
    written_rows += [f"| `{name}` | of a room's results: {title} | a file | - |" for name, title in RESULTS.items()]
    written_table = ["| `--to` | what is written | ending | read back by `--form` |", "| --- | --- | --- | --- |"]
    return head + "\n".join(table) + "\n\n" + between + "\n".join([*written_table, *written_rows]) + end


def agreement_schema(written: str) -> str:
    """The schema of agreement.json, with every measure."""
    from diziner.agreement import chance, pairwise  # noqa: F401 - they declare what is built in
    from diziner.agreement.measures import PAIR_MEASURES, SET_MEASURES

    schema = json.loads(written)
    bounded = {low: {"type": "number", "minimum": low, "maximum": 1} for low in (-1, 0)}
    own = [key for key in schema["required"] if key not in SET_MEASURES and schema["properties"][key] != bounded[-1]]
    properties = {key: schema["properties"][key] for key in own}
    properties["pairs"] |= {
        "required": list(PAIR_MEASURES),
        "properties": {
            name: {
                "type": "array",
                "minItems": 1,
                "items": {"type": "array", "minItems": 1, "items": bounded[measure.low]},
            }
            for name, measure in PAIR_MEASURES.items()
        },
    }
    properties |= {name: bounded[measure.low] for name, measure in SET_MEASURES.items()}
    whole = {"required": list(properties), "properties": {**properties, "common": schema["properties"]["common"]}}
    return schema_text(schema | whole)


def round_metrics_schema(written: str) -> str:
    """The schema of the figures of a round, with every measure that is there."""
    from diziner.agreement import chance, pairwise  # noqa: F401 - they declare what is built in
    from diziner.agreement.measures import PAIR_MEASURES, SET_MEASURES

    schema = json.loads(written)
    (
        first,
        *_,
    ) = schema["required"]
    others = schema["required"][schema["required"].index("hotspots") :]
    means = [measure.mean_as for measure in PAIR_MEASURES.values() if measure.mean_as]
    names = [first, *means, *SET_MEASURES, *others]
    figure = {"type": ["number", "null"]}
    return schema_text(schema | {"required": names, "properties": dict.fromkeys(names, figure)})


def final_metrics_schema(written: str) -> str:
    """The schema of metrics/final/*.json, with every headline figure."""
    from diziner.results.figures import COUNT, FIGURES, HEADLINE

    figures = {figure.name: figure.schema for figure in FIGURES}
    others = {name: schema for name, schema in figures.items() if name not in HEADLINE}
    usage = json.loads((ROOT / "diziner/schemas/model_usage.schema.json").read_text(encoding="utf-8"))
    properties = {
        **{name: figures[name] for name in HEADLINE},
        "agreement_by_round": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
        "figures": {
            "type": "array",
            "description": "all other figures: in a list, so that DVC makes no column of each",
            "items": {"type": "object", "properties": others, "required": list(others), "additionalProperties": False},
            "minItems": 1,
            "maxItems": 1,
        },
        "usage": {key: usage[key] for key in ("description", "type", "items")},
        "counts": {
            "type": "array",
            "description": "strict span counts of every scored test document: [id, gold, correct, predicted, the last "
            "two by round 0's guideline]",
            "items": {"type": "array", "items": [{"type": "string"}, *[COUNT] * 5], "minItems": 6, "maxItems": 6},
        },
    }
    return schema_text(json.loads(written) | {"required": list(properties), "properties": properties})


def summary_schema(written: str) -> str:
    """The schema of metrics/summary.json, with the figures of a row and the means."""
    from diziner.results.figures import COUNT, FIGURES, SHARE

    schema = json.loads(written)
    bare = {
        figure.name: {key: value for key, value in figure.schema.items() if key != "description"} for figure in FIGURES
    }
    shown = {figure.name: bare[figure.name] for figure in FIGURES if figure.in_summary}
    row = {"benchmark": {"type": "string"}, **shown, "usd": {**SHARE, "minimum": 0}}
    means = {figure.name: SHARE for figure in FIGURES if figure.averaged}
    over = {"documents": COUNT, "scored": COUNT}
    schema["properties"]["benchmarks"]["items"] |= {"properties": row, "required": list(row)}
    schema["properties"]["mean"] |= {"properties": means, "required": list(means)}
    schema["properties"]["over"]["items"] |= {"properties": over, "required": list(over)}
    return schema_text(schema)


def selection_schema(written: str) -> str:
    """The schema of final/selection.json, whose settings are entries of params `annotators`."""
    params = json.loads((ROOT / "diziner/schemas/params.schema.json").read_text(encoding="utf-8"))
    settings = without_descriptions(params["properties"]["annotators"]["additionalProperties"])
    schema = json.loads(written)
    schema["properties"]["settings"] = settings
    schema["properties"]["voters"]["additionalProperties"]["properties"]["settings"] = settings
    return schema_text(schema)


def without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        own = {key: value for key, value in schema.items() if key != "description" or not isinstance(value, str)}
        return {key: without_descriptions(value) for key, value in own.items()}
    return [without_descriptions(part) for part in schema] if isinstance(schema, list) else schema


def schema_text(schema: object) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def small_models_page(written: str) -> str:
    """docs/small-models.md with the table of the study's rows: by start, way of change and benchmark."""
    from perf.refinement_study import ARMS, rows_in

    def cell(change: dict[str, float]) -> str:
        said = f"{change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]"
        return f"**{said}**" if change["low"] > 0 or change["high"] < 0 else said

    found = rows_in(ROOT / "docs/refinement-study.jsonl")
    arms = list(ARMS)
    rows = [
        f"| {row['start']} | {SHOWN.get(row['arm'], row['arm'])} | {row['benchmark']} | "
        f"{' -> '.join(f'{part:.3f}' for part in row['agreement'])} | {' | '.join(map(cell, row['change'].values()))} |"
        for row in sorted(found, key=lambda row: (row["start"] != "terse", arms.index(row["arm"])))
    ]
    head, ruler, rest = written.partition("| --- | --- | --- | --- | --- | --- | --- |\n")
    *_, tail = rest.partition("\n\nRows: ")
    return head + ruler + "\n".join(rows) + "\n\nRows: " + tail


SHOWN = {"person": "a person's lines", "examples fixed": "examples"}


def _figures() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs/performance.json").read_text(encoding="utf-8"))
    return found


def performance_page(written: str) -> str:
    """docs/performance.md from the figures of the benches."""
    from perf.charts import page_of

    return page_of(_figures())


def chart(name: str) -> Callable[[str], str]:
    """What makes a chart of the figures of the benches."""

    def made(written: str) -> str:
        from perf.charts import svg_of

        return svg_of(_figures()["charts"][name])

    return made


# File -> what makes its text from what is written there.
DERIVED: dict[str, Callable[[str], str]] = {
    "docs/protocols.md": protocols_page,
    "docs/forms.md": forms_page,
    "diziner/schemas/benchmark.schema.json": benchmark_schema,
    "diziner/schemas/agreement.schema.json": agreement_schema,
    "diziner/schemas/round_metrics.schema.json": round_metrics_schema,
    "diziner/schemas/final_metrics.schema.json": final_metrics_schema,
    "diziner/schemas/summary.schema.json": summary_schema,
    "diziner/schemas/selection.schema.json": selection_schema,
    "docs/performance.md": performance_page,
    "docs/small-models.md": small_models_page,
    **{f"docs/performance/{name}.svg": chart(name) for name in _figures()["charts"]},
}


def derived(name: str) -> tuple[str, str]:
    """What a file holds, and what it would hold."""
    path = ROOT / name
    written = path.read_text(encoding="utf-8") if path.is_file() else ""  # a chart may be new
    return written, DERIVED[name](written)


def main() -> None:
    for name in DERIVED:
        written, made = derived(name)
        if made != written:
            (ROOT / name).parent.mkdir(exist_ok=True)
            (ROOT / name).write_text(made, encoding="utf-8")
            sys.stdout.write(f"{name}: made anew\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
