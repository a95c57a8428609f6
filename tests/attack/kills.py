"""SIGKILL in mid-run: runs, stock DVC, labelling, batches, cleaning up, taking over an earlier store.

Each case kills one command several times at moments drawn by chance, then runs it to its end. What is there then is
byte for byte what an undisturbed run makes, nothing that was kept is lost, and no process goes on.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from earlier_stores import answer as earlier_answer
from earlier_stores import asked, earlier
from projects import Project, copy_tree, use_scripted

from attack.findings import Attempt, Case, Finding, Part
from attack.places import LETTERS, fresh_project

ROOM = "data/conll2003"
MODELS = ("scripted-careful", "scripted-eager", "scripted-shy", "scripted-supervisor")
PRICES = {model: {"input": 1.0, "output": 4.0} for model in MODELS}
# Kinds with how many cases and kills each, of the whole form.
KINDS = {"repro": (2, 6), "dvc": (2, 6), "label": (2, 6), "gc": (2, 8), "batch": (2, 7), "migration": (2, 8)}
QUICK = ("label", "migration")  # what the short form has, once each
MIGRATED = 3000
STARTED_S, ENDED_S = 60.0, 300.0
Words = tuple[str, ...]
REPRO: Words = ("-m", "diziner", "repro", "-j", "2", "conll2003")


class WrongError(Exception):
    """What did not hold."""


class Ground:
    """A server of scripted models and the projects of one worker, each made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        from diziner.scripted.batches import BatchHabits
        from diziner.scripted.server import ScriptedServer

        self.folder = folder
        self.server = ScriptedServer(latency_s=0.03, batches=BatchHabits())
        self.server.__enter__()  # for the worker's life
        self._made: dict[str, Project] = {}
        self._times: dict[str, float] = {}
        self._count = 0

    def fresh(self, **endpoint: Any) -> Project:
        """A project in which nothing has run, asking the server."""
        name = f"fresh-{'-'.join(endpoint)}"
        if name not in self._made:
            project = copy_tree(fresh_project(), self.folder / name)
            project.edit_params(lambda params: self._ask(params, endpoint))
            self._made[name] = project
        return self.copy(self._made[name])

    def _ask(self, params: dict[str, Any], more: Mapping[str, Any]) -> None:
        use_scripted(params)
        own = {"kind": "hosted", "provider": "openai", "api_base": self.server.base_url, "concurrency": 2}
        params["endpoints"] = {"scripted": {**own, "prices": PRICES, **more}}

    def finished(self) -> Project:
        """The project after an undisturbed run."""
        if "finished" not in self._made:
            project = self.fresh()
            begun = time.monotonic()
            ended(project, REPRO)
            self._times["repro"] = time.monotonic() - begun
            self._made["finished"] = project
        return self._made["finished"]

    def took(self, name: str, run: Callable[[], object]) -> float:
        """How long something undisturbed takes, measured once."""
        if name not in self._times:
            begun = time.monotonic()
            run()
            self._times[name] = time.monotonic() - begun
        return self._times[name]

    def copy(self, project: Project) -> Project:
        self._count += 1
        return copy_tree(project.folder, self.folder / f"copy{self._count}")

    @property
    def undisturbed_s(self) -> float:
        self.finished()
        return self._times["repro"]


