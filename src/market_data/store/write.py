"""The one write of bars: what is new is copied straight in, what may be known is compared first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import asyncpg
import numpy as np

from market_data.market.bar import Adjustment, Bars, BarStatus, KnownBar, Mask, Times, VolumeScope
from market_data.market.interval import Interval
from market_data.market.quality import Rejected
from market_data.market.span import moment
from market_data.store import cursor, heads, rows, touched
from market_data.store.bars import Table
from market_data.store.connect import Connection, Database, sql
from market_data.store.cursor import Mark

FEW = 64
"""Bars that are written by one statement, whether they are known or not: one way to the server and back."""


@dataclass(frozen=True, slots=True)
class Told:
    """Judged bars of one series from one provider; `partial` marks those not final yet, shape (n,)."""

    symbol: str
    interval: Interval
    provider: str
    adjustment: Adjustment
    volume_scope: VolumeScope
    as_of: float  # epoch seconds at which they were told
    bars: Bars
    partial: Mask
    rejected: tuple[Rejected, ...] = ()
    mark: Mark | None = None  # where it moves the cursor

    def take(self, which: Mask) -> "Told":
        """The same, of the bars that a mask chooses; it moves no cursor."""
        return replace(self, bars=self.bars.take(which), partial=self.partial[which], mark=None)


@dataclass(frozen=True)
class Change:
    """What one write changed of a series: the bars of `told` that are new or changed, as they now stand.

    `as_of` is when it was learned, `before` the `as_of` of the change before it (EPOCH: there is none). No
    two changes of a series have the same.
    """

    told: Told
    states: Sequence[tuple[int, str, int]]  # of each bar, oldest first: which of `told`, status, revision
    before: datetime
    as_of: datetime

    def __len__(self) -> int:
        return len(self.states)

    @cached_property
    def bars(self) -> list[KnownBar]:
        """The bars, oldest first; made only where somebody asks, since a backfill has thousands."""
        columns = [column.tolist() for column in self.told.bars.columns()]
        ts, opens, highs, lows, closes, volumes = columns
        return [
            KnownBar(
                ts=moment(ts[i]),
                open=opens[i],
                high=highs[i],
                low=lows[i],
                close=closes[i],
                volume=volumes[i],
                provider=self.told.provider,
                as_of=self.as_of,
                status=BarStatus(status),
                revision=revision,
                adjustment=self.told.adjustment.value,
                volume_scope=self.told.volume_scope.value,
            )
            for i, status, revision in self.states
        ]


async def keep(database: Database, told: Told) -> Change:
    """Write in a transaction of its own, all or nothing; the bars that are new or changed.

    It is tried again where another transaction was in the way or the connection was lost; should that write
    have gone through after all, nothing is new the second time, and what it wrote is found by `Publisher`.
    Raises StoreUnavailable.
    """
    if len(told.bars) <= FEW and not told.rejected and not len(_late(told)):
        change = await database.again(lambda: _at_once(database, told))
        if change is not None:
            return change
    try:
        return await database.again(lambda: _in_transaction(database, told, trusting=True))
    except asyncpg.UniqueViolationError:  # somebody has added bars by SQL meanwhile
        return await database.again(lambda: _in_transaction(database, told, trusting=False))


async def write(connection: Connection, told: Told, *, trusting: bool = True) -> Change:
    """Write within the caller's transaction; the bars that are new or changed.

    A bar that says nothing new writes nothing. The old value of one that changes goes to `candle_revisions`.
    With `trusting`, bars that nobody knows when the series is locked are copied: asyncpg.UniqueViolationError
    if they are added meanwhile by somebody who does not lock it.
    """
    if told.rejected:
        await _keep_rejected(connection, told)
    if len(told.bars) > FEW and trusting:
        change = await _copied(connection, told)
    else:
        change = await _locked(connection, told)
    if change.states and len(_late(told)):
        changed = told.bars.ts[[place for place, _, _ in change.states]]
        await touched.note(connection, touched.late(changed, told.as_of))
    return change


def _late(told: Told) -> Times:
    """Those of the bars that longer ones have been built of already."""
    return touched.late(told.bars.ts, told.as_of) if told.interval is Interval.M1 else told.bars.ts[:0]


async def _locked(connection: Connection, told: Told) -> Change:
    while (change := await _compared(connection, told)) is None:  # but once: then the head is locked
        await heads.lock(connection, told.symbol, told.interval.value)
    return change


async def _at_once(database: Database, told: Told) -> Change | None:
    async with database.connection() as connection:
        return await _compared(connection, told)


async def _in_transaction(database: Database, told: Told, *, trusting: bool) -> Change:
    async with database.transaction() as connection:
        await connection.execute(sql("plan_anew"))
        return await write(connection, told, trusting=trusting)


async def _compared(connection: Connection, told: Told) -> Change | None:
    """Write what is new or changed in one statement; None if it has to be done again with the head locked."""
    mark, final = told.mark, told.mark.last_bar if told.mark else None
    found = await connection.fetch(
        Table.of(told.interval).sql("bars_write"),
        told.symbol,
        told.interval.value,
        told.provider,
        moment(told.as_of),
        told.adjustment.value,
        told.volume_scope.value,
        *(column.tolist() for column in told.bars.columns()),
        told.partial.tolist(),
        moment(mark.through) if mark else None,
        moment(final) if final is not None else None,
        moment(mark.asked_at) if mark else None,
        *_ends(told.bars),
    )
    if not found or not found[0]["fresh"]:
        return None
    before = found[0]["before"]
    place = {ts: i for i, ts in enumerate(told.bars.ts.tolist())}
    states = [(place[ts], status, revision) for _, _, ts, status, revision in found if ts is not None]
    return Change(told, states, before, max(moment(told.as_of), before + heads.TICK))


async def _copied(connection: Connection, told: Told) -> Change:
    """Write many bars: those after the newest known one among them are new, the others are compared."""
    newest, before = await _newest_within(connection, told)
    as_of = max(moment(told.as_of), before + heads.TICK)
    new = np.ones(len(told.bars), np.bool_) if newest is None else told.bars.ts > newest.timestamp()
    states: list[tuple[int, str, int]] = []
    if not new.all():
        compared = await _compared(connection, told.take(~new))
        assert compared is not None  # noqa: S101 - the head is locked
        places = np.flatnonzero(~new).tolist()
        states += [(places[i], status, revision) for i, status, revision in compared.states]
    if new.any():
        await _copy(connection, told.take(new), as_of)
        await connection.execute(sql("head_move"), told.symbol, told.interval.value, as_of)
        order = np.flatnonzero(new)[np.argsort(told.bars.ts[new], kind="stable")]
        partial = told.partial.tolist()
        states += [(i, "partial" if partial[i] else "final", 0) for i in order.tolist()]
    if told.mark:
        await cursor.advance(
            connection,
            symbol=told.symbol,
            interval=told.interval.value,
            source=told.provider,
            through=told.mark.through,
            last_bar=told.mark.last_bar,
            asked_at=told.mark.asked_at,
        )
    return Change(told, states, before, as_of)


async def _newest_within(connection: Connection, told: Told) -> tuple[datetime | None, datetime]:
    """Lock the series: its newest known bar within the time that the bars cover, and its head."""
    query, ends = Table.of(told.interval).sql("bars_newest_within"), _ends(told.bars)
    while True:
        row = await connection.fetchrow(query, told.symbol, told.interval.value, *ends)
        if row and row["fresh"]:
            return row["newest"], row["before"]
        await heads.lock(connection, told.symbol, told.interval.value)


def _ends(bars: Bars) -> tuple[datetime, datetime]:
    """When the first and the last bar open; of no bars, any time."""
    ts = bars.ts.tolist() or [0]
    return moment(min(ts)), moment(max(ts))


async def _copy(connection: Connection, told: Told, as_of: datetime) -> None:
    series = (told.symbol, told.interval.value)
    pieces = [
        rows.packed(
            series,
            told.bars.take(which),
            (told.provider, as_of, status, told.adjustment.value, told.volume_scope.value),
        )
        for which, status in ((~told.partial, "final"), (told.partial, "partial"))
    ]
    await connection.copy_to_table(
        Table.of(told.interval).value[0],
        source=rows.stream(*pieces),  # type: ignore[arg-type]  # the driver takes any buffer
        columns=[*rows.COLUMNS, "provider", "as_of", "status", "adjustment", "volume_scope"],
        format="binary",
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
