"""Published pilot sets: used as they are, refused where they cannot mean the same documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT, Project, copy_project

from diziner.common.errors import UserError
from diziner.common.files import read_json, write_text
from diziner.corpora.card import Card, load_card
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.pins import Pins, pinned_sets, pins_text, pool_digest, read_pins
from diziner.corpora.prepare import prepare
from diziner.corpora.settings import CorpusSettings
from diziner.records.documents import Document

POOL = [Document(f"d{number}", (f"w{number}", "x"), f"w{number} x") for number in range(8)]
ROUNDS = (("d3", "d1"), ("d0", "d7"))


def pins(rounds: tuple[tuple[str, ...], ...] = ROUNDS, pool: str | None = None) -> Pins:
    return Pins(pool_digest(POOL) if pool is None else pool, rounds, "data/b/pilots.yaml")


def sets(given: Pins, rounds: int = 2, size: int = 2, fixed: bool = False) -> list[list[str]]:
    return [[d.id for d in each] for each in pinned_sets(given, POOL, {"t0"}, rounds, size, fixed)]


def test_the_published_documents_come_in_the_order_of_the_file() -> None:
    assert sets(pins()) == [["d3", "d1"], ["d0", "d7"]]
    assert sets(pins(), rounds=1) == [["d3", "d1"]]
    assert sets(pins(), rounds=3, fixed=True) == [["d3", "d1"]] * 3


def test_the_digest_knows_the_documents_and_not_their_order() -> None:
    assert pool_digest(reversed(POOL)) == pool_digest(POOL)
    others = [Document("d0", ("w0", "y"), "w0 y"), Document("e", ("w0", "x"), "w0 x"), Document("d0", ("w0", "x"), "")]
    for changed in (POOL[1:], *([*POOL[1:], other] for other in others)):
        assert pool_digest(changed) != pool_digest(POOL)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (pins(pool="0123456789abcdef"), {}, "the sets are from the pool 0123456789ab, this one is"),
        (pins(pool=""), {}, "the sets are from the pool without digest"),
        (pins(), {"rounds": 3}, "2 sets published, 3 needed"),
        (pins(), {"size": 3}, "round 0: 2 documents published, corpus.pilot.documents is 3"),
        (pins((("d3", "d1"), ("d0",))), {}, "round 1: 1 document published, corpus.pilot.documents is 2"),
        (pins((("d3", "d3"), ("d0", "d1"))), {}, "round 0: 'd3' is in round 0 already"),
        (pins((("d3", "d1"), ("d0", "d1"))), {}, "round 1: 'd1' is in round 0 already"),
        (pins((("d3", "nobody"), ("d0", "d1"))), {}, "round 0: 'nobody' is no document of the pool"),
        (pins((("d3", "d1"), ("d0", "t0"))), {}, "round 1: 't0' is a test document"),
    ],
)
def test_what_cannot_be_meant_is_one_line(given: Pins, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        sets(given, **options)
    assert str(error.value).startswith("data/b/pilots.yaml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@given(st.lists(st.lists(st.text(min_size=1), min_size=1, max_size=4), max_size=3))
def test_any_ids_go_through_the_file(rounds: list[list[str]]) -> None:
    """Also ids that YAML reads as numbers, dates or truth values."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pilots.yaml"
        write_text(path, pins_text("b", "ab", rounds))
        found = read_pins(path)
    assert found.rounds == tuple(map(tuple, rounds))
    assert found.pool == ("ab" if rounds else "")


@pytest.mark.parametrize(
    "text", ["", "rounds: []\n", "pool: null\nrounds: [[1, 2]]\n", "pool: 7\nrounds: []\n", "pool: x\nrounds: [[]]\n"]
)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pilots.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"pilots\.yaml: "):
        read_pins(path)


def corpus() -> Corpus:
    tests = (Labelled(Document("t0", ("test",), "test"), None),)
    return Corpus(tuple(Labelled(document, None) for document in POOL), tests)


@pytest.fixture
def card() -> Card:
    return load_card(ROOT / "data" / "conll2003")


def test_pins_are_used_where_the_settings_want_them_and_there_are_some(card: Card) -> None:
    wanted = CorpusSettings(rounds=2, pilot_size=2, pins=True)
    found = prepare(corpus(), card, wanted, pins())
    assert [[d.id for d in each] for each in found.pilot_sets] == [list(ids) for ids in ROUNDS]
    assert found.manifest["pilot"]["chosen"] == "published"
    for settings, there in (
        (CorpusSettings(rounds=2, pilot_size=2), pins()),
        (wanted, pins(rounds=())),
        (wanted, None),
    ):
        drawn = prepare(corpus(), card, settings, there)
        assert drawn.manifest["pilot"]["chosen"] == "drawn"
        assert drawn.pilot_sets != found.pilot_sets


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("pins") / "project", ("conll2003",))


def test_every_room_publishes_the_sets_of_its_tape(project: Project) -> None:
    paths = sorted((project.folder / "data").glob("*/pilots.yaml"))
    assert len(paths) == 18
    for path in paths:
        assert [len(ids) for ids in read_pins(path).rounds] == [6, 6], path


def manifest(project: Project) -> Any:
    project.stage("corpus", "conll2003")
    return read_json(project.folder / "data" / "conll2003" / "corpus" / "manifest.json")["pilot"]


def test_sets_are_shown_published_and_used(project: Project) -> None:
    path = project.folder / "data" / "conll2003" / "pilots.yaml"
    before = path.read_text(encoding="utf-8")
    assert manifest(project) == {"chosen": "published", "sets": yaml.safe_load(before)["rounds"]}
    shown = project.diziner_here("data", "pilots", "conll2003").stdout
    assert "publishes other sets" in shown
    assert path.read_text(encoding="utf-8") == before
    written = project.diziner_here("data", "pilots", "conll2003", "--write").stdout
    assert "publishes these sets" in written
    rounds = [list(ids) for ids in read_pins(path).rounds]
    lines = [f"round {number}: {' '.join(ids)}" for number, ids in enumerate(rounds)]
    assert [line for line in written.splitlines() if line.startswith("round ")] == lines
    assert manifest(project) == {"chosen": "published", "sets": rounds}
    path.write_text(before, encoding="utf-8")
    project.edit_params(lambda params: params["corpus"]["pilot"].update(pins=False))
    assert manifest(project) == {"chosen": "drawn", "sets": [sorted(ids) for ids in rounds]}


def test_a_room_of_an_earlier_version_gets_the_file_that_its_pipeline_depends_on(project: Project) -> None:
    path = project.folder / "data" / "conll2003" / "pilots.yaml"
    path.unlink()
    project.diziner_here("data", "link", "conll2003")
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {"pool": None, "rounds": []}
