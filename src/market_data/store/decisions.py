"""What an operator decides about a quarantined bar: stored, or rejected; either way it is remembered."""

from dataclasses import dataclass

import asyncpg
import numpy as np

from market_data.errors import BadQuestion
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.interval import Interval
from market_data.market.quality import Reason, Rejected
from market_data.market.span import moment
from market_data.store import write
from market_data.store.change import Told
from market_data.store.connect import Connection, Database, sql


@dataclass(frozen=True, slots=True)
class Decision:
    """The operator who decides, the reason, and the moment (epoch seconds)."""

    by: str
    why: str
    at: float


async def accept(database: Database, number: int, decision: Decision) -> str:
    """Store a quarantined bar in place of any other of its label and level; returns which bar it is.

    Raises BadQuestion (404) where it is not in quarantine or was decided before, StoreUnavailable.
    """
    async with database.transaction() as connection:
        row = await _find(connection, number)
        await write.write(connection, _told(row, decision, restates=True))
        await _decide(connection, number, "accepted", decision)
    return _named(row)


async def reject(database: Database, number: int, decision: Decision) -> str:
    """Keep a quarantined bar with the rejected ones; the same value is never stored. Returns which bar it is.

    Raises BadQuestion (404) where it is not in quarantine or was decided before, StoreUnavailable.
    """
    async with database.transaction() as connection:
        row = await _find(connection, number)
        await write.write(connection, _told(row, decision, restates=False))
        await _decide(connection, number, "rejected", decision)
    return _named(row)


async def _find(connection: Connection, number: int) -> asyncpg.Record:
    row = await connection.fetchrow(sql("quarantine_find"), number)
    if row is None:
        raise BadQuestion(
            f"no open quarantined bar {number}: `market-data quality list` shows them", status=404
        )
    return row


async def _decide(connection: Connection, number: int, what: str, decision: Decision) -> None:
    await connection.execute(
        sql("quarantine_decide"), number, what, decision.by, moment(decision.at), decision.why
    )


def _told(row: asyncpg.Record, decision: Decision, *, restates: bool) -> Told:
    """The write that a decision makes: of the bar if it `restates`, else of a rejected one."""
    bar = (row["ts"], row["open"], row["high"], row["low"], row["close"], row["volume"])
    return Told(
        symbol=row["symbol"],
        interval=Interval(row["interval"]),
        provider=row["provider"],
        adjustment=Adjustment(row["adjustment"]),
        volume_scope=VolumeScope(row["volume_scope"]),
        as_of=decision.at,
        bars=Bars.of([bar] if restates else []),
        partial=np.zeros(int(restates), np.bool_),
        rejected=() if restates else (Rejected(bar, Reason.OPERATOR),),
        asked_at=row["first_received"],
        restates=restates,
    )


def _named(row: asyncpg.Record) -> str:
    ts = moment(row["ts"])
    return f"{row['symbol']} {row['interval']} {ts:%Y-%m-%dT%H:%M:%SZ} of {row['provider']}"
