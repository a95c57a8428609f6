"""Wrong arguments: every option and word of every command, with odd numbers, names and paths in its place."""

from __future__ import annotations

import argparse
import importlib
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from attack.command_line import Place, ended, judged
from attack.findings import Attempt, Case, Finding, Part
from attack.places import LABEL, ODD_NAMES, empty_project, finished_project
from attack.reviewed import reviewed

# A harmless command line of each command and subcommand. What odd values are put into.
BASES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("init",): ("fresh",),
    ("new",): ("mine", "--from", "letters.jsonl", "--types", "PER,LOC"),
    ("data", "check"): ("conll2003",),
    ("data", "link"): ("conll2003",),
    ("data", "unlink"): ("conll2003",),
    ("data", "convert"): ("ace2005", "--from", "letters.jsonl", "--into", "converted"),
    ("data", "pilots"): ("conll2003",),
    ("use",): ("embedded",),
    ("summary",): (),
    ("report",): ("--to", "page.html"),
    ("diff",): ("HEAD",),
    ("gate",): ("--base", "HEAD"),
    ("guideline", "diff"): ("conll2003:0", "conll2003:1"),
    ("guideline", "verify"): ("conll2003",),
    ("label",): (*LABEL, "--dry"),
    ("refine",): ("conll2003",),
    ("ablate",): ("no-goal", "--show"),
    ("weights",): ("fetch", "nobody"),
    ("responses", "export"): ("answers.jsonl",),
    ("responses", "import"): ("letters.jsonl",),
    ("responses", "requests"): ("conll2003", "--out", "requests.jsonl"),
    ("responses", "verify"): (),
    ("responses", "gc"): (),
    ("responses", "record"): ("conll2003",),
    ("responses", "convert"): ("data/conll2003/tape.jsonl",),
    ("repro",): ("--dry",),
    ("score",): ("--gold", "gold.conll", "--pred", "pred.conll"),
    ("agree",): ("gold.conll", "pred.conll"),
    ("batch", "submit"): ("conll2003",),
    ("batch", "status"): (),
    ("batch", "collect"): (),
    ("batch", "cancel"): ("all",),
    ("batch", "forget"): ("all",),
    ("plan",): ("conll2003",),
    ("export",): ("conll2003", "--to", "csv", "--out", "out.csv"),
    ("check-endpoint",): ("scripted",),
    ("doctor",): ("--quick",),
    ("verify",): ("conll2003",),
    ("bundle",): ("--out", "run.zip"),
    ("bundle", "verify"): ("run.zip",),
    ("fake-server",): ("--fault", "nobody=1"),  # else it would serve for ever
}
FAILING = ("gate", "guideline", "doctor")  # exit code 1 is an answer of theirs
_NOT_ALONE = ("repro", "fake-server")  # a whole run, a server
_SHARED = {"--form", "--columns", "--scheme", "--spans", "--labels"}  # of five commands, tried by turns
_SKIPPED = {"--open", "--wait"}  # a browser, a wait
_FOLDERS = {"a folder": "data", "a file as a folder": "letters.jsonl/x"}
PATHS = {
    **{f"a file named {name!r}": name for name in ODD_NAMES},
    **_FOLDERS,
    "missing": "missing.jsonl",
    "empty": "",
    "a dash": "-",
    "home": "~/missing.jsonl",
    "300 letters": "x" * 300,
    "escape": "\x1b[2J.jsonl",
    "no UTF-8": "\udcff.jsonl",
    "upwards": "../missing.jsonl",
    "a file of another kind": "page.png",
}
NAMES = {
    "unknown": "nobody",
    "empty": "",
    "blank": " ",
    "upwards": "../conll2003",
    "with a slash": "conll2003/",
    "upper case": "CONLL2003",
    "escape": "\x1b[2Jconll2003",
    "300 letters": "x" * 300,
    "a path": "data/conll2003",
    "two lines": "conll2003\nerror: x",
    "no UTF-8": "\udcff",
    "a number": "-1",
    "a colon": ":",
    "commas": ",,",
    "equals": "=",
}
NUMBERS = {
    "a word": "x",
    "empty": "",
    "NaN": "nan",
    "infinity": "inf",
    "minus one": "-1",
    "zero": "0",
    "a half": "0.5",
    "1e9": "1e9",
    "huge": "9" * 30,
    "underscore": "1_0",
    "another digit": "９",
}
_WHOLE_LINES: dict[str, tuple[str, ...]] = {
    "unknown option": ("--nobody",),
    "one word more": ("nobody", "nobody", "nobody"),
    "an empty word": ("",),
    "help of it": ("--help",),
    "dashes": ("--",),
}


