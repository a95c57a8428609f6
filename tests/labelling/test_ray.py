"""`diziner label --engine ray`: the same bytes as one process gives, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from label_place import Place, content, make_place

from diziner.scripted.server import ScriptedServer

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
pytestmark = pytest.mark.slow

SHARDS = ("--shard-documents", "20")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return make_place(tmp_path, monkeypatch)


def workers_of(parent: int) -> Iterator[int]:
    """Processes that descend from another and are busy with a shard."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            title = (path / "cmdline").read_bytes()
            ancestors = [int(path.name)]
            while ancestors[-1] not in {0, 1, parent}:
                status = Path(f"/proc/{ancestors[-1]}/stat").read_text().rpartition(")")[2].split()
                ancestors.append(int(status[1]))
        except (OSError, ValueError):
            continue
        if title.startswith(b"ray::WorkerActor.label") and ancestors[-1] == parent:
            yield int(path.name)


def test_a_worker_killed_in_the_middle_changes_nothing(place: Place) -> None:
    place.documents(160)
    with ScriptedServer(latency_s=0.2) as server:
        place.web(server.base_url)
        process = place.start(*SHARDS, "--engine", "ray", "--workers", "2")
        while server.requests < 30 and process.poll() is None:
            time.sleep(0.02)
        [victim, *others] = workers_of(process.pid)
        assert len(others) == 1
        os.kill(victim, signal.SIGKILL)
        assert process.wait() == 0
        # Only what the killed worker had in flight was asked again.
        assert 160 <= server.requests <= 160 + 4
    place.label(*SHARDS, out=place.folder / "local")
    assert content(place.out) == content(place.folder / "local")


def test_the_error_of_a_worker_is_one_line(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.web("http://127.0.0.1:9/v1", key_env="NO_SUCH_KEY_HERE")
    assert place.start(*SHARDS, "--engine", "ray", "--workers", "2").wait() == 2
    [error] = [line for line in capfd.readouterr().err.splitlines() if "error:" in line]
    assert "set the environment variable NO_SUCH_KEY_HERE" in error
