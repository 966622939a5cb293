"""The ledger of backfills: each row is work that must not be lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import asyncpg
import msgspec

from market_data.errors import ProviderAnswer
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.store.connect import Connection, Database, sql

Status = Literal["queued", "running", "done", "dead"]
Why = Literal["gap", "look", "recheck", "operator"]
"""Why a backfill was made: a gap, a vacancy that is looked at again, a routine recheck, an operator."""
MOST_ANSWERS = 50
"""Answers of providers that the record of one backfill keeps, newest last."""
LONGEST_DETAIL = 500
"""Characters that are kept of one answer, and of the last error."""
RIPE_AT_ONCE = 500
"""Waiting backfills, of any tier, that one claim marks as ready at most."""


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger, as the API shows it."""

    id: int
    symbol: str
    interval: str
    start_ts: datetime
    end_ts: datetime  # exclusive
    tier: str
    status: Status
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    restated_by: str | None = None  # it asks this provider for all of the span again, whatever is known
    reason: Why = "gap"
    forced: bool = False  # it asks for all of its span, filled or not
    answers: list[dict[str, Any]] = []  # what each provider said, newest attempt last
    created_at: datetime | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A backfill that its claimer must settle before its lease runs out."""

    id: int
    symbol: str
    interval: Interval
    span: Span
    tier: Tier
    attempts: int  # this one included
    restated_by: str | None = None  # this provider tells all of the span again
    forced: bool = False  # all of the span is asked for, filled or not
    postponed: int = 0  # how often it was put off since its last attempt
    age: float = 0.0  # seconds since it was made


@dataclass(frozen=True, slots=True)
class Open:
    """An unfinished backfill of a series."""

    id: int
    span: Span
    status: Status
    last_error: str
    restated_by: str | None = None
    postponed: int = 0
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """How many backfills of a tier wait, run and are dead; the age (s) of the oldest unfinished one."""

    queued: int = 0
    running: int = 0
    dead: int = 0
    oldest_age: float = 0.0


@dataclass(frozen=True, slots=True)
class New:
    """A backfill to be added; it is not claimed before `wait` seconds are over."""

    symbol: str
    span: Span
    tier: Tier
    wait: float = 0.0
    restated_by: str | None = None  # this provider is asked for all of it, whatever is known
    reason: Why = "gap"
    forced: bool = False  # it asks for all of its span, filled or not


async def lock(connection: Connection) -> None:
    """Let nobody else add backfills until the caller's transaction ends: no work is added twice."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('market-data backfills'))")


async def unfinished(
    connection: Connection | Database, symbols: Sequence[str], interval: Interval
) -> dict[str, list[Open]]:
    """By symbol, the backfills that wait, run or are dead."""
    found: dict[str, list[Open]] = {}
    for row in await connection.fetch(sql("ledger_open"), list(symbols), interval.value):
        span = Span(epoch(row["start_ts"]), epoch(row["end_ts"]))
        one = Open(
            row["id"],
            span,
            row["status"],
            row["last_error"] or "",
            row["restated_by"],
            row["postponed"],
            row["forced"],
        )
        found.setdefault(row["symbol"], []).append(one)
    return found


async def add(connection: Connection, interval: Interval, jobs: Sequence[New]) -> list[Backfill]:
    """Add backfills, within the caller's transaction."""
    rows = await connection.fetch(
        sql("ledger_add"),
        [one.symbol for one in jobs],
        interval.value,
        [moment(one.span.start) for one in jobs],
        [moment(one.span.end) for one in jobs],
        [one.tier.value for one in jobs],
        [timedelta(seconds=one.wait) for one in jobs],
        [one.restated_by for one in jobs],
        [job.reason for job in jobs],
        [job.forced for job in jobs],
    )
    return [_backfill(row) for row in rows]


async def widen(connection: Connection, wider: Sequence[tuple[int, Span]]) -> None:
    """Widen waiting backfills to cover these spans too, within the caller's transaction."""
    await connection.execute(
        sql("ledger_widen"),
        [one for one, _ in wider],
        [moment(span.start) for _, span in wider],
        [moment(span.end) for _, span in wider],
    )


