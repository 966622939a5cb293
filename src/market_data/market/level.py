"""Decides at which price level an adjusting provider's minutes are; pure.

Known splits say it. What is stored at the raw level has the last word: where a provider's bars, converted,
are not those that are stored, a split is missing from what is known, or is not in its prices yet.
"""

from dataclasses import dataclass

import numpy as np

from market_data.market.bar import Bars, Mask, Numbers, Split, Times
from market_data.market.doubt import jumps
from market_data.market.session import MarketHours
from market_data.market.split import Checked, covered, effects, session_day, session_days, to_raw

LEAST_BARS = 3
"""Bars of a session that are stored too and say at which level it is; with fewer, those beside them do."""
FAR = 0.02
"""Share by which the median of a session may differ from what is stored: venues differ by less."""
ALIKE = 1e-5
"""Share by which a converted price may differ from the stored one and mean the same: for lost digits."""


@dataclass(frozen=True, slots=True)
class Level:
    """An answer of `today` at the raw level: how its bars are converted."""

    hours: MarketHours
    today: int
    splits: tuple[Split, ...] = ()

    def factors(self, ts: Times) -> Numbers:
        """What the prices of bars were multiplied by: shape (n,)."""
        return effects(session_days(self.hours, ts), self.today, self.splits)


@dataclass(frozen=True, slots=True)
class Leveled:
    """Bars of an answer at the raw level.

    Those whose level is not known are left out, as they were sent; but where one is stored, that is kept.
    """

    bars: Bars
    left_out: Bars
    level: Level
    why: str = ""
    denied: bool = False  # what is stored says that a split is missing from what is known


def level_of(hours: MarketHours, asked_at: float, known: Checked | None) -> Level:
    """How an answer of `asked_at` is converted, as far as splits are known."""
    return Level(hours, session_day(hours, asked_at), known.splits if known else ())


def unsure(bars: Bars, level: Level, known: Checked | None) -> Mask:
    """The bars for which it is not known which splits lie after them: shape (n,)."""
    return ~covered(bars.ts, session_days(level.hours, bars.ts), level.today, known)


def leveled(bars: Bars, level: Level, known: Checked | None, stored: Bars) -> Leveled:
    """An answer's bars at the raw level; `stored` is what is stored at it of earlier sessions, in order."""
    days = session_days(level.hours, bars.ts)
    factors = level.factors(bars.ts)
    raw, unknown = to_raw(bars, factors), unsure(bars, level, known)
    why = "splits since then are not known" if unknown.any() else ""
    met: Mask = np.zeros(len(bars), np.bool_)
    contrary = set[int]()
    if len(stored):
        raw, place, met = _as_stored(raw, factors, stored)
        agreeing, contrary = _compared(days, raw.close / stored.close[place], met)
        rest = sorted(set(days[days < level.today].tolist()) - agreeing - contrary)
        contrary |= {day for day in rest if _steps(raw.take(days == day), _of_day(stored, day, level))}
        first = min(agreeing, default=None)
        if contrary:
            unknown = unknown | (days < level.today)
            why = "a split that is not reported lies after them: what is stored has another level"
        if first is not None:
            unknown = unknown & ~(days >= first)
        unknown = unknown | np.isin(days, sorted(contrary))
    return Leveled(raw.take(~unknown), bars.take(unknown & ~met), level, why, bool(contrary))


def _as_stored(raw: Bars, factors: Numbers, stored: Bars) -> tuple[Bars, Times, Mask]:
    """The bars, as stored where converting has cost digits; their places there, and whether they are."""
    place = np.minimum(np.searchsorted(stored.ts, raw.ts), len(stored) - 1)
    met: Mask = np.asarray(stored.ts[place] == raw.ts)
    same = met & (factors != 1)
    for ours, theirs in zip(raw.columns()[1:5], stored.columns()[1:5], strict=True):
        same &= np.abs(ours / theirs[place] - 1) <= ALIKE
    same &= np.abs(raw.volume - stored.volume[place]) <= 1 + ALIKE * stored.volume[place]
    columns = (
        np.where(same, theirs[place], ours)
        for ours, theirs in zip(raw.columns()[1:], stored.columns()[1:], strict=True)
    )
    return Bars(raw.ts, *columns, splits=raw.splits), place, met


def _of_day(stored: Bars, day: int, level: Level) -> Bars:
    return stored.take(session_days(level.hours, stored.ts) == day)


def _steps(bars: Bars, stored: Bars) -> bool:
    """Whether bars of a session are a split away from the stored ones on either side of them."""
    first, last = int(np.argmin(bars.ts)), int(np.argmax(bars.ts))
    before = stored.close[stored.ts < bars.ts[first]][-1:]
    after = stored.close[stored.ts > bars.ts[last]][:1]
    theirs = np.concatenate((before, after))
    ours = np.repeat((bars.close[first], bars.close[last]), (len(before), len(after)))
    far = bool(len(theirs)) and bool(jumps(theirs, ours).all())
    return far and bool((theirs > ours).all() | (theirs < ours).all())


def _compared(days: Times, ratios: Numbers, met: Mask) -> tuple[set[int], set[int]]:
    """The sessions whose bars are those that are stored, and those whose bars are not."""
    agreeing, contrary = set[int](), set[int]()
    for day in np.unique(days[met]).tolist():
        these = ratios[met & (days == day)]
        if np.isfinite(these).sum() >= LEAST_BARS:
            alike = abs(float(np.nanmedian(these)) - 1) <= FAR
            (agreeing if alike else contrary).add(day)
    return agreeing, contrary
