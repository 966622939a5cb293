"""Looks at the dead letters again: what has come is settled, what can be had now is queued again."""

from dataclasses import dataclass, field

from market_data.backfill.completeness import expected, missing
from market_data.backfill.reach import BEYOND, beyond
from market_data.backfill.work import UNKNOWN
from market_data.errors import NoCalendar
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.route.roster import Roster
from market_data.settings import InForce
from market_data.store import cursor, ledger, universe
from market_data.store.connect import Database
from market_data.store.ledger import Claimed

AT_ONCE = 100
"""Dead letters that are looked at in one scan; the next scan goes on behind them."""
NEWEST = 2**62
"""An id above all others."""


@dataclass(slots=True)
class Letters:
    """Walks through the dead letters, newest first."""

    database: Database
    roster: Roster
    in_force: InForce
    _before: int = field(default=NEWEST)

    async def look(self) -> int:
        """Look at the next ones; how many were settled or queued again. Raises StoreUnavailable."""
        found = await ledger.dead(self.database, self._before, AT_ONCE)
        self._before = found[-1][0] if len(found) == AT_ONCE else NEWEST
        filled: list[int] = []
        revived = 0
        for number, symbol, interval, span, why in found:
            if await self._has_come(symbol, interval, span):
                filled.append(number)
            elif await self._can_be_had(symbol, interval, span, why):
                revived += len(await ledger.requeue(self.database, number=number))
        if filled:
            await ledger.filled(self.database, filled)
        return len(filled) + revived

    async def _has_come(self, symbol: str, interval: Interval, span: Span) -> bool:
        instrument = await universe.find(self.database, symbol)
        if instrument is None:
            return False
        extended, now = self.in_force.settings.gap_extended_hours, self.roster.now()
        try:
            places = [(symbol, part) for part in expected(instrument, interval, span, now, extended=extended)]
        except NoCalendar:  # the sweeper says so; until its row is corrected nobody knows what it lacks
            return False
        return not places or not await missing(self.database, interval, places, now)

    async def _can_be_had(self, symbol: str, interval: Interval, span: Span, why: str) -> bool:
        """Whether its reason is none any more."""
        instrument = await universe.find(self.database, symbol)
        if instrument is None:
            return False
        if why.startswith(UNKNOWN):
            return not await cursor.unknown(self.database, [symbol])
        if why.startswith(BEYOND):
            return (
                beyond(self.roster, Claimed(0, symbol, interval, span, instrument.tier, 0), instrument)
                is None
            )
        return False
