"""`diziner label --engine ray`: the same bytes as one process gives, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from label_place import GUIDELINE, Place, content, make_place
from projects import ROOT

from diziner.common.errors import UserError
from diziner.guideline.file import load_guideline
from diziner.labelling.input_files import InputDocument
from diziner.labelling.job import Job
from diziner.labelling.ray_engine import Watcher, on_ray
from diziner.labelling.shards import Shard
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
pytestmark = pytest.mark.slow

SHARDS = ("--shard-documents", "20")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else workers stand back behind whatever else runs here
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of workers
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


def test_workers_that_would_write_other_rows_are_refused(place: Place) -> None:
    settings = load_settings(place.folder / "params.yaml")
    annotator = settings.annotator("scripted_careful")
    # As where another release is installed: the recipe that workers make of the same settings is another.
    job = Job(load_guideline(GUIDELINE), (annotator,), settings, place.out, "jsonl", "0" * 64)
    documents = [InputDocument("a", ("Ada",), "Ada")]
    watcher = Watcher(lambda counts: None, lambda event, node: None)
    with pytest.raises(UserError, match=r"a worker on .* has other code than the command, of diziner"):
        list(on_ray(job, [(Shard(0, "000000-0", 1, 1), documents)], 1, 1, False, watcher))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "RAY_ADDRESS=127.0.0.1:9: no cluster can be joined: .*refused"),
        ("rubbish", "RAY_ADDRESS=rubbish: no cluster can be joined"),
        ("ray://127.0.0.1:10001", "hand it in with `ray job submit`"),
    ],
)
def test_a_cluster_that_cannot_be_joined_is_told_in_one_line(
    place: Place, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    place.web("http://127.0.0.1:9/v1")
    assert "\n" not in (refusal := place.refuses("--engine", "ray"))
    assert re.search(said, refusal)
