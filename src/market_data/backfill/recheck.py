"""Asks again for minutes that are filled: vendors correct them in the evening, and some days later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from market_data.backfill.completeness import has_minutes
from market_data.backfill.looks import EVENING_SECONDS
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.settings import InForce
from market_data.store import ledger, rechecks
from market_data.store.connect import Database
from market_data.store.ledger import New

MOST_WAITING = 200
"""Rechecks in the ledger at once: they come after all gaps, and must not fill the queue of a tier."""


@dataclass(frozen=True, slots=True)
class Rechecker:
    """Queues a forced backfill of each finished session of each series, at the sessions of a setting."""

    database: Database
    in_force: InForce

    async def look(self, by_hours: Mapping[MarketHours, Sequence[Instrument]], now: float) -> int:
        """Queue what is due, T0 first; how many backfills that made. Raises StoreUnavailable."""
        settings, made = self.in_force.settings, 0
        if not settings.recheck_after_sessions:
            return 0
        room = MOST_WAITING - await rechecks.waiting(self.database)
        for tier in Tier:
            if not has_minutes(settings, tier):
                continue
            for hours, members in by_hours.items():
                symbols = [member.symbol for member in members if member.tier is tier]
                for after in settings.recheck_after_sessions:
                    found = due_session(hours, after, now)
                    if symbols and room > made and found is not None:
                        made += await self._queue(symbols, tier, after, *found, limit=room - made)
        return made

    async def _queue(
        self, symbols: Sequence[str], tier: Tier, after: int, day: int, session: Span, *, limit: int
    ) -> int:
        longest = self.in_force.settings.backfill_chunk_minutes * Interval.M1.seconds
        async with self.database.transaction() as connection:
            await ledger.lock(connection)
            due = await rechecks.due(connection, symbols, after, day, session, limit=limit)
            if not due:
                return 0
            jobs = [
                New(symbol, piece, tier, reason="recheck", forced=True)
                for symbol in due
                for piece in session.split(longest)
            ]
            await ledger.add(connection, Interval.M1, jobs)
            await rechecks.done(connection, due, after, day)
        return len(jobs)


def due_session(hours: MarketHours, after: int, now: float) -> tuple[int, Span] | None:
    """The newest session that is to be asked for again, `after` sessions later: its day, and its hours."""
    grid = hours.regular
    over = int(np.searchsorted(grid.closes, now - EVENING_SECONDS, side="right")) - 1 - after
    if over < 0:
        return None
    return int(grid.days[over]), Span(int(grid.opens[over]), int(grid.closes[over]))
