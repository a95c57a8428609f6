"""`diziner fake-server`: scripted models behind the OpenAI protocol, to rehearse a run without a model."""

from __future__ import annotations

import argparse

from diziner.scripted.server import options, serve

IN_PROJECT = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    options(parser)
    parser.epilog = "example: diziner fake-server --port 8080 --latency 0.5 --fault rate_limit=0.1"


def run(chosen: argparse.Namespace) -> None:
    """Serve until interrupted."""
    serve(chosen)
