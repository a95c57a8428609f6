"""`diziner weights fetch [MODEL…]`: bring the weights of local models and of the embedder to this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from diziner.common.errors import UserError
from diziner.layout import enter_project, files_of, project_root, weights_path
from diziner.llm.weights import fetch
from diziner.settings import Settings, load_settings

IN_PROJECT = False
_SHIPPED = Path(__file__).parents[1] / "profiles" / "embedded.yaml"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("action", choices=["fetch"])
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="*",
        help="names in params weights (outside of a project: of the profile embedded); all, if none",
    )
    parser.epilog = "example: diziner weights fetch smollm2-135m-instruct-q4_1"


def run(options: argparse.Namespace) -> None:
    """Fetch and verify; weights that are there already are left alone."""
    weights = _settings().weights
    for model in options.models or sorted(weights):
        paths = fetch(model, weights, lambda line: void(sys.stderr.write(f"{line}\n")))
        size = sum(path.stat().st_size for path in paths)
        sys.stdout.write(f"{model}: {size / 1e6:.0f} MB, verified, ready\n")


def not_here(models: Iterable[str], settings: Settings) -> list[str]:
    """Return those models whose weights the settings name and this machine has not got, sorted."""
    files = {model: files_of(settings.weights[model]) for model in models if model in settings.weights}
    return sorted(
        model for model, own in files.items() if not all(weights_path(*file).exists() for file in own.items())
    )


def _settings() -> Settings:
    """Return the project's settings; outside of a project those of the profile whose models are embedded."""
    try:
        project_root(Path.cwd())
    except UserError:
        return load_settings(_SHIPPED)
    enter_project(Path.cwd())
    return load_settings()


def void(_: object) -> None:
    """Take a value and give none."""
