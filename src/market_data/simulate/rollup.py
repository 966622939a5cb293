"""Longer bars from minutes, and the values that a bar has while it forms."""

import numpy as np

from market_data.market.bar import Bars, Times
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span

CENTS = 2
"""Decimals of a price that was never told: one on the way from a bar's open to its close."""


def by_interval(minutes: Bars, interval: Interval, hours: MarketHours) -> Bars:
    """Minutes as bars of 5m, 15m or 1h, anchored where early, regular and late trading begin."""
    if interval is Interval.M1 or not len(minutes):
        return minutes
    span = Span(int(minutes.ts[0]), int(minutes.ts[-1]) + 1)
    regular, extended = hours.regular.sessions(span), hours.extended.sessions(span)
    borders = {edge for one in regular for edge in (one.start, one.end)} | {one.start for one in extended}
    if not borders or min(borders) > span.start:  # a recording may begin outside all sessions
        borders.add(span.start - span.start % Interval.H1.seconds)
    anchors = np.array(sorted(borders), np.int64)
    anchor = anchors[np.searchsorted(anchors, minutes.ts, side="right") - 1]
    return _fold(minutes, minutes.ts - (minutes.ts - anchor) % interval.seconds)


def by_session(minutes: Bars, hours: MarketHours) -> Bars:
    """Minutes as daily bars of the regular sessions, labelled 00:00 UTC of the session's date."""
    regular = minutes.take(hours.regular.holds(minutes.ts))
    if not len(regular):
        return regular
    opens = hours.regular.opens[np.searchsorted(hours.regular.opens, regular.ts, side="right") - 1]
    return _fold(regular, opens - opens % Interval.D1.seconds)


def _fold(bars: Bars, labels: Times) -> Bars:
    """One bar for each run of equal labels."""
    first = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    last = np.append(first[1:], len(labels)) - 1
    return Bars(
        labels[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
    )


def until(bars: Bars, seconds: int, now: float) -> Bars:
    """`bars` (in order, each `seconds` long) as they stood at `now`: the forming one with what it had."""
    begun = bars.take(bars.ts < now)
    if not len(begun) or begun.ts[-1] + seconds <= now:
        return begun
    done = begun.take(np.arange(len(begun) - 1))
    row = begun.rows()[-1]
    forming = Bars.of([(row[0], *so_far(row[1:], (now - row[0]) / seconds))])
    return Bars.joined([done, forming])


def so_far(
    bar: tuple[float, float, float, float, float], fraction: float
) -> tuple[float, float, float, float, float]:
    """What a bar (open, high, low, close, volume) shows when `fraction` (0…1) of its time has passed.

    The price walks in straight lines from the open through both extremes to the close: low first if the bar
    rises. So high never falls, low never rises, volume never shrinks, and at 1 the bar is as told.
    """
    start, high, low, end, volume = bar
    if fraction >= 1:
        return bar
    stops = (start, low, high, end) if end >= start else (start, high, low, end)
    leg, part = divmod(max(fraction, 0.0) * 3, 1)
    before, after = stops[int(leg)], stops[int(leg) + 1]
    price = min(max(round(before + (after - before) * part, CENTS), low), high)
    passed = (*stops[: int(leg) + 1], price)
    return start, max(passed), min(passed), price, float(int(volume * max(fraction, 0.0)))
