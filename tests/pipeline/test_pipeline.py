"""The whole pipeline in temporary clones, with real DVC and scripted models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from projects import Project

from diziner.common.files import PARTIAL, atomic
from diziner.llm.store import ResponseStore
from diziner.repro.lock_facts import LockFacts

BENCHMARKS = ("conll2003", "mit_movie")


@pytest.fixture(scope="module")
def reproduced(copy_reproduced: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two benchmarks, reproduced; tests put back what they change."""
    return copy_reproduced(tmp_path_factory.mktemp("reproduced") / "project", *BENCHMARKS)


def would_run(project: Project) -> set[str]:
    """The stages that `dvc repro --dry` names, as benchmark:stage."""
    found = re.findall(r"Running stage '(?:data/(\w+)/dvc\.yaml:)?([^']+)'", project.dvc("repro", "--dry").stdout)
    return {f"{benchmark}:{stage}" if benchmark else stage for benchmark, stage in found}


def test_a_second_repro_does_nothing(reproduced: Project) -> None:
    assert "Data and pipelines are up to date." in reproduced.dvc("repro").stdout
    assert would_run(reproduced) == set()


def test_summary_has_a_row_for_each_benchmark_and_a_table_shows_it(reproduced: Project) -> None:
    summary = json.loads((reproduced.folder / "metrics/summary.json").read_text())
    assert [row["benchmark"] for row in summary["benchmarks"]] == sorted(BENCHMARKS)
    for row in summary["benchmarks"]:
        assert 0 < row["f1"] < 1
        assert row["f1_low"] <= row["f1"] <= row["f1_high"]
        assert row["tokens"] > 0 and row["usd"] == 0.0
    table = reproduced.diziner("summary").stdout
    assert all(name in table for name in BENCHMARKS)
    assert "strict span F1" in table


def test_a_summary_that_cannot_be_made_leaves_the_one_of_before(reproduced: Project) -> None:
    """DVC removes a stage's outputs before it runs, and nobody could make these again without the rooms' outputs."""
    kept = {path: path.read_bytes() for path in reproduced.folder.glob("metrics/*.json") if path.name != "cost.json"}
    kept |= {path: path.read_bytes() for path in reproduced.folder.glob("metrics/plots/*.json")}
    assert len(kept) == 3 + 4
    metrics = reproduced.folder / "metrics/final/mit_movie.json"
    predictions = reproduced.folder / "data/mit_movie/final/predictions.selected.jsonl"
    before, rows = metrics.read_text(), predictions.read_bytes()
    metrics.write_text(before.replace('"f1": 0.', '"f1": 0.0'))
    predictions.unlink()
    try:
        done = reproduced.dvc("repro", "-s", "summary", check=False)
    finally:
        metrics.write_text(before)
        predictions.write_bytes(rows)
    assert done.returncode and "predictions.selected.jsonl: no such file" in done.stdout + done.stderr
    assert {path: path.read_bytes() for path in kept if path.is_file()} == kept


