"""Writes many bars: compared here with what is known of them, copied into the table.

What changes is moved to the revisions by one statement and copied anew, since PostgreSQL copies a row in a
fraction of the time that it updates one in. A few that change, as the running bar of a live answer does, are
written as few are; on TimescaleDB more of them. The series' head is locked throughout.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from market_data.market.bar import Bars, Mask, Times
from market_data.market.span import moment
from market_data.store import few, heads, rows, touched
from market_data.store.bars import Table
from market_data.store.change import Change, Told
from market_data.store.connect import Connection, sql

STATUSES = ("partial", "final", "corrected")
REPLACED_A_CHUNK = 4
"""Bars for each chunk of TimescaleDB that are written as few are: it plans a DELETE for every chunk there is,
which takes as long as it takes to insert so many over what is known."""
ARRAY_HEADER = 20
"""Bytes of a binary array before its elements: dimensions, has nulls, type, length, lower bound."""

_ORIGIN = ("provider", "as_of", "status", "revision", "adjustment", "volume_scope", "factor")

Counts = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a span, oldest bar first; all shape (n,). `standing`: see bars_known.sql."""

    before: datetime  # when the series last changed
    as_of: datetime | None  # where nothing is known: when it changes, which is noted already
    bars: Bars
    revision: Counts
    standing: Counts
    chunks: int


async def write(connection: Connection, told: Told) -> Change:
    """Write within the caller's transaction.

    asyncpg.UniqueViolationError if somebody who does not lock the series adds some of its bars meanwhile.
    """
    known = await _lock(connection, told)
    as_of = known.as_of or max(moment(told.as_of), known.before + heads.TICK)
    status, revision, replaces = _judge(told, known)
    changed = status >= 0
    copied = changed
    most_replaced = max(few.MOST, REPLACED_A_CHUNK * known.chunks)
    if 0 < replaces.sum() <= most_replaced and not told.restates:
        replaced = await few.write(connection, told.take(replaces))
        if replaced is None or len(replaced) < replaces.sum():
            raise asyncpg.UniqueViolationError("somebody has changed by SQL what has been compared")
        copied = changed & ~replaces
    elif replaces.any():
        await _supersede(connection, told, known.bars.ts, told.bars.ts[replaces], as_of)
    if copied.any():
        await _copy(connection, told, np.where(copied, status, -1), revision, as_of)
    if known.as_of is None:
        changes = as_of if changed.any() else None
        late = touched.spans(told.late(changed))
        await connection.execute(
            sql("series_move"),
            told.symbol,
            told.interval.value,
            changes,
            told.provider if told.mark else None,
            *told.moves,
            *late,
            as_of,
        )
    order = np.flatnonzero(changed)[np.argsort(told.bars.ts[changed], kind="stable")]
    names = [STATUSES[one] for one in status[order].tolist()]
    return Change(told, order, names, revision[order].tolist(), known.before, as_of)


async def _lock(connection: Connection, told: Told) -> _Known:
    """Lock the series: what is known of the time that the bars cover, and when it last changed."""
    first, last = told.bars.ts.min().item(), told.bars.ts.max().item()
    source = None if told.restates else told.provider
    while True:  # at most three times: it has no head yet, it was locked by another, it is ours
        row = await connection.fetchrow(
            Table.of(told.interval).writing("bars_known", asked="$14", source="$15", now="$7"),
            told.symbol,
            told.interval.value,
            moment(first),
            moment(last),
            told.adjustment.value,
            source,
            moment(told.as_of),
            told.provider if told.mark else None,
            *told.moves,
            *touched.spans(told.late()),
            told.asked,
            told.provider,
        )
        if row is None:
            await heads.add(connection, told.symbol, told.interval.value)
        elif row["fresh"]:
            return _read(row)


def _read(row: asyncpg.Record) -> _Known:
    ts = _array(row["ts"], ">i8").astype(np.int64)
    prices = (
        _array(row[name], ">f8").astype(np.float64) for name in ("open", "high", "low", "close", "volume")
    )
    revision, standing = (_array(row[name], ">i4").astype(np.int32) for name in ("revision", "standing"))
    return _Known(row["before"], row["as_of"], Bars(ts, *prices), revision, standing, row["chunks"])


def _array(data: bytes | None, kind: str) -> NDArray[np.generic]:
    """A binary array's elements, each after its length; none where there was nothing to collect.

    The format is that of array_send in PostgreSQL's src/backend/utils/adt/arrayfuncs.c.
    """
    element = np.dtype([("length", ">i4"), ("value", kind)])
    return np.frombuffer((data or b"")[ARRAY_HEADER:], element)["value"]


def _judge(told: Told, known: _Known) -> tuple[Counts, Counts, Mask]:
    """Of each told bar its status from STATUSES, or -1 where it says nothing new, its revision, and whether
    it replaces a known one. A partial bar gives way to anything newer, a final one only to other values from
    its own provider (a correction) that were asked for later: see `standing`."""
    size = len(told.bars)
    status, revision = np.where(told.partial, 0, 1).astype(np.int32), np.zeros(size, np.int32)
    replaces = np.zeros(size, np.bool_)
    if not len(known.bars):
        return status, revision, replaces
    place = np.minimum(np.searchsorted(known.bars.ts, told.bars.ts), len(known.bars) - 1)
    met = known.bars.ts[place] == told.bars.ts
    was = known.standing[place]
    differs = np.zeros(size, np.bool_)
    for new, old in zip(told.bars.columns()[1:], known.bars.columns()[1:], strict=True):
        differs |= new != old[place]
    replaces = met & np.where(was == 0, ~told.partial | differs, (was == 1) & ~told.partial & differs)
    status[met & (was != 0)] = 2
    status[met & ~replaces] = -1
    revision[replaces] = known.revision[place][replaces] + 1
    return status, revision, replaces


async def _supersede(connection: Connection, told: Told, known: Times, going: Times, as_of: datetime) -> None:
    first, last = going.min(), going.max()
    staying = known[(known >= first) & (known <= last) & ~np.isin(known, going)]
    tag = await connection.execute(
        Table.of(told.interval).sql("bars_supersede"),
        told.symbol,
        told.interval.value,
        moment(first.item()),
        moment(last.item()),
        told.adjustment.value,
        as_of,
        [moment(ts) for ts in staying.tolist()],
        told.keeps_partials,
    )
    if tag != f"DELETE {len(going)}":  # somebody has changed by SQL what has been compared
        raise asyncpg.UniqueViolationError(f"{len(going)} bars were to be superseded: {tag}")


async def _copy(
    connection: Connection, told: Told, status: Counts, revision: Counts, as_of: datetime
) -> None:
    scope = (told.adjustment.value, told.volume_scope.value)
    pieces = [
        rows.packed(
            (told.symbol, told.interval.value),
            told.bars.take(which),
            (told.provider, as_of, STATUSES[one], number, *scope, told.factor),
        )
        for one, number, which in _alike(status, revision)
    ]
    await connection.copy_to_table(
        Table.of(told.interval).value[0],
        source=rows.stream(*pieces),  # type: ignore[arg-type]  # the driver takes any buffer
        columns=[*rows.COLUMNS, *_ORIGIN],
        format="binary",
    )


def _alike(status: Counts, revision: Counts) -> Iterator[tuple[int, int, Mask]]:
    """The bars that changed, by status and revision."""
    pairs = np.where(status < 0, -1, revision * len(STATUSES) + status)
    for pair in np.unique(pairs[status >= 0]).tolist():
        yield pair % len(STATUSES), pair // len(STATUSES), pairs == pair
