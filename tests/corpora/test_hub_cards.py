"""The hub cards of this repository, each on a local folder that is laid out as its branch on the hub is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_branches import HUB, Branch
from projects import ROOT

from diziner.corpora.arrow import hub_table
from diziner.corpora.card import Card
from diziner.corpora.counts import type_counts
from diziner.forms.rows import Row


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def each(cards: list[Card]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("card", cards, ids=lambda card: card.name)


def test_sixteen_cards_have_a_hub_with_a_revision_and_counts() -> None:
    assert len(HUB) == 16
    for card in HUB:
        hub = card.sources["hub"]
        assert hub.expected["test"][0].sentences > 400, card.name
        assert "config" not in hub.options, "what a branch has no README for cannot be named"
        text = (ROOT / "data" / card.name / "benchmark.yaml").read_text()
        [line] = [line for line in text.splitlines() if line.strip().startswith("revision: ")]
        pinned = len(hub.options["revision"]) == 40
        assert ("# not pinned" in line) != pinned, f"{card.name}: a revision is a commit, or says that it is none"


@each(HUB)
def test_a_branch_loads_whole_and_alone(card: Card, tmp_path: Path) -> None:
    branch = Branch(card, tmp_path / "hub")
    corpus = branch.load(card)
    assert set(type_counts(corpus.test)) == set(type_counts(corpus.pilot)) == set(card.types)
    assert not [each.document.text for each in (*corpus.pilot, *corpus.test) if "other" in each.document.text]
    assert corpus.repairs == 0


@each(HUB)
def test_half_a_branch_is_refused_by_its_counts(card: Card, tmp_path: Path) -> None:
    wanted = card.sources["hub"].expected["test"][0].sentences
    refusal = Branch(card, tmp_path / "hub").refuses(card, counted=False)
    assert f"test sentences: found {len(card.types)}, expected {wanted}" in refusal


def damages(branch: Branch) -> Iterator[tuple[str, Path]]:
    """Leave the test file away, cut it in half, rename its folder: what happened, and what to put back."""
    test = branch.files["test"]
    kept = branch.folder.with_name("kept")
    shutil.copytree(branch.folder, kept)
    for what in ("missing", "half", "renamed"):
        shutil.rmtree(branch.folder)
        shutil.copytree(kept, branch.folder)
        if what == "missing":
            test.unlink()
        elif what == "half":
            test.write_bytes(test.read_bytes()[: test.stat().st_size // 2])
        else:
            top = branch.folder / test.relative_to(branch.folder).parts[0]
            top.rename(top.with_name("renamed"))
        yield what, test


# One of each layout: a configuration's folder, a folder with a README, files of a language.
@each([card for card in HUB if card.name in {"crossner_ai", "genia", "multinerd", "conll2003"}])
def test_a_branch_that_is_damaged_is_refused_with_what_to_do(card: Card, tmp_path: Path) -> None:
    branch = Branch(card, tmp_path / "hub")
    for what, _ in damages(branch):
        refusal = branch.refuses(card)
        assert str(branch.folder) in refusal, what
        assert "split test" in refusal or "split train" in refusal, what


def test_what_a_hub_numbers_its_rows_by_is_no_id(tmp_path: Path) -> None:
    """Data sets number every split from 0, so that their `id` names several documents."""
    rows = [{"id": number, "tokens": ["Oslo"], "ner_tags": ["B-LOC"]} for number in (0, 1)]
    (tmp_path / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    options = {"id": str(tmp_path), "revision": "main", "files": {"train": "train.jsonl"}}

    def ids(columns: dict[str, str | int]) -> list[object]:
        return [row.value.get("id") for row in hub_table(options, columns, "train").rows if isinstance(row, Row)]

    assert ids({}) == [None, None]
    assert ids({"tokens": "tokens", "id": "id"}) == [0, 1]
