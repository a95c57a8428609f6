"""Words of a stage that waits for batches, and paces of calls; every figure is worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from diziner.llm.batches import GONE, SENDING, BatchRow
from diziner.llm.pacing import AdaptiveLimit, Pacer
from diziner.llm.shared_limits import SharedPacer, pacer, places
from diziner.llm.waiting import in_batches, in_none, is_gone, last_words, standing


def row(
    name: str, state: str, note: str = "", is_open: bool = False, endpoint: str = "web", model: str = "m"
) -> BatchRow:
    return BatchRow(f"tag-{name}", endpoint, model, name, state, 3, 30, None, 0.0, is_open, note)


def test_what_is_in_batches_is_named_with_how_they_stand() -> None:
    one = row("b1", "in_progress", is_open=True)
    sending = row("", SENDING, "no word yet", is_open=True)
    assert str(in_batches("a r0", 1, [one])) == (
        "waiting: a r0: 1 request is in batch b1 (in progress); once `diziner batch status` says that it has ended, "
        "run the same command again"
    )
    said = str(in_batches("a r0", 2, [one, sending]))
    assert "2 requests are in batches b1 (in progress), tag- (perhaps not accepted, no word yet); once" in said
    assert "a r0: 1 request is in no batch of endpoint web yet (was); `diziner batch" in str(
        in_none("a r0", 1, "web", " (was)")
    )
    assert standing(row("b", "completed", "2 not answered")) == "completed, 2 not answered"


def test_the_last_batch_of_a_model_is_spoken_of_where_it_left_something() -> None:
    good, bad = row("b1", "completed"), row("b2", "expired", "1 not answered")
    assert last_words([], "web", "m") == last_words([bad, good], "web", "m") == ""
    assert last_words([good, bad], "web", "m") == " (the last one: b2: expired, 1 not answered)"
    left = row("b3", "completed", "1 of 3 not answered")
    assert last_words([good, left], "web", "m") == " (the last one: b3: completed, 1 of 3 not answered)"
    assert last_words([good, bad], "web", "n") == last_words([good, bad], "x", "m") == ""
    assert last_words([bad, row("b4", "in_progress", is_open=True)], "web", "m") == (
        " (the last one: b2: expired, 1 not answered)"
    )


def test_a_model_is_gone_if_it_was_when_batches_were_last_sent() -> None:
    gone, there = row("", GONE, "no such model"), row("b1", "completed")
    assert is_gone([there, gone], "web", "m") == "no such model"
    assert is_gone([gone, there], "web", "m") == is_gone([], "web", "m") == is_gone([gone], "web", "n") == ""
    assert is_gone([gone], "x", "m") == ""


@pytest.mark.parametrize("shared", [False, True])
def test_a_pace_is_even_from_the_first_call_on(shared: bool, tmp_path: Path) -> None:
    paced = SharedPacer(tmp_path / "pace", 30.0) if shared else Pacer(30.0)  # 2 s each
    assert [paced.book(1, 0.25), paced.book(2, 0.25), paced.book(1, 0.25)] == [0.0, 2.0, 6.0]
    paced.correct(-1.5)
    assert paced.book(1, 1.0) == 0.25 + 8.0 - 3.0 - 1.0
    assert paced.book(1, 100.0) == 0.0


def test_limits_are_ones_own_without_a_folder_and_none_without_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIZINER_TURNS", raising=False)
    assert type(pacer("web.rpm", 60.0)) is Pacer and pacer("web.rpm", None) is None and places("web", 2) is None
    monkeypatch.setenv("DIZINER_TURNS", str(tmp_path))
    assert isinstance(pacer("web.rpm", 60.0), SharedPacer) and pacer("web.rpm", None) is None
    assert places("web", 2) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.place0", "web.place1", "web.rpm.pace"]


def test_a_limit_halves_in_whole_calls_and_grows_by_one_after_as_many_answers() -> None:
    limit = AdaptiveLimit(5)
    limit.refused(0)
    assert (limit.allowed, limit.halvings) == (2, 1)
    limit.succeeded()
    assert limit.allowed == 2
    limit.succeeded()
    assert limit.allowed == 3
    limit.succeeded()
    limit.succeeded()
    limit.refused(1)
    assert (limit.allowed, limit.halvings) == (1, 2)
    limit.refused(2)
    assert limit.allowed == 1 and str(limit.allowed) == "1"
    for _ in range(1 + 2 + 3 + 4 + 5 + 5):
        limit.succeeded()
    assert limit.allowed == 5
