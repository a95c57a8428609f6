"""`diziner label --requests` and `--answers`: the same rows as by calls, from the files of `vllm run-batch`."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from label_place import Place, content, make_place

from diziner.layout import store_path
from diziner.llm import ledger
from diziner.llm.store import ResponseStore
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)


def answered(server: ScriptedServer, place: Place, name: str = "out.jsonl") -> int:
    """Answer asked.jsonl as `vllm run-batch` does, in another order, with a line that is nobody's; return how many."""
    lines = [json.loads(line) for line in (place.folder / "asked.jsonl").read_text().splitlines()]
    rows = []
    for line in lines:
        reply = server.reply_to(json.dumps(line["body"]).encode(), "")
        response = {"status_code": 200, "request_id": "vllm-batch-1", "body": reply.body}
        rows.append({"id": "vllm-1", "custom_id": line["custom_id"], "response": response, "error": None})
    random.Random(0).shuffle(rows)
    strange = {"custom_id": "f" * 64, "response": None, "error": None}
    (place.folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, strange]))
    return len(lines)


def test_rows_are_those_of_calls_and_no_server_is_called(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.documents(30)
    options = ("--shard-documents", "7")
    with ScriptedServer(Faults(wrong_types=0.3), seed=4) as server:
        place.web(server.base_url, prices={"scripted-careful": {"input": 1.0, "output": 1.0}})
        for turn in (1, 2, 3, 4):
            place.label(*options, "--requests", str(place.folder / "asked.jsonl"))
            if not (count := answered(server, place)):
                break
            assert turn < 4
            assert turn == 1 or count < 30  # repair turns alone
            place.label(*options, "--answers", str(place.folder / "out.jsonl"))
            assert f"{count} answers, 1 line for requests that it does not hold" in capsys.readouterr().out
        assert turn > 2
        assert "0 requests; nothing is left to ask" in capsys.readouterr().out
        asked, port = server.requests, int(server.base_url.rpartition(":")[2].partition("/")[0])
        place.label(*options)
        assert server.requests == asked
        store = ResponseStore(store_path())
        assert sum(entry.calls for entry in store.read(lambda c: [*ledger.entries(c)])) == len(list(store.rows()))
        offline = content(place.out)
        store.close()
    shutil.rmtree(store.path.parent)
    with ScriptedServer(Faults(wrong_types=0.3), seed=4, port=port) as server:
        place.label(*options, out=place.folder / "called")
        assert server.requests == asked
    assert content(place.folder / "called") == offline


def test_equal_documents_are_asked_about_once(place: Place) -> None:
    rows = [{"id": f"d{n}", "text": "Ada saw Lisbon."} for n in range(9)]
    place.input.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    place.web("http://127.0.0.1:9/v1")
    place.label("--shard-documents", "2", "--requests", str(place.folder / "asked.jsonl"))
    assert len((place.folder / "asked.jsonl").read_text().splitlines()) == 1


def test_what_cannot_be_is_refused(place: Place) -> None:
    assert "one of them at a time" in place.refuses("--requests", "in.jsonl", "--dry")
    before = place.input.read_bytes()
    assert "in.jsonl: is the input" in place.refuses("--requests", str(place.input))
    assert place.input.read_bytes() == before
    assert "no such file" in place.refuses("--answers", str(place.folder / "none.jsonl"))
