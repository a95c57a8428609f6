"""Machines for tests of a Ray cluster: namespaces of this one, each with a network address, processes and folders of
its own. Needs root. None outlives the test process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

SCRATCH = Path("/tmp/diziner-machines")  # on each machine another; short, since sockets are in it
PORT = 6379
_RAY = Path(sys.executable).parent / "ray"
_ALONE = {
    # What Ray asks for by default on clusters, from 2.60 on: the same token on every machine.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": uuid.uuid4().hex + uuid.uuid4().hex,
    "TMPDIR": str(SCRATCH),
    "RAY_USAGE_STATS_ENABLED": "0",
    # Else Ray has its workers stand back behind whatever else this machine does.
    "RAY_worker_niceness": "0",
    # A machine without power is missed after 2 s, not after 30.
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}
# Models on this machine's loopback; how many requests came is in a file, which outlives the machine.
_MODELS = """
import sys, time
from pathlib import Path
from diziner.scripted.server import ScriptedServer
counts, latency_s = Path(sys.argv[1]), float(sys.argv[2])
with ScriptedServer(latency_s=latency_s, port=8000) as server:
    while True:
        fresh = counts.with_suffix(".fresh")
        fresh.write_text(str(server.requests))
        fresh.replace(counts)
        time.sleep(0.02)
"""


def why_not() -> str:
    """Say why there can be no such machines here; empty if there can."""
    if os.geteuid() != 0:
        return "not root: no network namespaces"
    done = subprocess.run(["unshare", "-m", "-n", "-p", "-f", "true"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


class Machine:
    """One machine; `hidden` is a folder of the test that it does not see."""

    def __init__(self, number: int, hidden: Path | None) -> None:
        self.address = f"10.77.0.{number}"
        self.number = number
        SCRATCH.mkdir(exist_ok=True)
        mounts = [SCRATCH, Path("/dev/shm"), *([hidden] if hidden else [])]
        script = " && ".join([*(f"mount -t tmpfs tmpfs '{path}'" for path in mounts), "exec sleep infinity"])
        own = ["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._parent = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *own, "sh", "-c", script], stdin=subprocess.DEVNULL
        )
        self.pid = _child(self._parent.pid)
        self._started: list[subprocess.Popen[bytes]] = []

    def words(self, *words: str) -> list[str]:
        """Words that run a command on this machine."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", f"--wdns={Path.cwd()}", "--", *words]

    def run(self, *words: str) -> str:
        done = subprocess.run(self.words(*words), capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *words: str, log: Path | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process on this machine."""
        out = log.open("ab") if log else None
        process = subprocess.Popen(
            self.words(*words), env={**os.environ, **_ALONE, **environment}, stdout=out, stderr=out
        )
        self._started.append(process)
        return process

    def lose(self, power: bool = True) -> None:
        """Kill everything on it at once; with `power` it is off the network before, so that nobody is told."""
        if self._parent.poll() is not None:
            return
        if power:
            self.run("ip", "link", "set", "eth0", "down")
        os.kill(self.pid, signal.SIGKILL)
        self._parent.wait()
        for process in self._started:
            process.wait()


class Cluster:
    """Machines with a Ray node each, the first with the head; and scripted models at 127.0.0.1:8000 of each."""

    def __init__(
        self, folder: Path, hidden: Path, latency_s: float, python_path: Path, dashboard: bool = False
    ) -> None:
        self._folder = folder
        self._latency_s, self._python_path, self._dashboard = latency_s, python_path, dashboard
        self._hidden = hidden
        self._hub = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL
        )
        self.machines: list[Machine] = []
        self._made = 0

    def __enter__(self) -> Self:
        _until(lambda: Path(f"/proc/{self._hub.pid}/comm").read_text() == "sleep\n")
        self._on_hub("ip", "link", "add", "bridge", "type", "bridge")
        self._on_hub("ip", "link", "set", "bridge", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for machine in self.machines:
            machine.lose(power=False)
        self._hub.kill()
        self._hub.wait()

    @property
    def address(self) -> str:
        return f"{self.machines[0].address}:{PORT}"

    @property
    def requests(self) -> int:
        """How many requests the models of all machines have got, of lost ones too."""
        texts = [path.read_text() for path in self._folder.glob("requests*.count")]
        return sum(int(text or 0) for text in texts)

    def add(self, processors: int = 1) -> Machine:
        """Add a machine, the first of which is the caller's, and wait until Ray runs on it."""
        self._made += 1
        machine = Machine(self._made, self._hidden if self._made > 1 else None)
        self.machines.append(machine)
        name = f"to{machine.number}"
        self._on_hub("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(machine.pid))
        self._on_hub("ip", "link", "set", name, "master", "bridge", "up")
        machine.run("ip", "addr", "add", f"{machine.address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            machine.run("ip", "link", "set", link, "up")
        counts = self._folder / f"requests{machine.number}.count"
        models = [sys.executable, "-c", _MODELS, str(counts), str(self._latency_s)]
        machine.start(*models, log=self._folder / "models.log", PYTHONPATH=str(self._python_path))
        first = machine.number == 1
        where = ["--head", f"--port={PORT}"] if first else [f"--address={self.address}"]
        where += [f"--include-dashboard={str(self._dashboard).lower()}"] if first else []
        log = self._folder / f"ray.{machine.number}.log"
        ray = machine.start(
            *(str(_RAY), "start", "--block", *where, f"--node-ip-address={machine.address}"),
            *(f"--num-cpus={processors}", "--object-store-memory=80000000", "--disable-usage-stats"),
            log=log,
        )
        _until(lambda: b"Ray runtime started" in log.read_bytes() or ray.poll() is not None, 240)
        assert ray.poll() is None, log.read_text()
        _until(counts.exists, 60)
        return machine

    def _on_hub(self, *words: str) -> None:
        subprocess.run(["nsenter", "--target", str(self._hub.pid), "--net", "--", *words], check=True)


def _child(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    _until(lambda: bool(children.read_text().split()))
    pid = int(children.read_text().split()[0])
    _until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
    return pid


def _until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def processes(machine: Machine, title: bytes) -> list[int]:
    """Processes of a machine whose title begins so, by their numbers here."""
    found = []
    space = Path(f"/proc/{machine.pid}/ns/pid").readlink()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "ns/pid").readlink() == space and (path / "cmdline").read_bytes().startswith(title):
                found.append(int(path.name))
        except OSError:
            continue
    return found
