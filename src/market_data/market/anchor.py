"""Where built bars begin: with their session, or on the clock."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from market_data.market.bar import Times
from market_data.market.interval import Interval, Length
from market_data.market.session import SessionGrid
from market_data.market.span import Span


class Anchor(StrEnum):
    """What the opens of built bars are counted from."""

    SESSION = "session"  # the open of each session
    CLOCK = "clock"  # 00:00 UTC, as candles_5m and candles_1h are in SQL


class Pieces(NamedTuple):
    """Stretches of time, in order, from which bars are built; no bar has minutes of two. Epoch seconds."""

    span: Span  # of the minutes
    opens: Times  # of each piece, and what its bars are counted from, shape (n,)
    until: Times  # the end of its minutes, exclusive
    closes: Times  # where its last bar ends, if not before
    due: Times  # by when all that counts has traded
    days: Times  # 00:00 UTC of its session's date
    within: Sequence[Span] | None  # only minutes of these sessions; None: all


def check_anchor(anchor: Anchor, length: Length) -> None:
    """ValueError where bars of this length have no place on the clock."""
    if anchor is Anchor.SESSION:
        return
    if length.stored is Interval.D1:
        raise ValueError("a 1d bar begins with its session: leave anchor out, or use anchor=session")
    if Interval.D1.seconds % length.seconds:
        raise ValueError(
            f"{length} does not divide a day, so that its bars have no fixed place on the clock: use a "
            "length that does, such as 5m, 15m, 30m, 1h, 90m, 2h or 4h, or anchor=session"
        )


def of_session(grid: SessionGrid, due: Times, span: Span, step: int) -> Pieces | None:
    """Of the bars anchored at their session's open that open within `span`; None where none can."""
    first, last = (grid.next_label(at, step) for at in (span.start, span.end))
    if first is None or first == last:
        return None
    whole = Span(first, last if last is not None else int(grid.closes[-1]))
    return _sessions(grid, due, whole, slice(*grid.places(whole)))


def of_days(grid: SessionGrid, due: Times, span: Span) -> Pieces | None:
    """Of the bars of whole sessions whose dates are within `span`; None where there is none."""
    first, last = (int(one) for one in np.searchsorted(grid.days, (span.start, span.end)))
    if first == last:
        return None
    return _sessions(grid, due, Span(int(grid.opens[first]), int(grid.closes[last - 1])), slice(first, last))


def of_clock(grid: SessionGrid, due: Times, span: Span, step: int, *, only_sessions: bool) -> Pieces | None:
    """Of the bars that open at multiples of `step` within `span`; with `only_sessions`, of their minutes.

    A piece begins with the bar in which its session opens, and ends where the next one begins.
    """
    start, stop = (-(-at // step) * step for at in (span.start, span.end))
    if start >= stop:
        return None
    whole, opens = Span(start, stop), grid.opens // step * step
    end = -(-grid.closes[-1:] // step) * step
    first = max(int(np.searchsorted(opens, whole.start, side="right")) - 1, 0)
    last = int(np.searchsorted(opens, whole.end))
    if first >= last:
        return None
    these = slice(first, last)
    until = np.append(opens[1:], end)
    within = grid.sessions(whole) if only_sessions else None
    return Pieces(whole, opens[these], until[these], grid.closes[these], due[these], grid.days[these], within)


def _sessions(grid: SessionGrid, due: Times, span: Span, these: slice) -> Pieces:
    opens, closes = grid.opens[these], grid.closes[these]
    return Pieces(span, opens, closes, closes, due[these], grid.days[these], None)
