"""A real local model, SmolLM2-135M: the same answers however its server came to the question, and one server a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT
from repro_projects import make_graph

from diziner.layout import GGUF, weights_path

pytest.importorskip("xllamacpp", reason="no local runtime")
MODEL = "smollm2-135m-instruct-q4_1"
SHA256 = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["weights"][MODEL]["sha256"]
WEIGHTS = weights_path(GGUF, SHA256)
needs_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason=f"the weights of {MODEL} are not on this machine")

ASK = f"""
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request

MODEL, SHA256 = "{MODEL}", "{SHA256}"

def ask(numbers, changed=False, mib=100):
    "Answers by a server that is asked nothing else."
    rules = [f"{{n}}. Mark number {{n * n}}, unless it is the {{n}}th." for n in range(12)]
    system = "List the names." + " ".join([*rules[:-1], "Mark none."] if changed else rules)
    model = ModelSettings("local", MODEL, SHA256[:12], max_tokens=8)
    texts = [f"Mara met {{n}} of Oslo." for n in numbers]
    asked = [Request("local", model, (Message("system", system), Message("user", text))) for text in texts]
    endpoint = Endpoint("local", "local", threads=1, context=1024, prefix_cache_mib=mib)
    weights = {{MODEL: {{"sha256": SHA256}}}}
    with tempfile.TemporaryDirectory() as folder:
        asker = StoreAsker(ResponseStore(Path(folder) / "store"), {{"local": endpoint}}, weights)
        outcomes = asker.ask(asked, "asked")
    assert all(outcome.cached_tokens == 0 for outcome in outcomes)
    return {{f"{{changed}} {{n}}": outcome.text for n, outcome in zip(numbers, outcomes)}}
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    (folder / "weights").mkdir(parents=True)
    if WEIGHTS.exists():
        (folder / "weights" / WEIGHTS.name).symlink_to(WEIGHTS)
    return folder


def environment(cache: Path, **more: str) -> dict[str, Any]:
    return {**os.environ, "DIZINER_CACHE": str(cache), **more}


