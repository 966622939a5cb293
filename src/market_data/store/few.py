"""Writes a few bars in one statement, whether they are known or not: one way to the server and back."""

from datetime import datetime

import numpy as np

from market_data.market.bar import Bars
from market_data.market.span import moment
from market_data.store import heads
from market_data.store.bars import Table
from market_data.store.change import Change, Told
from market_data.store.connect import Connection

MOST = 64
"""Bars that it is meant for."""


async def write(connection: Connection, told: Told) -> Change | None:
    """Write what is new or changed in one statement; None if it has to be done again with the head locked."""
    found = await connection.fetch(
        Table.of(told.interval).writing("bars_write", asked="$19", source="$3", now="$4"),
        told.symbol,
        told.interval.value,
        told.provider,
        moment(told.as_of),
        told.adjustment.value,
        told.volume_scope.value,
        *(column.tolist() for column in told.bars.columns()),
        told.partial.tolist(),
        *told.moves,
        *_ends(told.bars),
        told.asked,
        told.factor,
        told.keeps_partials,
    )
    if not found or not found[0]["fresh"]:
        return None
    before = found[0]["before"]
    place = {ts: i for i, ts in enumerate(told.bars.ts.tolist())}
    changed = [row for row in found if row["ts"] is not None]
    return Change(
        told,
        np.array([place[row["ts"]] for row in changed], np.intp),
        [row["status"] for row in changed],
        [row["revision"] for row in changed],
        before,
        max(moment(told.as_of), before + heads.TICK),
    )


def _ends(bars: Bars) -> tuple[datetime, datetime]:
    """When the first and the last bar open; of no bars, any time."""
    ts = bars.ts.tolist() or [0]
    return moment(min(ts)), moment(max(ts))
