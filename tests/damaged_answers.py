"""Stores, tapes and exports damaged by chance, and what is read from them: `python tests/damaged_answers.py [CASES]`.

Each is either refused in one line, or gives the answers that were kept and no others. A store may lack answers: those
are asked anew.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from earlier_stores import GUIDELINE, answer, asked, earlier

from diziner.common.errors import UserError
from diziner.llm.rows import Row, row_digest
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape, write_export, write_tape
from diziner.prompting.request import Refusal, Reply, Response

COUNT = 120
Change = Callable[[Path, random.Random], None]


def kept() -> list[Row]:
    """What is kept before the damage: answers, one of several pages, refusals and responses that are none."""
    rows: list[Row] = []
    for number in range(COUNT):
        request = asked(number, GUIDELINE if number % 3 else "Mark names.")
        text = f'{{"entities": [{number}]}}' * (400 if number == 7 else 1)
        reply: Reply = Response(text, "stop", "m", "fp", 9, 4, 0.25)
        if number % 10 == 1:
            reply = Refusal("too_long", f"{number} tokens", 400)
        if number % 10 == 2:
            reply = Response('{"ent', "length")
        rows.append((request.key, request.canonical(), reply))
    return sorted(rows, key=lambda row: row[0])


def flip(count: int) -> Change:
    def change(path: Path, chance: random.Random) -> None:
        data = bytearray(path.read_bytes())
        for _ in range(count):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)

    return change


def cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def zeros(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data))
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    path.write_bytes(data)


def pages_exchanged(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    one, other = (4096 * number for number in chance.sample(range(1, len(data) // 4096), 2))
    data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], data[one : one + 4096]
    path.write_bytes(data)


def execute(*statements: str) -> Change:
    """Statements about the rows of two keys, :a and :b."""

    def change(path: Path, chance: random.Random) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.create_function("row_digest", 2, row_digest)
            keys = [row[0] for row in connection.execute("SELECT key FROM responses ORDER BY key")]
            chosen = dict(zip("ab", chance.sample(keys, 2), strict=True))
            for statement in statements:
                connection.execute(statement, chosen if ":" in statement else {})
            connection.commit()

    return change


OTHER = "FROM responses other WHERE other.key = :b"
STORE: dict[str, Change] = {
    "a bit": flip(1),
    "20 bits": flip(20),
    "cut": cut,
    "zeros": zeros,
    "pages exchanged": pages_exchanged,
    "edited": execute("UPDATE responses SET reply = replace(reply, '[', '[1') || ' ' WHERE key = :a"),
    "another's reply": execute(f"UPDATE responses SET reply = (SELECT reply {OTHER}) WHERE key = :a"),
    "another's row": execute(f"UPDATE responses SET (reply, digest) = (SELECT reply, digest {OTHER}) WHERE key = :a"),
    "a failure called an answer": execute("UPDATE responses SET rank = 2"),
    "another's base": execute("UPDATE bases SET request = replace(request, 'mention', 'name')"),
    "half migrated": execute("PRAGMA user_version = 1"),
    "half migrated, no rows": execute("ALTER TABLE responses RENAME TO earlier"),
    "layout unknown": execute("PRAGMA user_version = 0"),
    "doubled": execute(
        "CREATE TABLE more AS SELECT * FROM responses",
        "DROP TABLE responses",
        "ALTER TABLE more RENAME TO responses",
        "INSERT INTO responses SELECT own.id, own.key, other.rank, other.base, other.request, other.reply, "
        "row_digest(own.key, other.reply) FROM responses own, responses other WHERE own.key = :a AND other.key = :b",
    ),
}


def lines(change: Callable[[list[str], random.Random], object]) -> Change:
    def changed(path: Path, chance: random.Random) -> None:
        held = path.read_text().splitlines(keepends=True)
        change(held, chance)
        path.write_text("".join(held))

    return changed


def doubled(held: list[str], chance: random.Random) -> None:
    held.insert(chance.randrange(1, len(held)), chance.choice(held[1:]))


def edited(held: list[str], chance: random.Random) -> None:
    number = chance.choice([n for n, line in enumerate(held) if "entities" in line])
    held[number] = held[number].replace("[", f"[{chance.randrange(10)}", 1)


def exchanged(held: list[str], chance: random.Random) -> None:
    one, other = chance.sample(range(len(held)), 2)
    held[one], held[other] = held[other], held[one]


def halves(held: list[str], chance: random.Random) -> None:
    held[0] = held[0].replace('"tape": 2', '"tape": 1')


TAPE: dict[str, Change] = {
    "a bit": flip(1),
    "20 bits": flip(20),
    "cut": cut,
    "zeros": zeros,
    "doubled row": lines(doubled),
    "missing row": lines(lambda held, chance: held.pop(chance.randrange(len(held)))),
    "edited row": lines(edited),
    "rows exchanged": lines(exchanged),
    "half converted": lines(halves),
}
BYTES = ("a bit", "20 bits", "cut", "zeros")


def cases(count: int) -> Iterator[tuple[str, str, int]]:
    """(file, damage, seed), all kinds in turn."""
    kinds = [("store", name) for name in STORE] + [("tape", name) for name in TAPE]
    kinds += [(file, name) for file in ("export", "journal", "earlier store") for name in BYTES]
    for number in range(count):
        yield (*kinds[number % len(kinds)], number)


def originals(folder: Path) -> list[Row]:
    """Make a whole one of each; the rows in it."""
    rows = kept()
    with closing(ResponseStore(folder / "store")) as store:
        store.put_rows(rows)
    write_tape(folder / "tape", {"recorded": "2026-01-01"}, rows)
    write_export(folder / "export.zst", {}, lambda: rows)
    earlier(folder / "earlier", COUNT)
    return rows


def outcome(originals_in: Path, rows: list[Row], file: str, damage: str, seed: int) -> str:
    """`refused`, `whole`, `some missing`, or WRONG with what is wrong."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if file in {"tape", "export"}:
            path = folder / ("tape" if file == "tape" else "export.zst")
            shutil.copy(originals_in / path.name, path)
            TAPE[damage](path, chance)
            return _of_tape(path, rows)
        right = {key: reply for key, _, reply in rows}
        path = folder / "store"
        if file == "earlier store":
            shutil.copy(originals_in / "earlier", path)
            right = _earlier_replies()
            STORE[damage](path, chance)
        elif file == "journal":
            # As a process leaves it that was killed: half of the rows are in the journal alone.
            store = ResponseStore(folder / "live")
            store.put_rows(rows[: COUNT // 2])
            store.close()
            store.put_rows(rows[COUNT // 2 :])
            for ending in ("", "-wal"):
                shutil.copy(folder / f"live{ending}", folder / f"store{ending}")
            store.close()
            STORE[damage](folder / "store-wal", chance)
        else:
            shutil.copy(originals_in / "store", path)
            STORE[damage](path, chance)
        return _of_store(path, right)


def _earlier_replies() -> dict[str, Reply]:
    return {asked(number).key: answer(number) for number in range(COUNT)}


def _of_tape(path: Path, rows: list[Row]) -> str:
    try:
        return "whole" if read_tape(path) == rows else "WRONG rows of a tape"
    except UserError as error:
        return "refused" if "\n" not in str(error) else f"WRONG message {error}"


def _of_store(path: Path, right: dict[str, Reply]) -> str:
    said, found = False, 0
    for keys in ([key] for key in right):
        with closing(ResponseStore(path, busy_s=0.1)) as store:
            try:
                for key, reply in store.get(keys).items():
                    if reply != right[key] or (isinstance(reply, Response) and reply.failure):
                        return f"WRONG answer to {key}"
                    found += 1
            except UserError as error:
                said = True
                if "\n" in str(error):
                    return f"WRONG message {error}"
    with closing(ResponseStore(path, busy_s=0.1)) as store:
        try:
            for key, _, reply in store.rows():
                if reply != right[key]:
                    return f"WRONG row {key}"
            store.verify()
        except UserError:
            said = True
    answers = sum(not (isinstance(reply, Response) and reply.failure) for reply in right.values())
    return "refused" if said else "whole" if found == answers else "some missing"


def main() -> None:
    """Count what became of each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        rows = originals(Path(name))
        for file, damage, seed in cases(count):
            found = outcome(Path(name), rows, file, damage, seed)
            counts.setdefault(f"{file}, {damage}", Counter())[found] += 1
    for kind, by_name in counts.items():
        sys.stdout.write(f"{kind:<40}{', '.join(f'{name} {number}' for name, number in sorted(by_name.items()))}\n")
    wrong = sum(number for by_name in counts.values() for name, number in by_name.items() if name.startswith("WRONG"))
    sys.stdout.write(f"{count} damaged: {wrong} with a wrong answer, row or message\n")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
