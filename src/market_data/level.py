"""Converts an adjusting provider's minutes to the raw level before they are judged.

Bars without a known level are kept in `quarantined_bars` until the splits after them are known and they
are asked for again.
"""

from dataclasses import dataclass, replace

import numpy as np

from market_data.market.bar import Adjustment, Bars, Mask
from market_data.market.interval import Interval
from market_data.market.level import Level, Leveled, level_of, leveled, unsure
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.market.split import Checked, checked
from market_data.provider import Reach
from market_data.store import closes, splits
from market_data.store.connect import Database

MOST_NOTED = 20_000
"""Splits that are remembered as kept; past it all are forgotten, which costs a write each."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Bars of a series as a provider sent them, when they were asked for, and its statements about prices."""

    symbol: str
    interval: Interval
    provider: str
    reach: Reach
    hours: MarketHours
    bars: Bars
    asked_at: float

    @property
    def checked(self) -> Checked | None:
        """What the answer itself states of splits."""
        return None if self.bars.splits is None else checked(self.bars.splits, self.hours, self.asked_at)


class Leveler:
    """Knows the splits of what it is given, from the answer or from those before."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: set[tuple[str, str, Checked]] = set()

    async def __call__(self, sent: Sent, now: float) -> Leveled:
        """The bars at the level of their series: minutes raw, days as sent. Raises StoreUnavailable."""
        as_sent = Leveled(sent.bars, Bars.none(), Level(sent.hours, 0))
        stated = sent.checked
        if sent.interval is Interval.D1:
            await self._note(sent, stated, now)
            return as_sent
        if sent.reach.adjustment is Adjustment.RAW or not len(sent.bars):
            return as_sent
        if stated is not None and stated.splits:
            await self._note(sent, stated, now)
        known = await known_to(self._database, sent)
        level = level_of(sent.hours, sent.asked_at, known)
        if sent.reach.adjustment is Adjustment.ALL:
            known = None
        old = unsure(sent.bars, level, None)
        if not old.any():  # as nearly all live answers: of the running session
            return as_sent
        stored = await closes.raw_bars(self._database, sent.symbol, sent.interval, _sessions(sent, old))
        found = leveled(sent.bars, level, known, stored)
        await self._settle(sent, found, now)
        return found

    async def _settle(self, sent: Sent, found: Leveled, now: float) -> None:
        """Keep what has no known level, and let go what has one now."""
        series, kind = (sent.symbol, sent.interval, sent.provider), sent.reach
        doubted = found.left_out
        finite: Mask = np.asarray(np.isfinite(np.array(doubted.columns()[1:])).all(axis=0))
        if finite.any():
            await splits.quarantine(
                self._database,
                series,
                (kind.adjustment.value, kind.volume_scope.value),
                doubted.take(finite),
                evidence=found.why,
                now=now,
            )
        if found.denied:  # it is asked for its splits again with the next answer
            await splits.forget(self._database, sent.symbol, sent.provider)
            self._noted.clear()
        await splits.release(self._database, *series, found.bars)

    async def _note(self, sent: Sent, stated: Checked | None, now: float) -> None:
        if stated is None:
            return
        # of minutes every answer begins later: what matters is whether one has other splits
        since = stated.since if sent.interval is Interval.D1 else 0
        key = (sent.symbol, sent.provider, replace(stated, since=since))
        if key in self._noted:
            return
        await splits.check(self._database, sent.symbol, sent.provider, stated, now)
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        self._noted.add(key)


def _sessions(sent: Sent, old: Mask) -> Span:
    """The sessions that these bars belong to, from the first bar or the open on."""
    labels, grid = sent.bars.ts[old], sent.hours.extended
    first, last = int(labels.min()), int(labels.max())
    opened, closed = grid.session_before(first), grid.session_before(last)
    start = min(opened.start if opened else first, first)
    return Span(start, max(closed.end if closed else 0, last + sent.interval.seconds))


async def known_to(database: Database, sent: Sent) -> Checked | None:
    """What is known of the splits after the bars of an answer: from itself, else also from those before."""
    stated = sent.checked
    level = level_of(sent.hours, sent.asked_at, stated)
    if not unsure(sent.bars, level, stated).any():
        return stated
    stored = await splits.known(database, sent.symbol, sent.provider)
    return stated.joined(stored) if stated is not None else stored


def raw_reach(reach: Reach) -> Reach:
    """What is true of minutes once they are at the raw level."""
    return replace(reach, adjustment=Adjustment.RAW)
