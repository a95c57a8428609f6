"""Broken YAML and record files: every file that is read, broken in every way, before the commands that read it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attack.command_line import Place, ended, judged
from attack.findings import Attempt, Case, Finding, Part
from attack.mutations import JSON, YAML
from attack.places import LABEL, finished_project
from attack.reviewed import reviewed

ROOM = "data/conll2003"
CHECK = ("data", "check", "conll2003")
REPORT = ("report", "--to", "page.html")


@dataclass(frozen=True, slots=True)
class Reader:
    """A file of a project and a command that reads it.

    `failing`: exit code 1 is one of the command's answers. `tolerant`: the command is there for broken files, and says
    what is wrong without failing; nothing is asked of what it accepts. `naming`: it may do without a broken file, if
    it names it.
    """

    path: str
    words: tuple[str, ...]
    failing: bool = False
    tolerant: bool = False
    naming: bool = False


YAML_READERS = (
    Reader("params.yaml", CHECK),
    Reader("params.yaml", ("label", *LABEL, "--dry")),
    Reader("params.yaml", ("use", "embedded"), tolerant=True),
    Reader("params.yaml", ("doctor", "--quick"), tolerant=True),
    Reader("profiles/mine.yaml", ("use", "mine")),
    Reader(f"{ROOM}/guideline.yaml", ("guideline", "diff", f"{ROOM}/guideline.yaml", "conll2003:1", "--json")),
    Reader(f"{ROOM}/guideline.yaml", ("label", *LABEL, "--dry")),
    Reader(f"{ROOM}/guideline.terse.yaml", CHECK),
    Reader(f"{ROOM}/rounds/r1/guideline.yaml", ("guideline", "verify", "conll2003"), failing=True),
    Reader(f"{ROOM}/benchmark.yaml", CHECK),
    Reader(f"{ROOM}/benchmark.yaml", ("stages.corpus", "conll2003")),
    Reader(f"{ROOM}/pilots.yaml", ("stages.corpus", "conll2003")),
    Reader("choices.yaml", ("refine", "conll2003", "--choices", "choices.yaml")),
    Reader("metrics/gates.yaml", ("gate",), failing=True),
    Reader("data/published.yaml", ("summary", "--paper")),
    Reader("data/published.yaml", REPORT),
    Reader("diziner/ablation/variants.yaml", ("variants",)),
)
RECORD_READERS = (
    Reader(f"{ROOM}/corpus/manifest.json", ("summary", "--paper")),
    Reader(f"{ROOM}/corpus/pilot/r0.jsonl", ("stages.disagree", "conll2003", "--round", "0")),
    Reader(f"{ROOM}/corpus/test.jsonl", ("stages.predict", "conll2003", "--guideline", "initial")),
    Reader(f"{ROOM}/corpus/gold.jsonl", ("stages.score", "conll2003")),
    Reader(f"{ROOM}/rounds/r0/annotations/scripted_eager.jsonl", ("stages.disagree", "conll2003", "--round", "0")),
    Reader(f"{ROOM}/rounds/r0/agreement.json", ("stages.select", "conll2003")),
    Reader(f"{ROOM}/rounds/r0/agreement.json", ("stages.refine", "conll2003", "--round", "1")),
    Reader(f"{ROOM}/rounds/r0/disagreements.json", ("stages.refine", "conll2003", "--round", "1")),
    Reader(f"{ROOM}/rounds/r1/disagreements.json", ("refine", "conll2003")),
    Reader(f"{ROOM}/rounds/r0/hotspots.jsonl", REPORT, naming=True),
    Reader(f"{ROOM}/rounds/r0/confusion.json", REPORT, naming=True),
    *(
        Reader(f"{ROOM}/{path}", REPORT, naming=True)
        for path in (
            *("rounds/r0/agreement.json", "rounds/r0/disagreements.json", "rounds/r1/refinement.json"),
            *("rounds/r0/annotations/scripted_eager.jsonl", "rounds/r0/usage/scripted_shy.jsonl"),
            *("corpus/pilot/r0.jsonl", "corpus/test.jsonl", "corpus/gold.jsonl"),
            *("final/predictions.selected.jsonl", "final/selection.json", "final/scores.json"),
        )
    ),
    Reader("metrics/final/conll2003.json", REPORT, naming=True),
    Reader(f"{ROOM}/rounds/r1/refinement.json", ("guideline", "verify", "conll2003"), failing=True),
    Reader(f"{ROOM}/rounds/r0/tallies/scripted_shy.json", ("summary",)),
    Reader(f"{ROOM}/rounds/r0/usage/scripted_shy.jsonl", ("responses", "gc")),
    Reader(f"{ROOM}/final/selection.json", ("stages.predict", "conll2003", "--guideline", "selected")),
    Reader(f"{ROOM}/final/predictions.selected.jsonl", ("stages.summary",)),
    Reader(f"{ROOM}/final/scores.json", ("stages.summary",)),
    Reader("metrics/final/conll2003.json", ("stages.summary",)),
    Reader("metrics/summary.json", ("summary",), naming=True),
    Reader("metrics/correlation.json", ("summary", "--correlation")),
    Reader("metrics/final/conll2003.json", ("gate",), failing=True),
    Reader("labels/manifest.json", ("label", *LABEL)),
    Reader("labels/manifest.json", ("export", "labels", "--to", "prodigy", "--out", "out.jsonl")),
    Reader(
        "data/conll2003/rounds/r1/annotations/scripted_shy.jsonl",
        ("export", "conll2003", "--to", "csv", "--out", "o.csv"),
    ),
)


def cases(seed: int) -> list[Case]:
    """Every reader of YAML with every mutation, then every reader of records with half of those of JSON."""
    pairs: list[tuple[Reader, str]] = [(reader, name) for reader in YAML_READERS for name in YAML]
    records = [(reader, name) for reader in RECORD_READERS for name in JSON]
    pairs += [pair for number, pair in enumerate(records) if (number + seed) % 2]
    return [
        Case(number, f"{reader.path}, {name}, read by {' '.join(reader.words)}", (reader, name, f"{seed} {number}"))
        for number, (reader, name) in enumerate(pairs)
    ]


def prepared(folder: Path) -> Attempt:
    """Stand in a copy of a finished project."""
    place = Place(finished_project(), folder / "project")

    def attempt(given: tuple[Reader, str, str]) -> Finding:
        reader, name, seed = given
        kind = YAML if reader in YAML_READERS else JSON
        data = kind[name]((place.whole / reader.path).read_bytes(), random.Random(seed))
        place.put(reader.path, data)
        named = False
        if reader.words[0] == "variants":
            finding = read(place, reader)
        else:
            done = ended(place.folder, *reader.words)
            finding = judged(done, reader.failing)
            named = reader.naming and reader.path in done.out + done.err
        changed = [path for path in place.changed() if path != "attacked"]
        if (place.folder / "attacked").exists():
            finding = Finding("wrong", "a tag of the file ran a program")
        if finding.verdict == "refused" and changed:
            finding = Finding("wrong", f"refused, and changed {', '.join(changed[:3])}: {finding.detail}")
        place.restore()
        if finding.verdict == "accepted" and not (reader.tolerant or named):
            return accepted(reader, name, data, kind is YAML)
        return finding

    return attempt


def read(place: Place, reader: Reader) -> Finding:
    """Read variants, which the code takes from its own folder, from the project's."""
    from diziner.ablation.variants import load_variants, overrides
    from diziner.common.errors import UserError
    from diziner.common.yamlfile import read_yaml

    try:
        variants = load_variants(place.folder / reader.path)
        params = read_yaml(place.whole / "params.yaml")
        for variant in variants:
            try:
                overrides(variant, variants, params)
            except UserError as error:
                if "needs" not in str(error):
                    raise
    except UserError as error:
        return Finding("refused" if "\n" not in str(error) else "wrong", str(error))
    return Finding("accepted")


def accepted(reader: Reader, name: str, data: bytes, is_yaml: bool) -> Finding:
    """Judge what was accepted: DVC reads the same in it, and the mutation is one that leaves a file in order."""
    if is_yaml and (told := unlike(data)):
        return Finding("wrong", told)
    at = f"{reader.path} {' '.join(reader.words)}"
    return Finding("accepted" if reviewed("yaml" if is_yaml else "records", at, name) else "unreviewed")


def unlike(data: bytes) -> str:
    """Say what two parsers of YAML read otherwise, PyYAML and the one of DVC; nothing if they read the same."""
    import yaml
    from ruamel import yaml as ruamel

    text = data.decode()
    ours: Any = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for pure in (False, True):  # the parser in C, and the one of machines without it
        try:
            theirs = ruamel.YAML(typ="safe", pure=pure).load(text)
        except (ruamel.error.YAMLError, ValueError) as error:
            return f"accepted, and DVC cannot read it: {' '.join(str(error).split())[:200]}"
        if repr(ours) != repr(theirs):
            return "accepted, and DVC reads another value in it"
    return ""


PART = Part("yaml", cases, prepared, least=800, brief=40, limit_s=120.0)
