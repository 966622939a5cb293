"""/ops/backfill, /ops/backfills, /ops/dlq, /ops/cursor: the ledger of backfills, and where series stand."""

from typing import Annotated, Literal

import msgspec
from litestar import delete, get, post
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter

from market_data.backfill.cover import why_nothing
from market_data.errors import BadQuestion
from market_data.market.instrument import Tier
from market_data.market.row import LARGEST_ID
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.serve.question import Symbol
from market_data.serve.window import read_window
from market_data.store import cursor, ledger
from market_data.store.cursor import KnownCursor
from market_data.store.ledger import Backfill

MOST_LISTED = 500
"""Backfills in one answer."""

Number = Annotated[int, PathParameter(description="The id of a backfill.", examples=[Example(value=12345)])]
AnyTier = Annotated[str | None, QueryParameter(description="T0, T1 or T2; without it, all.")]
SeriesInterval = Annotated[str, PathParameter(description="1m or 1d.", examples=[Example(value="1m")])]
Source = Annotated[str, PathParameter(description="A provider.", examples=[Example(value="yahoo")])]
AnyStatus = Annotated[
    Literal["queued", "running", "done", "dead"] | None, QueryParameter(description="Without it, all.")
]
Before = Annotated[
    int | None, QueryParameter(description="Those with a smaller id: the `next` of the page before.")
]
Limit = Annotated[
    int,
    QueryParameter(
        description="Backfills in this answer.", schema_extra={"minimum": 1, "maximum": MOST_LISTED}
    ),
]


class BackfillQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A window to be filled; `end` is inclusive of a bar that starts at it."""

    symbol: Annotated[str, msgspec.Meta(examples=["AAPL"])]
    start: Annotated[str, msgspec.Meta(examples=["2025-10-08T14:00:00Z"])]
    end: Annotated[str, msgspec.Meta(examples=["2025-10-08T14:10:00Z"])]
    interval: Literal["1m", "1d"] = "1m"
    priority: Literal["T0", "T1", "T2"] = "T0"
    force: bool = False  # ask again for all of the window, filled or not


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The backfills that heal the window: those just made, and those that were there already."""

    jobs: list[Backfill]
    made: int
    note: str = ""  # why nothing was made


class Backfills(msgspec.Struct, frozen=True, kw_only=True):
    """Backfills, newest first; `next` is the `before` of the next page, null on the last."""

    backfills: list[Backfill]
    progress: dict[str, dict[str, int]]  # by tier, how many are queued, running and dead
    next: int | None


class DeadStats(msgspec.Struct, frozen=True):
    """How many dead letters there are, by tier."""

    total: int
    tiers: dict[str, int]


class Requeued(msgspec.Struct, frozen=True):
    """The backfills that were dead and wait again."""

    ids: list[int]


@post("/backfill", summary="Fill a window", status_code=202, responses=can_fail(400, 403, 404, 422, 503))
async def backfill(parts: Given, data: JSONBody[BackfillQuestion]) -> Accepted:
    """Queue what is missing of a window. Asked again, it makes nothing twice.

    What is there, closed, vacant or not settled yet is not asked for. With `force` all of the window that is
    over is asked for again: bars that have changed at their provider are corrected and keep their revisions.
    """
    instrument = await parts.find(data.symbol)
    window = read_window(
        interval=data.interval,
        start=data.start,
        end=data.end,
        limit=1,
        as_of=None,
        default_start=lambda until: until,
        now=parts.clock(),
        end_is_inclusive=True,
    )
    if window.span.start >= parts.clock():
        raise BadQuestion("start is in the future: there is nothing to fill yet")
    made = await parts.finder.series(
        instrument, window.interval, window.span, asked_for=Tier(data.priority), force=data.force
    )
    unfinished = await ledger.unfinished(parts.database, [instrument.symbol], window.interval)
    jobs = [one.id for one in unfinished.get(instrument.symbol, []) if one.span.overlap(window.span)]
    found = [await ledger.find(parts.database, number) for number in jobs]
    jobs_ = [one for one in found if one is not None]
    note = "" if jobs_ else await why_nothing(parts.finder, instrument, window.interval, window.span)
    return Accepted(jobs=jobs_, made=len(made), note=note)


@get("/backfills", summary="The ledger", responses=can_fail(403, 422, 503))
async def backfills(
    parts: Given, *, status: AnyStatus = None, tier: AnyTier = None, before: Before = None, limit: Limit = 100
) -> Backfills:
    """Backfills, newest first, and how many are unfinished."""
    return await _listed(parts, status, tier, before=before, limit=limit)


