"""The response store: nothing is lost, nothing is silently asked again, several processes get along."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import earlier_stores
import pytest
from doctor_place import require_permissions, unprivileged
from earlier_stores import earlier

from diziner.common.errors import UserError
from diziner.llm import deltas
from diziner.llm.ledger import book, reserve, reserved, spending_of, spent
from diziner.llm.rows import row_digest
from diziner.llm.store import ResponseStore, opened_for_reading
from diziner.llm.tables import keep
from diziner.prices import Price
from diziner.prompting.request import Message, ModelSettings, Request, Response

ANSWER = Response('{"entities": []}', "stop", "model-1-0824", "fp_1", 10, 4, 0.25)
CUT = Response('{"ent', "length")


def asked(number: int = 0) -> Request:
    return Request("openai", ModelSettings("here", "model-1", seed=number), (Message("user", "Müller 日本"),))


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path / "deep" / "store.sqlite", busy_s=0.2)


def test_what_is_put_is_got_back_also_by_another_process(store: ResponseStore) -> None:
    assert store.get([asked().key]) == {}
    assert not store.path.exists()
    store.put(asked(), ANSWER)
    assert store.get([asked().key, asked(1).key]) == {asked().key: ANSWER}
    code = (
        "import sys, pathlib; from diziner.llm.store import ResponseStore; "
        "sys.stdout.write(ResponseStore(pathlib.Path(sys.argv[1])).get([sys.argv[2]])[sys.argv[2]].text)"
    )
    done = subprocess.run([sys.executable, "-c", code, store.path, asked().key], capture_output=True, text=True)
    assert done.stdout == ANSWER.text, done.stderr


def test_it_makes_the_folders_that_it_lies_in(tmp_path: Path) -> None:
    for _ in range(2):
        deep = ResponseStore(tmp_path / "one" / "two" / "store.sqlite")
        deep.put(asked(), Response("text", "stop"))
        assert deep.get([asked().key]) == {asked().key: Response("text", "stop")}
        deep.close()
        (tmp_path / "one" / "two" / "store.sqlite").unlink()


def test_more_keys_than_a_query_takes(store: ResponseStore) -> None:
    rows = [(asked(n).key, asked(n).canonical(), ANSWER) for n in range(1203)]
    assert store.put_rows(rows) == 1203
    assert len(store.get([key for key, _, _ in rows])) == 1203
    assert [key for key, _, _ in store.rows()] == sorted(key for key, _, _ in rows)


def test_a_failure_is_kept_as_evidence_but_is_no_answer(store: ResponseStore) -> None:
    store.put(asked(), CUT)
    assert store.get([asked().key]) == {}
    assert store.get([asked().key], failures=True) == {asked().key: CUT}
    store.put(asked(), ANSWER)
    assert store.get([asked().key]) == {asked().key: ANSWER}


def test_an_answer_is_never_replaced(store: ResponseStore) -> None:
    store.put(asked(), ANSWER)
    assert store.put_rows([(asked().key, asked().canonical(), r) for r in (CUT, Response("other", "stop"))]) == 0
    assert store.get([asked().key]) == {asked().key: ANSWER}


def test_a_step_that_fails_takes_the_whole_transaction_back(store: ResponseStore) -> None:
    store.put(asked(), ANSWER)

    def broken(connection: sqlite3.Connection) -> int:
        keep(connection, asked(1).key, {}, ANSWER)
        raise KeyError("broken")

    with pytest.raises(KeyError):
        store.apply([lambda c: keep(c, asked(2).key, {}, ANSWER), broken])
    assert store.get([asked(1).key, asked(2).key]) == {}
    store.put(asked(1), ANSWER)


def damage_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:64] = b"x" * 64
    path.write_bytes(data)


def damage_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def execute(sql: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(sql)
        connection.commit()
        connection.close()

    return change


def digested(sql: str) -> Callable[[Path], None]:
    """The change, with digests that fit: as an error of ours would write it."""

    def change(path: Path) -> None:
        execute(sql)(path)
        connection = sqlite3.connect(path)
        connection.create_function("row_digest", 2, row_digest)
        connection.execute("UPDATE responses SET digest = row_digest(key, reply)")
        connection.commit()
        connection.close()

    return change


DAMAGE = {
    "header": damage_header,
    "pages": damage_pages,
    "cut in half": cut_in_half,
    "empty": emptied,
    "no JSON": digested("UPDATE responses SET reply = '{'"),
    "other fields": digested("UPDATE responses SET reply = '{\"a\": 1}'"),
    "a list": digested("UPDATE responses SET reply = '[]'"),
    "no text": digested("UPDATE responses SET reply = replace(reply, '\"stop\"', '7')"),
    "less than nothing": digested("UPDATE responses SET reply = replace(reply, '0.25', '-100')"),
    "edited text": execute("UPDATE responses SET reply = replace(reply, 'entities', 'Entities')"),
    "another's reply": execute(
        "UPDATE responses SET (reply, digest) = (SELECT reply, digest FROM responses r WHERE r.key > responses.key)"
        " WHERE key < (SELECT max(key) FROM responses)"
    ),
    "not text in UTF-8": execute("UPDATE responses SET reply = CAST(x'ff' AS TEXT)"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_store_is_said_to_be_never_asked_around(store: ResponseStore, kind: str) -> None:
    store.put_rows([(asked(n).key, asked(n).canonical(), ANSWER) for n in range(40)])
    store.close()
    DAMAGE[kind](store.path)
    for attempt in (lambda: store.get([asked(7).key]), lambda: list(store.rows()), store.verify):
        with pytest.raises(UserError, match="is damaged") as error:
            attempt()
        assert str(store.path) in str(error.value)
        assert "diziner responses import" in str(error.value)
        assert "\n" not in str(error.value)
        store.close()


def test_verify_finds_a_request_that_was_edited(store: ResponseStore) -> None:
    store.put(asked(), ANSWER)
    assert store.verify() == 1
    store.close()
    other = deltas.zstd.compress(json.dumps(asked(1).canonical()).encode())  # type: ignore[attr-defined]
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE responses SET request = ?", (other,))
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match=f"the key {asked().key} does not fit its request"):
        store.verify()


def test_a_newer_layout_is_refused(store: ResponseStore) -> None:
    store.put(asked(), ANSWER)
    store.close()
    execute("PRAGMA user_version = 99")(store.path)
    with pytest.raises(UserError, match="made by a newer version"):
        store.get([asked().key])


def test_a_locked_store_is_said_to_be(store: ResponseStore) -> None:
    store.put(asked(), ANSWER)
    other = sqlite3.connect(store.path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match=r"locked by another process for 0\.2 s; end that process"):
        store.put(asked(1), ANSWER)
    other.rollback()
    other.close()
    store.put(asked(1), ANSWER)


def test_a_held_lock_is_said_at_once(store: ResponseStore, capsys: pytest.CaptureFixture[str]) -> None:
    patient = ResponseStore(store.path, busy_s=60.0)
    patient.put(asked(), ANSWER)
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")

    said: list[str] = []

    def let_go_once_it_is_said() -> None:
        while not said:
            said.extend(line for line in [capsys.readouterr().err] if line)
            time.sleep(0.01)
        other.rollback()

    waiting = threading.Thread(target=let_go_once_it_is_said)
    waiting.start()
    patient.put(asked(1), ANSWER)
    waiting.join()
    assert said == [f"waiting: another process holds {store.path}\n"]
    assert patient.verify() == 2


def test_errors_of_who_asks_are_no_damage(store: ResponseStore) -> None:
    store.put(asked(), ANSWER)
    with pytest.raises(sqlite3.Error, match=r"(?i)binding"):
        store.read(lambda c: c.execute("SELECT ?", ({},)))
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.put_rows([("k", {"a": {1}}, ANSWER)])

    def imports() -> None:
        raise ImportError("no such module")

    with pytest.raises(ImportError):
        store.apply([lambda connection: imports()])
    with pytest.raises(sqlite3.IntegrityError):
        store.apply([lambda c: c.execute("INSERT INTO claims VALUES (NULL, NULL, NULL, NULL, NULL)")])
    assert store.get([asked().key]) == {asked().key: ANSWER}


READ = """
import sys
from pathlib import Path
from diziner.common.errors import UserError
from diziner.llm.store import ResponseStore, opened_for_reading
from diziner.prompting.request import Message, ModelSettings, Request, Response
store = ResponseStore(Path(sys.argv[1]))
request = Request("openai", ModelSettings("here", "model-1"), (Message("user", "new"),))
print(len(store.get(sys.argv[2:])), store.verify())
try:
    store.put(request, Response("a", "stop"))
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("layout", [1, 2])
def test_a_store_that_cannot_be_written_to_is_read(tmp_path: Path, layout: int) -> None:
    require_permissions(tmp_path)
    path = tmp_path / "shelf" / "store.sqlite"
    key = asked().key
    if layout == 1:
        earlier(path, 5)
        key = earlier_stores.asked(0).key
    else:
        store = ResponseStore(path)
        store.put_rows([(asked(n).key, asked(n).canonical(), ANSWER) for n in range(5)])
        store.close()
    for beside in path.parent.iterdir():
        beside.chmod(0o444)
    path.parent.chmod(0o555)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    words = [sys.executable, "-c", READ, str(path), key]
    done = subprocess.run(words, capture_output=True, text=True, preexec_fn=unprivileged)
    assert done.stdout.startswith("1 5\n"), done.stderr
    if layout == 2:
        assert f"{path}: the response store cannot be written to, so no model can be asked" in done.stdout
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    path.parent.chmod(0o755)


