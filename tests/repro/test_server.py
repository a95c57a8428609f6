"""The process that forks stages: what it has in memory is safe to fork, current, and what stages need."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import ROOT
from repro_projects import make_graph

from diziner.repro.job import Job
from diziner.repro.preload import WARM
from diziner.repro.workers import Workers, stage_script
from diziner.scripted.server import ScriptedServer

LOAD = """
import json, os, sys
from diziner.repro.preload import load
from diziner.repro.threads import others
EVENTS = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork", "os.system"}
seen = []

def note(event, arguments):
    # The one program that may be started: it does nothing, and its fork has OpenBLAS end its workers.
    if event in EVENTS and not (event == "subprocess.Popen" and arguments[1] == ["true"]):
        seen.append(event)

sys.addaudithook(note)
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
# What stages load of these, not only their roots.
deep = ["sklearn.cluster", "sklearn.feature_extraction.text", "scipy.sparse", "scipy.linalg", "seqeval.metrics"]
before = dict(os.environ)
for name in [*json.loads(sys.argv[1]), *deep]:
    load([name])
    assert name in sys.modules, name
    assert not others(), (name, others())
    assert not seen, (name, seen)
changed = {key for key in before | os.environ if before.get(key) != os.environ.get(key)}
assert not {key for key in changed if "THREAD" in key or "MALLOC" in key}, changed
# Numbers and a query after a fork work.
child = os.fork()
if not child:
    import numpy, polars
    frame = polars.DataFrame({"a": list(range(100_000))})
    right = frame.group_by(rest=polars.col("a") % 7).agg(polars.col("a").sum())["a"].sum() == sum(range(100_000))
    square = numpy.ones((300, 300)) @ numpy.ones((300, 300))
    os._exit(0 if right and square[0, 0] == 300 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_what_is_loaded_before_a_fork_leaves_no_thread_and_opens_no_connection() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(sorted(WARM))], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


PROBE = """
import sys
from pathlib import Path
loaded = [name for name in sys.argv[2:] if name in sys.modules]
for name in sys.argv[2:]:
    __import__(name)
Path(sys.argv[1]).write_text(" ".join(loaded))
"""

# A check against a schema, and whether it had been compiled before.
CHECKS = """
import sys
from pathlib import Path
from diziner.common import strictschema
compiled = []
usual = strictschema.compiled
strictschema.compiled = lambda *words, **options: compiled.append(words) or usual(*words, **options)
from diziner.common.errors import UserError
from diziner.common.files import check

def fits(value):
    try:
        check(value, "toy", "here")
    except UserError:
        return False
    return True

kind = "integer" if fits(1) else "string" if fits("") else "neither"
Path(sys.argv[1]).write_text(f"{not compiled} {kind}")
"""

# One call over HTTP, by the client of the project.
CALL = """
import sys
from pathlib import Path
from diziner.llm.ask import StoreAsker
from diziner.endpoints import Endpoint
from diziner.prompting.request import Message, ModelSettings, Request
from diziner.llm.store import ResponseStore

output, base_url, seed = sys.argv[1:]
loaded = "litellm" in sys.modules
endpoint = Endpoint("web", "hosted", provider="openai", api_base=base_url)
asker = StoreAsker(ResponseStore(Path(output + ".sqlite")), {"web": endpoint})
settings = ModelSettings("web", "scripted-careful", seed=int(seed), max_tokens=64)
messages = (Message("user", "- person: A human.\\n\\n<document>\\nAda wrote .\\n</document>"),)
[outcome] = asker.ask([Request(endpoint.address, settings, messages)], "call")
Path(output).write_text(f"{loaded} {type(outcome).__name__}")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = make_graph(tmp_path / "project", {}).folder
    (folder / "stages/probe.py").write_text(PROBE)
    (folder / "stages/call.py").write_text(CALL)
    (folder / "stages/checks.py").write_text(CHECKS)
    (folder / "out").mkdir()
    return folder


@pytest.fixture
def workers(root: Path) -> Iterator[Workers]:
    with Workers(root) as started:
        yield started


def ended(workers: Workers, count: int = 1) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    while len(found) < count:
        news = workers.fileno()
        assert news is not None and select.select([news], [], [], 60)[0], "no news"
        found += [(job.name, job.code) for job in workers.ended()]
    return found


def job(root: Path, name: str, module: str, *arguments: str) -> Job:
    lines = [[".venv/bin/python", "-m", module, str(root / "out" / name), *arguments]]
    return Job(name, lines, str(root), {}, str(root / f"{name}.log"), module, (str(root / "out" / name), *arguments))


def said(root: Path, name: str) -> str:
    return (root / "out" / name).read_text()


def test_what_a_stage_loaded_is_there_for_the_next_of_its_kind(root: Path, workers: Workers) -> None:
    for name in ("first", "second"):
        workers.start(job(root, name, "stages.probe", "numpy", "jinja2"))
        assert ended(workers) == [(name, 0)]
    assert said(root, "first") == ""
    assert said(root, "second") == "numpy jinja2"


def test_edited_code_gets_a_process_of_its_own(root: Path, workers: Workers) -> None:
    workers.start(job(root, "first", "stages.probe", "numpy"))
    assert ended(workers) == [("first", 0)]
    (root / "stages/probe.py").write_text(PROBE.replace('" ".join(loaded)', '"new " + " ".join(loaded)'))
    workers.start(job(root, "second", "stages.probe", "numpy"))
    assert ended(workers) == [("second", 0)]
    assert said(root, "second") == "new "


def test_schemas_are_compiled_before_a_fork_and_never_stale(root: Path, workers: Workers) -> None:
    schema = root / "diziner/schemas/toy.schema.json"
    found = []
    for name, kind in (("first", "integer"), ("second", "integer"), ("third", "string")):
        if name != "second":
            schema.write_text(json.dumps({"type": kind}))
        workers.start(job(root, name, "stages.checks"))
        assert ended(workers) == [(name, 0)], (root / f"{name}.log").read_text()
        found.append(said(root, name))
    # The third finds none: what was compiled is not what is there now.
    assert found == ["False integer", "True integer", "False string"]


def test_calls_over_http_work_in_forks_that_have_the_client_loaded(root: Path, workers: Workers) -> None:
    with ScriptedServer() as server:
        workers.start(job(root, "first", "stages.call", server.base_url, "1"))
        assert ended(workers) == [("first", 0)], (root / "first.log").read_text()
        for name in ("second", "third"):
            workers.start(job(root, name, "stages.call", server.base_url, "2"))
        assert sorted(ended(workers, 2)) == [("second", 0), ("third", 0)]
        assert server.requests == 3
    assert [said(root, name) for name in ("first", "second", "third")] == [
        "False Response",
        "True Response",
        "True Response",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "python -m stages.annotate x",
        ".venv/bin/python stages/annotate.py",
        "sh stages/run annotate 'x y'",
        "sh stages/run annotate $HOME",
        "sh stages/run annotate x; true",
        "sh stages/run annotate *",
        ".venv/bin/python -m",
        "FOO=1 sh stages/run annotate x",
        ".venv/bin/python -m other.module",
        "",
    ],
)
def test_any_other_command_is_left_to_a_shell(line: str) -> None:
    assert stage_script(line) is None
