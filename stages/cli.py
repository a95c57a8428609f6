"""`diziner`: the commands for people. Stages are run by DVC."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from stages.errors import UserError, run_main

COMMANDS = {
    "new": "make a room for texts of your own",
    "data": "check which benchmarks are at hand; put them into the pipeline or out of it",
    "use": "make a profile the active settings (params.yaml)",
    "summary": "print the table of the last run",
    "weights": "fetch the weights of local models, once for all checkouts",
    "responses": "export, import, verify, clean up and record the answers of models",
    "plan": "say what a run would ask of models and what it would cost, before it does",
    "fake-server": "serve scripted models over HTTP, to rehearse a run without a model",
}
EXIT_CODES = "exit codes: 0 done, 1 our bug or a failed gate, 2 something given is wrong or missing, 3 a model failed"


def main() -> None:
    """Entry point of the console script."""
    run_main(lambda: _run(sys.argv[1:]))


def _run(words: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="diziner",
        description="Data-versioned evaluation of zero-shot named entity recognition.",
        epilog=f"`diziner COMMAND --help` shows a command's options and an example. {EXIT_CODES}",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = next((word for word in words if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        added = commands.add_parser(name, help=text, description=text)
        # Only the named command is imported: `diziner --help` stays quick.
        if name == named:
            module = importlib.import_module(f"stages.commands.{name.replace('-', '_')}")
            module.arguments(added)
            added.set_defaults(run=module.run)
    options = parser.parse_args(words)
    os.chdir(project_root(Path.cwd()))
    options.run(options)


def project_root(start: Path) -> Path:
    """The nearest folder upward that holds dvc.yaml and stages/.

    Errors: UserError if there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "stages").is_dir():
            return folder
    raise UserError(f"{start}: not inside a diziner project (no dvc.yaml with stages/ here or above)")
