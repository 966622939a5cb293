"""Drops quotes that are too old, on plain PostgreSQL, and quarantined bars that nothing settled in time."""

import asyncio

from market_data.events import QuotesExpired, Tell
from market_data.market.span import moment
from market_data.route.vendor_time import VendorTime
from market_data.settings import InForce
from market_data.store import quarantine, quotes
from market_data.store.connect import Database

LOOK_SECONDS = 600.0
"""How often it is looked for old quotes."""
UNKNOWN_SECONDS = 5.0
"""Seconds between two checks whether a provider has sent its time."""
AT_ONCE = 20_000
"""Quotes that are deleted by one statement."""
REST_SECONDS = 0.2
"""Between two statements."""


async def run(database: Database, in_force: InForce, tell: Tell, vendor_time: VendorTime) -> None:
    """Delete what is too old again and again, until cancelled; StoreUnavailable without the database.

    While no provider has sent its time nothing is: by a clock that is years ahead all would be too old.
    """
    while True:
        if not vendor_time.offset().known:
            await asyncio.sleep(UNKNOWN_SECONDS)
            continue
        await quarantine.expire(database, vendor_time.now())
        gone = await expire(database, vendor_time.now() - in_force.settings.quotes_keep_days * 86_400)
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