def begun(project: Project, words: Words) -> subprocess.Popen[bytes]:
    """Start Python in the project, with all that it starts in a group of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}
    command = [".venv/bin/python", *words]
    return subprocess.Popen(
        command, cwd=project.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
    )


def ended(project: Project, words: Words, waiting: bool = False) -> tuple[int, str]:
    """Run to the end; the exit code and what was said. Raises WrongError for failures; `waiting`: exit code 3, of who
    waits for batches, is none."""
    process = begun(project, words)
    try:
        said = process.communicate(timeout=ENDED_S)[0].decode()
    except subprocess.TimeoutExpired:
        kill(process, True)
        raise WrongError(f"{' '.join(words)}: no end within {ENDED_S:.0f} s") from None
    if process.returncode not in ((0, 3) if waiting else (0,)) or "Traceback" in said:
        raise WrongError(f"{' '.join(words)} exited {process.returncode}: {said[-400:]!r}")
    return process.returncode, said


def kill(process: subprocess.Popen[bytes], whole: bool) -> None:
    """Kill a process, alone or with all that it started; wait until none of these goes on."""
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(process.pid, 0)
            if time.monotonic() > end:
                os.killpg(process.pid, signal.SIGKILL)
                raise WrongError("what a killed process had started went on for a minute")
            time.sleep(0.05)


def killed(project: Project, words: Words, chance: random.Random, within_s: float) -> None:
    """Start a command and kill it at a moment drawn from the time that it takes."""
    process = begun(project, words)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0.05, within_s))
    kill(process, chance.random() < 0.5)


def same_outputs(made: Project, expected: Project) -> None:
    """Raise WrongError where outputs differ. What calls cost counts those that a kill cut off, so it may."""
    ours, theirs = made.outputs(), expected.outputs()
    for each in (ours, theirs):
        each.pop("metrics/cost.json", None)
    different = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if different:
        raise WrongError(f"after kills {len(different)} outputs differ: {', '.join(different[:5])}")
    left = [path for path in made.folder.rglob("*.partial") if ".git" not in path.parts]
    if len(left) > 20:
        raise WrongError(f"{len(left)} files half-written are left")


def store_of(project: Project) -> Any:
    from diziner.llm.store import ResponseStore

    return ResponseStore(project.folder / ".responses/responses.sqlite")


def keys_of(project: Project) -> set[str]:
    """The keys in a project's store, every answer verified."""
    with closing(store_of(project)) as store:
        store.verify()
        return {key for key, _, _ in store.rows()}


def run_repro(ground: Ground, kills: int, chance: random.Random, words: Words = REPRO) -> None:
    """Kill runs; each keeps what those before had kept."""
    project, kept = ground.fresh(), set[str]()
    for _ in range(kills):
        killed(project, words, chance, ground.undisturbed_s * 0.9)
        now = keys_of(project) if (project.folder / ".responses").exists() else set()
        if not kept <= now:
            raise WrongError(f"{len(kept - now)} answers that were kept are gone")
        kept = now
    ended(project, words)
    same_outputs(project, ground.finished())
    _, said = ended(project, REPRO)
    if "up to date" not in said:
        raise WrongError(f"after the end not up to date: {said[-300:]!r}")


def run_dvc(ground: Ground, kills: int, chance: random.Random) -> None:
    """Kill stock `dvc repro`."""
    run_repro(ground, kills, chance, ("-m", "dvc", "repro", f"{ROOM}/dvc.yaml"))


def run_label(ground: Ground, kills: int, chance: random.Random) -> None:
    """Kill a labelling in shards."""
    project = ground.fresh()
    texts = [f"{text} {number}" for number in range(20) for text in LETTERS]
    (project.folder / "letters.txt").write_text("".join(f"{text}\n" for text in texts))
    words: Words = (
        *("-m", "diziner", "label", "--guideline", f"{ROOM}/guideline.yaml", "--annotator", "scripted_careful"),
        *("--in", "letters.txt", "--shard-documents", "10", "--out"),
    )
    whole = ground.copy(project)
    within = ground.took("label", lambda: ended(whole, (*words, "labels")))
    ended(whole, (*words, "labels"))
    for _ in range(kills):
        killed(project, (*words, "labels"), chance, within)
    ended(project, (*words, "labels"))
    made, expected = (
        {path.name: path.read_bytes() for path in sorted((each.folder / "labels").iterdir()) if path.is_file()}
        for each in (project, whole)
    )
    if made != expected:
        raise WrongError(f"labels differ: {sorted(made.keys() ^ expected.keys()) or 'in their bytes'}")


