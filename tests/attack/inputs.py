"""Fuzzed inputs: small files of every form, broken by chance, before every command that reads files of people.

What is read all the same must be read the same by whoever reads it: a file held against itself is right in every
mention, and arrays give what rows give.
"""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from form_samples import SAMPLES, TEXT
from labelled_rows import rows

from attack.command_line import Ended, Place, ended, judged
from attack.findings import Attempt, Case, Finding, Part
from attack.mutations import BYTES, JSON_SCALARS, Change, replaced
from attack.places import empty_project

COUNT = 1200
COMMANDS = ("score", "score", "against", "agree", "label", "new", "check")
# What stands in place of one field of a line.
FIELDS = {
    "O": "O",
    "B-": "B-",
    "a tag of another scheme": "E-PER",
    "a long type": f"I-{'X' * 50_000}",
    "6000 digits": "9" * 6000,
    "-1": "-1",
    "NaN": "nan",
    "NUL": "\0",
    "escape": "\x1b[2J",
    "no-break space": "a\u00a0b",
    "zero width": "\u200b",
    "direction": "\u202eabc",
    "combined": "e" + "\u0301" * 500,
    "emoji": "\U0001f469\u200d\U0001f680",
    "a tab": "a\tb",
    "a carriage return": "a\rb",
    "next line": "a\x85b",
    "quotes": '"a""b',
    "markup": "<x a='1'>&amp;&#0;</x>",
    "entity": "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    "half": "\\ud83d",
    "nothing": "",
}
_FIELD = re.compile(rb"([^\s,\t]+)")
_JSON_VALUE = re.compile(rb"[:\[,]\s*(\"(?:[^\"\\]|\\.)*\"|-?\d[\d.eE+-]*|true|false|null)(?=\s*[,}\]])")
_MARK = re.compile(rb"(?<=>)([^<>]+)(?=<)")
_WHOLE = {"100000 braces", "closed brackets", "100000 brackets", "zeros", "random bytes"}


@cache
def changes() -> dict[str, Change]:
    """All ways to break an input."""
    return {
        **BYTES,
        **{f"field {name}": replaced(_FIELD, text) for name, text in FIELDS.items()},
        **{f"text {name}": replaced(_MARK, text) for name, text in FIELDS.items()},
        **{f"value {name}": replaced(_JSON_VALUE, text) for name, text in JSON_SCALARS.items()},
    }


def names_for(name: str) -> list[str]:
    """The changes that a file of this name can show something by."""
    kind = "value" if ".json" in name else "text" if name.endswith(".xml") else "field"
    return [each for each in changes() if each.split()[0] in (kind, "field") or each in BYTES]


