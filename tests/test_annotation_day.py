"""The annotation lead's day (docs/annotation-day.md): its commands run as they stand, on scripted models."""

from __future__ import annotations

import csv
import json
import re
import shlex
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from projects import ROOT, Project, copy_project, use_scripted

from diziner.common.files import read_json
from diziner.guideline.file import load_guideline
from diziner.labelling.row_files import read_rows
from diziner.standalone.files import read_plain

PAGE = (ROOT / "docs/annotation-day.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(console|yaml)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PEOPLE = [
    *("Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov"),
    *("Mary Shelley", "Jane Austen", "Washington Irving", "Ludwig van Beethoven", "👩‍🚀 Sally Ride"),
]
PLACES = [
    *("London", "Paris", "Rotterdam", "Boston", "Port Said", "Rome", "Vienna", "York", "Leeds", "Dover"),
    *("Mount Vernon", "Lisbon", "Bath", "Cairo", "Oslo", "Genoa", "Nice", "Cork", "Split", "São Paulo"),
]
LETTERS = (
    "Dear {who}, I am in {where} again.",
    "{who} wrote from {where} in March; the U.N. answered.",
    "When did {who} leave {where}?",
    "{where} is cold, says {who}.",
)
TEXTS = [
    LETTERS[number % 4].format(who=who, where=where) for number, (who, where) in enumerate(product(PEOPLE, PLACES))
]

Regions = list[tuple[int, int, str]]


def right(text: str) -> Regions:
    """What a person who knows the letters marks in one."""
    names = [(name, "PER") for name in PEOPLE] + [(name, "LOC") for name in PLACES]
    found = [(m.start(), m.end(), label) for name, label in names for m in re.finditer(re.escape(name), text)]
    return sorted(found)


