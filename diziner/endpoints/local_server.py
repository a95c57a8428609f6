"""Server of one local model, on loopback in this process or in one that a run keeps for its stages.

    python -m diziner.endpoints.local_server WEIGHTS THREADS CONTEXT PREFIXES PLACE RUN

serves until the lock on the file RUN is free: it is the run's, which ends with it however the run ends. Its base URL
is in PLACE while it holds the lock on the file beside it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import write_text
from diziner.endpoints.prefix_files import BLOCK

LOCK = ".lock"


def start(weights: Path, threads: int, context: int, prefixes: Path) -> Any:
    """Start a server in this process; it ends with what is returned. `prefixes` is the folder of its prefix files.

    One slot, and nothing kept in memory beside it: what a request finds there is for `diziner.endpoints.slot` to say.
    Errors: UserError if the runtime refuses the file.
    """
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights)
    settings.n_ctx = context
    settings.n_parallel = 1
    settings.n_batch = settings.n_ubatch = BLOCK
    settings.cache_ram_mib = 0
    settings.slot_save_path = f"{prefixes}{os.sep}"
    settings.cpuparams.n_threads = threads
    settings.cpuparams_batch.n_threads = threads
    settings.verbosity = 0
    settings.port = 0
    settings.warmup = False
    try:
        return xllamacpp.Server(settings)
    except RuntimeError as error:
        raise UserError(f"{weights}: the local model server did not start: {error}") from None


def main() -> None:
    """Serve for a run: see the module."""
    weights, threads, context, prefixes, place, run = sys.argv[1:]
    with Path(place).with_suffix(LOCK).open("ab") as held, Path(run).open("ab") as of_run:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            server = start(Path(weights), int(threads), int(context), Path(prefixes))
        except UserError as error:
            sys.exit(str(error))
        write_text(Path(place), json.dumps({"url": server.listening_address, "process": os.getpid()}))
        fcntl.flock(of_run, fcntl.LOCK_SH)
        # What the runtime still computes is for nobody.
        os._exit(0)


if __name__ == "__main__":
    main()
