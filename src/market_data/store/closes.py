"""The closes of a series: what tells whether a provider has re-based its history."""

from typing import NamedTuple

import numpy as np

from market_data.market.bar import Adjustment, Numbers, Times
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store.bars import Table
from market_data.store.connect import Database


class Closes(NamedTuple):
    """Final bars in order: label (epoch seconds) and close, shape (n,) each."""

    ts: Times
    close: Numbers
    first: int | None
    """When the oldest bar of the series opens, within the span or before it; None: the span holds none."""


async def load(
    database: Database, symbol: str, interval: Interval, adjustment: Adjustment, span: Span
) -> Closes:
    """The closes of the bars of one adjustment that open in `span`."""
    query, bounds = Table.of(interval).sql("bars_closes"), (moment(span.start), moment(span.end))
    rows = await database.fetch(query, symbol, interval.value, adjustment.value, *bounds)
    ts = np.fromiter((row["ts"] for row in rows), np.int64, len(rows))
    close = np.fromiter((row["close"] for row in rows), np.float64, len(rows))
    return Closes(ts, close, rows[0]["first"] if rows else None)
