"""The guidelines that round 0 can begin with: what a terse one is, and a project that begins with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, Project, copy_project, use_scripted

from diziner.ablation.variants import changed, joined, load_variants
from diziner.commands.starts import difference_of_starts, without_terse_start
from diziner.common.errors import UserError
from diziner.guideline.file import guideline_to_json, load_guideline, save_guideline
from diziner.llm.store import ResponseStore
from diziner.records.guideline import EntityType
from diziner.settings import settings_from

ROOMS = sorted(path.parent for path in (ROOT / "data").glob("*/benchmark.yaml"))
VARIANTS = load_variants(ROOT / "diziner/ablation/variants.yaml")


def runs_of(text: str, length: int) -> set[tuple[str, ...]]:
    """All runs of so many words of a text, without case and marks."""
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def texts(value: Any) -> Iterator[str]:
    """All texts in a guideline's file, lists of examples joined."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield " ".join(part for part in value if isinstance(part, str))
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(part)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_terse_guideline_is_a_line_a_type_and_a_sentence_in_words_of_its_own(room: Path) -> None:
    rich, terse = load_guideline(room / "guideline.yaml"), load_guideline(room / "guideline.terse.yaml")
    assert difference_of_starts(room) is None and without_terse_start(room) is None
    assert (terse.benchmark, terse.round) == (room.name, 0)
    for entity_type in terse.types:
        words = entity_type.definition.split()
        assert 1 < len(words) <= 15 and words[-1].endswith("."), entity_type
    assert re.fullmatch(r"[A-Z][^.!?]{10,150}\.", terse.goal.purpose)
    assert terse == replace(
        rich,
        goal=replace(rich.goal, documents="", purpose=terse.goal.purpose, types="", use=""),
        types=tuple(EntityType(t.label, t.name, t.definition) for t in terse.types),
        examples=(),
    )
    many = {run for text in texts(guideline_to_json(rich)) for run in runs_of(text, 8)}
    few = {run for text in texts(guideline_to_json(terse)) for run in runs_of(text, 8)}
    assert many and not many & few


def test_the_rich_guidelines_say_eight_times_as_much() -> None:
    """D33: what there is left for a refinement to say differs."""
    many, few = (
        sum(len(text.split()) for room in ROOMS for text in texts(guideline_to_json(load_guideline(room / name))))
        for name in ("guideline.yaml", "guideline.terse.yaml")
    )
    assert many > 8 * few


def test_all_benchmarks_have_one() -> None:
    assert len(ROOMS) == 18 and all((room / "guideline.terse.yaml").is_file() for room in ROOMS)


def test_types_that_are_not_those_of_the_rich_guideline_are_named(tmp_path: Path) -> None:
    for name in ("guideline.yaml", "guideline.terse.yaml"):
        (tmp_path / name).write_bytes((ROOT / "data/conll2003" / name).read_bytes())
    assert difference_of_starts(tmp_path) is None
    terse = load_guideline(tmp_path / "guideline.terse.yaml")
    save_guideline(tmp_path / "guideline.terse.yaml", replace(terse, types=terse.types[:2]))
    assert re.search(
        r"guideline\.terse\.yaml: types are PER \(person\), ORG \(organization\); must be .*MISC",
        difference_of_starts(tmp_path) or "",
    )
    (tmp_path / "guideline.terse.yaml").unlink()
    assert difference_of_starts(tmp_path) is None
    assert "until you write one" in (without_terse_start(tmp_path) or "")


def settings_with(*variants: str, profile: str = "embedded", **changes: Any) -> Any:
    text = (ROOT / f"diziner/profiles/{profile}.yaml").read_text()
    text = changed(text, joined(variants, VARIANTS, yaml.safe_load(text)) | changes)
    return settings_from(yaml.safe_load(text), "params.yaml")


def test_the_start_and_the_paths_that_templates_need_go_together() -> None:
    assert settings_with().start == "rich" and settings_with("terse-start").start == "terse"
    with pytest.raises(
        UserError,
        match=r"^params\.yaml: rounds\[0\]\.guideline: is 'guideline\.yaml'; must be 'guideline\.terse\.yaml', since "
        r"guideline\.start is terse \(the variant terse-start sets all of it",
    ):
        settings_with(**{"guideline.start": "terse"})
    with pytest.raises(UserError, match=r"is 'guideline\.terse\.yaml'; must be 'guideline\.yaml', since .* is rich"):
        settings_with("terse-start", **{"guideline.start": "rich"})
    raw = dict(settings_with().raw)
    del raw["guideline"]
    assert settings_from(raw, "params.yaml").start == "rich"  # settings of an earlier version


@pytest.mark.parametrize("order", [("terse-start", "rounds-3"), ("rounds-3", "terse-start")], ids="-".join)
def test_a_start_goes_with_any_number_of_rounds(order: tuple[str, str]) -> None:
    settings = settings_with(*order, profile="local")
    assert settings.start == "terse" and len(settings.rounds) == 3
    assert settings.raw["refinements"][1]["record"] == "rounds/r1/refinement.json"
    for pair in (("terse-start", "rich-start"), ("rounds-3", "rounds-5")):
        with pytest.raises(UserError, match="do not go together"):
            settings_with(*pair, profile="local")


