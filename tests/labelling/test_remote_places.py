"""Input and output elsewhere, by URLs: the same bytes as on a disk.

fsspec's memory is the storage here; S3 is that of tests/labelling/test_cluster.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from label_place import Place, content, make_place

from diziner.common.errors import UserError
from diziner.common.remote import Remote
from diziner.labelling import remote_folder
from diziner.labelling.named_answers import folders, named_answers
from diziner.labelling.output_folder import LOCK
from diziner.labelling.remote_folder import out_folder
from diziner.layout import store_path
from diziner.llm.claims import here
from diziner.llm.store import ResponseStore
from diziner.settings import load_settings

OUT = "memory://bucket/labels"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def bucket() -> Iterator[Remote]:
    root = Remote("memory://bucket")
    yield root
    root.remove()


def far_content(out: Remote) -> dict[str, bytes]:
    return {name: (out / name).read() for name in out.files() if name[0].isdigit() or name == "manifest.json"}


def label(place: Place, *more: str, source: str, out: str = OUT) -> None:
    place.label(*more, source=source, out=out)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_corpus_elsewhere_is_labelled_into_the_same_bytes(place: Place, bucket: Remote, form: str) -> None:
    lines = place.input.read_text().splitlines(keepends=True)
    folder = place.folder / "corpus"
    folder.mkdir()
    for number, part in enumerate((lines[:7], lines[7:])):
        texts = [json.loads(line) for line in part]
        content_of = "".join(f"{json.dumps({'text': row['text']})}\n" for row in texts)  # ids from the files' names
        (folder / f"part{number}.jsonl").write_text(content_of)
        (bucket / f"corpus/part{number}.jsonl").send(folder / f"part{number}.jsonl")
    options = ("--shard-documents", "6", "--format", form)
    place.label(*options, source=folder, out=place.folder / "near")
    label(place, *options, source="memory://bucket/corpus")
    assert far_content(Remote(OUT)) == content(place.folder / "near")
    assert not (Remote(OUT) / ".shards").files() and LOCK not in Remote(OUT).files()


def test_what_is_there_is_not_done_again_and_nothing_is_left_on_this_disk(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    label(place, "--shard-documents", "5", source=str(place.input))
    [first, *others] = [name for name in Remote(OUT).files() if name[0].isdigit()]
    whole = far_content(Remote(OUT))
    (Remote(OUT) / first).write(b"cut")
    written: list[str] = []
    send = Remote.send

    def noted(self: Remote, path: Path) -> None:
        written.append(self.name)
        send(self, path)

    monkeypatch.setattr(Remote, "send", noted)
    label(place, "--shard-documents", "5", source=str(place.input))
    assert [name for name in written if name in (first, *others)] == [first]
    assert far_content(Remote(OUT)) == whole
    assert list(scratch.iterdir()) == []
    assert LOCK not in Remote(OUT).files()


def test_shards_of_other_settings_are_named_and_replaced(place: Place) -> None:
    label(place, source=str(place.input))
    before = set(far_content(Remote(OUT)))
    place.documents(8)
    with pytest.raises(UserError, match=rf"--out {OUT}: holds 1 shard of other documents"):
        label(place, source=str(place.input))
    label(place, "--replace", source=str(place.input))
    assert not set(far_content(Remote(OUT))) & before - {"manifest.json"}


def test_bad_rows_are_listed_beside_the_shards(place: Place, bucket: Remote) -> None:
    (bucket / "in.jsonl").write(place.input.read_bytes() + b"no JSON\n")
    with pytest.raises(UserError, match=r"memory://bucket/in.jsonl:21: .*--skip-bad"):
        label(place, source="memory://bucket/in.jsonl")
    label(place, "--skip-bad", source="memory://bucket/in.jsonl")
    rejected = json.loads((Remote(OUT) / "rejected.jsonl").read())
    assert rejected["where"] == "memory://bucket/in.jsonl:21"
    label(place, "--replace", source=str(place.input))
    assert "rejected.jsonl" not in Remote(OUT).files()


def test_answers_of_a_folder_elsewhere_are_no_waste(place: Place) -> None:
    label(place, source=str(place.input))
    store = ResponseStore(store_path())
    assert folders(store) == [OUT]
    assert len(named_answers(store, load_settings())) == 20
    (Remote(OUT) / "manifest.json").remove()
    with pytest.raises(UserError, match=f"{OUT}: it was not labelled to the end"):
        named_answers(store, load_settings())


def held(**more: Any) -> bytes:
    host, boot = here()
    return json.dumps({"holder": "x", "host": host, "boot": boot, "process": 1, "beats": 1, **more}).encode()


def test_one_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_folder, "_BEAT_S", 0.1)
    monkeypatch.setattr(remote_folder, "_DEAD_S", 5.0)
    with (
        out_folder(Remote(OUT), "jsonl") as one,
        out_folder(Remote(OUT), "jsonl") as other,
        one.held(),
        pytest.raises(UserError, match=f"--out {OUT}: process .* is labelling into it"),
        other.held(),
    ):
        pass


@pytest.mark.parametrize("lock", [held(process=2**22 + 1), held(host="gone"), b"rubbish"])
def test_the_lock_of_a_dead_run_gives_way(monkeypatch: pytest.MonkeyPatch, lock: bytes) -> None:
    monkeypatch.setattr(remote_folder, "_DEAD_S", 1.5)
    (Remote(OUT) / LOCK).write(lock)
    with out_folder(Remote(OUT), "jsonl") as folder, folder.held():
        assert (Remote(OUT) / LOCK).read() != lock


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://bucket/nowhere", "memory://bucket/nowhere: no such file or folder"),
        ("nosuch://bucket/in.jsonl", "nosuch://bucket/in.jsonl: .*Protocol not known"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(place: Place, url: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        label(place, source=url)
    assert "\n" not in str(caught.value)
