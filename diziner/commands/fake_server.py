"""`diziner fake-server`: scripted models over HTTP, to rehearse a run without a model."""

from __future__ import annotations

import argparse

from diziner.scripted.dialects import DIALECTS
from diziner.scripted.server import options, serve

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    options(parser)
    parser.epilog = (
        "example: diziner fake-server --port 8080 --any-model --fault rate_limit=0.1. "
        "The address that is said speaks OpenAI's protocol and takes whatever comes. In place of its /v1, "
        f"/NAME speaks as that provider does: {', '.join(DIALECTS)} (docs/providers.md)."
    )


def run(chosen: argparse.Namespace) -> None:
    """Serve until interrupted."""
    serve(chosen)
