"""A hub of data sets on this machine: folders served as the Hugging Face hub serves repositories, to real clients."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


class HubServer:
    """Serves `branches`: folder by (data set, revision). A revision that is no commit has a digest for one."""

    def __init__(self, branches: dict[tuple[str, str], Path]) -> None:
        self.branches = branches
        self.calls = Counter[str]()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.answer(self)

            do_GET = do_HEAD  # noqa: N815
            do_POST = do_HEAD  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def commit(self, name: str, revision: str) -> str:
        return revision if len(revision) == 40 else hashlib.sha1(f"{name} {revision}".encode()).hexdigest()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.calls[path] += 1
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == [""]:
            return self._send(handler, 200, b"a hub")
        if parts[0] == "api":
            return self._api(handler, "/".join(parts[2:4]), parts[4:], body)
        return self._file(handler, "/".join(parts[1:3]), parts[4], "/".join(parts[5:]))

    def _folder(self, name: str, revision: str) -> tuple[Path, str] | None:
        for (known, branch), folder in self.branches.items():
            commit = self.commit(known, branch)
            if known == name and revision in (branch, commit):
                return folder, commit
        return None

    def _api(self, handler: BaseHTTPRequestHandler, name: str, rest: list[str], body: bytes) -> None:
        if not any(known == name for known, _ in self.branches):
            return self._send(handler, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if rest == ["refs"]:
            refs = [
                {"name": branch, "ref": branch, "targetCommit": self.commit(known, branch)}
                for known, branch in self.branches
                if known == name
            ]
            return self._json(handler, {"branches": refs, "converts": refs, "tags": []})
        what, revision = (rest[0], rest[1]) if rest else ("revision", "main")
        found = self._folder(name, revision)
        if found is None:
            return self._send(handler, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        folder, commit = found
        if what == "revision":
            siblings = [{"rfilename": each["path"]} for each in self._entries(folder) if each["type"] == "file"]
            return self._json(handler, {"id": name, "sha": commit, "siblings": siblings, "tags": [], "private": False})
        if what == "tree":
            inside = "/".join(rest[2:])
            below = f"{inside}/" if inside else ""
            entries = [each for each in self._entries(folder) if str(each["path"]).startswith(below)]
            if inside and not entries:
                return self._send(handler, 404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return self._json(handler, entries)
        wanted = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
        return self._json(handler, [each for each in self._entries(folder) if each["path"] in wanted])

    def _entries(self, folder: Path) -> list[dict[str, object]]:
        return [
            {
                "type": "file" if path.is_file() else "directory",
                "oid": hashlib.sha1(str(path).encode()).hexdigest(),
                "size": path.stat().st_size if path.is_file() else 0,
                "path": path.relative_to(folder).as_posix(),
            }
            for path in sorted(folder.rglob("*"))
        ]

    def _file(self, handler: BaseHTTPRequestHandler, name: str, revision: str, inside: str) -> None:
        found = self._folder(name, revision)
        if found is None:
            known = any(other == name for other, _ in self.branches)
            return self._send(handler, 404, b"", {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"})
        folder, commit = found
        headers = {"X-Repo-Commit": commit}
        if not (folder / inside).is_file():
            return self._send(handler, 404, b"", {**headers, "X-Error-Code": "EntryNotFound"})
        data = (folder / inside).read_bytes()
        return self._send(handler, 200, data, {**headers, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'})

    def _json(self, handler: BaseHTTPRequestHandler, value: object) -> None:
        self._send(handler, 200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(
        self, handler: BaseHTTPRequestHandler, code: int, data: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(code)
        for key, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
            handler.send_header(key, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)
