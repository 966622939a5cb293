"""The 5m and 1h bars of TimescaleDB stay true: late writes note what they touch, and somebody builds it."""

import asyncio
from datetime import datetime

import asyncpg
import numpy as np

from market_data.errors import StoreUnavailable
from market_data.market.bar import Times
from market_data.market.span import moment
from market_data.store.connect import Connection, Database, sql

LATE_SECONDS = 2 * 86_400.0
"""Bars that open earlier before now are noted: the others are the scheduled refresh's, which looks back three
days. The day between is for clocks and schedules that are late."""
BUCKET_SECONDS = 300
"""The shortest bars that are built: their buckets lie in those of all others."""
REFRESH_SECONDS = 3600.0
"""How long one turn may take; what it has built by then is kept."""
BUSY_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Pauses in seconds before a turn is tried again that met another refresh of the same bars."""


def late(ts: Times, now: float) -> Times:
    """Of 1m bars that open at `ts` (epoch seconds), those that no scheduled refresh may see."""
    return ts[ts < now - LATE_SECONDS]


def spans(ts: Times) -> tuple[list[datetime], list[datetime]]:
    """Starts and ends of the whole buckets in which bars open at `ts`; those that adjoin are one."""
    if not len(ts):
        return [], []
    buckets = np.unique(ts // BUCKET_SECONDS)
    firsts = np.concatenate(([True], np.diff(buckets) > 1))
    starts, ends = buckets[firsts], buckets[np.concatenate((firsts[1:], [True]))] + 1
    return _moments(starts), _moments(ends)


async def note(connection: Connection, ts: Times) -> None:
    """Note that 1m bars that open at `ts` were written, in the transaction that writes them."""
    if len(ts):
        await connection.execute(sql("touched_note"), *spans(ts))


async def refresh(database: Database) -> int | None:
    """Build what the oldest notes name; how many are left. None, and nothing done, where there is nothing to
    build (it is no TimescaleDB), or while another builds.

    Raises StoreUnavailable if it cannot be reached, or if others refresh the same bars at each try: what was
    built by then is kept, and so are the notes of the rest.
    """
    async with database.connection() as connection:
        if not await connection.fetchval(sql("touched_lock")):
            return None
        try:
            await _build(connection)
            left: int = await connection.fetchval(sql("touched_count"))
        finally:
            await connection.execute(sql("touched_unlock"))
    return left


async def _build(connection: Connection) -> None:
    for pause in (*BUSY_PAUSES, None):
        try:
            await connection.execute(sql("touched_refresh"), timeout=REFRESH_SECONDS)
        except asyncpg.LockNotAvailableError as error:  # 55P03: a policy's job or an operator is at it
            if pause is None:
                tries = len(BUSY_PAUSES) + 1
                raise StoreUnavailable(
                    f"bars of 5m and 1h could not be built (tries: {tries}), it goes on later: {error}"
                ) from error
            await asyncio.sleep(pause)
        else:
            return


def _moments(buckets: Times) -> list[datetime]:
    return [moment(bucket * BUCKET_SECONDS) for bucket in buckets.tolist()]
