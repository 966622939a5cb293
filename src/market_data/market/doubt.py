"""Finds bars that may be wrong though each by itself could be right, and decides what becomes of them; pure.

A price that jumps by a factor of ten, by a hundred or by the ratio of a split, and a volume that cannot be,
are what misplaced points, mixed units and corporate actions look like. So are crashes: another provider is
asked, and where nobody can say, what comes after the bar does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from market_data.market.bar import Adjustment, Bars, Mask, Numbers
from market_data.market.interval import Interval

FAR = 3.8
"""A close so many times another, or more, is not by chance."""
SPLITS = (1.5, 2.0, 3.0)
"""The ratios of splits below FAR."""
OF_SPLITS = (*SPLITS, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
LEAST_STEP = 0.703
"""A close that many times the one before is no step that is doubted: NEAR of 1 / 1.5 ends at 0.702."""
NEAR = 0.05
"""Share by which a step may miss a ratio: the market moves over night, too."""
WIDEST = {Interval.D1: 3.0}
"""By interval, how many times its low a high is without doubt."""
WIDEST_MINUTES = 1.4
"""The same of any shorter interval."""
ABSURD_TIMES = 1e5
"""A volume so many times the median of its answer is doubted; a closing auction has ten thousand times."""
LEAST_FOR_MEDIAN = 10
"""Bars that make a median."""
AGREEMENT = 0.1
"""Share by which another provider's price may differ and still be the same: venues, late prints."""
VOLUME_AGREEMENT = 1000.0
"""How many times another's volume one may be: of one exchange beside all."""
SHORT = 5
"""Bars: what comes back to where it was after as few was never there."""
LASTS = 3
"""Bars: what stays where it went for as many is there."""

Places = NDArray[np.intp]


class Doubt(StrEnum):
    """What is strange about a bar."""

    JUMP = "jump"  # its close, against the one before
    SPREAD = "spread"  # its high, against its low
    VOLUME = "volume"


class Outcome(StrEnum):
    """What becomes of a doubted bar."""

    CONFIRMED = "confirmed"  # another provider tells the same: it is taken in
    DENIED = "denied"  # another provider tells otherwise: it is rejected
    ACCEPTED = "accepted"  # nobody could say: it is taken in, as what follows bears it out
    REJECTED = "rejected"  # nobody could say: what follows is where it was before
    HELD = "held"  # nobody could say, and nothing follows yet: it is waited for


@dataclass(frozen=True, slots=True)
class Finding:
    """Bars of an answer that share a doubt, by their places in it, and what becomes of them."""

    places: Places
    doubt: Doubt
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """What another provider tells of the same time."""

    adjustment: Adjustment
    bars: Bars


@dataclass(frozen=True, slots=True)
class Context:
    """What has to be known beside the bars of an answer, which are in order of time, to doubt them."""

    interval: Interval
    adjustment: Adjustment
    moves_have_volume: bool  # whether a price that moves without volume is strange
    opens_session: Mask | None = None  # whether a bar is the first after a break: shape (n,); None: none is
    before: float | None = None  # the close that is known before them
    after: float | None = None  # and after them
    waited_for: frozenset[int] = frozenset()  # labels that have been held back long enough


def is_plain(bars: Bars, context: Context) -> bool:
    """Whether there is nothing to doubt: most answers are done with here."""
    if not len(bars):
        return True
    closes, volume = bars.close, bars.volume
    if context.before is not None and not LEAST_STEP < closes[0] / context.before < 1 / LEAST_STEP:
        return False
    if len(closes) > 1:
        steps = closes[1:] / closes[:-1]
        if not (steps.min() > LEAST_STEP and steps.max() < 1 / LEAST_STEP):
            return False
    if (bars.high / bars.low).max() >= _widest(context):
        return False
    least, most = float(volume.min()), float(volume.max())
    return (least > 0 and most <= ABSURD_TIMES * least) or not _odd_volumes(bars, context).any()


def decide(bars: Bars, context: Context, others: Sequence[Evidence] = ()) -> list[Finding]:
    """The doubted bars of an answer, and what becomes of them as far as `others` can say."""
    wide = bars.high >= bars.low * _widest(context)
    odd = _odd_volumes(bars, context)
    found = [
        Finding(np.array([at]), Doubt.SPREAD, _of_spread(bars, at, context, others))
        for at in np.flatnonzero(wide).tolist()
    ]
    found += [
        Finding(np.array([at]), Doubt.VOLUME, _of_volume(bars, at, others))
        for at in np.flatnonzero(odd & ~wide).tolist()
    ]
    return found + list(_jumps(bars, np.flatnonzero(~wide), context, others))


def jumps(ratio: Numbers | float) -> Mask:
    """Whether a step is one that is doubted: shape of `ratio`."""
    size = _size(ratio)
    return np.asarray((size >= FAR) | _near(size, SPLITS))


def _size(ratio: Numbers | float) -> Numbers:
    with np.errstate(divide="ignore"):
        return np.maximum(ratio, 1 / np.asarray(ratio, np.float64))


def _near(size: Numbers, ratios: Sequence[float]) -> Mask:
    return np.asarray(np.any([np.abs(size / one - 1) <= NEAR for one in ratios], axis=0))


