"""`diziner completion SHELL`: a script by which bash, zsh or fish complete commands, options and names of a project.

The script knows commands and options itself; for names (rooms, annotators, endpoints) it asks `completion --names`,
which imports nothing that takes time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.layout import PARAMS, project_root, room_names

IN_PROJECT = False

SHELLS = ("bash", "zsh", "fish")
_WHERE = {
    "bash": "~/.local/share/bash-completion/completions/diziner",
    "zsh": '"${fpath[1]}/_diziner"',
    "fish": "~/.config/fish/completions/diziner.fish",
}
_OF_SETTINGS = {"annotators": "annotators", "endpoints": "endpoints", "weights": "weights"}  # kind -> section
_BESIDES = {"annotator": ("selected",), "voters": ("coalition", "pool")}  # what `label` takes beside annotators

# What a word of the command line is: by what it is called in the help, or by its command and where it goes.
_FILE, _DIRECTORY, _REVISION = "file", "directory", "revision"
_BY_METAVAR = {
    "BENCHMARK": "rooms",
    "ROOM": "rooms",
    "TARGET": "rooms",
    "ROOM|FILE": "rooms",
    "VARIANT": "variants",
    "FILE": _FILE,
    "FILE.md": _FILE,
    "PATH": _FILE,
    "DIR": _DIRECTORY,
    "FOLDER": _DIRECTORY,
    "REV": _REVISION,
}
_BY_NAME = {
    ("label", "annotator"): "annotator",
    ("label", "annotators"): "voters",
    ("check-endpoint", "endpoints"): "endpoints",
    ("use", "profile"): "profiles",
    ("ablate", "names"): "variants",
    ("ablate", "benchmark"): "rooms",
    ("ablate", "profile"): "profiles",
    ("weights", "models"): "weights",
    ("diff", "old"): _REVISION,
    ("diff", "new"): _REVISION,
    ("responses", "file"): _FILE,
    ("bundle", "file"): _FILE,
}
# A function for each kind, as the scripts can call none with words. The program as it was typed answers: another one of
# that name may be on the PATH, or none.
_NAMES_OF = {
    "bash": '_diziner_KIND() { compgen -W "$("${COMP_WORDS[0]}" completion --names KIND 2>/dev/null)" -- "$1"; }',
    "zsh": '_diziner_KIND() { compadd -- ${(f)"$(${~${(z)LBUFFER}[1]} completion --names KIND 2>/dev/null)"} }',
    "fish": "function _diziner_KIND\n  set -l words (commandline -opc)\n"
    "  $words[1] completion --names KIND 2>/dev/null\nend",
}
_GIT = "git for-each-ref --format='%(refname:short)' 2>/dev/null"
_REVISIONS = {
    "bash": f'_diziner_revision() {{ compgen -W "HEAD $({_GIT})" -- "$1"; }}',
    "zsh": f'_diziner_revision() {{ compadd -- HEAD ${{(f)"$({_GIT})"}} }}',
    "fish": f"function _diziner_revision\n  echo HEAD\n  {_GIT}\nend",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("shell", nargs="?", choices=SHELLS, help="whose completion; the script goes to standard output")
    parser.add_argument("--names", choices=sorted(_NAMES), metavar="KIND", help=argparse.SUPPRESS)
    where = ", ".join(f"{shell}: {path}" for shell, path in _WHERE.items())
    parser.epilog = f"example: diziner completion bash (write it once, then open a new shell; {where})"


def run(options: argparse.Namespace) -> None:
    """Print the script, or with `names` the names of a kind, a line each; none where there is no project.

    Errors: UserError without either.
    """
    if options.names:
        sys.stdout.writelines(f"{name}\n" for name in _names(options.names))
        return
    if options.shell is None:
        raise UserError(f"SHELL: is missing; allowed: {', '.join(SHELLS)}")
    import shtab

    whole: argparse.ArgumentParser = options.whole_parser()
    _attach(whole, options.shell)
    functions = [_NAMES_OF[options.shell].replace("KIND", kind) for kind in _NAMES]
    preamble = "\n".join([*functions, _REVISIONS[options.shell]])
    sys.stdout.write(shtab.complete(whole, options.shell, preamble=preamble) + "\n")


def _names(kind: str) -> list[str]:
    try:
        os.chdir(project_root(Path.cwd()))
        return _NAMES[kind]()
    except UserError:  # nobody who presses Tab wants to read one
        return []


def _of_params(section: str, besides: Sequence[str] = ()) -> list[str]:
    from diziner.common.yamlfile import read_yaml

    value = read_yaml(PARAMS).get(section)
    return [*besides, *(sorted(map(str, value)) if isinstance(value, Mapping) else ())]


def _profiles() -> list[str]:
    from diziner.ablation.profiles import profile_files

    return sorted(profile_files())


def _variants() -> list[str]:
    from diziner.ablation.variants import load_variants

    return sorted(load_variants())


_NAMES: dict[str, Callable[[], list[str]]] = {
    "rooms": room_names,
    "profiles": _profiles,
    "variants": _variants,
    **{kind: partial(_of_params, section) for kind, section in _OF_SETTINGS.items()},
    **{kind: partial(_of_params, "annotators", more) for kind, more in _BESIDES.items()},
}


def _attach(parser: argparse.ArgumentParser, shell: str) -> None:
    """Say of each word of the command line what completes it."""
    import shtab

    paths = {_FILE: shtab.FILE[shell], _DIRECTORY: shtab.DIRECTORY[shell]}
    for command, action in actions(parser):
        kind = _BY_NAME.get((command, action.dest)) or _BY_METAVAR.get(str(action.metavar))
        if kind and not action.choices:
            called = f"(_diziner_{kind})" if shell == "fish" else f"_diziner_{kind}"
            action.complete = {shell: paths.get(kind, called)}


def actions(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every word and option of a parser and of those below it, with the command that it belongs to."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from actions(below, command or name)
        else:
            yield command, action