async def claim(database: Database, owner: str, tier: Tier, count: int, lease: float) -> list[Claimed]:
    """Claim up to `count` backfills of a tier for `owner`, newest first, for `lease` seconds.

    Those whose wait is over are marked as ready first. Raises StoreUnavailable.
    """
    await database.run(sql("ledger_ripen"), RIPE_AT_ONCE)
    rows = await database.fetch(sql("ledger_claim"), owner, tier.value, count, timedelta(seconds=lease))
    return [
        Claimed(
            row["id"],
            row["symbol"],
            Interval(row["interval"]),
            Span(epoch(row["start_ts"]), epoch(row["end_ts"])),
            Tier(row["tier"]),
            row["attempts"],
            row["restated_by"],
            row["forced"],
            row["postponed"],
            row["age"],
        )
        for row in rows
    ]


async def extend(database: Database, owner: str, ids: Sequence[int], lease: float) -> set[int]:
    """Extend leases; returns those that are still the owner's."""
    rows = await database.fetch(sql("ledger_extend"), owner, list(ids), timedelta(seconds=lease))
    return {row["id"] for row in rows}


async def settle(
    connection: Connection | Database,
    claimed: Claimed,
    owner: str,
    *,
    status: Status,
    error: str = "",
    answers: Sequence[ProviderAnswer] = (),
    free: bool = False,
    wait: float = 0.0,
) -> bool:
    """End an attempt; False if the lease had gone to another, who then is the one to end it.

    `free`: it was put off, which does not count as an attempt. `wait`: seconds before a queued one is claimed
    again.
    """
    record = msgspec.json.encode([{"attempt": claimed.attempts, **_said(one)} for one in answers]).decode()
    rows = await connection.fetch(
        sql("ledger_settle"),
        claimed.id,
        owner,
        status,
        error[:LONGEST_DETAIL] or None,
        record,
        free,
        timedelta(seconds=wait),
        MOST_ANSWERS,
    )
    return bool(rows)


async def narrow(connection: Connection, number: int, span: Span) -> None:
    """Narrow a backfill to `span`, within the caller's transaction."""
    await connection.execute(sql("ledger_narrow"), number, moment(span.start), moment(span.end))


async def bury(connection: Connection, claimed: Claimed, span: Span, why: str) -> None:
    """Add a dead letter for a part of a backfill that cannot be filled, within the caller's transaction."""
    ends = moment(span.start), moment(span.end)
    of = claimed.symbol, claimed.interval.value
    await connection.execute(sql("ledger_bury"), *of, *ends, claimed.tier.value, why[:LONGEST_DETAIL])


async def dead(database: Database, before: int, count: int) -> list[tuple[int, str, Interval, Span, str]]:
    """Dead letters with ids below `before`, newest first: id, symbol, interval, span, and why."""
    return [
        (
            row["id"],
            row["symbol"],
            Interval(row["interval"]),
            Span(epoch(row["start_ts"]), epoch(row["end_ts"])),
            row["last_error"],
        )
        for row in await database.fetch(sql("ledger_dead"), before, count)
    ]


async def filled(database: Database, ids: Sequence[int]) -> None:
    """End dead letters whose bars have come by themselves."""
    await database.fetch(sql("ledger_filled"), list(ids))


async def depths(database: Connection | Database) -> dict[Tier, Depth]:
    """By tier, how much is unfinished."""
    found = {
        Tier(row["tier"]): Depth(*list(row.values())[1:])
        for row in await database.fetch(sql("ledger_depths"))
    }
    return {tier: found.get(tier, Depth()) for tier in Tier}


async def listed(
    database: Database, *, status: Status | None, tier: Tier | None, before: int | None, limit: int
) -> list[Backfill]:
    """Backfills, newest first."""
    rows = await database.fetch(sql("ledger_list"), status, tier and tier.value, before, limit)
    return [_backfill(row) for row in rows]


async def find(database: Database, number: int) -> Backfill | None:
    """One backfill; None if there is none of this id."""
    row = await database.fetch_one(sql("ledger_find"), number)
    return _backfill(row) if row else None


async def requeue(database: Database, *, number: int | None = None, tier: Tier | None = None) -> list[int]:
    """Queue dead letters again; returns their ids."""
    rows = await database.fetch(sql("ledger_requeue"), number, tier and tier.value)
    return [row["id"] for row in rows]


async def delete(database: Database, number: int) -> bool:
    """Delete a dead letter; False if there is none of this id."""
    return bool(await database.fetch(sql("ledger_delete"), number))


def _backfill(row: asyncpg.Record) -> Backfill:
    values = dict(row)
    if "answers" in values:
        values["answers"] = msgspec.json.decode(values["answers"])
    return Backfill(**values)


def _said(answer: ProviderAnswer) -> dict[str, str]:
    return {"provider": answer.provider, "code": answer.code, "detail": answer.detail[:LONGEST_DETAIL]}
