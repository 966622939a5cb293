"""Keeps the volumes that a provider has sent where it later sends 0 because it does not know them."""

from dataclasses import replace

import numpy as np

from market_data.market.span import moment
from market_data.store.bars import Table
from market_data.store.change import Told
from market_data.store.connect import Database


async def kept(database: Database, told: Told) -> Told:
    """`told` with the stored volume of each bar whose volume is 0, as far as this provider once sent one.

    For providers whose 0 means that the volume is unknown; prices stay those of `told`. Raises
    StoreUnavailable.
    """
    unknown = np.flatnonzero(told.bars.volume == 0)
    if not len(unknown):
        return told
    labels = told.bars.ts[unknown]
    rows = await database.fetch(
        Table.of(told.interval).sql("bars_volumes"),
        told.symbol,
        told.interval.value,
        told.provider,
        told.adjustment.value,
        moment(int(labels.min())),
        moment(int(labels.max())),
    )
    known = {row["ts"]: row["volume"] for row in rows}
    if not known:
        return told
    volume = told.bars.volume.copy()
    volume[unknown] = [known.get(label, 0.0) for label in labels.tolist()]
    return replace(told, bars=replace(told.bars, volume=volume))
