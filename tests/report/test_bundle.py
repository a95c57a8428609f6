"""Bundles: a run as one file, the same bytes wherever it is made, verified anywhere, replayed from its tapes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, Project, commit_all, copy_project, copy_tree

from diziner.common.errors import UserError
from diziner.common.sealed import MANIFEST, read_sealed, unpack, write_sealed
from diziner.report.bundle import Contents, refuse_keys
from diziner.report.crate import METADATA
from diziner.settings import load_settings

TEXTS = ("corpus/test.jsonl", "tape.jsonl", "sample.txt", "disagreements.json", "predictions", "report.md", "tokens")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of one benchmark that was run, from its tape. For copies."""
    project = copy_project(tmp_path_factory.mktemp("bundle") / "run", ("conll2003",), recordings=True)
    for path in project.folder.glob("metrics/*/*.json"):  # of benchmarks that are not in the pipeline
        if path.parent.name != "plots" and path.name.partition("-")[0].removesuffix(".json") != "conll2003":
            path.unlink()
    for path in project.folder.glob("data/*/"):
        if path.name != "conll2003":
            shutil.rmtree(path)
    project.diziner_here("repro", "-j", "2")
    return project


@pytest.fixture(scope="module")
def bundle(done: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "run.zip"
    said = done.diziner_here("bundle", "--out", str(path), "--author", "Ada").stdout
    assert said.startswith(f"{path}: ")
    return path


def elsewhere(folder: Path) -> Project:
    """A folder that is no project."""
    folder.mkdir(exist_ok=True)
    return Project(folder)


def graph(path: Path) -> dict[str, dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        return {entity["@id"]: entity for entity in json.loads(archive.read(METADATA))["@graph"]}


def test_a_bundle_is_verified_where_there_is_no_project(bundle: Path, tmp_path: Path) -> None:
    said = elsewhere(tmp_path).diziner_here("bundle", "verify", str(bundle)).stdout
    assert "1 tape with " in said
    assert "figures of 1 benchmark as their documents count" in said
    digest = said.split()[-1]
    assert elsewhere(tmp_path).diziner_here("bundle", "verify", str(bundle), "--sha256", digest).returncode == 0
    other = elsewhere(tmp_path).diziner_here("bundle", "verify", str(bundle), "--sha256", "0" * 64, check=False)
    assert (other.returncode, "cited is" in other.stderr) == (2, True)


def test_it_holds_what_a_run_is_cited_for_and_nothing_of_the_machine(bundle: Path, done: Project) -> None:
    names = set(read_sealed(bundle))
    room = "data/conll2003"
    assert names >= {METADATA, "params.yaml", "dvc.lock", f"{room}/dvc.lock", f"{room}/benchmark.yaml", "LICENSE"}
    assert names >= {f"{room}/pilots.yaml", f"{room}/tape.jsonl", f"{room}/rounds/r1/guideline.yaml"}
    assert names >= {"metrics/final/conll2003.json", "metrics/summary.json", "diziner/cli.py", "stages/score.py"}
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", ".responses", ".git/"))]
    with zipfile.ZipFile(bundle) as archive:
        assert not [name for name in names if str(done.folder).encode() in archive.read(name)]


def test_the_description_is_an_ro_crate_that_names_every_file_with_its_digest(bundle: Path) -> None:
    """The properties that RO-Crate 1.2 asks of the descriptor, the root and files."""
    found, digests = graph(bundle), read_sealed(bundle)
    assert found[METADATA]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.2"}
    root = found[found[METADATA]["about"]["@id"]]
    assert root.keys() >= {"name", "description", "datePublished", "license", "hasPart"}
    recorded = [json.loads(tape.open().readline())["recorded"] for tape in sorted(ROOT.glob("data/*/tape.jsonl"))]
    assert root["datePublished"] == max(recorded)
    assert found[root["author"]["@id"]]["name"] == "Ada"
    parts = [part["@id"] for part in root["hasPart"]]
    folders = [part for part in parts if part.endswith("/")]
    assert folders == ["stages/", "diziner/"]
    named = {part: found[part] for part in parts if part not in folders}
    assert set(named) == {n for n in digests if n != METADATA and not n.startswith(tuple(folders))}
    assert all(entity["sha256"] == digests[name] and entity["@type"] == "File" for name, entity in named.items())
    software = [entity for entity in found.values() if entity["@type"] == "SoftwareApplication"]
    assert software and all(entity.keys() >= {"url", "version"} for entity in software)
    said = [value for entity in found.values() for value in entity.values()]
    ids = [
        each["@id"]
        for value in said
        for each in (value if isinstance(value, list) else [value])
        if isinstance(each, dict)
    ]
    assert {each for each in ids if not each.startswith("https://w3id.org")} <= set(found)


def test_a_replay_in_a_bare_folder_gives_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    """Unpacked with nothing else around, run from the tape by the code in it, bundled again: byte for byte."""
    unpack(bundle, tmp_path / "replay")
    commit_all(tmp_path / "replay", "unpacked")
    (tmp_path / "replay/.venv").symlink_to(Path(os.environ.get("VIRTUAL_ENV") or Path(".venv")).resolve())
    replay = Project(tmp_path / "replay")
    assert " ran" in replay.diziner("repro", "-j", "2").stdout
    replay.diziner("bundle", "--out", "../again.zip", "--author", "Ada")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_texts_that_may_not_be_passed_on_stay_out(done: Project, tmp_path: Path) -> None:
    """The room's texts are the benchmark's own, by its card: nothing that holds them goes in."""
    project = copy_tree(done.folder, tmp_path / "closed")
    card = project.folder / "data/conll2003/benchmark.yaml"
    text = card.read_text()
    card.write_text(text[: text.index("  local:")])
    lock = project.folder / "data/conll2003/dvc.lock"  # as of a run with this card
    before, after = (hashlib.md5(each.encode(), usedforsecurity=False).hexdigest() for each in (text, card.read_text()))
    lock.write_text(lock.read_text().replace(before, after))
    said = project.diziner_here("bundle", "--out", str(tmp_path / "closed.zip")).stdout
    assert said.startswith("left out  conll2003: Reuters Corpus (RCV1) agreement")
    assert "data/conll2003/corpus/gold.jsonl" in said
    names = set(read_sealed(tmp_path / "closed.zip"))
    assert not [name for name in names if name.startswith("data/") and any(word in name for word in TEXTS)]
    room = "data/conll2003"
    assert names >= {f"{room}/pilots.yaml", f"{room}/rounds/r1/guideline.yaml", f"{room}/rounds/r0/hotspots.jsonl"}
    tokens = [json.loads(line)["tokens"] for line in (project.folder / room / "corpus/test.jsonl").open()]
    sentences = [" ".join(words) for words in tokens if len(words) > 5]
    with zipfile.ZipFile(tmp_path / "closed.zip") as archive:
        whole = b"".join(archive.read(name) for name in names if name.startswith(("data/", "metrics/")))
    assert len(sentences) > 5
    assert not [sentence for sentence in sentences if sentence.encode() in whole]
    assert "Without texts, by their licences: conll2003." in graph(tmp_path / "closed.zip")["./"]["description"]
    elsewhere(tmp_path).diziner_here("bundle", "verify", "closed.zip")


def test_what_does_not_fit_its_lock_is_not_bundled(done: Project, tmp_path: Path) -> None:
    project = copy_tree(done.folder, tmp_path / "edited")
    path = project.folder / "data/conll2003/rounds/r1/guideline.yaml"
    path.write_text(path.read_text() + "\n")
    refused = project.diziner_here("bundle", check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: data/conll2003/rounds/r1/guideline.yaml: output of refine@")
    path.unlink()
    assert "is not there; run `diziner repro`" in project.diziner_here("bundle", check=False).stderr
    assert not (project.folder / "run.zip").exists()


@pytest.mark.parametrize("name", ["params.yaml", "data/conll2003/guideline.yaml", "diziner/cli.py", "dvc.lock"])
def test_what_is_of_another_run_than_the_outputs_is_not_bundled(done: Project, tmp_path: Path, name: str) -> None:
    """Settings, a guideline and code that were edited after the run would be cited for outputs of others."""
    project = copy_tree(done.folder, tmp_path / "edited")
    path = project.folder / name
    if name == "params.yaml":
        project.edit_params(lambda params: params["answers"].update(repair_turns=2))
    elif name == "dvc.lock":
        path.unlink()
    else:
        path.write_text(path.read_text() + "# edited\n")
    refused = project.diziner_here("bundle", check=False)
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    said = {
        "params.yaml": "params.yaml answers.repair_turns: ",
        "dvc.lock": "dvc.lock: ",
        "diziner/cli.py": "diziner changed",
    }
    assert line.startswith(f"error: {said.get(name, f'{name} changed, since ')}")
    assert "run `diziner repro`" in line


def test_a_bundle_made_anew_around_other_contents_is_refused(bundle: Path, tmp_path: Path) -> None:
    """Digests of an archive can be written anew by anybody: outputs must also be those of the locks, answers those of
    their keys, and figures follow from the counts of documents."""
    with zipfile.ZipFile(bundle) as archive:
        members: dict[str, bytes | Path] = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    changes = {
        "data/conll2003/rounds/r1/agreement.json": (b"0.", b"1.", "its MD5 is "),
        "data/conll2003/tape.jsonl": (b"location", b"Location", "not a row of this tape"),
        "metrics/final/conll2003.json": (b'"f1": 0.', b'"f1": 1.', "its MD5 is "),
        "data/conll2003/dvc.lock": (b"stages:", b"stages: [", "damaged"),
        "params.yaml": (b"bootstrap_samples: ", b"bootstrap_samples: -", "are none that were drawn"),
    }
    write_sealed(tmp_path / "evil.zip", {**members, "data/conll2003/dvc.lock": b"stages: {}"})
    refused = elsewhere(tmp_path).diziner_here("bundle", "verify", "evil.zip", check=False)
    assert "names it, so that nothing says which run made it" in refused.stderr
    for name, (old, new, expected) in changes.items():
        data = members[name]
        assert isinstance(data, bytes)
        write_sealed(tmp_path / "evil.zip", {**members, name: data.replace(old, new, 1)})
        refused = elsewhere(tmp_path).diziner_here("bundle", "verify", "evil.zip", check=False)
        assert refused.returncode == 2
        [line] = refused.stderr.splitlines()
        assert line.startswith(f"error: evil.zip: {name}")
        assert expected in line


def test_a_key_in_a_file_is_not_bundled(done: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = yaml.safe_load((done.folder / "params.yaml").read_text())
    value["endpoints"]["own"] = {"kind": "hosted", "provider": "openai", "key_env": "SOME_KEY"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(value))
    load_settings(tmp_path / "params.yaml")  # from then on the variable is known to hold a key
    (tmp_path / "README.md").write_text("export SOME_KEY=sk-not-to-be-passed-on\n")
    (tmp_path / "empty").touch()
    members: dict[str, bytes | Path] = {"empty": tmp_path / "empty", "README.md": tmp_path / "README.md", "a": b"short"}
    refuse_keys(Contents(members))
    monkeypatch.setenv("SOME_KEY", "short")  # as likely a word as a key
    refuse_keys(Contents(members))
    monkeypatch.setenv("SOME_KEY", "sk-not-to-be-passed-on")
    with pytest.raises(UserError, match=r"^README.md: holds the value of SOME_KEY: take the key out, and change it$"):
        refuse_keys(Contents(members))
