"""Decides what becomes of doubted bars; pure.

A second provider's word counts first, then what the bars themselves show, then time. What nothing settles is
quarantined: kept with a mark, not thrown away.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from market_data.market.bar import Adjustment, Bars
from market_data.market.doubt import Doubt, Places, jumps, odd_volumes, tick_of, wide
from market_data.market.jump import LASTS, SHORT, Jump, is_split, judge
from market_data.market.outcome import STORED, Context, Evidence, Finding, Outcome

SAME_RANGE = 0.5
"""A provider whose bar has at least this share of a bar's range, in logarithms, confirms the range."""
VOLUME_AGREEMENT = 1000.0
"""How many times another's volume one may be: one exchange beside all."""


def decide(bars: Bars, context: Context, others: Sequence[Evidence] = ()) -> list[Finding]:
    """The doubted bars, which are in order of time, and what becomes of them as far as is known."""
    tick, open_ = tick_of(bars), ~context.settled
    broad = wide(bars, context.interval, tick) & open_
    odd = odd_volumes(bars, moves_have_volume=context.moves_have_volume) & open_ & ~broad
    found = [_spread(bars, at, context, others) for at in np.flatnonzero(broad).tolist()]
    found += [_volume(bars, at, context, others) for at in np.flatnonzero(odd).tolist()]
    return found + list(_jumps(bars, np.flatnonzero(~broad), context, others, tick))


def _jumps(
    bars: Bars, calm: Places, context: Context, others: Sequence[Evidence], tick: float
) -> Iterator[Finding]:
    """What is at another level than the bars before it, one stretch of a level after another."""
    if not len(calm):
        return
    closes = bars.close
    cuts = np.flatnonzero(jumps(closes[calm[1:]], closes[calm[:-1]], tick)) + 1
    stretches = np.split(calm, cuts)
    level = _first_level(bars, stretches, context)
    left = level  # the level before a short stretch that was believed: to return there is no jump
    for stretch in stretches:
        first, last = float(closes[stretch[0]]), float(closes[stretch[-1]])
        believed = (
            context.settled[stretch].any()
            or not (jumps(first, level, tick) and jumps(first, left, tick))
            or _is_rebased(stretch, first / level, context)
        )
        if not believed:
            far = jumps(closes[stretch], level, tick)
            later = closes[calm[np.searchsorted(calm, stretch[0]) + 1 :][:SHORT]]
            one = judge(Jump(bars, stretch[far], later, level), context, others)
            yield one
            believed = one.outcome in STORED
            if not believed and not far.all():
                level = float(closes[stretch[~far][-1]])
        if believed:
            left = level if len(stretch) <= SHORT else last
            level = last


def _first_level(bars: Bars, stretches: Sequence[Places], context: Context) -> float:
    """The level to compare with: that of the first bar if it is stored, else of most bars."""
    stored = bool(context.settled[stretches[0][0]])
    return float(bars.close[(stretches[0] if stored else max(stretches, key=len))[0]])


def _is_rebased(stretch: Places, ratio: float, context: Context) -> bool:
    """Whether an adjusting provider sends all its bars at a new level, as after a split."""
    received = np.flatnonzero(context.received)
    whole = len(received) > 0 and int(stretch[0]) == int(received[0])
    adjusted = context.adjustment is not Adjustment.RAW
    return adjusted and whole and len(stretch) >= LASTS and is_split(ratio)


def _spread(bars: Bars, at: int, context: Context, others: Sequence[Evidence]) -> Finding:
    own = float(bars.high[at] / bars.low[at])
    words = f"high {bars.high[at]:.10g}, low {bars.low[at]:.10g}"
    for one in others:
        found = np.flatnonzero(one.bars.ts == bars.ts[at])
        if len(found):
            other = float(one.bars.high[found[0]] / one.bars.low[found[0]])
            alike = np.log(other) >= SAME_RANGE * np.log(own)
            sent = f"{one.provider} sent {one.bars.high[found[0]]:.10g}, {one.bars.low[found[0]]:.10g}"
            return _settled_by(one, Doubt.SPREAD, at, f"{words}: {sent}", context, alike=bool(alike))
    return _unwitnessed(Doubt.SPREAD, at, words, context)


def _volume(bars: Bars, at: int, context: Context, others: Sequence[Evidence]) -> Finding:
    own = float(bars.volume[at])
    words = f"volume {own:.10g}"
    for one in others:
        found = np.flatnonzero(one.bars.ts == bars.ts[at])
        if len(found):
            other = float(one.bars.volume[found[0]])
            alike = other == 0 if own == 0 else own <= VOLUME_AGREEMENT * other
            sent = f"{words}: {one.provider} sent {other:.10g}"
            return _settled_by(one, Doubt.VOLUME, at, sent, context, alike=alike)
    return _unwitnessed(Doubt.VOLUME, at, words, context)


def _settled_by(
    one: Evidence, doubt: Doubt, at: int, words: str, context: Context, *, alike: bool
) -> Finding:
    outcome = Outcome.CONFIRMED if alike else Outcome.CONTRADICTED
    if context.rejected[at]:
        outcome = Outcome.REJECTED
    return Finding(np.array([at]), doubt, outcome, words, one)


def _unwitnessed(doubt: Doubt, at: int, words: str, context: Context) -> Finding:
    for mask, outcome, why in (
        (context.rejected, Outcome.REJECTED, "rejected by an operator"),
        (context.contradicted, Outcome.CONTRADICTED, "contradicted before"),
        (context.waited, Outcome.REPEATED, "repeated by its provider"),
    ):
        if mask[at]:
            return Finding(np.array([at]), doubt, outcome, f"{words}: {why}")
    return Finding(np.array([at]), doubt, Outcome.QUARANTINED, f"{words}: no second provider")
