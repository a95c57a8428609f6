"""Prefix files of local models: states of what was read are kept, checked, and no reason for another answer."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from diziner.endpoints import Endpoint
from diziner.endpoints.failures import TransientError
from diziner.endpoints.prefix_files import BLOCK, PrefixFiles, common, served
from diziner.endpoints.slot import Slot
from diziner.llm.lane import run
from diziner.prompting.request import Message, ModelSettings, Request

# --- files -----------------------------------------------------------------------------------------------------------


def keep(files: PrefixFiles, folder: Path, tokens: Sequence[int], size: int = 1000) -> Path:
    name = files.new()
    (folder / name).write_bytes(hashlib.sha256(repr(list(tokens)).encode()).digest() * (size // 32))
    files.keep(name, tokens)
    best = files.best(tokens)
    assert best is not None and best.serves == len(tokens)
    return best.path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "setting"
    made.mkdir()
    return made


def test_states_serve_whole_or_by_blocks() -> None:
    one, two = list(range(300)), [*range(290), 0]
    assert served(one, one) == 300
    assert served(one, one[:299]) == served(one[:299], one) == served(one, two) == 2 * BLOCK
    assert served(one[: BLOCK - 1], one) == served([], one) == 0
    assert common("abc", "abd") == 2 and common((), (1,)) == 0


def test_the_file_that_serves_for_most_is_found(folder: Path) -> None:
    files = PrefixFiles(folder, 1 << 30)
    assert files.best([1] * 300) is None
    whole = keep(files, folder, [1] * 300)
    keep(files, folder, [1] * 200)
    assert files.best([1] * 300) == (whole, (1,) * 300, 300)
    longer = files.best([1] * 400)
    assert longer is not None and (longer.path, longer.serves) == (whole, 256)
    assert files.best([2] * 300) is None
    assert PrefixFiles(folder.parent / "other", 1 << 30).best([1] * 300) is None


@pytest.mark.parametrize("damage", ["cut", "edited", "foreign", "empty"])
def test_a_file_that_is_not_what_was_kept_is_removed_and_not_used(folder: Path, damage: str) -> None:
    path = keep(PrefixFiles(folder, 1 << 30), folder, [1] * 300)
    data = path.read_bytes()
    other = {"cut": data[:-1], "edited": b"x" + data[1:], "foreign": b"GGUF" + data, "empty": b""}
    path.write_bytes(other[damage])
    files = PrefixFiles(folder, 1 << 30)
    assert files.best([1] * 300) is None
    assert list(folder.iterdir()) == []
    assert keep(files, folder, [1] * 300) == path
    path.write_bytes(other[damage])  # after it was found sound
    os.utime(path, (1, 1))
    assert files.best([1] * 300) is None


@pytest.mark.parametrize("tokens", ["[1, 1", "{}", '["a"]', "", "[1.5]"])
def test_a_file_without_its_tokens_is_passed_over(folder: Path, tokens: str) -> None:
    files = PrefixFiles(folder, 1 << 30)
    keep(files, folder, [1] * 300).with_suffix(".json").write_text(tokens)
    assert files.best([1] * 300) is None


def test_room_is_made_by_those_not_used_for_longest_in_all_settings(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    files = PrefixFiles(folder, 3500)
    old = keep(PrefixFiles(other, 3500), other, [0] * 200)
    kept = [keep(files, folder, [number] * 200) for number in (1, 2)]
    for age, path in enumerate((old, *kept)):
        os.utime(path, (age, age))
    assert PrefixFiles(folder, 3500).best([1] * 200) is not None  # used: now the youngest
    (other / "left-0.part").write_bytes(b"x" * 900)
    os.utime(other / "left-0.part", (0, 0))
    new = keep(files, folder, [3] * 200)
    left = {path.name for path in folder.parent.glob("*/*") if path.suffix != ".json"}
    assert left == {path.name for path in (kept[0], kept[1], new)}
    newest = keep(files, folder, [4] * 200)
    assert not kept[1].exists() and not kept[1].with_suffix(".json").exists() and newest.exists() and kept[0].exists()


def test_a_file_that_cannot_be_kept_leaves_nothing(folder: Path) -> None:
    files = PrefixFiles(folder, 10)
    name = files.new()
    (folder / name).write_bytes(b"x" * 100)
    files.keep(name, [1] * 200)
    assert list(folder.iterdir()) == [] and files.best([1] * 200) is None
    files.keep("never-written.part", [1])
    assert list(folder.iterdir()) == []


# --- the slot, with a server that reads as llama.cpp's does ----------------------------------------------------------


class Reader:
    """A slot as llama.cpp has it: it goes on from what it has in common with a prompt, and notes what it read at once.

    A token's state is named by the batch that it was read in, so a state shows how it came about.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slot: list[tuple[int, str]] = []
        self.read = 0
        self.refuses: set[str] = set()

    def complete(self, tokens: Sequence[int]) -> list[str]:
        """Read a prompt; returns the state of its last token, which depends on all before it."""
        at = min(common([token for token, _ in self.slot], tokens), len(tokens) - 1)
        self.slot = self.slot[:at]
        while at < len(tokens):
            batch = tokens[at : at + BLOCK]
            name = hashlib.sha256(repr((self.slot, batch)).encode()).hexdigest()[:8]
            self.slot += [(token, f"{name}.{place}") for place, token in enumerate(batch)]
            self.read += len(batch)
            at += len(batch)
        return [state for _, state in self.slot]

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        if path in self.refuses:
            return None
        match path:
            case "/apply-template":
                turns = "".join(f"<{turn['role']}>{turn['content']}" for turn in body["messages"])
                return {"prompt": f"{turns}<end>"}
            case "/tokenize":
                return {"tokens": [ord(letter) for letter in body["content"]]}
            case "/completion":
                self.complete(body["prompt"])
                return {"content": ""}
            case "/slots/0?action=erase":
                self.slot = []
            case "/slots/0?action=save":
                data = json.dumps(self.slot).encode()
                (self.folder / body["filename"]).write_bytes(struct.pack("<I", len(data)) + data)
            case "/slots/0?action=restore":
                self.slot = [
                    (token, state) for token, state in json.loads((self.folder / body["filename"]).read_bytes()[4:])
                ]
        return {}


