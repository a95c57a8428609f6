"""Files and batches of scripted models: OpenAI's /files and /batches without sockets, from requests to replies; and
those of Mistral and xAI (`diziner.scripted.batch_dialects`).

A batch is answered as soon as it has been looked at often enough: no clock decides. Its lines come back in another
order than they were sent, those without an answer in a file of their own.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.scripted.batch_dialects import in_openais_words, mistral_job, mistral_jobs, xai_batch, xai_results
from diziner.scripted.chance import fraction
from diziner.scripted.protocol import Reply, error, fingerprint_of

LARGEST_FILE = 200 * 2**20
MOST_LINES = 50_000
_ENDED = {"completed", "failed", "expired", "cancelled"}

Answer = Callable[[Mapping[str, Any]], Reply]  # to the body of one line


@dataclass(frozen=True, slots=True)
class BatchHabits:
    """Habits of batches: `polls` looks find one still in progress. Shares of lines, each from 0 to 1: `expired` ones
    are not answered in time, `failed` ones meet an error of the server, `doubled` ones come back twice. `lost` is how
    many batches are accepted without the reply that says so: the connection breaks off."""

    polls: int = 0
    expired: float = 0.0
    failed: float = 0.0
    doubled: float = 0.0
    lost: int = 0

    def __post_init__(self) -> None:
        for name in ("expired", "failed", "doubled"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UserError(f"batch habit {name}: is {getattr(self, name)!r}; allowed: a share from 0 to 1")


HABITS = tuple(own.name for own in fields(BatchHabits))


@dataclass
class _Batch:
    id: str
    file: str
    metadata: Mapping[str, str]
    window: str
    endpoint: str
    lines: Sequence[Mapping[str, Any]]
    status: str = "in_progress"
    looks: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    is_xai: bool = False


class Shelf:
    """Files and batches of one server. `asked` counts the lines of all accepted batches by their custom_id."""

    def __init__(self, answer: Answer, habits: BatchHabits, seed: int = 0) -> None:
        self.asked: Counter[str] = Counter()
        self._answer = answer
        self.habits = habits
        self._seed = seed
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, _Batch] = {}
        self._lost = habits.lost
        self._lock = threading.RLock()

    def reply(self, method: str, path: str, query: Mapping[str, str], kind: str, body: bytes) -> Reply | bytes | None:
        """Return the reply to a request, bytes for a file's content; None for a path that is none of ours.

        `kind` is the content type of the body.
        """
        with self._lock:
            match [method, *path.strip("/").removeprefix("openai/").removeprefix("v1/").split("/")]:
                case ["POST", "files"]:
                    return self._upload(kind, body)
                case ["GET", "files", name]:
                    return Reply(200, self._file(name)) if name in self._files else _missing("file", name)
                case ["GET", "files", name, "content"]:
                    return self._files[name] if name in self._files else _missing("file", name)
                case ["POST", "batches"]:
                    return self._told(self._create(body))
                case ["GET", "batches"]:
                    return self._list(query)
                case ["GET", "batches", name, "results"]:
                    return xai_results(self._output(name), query) if name in self._batches else _missing("batch", name)
                case ["GET", "batches", name]:
                    return self._told(self._look(name))
                case ["POST", "batches", name, "cancel"]:
                    return self._told(self._cancel(name))
                case ["POST", "batches", name] if name.endswith(":cancel"):
                    return self._told(self._cancel(name.removesuffix(":cancel")))
                case ["POST", "batch", "jobs"]:
                    return self._as_job(self._create(body))
                case ["GET", "batch", "jobs"]:
                    return mistral_jobs(self._newest_first(), "scripted", query)
                case ["GET", "batch", "jobs", name]:
                    return self._as_job(self._look(name))
                case ["POST", "batch", "jobs", name, "cancel"]:
                    return self._as_job(self._cancel(name))
                case _:
                    return None

    def _upload(self, kind: str, body: bytes) -> Reply:
        parts = {}
        message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        for part in message.iter_parts() if message.is_multipart() else ():
            parts[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True)
        content = parts.get("file")
        if not isinstance(content, bytes) or parts.get("purpose") != b"batch":
            return error(400, "file and purpose are needed; the purpose must be batch.", None)
        name = f"file-{len(self._files):03d}"
        self._files[name] = content
        return Reply(200, self._file(name))

    def _file(self, name: str) -> dict[str, Any]:
        known = {"id": name, "object": "file", "bytes": len(self._files[name]), "created_at": 0, "status": "processed"}
        return {**known, "filename": f"{name}.jsonl", "purpose": "batch"}

    def _create(self, body: bytes) -> Reply:
        try:
            given = jsontext.body(body)
            value = in_openais_words(given)
            name, endpoint, window = value["input_file_id"], value["endpoint"], value["completion_window"]
        except (ValueError, KeyError, TypeError):
            return error(400, "input_file_id, endpoint and completion_window are needed.", None)
        if name not in self._files:
            return _missing("file", name)
        if endpoint != "/v1/chat/completions" or window != "24h":
            return error(400, "endpoint must be /v1/chat/completions, completion_window 24h.", None)
        made = _Batch(f"batch_{len(self._batches):03d}", name, value.get("metadata") or {}, window, endpoint, ())
        made.is_xai = "completion_window" not in given and "name" in given
        self._batches[made.id] = made
        try:
            made.lines = _lines(self._files[name])
        except ValueError as wrong:
            made.status, made.errors = "failed", [{"code": "invalid_json_line", "message": str(wrong), "line": None}]
        self.asked.update(line["custom_id"] for line in made.lines)
        if self._lost:
            self._lost -= 1
            return Reply(200, self._shown(made), cut=True)
        return Reply(200, self._shown(made))

    def _list(self, query: Mapping[str, str]) -> Reply:
        shown = self._newest_first()
        names = [batch["id"] for batch in shown]
        after = query.get("after") or query.get("pagination_token")
        start = names.index(after) + 1 if after in names else 0
        end = start + int(query.get("limit", "20"))
        data = shown[start:end]
        more = end < len(names)
        xai = {"batches": list(map(xai_batch, data)), "pagination_token": names[end - 1] if more else None}
        return Reply(200, {"object": "list", "data": data, "has_more": more, **xai})

    def _newest_first(self) -> list[dict[str, Any]]:
        return [self._shown(batch) for batch in list(self._batches.values())[::-1]]

    def _output(self, name: str) -> list[bytes]:
        return [self._files[file] for file in self._batches[name].outputs.values()]

    def _told(self, reply: Reply) -> Reply:
        """Return a reply that shows a batch as who made it reads it."""
        batch = self._batches.get(reply.body.get("id", ""))
        return replace(reply, body=xai_batch(reply.body)) if batch and batch.is_xai else reply

    def _as_job(self, reply: Reply) -> Reply:
        return replace(reply, body=mistral_job(reply.body, "scripted")) if reply.status == 200 else reply

    def _look(self, name: str) -> Reply:
        if (batch := self._batches.get(name)) is None:
            return _missing("batch", name)
        if batch.status not in _ENDED:
            batch.looks += 1
            if batch.looks > self.habits.polls:
                self._run(batch)
        return Reply(200, self._shown(batch))

    def _cancel(self, name: str) -> Reply:
        if (batch := self._batches.get(name)) is None:
            return _missing("batch", name)
        if batch.status in _ENDED:
            return error(409, f"The batch is {batch.status}.", None)
        self._run(batch, batch.lines[: len(batch.lines) // 2])
        return Reply(200, self._shown(batch))

    def _run(self, batch: _Batch, in_time: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Answer the lines; with `in_time` only these, and the batch is cancelled."""
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        cut = False
        for line in sorted(batch.lines, key=lambda line: hashlib.sha256(line["custom_id"].encode()).hexdigest()):
            name = line["custom_id"]
            if in_time is not None and line not in in_time:
                bad.append(_line(name, None, {"code": "batch_cancelled", "message": "The batch was cancelled."}))
            elif self._struck(self.habits.expired, "expired", line):
                bad.append(_line(name, None, {"code": "batch_expired", "message": "The window is over."}))
                cut = True
            else:
                struck = self._struck(self.habits.failed, "failed", line)
                reply = error(500, "The server had an error.", None) if struck else self._answer(line["body"])
                if reply.status == 404:  # no such model: the same for all lines
                    said = reply.body["error"]
                    batch.status, batch.errors = "failed", [{"code": said["code"], "message": said["message"]}]
                    return
                rows = good if reply.status == 200 else bad
                rows += [_line(name, reply, None)] * (2 if self._struck(self.habits.doubled, "doubled", line) else 1)
        batch.status = "cancelled" if in_time is not None else "expired" if cut else "completed"
        for key, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                batch.outputs[key] = f"{batch.id}-{key.partition('_')[0]}"
                self._files[batch.outputs[key]] = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        done = {row["custom_id"] for row in good}
        batch.counts = {"completed": len(done), "failed": len({row["custom_id"] for row in bad} - done)}

    def _struck(self, share: float, habit: str, line: Mapping[str, Any]) -> bool:
        # By what is asked: a custom_id may hold where the server is.
        return fraction(habit, self._seed, fingerprint_of(line["body"])) < share

    def _shown(self, batch: _Batch) -> dict[str, Any]:
        ended_at = f"{batch.status}_at"
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
            "input_file_id": batch.file,
            "completion_window": batch.window,
            "status": batch.status,
            "created_at": 0,
            **({ended_at: 0} if batch.status in _ENDED else {}),
            "request_counts": {"total": len(batch.lines), "completed": 0, "failed": 0, **batch.counts},
            "metadata": dict(batch.metadata),
            **{key: batch.outputs.get(key) for key in ("output_file_id", "error_file_id")},
        }


