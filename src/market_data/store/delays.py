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
        [one[0] for one in keys],
        [one[1] for one in keys],
        [one[2].value for one in keys],
        [one[0] for one in values],
        [moment(one[1]) for one in values],
        [moment(now)] * len(keys),
    )