def _widest(context: Context) -> float:
    return WIDEST.get(context.interval, WIDEST_MINUTES)


def _odd_volumes(bars: Bars, context: Context) -> Mask:
    odd: Mask = np.zeros(len(bars), np.bool_)
    if context.moves_have_volume:
        odd |= (bars.volume == 0) & (bars.high > bars.low)
    traded = bars.volume[bars.volume > 0]
    if len(traded) >= LEAST_FOR_MEDIAN:
        odd |= bars.volume > ABSURD_TIMES * float(np.median(traded))
    return odd


def _jumps(bars: Bars, calm: Places, context: Context, others: Sequence[Evidence]) -> Iterator[Finding]:
    """What is at another level than the bars before it, one stretch of a level after another."""
    stretches = _stretches(bars, calm)
    if not stretches:
        return
    level = context.before
    if level is None:  # then most of them are right
        level = float(bars.close[max(stretches, key=len)[0]])
    for at, stretch in enumerate(stretches):
        first = float(bars.close[stretch[0]])
        outcome = None
        if jumps(first / level) and not _is_rebased(stretch, first / level, context):
            later = [float(bars.close[one[0]]) for one in stretches[at + 1 :]]
            outcome = _of_jump(bars, stretch, level, context, later=later, others=others)
            yield Finding(stretch, Doubt.JUMP, outcome)
        if outcome in {None, Outcome.CONFIRMED, Outcome.ACCEPTED}:
            level = float(bars.close[stretch[-1]])


def _is_rebased(stretch: Places, ratio: float, context: Context) -> bool:
    """Whether an adjusting provider tells all from before on anew, as after a split."""
    adjusted, first = context.adjustment is not Adjustment.RAW, int(stretch[0]) == 0
    return adjusted and first and len(stretch) >= LASTS and bool(_near(_size(ratio), OF_SPLITS))


def _stretches(bars: Bars, calm: Places) -> list[Places]:
    """The bars that are not doubted for their spread, cut where their closes jump."""
    if not len(calm):
        return []
    closes = bars.close[calm]
    return np.split(calm, np.flatnonzero(jumps(closes[1:] / closes[:-1])) + 1)


def _of_jump(
    bars: Bars,
    stretch: Places,
    level: float,
    context: Context,
    *,
    later: list[float],
    others: Sequence[Evidence],
) -> Outcome:
    told = _of_witness(bars, stretch, level, context, others)
    if told is not None:
        return told
    if context.after is not None:
        later = [*later, context.after]
    if any(not jumps(one / level) for one in later):
        return Outcome.REJECTED if len(stretch) <= SHORT else Outcome.ACCEPTED
    there = len(stretch) >= LASTS or later or int(bars.ts[stretch[0]]) in context.waited_for
    return Outcome.ACCEPTED if there or _may_be_split(bars, stretch, level, context) else Outcome.HELD


def _of_witness(
    bars: Bars, stretch: Places, level: float, context: Context, others: Sequence[Evidence]
) -> Outcome | None:
    """What another provider makes of a jump; None: it cannot say."""
    for one in others:
        _, ours, theirs = np.intersect1d(bars.ts[stretch], one.bars.ts, return_indices=True)
        if not len(ours):
            continue
        own, other = float(bars.close[stretch[ours[0]]]), float(one.bars.close[theirs[0]])
        if abs(own / other - 1) <= AGREEMENT:
            return Outcome.CONFIRMED
        same_kind = one.adjustment is context.adjustment
        if not jumps(other / level) and (same_kind or not _may_be_split(bars, stretch, level, context)):
            return Outcome.DENIED
    return None


def _may_be_split(bars: Bars, stretch: Places, level: float, context: Context) -> bool:
    """Whether a split explains it: those are between sessions, and change no prices that are adjusted."""
    size = _size(float(bars.close[stretch[0]]) / level)
    raw = context.adjustment is Adjustment.RAW
    opens = context.opens_session is not None and bool(context.opens_session[stretch[0]])
    return raw and opens and bool(_near(size, OF_SPLITS))


def _of_spread(bars: Bars, at: int, context: Context, others: Sequence[Evidence]) -> Outcome:
    own = float(bars.high[at] / bars.low[at])
    for one in others:
        found = np.flatnonzero(one.bars.ts == bars.ts[at])
        if len(found):
            other = float(one.bars.high[found[0]] / one.bars.low[found[0]])
            return Outcome.CONFIRMED if other >= own * (1 - AGREEMENT) else Outcome.DENIED
    by_chance = context.interval is Interval.D1 or own < FAR
    return Outcome.ACCEPTED if by_chance else Outcome.REJECTED


def _of_volume(bars: Bars, at: int, others: Sequence[Evidence]) -> Outcome:
    own = float(bars.volume[at])
    for one in others:
        found = np.flatnonzero(one.bars.ts == bars.ts[at])
        if len(found):
            other = float(one.bars.volume[found[0]])
            alike = other == 0 if own == 0 else own <= VOLUME_AGREEMENT * other
            return Outcome.CONFIRMED if alike else Outcome.DENIED
    return Outcome.ACCEPTED  # its prices are no worse for it
