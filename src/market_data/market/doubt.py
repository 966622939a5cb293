"""Finds bars that may be wrong though each by itself is possible; pure.

A price that jumps by a factor of ten, by a hundred or by the ratio of a split, and a volume that cannot be,
are what misplaced points, mixed units and corporate actions look like. So are crashes and news: `outcome`
decides what becomes of them.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from market_data.market.bar import Bars, Mask, Numbers
from market_data.market.interval import Interval

FAR = 3.8
"""A close at least this many times another is doubted, whatever the exact ratio."""
SPLITS = (1.5, 2.0, 3.0)
"""The ratios of splits below FAR: a close that is near one of them times another is doubted."""
LEAST_STEP = 0.703
"""A close more than this many times the one before is never doubted: NEAR of 1 / 1.5 ends at 0.702."""
NEAR = 0.05
"""Share by which a step may miss a ratio: the market moves overnight, too."""
FEW_TICKS = 3
"""A move of so many price ticks is a step of the price grid, not a jump: 0.0001 to 0.0002."""
TICK, TICK_BELOW_ONE = 0.01, 0.0001
"""A grid coarser than that of US stocks, from a price of one on and below, counts only if moves show it."""
LEAST_MOVES = 5
"""Moves that show a grid: a price that stands still at 6.00 does not say that a tick is 1."""
FINEST_TICK = 12
"""Decimals of the finest price grid that is recognized."""
WIDEST = {Interval.D1: 3.0}
"""By interval, how many times its low a high may be without doubt."""
WIDEST_MINUTES = 1.4
"""The same for any shorter interval."""
ABSURD_TIMES = 1e5
"""A volume so many times the median of its answer is doubted; a closing auction has ten thousand times."""
LEAST_FOR_MEDIAN = 10
"""Bars that make a median."""

Places = NDArray[np.intp]


class Doubt(StrEnum):
    """What is strange about a bar."""

    JUMP = "jump"  # its close, against the one before
    SPREAD = "spread"  # its high, against its low
    VOLUME = "volume"


def is_plain(bars: Bars, interval: Interval, *, moves_have_volume: bool, before: float | None) -> bool:
    """Whether there is nothing to doubt: most answers end here.

    `before` is the close known before the bars. `moves_have_volume` says whether a price that moves without
    volume is strange.
    """
    if not len(bars):
        return True
    closes, volume = bars.close, bars.volume
    if before is not None and not LEAST_STEP < closes[0] / before < 1 / LEAST_STEP:
        return False
    if len(closes) > 1:
        steps = closes[1:] / closes[:-1]
        if not (steps.min() > LEAST_STEP and steps.max() < 1 / LEAST_STEP):
            return False
    if (bars.high / bars.low).max() >= _widest(interval):
        return False
    least, most = float(volume.min()), float(volume.max())
    if least > 0 and most <= ABSURD_TIMES * least:
        return True
    return not odd_volumes(bars, moves_have_volume=moves_have_volume).any()


def jumps(price: Numbers | float, other: Numbers | float, tick: float = 0.0) -> Mask:
    """Whether a price is so far from another that it is doubted: shape of both."""
    with np.errstate(divide="ignore"):
        ratio = np.asarray(price, np.float64) / other
        size = np.maximum(ratio, 1 / ratio)
    far = (size >= FAR) | near(size, SPLITS)
    return np.asarray(far & (np.abs(np.subtract(price, other)) > _steps(tick)))


def near(size: Numbers | float, ratios: Sequence[float]) -> Mask:
    """Whether a ratio of 1 or more is near one of those given: shape of `size`."""
    return np.asarray(np.any([np.abs(np.asarray(size) / ratio - 1) <= NEAR for ratio in ratios], axis=0))


def wide(bars: Bars, interval: Interval, tick: float = 0.0) -> Mask:
    """Whether a bar's high is so far above its low that it is doubted: shape (n,)."""
    far = bars.high >= bars.low * _widest(interval)
    return np.asarray(far & (bars.high - bars.low > _steps(tick)))


def odd_volumes(bars: Bars, *, moves_have_volume: bool) -> Mask:
    """Whether a bar's volume is doubted: shape (n,)."""
    odd: Mask = np.zeros(len(bars), np.bool_)
    if moves_have_volume:
        odd |= (bars.volume == 0) & (bars.high > bars.low)
    traded = bars.volume[bars.volume > 0]
    if len(traded) >= LEAST_FOR_MEDIAN:
        odd |= bars.volume > ABSURD_TIMES * float(np.median(traded))
    return odd


def tick_of(bars: Bars) -> float:
    """The step of the grid that all prices lie on, a power of ten up to 1; 0 if there is none.

    It is at least the exchange's tick where the bars show it: 0.0001 for a stock at 0.0001 and 0.0002.
    Round prices that hardly move show none.
    """
    prices = np.concatenate((bars.open, bars.high, bars.low, bars.close))
    moves = (np.diff(bars.close, prepend=bars.close[:1]) != 0) | (bars.high != bars.low)
    moved = np.count_nonzero(moves) >= LEAST_MOVES
    coarsest = 1.0 if moved else TICK if prices.min(initial=np.inf) >= 1 else TICK_BELOW_ONE
    for decimals in range(round(-np.log10(coarsest)), FINEST_TICK + 1):
        scaled = prices * 10.0**decimals
        steps = np.round(scaled)
        if ((steps >= 1) & (np.abs(scaled - steps) < 1e-6)).all():
            return float(10.0**-decimals)
    return 0.0


def _widest(interval: Interval) -> float:
    return WIDEST.get(interval, WIDEST_MINUTES)


def _steps(tick: float) -> float:
    return FEW_TICKS * tick * (1 + 1e-6)
