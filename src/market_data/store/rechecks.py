"""Through which session the bars of each series have been asked for again."""

from collections.abc import Sequence

from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store.connect import Connection, Database, sql


async def due(
    connection: Connection, symbols: Sequence[str], sessions: int, day: int, session: Span, *, limit: int
) -> list[str]:
    """The symbols, at most `limit`, whose minutes of a session are to be asked for again, `sessions` later.

    `day` is 00:00 UTC of the session's date. Those without a bar in it are left out: that is a gap.
    """
    rows = await connection.fetch(
        sql("recheck_due"),
        list(symbols),
        Interval.M1.value,
        sessions,
        moment(day),
        limit,
        moment(session.start),
        moment(session.end),
    )
    return [row["symbol"] for row in rows]


async def done(connection: Connection, symbols: Sequence[str], sessions: int, day: int) -> None:
    """Note that these are queued, within the caller's transaction."""
    await connection.execute(sql("recheck_done"), list(symbols), Interval.M1.value, sessions, moment(day))


async def waiting(database: Database) -> int:
    """How many rechecks wait or run."""
    row = await database.fetch_one(sql("recheck_waiting"))
    return int(row["waiting"]) if row else 0
