"""`diziner weights fetch [MODEL…]`: bring the weights of local models and of the embedder to this machine."""

from __future__ import annotations

import argparse
import sys

from diziner.endpoints.weights import fetch
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("action", choices=["fetch"])
    parser.add_argument("models", metavar="MODEL", nargs="*", help="names in params weights; all if none is given")
    parser.epilog = "example: diziner weights fetch smollm2-135m-instruct-q4_1"


def run(options: argparse.Namespace) -> None:
    """Fetch and verify; weights that are there already are left alone."""
    weights = load_settings().weights
    for model in options.models or sorted(weights):
        paths = fetch(model, weights, lambda line: void(sys.stderr.write(f"{line}\n")))
        size = sum(path.stat().st_size for path in paths)
        sys.stdout.write(f"{model}: {size / 1e6:.0f} MB, verified, ready\n")


def void(_: object) -> None:
    """Take a value and give none."""
