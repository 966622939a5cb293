"""How late providers' bars arrive, as all replicas have learned it."""

from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.store.connect import Database, sql

Rows = dict[tuple[str, str, Interval], tuple[float, int]]
"""By provider, calendar and interval: the delay in seconds, and the label of the newest bar."""


async def load(database: Database) -> Rows:
    """All that is known."""
    rows = await database.fetch(sql("delays_load"))
    return {
        (row["provider"], row["exchange"], Interval(row["interval"])): (row["seconds"], row["newest"])
        for row in rows
    }


async def save(database: Database, learned: Rows, now: float) -> None:
    """Keep what was learned."""
    if not learned:
        return
    keys, values = list(learned), list(learned.values())
    await database.fetch(
        sql("delays_save"),
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2].value for key in keys],
        [value[0] for value in values],
        [moment(value[1]) for value in values],
        [moment(now)] * len(keys),
    )