def samples() -> list[tuple[str, str]]:
    """A form and the name of a file of each sample, in a fixed order."""
    plain = [(form, f"{number}/{name}") for number, (form, name, _, _) in enumerate(SAMPLES)]
    made = [("text", "a.txt"), ("parquet", "a.parquet"), ("brat", "brat/x.ann"), ("datasets", "hf/state.json")]
    # Of many rows, so that one broken one is read among sound ones: half of all.
    many = [("columns", "many.conll"), ("json", "many.jsonl"), ("csv", "many.csv"), ("json", "own.jsonl")]
    return plain + made + many * (len(plain + made) // len(many))


def make_samples(folder: Path) -> None:
    """Write the sample files."""
    from diziner.forms.exported import exported
    from diziner.forms.writers import WRITERS

    for number, (_, name, content, _) in enumerate(SAMPLES):
        path = folder / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    (folder / "a.txt").write_text(f"{TEXT}.\nLars sleeps.\n")
    many = [row for row in rows(40) if row["tokens"]]
    for form, name in {"conll": "many.conll", "doccano": "many.jsonl", "csv": "many.csv", "hf": "hf"}.items():
        WRITERS[form].write(folder / name, map(exported, many))
    WRITERS["brat"].write(folder / "brat_made", map(exported, many))
    (folder / "brat").mkdir()
    (folder / "brat/x.txt").write_text(f"{TEXT}\n")
    (folder / "brat/x.ann").write_text("T1\tPER 0 4\tMara\nT2\tLOC 14 18\tOslo\n")
    (folder / "own.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in many))
    import polars

    polars.DataFrame({"tokens": [["Mara", "sings"]], "ner_tags": [["B-PER", "O"]]}).write_parquet(folder / "a.parquet")


def cases(seed: int) -> list[Case]:
    """Samples in turn, each broken by one change to three, before the commands in turn."""
    chance = random.Random(seed)
    files, made = samples(), []
    for number in range(COUNT):
        form, path = files[number % len(files)]
        ways = chance.sample(names_for(path), chance.choice((1, 1, 1, 2, 3)))
        ways = [way for way in ways if way not in _WHOLE] or ways[:1]
        command = COMMANDS[(number // len(files) + number) % len(COMMANDS)]
        made.append(
            Case(number, f"{command} of {form} {path}: {', '.join(ways)}", (command, path, ways, number + seed))
        )
    return made


def prepared(folder: Path) -> Attempt:
    """Stand in a project without rooms, with the samples beside it."""
    place = Place(empty_project(), folder / "project")
    make_samples(folder / "samples")

    def attempt(given: tuple[str, str, list[str], int]) -> Finding:
        command, path, ways, seed = given
        below = folder / "case"
        shutil.rmtree(below, ignore_errors=True)
        one = copied(folder / "samples", below / "one", path)
        other = copied(folder / "samples", below / "two", path)
        for file in (one,) if command == "against" else (one, other):
            chance, data = random.Random(seed), file.read_bytes()
            for way in ways:
                data = changes()[way](data, chance) if data else data
            file.write_bytes(data)
        if path.startswith("hf/"):  # a form that is a folder
            one, other = one.parent, other.parent
        finding = tried(place, command, one, other)
        if finding.verdict == "refused" and (changed := place.changed()):
            finding = Finding("wrong", f"refused, and changed {', '.join(changed[:3])}: {finding.detail}")
        place.restore()
        return finding

    return attempt


def copied(samples_in: Path, below: Path, path: str) -> Path:
    """Copy a sample, with the files that belong to it."""
    source, target = samples_in / path, below / path
    if path.startswith(("hf/", "brat/")):
        shutil.copytree(source.parent, target.parent)
    else:
        target.parent.mkdir(parents=True)
        shutil.copy2(source, target)
    return target


def tried(place: Place, command: str, one: Path, other: Path) -> Finding:
    """Run a command on a broken file and judge what it says."""
    if command == "check":
        return checked(place, one)
    words = {
        "score": ("score", "--gold", str(one), "--pred", str(other), "--samples", "20", "--protocol", "all"),
        "against": ("score", "--gold", str(other), "--pred", str(one), "--samples", "20"),
        "agree": ("agree", str(one), str(renamed(other))),
        "label": ("label", "--guideline", "data/conll2003/guideline.yaml", "--annotator", "qwen_plain"),
        "new": ("new", "mine", "--from", str(one), "--types", "PER,LOC"),
    }[command]
    if command == "label":
        words = (*words, "--in", str(one), "--out", str(one.parent / "out"), "--dry")
    done = ended(place.folder, *words)
    finding = judged(done)
    if finding.verdict != "accepted":
        return finding
    told = {"score": same, "against": between, "agree": agreed, "label": planned, "new": laid}[command](
        done, place, one
    )
    return Finding("wrong", told) if told else finding


def renamed(path: Path) -> Path:
    """Another name for an annotator's file."""
    target = path.with_name(f"b{path.name}")
    path.rename(target)
    if target.suffix == ".ann":
        path.with_suffix(".txt").rename(target.with_suffix(".txt"))
    return target


def checked(place: Place, one: Path) -> Finding:
    """Give the file as a benchmark's local test documents."""
    if one.is_dir():
        return judged(ended(place.folder, "data", "check", "conll2003", "--local", str(one)))
    room = one.parent / "local" / "conll2003"
    room.mkdir(parents=True)
    for name in ("pilot", "test"):
        shutil.copy2(one, room / f"{name}.jsonl")
    return judged(ended(place.folder, "data", "check", "conll2003", "--local", str(room.parent)))


def numbers(value: Any) -> Iterator[float]:
    """Every number of a JSON value."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


def printed(done: Ended) -> Any:
    """The JSON that a command printed, strictly read."""

    def refuse(name: str) -> float:
        raise ValueError(f"{name} in what was printed")

    return json.loads(done.out, parse_constant=refuse)


def same(done: Ended, place: Place, one: Path) -> str:
    """Say what is wrong with the scores of a file against itself."""
    from diziner.commands.score import scored
    from diziner.forms.choices import Choices
    from diziner.scoring.protocols import PROTOCOLS
    from diziner.standalone.files import read_plain

    found = printed(done)
    strict = found["predictions"][0]["protocols"]["strict"]
    if not strict["correct"] == strict["gold"] == strict["predicted"]:
        return f"of {strict['gold']} mentions {strict['correct']} are right in the same file"
    if strict["gold"] and strict["f1"] != 1.0:
        return f"F1 {strict['f1']} of a file against itself"
    files = [read_plain(one, Choices()) for _ in range(2)]
    by_rows = scored(files, None, list(PROTOCOLS), False, 20, 13)
    if json.loads(json.dumps(by_rows["predictions"][0]["protocols"])) != found["predictions"][0]["protocols"]:
        return "rows give other scores than arrays"
    return ""


def between(done: Ended, place: Place, one: Path) -> str:
    """Say what is wrong with scores of a broken file against the whole one."""
    strict = printed(done)["predictions"][0]["protocols"]["strict"]
    if strict["correct"] > min(strict["gold"], strict["predicted"]) or not 0 <= strict["f1"] <= 1:
        return f"impossible: {strict['correct']} right of {strict['gold']} and {strict['predicted']}, F1 {strict['f1']}"
    return ""


def agreed(done: Ended, place: Place, one: Path) -> str:
    """Say what is wrong with the agreement of a file and its copy."""
    found = printed(done)
    if not all(math.isfinite(number) for number in numbers(found)):
        return "a number that is none"
    overall = found["agreement"]["overall"]
    return f"two copies of a file agree by {overall}" if overall != 1.0 and found["hotspots"] else ""


def planned(done: Ended, place: Place, one: Path) -> str:
    """Say what is wrong with the plan of a labelling."""
    return "" if re.match(r"[\d,]+ documents? in [\d,]+ shards?", done.out) else f"no plan: {done.out[:200]!r}"


def laid(done: Ended, place: Place, one: Path) -> str:
    """Say what is wrong with the room that was made."""
    text = (place.folder / "data/mine/texts.jsonl").read_text(encoding="utf-8")
    for row in map(json.loads, filter(None, text.split("\n"))):  # U+0085 and the like end no line
        for start, end, *_ in row.get("spans") or []:
            if not 0 <= start < end <= len(row["tokens"]):
                return f"a mention outside of its document: {row}"[:300]
    return ""


PART = Part("inputs", cases, prepared, least=1000, brief=20, limit_s=90.0)
