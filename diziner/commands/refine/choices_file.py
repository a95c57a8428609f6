"""Files of choices to fill in: each conflict with its cases as comments, and its decision if there is one."""

from __future__ import annotations

from collections.abc import Mapping

from diziner.commands.refine.conflicts import Conflicts
from diziner.commands.refine.screens import told
from diziner.common.yamlfile import dump_yaml


def choices_text(room: str, conflicts: Conflicts, decided: Mapping[str, str]) -> str:
    """Return the text of a file of choices (choices.schema.json) with every conflict of a round, in order, and behind
    them decisions about parts and kinds of it."""
    blocks = [
        f"# Conflicts of {room}, round {conflicts.round}. Write a decision behind the colon, in your own words or one\n"
        "# of the answers above it; what has none is left as it is. Then:\n"
        f"# diziner refine {room} --round {conflicts.round} --choices FILE\n"
    ]
    known = {cluster.name for cluster in conflicts.clusters}
    for cluster in conflicts.clusters:
        shown = "".join(f"# {line}".rstrip() + "\n" for line in told(conflicts, cluster).split("\n"))
        answers = "; ".join(f"{option} is right" for option, _ in cluster.options)
        blocks.append(f"{shown}#\n# {answers}\n{_entry(cluster.name, decided.get(cluster.name))}")
    others = [name for name in dict.fromkeys(conflicts.spellings().values()) if name in decided and name not in known]
    if others:
        blocks.append("# Decided besides\n" + "".join(_entry(name, decided[name]) for name in others))
    return "\n".join(blocks) if conflicts.clusters or others else f"{blocks[0]}{{}}\n"


def _entry(name: str, decision: str | None) -> str:
    text = dump_yaml({name: decision}, width=float("inf"))
    return text.replace(": null\n", ":\n") if decision is None else text
