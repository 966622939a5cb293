"""/stats/coverage/{symbol}: a reason for every minute and every day."""

import asyncio
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from market_data.backfill.cover import Run, condition, coverage_of
from market_data.errors import BadQuestion, StoreUnavailable
from market_data.loops import beside
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.serve.question import End, Start, Symbol
from market_data.serve.window import read_window

LONGEST_DAYS = {Interval.M1: 31, Interval.D1: 3660}
"""Days in one window."""
USUAL_RUNS, MOST_RUNS = 1000, 2000
"""Runs in one answer, as usual and at most; the rest is the next page."""
WAIT_SECONDS = 5.0
"""How long one may wait for its turn; then it is refused with 503."""

StoredInterval = Annotated[
    str, QueryParameter(description="Length of a bar, as stored.", schema_extra={"enum": ["1m", "1d"]})
]


class CoverageRun(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one state; `end` is the next one's start."""

    start: datetime
    end: datetime
    state: Literal[
        "filled",
        "quarantined",
        "vacant",
        "queued",
        "running",
        "failed",
        "pending",
        "unknown",
        "missing",
        "closed",
    ]
    why: str = ""
    certainty: Literal["provisional", "confirmed"] | None = None  # of a vacancy
    by: list[str] = []  # the providers that prove it
    as_of: datetime | None = None  # when they were last asked
    look_at: datetime | None = None  # when they are asked again; null: never


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A day (UTC) in one word."""

    day: str
    condition: Literal["available", "degraded", "pending", "missing"]


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known from `start` to `end`; the runs add up to it exactly.

    Where the window has more runs than `limit`, `end` is where the last of these runs ends, and `next` is the
    `start` of the next page; null on the last. A day that two pages share is in both, each with its part.
    """

    symbol: str
    interval: Interval
    start: datetime
    end: datetime
    next: datetime | None
    seconds: dict[str, int]  # by state
    runs: list[CoverageRun]
    days: list[Day]  # those with a session


@get("/stats/coverage/{symbol:str}", summary="A reason for every bar", responses=can_fail(404, 422, 503))
async def coverage(
    parts: Given,
    symbol: Symbol,
    *,
    interval: StoredInterval = "1m",
    start: Start = None,
    end: End = None,
    limit: Annotated[
        int, QueryParameter(description="Runs in this answer.", ge=1, le=MOST_RUNS)
    ] = USUAL_RUNS,
) -> Coverage:
    """What of a window is filled, vacant, queued, failed, pending or closed, and why.

    Without `start` the day before the window's end. A thin symbol has a run for almost every bar: what is
    beyond `limit` runs is on the next page.
    """
    instrument = await parts.find(symbol)
    window = read_window(
        interval=interval,
        start=start,
        end=end,
        limit=1,
        as_of=None,
        default_start=lambda until: until - 86_400,
        now=parts.clock(),
    )
    span, chosen = _aligned(window.span, window.interval), window.interval
    async with _turn(parts):
        found = await coverage_of(parts.finder, instrument, chosen, span, most=limit)
        return await beside(lambda: _page(instrument.symbol, chosen, span, found))


@asynccontextmanager
async def _turn(parts: Parts) -> AsyncIterator[None]:
    """One of COVERAGE_AT_ONCE places; StoreUnavailable where none becomes free in WAIT_SECONDS."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await parts.covering.acquire()
    except TimeoutError:
        raise StoreUnavailable("too many ask for coverage at present: ask again") from None
    try:
        yield
    finally:
        parts.covering.release()


def _page(symbol: str, interval: Interval, window: Span, found: list[Run]) -> Coverage:
    seconds = Counter[str]()
    for one in found:
        seconds[one.state] += one.span.seconds
    covered = Span(window.start, found[-1].span.end)
    return Coverage(
        symbol=symbol,
        interval=interval,
        start=moment(covered.start),
        end=moment(covered.end),
        next=moment(covered.end) if covered.end < window.end else None,
        seconds=dict(seconds),
        runs=[_shown(one) for one in found],
        days=_days(found, covered),
    )


router = Router("/", route_handlers=[coverage], tags=["stats"])


def _aligned(span: Span, interval: Interval) -> Span:
    """The span in whole bars; BadQuestion where it is too long, or its bars are not stored."""
    if interval not in LONGEST_DAYS:
        raise BadQuestion(f"interval: {interval} bars are built from 1m bars: ask for 1m or 1d")
    end = interval.floor(span.end - 1) + interval.seconds
    aligned = Span(interval.floor(span.start), end)
    if aligned.seconds > LONGEST_DAYS[interval] * 86_400:
        raise BadQuestion(
            f"the window is too long: that of {interval} bars may cover {LONGEST_DAYS[interval]} days at "
            f"most, this one covers {aligned.seconds // 86_400}: ask for a part of it at a time"
        )
    return aligned


def _shown(run: Run) -> CoverageRun:
    ends, vacancy = (moment(run.span.start), moment(run.span.end)), run.vacancy
    if vacancy is None:
        return CoverageRun(start=ends[0], end=ends[1], state=run.state.value, why=run.why)
    return CoverageRun(
        start=ends[0],
        end=ends[1],
        state=run.state.value,
        why=run.why,
        certainty="confirmed" if vacancy.confirmed else "provisional",
        by=list(vacancy.providers),
        as_of=moment(vacancy.as_of),
        look_at=None if vacancy.look_at is None else moment(vacancy.look_at),
    )


def _days(found: list[Run], span: Span) -> list[Day]:
    """The condition of each day. The runs are in order and adjoin: only those of the day are looked at."""
    days, starts, ends = [], [run.span.start for run in found], [run.span.end for run in found]
    for at in range(Interval.D1.floor(span.start), span.end, Interval.D1.seconds):
        word = condition(found[bisect_right(ends, at) : bisect_left(starts, at + Interval.D1.seconds)])
        if word is not None:
            days.append(Day(day=f"{moment(at):%Y-%m-%d}", condition=word.value))
    return days
