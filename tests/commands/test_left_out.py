"""Benchmarks whose documents cannot be loaded: left out of plan, run and table, each with its reason."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project

WORDS = (".venv/bin/python", "-m", "diziner")


class SilentHub:
    """An address that closes every connection without a word, and counts them."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.calls = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def hub() -> Iterator[SilentHub]:
    made = SilentHub()
    yield made
    made.close()


def offline(hub: SilentHub, folder: Path) -> dict[str, Any]:
    return {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "no-cache"), "HF_DATASETS_CACHE": "", "NO_PROXY": "*"}


def test_the_papers_profile_is_planned_without_a_network(tmp_path: Path, hub: SilentHub) -> None:
    project = copy_project(tmp_path / "project", None, recordings=True)
    project.diziner_here("use", "paper")
    done = project.run(*WORDS, "plan", **offline(hub, tmp_path))
    lines = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ")[1] for line in lines] == sorted(path.name for path in project.folder.glob("data/*/"))
    assert hub.calls == 1
    assert done.stdout.splitlines()[-1].startswith("nothing to plan: ") and len(done.stdout.splitlines()) == 19
    by_name = {line.split(": ")[1]: line for line in lines}
    assert f"{hub.address} cannot be reached, and no copy of DFKI-SLT/cross_ner" in by_name["crossner_ai"]
    assert "run the same command again where it can be" in by_name["crossner_ai"]
    for name in ("ace2005", "mit_movie"):
        assert f"`diziner data convert {name} --from " in by_name[name]
    strict = project.run(*WORDS, "plan", "--strict", check=False, **offline(hub, tmp_path))
    assert strict.returncode == 2 and strict.stderr.splitlines()[-1].startswith("error: ace2005 cannot be prepared: ")
    nothing = project.run(*WORDS, "repro", check=False, **offline(hub, tmp_path))
    assert nothing.returncode == 2 and "no benchmark's documents could be loaded" in nothing.stderr
    dry = project.run(*WORDS, "repro", "--dry", **offline(hub, tmp_path)).stdout.splitlines()
    assert len([line for line in dry if line.startswith("left out  ")]) == len(lines)
    assert dry[-1] == "nothing runs: no benchmark's documents can be loaded"
    assert not (project.folder / "report.html").exists() and (project.folder / "metrics/final/genia.json").exists()


def with_files_of_ones_own(params: dict[str, Any]) -> None:
    params["corpus"].update(source={"default": "sample", "mit_movie": "local", "genja": "hub"}, local_dir="mine")


def shown_in_report(project: Project) -> dict[str, str]:
    """Why benchmarks are left out, by what the report is shown of each."""
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    data = page.partition('id="data">')[2].partition("</script>")[0]
    return {own["name"]: own["left_out"] for own in json.loads(data)["benchmarks"]}


def write_files(folder: Path, pilot: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("pilot", pilot), ("test", 4)):
        rows = [{"tokens": [f"{split}{n}", "by", "Bond"], "ner_tags": ["O", "O", "B-ACTOR"]} for n in range(count)]
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_a_project_that_may_only_be_read_is_planned_by_the_documents_it_has(
    copy_reproduced: Callable[..., Project], tmp_path: Path
) -> None:
    project = copy_reproduced(tmp_path / "project", "conll2003")
    at = project.folder
    (at / "stages/sources.json").unlink()  # what a plan writes first
    mounting = f'mount --bind {at} {at} && mount -o remount,ro,bind {at} && cd {at} && exec "$@"'
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", mounting, "sh"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a folder anew")
    done = project.run(*words, *WORDS, "plan", "conll2003")
    assert "documents are taken as they are: " in done.stderr and "Read-only file system" in done.stderr
    assert done.stdout.splitlines()[2].startswith("total ")


def test_a_run_goes_on_without_a_benchmark_that_cannot_be_loaded(
    copy_reproduced: Callable[..., Project], tmp_path: Path
) -> None:
    project = copy_reproduced(tmp_path / "project", "conll2003", "mit_movie")
    final = {name: project.folder / f"metrics/final/{name}.json" for name in ("conll2003", "mit_movie")}
    before = final["conll2003"].read_bytes()
    card = project.folder / "data/mit_movie/benchmark.yaml"
    card.write_text(card.read_text().replace("    expected:\n", "    unused: 1\n", 1).partition("    unused")[0])
    project.edit_params(with_files_of_ones_own)

    # Files are missing: told before anything runs.
    done = project.diziner_here("plan")
    assert "params.yaml: corpus.source: no benchmark 'genja' here; is the name right?" in done.stderr
    said = done.stdout
    assert "left out: mit_movie: mine/mit_movie/pilot.jsonl: no such file; Clone github.com" in said
    assert " mit_movie round" not in said
    dry = project.diziner_here("repro", "--dry").stdout
    assert dry.startswith("left out  mit_movie: mine/mit_movie/pilot.jsonl: no such file")
    assert "mit_movie corpus" not in dry and "may run   summary" in dry and final["mit_movie"].exists()
    done = project.diziner("repro")
    assert "left out  mit_movie: mine/mit_movie/pilot.jsonl: no such file" in done.stdout
    assert "1 benchmark left out" in done.stdout
    assert final["conll2003"].read_bytes() == before and not final["mit_movie"].exists()
    rows = json.loads((project.folder / "metrics/summary.json").read_text())["benchmarks"]
    assert [row["benchmark"] for row in rows] == ["conll2003"]
    assert shown_in_report(project)["conll2003"] == ""
    assert shown_in_report(project)["mit_movie"].startswith("mine/mit_movie/pilot.jsonl: no such file; Clone")
    table = project.diziner_here("summary").stdout
    assert (
        "not in the table: not run: mit_movie (the last run left it out: mine/mit_movie/pilot.jsonl: no such" in table
    )
    assert "`diziner plan mit_movie` says what mit_movie lacks" in table

    # Files that are not enough: told by the stage, in the run.
    write_files(project.folder / "mine/mit_movie", 5)
    done = project.diziner("repro")
    assert list(project.folder.glob(".dvc/tmp/diziner/*mit_movie*corpus.log"))  # it ran
    [line] = [line for line in done.stdout.splitlines() if line.startswith("left out")]
    assert "data unlink" not in line
    assert shown_in_report(project)["mit_movie"] == line.removeprefix("left out  mit_movie: ")
    assert "\n" not in line and line != said  # another reason than before
    for words in (("repro", "mit_movie"), ("plan", "--strict")):
        assert project.diziner_here(*words, check=False).returncode == 2, words
    stock = project.dvc("repro", check=False)
    assert stock.returncode and "to run the others without it: `diziner data unlink mit_movie`" in stock.stderr

    # Files that will do: the benchmark is back.
    write_files(project.folder / "mine/mit_movie", 30)
    assert "left out" not in project.diziner("repro").stdout
    assert set(shown_in_report(project).values()) == {""}
    rows = json.loads((project.folder / "metrics/summary.json").read_text())["benchmarks"]
    assert [(row["benchmark"], row["documents"]) for row in rows][1] == ("mit_movie", 4)
