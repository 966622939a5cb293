"""Judges bars: which are fit to be stored, and for each that is not, the reason."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from market_data.market.bar import Bars, Mask, Row
from market_data.market.interval import Interval

MOST_MONEY = 1e17
"""Price times volume of a bar, in any currency: above what the world turns over in a year."""


class Reason(StrEnum):
    """Why a bar was rejected."""

    NOT_FINITE = "not_finite"  # NaN or infinite
    NOT_POSITIVE = "not_positive"  # a price of zero or less, or a negative volume
    RANGE = "high_low"  # high below low, or open or close outside them
    OFF_GRID = "off_grid"  # no bar of this interval opens then
    FUTURE = "future"  # it opens after the moment at which it was told
    CONFLICT = "conflict"  # told twice in one answer, with different values
    VOLUME = "volume"  # price times volume is more than can be
    OPERATOR = "operator"  # an operator rejected this very value


@dataclass(frozen=True, slots=True)
class Rejected:
    """A bar that was not stored."""

    row: Row
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """`good` in order of time, each label once; `rejected` in the order in which they were told."""

    good: Bars
    rejected: tuple[Rejected, ...]


def judge(bars: Bars, *, interval: Interval, in_session: Mask, now: float) -> Verdict:
    """Separate the bars of one answer into good ones and rejected ones.

    `in_session` says for each bar whether the market's calendar knows its label: shape (n,). Rows out of
    order are put in order and rows told twice alike are kept once: neither is a fault of the bar.
    """
    if _faultless(bars, interval, in_session, now):  # nearly all answers are
        return Verdict(bars, ())
    reasons = np.full(len(bars), "", dtype="U16")
    prices = np.stack((bars.open, bars.high, bars.low, bars.close)) if len(bars) else np.empty((4, 0))
    finite = np.isfinite(prices).all(axis=0) & np.isfinite(bars.volume)
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # NaN is judged by `finite`, which is put last and so wins
        outside = (bars.high < prices.max(axis=0, initial=-np.inf)) | (
            bars.low > prices.min(axis=0, initial=np.inf)
        )
        not_positive = (prices <= 0).any(axis=0) | (bars.volume < 0)
        absurd = bars.volume * bars.close > MOST_MONEY
    reasons[absurd] = Reason.VOLUME
    reasons[outside] = Reason.RANGE
    reasons[not_positive] = Reason.NOT_POSITIVE
    reasons[~finite] = Reason.NOT_FINITE
    reasons[bars.ts > now] = Reason.FUTURE
    reasons[(bars.ts % interval.seconds != 0) | ~in_session] = Reason.OFF_GRID
    repeats = _repeats(bars, reasons == "")
    reasons[repeats.conflicting] = Reason.CONFLICT
    good = bars.take((reasons == "") & ~repeats.alike)
    rows = bars.rows() if (reasons != "").any() else []
    rejected = tuple(Rejected(rows[i], Reason(str(reasons[i]))) for i in np.flatnonzero(reasons != ""))
    return Verdict(good.take(np.argsort(good.ts, kind="stable")), rejected)


def _faultless(bars: Bars, interval: Interval, in_session: Mask, now: float) -> bool:
    """Whether no bar is to be rejected, put in order or left out; NaN fails every comparison."""
    if not len(bars):
        return True
    ts, low, high = bars.ts, bars.low, bars.high
    with np.errstate(over="ignore", invalid="ignore"):
        money = bars.volume * bars.close
    return bool(
        ts[-1] <= now
        and (ts[1:] > ts[:-1]).all()
        and not (ts % interval.seconds).any()
        and in_session.all()
        and ((low > 0) & (low <= bars.open) & (low <= bars.close)).all()
        and ((high >= bars.open) & (high >= bars.close) & (high < np.inf)).all()
        and ((bars.volume >= 0) & (money <= MOST_MONEY)).all()
    )


@dataclass(frozen=True, slots=True)
class _Repeats:
    alike: Mask  # later tellings of a bar whose tellings all agree
    conflicting: Mask  # every telling of a bar whose tellings differ


def _repeats(bars: Bars, sound: Mask) -> _Repeats:
    alike, conflicting = np.zeros(len(bars), np.bool_), np.zeros(len(bars), np.bool_)
    told = np.flatnonzero(sound)
    told = told[np.argsort(bars.ts[told], kind="stable")]  # tellings of a label side by side, first one first
    first = np.ones(len(told), np.bool_)
    first[1:] = np.diff(bars.ts[told]) != 0
    if first.all():
        return _Repeats(alike, conflicting)
    label = np.cumsum(first) - 1
    values = np.stack(bars.columns()[1:])[:, told]
    differs = (values != values[:, first][:, label]).any(axis=0)
    in_conflict = np.isin(label, label[differs])
    conflicting[told[in_conflict]] = True
    alike[told[~in_conflict & ~first]] = True
    return _Repeats(alike, conflicting)
