"""Heals what a re-based history would leave as a cliff: all older bars are asked for again."""

from dataclasses import dataclass

import numpy as np

from market_data.backfill.plan import longest_chunk
from market_data.events import Rebased, Tell
from market_data.market.bar import Adjustment, Bars
from market_data.market.interval import Interval
from market_data.market.rebase import factor
from market_data.market.span import Span
from market_data.provider import Query
from market_data.store import closes, ledger, universe
from market_data.store.connect import Database
from market_data.store.ledger import New


@dataclass(frozen=True, slots=True)
class Rebaser:
    """Compares adjusted daily bars with what is known of them, before they are written.

    The backfills for the older ones are in the ledger before the first new bar is in the table: should we die
    in between, the overlap still tells that it has changed.
    """

    database: Database
    tell: Tell

    async def look(self, query: Query, provider: str, adjustment: Adjustment, told: Bars) -> None:
        """Queue what is known of the series to be asked for again, if `told` says that it was re-based.

        Raises StoreUnavailable.
        """
        if query.capability.interval is not Interval.D1 or adjustment is Adjustment.RAW or not len(told):
            return
        span = Span(int(told.ts.min()), int(told.ts.max()) + 1)
        known = await closes.load(self.database, query.symbol, Interval.D1, adjustment, span)
        _, ours, theirs = np.intersect1d(known.ts, told.ts, assume_unique=True, return_indices=True)
        by = factor(known.close[ours], told.close[theirs])
        if by is not None and known.first is not None:
            whole = Span(known.first, int(known.ts[-1]) + Interval.D1.seconds)
            await self._queue(query.symbol, provider, whole)
            self.tell(Rebased(query.symbol, provider, by, whole.seconds // Interval.D1.seconds))

    async def _queue(self, symbol: str, provider: str, whole: Span) -> None:
        instrument = await universe.find(self.database, symbol)
        if instrument is None:
            return
        async with self.database.transaction() as connection:
            await ledger.lock(connection)
            open_ = (await ledger.unfinished(connection, [symbol], Interval.D1)).get(symbol, [])
            if any(one.restated_by == provider and one.status == "queued" for one in open_):
                return  # it was noticed before, and nothing of it has been asked for yet
            pieces = whole.split(longest_chunk(Interval.D1, 0))
            new = [New(symbol, one, instrument.tier, restated_by=provider) for one in reversed(pieces)]
            await ledger.add(connection, Interval.D1, new)