def corrected(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The export of Label Studio after a person took over each document's consensus and corrected it."""
    done = []
    for number, task in enumerate(tasks, 901):
        text = task["data"]["text"]
        given = {(r["value"]["start"], r["value"]["end"], r["value"]["labels"][0]): r for r in first(task)["result"]}
        regions = [
            {
                **given.get(mention, {"id": f"new{mention[0]}", "from_name": "label", "to_name": "text"}),
                "type": "labels",
                "origin": "prediction-changed" if mention in given else "manual",
                "value": {
                    "start": mention[0],
                    "end": mention[1],
                    "text": text[slice(*mention[:2])],
                    "labels": [mention[2]],
                },
            }
            for mention in right(text)
        ]
        annotation = {"id": number, "completed_by": 1, "was_cancelled": False, "result": regions, "lead_time": 4.2}
        done.append(
            {**task, "id": number, "annotations": [annotation], "drafts": [], "meta": {}, "total_annotations": 1}
        )
    return done


def first(task: dict[str, Any]) -> Any:
    [consensus] = [each for each in task["predictions"] if each["model_version"] == "consensus"]
    return consensus


def merged(old: Any, new: Any) -> Any:
    """Settings with a piece of the page in them."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


class Day:
    """The page's blocks, one after the other, and what was printed by each command."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._blocks = iter(BLOCKS)

    def settings(self) -> None:
        """Put the next block into params.yaml."""
        kind, piece = next(self._blocks)
        assert kind == "yaml"

        def change(params: dict[str, Any]) -> None:
            for key, value in yaml.safe_load(piece).items():
                params[key] = merged(params.get(key), value)

        self.project.edit_params(change)

    def commands(self) -> list[str]:
        """Run the commands of the next block, and hold what they print against the lines that the page shows."""
        kind, block = next(self._blocks)
        assert kind == "console"
        printed = []
        for command, shown in re.findall(r"^\$ (.+)\n((?:[^$].*\n)*)", block, re.MULTILINE):
            words = [name for word in shlex.split(command) for name in self._files(word)]
            here = words[0] == ".venv/bin/diziner" and words[1] != "repro"
            run = self.project.diziner_here(*words[1:]) if here else self.project.run(*self._words(words))
            printed.append(run.stdout)
            for line in shown.splitlines():
                pattern = ".*".join(map(re.escape, line.split("…")))
                assert re.search(f"^{pattern}$", run.stdout, re.MULTILINE), f"{command}\n{run.stdout}"
        return printed

    def _files(self, word: str) -> list[str]:
        """Return what a shell makes of a word: with a star the names of the files that fit."""
        folder = self.project.folder
        return [str(path.relative_to(folder)) for path in sorted(folder.glob(word))] if "*" in word else [word]

    @staticmethod
    def _words(words: list[str]) -> list[str]:
        return [".venv/bin/python", "-m", "diziner", *words[1:]] if words[0] == ".venv/bin/diziner" else words

    def done(self) -> bool:
        return next(self._blocks, None) is None


def test_two_hundred_raw_texts_become_a_corpus_in_a_day(tmp_path: Path) -> None:
    assert [kind for kind, _ in BLOCKS] == ["yaml", *["console"] * 4, "yaml", *["console"] * 4]
    project = copy_project(tmp_path / "project", ())
    folder, room = project.folder, project.folder / "data/letters"
    project.edit_params(use_scripted)
    assert len(set(TEXTS)) == 200
    with (folder / "letters.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("id", "text", "source"), *((f"L{n:03d}", text, f"box {n % 2 + 1}") for n, text in enumerate(TEXTS))]
        )
    day = Day(project)

    day.settings()
    day.commands()  # new
    day.commands()  # the pilot's disagreements
    assert "## Overview" in (room / "rounds/r0/report.md").read_text() and not (room / "rounds/r1").exists()
    before = read_json(room / "rounds/r0/agreement.json")

    day.commands()  # export to Label Studio
    tasks = read_json(folder / "pilot.json")
    hotspots = [json.loads(line)["document"] for line in (room / "rounds/r0/hotspots.jsonl").read_text().splitlines()]
    order = [task["data"]["id"] for task in tasks]
    assert order[0] in hotspots
    assert all([each["model_version"] for each in task["predictions"]][1:] == before["annotators"] for task in tasks)
    assert [first(task)["score"] for task in tasks] == sorted(first(task)["score"] for task in tasks)
    assert any(first(task)["result"] != [] for task in tasks)

    (folder / "from_label_studio.json").write_text(json.dumps(corrected(tasks)), encoding="utf-8")
    day.commands()  # into the room
    day.settings()
    asked = sum(1 for _ in (room / "rounds/r0/annotations").glob("scripted_*.jsonl"))
    day.commands()  # refined
    after = read_json(room / "rounds/r0/agreement.json")
    assert "anna" in after["annotators"] and len(after["annotators"]) == asked + 1
    refined = load_guideline(room / "rounds/r1/guideline.yaml")
    assert refined.round == 1 and refined.common
    anna = [json.loads(line) for line in (room / "rounds/r0/annotations/anna.jsonl").read_text().splitlines()]
    pilot = {row["id"]: row["text"] for row in read_rows(room / "corpus/pilot/r0.jsonl")}
    assert {row["id"] for row in anna} == set(pilot) == set(order)
    assert all(
        [(a, b) for a, b in row["characters"]] == [(a, b) for a, b, _ in right(pilot[row["id"]])] for row in anna
    )

    day.commands()  # labelled
    [shard] = sorted((folder / "labels").glob("0*.jsonl"))
    labelled = list(read_rows(shard))
    assert [row["text"] for row in labelled] == TEXTS
    queue = read_json(folder / "labels/review.json")
    doubtful = [row["id"] for row in labelled if row["confidence"] is None or row["confidence"] < 0.6]
    assert 0 < len(queue) == len(doubtful) < 200 and {task["data"]["id"] for task in queue} == set(doubtful)

    (folder / "reviewed.json").write_text(json.dumps(corrected(queue)), encoding="utf-8")
    printed = day.commands()  # written
    [scores] = map(json.loads, day.commands())
    assert scores["documents"] == len(queue) and "calibration" in scores["predictions"][0]
    assert day.done() and all(f"; {len(queue)} documents as corrected" in said for said in printed)
    pairs = read_json(folder / "corpus.json")
    assert [text for text, _ in pairs] == TEXTS
    for row, (text, said) in zip(labelled, pairs, strict=True):
        votes = [[*place, label] for place, (*_, label) in zip(row["characters"], row["spans"], strict=True)]
        assert said["entities"] == (list(map(list, right(text))) if row["id"] in doubtful else votes)
    saved = read_plain(folder / "corpus")
    assert [row.id for row in saved.annotations] == [row["id"] for row in labelled]
