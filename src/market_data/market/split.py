"""Splits, and what they do to prices: which bars are at the raw level, and which have to be converted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from market_data.market.bar import Bars, Mask, Numbers, Split, Splits, Times
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import merge

DIGITS = 12
"""Significant digits of a converted price: more than any provider sends, fewer than a double rounds."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The splits of a symbol that took effect after `since` and up to the session of `through`, all of them.

    `since` is in epoch seconds, `through` a date (00:00 UTC of it).
    """

    since: int
    through: int
    splits: tuple[Split, ...] = ()

    def joined(self, other: "Checked | None") -> "Checked":
        """Both, where what they cover overlaps or adjoins; else the one that reaches further."""
        if other is None:
            return self
        first, last = sorted((self, other), key=lambda one: one.since)
        if last.since > first.through + Interval.D1.seconds:
            return max(self, other, key=lambda one: one.through)
        found = tuple(sorted({*self.splits, *other.splits}))
        return Checked(first.since, max(self.through, other.through), found)


def joined(parts: Iterable[Splits | None]) -> Splits | None:
    """The splits of an answer in adjoining parts; None if one of them does not state any."""
    told = list(parts)
    stated = [part for part in told if part is not None]
    if not stated or len(stated) < len(told):
        return None
    spans = merge(part.span for part in stated)
    return Splits(spans[-1], tuple(sorted({one for part in stated for one in part.found})))


def checked(splits: Splits, hours: MarketHours, asked_at: float) -> Checked:
    """What an answer of `asked_at` states: of a session that opens later nobody knows yet."""
    today = session_day(hours, asked_at)
    opens, days = hours.regular.opens, hours.regular.days
    reached = days[(opens < splits.span.end) & (days <= today)]
    through = int(reached[-1]) if len(reached) else 0
    return Checked(splits.span.start, through, tuple(one for one in splits.found if one.effective <= through))


def session_day(hours: MarketHours, at: float) -> int:
    """The date (00:00 UTC of it) of the newest session that had opened at `at`, early trading included."""
    return int(session_days(hours, np.array([int(at)], np.int64))[0])


def session_days(hours: MarketHours, ts: Times) -> Times:
    """The date of the session that each bar belongs to: shape (n,)."""
    grid = hours.extended
    places = np.searchsorted(grid.opens, ts, side="right") - 1
    return grid.days[np.maximum(places, 0)]


def effects(days: Times, today: int, splits: Sequence[Split]) -> Numbers:
    """What adjusted prices of each day, sent on `today`, are multiplied by to be raw: shape (n,)."""
    factors: Numbers = np.ones(len(days), np.float64)
    for split in splits:
        if split.effective <= today:
            factors[days < split.effective] *= split.ratio
    return factors


def covered(ts: Times, days: Times, today: int, known: Checked | None) -> Mask:
    """For which bars it is known which splits lie between them and `today`: shape (n,)."""
    sure: Mask = np.asarray(days >= today)
    if known is not None and known.through >= today:
        sure = sure | (ts >= known.since)
    return sure


def to_raw(bars: Bars, factors: Numbers) -> Bars:
    """Split-adjusted bars at the raw level: prices times the factor, volume divided by it."""
    changed = factors != 1
    if not changed.any():
        return bars
    columns = [np.where(changed, _rounded(price * factors), price) for price in bars.columns()[1:5]]
    columns.append(np.where(changed, _rounded(bars.volume / factors), bars.volume))
    return Bars(bars.ts, *columns, splits=bars.splits)


def _rounded(numbers: Numbers) -> Numbers:
    return np.array([float(f"{one:.{DIGITS}g}") for one in numbers.tolist()], np.float64)
