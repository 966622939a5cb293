"""Watches our clock: says when it differs from the providers' clocks, and repairs what a wrong one left."""

import asyncio

from market_data.events import ClockCompared, Tell
from market_data.route.vendor_time import VendorTime
from market_data.store import cursor
from market_data.store.connect import Database

LOOK_SECONDS = 15.0
"""How often our clock is looked at."""


async def run(database: Database, vendor_time: VendorTime, tell: Tell) -> None:
    """Look again and again, until cancelled; StoreUnavailable without the database."""
    was_wrong = False
    while True:
        was_wrong = await look(database, vendor_time, tell, was_wrong=was_wrong)
        await asyncio.sleep(LOOK_SECONDS)


async def look(database: Database, vendor_time: VendorTime, tell: Tell, *, was_wrong: bool = False) -> bool:
    """Repair cursors that a clock which was ahead has left, say what has changed; whether our clock is wrong.

    While no provider has sent its time nothing is repaired: our clock may be what is wrong.
    """
    offset = vendor_time.offset()
    if not offset.known:
        return was_wrong
    healed = await cursor.heal(database, vendor_time.now())
    if healed or offset.wrong != was_wrong:
        tell(ClockCompared(round(offset.seconds, 3), healed, str(offset)))
    return offset.wrong
