"""Output folder of `diziner label`: what is in it, whose it is, and what its shards are named by."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from label_place import GUIDELINE, Place, content, hidden, make_place, rows, shards
from projects import Project

from diziner.common.errors import UserError
from diziner.common.files import read_json, write_json
from diziner.guideline.file import load_guideline, save_guideline
from diziner.labelling.job import recipe_digest
from diziner.labelling.output_folder import OutFolder
from diziner.layout import Room
from diziner.llm.access import asker_for
from diziner.settings import Settings


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)


def test_the_manifest_lists_every_shard_in_reading_order_with_its_digest(place: Place) -> None:
    import hashlib

    place.label("--shard-documents", "6")
    manifest = read_json(place.out / "manifest.json")
    assert [entry["file"] for entry in manifest["shards"]] == [path.name for path in shards(place.out)]
    assert [entry["documents"] for entry in manifest["shards"]] == [6, 6, 6, 2]
    for entry in manifest["shards"]:
        assert hashlib.sha256((place.out / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert manifest["documents"] == 20
    assert manifest["mentions"] == sum(len(row["spans"]) for row in rows(place.out))
    assert manifest["matched"] == {} and manifest["widened"] == {"count": 0, "examples": []}
    assert manifest["annotator"]["model"]["model"] == "scripted-careful"


def test_a_finished_output_holds_nothing_hidden_and_what_earlier_versions_left_goes(place: Place) -> None:
    place.label("--shard-documents", "6")
    manifest = read_json(place.out / "manifest.json")
    assert hidden(place.out) == []
    assert {path.name for path in place.out.iterdir()} == {"manifest.json", *(path.name for path in shards(place.out))}
    # As an earlier version wrote it: reports beside the shards, none in the manifest.
    reports = place.out / ".shards"
    reports.mkdir()
    for entry in manifest["shards"]:
        name = entry.pop("file").removesuffix(".jsonl")
        del entry["failed"]
        write_json(reports / f"{name}.json", {"name": name, **entry})
        entry_before = {"file": f"{name}.jsonl", "failed": 0, "sha256": entry["sha256"], "documents": 1}
        entry.clear()
        entry.update(entry_before)
    write_json(place.out / "manifest.json", manifest)
    (place.out / ".lock").touch()
    for path in shards(place.out):
        os.utime(path, ns=(0, 0))
    place.label("--shard-documents", "6")
    assert hidden(place.out) == [] and {path.stat().st_mtime_ns for path in shards(place.out)} == {0}
    assert read_json(place.out / "manifest.json")["documents"] == 20


def test_what_stops_after_a_finished_labelling_has_begun_anew_keeps_its_shards(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest, which knows of them, is gone then."""
    place.label("--shard-documents", "6")
    place.documents(30)
    with monkeypatch.context() as patch:
        patch.setattr("diziner.labelling.run.Labeller.label", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            place.label("--shard-documents", "6", "--replace")
    assert not (place.out / "manifest.json").exists() and hidden(place.out) == [".shards"]
    for path in shards(place.out):
        os.utime(path, ns=(0, 0))
    place.label("--shard-documents", "6", "--replace")
    assert sorted(path.stat().st_mtime_ns == 0 for path in shards(place.out)) == [False, False, True, True, True]
    assert len(rows(place.out)) == 30 and hidden(place.out) == []


def test_a_lock_that_is_taken_away_locks_nobody_out_and_nobody_in(tmp_path: Path) -> None:
    """Check that a lock opened before its holder ended is looked for again: nobody else sees that file."""
    folder = OutFolder(tmp_path / "out", "jsonl")
    opened = Path.open
    with folder.held(), pytest.raises(UserError, match="another process is labelling into it"), folder.held():
        pass

    def late(path: Path, *words: Any) -> Any:
        file = opened(path, *words)
        if path.name == ".lock" and not late_ones:
            late_ones.append(path)
            path.unlink()  # as the one before does at its end
        return file

    late_ones: list[Path] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", late)
        with folder.held():
            assert late_ones and (folder.path / ".lock").exists()
            with pytest.raises(UserError), folder.held():
                pass
    assert not (folder.path / ".lock").exists()


def test_a_folder_that_was_made_for_nothing_is_gone_and_one_that_was_there_stays(tmp_path: Path) -> None:
    folder = OutFolder(tmp_path / "out", "jsonl")
    with pytest.raises(UserError, match="no answer"), folder.held():
        raise UserError("no answer")
    assert not folder.path.exists()
    with folder.held():
        (folder.path / "rejects.jsonl").touch()
    assert folder.path.is_dir()
    folder.withdraw("rejects.jsonl")
    with folder.held():
        pass
    assert folder.path.is_dir()


def digest(params: dict[str, Any], guideline: Path = GUIDELINE) -> str:
    settings = Settings(params)
    asker = asker_for(settings, Room("conll2003"))
    annotator = settings.annotator("scripted_careful")
    return recipe_digest(load_guideline(guideline), [annotator], settings.answers, asker, "jsonl")


def test_shard_names_follow_all_that_shapes_rows_and_nothing_else(place: Place, tmp_path: Path) -> None:
    def with_params(change: Callable[[dict[str, Any]], object]) -> str:
        params = yaml.safe_load(yaml.safe_dump(place.params))
        change(params)
        return digest(params)

    edited = tmp_path / "guideline.yaml"
    guideline = load_guideline(GUIDELINE)
    first, *others = guideline.types
    save_guideline(
        edited, replace(guideline, types=(replace(first, definition=f"{first.definition} Really."), *others))
    )
    shaping = [
        digest(place.params),
        digest(place.params, edited),
        with_params(lambda p: p["annotators"]["scripted_careful"].update(temperature=0.5)),
        with_params(lambda p: p["annotators"]["scripted_careful"].update(style="plain")),
        with_params(lambda p: p["answers"].update(occurrences="ordered")),
        with_params(lambda p: p["answers"].update(repair_turns=0)),
        with_params(lambda p: p["answers"].update(show_goal=False)),
        with_params(lambda p: p["answers"].update(chunk_tokens=100)),
        with_params(lambda p: p["answers"].update(chunk_tokens=100, overlap=10)),
    ]
    assert len(set(shaping)) == len(shaping)
    for transport in (
        with_params(lambda p: p["answers"].update(max_failed_share=0.5)),
        with_params(lambda p: p["endpoints"]["scripted"].update(concurrency=7)),
        with_params(lambda p: p["annotators"]["scripted_shy"].update(temperature=0.5)),
    ):
        assert transport == shaping[0]


def test_an_edited_template_or_matcher_makes_other_shards(make_project: Callable[..., Project]) -> None:
    project = make_project("conll2003")
    source = project.folder / "in.txt"
    source.write_text("Ada Lovelace saw Lisbon.\n")
    words = ("label", "--guideline", "data/conll2003/guideline.yaml", "--annotator", "scripted_careful")
    names = set()
    for number, edited in enumerate((None, "diziner/prompts/annotator/annotate.v1.md", "diziner/spans/matching.py")):
        if edited:
            with (project.folder / edited).open("a") as file:
                file.write("\nMind the gap.\n" if edited.endswith(".md") else "\n_UNUSED = 1\n")
        project.diziner(*words, "--in", str(source), "--out", f"labels{number}")
        names |= {path.name for path in shards(project.folder / f"labels{number}")}
    assert len(names) == 3


def test_two_processes_do_not_label_into_one_folder(place: Place) -> None:
    with OutFolder(place.out, "jsonl").held():
        assert "another process is labelling into it" in place.refuses()
    place.label()


def test_one_document_more_leaves_full_shards_as_they_are(place: Place) -> None:
    place.label("--shard-documents", "6")
    names = {path.name for path in shards(place.out)}
    place.documents(21)
    assert "holds 1 shard of other documents" in place.refuses("--shard-documents", "6")
    assert hidden(place.out) == []
    (place.out / "notes.txt").write_text("mine")
    place.label("--shard-documents", "6", "--replace")
    assert len({path.name for path in shards(place.out)} & names) == 3
    assert len(shards(place.out)) == 4
    assert len(rows(place.out)) == 21
    assert (place.out / "notes.txt").read_text() == "mine"
    assert hidden(place.out) == []
    before = content(place.out)
    place.label("--shard-documents", "6")
    assert content(place.out) == before


def test_an_annotator_that_the_guideline_leaves_out_is_refused(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "left_out.yaml"
    save_guideline(path, replace(load_guideline(GUIDELINE), left_out=("scripted_careful",)))
    with pytest.raises(UserError, match="leaves scripted_careful out"):
        digest(place.params, path)
