"""The report's file: what the stage and the command write of a project, whole or damaged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from projects import SCRIPTED, Project, copy_project, use_scripted
from viewer_rooms import data_of


def steps_of(benchmark: str) -> list[list[str]]:
    """The stages of one benchmark with two rounds, in order."""

    def labelled(number: str) -> list[list[str]]:
        return [
            *(["annotate", benchmark, "--annotator", name, "--round", number] for name in SCRIPTED),
            ["disagree", benchmark, "--round", number],
        ]

    return [
        ["corpus", benchmark],
        *labelled("0"),
        ["refine", benchmark, "--round", "1"],
        *labelled("1"),
        ["select", benchmark],
        *(["predict", benchmark, "--guideline", name] for name in ("selected", "initial")),
        ["score", benchmark],
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One benchmark run by its stages, one after another in one process; another one not run."""
    made = copy_project(tmp_path_factory.mktemp("report") / "project", ("conll2003", "mit_movie"))
    made.edit_params(use_scripted)
    program = (
        "import json, runpy, sys\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    sys.argv = words\n"
        "    runpy.run_module(f'stages.{words[0]}', run_name='__main__', alter_sys=True)\n"
    )
    made.run(".venv/bin/python", "-c", program, json.dumps(steps_of("conll2003")))
    return made


def test_the_stage_and_the_command_write_the_same_file(project: Project) -> None:
    project.stage("report")
    data = data_of((project.folder / "report.html").read_text())
    said = project.diziner_here("report").stdout
    assert "report.html" in said
    # DVC runs the stage where all is current; the command also says what is not. Here no lock says what was run.
    told = data_of((project.folder / "report.html").read_text())
    assert [own.pop("state") for own in data["benchmarks"]] == [None, None]
    assert {own.pop("state")["state"] for own in told["benchmarks"]} == {"not run"}
    assert told == data
    ran, later = data["benchmarks"]
    assert ran["name"] == "conll2003" and len(ran["rounds"]) == 2 and ran["figures"]["f1"] is not None
    assert later["name"] == "mit_movie" and later["rounds"] == []
    assert ran["usage"]["known"] == ran["usage"]["answers"] > 0
    assert ran["rounds"][1]["refinement"]["answers"]


def test_it_can_be_written_elsewhere(project: Project, tmp_path: Path) -> None:
    project.diziner_here("report", "--to", str(tmp_path / "there.html"))
    assert data_of((tmp_path / "there.html").read_text())["benchmarks"]
    (tmp_path / "folder").mkdir()
    done = project.diziner_here("report", "--to", str(tmp_path / "folder"), check=False)
    assert done.returncode == 2
    assert "folder: cannot be written" in done.stderr and done.stderr.count("\n") == 1
    assert list((tmp_path / "folder").iterdir()) == [] and len(list(tmp_path.iterdir())) == 2


def test_gold_that_is_absent_leaves_scores_out_and_nothing_else(project: Project) -> None:
    gold = project.folder / "data/conll2003/corpus/gold.jsonl"
    kept = gold.read_bytes()
    gold.unlink()
    try:
        project.stage("report")
    finally:
        gold.write_bytes(kept)
    data = data_of((project.folder / "report.html").read_text())
    # The figures are there, and with them how many documents they are of.
    own = data["benchmarks"][0]
    assert own["figures"]["f1"] is not None and own["scored"] == own["figures"]["documents"] > 0
    assert all(document["gold"] is None for document in data["benchmarks"][0]["rounds"][0]["documents"])


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("rounds/r1/hotspots.jsonl", "{oops\n", "hotspots.jsonl:1: not JSON"),
        ("rounds/r1/tokens.parquet", "oops", "tokens.parquet: not a parquet file"),
        ("rounds/r1/tokens.parquet", None, "tokens.parquet: no such file"),
        ("rounds/r1/refinement.json", '{"cut": "all"}', "refinement.json: "),
        ("rounds/r0/annotations/scripted_shy.jsonl", None, "scripted_shy.jsonl: no such file"),
        ("final/selection.json", "[]", "selection.json: "),
        ("corpus/gold.jsonl", '{"id": "x", "spans": [[0, 1, "ODD"]]}\n', "'ODD' is not one of"),
    ],
)
def test_a_damaged_output_costs_its_own_panel(project: Project, path: str, content: str | None, said: str) -> None:
    file = project.folder / "data/conll2003" / path
    kept = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_text(content)
    try:
        done = project.diziner_here("report")
    finally:
        file.write_bytes(kept)
    [told] = [line for line in done.stdout.splitlines() if line.startswith("not in it: ")]
    assert said in told
    own, other = data_of((project.folder / "report.html").read_text())["benchmarks"]
    assert [f"not in it: {fault}" for fault in own["faults"]] == [told] and other["faults"] == []
    assert own["figures"]["f1"] is not None
    left = {"rounds/r0": [1], "rounds/r1": [0]}.get(path[:9], [0, 1])
    assert [part["number"] for part in own["rounds"]] == left
    assert (own["selection"] is None) == path.startswith("final/selection")


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("hotspots.jsonl", '"document":"', '"document":"no-', "no place of the round's documents"),
        ("agreement.json", '"scripted_shy"', '"scripted_out"', "'scripted_out' is no active annotator"),
        ("annotations/scripted_shy.jsonl", '"PER"', '"GOD"', "type 'GOD' is not one of"),
        ("annotations/scripted_shy.jsonl", '"spans":[[', '"spans":[[90,91,"PER"],[', "mention 90-91 of a document of"),
        ("refinement.json", None, "{}", "it has no cut, outcomes, waiting, written"),
    ],
)
def test_an_output_that_is_of_other_documents_or_types_is_not_believed(
    project: Project, path: str, old: str | None, new: str, said: str
) -> None:
    file = project.folder / "data/conll2003/rounds/r1" / path
    kept = file.read_text(encoding="utf-8")
    packed = re.sub(r'(?<=[":,\[])\s+(?=["\[0-9])', "", kept)
    assert old is None or old in packed
    file.unlink()
    file.write_text(packed.replace(old, new, 1) if old else new, encoding="utf-8")
    try:
        done = project.diziner_here("report")
    finally:
        file.unlink()
        file.write_text(kept, encoding="utf-8")
    [told] = [line for line in done.stdout.splitlines() if line.startswith("not in it: ")]
    assert file.name in told and said in told
    own, _ = data_of((project.folder / "report.html").read_text())["benchmarks"]
    assert [part["number"] for part in own["rounds"]] == [0]


def test_a_room_without_a_card_is_named_and_the_others_are_there(project: Project) -> None:
    card = project.folder / "data/mit_movie/benchmark.yaml"
    kept = card.read_bytes()
    card.write_text("{")
    try:
        done = project.diziner_here("report")
    finally:
        card.write_bytes(kept)
    assert "not in it: data/mit_movie/benchmark.yaml" in done.stdout
    data = data_of((project.folder / "report.html").read_text())
    assert [own["name"] for own in data["benchmarks"]] == ["conll2003"] and len(data["unread"]) == 1


def test_a_project_without_rooms_is_told_how_to_get_one(project: Project) -> None:
    pipelines = {path: path.read_bytes() for path in project.folder.glob("data/*/dvc.yaml")}
    for path in pipelines:
        path.unlink()
    try:
        done = project.diziner_here("report", check=False)
    finally:
        for path, data in pipelines.items():
            path.write_bytes(data)
    assert done.returncode == 2
    assert "diziner data link" in done.stderr and done.stderr.count("\n") == 1
