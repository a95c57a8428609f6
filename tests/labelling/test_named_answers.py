"""Answers that rows of labellings name are no waste, and two labellings of the same texts pay for each once."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from label_place import Place, make_place
from projects import ROOT

from diziner.commands import responses
from diziner.common.errors import UserError
from diziner.labelling.named_answers import folders
from diziner.layout import store_path
from diziner.llm import ledger
from diziner.llm.store import ResponseStore
from diziner.scripted.server import ScriptedServer

PRICES = {"scripted-careful": {"input": 1000.0, "output": 4000.0}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)


def gc(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    parser = argparse.ArgumentParser()
    responses.arguments(parser)
    responses.run(parser.parse_args(["gc", *words]))
    return capsys.readouterr().out


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_gc_knows_what_label_folders_name(place: Place, capsys: pytest.CaptureFixture[str], form: str) -> None:
    place.params["endpoints"]["scripted"]["prices"] = PRICES
    place.save()
    place.label("--format", form)
    store = ResponseStore(store_path())
    assert folders(store) == [str(place.out)]
    assert "0 of 20 responses are named by no output" in gc(capsys, "--delete", "--yes")
    shutil.move(place.out, place.folder / "away")
    for words in ([], ["--delete", "--yes"]):
        with pytest.raises(UserError, match=f"gc needs every output.*{place.out}: it is not there.*gc --forget"):
            gc(capsys, *words)
    (place.folder / "away" / "manifest.json").unlink()
    shutil.move(place.folder / "away", place.out)
    with pytest.raises(UserError, match="it was not labelled to the end"):
        gc(capsys)
    kept = gc(capsys, "--forget", str(place.out), "--delete")
    assert "20 of 20 responses are named by no output: scripted:scripted-careful 20" in kept
    assert re.search(r"not removed: they cost USD \d+\.\d{4}; add --yes", kept)
    assert store.verify() == 20
    assert "20 removed; they cost USD" in gc(capsys, "--delete", "--yes")
    assert store.verify() == 0
    with pytest.raises(UserError, match=f"{place.out}: no folder that was labelled into; known are: none"):
        gc(capsys, "--forget", str(place.out))


def test_two_labellings_of_the_same_texts_pay_once_and_each_says_what_it_paid(place: Place) -> None:
    place.documents(200)
    with ScriptedServer(latency_s=0.1) as server:
        place.web(server.base_url, prices=PRICES)
        words = [sys.executable, "-c", "from diziner.cli import main; main()", "label"]
        runs = [
            subprocess.Popen(
                [*words, *place.words(out=place.folder / name)],
                cwd=place.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name in ("one", "other")
        ]
        said = [run.communicate(timeout=120)[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], said
        assert server.requests == 200
    paid = [float(re.findall(r"USD ([\d.]+)", text)[-1]) for text in said]
    total = ResponseStore(store_path()).read(ledger.spent) / ledger.NANO
    assert sum(paid) == pytest.approx(total, abs=2e-4)
    assert all(0 < usd < total for usd in paid)
    shards = [sorted((place.folder / name).glob("*.jsonl")) for name in ("one", "other")]
    assert [file.read_bytes() for file in shards[0]] == [file.read_bytes() for file in shards[1]]
