"""Counts of the house: rooms, arrows between them, circles, and how many stages an edit reruns.

Run it for the figures: `python tests/house.py`.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
STAGES = ROOT / "stages"
LIBRARY = ROOT / "diziner"

# From the ground up. A room imports from its own layer and from those below it.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"common"}),
    frozenset({"records", "layout"}),
    frozenset({"spans", "scoring", "agreement", "embedding", "prompting", "forms"}),
    frozenset({"guideline", "corpora", "endpoints", "prices", "scripted"}),
    frozenset({"annotator", "supervisor"}),
    frozenset({"settings", "pipeline", "results"}),
    frozenset({"llm", "repro", "compare", "report", "ablation", "standalone"}),
    frozenset({"stages", "rehearsal", "labelling", "doctor"}),
    frozenset({"commands"}),
    frozenset({"cli", "__main__", "__init__"}),  # __init__: the public names
)


def modules() -> list[Path]:
    """Every module of the library and of stages/."""
    return [path for folder in (LIBRARY, STAGES) for path in sorted(folder.rglob("*.py"))]


def room(path: Path) -> str:
    """The room of a module: stages, a folder of the library, or a loose module of it."""
    first, *inside = path.relative_to(ROOT).parts
    return first if first == "stages" else inside[0].removesuffix(".py")


@cache
def imported(path: Path) -> frozenset[Path]:
    """The project's modules that a module imports: inside functions and for types too."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] in {"stages", "diziner"}:
                base = ROOT / Path(*name.split("."))
                found |= {file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()}
    return frozenset(found - {path})


def reachable(*starts: Path) -> set[Path]:
    """All that modules import, directly or through others, themselves included."""
    seen: set[Path] = set()
    waiting = list(starts)
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += imported(current)
    return seen


def arrows() -> dict[tuple[str, str], list[str]]:
    """The imports from one room to another, by the two rooms; the public names in `__init__` are no room's."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in modules():
        for other in imported(path):
            if room(path) not in {room(other), "__init__"}:
                found[room(path), room(other)].append(f"{path.relative_to(ROOT)} -> {other.relative_to(ROOT)}")
    return found


def backward() -> list[str]:
    """The imports of a higher layer's room."""
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    return [line for (user, used), lines in arrows().items() if level[used] > level[user] for line in lines]


def circle(graph: Mapping[Hashable, Iterable[Hashable]]) -> list[str]:
    """One circle of a graph, if it has any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(node) for node in error.args[1]]
    return []


def shares() -> Counter[str]:
    """Each room's lines, in per mille of all."""
    lines = Counter[str]()
    for path in modules():
        lines[room(path)] += len(path.read_text(encoding="utf-8").splitlines())
    total = lines.total()
    return Counter({name: round(1000 * count / total) for name, count in lines.items()})


def stage_counts() -> Counter[str]:
    """How many stages the recorded run has of each script."""
    found = Counter[str]()
    for path in [ROOT / "dvc.lock", *ROOT.glob("data/*/dvc.lock")]:
        found += Counter(name.partition("@")[0] for name in yaml.safe_load(path.read_text(encoding="utf-8"))["stages"])
    return found


def reruns(digests: Mapping[str, Iterable[str]], counts: Mapping[str, int]) -> dict[str, int]:
    """How many stages an edit to each module reruns; `digests`: the files behind each stage script."""
    return {
        name: sum(counts[stage] for stage, files in digests.items() if name in files)
        for name in (path.relative_to(ROOT).as_posix() for path in modules())
    }


def main(_: Sequence[str]) -> None:
    from diziner.pipeline.code import code_behind, digests, stage_scripts

    behind = {name: digests(code_behind(script)) for name, script in stage_scripts().items()}
    counts = stage_counts()
    edits = reruns(behind, counts)
    graph: dict[Hashable, frozenset[Path]] = {path: imported(path) for path in modules()}
    name, share = shares().most_common(1)[0]
    rows = [
        ("modules", len(modules())),
        ("median lines", statistics.median(len(path.read_text().splitlines()) for path in modules())),
        ("rooms", len({room(path) for path in modules()})),
        ("arrows between rooms", len(arrows())),
        ("arrows back up", len(backward())),
        ("circles of modules", len(circle(graph)) and 1),
        ("modules in stages/", len(list(STAGES.glob("*.py")))),
        (f"largest room ({name})", f"{share / 10} %"),
        ("stages", counts.total()),
        ("stages rerun by an edit, mean of modules", round(statistics.mean(edits.values()), 1)),
        ("stages rerun by an edit, median of modules", statistics.median(edits.values())),
    ]
    sys.stdout.writelines(f"{label:45} {value}\n" for label, value in rows)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1:])
