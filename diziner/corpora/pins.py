"""Published pilot sets (`data/NAME/pilots.yaml`): ids by round, so that everybody compares on the same documents.

Which documents an embedder chooses may change with its version; a published choice does not. The digest of the
pool tells whether the ids mean the same documents.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import dump_line
from diziner.common.words import counted
from diziner.common.yamlfile import dump_yaml, read_yaml
from diziner.records.documents import Document, document_row

_HEADER = """\
# Published pilot sets: the ids of each round's documents, used where corpus.pilot.pins is true, and the digest of the
# pool that they are from. `diziner data pilots {name} --write` writes this file. Without rounds, sets are drawn.
"""


@dataclass(frozen=True, slots=True)
class Pins:
    """Published pilot sets: `rounds[k]` are the ids of round k, `pool` is the digest of the pool; none are published
    where `rounds` is empty. `where` is the file, for errors."""

    pool: str
    rounds: tuple[tuple[str, ...], ...]
    where: str


def read_pins(path: Path) -> Pins:
    """Read a room's published sets.

    Errors: UserError for a file that breaks `pilots.schema.json`.
    """
    value = read_yaml(path, "pilots")
    return Pins(value["pool"] or "", tuple(map(tuple, value["rounds"])), str(path))


def pins_text(name: str, pool: str, rounds: Iterable[Sequence[str]]) -> str:
    """Return the file for a benchmark; for no rounds one that publishes nothing.

    Ids are in quotes: no reader of YAML takes them for numbers or dates.
    """
    rows = [f"- {dump_yaml(list(ids), flow=True, quoted=True, width=math.inf)}" for ids in rounds]
    head = f"pool: {pool}\nrounds:\n" if rows else "pool: null\nrounds: []\n"
    return _HEADER.format(name=name) + head + "".join(rows)


def pool_digest(pool: Iterable[Document]) -> str:
    """Return the SHA-256 of a pool's documents, whatever their order."""
    digest = hashlib.sha256()
    for document in sorted(pool, key=lambda document: document.id):
        digest.update(f"{dump_line(document_row(document))}\n".encode())
    return digest.hexdigest()


def pinned_sets(
    pins: Pins, pool: Sequence[Document], test: Collection[str], rounds: int, size: int, fixed: bool
) -> tuple[tuple[Document, ...], ...]:
    """Return the published sets of `rounds` rounds, documents in the file's order; if `fixed`, round 0's for all.

    `pool` are the documents that may be in a pilot set, `test` the ids of the whole test split.

    Errors: UserError for another pool, fewer rounds, sets of another size than `size`, and ids that are doubled,
    unknown, or of the test split.
    """
    found = pool_digest(pool)
    if found != pins.pool:
        raise UserError(
            f"{pins.where}: pool: the sets are from the pool {pins.pool[:12] or 'without digest'}, this one is "
            f"{found[:12]} ({counted(len(pool), 'document')}); get the same data, set corpus.pilot.pins to false, or "
            "publish sets of this pool with `diziner data pilots`"
        )
    wanted = 1 if fixed else rounds
    if len(pins.rounds) < wanted:
        raise UserError(
            f"{pins.where}: rounds: {counted(len(pins.rounds), 'set')} published, {wanted} needed; publish more with "
            "`diziner data pilots`, lower the rounds, or set corpus.pilot.pins to false"
        )
    by_id = {document.id: document for document in pool}
    taken: dict[str, int] = {}
    for number, ids in enumerate(pins.rounds[:wanted]):
        where = f"{pins.where}: round {number}"
        if len(ids) != size:
            raise UserError(
                f"{where}: {counted(len(ids), 'document')} published, corpus.pilot.documents is {size}; make the two "
                "equal, or set corpus.pilot.pins to false"
            )
        for identifier in ids:
            if identifier in taken:
                raise UserError(f"{where}: {identifier!r} is in round {taken[identifier]} already; an id occurs once")
            if identifier not in by_id:
                reason = "is a test document" if identifier in test else "is no document of the pool"
                raise UserError(f"{where}: {identifier!r} {reason}; take it out")
            taken[identifier] = number
    sets = tuple(tuple(by_id[identifier] for identifier in ids) for ids in pins.rounds[:wanted])
    return sets * rounds if fixed else sets
