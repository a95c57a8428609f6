"""Files and batches of the scripted server: what it takes, what it refuses, as providers do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diziner.common.errors import UserError
from diziner.scripted.batches import BatchHabits, Shelf
from diziner.scripted.protocol import Reply
from diziner.scripted.server import main

BOUNDARY = "b0undary"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def upload(lines: list[Any], purpose: str = "batch") -> bytes:
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    parts = [("purpose", "", purpose), ("file", '; filename="in.jsonl"', text)]
    whole = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
        for name, more, value in parts
    )
    return f"{whole}--{BOUNDARY}--\r\n".encode()


def line(name: Any = "a", model: str = "m", **more: Any) -> dict[str, Any]:
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": {"model": model}, **more}


def shelf(**habits: Any) -> Shelf:
    return Shelf(lambda body: Reply(200, {"echo": body["model"]}), BatchHabits(**habits))


def told(reply: Any) -> Any:
    assert isinstance(reply, Reply)
    return reply.body


def created(on: Shelf, lines: list[Any], **more: Any) -> Any:
    file = told(on.reply("POST", "/v1/files", {}, KIND, upload(lines)))["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h", **more}
    return told(on.reply("POST", "/v1/batches", {}, "", json.dumps(asked).encode()))


def looked(on: Shelf, name: str) -> Any:
    return told(on.reply("GET", f"/v1/batches/{name}", {}, "", b""))


def test_a_batch_ends_after_so_many_looks_and_its_lines_are_in_another_order() -> None:
    own = shelf(polls=2)
    names = [f"r{n}" for n in range(8)]
    batch = created(own, [line(name) for name in names], metadata={"name": "tag"})
    assert [looked(own, batch["id"])["status"] for _ in range(3)] == ["in_progress", "in_progress", "completed"]
    shown = looked(own, batch["id"])
    assert (shown["metadata"], shown["request_counts"]["completed"]) == ({"name": "tag"}, 8)
    content = own.reply("GET", f"/v1/files/{shown['output_file_id']}/content", {}, "", b"")
    assert isinstance(content, bytes)
    came = [json.loads(row)["custom_id"] for row in content.splitlines()]
    assert sorted(came) == names != came


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line(), line()],
        [line(), line("b", "other")],
        [line("x" * 65)],
        [line(7)],
        [line(url="/v1/embeddings")],
        ["text"],
    ],
)
def test_a_file_that_no_provider_takes_fails_as_a_whole(lines: list[Any]) -> None:
    own = shelf()
    batch = created(own, lines)
    assert (batch["status"], len(batch["errors"]["data"])) == ("failed", 1)
    assert not own.asked


def test_what_is_not_there_or_not_allowed_is_said() -> None:
    own = shelf()
    replies = [
        own.reply("POST", "/v1/files", {}, KIND, upload([line()], "fine-tune")),
        own.reply("POST", "/v1/files", {}, "application/json", b"{}"),
        own.reply("GET", "/v1/files/none/content", {}, "", b""),
        own.reply("GET", "/v1/batches/none", {}, "", b""),
        own.reply("POST", "/v1/batches/none/cancel", {}, "", b""),
        own.reply("POST", "/v1/batches", {}, "", b"nothing"),
    ]
    assert [reply.status for reply in replies if isinstance(reply, Reply)] == [400, 400, 404, 404, 404, 400]
    assert own.reply("GET", "/v1/elsewhere", {}, "", b"") is None
    batch = created(own, [line()])
    looked(own, batch["id"])
    assert told(own.reply("POST", f"/v1/batches/{batch['id']}/cancel", {}, "", b""))["error"]


@pytest.mark.parametrize("habit", ["expired=2", "slow=1", "polls=many", "polls"])
def test_a_habit_that_there_is_not_is_refused(habit: str) -> None:
    with pytest.raises(UserError, match="batch"):
        main(["--batch", habit])
