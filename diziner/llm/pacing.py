"""Pacing of calls to an endpoint: even starts, and a number in flight that follows its refusals."""

from __future__ import annotations


class Pacer:
    """Spreads amounts (requests, tokens) evenly, `per_minute` of them.

    Even, not in bursts: the next process starts with a clean slate, so only what is spread out at every moment
    keeps to the limit over a minute that two of them share.
    """

    def __init__(self, per_minute: float) -> None:
        self._seconds_each = 60.0 / per_minute
        self._free = 0.0

    def book(self, amount: float, now: float) -> float:
        """Book an amount and return the seconds to wait until it may go. `now` is a clock's reading in seconds."""
        start = max(self._free, now)
        self._free = start + amount * self._seconds_each
        return start - now

    def correct(self, amount: float) -> None:
        """Book more, or less if negative, for what has gone already: an estimate turned out wrong."""
        self._free += amount * self._seconds_each


class AdaptiveLimit:
    """Calls allowed in flight: halved when the endpoint refuses, one more after as many successes as are allowed.

    Refusals of calls that started before the last halving do not halve again: they belong to the same burst.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._successes = 0
        self.allowed = most
        self.halvings = 0

    def succeeded(self) -> None:
        """Note that a call was answered."""
        self._successes += 1
        if self._successes >= self.allowed:
            self._successes = 0
            self.allowed = min(self._most, self.allowed + 1)

    def refused(self, started: int) -> None:
        """Note that a call was refused (429); `started` is the count of `halvings` when it set out."""
        if started == self.halvings:
            self.allowed = max(1, self.allowed // 2)
            self.halvings += 1
            self._successes = 0