def terse(params: dict[str, Any]) -> None:
    use_scripted(params)
    params["guideline"]["start"] = "terse"
    params["rounds"][0]["guideline"] = "guideline.terse.yaml"
    params["refinements"][0] |= {"guideline": "guideline.terse.yaml", "record": "guideline.terse.yaml"}
    for name in params["annotator_pool"]:
        params["annotators"][name]["prompt"] = "annotate.v2"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that begins tersely, with prompt v2, run from nothing."""
    made = copy_project(tmp_path_factory.mktemp("terse") / "project", ("conll2003", "mit_movie"))
    made.edit_params(terse)
    made.diziner("repro")
    return made


def would_run(project: Project) -> set[str]:
    """The stages that `dvc repro --dry` names, as benchmark:stage."""
    found = re.findall(r"Running stage '(?:data/(\w+)/dvc\.yaml:)?([^']+)'", project.dvc("repro", "--dry").stdout)
    return {f"{benchmark}:{stage}" if benchmark else stage for benchmark, stage in found}


def touched(project: Project, path: str) -> set[str]:
    """The stages of benchmarks that would run again after an edit of a guideline, which is then taken back."""
    file = project.folder / path
    before = file.read_text()
    file.write_text(re.sub(r"(definition: \"?)", r"\1Really, ", before, count=1))
    stages = would_run(project)
    file.write_text(before)
    return {stage for stage in stages if ":" in stage}


def test_a_terse_project_is_reproduced_from_its_terse_guideline(started: Project) -> None:
    room = started.folder / "data/conll2003"
    short = load_guideline(room / "guideline.terse.yaml")
    refined = load_guideline(room / "rounds/r1/guideline.yaml")
    assert (refined.types, refined.examples, refined.goal) == (short.types, (), short.goal)
    assert refined.common, "the supervisor wrote nothing"
    asked = [request for _, request, _ in ResponseStore(started.folder / ".responses/responses.sqlite").rows()]
    said = {m["content"] for request in asked for m in request["messages"]}
    assert any("Mark four kinds of names" in text for text in said)
    assert not [text for text in said if "Santa Claus" in text or "Stade Velodrome" in text]
    scores = json.loads((started.folder / "metrics/final/conll2003.json").read_text())
    assert 0 < scores["f1"] < 1
    assert "Data and pipelines are up to date." in started.dvc("repro").stdout


def test_commands_follow_the_start(started: Project) -> None:
    assert started.diziner("guideline", "verify").returncode == 0
    said = started.diziner("guideline", "diff", "conll2003:0", "conll2003:1").stdout
    assert "+" in said and "Santa Claus" not in said
    assert started.diziner("plan", "conll2003").returncode == 0
    assert "Mark four kinds of names in news text." in (started.folder / "report.html").read_text()


def test_an_edit_of_a_guideline_reruns_the_rooms_that_begin_with_it(
    started: Project, copy_reproduced: Callable[..., Project], tmp_path: Path
) -> None:
    rich = copy_reproduced(tmp_path / "rich", "conll2003", "mit_movie")
    again = touched(started, "data/mit_movie/guideline.terse.yaml")
    assert any("annotate" in stage for stage in again) and {stage.partition(":")[0] for stage in again} == {"mit_movie"}
    assert touched(started, "data/mit_movie/guideline.yaml") == set()
    assert touched(rich, "data/mit_movie/guideline.terse.yaml") == set()
    assert any("annotate" in stage for stage in touched(rich, "data/mit_movie/guideline.yaml"))


def test_corpora_of_ones_own_may_lack_it_and_say_so(started: Project) -> None:
    folder = started.folder
    (folder / "mine.txt").write_text("".join(f"Ada Lovelace wrote letter {n} from London .\n" for n in range(40)))
    words = ("--from", "mine.txt", "--types", "PER,LOC", "--goal", "Letters.")
    said = started.diziner("new", "brief", *words).stdout
    assert "Fill in data/brief/guideline.terse.yaml" in said and "no guideline.terse.yaml" not in said
    written = load_guideline(folder / "data/brief/guideline.terse.yaml")
    assert written.goal.purpose == "Letters." and difference_of_starts(folder / "data/brief") is None
    before = (folder / "params.yaml").read_text()
    started.diziner("use", "embedded")
    lacking = "no guideline.terse.yaml: round 0 cannot begin with it (guideline.start: terse) until you write one"
    assert f"data/full: {lacking}\n" in started.diziner("new", "full", *words).stdout
    (folder / "params.yaml").write_text(before)
    said = started.diziner("data", "check", "brief", "full").stdout
    assert f"full: {lacking}\n" in said and "brief: no" not in said
    path = folder / "data/brief/guideline.terse.yaml"
    path.write_text(path.read_text().replace("label: LOC", "label: GPE"))
    done = started.diziner("data", "check", "brief", check=False)
    assert done.returncode == 2 and "types are PER (person), GPE (location); must be those of" in done.stderr


def test_a_new_project_has_them_and_an_older_one_gets_them(tmp_path: Path, started: Project) -> None:
    for words, number in (((), 18), (("--example",), 1)):
        folder = tmp_path / f"new{number}"
        started.diziner("init", str(folder), *words)
        assert len(list(folder.glob("data/*/guideline.terse.yaml"))) == number
    older = Project(tmp_path / "new1")
    lost = older.folder / "data/conll2003/guideline.terse.yaml"
    text = lost.read_text()
    lost.unlink()
    said = started.run(".venv/bin/python", "-m", "diziner", "init", "--upgrade", str(older.folder)).stdout
    assert "data/conll2003/guideline.terse.yaml" in said and lost.read_text() == text
