"""Arguments of stage scripts: the same few everywhere, checked where settings are at hand."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.remote import Place, Remote, is_url
from diziner.layout import project_root
from diziner.pipeline.code import check_code

_HELP: dict[str, dict[str, Any]] = {
    "benchmark": {"help": "name of a room in data/"},
    "--annotator": {"required": True, "help": "name in params annotators"},
    "--round": {"required": True, "type": int, "help": "round number, from 0"},
    "--guideline": {
        "required": True,
        "choices": ["selected", "initial"],
        "help": "which guideline to predict by",
    },
}


def stage_arguments(script: str, description: str | None, *names: str) -> argparse.Namespace:
    """Parse the command line of a stage that takes the arguments of these names; `script` is its `__file__`.

    Errors: UserError if the code behind the stage is not what DVC takes it for.
    """
    check_code(script)
    parser = argparse.ArgumentParser(description=description)
    for name in names:
        parser.add_argument(name, **_HELP[name])
    return parser.parse_args()


def given_path(text: str) -> Path:
    """Return a path as the caller means it: from the folder they stand in, while commands run in the project's root.

    Paths inside the project come back relative to its root; outside of one, all stay as they are given.
    Errors: UserError for an empty word, which would be the folder that they stand in.
    """
    if not text:
        raise UserError("an empty word stands where a path is meant; write . for the present folder")
    try:
        path, root = Path(text).absolute(), project_root(Path.cwd())
    except UserError:
        return Path(text)
    return path.relative_to(root) if path.is_relative_to(root) else path


def given_place(text: str) -> Place:
    """Return a path as `given_path` does, or the file or folder elsewhere that a URL names."""
    return Remote(text) if is_url(text) else given_path(text)