def test_a_folder_in_the_stores_place_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").mkdir()
    with pytest.raises(UserError, match="cannot use the response store"):
        ResponseStore(tmp_path / "store.sqlite").get(["a"])


def test_removing_gives_space_back(store: ResponseStore) -> None:
    store.put_rows([(asked(n).key, asked(n).canonical(), ANSWER) for n in range(200)])
    store.close()
    before = store.path.stat().st_size
    assert store.remove([asked(n).key for n in range(150)]) == 150
    store.close()
    assert store.path.stat().st_size < before
    assert store.verify() == 50
    assert ResponseStore(store.path.parent / "none").remove(["a"]) == 0


def test_sums_and_reservations(store: ResponseStore) -> None:
    usd = 0.2e6 / (ANSWER.prompt_tokens + ANSWER.completion_tokens)
    entry = spending_of(asked(), ANSWER, "work", False, Price(usd, usd))
    assert store.apply([lambda c: reserve(c, 600, 1000), lambda c: reserve(c, 600, 1000)]) == [1, None]
    store.apply([lambda c: book(c, entry), lambda c: book(c, entry, 1)])
    assert store.apply([spent, reserved]) == [500_000_000, 0]
    assert store.apply([lambda c: reserve(c, 1, 500_000_000)]) == [None]


