"""`diziner doctor` on weights, tapes, the response store and what a recording was made on."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doctor_place import Clinic, make_clinic, make_template, require_permissions, unprivileged

from diziner.llm.store import ResponseStore
from diziner.llm.tape import provenance_of, read_tape, write_tape
from diziner.prompting.request import Message, ModelSettings, Reply, Request, Response

TAPE = Path("data/conll2003/tape.jsonl")
MODEL = "smollm2-135m-instruct-q4_1"
BYTES = b"weights " * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("doctor"))


@pytest.fixture
def clinic(template: Path, tmp_path: Path) -> Iterator[Clinic]:
    yield make_clinic(template, tmp_path)


def shelve(clinic: Clinic, data: bytes, name: str = f"{SHA256}.gguf") -> Path:
    """A file in the folder of weights; params.yaml says that the small model's are those of `BYTES`."""
    clinic.edit_params(lambda params: params["weights"][MODEL].update(sha256=SHA256))
    path = clinic.home / ".cache/diziner/weights" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_weights_are_verified(clinic: Clinic) -> None:
    path = shelve(clinic, BYTES)
    found = clinic.findings("--strict")
    assert found[f"weights {MODEL}"]["facts"] == {
        "model": MODEL,
        "sha256": SHA256,
        "bytes": len(BYTES),
        "verified": True,
    }
    assert "verified by SHA-256" in found[f"weights {MODEL}"]["found"]
    assert clinic.doctor().stderr == ""
    assert found["weights folder"]["facts"]["path"] == str(path.parent)


@pytest.mark.parametrize("data", [b"W" + BYTES[1:], BYTES[:-1], b""], ids=["a bit", "cut", "empty"])
def test_damaged_weights_are_found(clinic: Clinic, data: bytes) -> None:
    path = shelve(clinic, data)
    said = clinic.problem(f"weights {MODEL}")
    assert said.startswith("damaged: ") and f"remove {path}, then `diziner weights fetch`" in said


def test_quick_does_not_read_weights_and_says_so(clinic: Clinic) -> None:
    shelve(clinic, BYTES[:-1])
    found = clinic.findings("--strict", "--quick")[f"weights {MODEL}"]
    assert "not verified (--quick)" in found["found"] and found["facts"]["verified"] is None
    shelve(clinic, b"")
    assert "damaged" in clinic.problem(f"weights {MODEL}")


def test_reading_much_is_announced_but_not_on_standard_output(clinic: Clinic) -> None:
    path = shelve(clinic, b"")
    with path.open("wb") as file:
        file.truncate(600_000_000)
    done = clinic.doctor("--json")
    assert done.stderr == "verifying 600 MB of weights (--quick leaves this out)\n"
    assert json.loads(done.stdout)["problems"] == 1
    assert clinic.doctor("--json", "--quick").stderr == ""


def test_missing_weights_are_a_problem_only_where_no_recording_stands_in(clinic: Clinic) -> None:
    found = clinic.findings("--strict")[f"weights {MODEL}"]
    assert found["state"] == "note" and "recorded answers need none" in found["found"]
    (clinic.folder / TAPE).unlink()
    found = clinic.findings("--strict", code=1)[f"weights {MODEL}"]
    assert (found["state"], found["found"]) == ("problem", "in use, not on this machine")
    assert found["mend"] == "`diziner weights fetch`"
    clinic.edit_params(lambda params: params.update(annotator_pool=["qwen_plain"]))
    assert clinic.findings()[f"weights {MODEL}"]["state"] == "note"


def test_weights_without_settings_are_held_against_their_names(clinic: Clinic, tmp_path: Path) -> None:
    folder = tmp_path / "cache/weights"
    folder.mkdir(parents=True)
    (folder / f"{SHA256}.gguf").write_bytes(BYTES)
    (folder / f"{'0' * 64}.safetensors").write_bytes(BYTES)
    (folder / f".{SHA256}.gguf.x1").write_bytes(b"half")
    found = clinic.findings(where=tmp_path, DIZINER_CACHE=str(tmp_path / "cache"))
    assert found[f"weights {SHA256[:12]}…"]["state"] == "ok"
    assert found["weights 000000000000…"]["state"] == "problem"
    assert found["weights others"]["found"].startswith("1 file of other names, 4 bytes")


