"""Drops quotes that are too old, on plain PostgreSQL, and quarantined bars that nothing settled in time."""

import asyncio
from collections.abc import Callable

from market_data.events import QuotesExpired, Tell
from market_data.market.span import moment
from market_data.settings import InForce
from market_data.store import quarantine, quotes
from market_data.store.connect import Database

LOOK_SECONDS = 600.0
"""How often it is looked for old quotes."""
AT_ONCE = 20_000
"""Quotes that are deleted by one statement."""
REST_SECONDS = 0.2
"""Between two statements."""


async def run(database: Database, in_force: InForce, tell: Tell, clock: Callable[[], float]) -> None:
    """Delete what is too old again and again, until cancelled; StoreUnavailable without the database."""
    while True:
        await quarantine.expire(database, clock())
        gone = await expire(database, clock() - in_force.settings.quotes_keep_days * 86_400)
        if gone:
            tell(QuotesExpired(gone))
        await asyncio.sleep(LOOK_SECONDS)


async def expire(database: Database, before: float) -> int:
    """Delete the quotes of trades before a moment (epoch seconds); how many there were. StoreUnavailable."""
    found = 0
    while gone := await quotes.expire(database, moment(before), AT_ONCE):
        found += gone
        await asyncio.sleep(REST_SECONDS)
    return found