def test_states_are_those_that_dvc_finds(reproduced: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage by stage, for what people do to a project that was run; but outputs that are not there are no change."""
    monkeypatch.chdir(reproduced.folder)
    room = Path("data/conll2003")
    files = {name: room / name for name in ("guideline.yaml", "dvc.yaml", "rounds/r0/annotations/scripted_shy.jsonl")}
    files |= {"params.yaml": Path("params.yaml"), "metrics": Path("metrics/final/conll2003.json")}

    def edited(name: str, old: str, new: str) -> tuple[Path, str]:
        text = files[name].read_text()
        assert old in text
        return files[name], text.replace(old, new, 1)

    changes = [
        [],
        [edited("guideline.yaml", "goal:", "goal: ")],
        [edited("dvc.yaml", "stages/run score", "stages/run  score")],
        [edited("params.yaml", "seed: 13", "seed: 14")],
        [edited("params.yaml", "- scripted_shy\n", "")],
        [edited("rounds/r0/annotations/scripted_shy.jsonl", '"repairs"', '"repairs" ')],
        [edited("metrics", '"f1"', '"f1" ')],
    ]
    for change in changes:
        kept = {path: path.read_bytes() for path, _ in change}
        for path, text in change:
            path.unlink()
            path.write_text(text)
        try:
            with Repo() as repo:
                found = {name.rpartition(":")[2] for name in repo.status([f"{room}/dvc.yaml"])}
            ours = {stage.name for stage in LockFacts().facts(room / "dvc.yaml") if not stage.done}
        finally:
            for path, data in kept.items():
                path.write_bytes(data)
        assert ours == {name for name in found if name != "code_digests"}, change
        assert bool(change) == bool(ours)


def test_a_guideline_whose_rerun_failed_is_told_until_it_is_mended(
    copy_reproduced: Callable[..., Project], tmp_path: Path
) -> None:
    project = copy_reproduced(tmp_path / "project", *BENCHMARKS)
    guideline = project.folder / "data/conll2003/guideline.yaml"
    kept = guideline.read_text()
    guideline.write_text(kept.replace("types:", "kinds:", 1))
    assert project.diziner("repro", "conll2003", check=False).returncode == 2
    for words, code in ((("status",), 0), (("summary",), 0), (("diff",), 0), (("gate", "--allow-stale"), 1)):
        done = project.diziner_here(*words, check=False)
        assert done.returncode == code
        [row] = [line for line in done.stdout.splitlines() if re.match(r"(FAIL +)?conll2003 .*failed", line)][:1]
        assert "mit_movie" in done.stdout, row
    said = project.diziner_here("status", "conll2003").stdout
    assert re.search(r"annotate@scripted_\w+-round0: .*guideline\.yaml: ", said)
    guideline.write_text(kept)
    assert "conll2003: failed" in project.diziner_here("status", "conll2003").stdout  # its outputs are gone
    project.diziner("repro", "conll2003")
    assert project.diziner_here("status", "conll2003").stdout == "conll2003: current\n"


def test_in_a_bare_clone_nothing_is_stale_and_the_gate_passes(reproduced: Project, tmp_path: Path) -> None:
    for words in (["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "run"]):
        reproduced.run("git", *words)
    clone = Project(tmp_path / "clone")
    reproduced.run("git", "clone", "-q", ".", str(clone.folder))
    shown = json.loads(clone.diziner_here("status", "--json").stdout)
    assert [shown["rooms"][name]["state"] for name in BENCHMARKS] == ["not fetched"] * 2
    assert shown["summary"]["state"] == "current"
    gates = clone.folder / "metrics/gates.yaml"
    rules = yaml.safe_load(gates.read_text())
    rules["f1"]["floors"] = {}
    gates.write_text(yaml.safe_dump(rules))
    assert "passed: 2 benchmarks" in clone.diziner_here("gate").stdout
    assert all(name in clone.diziner_here("summary").stdout for name in BENCHMARKS)


def test_the_run_passes_its_gate_and_edited_metrics_do_not(reproduced: Project) -> None:
    gates = reproduced.folder / "metrics/gates.yaml"
    rules = yaml.safe_load(gates.read_text())
    rules["f1"]["floors"] = {}
    gates.write_text(yaml.safe_dump(rules))
    assert "passed: 2 benchmarks" in reproduced.diziner("gate").stdout
    path = reproduced.folder / "metrics/final/mit_movie.json"
    before = path.read_text()
    path.write_text(before.replace('"f1": 0.', '"f1": 0.0'))
    done = reproduced.diziner("gate", check=False)
    path.write_text(before)
    assert done.returncode == 1
    assert "gate failed: mit_movie" in done.stderr


def test_every_guideline_is_built_on_the_one_before(reproduced: Project) -> None:
    room = reproduced.folder / "data/conll2003"
    before = yaml.safe_load((room / "guideline.yaml").read_text())
    after = yaml.safe_load((room / "rounds/r1/guideline.yaml").read_text())
    assert after["round"] == before["round"] + 1
    assert [t["label"] for t in after["types"]] == [t["label"] for t in before["types"]]
    assert after["instructions"]["common"], "the supervisor wrote nothing"
    hotspots = {json.loads(line)["id"] for line in (room / "rounds/r0/hotspots.jsonl").read_text().splitlines()}
    for instruction in after["instructions"]["common"]:
        assert set(instruction["receipt"]["hotspots"]) <= hotspots


def test_one_annotators_temperature_reruns_that_annotator_alone(reproduced: Project) -> None:
    before = (reproduced.folder / "params.yaml").read_text()
    reproduced.edit_params(lambda params: params["annotators"]["scripted_shy"].update(temperature=0.5))
    stages = would_run(reproduced)
    (reproduced.folder / "params.yaml").write_text(before)
    first = {f"{name}:annotate@scripted_shy-round{number}" for name in BENCHMARKS for number in (0, 1)}
    follows = re.compile(r"\w+:(disagree|refine|select|predict|score)\b.*|summary|report|code_digests")
    assert first <= stages
    # `select` and `code_digests` read every annotator's settings; whatever else is named follows from what ran.
    assert all(follows.fullmatch(stage) for stage in stages - first)


def test_one_benchmarks_guideline_touches_that_benchmark_alone(reproduced: Project) -> None:
    path = reproduced.folder / "data/mit_movie/guideline.yaml"
    before = path.read_text()
    value = yaml.safe_load(before)
    value["instructions"]["common"].append({"id": "H1", "text": "Mark a year also when it is part of a decade."})
    path.write_text(yaml.safe_dump(value))
    stages = would_run(reproduced)
    path.write_text(before)
    assert any(stage.startswith("mit_movie:annotate") for stage in stages)
    assert not any(stage.startswith("conll2003:") for stage in stages)


def test_a_comment_in_the_readme_touches_nothing(reproduced: Project) -> None:
    with (reproduced.folder / "README.md").open("a") as readme:
        readme.write("<!-- a comment -->\n")
    assert would_run(reproduced) == set()


def test_same_inputs_twice_from_an_empty_store_give_the_same_bytes(
    make_project: Callable[..., Project], copy_reproduced: Callable[..., Project], tmp_path: Path
) -> None:
    """By `diziner repro`, whose stages are forks, and by stock DVC, whose stages are processes."""
    first = copy_reproduced(tmp_path / "first", "conll2003")
    second = make_project("conll2003", name="second")
    second.dvc("repro")
    made, again = first.outputs(), second.outputs()
    costs = [json.loads(found.pop("metrics/cost.json")) for found in (made, again)]
    assert made == again
    assert len(made) > 20
    # What two stages ask alike is counted for the one that asks first, which is not the same one by both.
    assert costs[0]["total"] == costs[1]["total"] and costs[0]["models"] == costs[1]["models"]


def without_gold(project: Project) -> dict[str, bytes]:
    """What is made up to `select`, but what holds gold: gold.jsonl, and the manifest that counts it."""
    made = re.compile(r"data/conll2003/(corpus/|rounds/|final/selection)")
    return {
        path: data
        for path, data in project.outputs().items()
        if made.match(path) and Path(path).stem not in {"gold", "manifest"}
    }


def test_gold_never_reaches_what_must_be_label_free(copy_reproduced: Callable[..., Project], tmp_path: Path) -> None:
    project = copy_reproduced(tmp_path / "project", "conll2003")
    label_free = without_gold(project)
    room = project.folder / "data/conll2003"
    sample = room / "sample.txt"
    stripped = re.sub(r"\[((?:\\.|[^\]\\|])*)\|\w+\]", r"\1", sample.read_text())
    sample.write_text(stripped)
    (room / "corpus/gold.jsonl").unlink()
    project.diziner("repro", "conll2003:select")
    assert b"PER" not in (room / "corpus/gold.jsonl").read_bytes()
    assert without_gold(project) == label_free
    assert any(name.endswith("selection.json") for name in label_free)
    assert not any("gold" in name for name in label_free)


def test_what_a_killed_stage_left_half_written_changes_nothing(reproduced: Project) -> None:
    """A temporary file in a folder that later stages depend on, which would make another lock."""
    with (
        pytest.raises(KeyboardInterrupt),
        atomic(reproduced.folder / "data/conll2003/rounds/r0/tokens.parquet") as half,
    ):
        left = half.with_name(f"{half.stem}.left{PARTIAL}")
        left.write_bytes(b"")
        raise KeyboardInterrupt
    assert left.name.startswith(".tokens.parquet.") and half.suffix == left.suffix
    assert would_run(reproduced) == set()
    left.unlink()


def asked(project: Project) -> dict[str, str]:
    """The model of every request answered so far, by key."""
    store = ResponseStore(project.folder / ".responses/responses.sqlite")
    try:
        return {key: request["model"] for key, request, _ in store.rows()}
    finally:
        store.close()


def test_a_line_for_one_annotator_asks_that_annotator_alone_and_without_it_nobody(reproduced: Project) -> None:
    path = reproduced.folder / "data/mit_movie/guideline.yaml"
    before, stood = path.read_text(), asked(reproduced)
    value = yaml.safe_load(before)
    value["instructions"]["specific"]["scripted_shy"] = [{"id": "H1", "text": "Take your time."}]
    path.write_text(yaml.safe_dump(value))
    reproduced.diziner("repro")
    with_line = asked(reproduced)
    new = [model for key, model in with_line.items() if key not in stood]
    path.write_text(before)
    reproduced.diziner("repro")
    assert "scripted-shy" in new
    assert set(new) <= {"scripted-shy", "scripted-supervisor"}, "the supervisor is told what stands"
    assert asked(reproduced) == with_line