def test_a_cache_that_is_a_file(clinic: Clinic, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    said = clinic.problem("weights folder", DIZINER_CACHE=str(tmp_path / "cache"))
    assert said.startswith(f"{tmp_path / 'cache'} is a file, not a folder | let $DIZINER_CACHE")


def test_a_cache_that_cannot_be_read(clinic: Clinic, tmp_path: Path) -> None:
    require_permissions(tmp_path)
    closed = tmp_path / "cache"
    closed.mkdir(mode=0)
    said = clinic.problem("weights folder", DIZINER_CACHE=str(closed), before=unprivileged)
    assert said.startswith(f"{closed} cannot be read")
    closed.chmod(0o755)
    path = shelve(clinic, BYTES)
    path.chmod(0)
    assert "cannot be read" in clinic.problem(f"weights {MODEL}", before=unprivileged)


def edit(change: Callable[[list[Any]], object]) -> Callable[[Path], object]:
    def edited(path: Path) -> None:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        change(rows)
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))

    return edited


def make_a_folder(path: Path) -> None:
    """Put a folder in place of a file."""
    path.unlink()
    path.mkdir()


TAPES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), f"{TAPE}:"),
    "edited": (edit(lambda rows: rows[-1]["request"].update(seed=7)), "the key does not fit the request"),
    "no response": (edit(lambda rows: rows[-1].pop("response")), "not a row of this tape: has provenance, usage"),
    "no object": (edit(lambda rows: rows.append(5)), "not a row of this tape: not an object"),
    "no provenance": (edit(lambda rows: rows.pop(0)), f"{TAPE}:1: not a tape"),
    "no UTF-8": (lambda path: path.write_bytes(b"\xff" + path.read_bytes()), "not UTF-8"),
    "empty": (lambda path: path.write_bytes(b""), f"{TAPE}:1: not a tape"),
    "a folder": (make_a_folder, "Is a directory"),
}


@pytest.mark.parametrize("kind", TAPES)
def test_a_damaged_tape_is_named_and_the_others_are_counted(clinic: Clinic, kind: str) -> None:
    change, expected = TAPES[kind]
    room = clinic.folder / "data/mit_movie"
    shutil.copy(clinic.folder / "data/conll2003/dvc.yaml", room)
    shutil.copy(clinic.folder / TAPE, room)
    change(clinic.folder / TAPE)
    found = clinic.findings("--strict", code=1)
    damaged = found["answers tape of conll2003"]
    assert damaged["state"] == "problem" and expected in damaged["found"]
    assert f"git checkout -- {TAPE}" in damaged["mend"]
    facts = found["answers tapes"]["facts"]
    assert (facts["rooms"], facts["whole"], facts["damaged"]) == (2, 1, 1) and facts["answers"] > 50
    assert found["recording runtime"]["state"] == "ok"


def asked(number: int = 0) -> Request:
    return Request("openai", ModelSettings("here", "model-1", seed=number), (Message("user", "Hi"),))


def filled(clinic: Clinic, number: int = 40) -> ResponseStore:
    store = ResponseStore(clinic.folder / ".responses/responses.sqlite")
    texts = ["yes " * (5000 if n == 7 else 50) for n in range(number)]  # one is of several pages
    store.put_rows([(asked(n).key, asked(n).canonical(), Response(text, "stop")) for n, text in enumerate(texts)])
    return store


def test_the_store_is_counted_also_while_another_process_writes_to_it(clinic: Clinic) -> None:
    assert "no .responses/responses.sqlite yet" in clinic.findings(own_process=True)["answers store"]["found"]
    assert not (clinic.folder / ".responses").exists()
    store = filled(clinic)
    assert (clinic.folder / ".responses/responses.sqlite-wal").stat().st_size
    assert clinic.findings("--strict", own_process=True)["answers store"]["facts"]["responses"] == 40
    store.put(asked(40), Response("yes", "stop"))
    facts = clinic.findings("--strict", own_process=True)["answers store"]["facts"]
    assert (facts["responses"], facts["layout"]) == (41, 2)
    store.close()
    assert clinic.findings("--strict", own_process=True)["answers store"]["facts"]["responses"] == 41
    assert [path.name for path in (clinic.folder / ".responses").iterdir()] == ["responses.sqlite"]


