"""/stats/coverage/{symbol}: a reason for every minute and every day."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from market_data.backfill.cover import Run, condition, coverage_of
from market_data.errors import BadQuestion
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.serve.parts import Given
from market_data.serve.problem import can_fail
from market_data.serve.question import End, Start, Symbol
from market_data.serve.window import read_window

LONGEST_DAYS = {Interval.M1: 31, Interval.D1: 3660}
"""Days in one answer."""

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
    """What is known of a window; the runs add up to it exactly."""

    symbol: str
    interval: Interval
    start: datetime
    end: datetime
    seconds: dict[str, int]  # by state
    runs: list[CoverageRun]
    days: list[Day]  # those with a session


@get("/stats/coverage/{symbol:str}", summary="A reason for every bar", responses=can_fail(404, 422, 503))
async def coverage(
    parts: Given, symbol: Symbol, *, interval: StoredInterval = "1m", start: Start = None, end: End = None
) -> Coverage:
    """What of a window is filled, vacant, queued, failed, pending or closed, and why.

    Without `start` the day before the window's end.
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
    found = await coverage_of(parts.finder, instrument, chosen, span)
    seconds = Counter[str]()
    for one in found:
        seconds[one.state] += one.span.seconds
    return Coverage(
        symbol=instrument.symbol,
        interval=chosen,
        start=moment(span.start),
        end=moment(span.end),
        seconds=dict(seconds),
        runs=[_shown(one) for one in found],
        days=_days(found, span),
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
            f"the window is too long: that of {interval} bars may cover {LONGEST_DAYS[interval]} days at most"
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
    days = []
    for at in range(Interval.D1.floor(span.start), span.end, Interval.D1.seconds):
        day = Span(at, at + Interval.D1.seconds)
        inside = [one for one in found if one.span.overlap(day)]
        word = condition(inside)
        if word is not None:
            days.append(Day(day=f"{moment(at):%Y-%m-%d}", condition=word.value))
    return days