def parsers() -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every command and subcommand with its parser."""
    from diziner.cli import COMMANDS

    for name in COMMANDS:
        parser = argparse.ArgumentParser(prog=f"diziner {name}")
        importlib.import_module(f"diziner.commands.{name.replace('-', '_')}").arguments(parser)
        subs = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        if subs:
            yield from (((name, sub), own) for sub, own in subs[0].choices.items())
        else:
            yield (name,), parser


def cases(seed: int) -> list[Case]:
    """Every command with every odd value for each of its options and words."""
    lines: list[tuple[str, tuple[str, ...], str, str]] = []
    for words, parser in parsers():
        base = BASES.get(words, ())
        for name, more in _WHOLE_LINES.items():
            lines.append((name, (*words, *base, *more), " ".join(words), "line"))
        if words[0] not in _NOT_ALONE:
            lines.append(("no arguments", words, " ".join(words), "line"))
        lines.append(("outside of a project", (*words, *base), " ".join(words), "outside"))
        lines.append(("before anything has run", (*words, *base), " ".join(words), "fresh"))
        positional = 0
        for action in parser._actions:
            if isinstance(action, argparse._HelpAction) or _SKIPPED & {*action.option_strings}:
                continue
            at = f"{' '.join(words)} {action.option_strings[0] if action.option_strings else action.dest}"
            if action.nargs == 0:
                lines.append(("the flag", (*words, *base, action.option_strings[0]), at, "line"))
                continue
            place = positional if not action.option_strings else None
            positional += place is not None
            for turn, (name, value) in enumerate(_values(action).items()):
                if _SHARED & {*action.option_strings} and (turn + len(words[0]) + seed) % 4:
                    continue
                lines.append((name, (*words, *_with(base, action, place, value)), at, "line"))
    return [
        Case(number, f"{at}: {name}: diziner {shlex.join(words)[:200]!r} ({where})", (name, words, at, where))
        for number, (name, words, at, where) in enumerate(lines)
    ]


def _values(action: argparse.Action) -> dict[str, str]:
    """The odd values for an option: paths, numbers or names, as its type says."""
    kind = getattr(action.type, "__qualname__", "")
    if "number." in kind or "whole." in kind or action.type in (int, float):
        return NUMBERS
    return NAMES if action.type is None or kind == "named" else PATHS


def _with(base: Sequence[str], action: argparse.Action, place: int | None, value: str) -> list[str]:
    """A command line with a value in its place, as one word where an option takes it."""
    words = list(base)
    if place is not None:
        words[place : place + 1] = [value]
        return words
    option = action.option_strings[0]
    if option in words:
        del words[words.index(option) : words.index(option) + 2]
    if action.nargs == "+":
        return [*words, option, value]
    return [*words, f"{option}={value}" if option.startswith("--") else f"{option}{value}"]


def prepared(folder: Path) -> Attempt:
    """Stand in a finished project, in one where nothing has run, or in none."""
    places = {
        "line": Place(finished_project(), folder / "project"),
        "fresh": Place(empty_project(), folder / "fresh"),
    }
    (folder / "whole").mkdir()
    places["outside"] = Place(folder / "whole", folder / "outside")

    def attempt(given: tuple[str, tuple[str, ...], str, str]) -> Finding:
        name, words, at, where = given
        place = places[where]
        finding = judged(ended(place.folder, *words), failing=words[0] in FAILING)
        if finding.verdict == "refused" and (changed := place.changed()):
            finding = Finding("wrong", f"refused, and changed {', '.join(changed[:3])}: {finding.detail}")
        place.restore()
        subprocess.run(["rm", "-rf", str(place.folder.with_name("missing.jsonl"))], check=True)  # written upwards
        if (
            finding.verdict == "accepted"
            and where == "line"
            and name not in (*_WHOLE_LINES, "the flag", "no arguments")
        ):
            return finding if reviewed("commands", at, name) else Finding("unreviewed", name)
        return finding

    return attempt


PART = Part("commands", cases, prepared, least=115, brief=20, limit_s=90.0)
