"""The head of each series: when it last changed, and the lock that gives its changes one order."""

from datetime import UTC, datetime, timedelta

from market_data.store.connect import Connection, Database, sql

EPOCH = datetime.fromtimestamp(0, UTC)
"""The head of a series that was never written."""
TICK = timedelta(microseconds=1)
"""The least time between two changes of a series: what PostgreSQL can tell apart."""


class Renamed(Exception):
    """The series is that of another symbol now."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol


async def lock(connection: Connection, symbol: str, interval: str) -> datetime:
    """The head of a series; its other writers wait until the caller's transaction has ended."""
    while (row := await connection.fetchrow(sql("head_lock"), symbol, interval)) is None:
        await add(connection, symbol, interval)
    head: datetime = row["as_of"]
    return head


async def add(connection: Connection, symbol: str, interval: str) -> None:
    """Give a series its head if nobody has written it yet, within the caller's transaction.

    Raises Renamed where it has none because its symbol was renamed meanwhile: what was asked for by the
    former name must not begin a second series.
    """
    await connection.execute(sql("head_hold"), symbol)  # a rename waits for us, or we for it
    now = await connection.fetchrow(sql("universe_former"), symbol)
    if now is not None:
        raise Renamed(now["symbol"])
    await connection.execute(sql("head_add"), symbol, interval)


async def since(database: Database, after: datetime) -> dict[tuple[str, str], datetime]:
    """By symbol and interval, the heads of the series that have changed after a moment."""
    rows = await database.fetch(sql("heads_since"), after)
    return {(row["symbol"], row["interval"]): row["as_of"] for row in rows}