@pytest.fixture
def served_slot(folder: Path) -> Iterator[tuple[Reader, Callable[[], str]]]:
    reader = Reader(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = reader.answer(self.path, body)
            data = json.dumps(reply).encode()
            self.send_response(400 if reply is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield reader, lambda: f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def request(*texts: str, opening: tuple[Message, ...] = ()) -> Request:
    turns = tuple(Message("user" if place % 2 else "system", text) for place, text in enumerate(texts))
    return Request("local", ModelSettings("local", "m"), turns, opening=opening)


GUIDELINES = ["".join(chr(97 + (n * n + k * (n > 250)) % 26) for n in range(400 + k)) for k in range(3)]
ASKED = [
    request(guideline, f"{words} of {n}") for n in range(3) for guideline in GUIDELINES for words in ("a b c", "a b d")
]
ASKED.append(ASKED[0].followed_by(Message("assistant", "x"), Message("user", "again")))
ASKED.append(request("short", "a b c"))
TASK = Message("user", GUIDELINES[0])
ASKED += [
    replace(request("", ""), messages=(Message("user", f"{TASK.content}\n\n{d}"),), opening=(TASK,)) for d in "xy"
]


def states(reader: Reader, root: str, files: PrefixFiles | None, asked: Sequence[Request]) -> dict[str, list[str]]:
    """Answer requests through one slot; returns the state that each was answered from."""
    found: dict[str, list[str]] = {}

    async def ask() -> None:
        slot = Slot(root, files)
        for one in asked:
            await slot.begin(one)
            turns = [{"role": message.role, "content": message.content} for message in one.messages]
            text = reader.answer("/apply-template", {"messages": turns})["prompt"]
            found[one.key] = reader.complete([ord(letter) for letter in text])

    run(ask())
    return found


def alone(reader: Reader, root: str) -> dict[str, list[str]]:
    """Answer each request by a server that has read nothing else, with nothing on disk."""
    found: dict[str, list[str]] = {}
    for one in ASKED:
        reader.slot = []
        found |= states(reader, root, None, [one])
    return found


def test_answers_come_from_the_same_state_in_any_order_with_and_without_files(
    served_slot: tuple[Reader, Callable[[], str]], folder: Path
) -> None:
    reader, root = served_slot
    expected = alone(reader, root())
    assert len({states[-1] for states in expected.values()}) == len(ASKED)
    files = PrefixFiles(folder, 1 << 30)
    for asked in (ASKED, ASKED[::-1], ASKED[3:] + ASKED[:3]):
        assert states(reader, root(), None, asked) == expected
        assert states(reader, root(), files, asked) == expected
        assert states(reader, root(), PrefixFiles(folder, 1 << 30), asked) == expected
    assert len(list(folder.glob("*.kv"))) == 4  # three guidelines, and the task of one as user message


def test_a_later_process_reads_no_opening_and_a_like_one_its_other_half(
    served_slot: tuple[Reader, Callable[[], str]], folder: Path
) -> None:
    reader, root = served_slot

    def reads(*asked: Request) -> int:
        reader.slot, reader.read = [], 0
        states(reader, root(), PrefixFiles(folder, 1 << 30), asked)
        return reader.read

    assert reads(ASKED[0]) >= 400
    assert reads(ASKED[0], ASKED[1]) < 60
    assert reads(ASKED[0].followed_by(Message("assistant", "x"), Message("user", "again"))) < 60
    changed = reads(ASKED[2])  # it differs from the first from token 250 on
    assert 400 - 2 * BLOCK <= changed < 400 - BLOCK + 60


def test_what_the_server_refuses_costs_time_only(served_slot: tuple[Reader, Callable[[], str]], folder: Path) -> None:
    reader, root = served_slot
    expected = alone(reader, root())
    files = PrefixFiles(folder, 1 << 30)
    reader.refuses = {"/slots/0?action=save"}
    assert states(reader, root(), files, ASKED) == expected
    assert list(folder.iterdir()) == []
    reader.refuses = {"/slots/0?action=restore"}
    assert states(reader, root(), files, ASKED[:4]) == {one.key: expected[one.key] for one in ASKED[:4]}
    reader.refuses = {"/apply-template-not"}
    assert states(reader, root(), files, ASKED) == expected


def test_two_processes_at_once_keep_one_file(folder: Path) -> None:
    one, two = PrefixFiles(folder, 1 << 30), PrefixFiles(folder, 1 << 30)
    names = [one.new(), two.new()]
    assert len(set(names)) == 2
    for files, name in zip((one, two), names, strict=True):
        (folder / name).write_bytes(b"the same state")
        files.keep(name, [1] * 200)
    assert len(list(folder.glob("*.kv"))) == 1
    found = one.best([1] * 200)
    assert found is not None
    two.remove(found.path)
    assert one.best([1] * 200) is None


def test_a_proxy_is_not_asked(served_slot: tuple[Reader, Callable[[], str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    reader, root = served_slot
    assert states(reader, root(), None, ASKED[:1])


def test_a_server_that_is_gone_is_a_failure_of_the_call() -> None:
    async def ask() -> None:
        await Slot("http://127.0.0.1:9", None).begin(ASKED[0])

    with pytest.raises(TransientError, match="the local model server is gone"):
        run(ask())


def test_the_opening_is_no_part_of_a_request() -> None:
    one = request("a", "b")
    other = replace(one, opening=(Message("system", "a"),))
    assert one == other and one.key == other.key and "opening" not in one.canonical()
    repaired = one.followed_by(Message("assistant", "c"), Message("user", "d"))
    assert repaired.opening == (Message("system", "a"),) == other.next_replica().opening


def test_the_limit_is_a_setting_of_the_endpoint() -> None:
    assert Endpoint("local", "local").prefix_cache_mib > 0
