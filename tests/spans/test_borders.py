"""Every place of a token at which a mention may begin or end, besides its own ends."""

from __future__ import annotations

import pytest

from diziner.spans.borders import may_begin, may_end


@pytest.mark.parametrize(
    ("token", "begins", "ends"),
    [
        # A number's own marks; with a word on either side the mark is one like others.
        ("2.5", [], []),
        ("12:30", [], []),
        ("3.5km", [], []),
        ("kg3.5", [], []),
        ("5.Rome", [1, 2], []),
        ("-5%", [1, 2], [1, 2]),
        ("10-12", [2, 3], [2, 3]),
        # A single letter or digit beside a mark is part of a name, the rest of the token is not.
        ("X-2", [], []),
        ("T-cell", [1, 2], []),
        ("km/h", [], [2, 3]),
        ("R2-D2", [2, 3], [2, 3]),
        ("d'Orange", [1, 2], []),
        ("don't", [], [3, 4]),
        ("F.C.Porto", [3, 4], []),
        ("U.S.-led", [3, 4, 5], [3, 4, 5]),
        # An ampersand joins where either side is a single letter.
        ("AT&T", [], []),
        ("B&Q-owned", [3, 4], []),
        ("rock&roll", [4, 5], [4, 5]),
        # What belongs to the letter before it.
        ("C++-like", [1, 2, 3, 4], [3, 4]),
        ("C#x", [1, 2], [2]),
        ("A*", [1], []),
        ("AI*x", [2, 3], [2, 3]),
        ("Notes+", [5], []),
        ("Rome*", [4], [4]),
        ("**Rome**", [1, 2, 6, 7], [1, 2, 6, 7]),
        ("\x02Rome", [1], [1]),
        ("(Rome)", [1, 5], [1, 5]),
        # Scripts that join words: a mention may end anywhere, and begin beside a mark.
        ("東京へ", [], [1, 2]),
        ("x-東京", [1, 2], [2, 3]),
    ],
)
def test_a_mention_may_begin_and_end_at(token: str, begins: list[int], ends: list[int]) -> None:
    within = range(1, len(token))
    assert [at for at in within if may_begin(token, at)] == begins
    assert [at for at in within if may_end(token, at)] == ends
    assert all(may(token, at) for may in (may_begin, may_end) for at in (0, len(token)))
