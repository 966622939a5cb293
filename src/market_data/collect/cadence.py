"""Decides what is due; pure: the clock, the cursors and the calendar are given."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from market_data.market.interval import Interval
from market_data.market.noted import holds
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.store.cursor import Cursor

OVERLAP_BARS = 5
"""Bars before the cursor that are asked for again: late and revised ones are caught there."""
FIRST_BARS = {Interval.M1: 390, Interval.D1: 100}
"""Bars that are asked for of a series that has none; a session of minutes, a compact answer of days."""
LONGEST_CATCH_UP = {Interval.M1: 5 * 86_400, Interval.D1: 366 * 86_400}
"""Seconds before the newest bar that a live fetch reaches back; what is older is a backfill's work."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a series is asked for, and how long after its end a bar is settled (both in seconds)."""

    cadence: float
    delay: float


def due(
    interval: Interval, hours: MarketHours, cursor: Cursor | None, rhythm: Rhythm, now: float
) -> Span | None:
    """The span to ask for at `now`, or None if nothing is due.

    Bars are due when one that the regular session expects has become final and has not been had, and the
    cadence has passed. A cadence no longer than the bar is kept by the bars themselves: each is due as soon
    as it is final, whenever the last question was. The span reaches to `now`, so that the running bar comes
    along.
    """
    newest = _newest_final(interval, hours, now - rhythm.delay)
    if newest is None:
        return None
    if cursor is not None and (
        cursor.through > newest.label or _too_soon(interval, cursor, newest, rhythm, now)
    ):
        return None
    return Span(_start(interval, hours, cursor, newest.label), _end(interval, now))


def _too_soon(interval: Interval, cursor: Cursor, newest: "_Over", rhythm: Rhythm, now: float) -> bool:
    if not holds(cursor.asked_at, cursor.asked_at + rhythm.cadence, now):
        return False
    final_since = newest.end + rhythm.delay > cursor.asked_at
    return not (final_since and rhythm.cadence <= interval.seconds)


class _Over(NamedTuple):
    """A bar that is over: its label and its end."""

    label: int
    end: int


@lru_cache(maxsize=64)
def _newest_final(interval: Interval, hours: MarketHours, settled: float) -> _Over | None:
    """The newest bar that was over at `settled`: one answer for all instruments of a sweep."""
    session = hours.regular.session_before(settled)
    if interval is Interval.M1 and session is not None:
        # nothing is expected after the close, but auctions may trade: it is asked for once, at their end
        auction = hours.auction(settled)
        if auction is not None and auction.end <= settled:
            return _Over(auction.end - interval.seconds, auction.end)
        # the fetch of a session's last minute brings the next one along, running: it is asked for once more
        after = _Over(session.end, session.end + interval.seconds)
        if after.end <= settled and hours.kept.is_open(after.label):
            return after
    labels = hours.regular.last_labels(settled, interval, 2)
    ends = hours.regular.ends(labels, interval)
    over = np.flatnonzero(ends <= settled)
    return _Over(int(labels[over[-1]]), int(ends[over[-1]])) if len(over) else None


def _start(interval: Interval, hours: MarketHours, cursor: Cursor | None, newest: int) -> int:
    if cursor is None:
        return int(hours.regular.last_labels(newest + 1, interval, FIRST_BARS[interval])[0])
    overlap = hours.regular.last_labels(cursor.through, interval, OVERLAP_BARS)
    start = int(overlap[0]) if len(overlap) else cursor.through
    return max(start, newest - LONGEST_CATCH_UP[interval])


def _end(interval: Interval, now: float) -> int:
    return interval.floor(now) + interval.seconds