WRITER = """
import sys, pathlib
from diziner.prompting.request import Message, ModelSettings, Request, Response
from diziner.llm.rows import row_digest
from diziner.llm.store import ResponseStore, opened_for_reading
store = ResponseStore(pathlib.Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    request = Request("openai", ModelSettings("here", "model-1", seed=number), (Message("user", "Hi"),))
    store.put(request, Response(f"answer {number}", "stop"))
    sys.stdout.write(f"{request.key}\\n")
    sys.stdout.flush()
"""


def writer(store: ResponseStore, first: int, last: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(store.path), str(first), str(last)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_at_once_from_nothing(store: ResponseStore) -> None:
    # The second and third write the same keys: whoever is first is kept.
    processes = [writer(store, 0, 60), writer(store, 40, 100), writer(store, 40, 100)]
    keys = {key for process in processes for key in process.communicate(timeout=30)[0].split()}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(keys) == 100
    assert store.get(sorted(keys)).keys() == keys
    assert store.verify() == 100


def test_what_was_kept_before_a_kill_is_there_after_it(store: ResponseStore) -> None:
    kept: list[str] = []
    for start in (0, 1000, 2000):
        process = writer(store, start, start + 1000)
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(12)]
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        # Lines written before the kill can still be in the pipe.
        kept += [*lines, *process.stdout.read().split()]
        process.wait(10)
        process.stdout.close()
    assert store.get(kept).keys() == set(kept)
    assert store.verify() >= len(kept)


def test_a_connection_for_reading_is_for_every_thread(store: ResponseStore) -> None:
    store.put(asked(1), Response("x", "stop"))
    store.close()
    found: list[int] = []
    with closing(opened_for_reading(store.path)) as connection:
        count = threading.Thread(
            target=lambda: found.append(connection.execute("SELECT COUNT(*) FROM responses").fetchone()[0])
        )
        count.start()
        count.join()
    assert found == [1]