def run_gc(ground: Ground, kills: int, chance: random.Random) -> None:
    """Kill `responses gc --delete` while thousands of answers that nothing names are removed."""
    project, words = ground.copy(ground.finished()), ("-m", "diziner", "responses", "gc", "--delete", "--yes")
    ended(project, words)
    named = keys_of(project)
    rows = [(asked(n).key, asked(n).canonical(), earlier_answer(n)) for n in range(4000)]

    def fill() -> None:
        with closing(store_of(project)) as store:
            store.put_rows(rows)

    fill()
    within = ground.took("gc", lambda: ended(project, words))
    for _ in range(kills):
        fill()
        killed(project, words, chance, within)
        if not named <= keys_of(project):
            raise WrongError("an answer that an output names was removed")
    ended(project, words)
    if keys_of(project) != named:
        raise WrongError("what nothing names is left")
    before = ground.server.requests
    ended(project, ("-m", "diziner", "repro", "--force", "-j", "2", "conll2003"))
    if ground.server.requests != before:
        raise WrongError("something was asked again")
    same_outputs(project, ground.finished())


def run_batch(ground: Ground, kills: int, chance: random.Random) -> None:
    """Kill each command of a run in batches once, then run it."""
    project, left = ground.fresh(batch={"window": "24h"}), kills
    diziner: Words = ("-m", "diziner")
    for _ in range(12):
        for words in ((*diziner, "batch", "submit"), (*diziner, "batch", "collect")):
            if left and chance.random() < 0.8:
                left -= 1
                killed(project, words, chance, max(2.0, ground.undisturbed_s / 4))
            ended(project, words, waiting=True)
        if ended(project, REPRO, waiting=True)[0] == 0:
            break
    else:
        raise WrongError("twelve rounds of batches, and no end")
    while left:
        left -= 1
        killed(project, (*diziner, "batch", "collect"), chance, 2.0)
    ended(project, REPRO)
    same_outputs(project, ground.finished())


MIGRATE = """
import sys
from pathlib import Path
from diziner.llm.store import ResponseStore
sys.stdout.write("go\\n")
sys.stdout.flush()
ResponseStore(Path(sys.argv[1])).get(["a"])
"""


def run_migration(ground: Ground, kills: int, chance: random.Random) -> None:
    """Kill the taking over of a store of an earlier version."""
    from diziner.llm.store import ResponseStore

    folder = ground.folder / f"earlier{chance.random()}"
    earlier(folder / "whole", MIGRATED)
    whole = (folder / "whole").read_bytes()
    for _ in range(kills):
        path = folder / "store"
        for ending in ("", "-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        path.write_bytes(whole)
        process = subprocess.Popen([sys.executable, "-c", MIGRATE, str(path)], stdout=subprocess.PIPE, process_group=0)
        assert process.stdout is not None
        process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 0.5))
        kill(process, True)
        with closing(ResponseStore(path)) as store:
            found = store.get([asked(n).key for n in range(MIGRATED)])
            if store.verify() != MIGRATED or any(found[asked(n).key] != earlier_answer(n) for n in range(MIGRATED)):
                raise WrongError("answers of the earlier store are lost or others")


RUNS: dict[str, Callable[[Ground, int, random.Random], None]] = {
    "repro": run_repro,
    "dvc": run_dvc,
    "label": run_label,
    "gc": run_gc,
    "batch": run_batch,
    "migration": run_migration,
}


def cases(seed: int) -> list[Case]:
    """Cases of all kinds in turn."""
    made: list[Case] = []
    for turn in range(max(count for count, _ in KINDS.values())):
        for name, (count, kills) in KINDS.items():
            if turn < count:
                number = len(made)
                short = name in QUICK and turn == 0
                made.append(Case(number, f"{name}, {kills} kills", (name, kills, f"{seed} {number}"), kills, short))
    return made


def prepared(folder: Path) -> Attempt:
    """Serve scripted models."""
    ground = Ground(folder)

    def attempt(given: tuple[str, int, str]) -> Finding:
        name, kills, seed = given
        try:
            RUNS[name](ground, kills, random.Random(seed))
        except WrongError as wrong:
            return Finding("wrong", str(wrong))
        return Finding("accepted")

    return attempt


PART = Part("kills", cases, prepared, least=60, brief=1, limit_s=900.0)