def python(code: str, cache: Path, **more: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(cache, **more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@needs_weights
def test_an_answer_depends_on_its_request_alone(cache: Path) -> None:
    """Cold and from disk, in any order, after another guideline, without a cache, and over files that are damaged."""
    code = """
from diziner.layout import cache_folder
folder = cache_folder() / "prefixes"
states = lambda: sorted(folder.glob("*/*.kv"))
alone = {}
for n in (1, 2):
    alone |= ask([n], mib=0)
changed = ask([1], changed=True, mib=0)
assert not states()
seen = [ask([1, 2])]
assert len(states()) == 1
seen += [ask([1, 2]), ask([2, 1])]
assert len(states()) == 1
other = [ask([1], changed=True)]
assert len(states()) == 2
before = {path.name for path in states()}
for place, path in enumerate(states()):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if place else data[:-1] + bytes([data[-1] ^ 1]))
seen.append(ask([1, 2]))
other.append(ask([1], changed=True))
assert {path.name for path in states()} == before
print(json.dumps([all(one == alone for one in seen), all(one == changed for one in other), len(set(alone.values()))]))
"""
    assert python(ASK + code, cache) == [True, True, 2]


@needs_weights
def test_a_state_that_goes_on_from_another_is_what_reading_all_would_give(cache: Path) -> None:
    """The changed guideline is read from the block on where it differs: the same bytes as read from its beginning."""
    code = """
import os
from diziner.layout import cache_folder
folder = cache_folder() / "prefixes"
states = lambda: {path.name for path in folder.glob("*/*.kv")}
ask([1], changed=True)
alone = states()
for path in folder.glob("*/*"):
    path.unlink()
ask([1])
first = states()
ask([1], changed=True)
print(json.dumps([len(alone), states() - first == alone]))
"""
    assert python(ASK + code, cache) == [1, True]


STAGE = (
    ASK
    + """
import os
from diziner.endpoints.run_servers import VARIABLE
folder = Path(os.environ[VARIABLE])
answers = ask([int(sys.argv[2])])
[place] = folder.glob("*.json")
Path("out").mkdir(exist_ok=True)
Path(sys.argv[1]).write_text(json.dumps([answers, json.loads(place.read_text())["process"]]))
while len(sys.argv) > 3:
    import time
    time.sleep(0.05)
"""
)


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def comes(true: Callable[[], bool]) -> bool:
    for _ in range(2400):
        if true():
            return True
        time.sleep(0.05)
    return False


@needs_weights
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_run_keeps_one_server_for_its_stages_and_leaves_none_behind(cache: Path, tmp_path: Path) -> None:
    def stage(number: int, *more: str) -> dict[str, Any]:
        return {"cmd": f"sh stages/run asks out/{number} {number} {' '.join(more)}".strip(), "outs": [f"out/{number}"]}

    project = make_graph(tmp_path / "project", {"one": stage(1), "two": stage(2), "last": stage(3, "wait")})
    (project.folder / "stages/asks.py").write_text(STAGE)
    words = (sys.executable, "-m", "diziner", "repro", "-j", "2")
    project.run(*words, "one", "two", **environment(cache))
    (first, server), (second, same) = [json.loads((project.folder / f"out/{n}").read_text()) for n in (1, 2)]
    assert server == same and {**first, **second} == python(ASK + "print(json.dumps(ask([1, 2])))", cache)
    assert comes(lambda: not is_alive(server))

    run = subprocess.Popen([*words, "last"], cwd=project.folder, env=environment(cache), stdout=subprocess.DEVNULL)
    assert comes((project.folder / "out/3").exists)
    _, another = json.loads((project.folder / "out/3").read_text())
    assert is_alive(another) and another != server
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert comes(lambda: not is_alive(another))


SERVE = """
import json, os, sys
from pathlib import Path
from diziner.common.errors import UserError
from diziner.endpoints import run_servers
folder, weights = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PLACE"]), Path(os.environ["WEIGHTS"])
os.environ[run_servers.VARIABLE] = str(folder)
process = lambda name: json.loads((folder / f"{name}.json").read_text())["process"]
serve = lambda name: run_servers.run_server(folder, name, weights, 1, 512, folder)
"""


def test_a_server_that_does_not_start_says_why_in_a_line(cache: Path, tmp_path: Path) -> None:
    weights = tmp_path / "no.gguf"
    weights.write_bytes(b"nothing")
    code = """
assert run_servers.run_folder() is None
with run_servers.kept(folder):
    assert run_servers.run_folder() == folder
    try:
        serve("a")
    except UserError as error:
        print(json.dumps(str(error)))
"""
    said = python(SERVE + code, cache, PLACE=str(tmp_path / "models"), WEIGHTS=str(weights))
    assert said.startswith(f"{weights}: the local model server did not start: ") and "\n" not in said


@needs_weights
def test_a_server_is_replaced_when_it_is_gone_and_makes_room_where_memory_is_short(cache: Path, tmp_path: Path) -> None:
    code = """
import signal
with run_servers.kept(folder):
    first = serve("a")
    assert serve("a") == first
    one = process("a")
    os.kill(one, signal.SIGKILL)
    while run_servers._is_held(folder / "a.lock"):
        pass
    serve("a")
    two = process("a")
    serve("b")
    both = [run_servers._is_held(folder / f"{name}.lock") for name in "ab"]
    run_servers._free_memory = lambda: 0.0
    serve("c")
    left = [run_servers._is_held(folder / f"{name}.lock") for name in "abc"]
    print(json.dumps([one != two, both, left]))
"""
    found = python(SERVE + code, cache, PLACE=str(tmp_path / "models"), WEIGHTS=str(WEIGHTS))
    assert found == [True, [True, True], [False, False, True]]
