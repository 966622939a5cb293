"""The sessions of a market as arrays: which minutes exist, and whether one is open."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

import numpy as np

from market_data.market.bar import Mask, Times
from market_data.market.closure import Shut
from market_data.market.interval import Interval
from market_data.market.span import Span


class Hours(StrEnum):
    """Which part of the day bars are read from."""

    REGULAR = "regular"
    EXTENDED = "extended"  # with early and late trading
    ALL = "all"  # every bar there is


@dataclass(frozen=True, slots=True, eq=False)
class SessionGrid:
    """Sessions in order: `opens[i] <= t < closes[i]`, epoch seconds UTC; sessions never overlap.

    Adjoining sessions (an always-open market has one a UTC day) share a border: one's close, the next's open.
    `days` has for each session 00:00 UTC of its date, which in Sydney is not the date in UTC when it opens.
    """

    name: str
    opens: Times
    closes: Times
    days: Times
    # plain ints: bisect on them takes a fifth of numpy's time
    _opens: list[int] = field(init=False, repr=False)
    _closes: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not len(self.opens) == len(self.closes) == len(self.days) > 0:
            raise ValueError(f"{self.name}: as many opens as closes and days, and at least one, make a grid")
        if not (np.all(self.opens < self.closes) and np.all(self.closes[:-1] <= self.opens[1:])):
            raise ValueError(f"{self.name}: sessions must be in order and must not overlap")
        if np.any(self.days % Interval.D1.seconds) or np.any(np.diff(self.days) <= 0):
            raise ValueError(f"{self.name}: the days of sessions must be dates in order, each once")
        object.__setattr__(self, "_opens", self.opens.tolist())
        object.__setattr__(self, "_closes", self.closes.tolist())

    def is_open(self, at: float) -> bool:
        """Whether `at` (epoch seconds) is within a session."""
        index = bisect_right(self._opens, at) - 1
        return index >= 0 and at < self._closes[index]

    def session_at(self, at: float) -> Span | None:
        """The session that `at` is in, or None."""
        index = bisect_right(self._opens, at) - 1
        if index >= 0 and at < self._closes[index]:
            return Span(self._opens[index], self._closes[index])
        return None

    def session_before(self, at: float) -> Span | None:
        """The newest session that opened at or before `at`, running or over; None before the first."""
        index = bisect_right(self._opens, at) - 1
        return Span(self._opens[index], self._closes[index]) if index >= 0 else None

    def next_open(self, at: float) -> int | None:
        """When the first session after `at` opens; None past the last known one."""
        index = bisect_right(self._opens, at)
        return self._opens[index] if index < len(self._opens) else None

    def next_label(self, at: int, step: int) -> int | None:
        """When the first bar of `step` seconds that opens at or after `at` opens; None past the last known.

        Bars are anchored at their session's open; the last of a session may be shorter.
        """
        session = self.session_at(at)
        if session is not None:
            label = session.start + -(-(at - session.start) // step) * step
            if label < session.end:
                return label
            at = session.end - 1  # the next session may open where this one ends
        return self.next_open(at)

    def adjoined(self) -> "SessionGrid":
        """The same sessions, each until the next one opens."""
        closes = np.append(self.opens[1:], self.closes[-1:])
        return SessionGrid(self.name, self.opens, closes, self.days)

    def sessions(self, span: Span) -> list[Span]:
        """The sessions that overlap `span`, each whole, oldest first."""
        return [Span(self._opens[i], self._closes[i]) for i in range(*self.places(span))]

    def places(self, span: Span) -> tuple[int, int]:
        """Which sessions overlap `span`: the index of the first, and of the first after them."""
        first = bisect_right(self._closes, span.start)
        return first, max(bisect_left(self._opens, span.end), first)

    def holds(self, ts: Times) -> Mask:
        """For each time, whether it is within a session: shape (n,)."""
        index = np.searchsorted(self.opens, ts, side="right") - 1
        return (index >= 0) & (ts < self.closes[np.maximum(index, 0)])

    def labels(self, span: Span, interval: Interval) -> Times:
        """The labels (opens) of the bars that a full record of `span` would have, in order: shape (n,).

        Bars are anchored at their session's open; the last of a session may be shorter than the interval.
        The label of a 1d bar is 00:00 UTC of its session's date: it is in `span` if that moment is.
        """
        if interval is Interval.D1:
            first, last = np.searchsorted(self.days, (span.start, span.end))
            return self.days[first:last].copy()
        step = interval.seconds
        pieces = [
            np.arange(
                one.start + max(-(-(span.start - one.start) // step), 0) * step,
                min(one.end, span.end),
                step,
                dtype=np.int64,
            )
            for one in self.sessions(span)
        ]
        return np.concatenate(pieces) if pieces else np.empty(0, np.int64)

    def last_labels(self, before: float, interval: Interval, count: int) -> Times:
        """The newest `count` labels before `before`, in order; fewer at the start of the calendar."""
        if interval is Interval.D1:
            end = int(np.searchsorted(self.days, before))
            return self.days[max(end - count, 0) : end].copy()
        found: list[Times] = []
        index = bisect_left(self._opens, before) - 1
        have = 0
        while index >= 0 and have < count:
            opens, step = self._opens[index], interval.seconds
            labels = max(ceil((min(self._closes[index], before) - opens) / step), 0)
            first = opens + max(labels - (count - have), 0) * step
            found.append(np.arange(first, opens + labels * step, step, dtype=np.int64))
            have += len(found[-1])
            index -= 1
        return np.concatenate(found[::-1])[-count:] if found else np.empty(0, np.int64)

    def ends(self, labels: Times, interval: Interval) -> Times:
        """When the bar of each label is over, in epoch seconds: shape (n,).

        A bar ends with its session if that comes first; a 1d bar ends with the session of its date.
        """
        starts = self.days if interval is Interval.D1 else self.opens
        closes = self.closes[np.maximum(np.searchsorted(starts, labels, side="right") - 1, 0)]
        return closes if interval is Interval.D1 else np.minimum(labels + interval.seconds, closes)


@dataclass(frozen=True, slots=True)
class MarketHours:
    """The sessions of a market: regular; with early and late trading; and those in which bars are kept.

    The kept ones reach over the auctions before the open and after the close. All have the same dates.
    """

    regular: SessionGrid
    extended: SessionGrid  # with early and late trading: minutes can be expected there
    kept: SessionGrid  # with auctions: what comes there is kept, nothing is expected there
    shut: tuple[Shut, ...] = ()  # what an operator has closed
    around: SessionGrid = field(init=False, repr=False)  # each regular session until the next one
    _read: SessionGrid = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "around", self.regular.adjoined())
        object.__setattr__(self, "_read", _ended(self.extended, self.kept))

    def grid(self, *, extended: bool) -> SessionGrid:
        """The sessions in which minutes are expected, with or without early and late trading."""
        return self.extended if extended else self.regular

    def of(self, hours: Hours) -> SessionGrid:
        """The sessions that bars of these hours belong to: one index a date in each of them.

        The extended ones are anchored at the open of early trading, and end with the last auction.
        """
        return {Hours.REGULAR: self.regular, Hours.EXTENDED: self._read}.get(hours, self.around)

    def auction(self, at: float) -> Span | None:
        """After the close of the newest session at `at`, the time in which only auctions trade, or None."""
        index = bisect_right(self.regular._opens, at) - 1
        if index < 0 or self.kept._closes[index] <= self.extended._closes[index]:
            return None
        return Span(self.extended._closes[index], self.kept._closes[index])


def _ended(extended: SessionGrid, kept: SessionGrid) -> SessionGrid:
    """The extended sessions until bars are kept no more."""
    closes = kept.closes.copy()
    closes[:-1] = np.minimum(closes[:-1], extended.opens[1:])
    if np.array_equal(closes, extended.closes):
        return extended
    return SessionGrid(extended.name, extended.opens, closes, extended.days)