def write(path: Path, start: int, data: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[start : start + len(data)] = data
    path.write_bytes(whole)


def unchain(path: Path) -> None:
    """Let a page that goes on with a long answer lead nowhere."""
    data = path.read_bytes()
    pages = range(0, len(data), 4096)
    write(path, next(page for page in pages if data[page + 4 : page + 4000].count(b"yes ") > 900), b"\xff" * 4)


def execute(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


STORES: dict[str, tuple[Callable[[Path], object], str]] = {
    "header": (lambda path: write(path, 0, b"x" * 64), "is damaged: file is not a database"),
    "pages": (lambda path: write(path, 4096, b"\xff" * (path.stat().st_size - 4096)), "is damaged"),
    "a page": (lambda path: write(path, path.stat().st_size // 2 // 4096 * 4096, b"\xff" * 4096), "is damaged"),
    "a chain of pages": (unchain, "is damaged"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "is damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged: the file is empty"),
    "another table": (lambda path: execute(path, "ALTER TABLE responses RENAME TO other"), "is no response store"),
    "newer": (lambda path: execute(path, "PRAGMA user_version = 99"), "layout 99, made by a newer version"),
    "a folder": (make_a_folder, "cannot be read: "),
}


@pytest.mark.parametrize("kind", STORES)
def test_a_damaged_store_is_found(clinic: Clinic, kind: str) -> None:
    change, expected = STORES[kind]
    store = filled(clinic, 200)
    store.close()
    change(store.path)
    said = clinic.problem("answers store")
    assert expected in said and ".responses/responses.sqlite" in said
    assert "import" in said or kind in {"newer", "a folder"}


def test_a_store_that_is_locked_is_not_waited_for(clinic: Clinic) -> None:
    filled(clinic).close()
    other = sqlite3.connect(clinic.folder / ".responses/responses.sqlite", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("DELETE FROM responses")
    try:
        found = clinic.findings("--strict", own_process=True)["answers store"]
    finally:
        other.close()
    assert found["state"] == "note" and "is in use" in found["found"]


def provenance(clinic: Clinic, **values: Any) -> None:
    path = clinic.folder / TAPE
    write_tape(path, {**provenance_of(path), **values}, read_tape(path))


def test_another_runtime_than_the_recordings_is_a_note(clinic: Clinic) -> None:
    assert clinic.findings()["recording runtime"]["found"].endswith(", as recorded")
    provenance(clinic, runtime="xllamacpp 2020.1.1", recorded="2020-01-02")
    found = clinic.findings("--strict")
    assert found["recording runtime"]["state"] == "note"
    assert "recorded with: xllamacpp 2020.1.1; here: xllamacpp " in found["recording runtime"]["found"]
    assert found["recording date"]["facts"] == {"dates": ["2020-01-02"]}


def test_other_weights_than_the_recordings_are_a_note(clinic: Clinic) -> None:
    assert clinic.findings()["recording weights"]["found"] == "0 of 2 recorded models on this machine, by SHA-256"
    shelve(clinic, BYTES)
    found = clinic.findings("--strict")["recording weights"]
    assert found["state"] == "note" and f"the settings name other weights of {MODEL}" in found["found"]
    model = {f"local:{MODEL}": {"revision": "b", "sha256": SHA256}}
    provenance(clinic, models=model)
    found = clinic.findings()["recording weights"]
    assert (found["state"], found["found"]) == ("ok", "1 of 1 recorded model on this machine, by SHA-256")


def test_the_recordings_processor_is_compared_where_answers_name_it(clinic: Clinic) -> None:
    def recorded_on(*processors: str) -> dict[str, Any]:
        """The finding when the first answers name these, all others the last of them."""

        def told(position: int, reply: Reply) -> Reply:
            processor = processors[min(position, len(processors) - 1)]
            fingerprint = f"xllamacpp 1 on CPU; {processor}; kernels X; 2 threads"
            assert isinstance(reply, Response)
            return replace(reply, fingerprint=fingerprint if processor else "b0-unknown")

        path = clinic.folder / TAPE
        rows = [(key, request, told(n, reply)) for n, (key, request, reply) in enumerate(read_tape(path))]
        write_tape(path, provenance_of(path), rows)
        return clinic.findings("--strict")["recording processor"]

    plain = recorded_on("")
    assert plain["state"] == "note" and plain["found"].startswith("the tapes do not say; here ")
    here = plain["facts"]["here"]
    assert here.split()[0] == platform.machine()
    found = recorded_on(here)
    assert (found["state"], found["found"]) == ("ok", f"{here}, as recorded")
    found = recorded_on("pdp11 MMU", here)
    assert found["state"] == "note" and "1 answer with pdp11 MMU; here" in found["found"]
    assert found["facts"]["recorded"]["pdp11 MMU"] == 1


@pytest.mark.parametrize("head", [{"models": [1]}, {"models": {"local:m": 5}}, {"runtime": [None, {}], "processor": 5}])
def test_a_strange_provenance_is_no_traceback(clinic: Clinic, head: dict[str, Any]) -> None:
    provenance(clinic, **head)
    assert clinic.findings()["git state"]["state"] == "ok"