def _lines(data: bytes) -> list[dict[str, Any]]:
    """Return the lines of an input file. Errors: ValueError for a file that no provider would take."""
    lines = [jsontext.body(text) for text in data.decode().splitlines()]  # at every line's end that Python knows
    if not lines or len(lines) > MOST_LINES:
        raise ValueError(f"{len(lines)} lines; allowed: 1 to {MOST_LINES}")
    for number, line in enumerate(lines, 1):
        wanted = isinstance(line, dict) and (line.get("method"), line.get("url")) == ("POST", "/v1/chat/completions")
        name = line.get("custom_id") if wanted else None
        if not isinstance(name, str) or not 0 < len(name) <= 64 or not isinstance(line.get("body"), dict):
            raise ValueError(f"line {number} is no request with custom_id, method, url and body")
    if len({line["custom_id"] for line in lines}) < len(lines):
        raise ValueError("a custom_id is there twice")
    if len({line["body"].get("model") for line in lines}) > 1:
        raise ValueError("the lines name several models")
    return lines


def _line(name: str, reply: Reply | None, problem: Mapping[str, Any] | None) -> dict[str, Any]:
    response = reply and {"status_code": reply.status, "request_id": f"req-{name[:8]}", "body": reply.body}
    return {"id": f"batch_req_{name[:16]}", "custom_id": name, "response": response, "error": problem}


def _missing(kind: str, name: object) -> Reply:
    return error(404, f"No such {kind}: {name}", None)
