"""Earlier stores: taken over whole or not at all, whenever the process dies; requests that share text take little."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from earlier_stores import GUIDELINE, answer, asked, earlier

from diziner.common.errors import UserError
from diziner.llm.ledger import spent
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Response


def layout(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found


@pytest.mark.parametrize("digests", [True, False])
def test_a_store_of_an_earlier_form_is_taken_over(
    tmp_path: Path, digests: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier(tmp_path / "store", 40, digests)
    before = (tmp_path / "store").stat().st_size
    store = ResponseStore(tmp_path / "store")
    expected = {asked(n).key: answer(n) for n in range(40)}
    assert store.get(list(expected)) == expected
    assert f"{store.path}: bringing the response store to layout 2, once" in capsys.readouterr().err
    assert {key: (request, reply) for key, request, reply in store.rows()} == {
        asked(n).key: (asked(n).canonical(), answer(n)) for n in range(40)
    }
    assert store.apply([spent]) == [int(digests)]
    store.put(asked(40), answer(40))
    assert store.verify() == 41
    store.close()
    assert (tmp_path / "store").stat().st_size < before / 4
    assert ResponseStore(tmp_path / "store").verify() == 41
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE responses SET response = replace(response, '[7]', '[8]')",
        "UPDATE responses SET request = replace(request, 'd7', 'd8')",
        "UPDATE responses SET response = '[]', digest = NULL",
        "UPDATE responses SET request = '{', digest = NULL",
    ],
)
def test_a_damaged_store_of_an_earlier_form_stays_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "store"
    earlier(path, 10)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
        before = list(connection.iterdump())
    store = ResponseStore(path)
    with pytest.raises(UserError, match="the response store is damaged"):
        store.get([asked(1).key])
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
    assert layout(path) == 1


def test_numbers_that_no_provider_can_mean_do_not_cost_the_answer(tmp_path: Path) -> None:
    earlier(tmp_path / "store", 2)
    with closing(sqlite3.connect(tmp_path / "store")) as connection:
        connection.execute("UPDATE responses SET response = replace(response, '0.25', '-100'), digest = NULL")
        connection.commit()
    assert ResponseStore(tmp_path / "store").get([asked(1).key]) == {
        asked(1).key: Response('{"entities": [1]}', "stop", "model-1-0824", "fp_1", 10, 4, None)
    }


MIGRATE = """
import sys
from pathlib import Path
from diziner.llm.store import ResponseStore
sys.stdout.write("go\\n")
sys.stdout.flush()
ResponseStore(Path(sys.argv[1])).get(["a"])
"""


def test_killed_half_way_the_old_store_is_whole(tmp_path: Path) -> None:
    path, moments, seen = tmp_path / "store", random.Random(5), set()
    earlier(path, 3000)
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    whole = path.read_bytes()
    longest = 0.3
    for _ in range(8):
        path.write_bytes(whole)
        process = subprocess.Popen(
            [sys.executable, "-c", MIGRATE, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0, longest))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        seen.add(layout(path))
        if layout(path) == 1:
            with closing(sqlite3.connect(path)) as connection:
                assert list(connection.iterdump()) == before
        store = ResponseStore(path)
        assert store.verify() == 3000
        store.close()
    assert 1 in seen


def test_two_processes_take_over_at_once(tmp_path: Path) -> None:
    earlier(tmp_path / "store", 2000)
    words = [sys.executable, "-c", MIGRATE, str(tmp_path / "store")]
    processes = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert ResponseStore(tmp_path / "store").verify() == 2000


def test_what_requests_share_is_stored_once(tmp_path: Path) -> None:
    """Also where works take turns, and where the guideline changes in its middle."""
    store = ResponseStore(tmp_path / "store")
    texts = [GUIDELINE, GUIDELINE.replace("leave out", "keep", 1), GUIDELINE[::-1]]
    rows = [(r.key, r.canonical(), answer(n)) for n in range(600) for r in [asked(n, texts[n % 3])]]
    for start in range(0, 600, 50):
        store.put_rows(rows[start : start + 50])
    assert sorted(store.rows()) == sorted(rows)
    [bases] = store.read(lambda c: c.execute("SELECT count(*) FROM bases").fetchone())
    assert bases <= 3
    [size] = store.read(lambda c: c.execute("SELECT sum(length(request)) FROM responses").fetchone())
    assert size < 600 * 150


def test_long_texts_with_little_in_common_are_kept_too(tmp_path: Path) -> None:
    chance, store = random.Random(1), ResponseStore(tmp_path / "store")
    texts = ["Mark names. " * 50 + "".join(chance.choices("abcdefghij ", k=9000)) for _ in range(30)]
    rows = [(r.key, r.canonical(), answer(n)) for n, text in enumerate(texts) for r in [asked(n, text)]]
    store.put_rows(rows)
    assert sorted(store.rows()) == sorted(rows)
    store.remove([key for key, _, _ in rows[:29]])
    assert store.verify() == 1
    [bases] = store.read(lambda c: c.execute("SELECT count(*) FROM bases").fetchone())
    assert bases == 1