@get("/dlq/backfills", summary="Dead letters", responses=can_fail(403, 422, 503))
async def dead(parts: Given, *, tier: AnyTier = None, before: Before = None, limit: Limit = 100) -> Backfills:
    """Backfills that were given up, with their attempts, last error, and what every provider said."""
    return await _listed(parts, "dead", tier, before=before, limit=limit)


@get("/dlq/backfills/{number:int}", summary="A dead letter", responses=can_fail(403, 404, 503))
async def dead_one(parts: Given, number: Number) -> Backfill:
    """One backfill that was given up."""
    found = await ledger.find(parts.database, _id(number))
    if found is None or found.status != "dead":
        raise _no_letter(number)
    return found


@get("/dlq/stats", summary="How many dead letters", responses=can_fail(403, 503))
async def dead_stats(parts: Given) -> DeadStats:
    """How many dead letters there are, by tier."""
    tiers = {tier.value: depth.dead for tier, depth in (await ledger.depths(parts.database)).items()}
    return DeadStats(sum(tiers.values()), tiers)


@post(
    "/dlq/backfills/requeue/{number:int}",
    summary="Put a dead letter back",
    status_code=200,
    responses=can_fail(403, 404, 503),
)
async def requeue(parts: Given, number: Number) -> Requeued:
    """Queue a dead letter again, with all its attempts before it."""
    ids = await ledger.requeue(parts.database, number=_id(number))
    if not ids:
        raise _no_letter(number)
    return Requeued(ids)


@post(
    "/dlq/backfills/requeue-all",
    summary="Put all dead letters back",
    status_code=200,
    responses=can_fail(403, 422, 503),
)
async def requeue_all(parts: Given, *, tier: AnyTier = None) -> Requeued:
    """Queue all dead letters of a tier, or of all, again."""
    return Requeued(await ledger.requeue(parts.database, tier=_tier(tier)))


@delete(
    "/dlq/backfills/{number:int}",
    summary="Delete a dead letter",
    status_code=204,
    responses=can_fail(403, 404, 503),
)
async def discard(parts: Given, number: Number) -> None:
    """Delete a dead letter; if its gap is still there, the next scan queues it anew."""
    if not await ledger.delete(parts.database, _id(number)):
        raise _no_letter(number)


@get(
    "/cursor/{symbol:str}/{interval:str}/{source:str}",
    summary="Where a series stands at a provider",
    responses=can_fail(403, 404, 503),
)
async def one_cursor(parts: Given, symbol: Symbol, interval: SeriesInterval, source: Source) -> KnownCursor:
    """How far a series has been asked for at a provider."""
    instrument = await parts.find(symbol)
    found = await cursor.find(parts.database, instrument.symbol, interval, source)
    if found is None:
        raise BadQuestion(
            f"{instrument.symbol} {interval[:40]} was never asked for at {source[:40]}", status=404
        )
    return found


HANDLERS = [backfill, backfills, dead, dead_one, dead_stats, requeue, requeue_all, discard, one_cursor]


async def _listed(
    parts: Parts, status: ledger.Status | None, tier: str | None, *, before: int | None, limit: int
) -> Backfills:
    if not 1 <= limit <= MOST_LISTED:
        raise BadQuestion(f"limit: {limit} is not between 1 and {MOST_LISTED}; use `next` for further pages")
    if before is not None and not 0 < before <= LARGEST_ID:
        raise BadQuestion(f"before: {before} is no id: use the `next` of the page before")
    chosen = _tier(tier)
    found = await ledger.listed(
        parts.database,
        status=status,
        tier=chosen,
        before=before,
        limit=limit + 1,
    )
    depths = await ledger.depths(parts.database)
    return Backfills(
        backfills=found[:limit],
        progress={
            tier.value: {"queued": one.queued, "running": one.running, "dead": one.dead}
            for tier, one in depths.items()
        },
        next=found[limit - 1].id if len(found) > limit else None,
    )


def _tier(text: str | None) -> Tier | None:
    try:
        return None if text is None else Tier(text)
    except ValueError:
        raise BadQuestion(f"tier: {text!r:.40} is not one of {', '.join(Tier)}") from None


def _id(number: Number) -> int:
    if not 0 < number <= LARGEST_ID:
        raise BadQuestion(f"id: {number} is none", status=404)
    return number


def _no_letter(number: Number) -> BadQuestion:
    return BadQuestion(f"no dead letter {number}: /ops/dlq/backfills lists those that there are", status=404)
