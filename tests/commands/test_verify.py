"""`diziner verify` on a clone as it is fetched: metrics, tapes, store and weights are read, outputs may be missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from projects import Project, copy_project, copy_tree

from diziner.common.yamlfile import read_yaml
from diziner.layout import files_of
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape

ANNOTATIONS = "data/conll2003/rounds/r0/annotations/qwen_plain.jsonl"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What a fresh clone has, of one benchmark, with a store. For copies."""
    project = copy_project(tmp_path_factory.mktemp("verify") / "clone", ("conll2003",), recordings=True)
    store = ResponseStore(project.folder / ".responses/responses.sqlite")
    store.put_rows(read_tape(project.folder / "data/conll2003/tape.jsonl"))
    store.close()
    return project


@pytest.fixture
def project(clone: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path / "cache"))
    return copy_tree(clone.folder, tmp_path / "clone")


def test_a_fresh_clone_is_whole_and_says_what_it_lacks(project: Project) -> None:
    said = project.diziner_here("verify").stdout
    rows = len(read_tape(project.folder / "data/conll2003/tape.jsonl"))
    assert f"1 tape, {rows} answers on tapes, 1 store, {rows} answers in the store" in said
    lacking = said.splitlines()[-1]
    assert lacking.startswith("not here, which is no fault: ")
    assert "outputs" in lacking
    assert "files of weights" in lacking


def test_the_gate_stops_at_an_output_that_is_another(project: Project) -> None:
    """Without `--verify` a file is seen to differ; with it, all is read first, and the digests are said."""
    path = project.folder / ANNOTATIONS
    path.parent.mkdir(parents=True)
    path.write_text('{"wrong": 1}\n')
    assert "stale: " in project.diziner_here("gate", check=False).stdout
    done = project.diziner_here("gate", "--verify", "--json", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{ANNOTATIONS}: output of data/conll2003/dvc.yaml:annotate@qwen_plain-round0: " in done.stderr
    assert hashlib.md5(b'{"wrong": 1}\n', usedforsecurity=False).hexdigest() in done.stderr


def test_damaged_tapes_stores_and_weights_are_named_with_what_mends_them(project: Project, tmp_path: Path) -> None:
    tape, store = project.folder / "data/conll2003/tape.jsonl", project.folder / ".responses/responses.sqlite"
    tape.write_text(tape.read_text().replace("location", "Location", 1))
    data = bytearray(store.read_bytes())
    data[len(data) // 2] ^= 1
    data[len(data) // 2 + 1 : len(data) // 2 + 400] = b"\0" * 399
    store.write_bytes(bytes(data))
    model, entry = next(iter(read_yaml(project.folder / "params.yaml")["weights"].items()))
    name, sha256 = next(iter(files_of(entry).items()))
    weights = tmp_path / "cache/weights" / f"{sha256}{Path(name).suffix}"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    done = project.diziner_here("verify", "conll2003", check=False)
    assert done.returncode == 2
    first, second, third, *_ = done.stdout.splitlines()
    assert first.startswith("data/conll2003/tape.jsonl:")
    assert first.endswith("`git checkout -- data/conll2003/tape.jsonl` brings back the committed one")
    assert second.startswith(".responses/responses.sqlite: the response store is damaged")
    found = hashlib.sha256(b"weights").hexdigest()
    assert third == (
        f"{weights}: weights of {model}: params.yaml says SHA-256 {sha256}, found is {found}; "
        f"`rm -f {weights} && diziner weights fetch {model}` fetches them anew"
    )
    assert done.stderr == "error: 3 faults; each line says what mends it\n"
