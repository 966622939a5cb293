"""The one write of bars: a few are written by one statement, many are compared here and copied."""

from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import numpy as np

from market_data.market.span import moment
from market_data.store import bulk, few, heads, quarantine, touched
from market_data.store.change import Change, Told
from market_data.store.connect import Connection, Database, sql

MOST_RENAMES = 3
"""How often a symbol may be renamed while its bars are on their way."""


async def keep(database: Database, told: Told) -> Change:
    """Write in a transaction of its own, all or nothing; the bars that are new or changed.

    It is tried again where another transaction was in the way or the connection was lost; should that write
    have gone through after all, nothing is new the second time, and what it wrote is found by `Publisher`.
    What was asked for by a name that the symbol had until now is written under the new one: see the change's
    `told`. Raises StoreUnavailable.
    """
    for _ in range(MOST_RENAMES):
        try:
            return await _kept(database, told)
        except heads.Renamed as now:
            told = replace(told, symbol=now.symbol)
    return await _kept(database, told)


async def _kept(database: Database, told: Told) -> Change:
    one_way = len(told.bars) <= few.MOST and not (
        told.rejected or told.quarantine or told.restates or len(told.late())
    )
    if one_way:
        change = await database.again(lambda: _at_once(database, told))
        if change is not None:
            return change
    try:
        return await database.again(lambda: _in_transaction(database, told, trusting=True))
    except asyncpg.UniqueViolationError:  # somebody has written them by SQL meanwhile
        return await database.again(lambda: _in_transaction(database, told, trusting=False))


async def write(connection: Connection, told: Told, *, trusting: bool = True) -> Change:
    """Write within the caller's transaction; the bars that are new or changed.

    A bar that says nothing new writes nothing. The old value of a final one that changes goes to
    `candle_revisions`, that of a partial one only where `told` says so.
    With `trusting` many bars are copied, and what is restated always is: asyncpg.UniqueViolationError if
    somebody who does not lock the series writes some of them meanwhile.
    """
    if told.rejected:
        await _keep_rejected(connection, told)
    if told.quarantine:
        await quarantine.put(connection, _source(told), told.quarantine)
    if len(told.bars) and (told.restates or (len(told.bars) > few.MOST and trusting)):
        return await bulk.write(connection, told)
    change = await _locked(connection, told)
    await touched.note(connection, told.late(change.places))
    return change


async def _locked(connection: Connection, told: Told) -> Change:
    while (change := await few.write(connection, told)) is None:  # but once: then the head is locked
        await heads.lock(connection, told.symbol, told.interval.value)
    return change


async def _at_once(database: Database, told: Told) -> Change | None:
    async with database.connection() as connection:
        return await few.write(connection, told)


async def _in_transaction(database: Database, told: Told, *, trusting: bool) -> Change:
    async with database.transaction() as connection:
        if not trusting:
            await connection.execute(sql("plan_anew"))
        return await write(connection, told, trusting=trusting)


def _source(told: Told) -> quarantine.Source:
    return quarantine.Source(
        told.symbol,
        told.interval,
        told.provider,
        told.adjustment.value,
        told.volume_scope.value,
        told.asked_at or told.as_of,
    )


async def _keep_rejected(connection: Connection, told: Told) -> None:
    ts, *numbers = zip(*(one.row for one in told.rejected), strict=True)
    finite: Sequence[list[float | None]] = [
        [value if np.isfinite(value) else None for value in column] for column in numbers
    ]
    await connection.execute(
        sql("bars_reject"),
        told.symbol,
        told.interval.value,
        told.provider,
        moment(told.as_of),
        [moment(at) for at in ts],
        [one.reason.value for one in told.rejected],
        *finite,
    )
