"""How far back a scan looks for the gaps of each series, and which old part it looks at next."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from market_data.backfill.completeness import FOREVER
from market_data.market.capability import CAPABILITIES
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Query
from market_data.route.roster import Roster
from market_data.settings import Settings
from market_data.store import gaps
from market_data.store.connect import Database

FIRSTS_SECONDS = 3600.0
"""How long it is remembered when the first bar of a series opens."""
FIRSTS_AT_ONCE = 200
"""Series whose first bar is looked up in one statement: on TimescaleDB each may open many chunks."""
MEMBERS_AT_ONCE = 200
"""Instruments that are looked at in one turn of the event loop: a whole market would hold it."""
RECENT = 10
"""Older parts that are looked at as often as all parts before them together."""
DAYS_AT_ONCE = 100
"""Days in one part of the daily bars."""
DAY_SECONDS = 86_400
YEAR_SECONDS = 366 * DAY_SECONDS


@dataclass(slots=True)
class Horizon:
    """Since when the bars of each series should be complete: as far as it has history, or a setting says."""

    database: Database
    roster: Roster
    clock: Callable[[], float]
    _firsts: dict[tuple[str, Interval], tuple[float, int | None]] = field(default_factory=dict)

    async def since(
        self, members: Sequence[Instrument], interval: Interval, settings: Settings
    ) -> dict[str, int]:
        """By symbol since when (epoch seconds) its bars are looked for; FOREVER where nobody can be asked.

        Nothing is looked for that is older than what any provider has. Raises StoreUnavailable.
        """
        now, found = self.clock(), dict[str, int]()
        firsts = await self._first_bars([member.symbol for member in members], interval, now)
        for place, member in enumerate(members):
            if place % MEMBERS_AT_ONCE == 0:
                await asyncio.sleep(0)
            first, kept = firsts[member.symbol], kept_seconds(settings, member, interval)
            since = min(FOREVER if first is None else first, int(now - kept))
            found[member.symbol] = max(
                since, self.reach(member, interval, now), _kept_since(settings, interval, now)
            )
        return found

    def reach(self, one: Instrument, interval: Interval, now: float) -> int:
        """Since when any provider has bars of this instrument; FOREVER where none has."""
        query = Query(CAPABILITIES[interval], one.symbol, one.asset_type, Span(int(now) - 1, int(now)), now)
        since = self.roster.reaches_back(query)
        return FOREVER if since is None else int(since) + 1

    async def _first_bars(
        self, symbols: Sequence[str], interval: Interval, now: float
    ) -> dict[str, int | None]:
        stale = [
            one
            for one in symbols
            if not 0 <= now - self._firsts.get((one, interval), (-FIRSTS_SECONDS, None))[0] < FIRSTS_SECONDS
        ]
        for at in range(0, len(stale), FIRSTS_AT_ONCE):
            some = stale[at : at + FIRSTS_AT_ONCE]
            for symbol, first in (await gaps.firsts(self.database, some, interval)).items():
                # without a bar it is asked again soon: its first one may come at any moment
                self._firsts[symbol, interval] = (now if first else now - FIRSTS_SECONDS + 60, first)
        return {one: self._firsts[one, interval][1] for one in symbols}


def _kept_since(settings: Settings, interval: Interval, now: float) -> int:
    """Before which minutes are deleted, or soon will be: they are not looked for."""
    if interval is Interval.D1 or not settings.minutes_keep_days:
        return 0
    return int(now) - (settings.minutes_keep_days - 1) * DAY_SECONDS


def kept_seconds(settings: Settings, one: Instrument, interval: Interval) -> int:
    """How much history a setting wants of an instrument, in seconds before now."""
    if interval is Interval.D1:
        return settings.history_1d_years.get(one.tier, 0) * YEAR_SECONDS
    return settings.history_1m_days.get(one.tier, 0) * DAY_SECONDS


def turn(parts: Sequence[Span], walk: int) -> Span | None:
    """Which of the older parts (newest first) the `walk`th scan looks at; None where there is none.

    The newest RECENT take turns at every second scan, all before them at the others.
    """
    recent, deep = parts[:RECENT], parts[RECENT:]
    if not recent:
        return None
    if deep and walk % 2 == 0:
        return deep[walk // 2 % len(deep)]
    return recent[(walk // 2 if deep else walk) % len(recent)]
