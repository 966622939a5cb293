"""The quarantine: bars that may be wrong, kept with a mark until something or somebody settles them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from market_data.market.interval import Interval
from market_data.market.quarantined import Entry, QuarantineChange, Reason
from market_data.market.span import Span, moment
from market_data.store.connect import Connection, Database, sql

REPEATS_AFTER = {Interval.D1: 3600.0}
"""By interval, the seconds after which the same value from the same provider is believed."""
REPEATS_AFTER_MINUTES = 900.0
"""The same for any shorter interval."""
PAUSES = (REPEATS_AFTER_MINUTES, 3600.0, 6 * 3600.0, 86_400.0)
"""Seconds after a bar was first received at which it is asked for again; then no more."""
PAUSES_DAYS = (REPEATS_AFTER[Interval.D1], 4 * 3600.0, 86_400.0, 5 * 86_400.0)
"""The same for bars of a day."""
MOST_OF_SERIES = 1000
"""Open rows of a series; past it those received longest ago are dropped: they are asked for as missing."""
MOST_IN_ALL = 100_000
"""Open rows of all series; past it the same."""
EXPIRES_SECONDS = 30 * 86_400
"""How long a row stays open after it was last received; then it is dropped the same way."""
BARS_BEFORE, BARS_AFTER = 10, 10
"""Bars beside a quarantined one that are asked for with it: they show at which level the market was."""
MOST_OF_ONE_SPAN = 300
"""Bars of one span that is asked for again."""


@dataclass(frozen=True, slots=True)
class Source:
    """The series and the provider of quarantined bars, and when it was asked for them (epoch seconds)."""

    symbol: str
    interval: Interval
    provider: str
    adjustment: str
    volume_scope: str
    asked_at: float


@dataclass(frozen=True, slots=True)
class Due:
    """A span of a series whose quarantined bars are to be asked for again."""

    symbol: str
    interval: Interval
    span: Span


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A quarantined bar, why it is doubted, and what an operator decided about it."""

    id: int
    symbol: str
    interval: str
    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    provider: str
    adjustment: str
    reason: str
    contradicted: bool  # another provider sent a different value
    evidence: str
    first_received: datetime
    last_received: datetime
    times: int  # answers that had this value
    look_at: datetime | None  # when it is asked for again; None: not again
    stored_close: float | None  # of the bar that is served in its place, if there is one
    stored_provider: str | None
    decision: str | None = None  # accepted or rejected
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_why: str | None = None


async def put(connection: Connection, source: Source, change: QuarantineChange) -> None:
    """Apply what an answer changes, within the caller's transaction, and drop the oldest of too many rows."""
    if change.released:
        await connection.execute(sql("quarantine_release"), list(change.released))
    if change.contradicted:
        ids, words = zip(*change.contradicted, strict=True)
        await connection.execute(sql("quarantine_contradict"), ids, words)
    if not change.put:
        return
    ts, *numbers = zip(*(one.row for one in change.put), strict=True)
    await connection.execute(
        sql("quarantine_put"),
        source.symbol,
        source.interval.value,
        source.provider,
        source.adjustment,
        source.volume_scope,
        moment(source.asked_at),
        timedelta(seconds=_pauses(source.interval)[0]),
        [moment(at) for at in ts],
        *numbers,
        [one.reason.value for one in change.put],
        [one.contradicted for one in change.put],
        [one.evidence for one in change.put],
        [one.again for one in change.put],
    )
    await connection.execute(sql("quarantine_trim"), source.symbol, source.interval.value, MOST_OF_SERIES)


async def series(database: Database) -> dict[tuple[str, str], Span]:
    """By symbol and interval, the span of labels in which quarantined bars lie."""
    rows = await database.fetch(sql("quarantine_series"))
    return {(row["symbol"], row["interval"]): Span(row["first"], row["last"] + 1) for row in rows}


async def within(database: Database, symbol: str, interval: Interval, span: Span) -> list[Entry]:
    """The quarantined bars of a series that open in `span`, oldest first, decided ones included."""
    bounds = moment(span.start), moment(span.end)
    rows = await database.fetch(sql("quarantine_within"), symbol, interval.value, *bounds)
    return [
        Entry(
            row["id"],
            (row["ts"], row["open"], row["high"], row["low"], row["close"], row["volume"]),
            row["provider"],
            row["adjustment"],
            row["reason"],
            row["contradicted"],
            row["first_received"],
            row["decision"],
        )
        for row in rows
    ]


async def listed(
    database: Database,
    *,
    symbol: str | None = None,
    interval: Interval | None = None,
    before: int | None = None,
    limit: int = 100,
    decided: bool = False,
) -> list[Listed]:
    """Quarantined bars, newest first, with a smaller id than `before`; `decided` includes decided ones."""
    kind = None if interval is None else interval.value
    rows = await database.fetch(sql("quarantine_list"), symbol, kind, before, limit, decided)
    return [Listed(**dict(row)) for row in rows]


async def due(database: Database, now: float, limit: int) -> list[Due]:
    """The spans of at most `limit` series whose quarantined bars are to be asked for again.

    Each is returned once per look: taking it sets when it is looked at next (PAUSES).
    Raises StoreUnavailable.
    """
    pauses = [[timedelta(seconds=one) for one in kind] for kind in (PAUSES, PAUSES_DAYS)]
    rows = await database.fetch(sql("quarantine_due"), moment(now), limit, *pauses)
    labels: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        labels.setdefault((row["symbol"], row["interval"]), []).append(row["ts"])
    return [
        Due(symbol, Interval(interval), span)
        for (symbol, interval), found in sorted(labels.items())
        for span in _spans(sorted(found), Interval(interval))
    ]


async def expire(database: Database, now: float) -> int:
    """Drop what has been open for too long, and the oldest of too many; how many rows. StoreUnavailable."""
    tag = await database.run(sql("quarantine_expire"), moment(now - EXPIRES_SECONDS), MOST_IN_ALL)
    return int(tag.rpartition(" ")[2])


async def counts(database: Database) -> dict[str, int]:
    """How many quarantined bars are open, by every reason there is."""
    found = {row["reason"]: row["bars"] for row in await database.fetch(sql("quarantine_counts"))}
    return {reason.value: found.get(reason.value, 0) for reason in Reason}


def repeats_after(interval: Interval) -> float:
    """Seconds after which the same value from the same provider is believed."""
    return REPEATS_AFTER.get(interval, REPEATS_AFTER_MINUTES)


def _pauses(interval: Interval) -> Sequence[float]:
    return PAUSES_DAYS if interval is Interval.D1 else PAUSES


def _spans(labels: Sequence[int], interval: Interval) -> list[Span]:
    """Spans that hold the labels and some bars beside them, near ones in one span."""
    step, longest = interval.seconds, MOST_OF_ONE_SPAN * interval.seconds
    starts = [labels[0]]
    ends = []
    for label, after in pairwise(labels):
        if after - starts[-1] > longest:
            ends.append(label)
            starts.append(after)
    ends.append(labels[-1])
    return [
        Span(first - BARS_BEFORE * step, last + (BARS_AFTER + 1) * step)
        for first, last in zip(starts, ends, strict=True)
    ]
