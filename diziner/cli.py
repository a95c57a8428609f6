"""`diziner`: the commands for people. Stages are run by DVC."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from diziner.common.errors import run_main
from diziner.common.unseen import refuse_unseen
from diziner.common.version import VERSION
from diziner.common.words import meant
from diziner.layout import enter_project

COMMANDS = {
    "init": "lay a new project in a folder; bring one of an earlier version up to date",
    "new": "make a room for texts of your own",
    "data": "check which benchmarks are at hand; put them into the pipeline or out of it",
    "use": "make a server's models, or a profile, the active settings (params.yaml)",
    "status": "say of each room whether its figures are those of what is in the project now, and if not, why",
    "summary": "print the table of all rooms' figures",
    "report": "build report.html, the whole run as one page, without DVC",
    "diff": "say which scores moved between two revisions, by more than noise or not, and what else changed",
    "gate": "fail if scores got worse than is allowed, by more than noise, or cannot be trusted",
    "guideline": "show what changed between two guidelines; check that every line shows what caused it",
    "label": "label a corpus of any size by a guideline",
    "refine": "show a round's conflicts and take a person's decisions about them",
    "ablate": "run variants of the settings in copies of the project and compare them",
    "transfer": "say whether a refined guideline carries over to other models and to paraphrased prompts",
    "weights": "fetch the weights of local models, once for all checkouts",
    "responses": "export, import, verify, clean up and record the answers of models",
    "verify": "read outputs, DVC's cache, tapes, store and weights, and hold every byte against the lock files",
    "bundle": "put a run into one file to cite (an RO-Crate), without texts that may not be passed on; verify one",
    "repro": "bring the pipeline up to date like `dvc repro`, with many stages at once",
    "exp": "run with other settings and keep what came out as an experiment of DVC",
    "score": "score predictions against gold: plain files, anywhere, under one or all of nine protocols",
    "agree": "measure the agreement of annotators without gold: plain files, anywhere",
    "batch": "ask in batches at a lower price: send what all stages lack, see how it stands, collect the answers",
    "plan": "say what a run would ask of models and what it would cost, before it does",
    "export": "write labels in the form of another tool: Label Studio, doccano, Prodigy, spaCy, brat and others",
    "check-endpoint": "list an endpoint's models and send one tiny request to each of yours: key, schema, seed, cost",
    "doctor": "check the installation: versions, weights, keys, answers, DVC, git; say how to mend what is wrong",
    "completion": "print a script by which bash, zsh or fish complete commands, options and names",
    "fake-server": "serve scripted models over HTTP, to rehearse a run without a model",
}
EXIT_CODES = "exit codes: 0 done, 1 our bug or a failed gate, 2 something given is wrong or missing, 3 a model failed"


def main() -> None:
    """Run a command line; the entry point of the console script."""
    run_main(lambda: _run(sys.argv[1:]))


class _Parser(argparse.ArgumentParser):
    """A parser that asks of a misspelt command, action, option or choice whether a similar one was meant."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += meant(str(value), map(str, action.choices or ()))
            raise

    def parsed(self, words: Sequence[str]) -> argparse.Namespace:
        """Return what the words of a command line say."""
        if any(word in COMMANDS for word in words):  # else it is the command that is misspelt
            self._refuse(self._misspelt(words))  # before the option is missed that it stands for
        found, unknown = self.parse_known_args(words)
        self._refuse(unknown)
        return found

    def _misspelt(self, words: Sequence[str]) -> list[str]:
        """Return the words that are options of no command here, nor the beginning of one."""
        known = tuple(_options(self))
        given = takewhile("--".__ne__, words)
        names = {word: word.partition("=")[0] for word in given if word.startswith("--") and " " not in word}
        return [word for word, name in names.items() if not any(option.startswith(name) for option in known)]

    def _refuse(self, unknown: Sequence[str]) -> None:
        if unknown:
            option = next((word.partition("=")[0] for word in unknown if word.startswith("--")), "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant(option, _options(self)) if option else ''}")


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the long options of a parser and of those below it."""
    for action in parser._actions:
        yield from (option for option in action.option_strings if option.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _options(below)


def _run(words: list[str]) -> None:
    refuse_unseen(words, "arguments")  # in a name of a file they would break messages, and outputs that name it
    named = next((word for word in words if not word.startswith("-")), None)
    options = _parser([named] if named else []).parsed(words)
    options.whole_parser = lambda: _parser(COMMANDS)
    if options.in_project:
        enter_project(Path.cwd())
    options.run(options)


def _parser(loaded: Iterable[str]) -> _Parser:
    """Return the parser of all commands; those of `loaded` have their options. Only these are imported, so that
    `diziner --help` stays quick."""
    parser = _Parser(
        prog="diziner",
        description="Data-versioned evaluation of zero-shot named entity recognition.",
        epilog=f"`diziner COMMAND --help` shows a command's options and an example. {EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"diziner {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        added = commands.add_parser(name, help=text, description=text)
        if name in loaded:
            module = importlib.import_module(f"diziner.commands.{name.replace('-', '_')}")
            module.arguments(added)
            # Commands on plain files say IN_PROJECT = False: they run anywhere, in the folder the user stands in.
            added.set_defaults(run=module.run, in_project=getattr(module, "IN_PROJECT", True))
    return parser
