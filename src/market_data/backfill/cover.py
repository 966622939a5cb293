"""What is known of each minute or day of a window: runs that add up to the window exactly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from market_data.backfill.find import FOREVER, settled_before
from market_data.calendar import hours_of
from market_data.market.bar import Times
from market_data.market.closure import Shut, reasons
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.session import SessionGrid
from market_data.market.span import Span
from market_data.store import bars as bars_table
from market_data.store import ledger, vacancies
from market_data.store.connect import Database
from market_data.store.ledger import Open
from market_data.store.vacancies import Vacancy


class State(StrEnum):
    """What is known of a stretch."""

    FILLED = "filled"
    VACANT = "vacant"  # able providers agree that nothing traded
    QUEUED = "queued"  # a backfill waits for it, or will once it is found
    RUNNING = "running"  # a backfill is under way
    FAILED = "failed"  # a dead letter, with why
    PENDING = "pending"  # not final yet
    CLOSED = "closed"  # no session, or not listed


class Condition(StrEnum):
    """A day in one word."""

    AVAILABLE = "available"  # every bar is there, or its vacancy
    DEGRADED = "degraded"  # some are missing
    PENDING = "pending"  # what is settled is there, the rest is not settled yet
    MISSING = "missing"  # none is there


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one state, and why."""

    span: Span
    state: State
    why: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the stores hold of a series in a window."""

    bars: Times  # the labels of final bars
    vacancies: Sequence[Vacancy]
    backfills: Sequence[Open]


NOT_FOUND_YET = "the next scan queues it"


def runs(
    window: Span,
    interval: Interval,
    *,
    grid: SessionGrid,
    listed: Span,
    settled: int,
    known: Known,
    shut: Sequence[Shut] = (),
) -> list[Run]:
    """The runs of `window`, oldest first, adjoining, together exactly the window.

    `listed` is when the instrument traded, `settled` the end of what can be missing. Each label that the
    calendar expects stands for the time to its bar's end. `shut` is what was announced to be closed.
    """
    labels = grid.labels(window, interval)
    labels = labels[(labels >= listed.start) & (labels < listed.end)]
    ends = labels + interval.seconds if interval is Interval.D1 else grid.ends(labels, interval)
    told = [
        _state(int(label), settled, known, filled)
        for label, filled in zip(labels, np.isin(labels, known.bars), strict=True)
    ]
    found: list[Run] = []
    at = window.start
    for label, end, (state, why) in zip(
        labels.tolist(), np.minimum(ends, window.end).tolist(), told, strict=True
    ):
        if label > at:
            found += _closed(Span(at, label), interval, shut)
        found.append(Run(Span(label, end), state, why))
        at = end
    if at < window.end:
        found += _closed(Span(at, window.end), interval, shut)
    return _joined(found)


async def coverage_of(
    database: Database,
    instrument: Instrument,
    interval: Interval,
    window: Span,
    now: float,
    *,
    extended: bool = False,
) -> list[Run]:
    """The runs of a window of one series, as the stores know them at `now`; see `runs`.

    `extended`: early and late trading can be missing too.
    """
    hours = hours_of(instrument.exchange, instrument.asset_type)
    unfinished = await ledger.unfinished(database, [instrument.symbol], interval)
    known = Known(
        await bars_table.final_labels(database, instrument.symbol, interval, window),
        await vacancies.load(database, instrument.symbol, interval, window),
        unfinished.get(instrument.symbol, []),
    )
    listed = Span(instrument.listed or 0, instrument.delisted or FOREVER)
    settled = settled_before(interval, hours, now)
    return runs(
        window,
        interval,
        grid=hours.grid(extended=extended),
        listed=listed,
        settled=settled,
        known=known,
        shut=hours.shut,
    )


def _closed(span: Span, interval: Interval, shut: Sequence[Shut]) -> list[Run]:
    return [Run(piece, State.CLOSED, why) for piece, why in reasons(span, interval, shut)]


def condition(states: Iterable[Run]) -> Condition | None:
    """The condition of a day; None if the market was closed on it."""
    open_runs = [one for one in states if one.state is not State.CLOSED]
    kinds = {one.state for one in open_runs}
    if not kinds:
        return None
    if kinds <= {State.FILLED, State.VACANT}:
        return Condition.AVAILABLE
    if kinds <= {State.FILLED, State.VACANT, State.PENDING}:
        return Condition.PENDING
    return Condition.DEGRADED if State.FILLED in kinds else Condition.MISSING


def _state(label: int, settled: int, known: Known, filled: bool) -> tuple[State, str]:
    if filled:
        return State.FILLED, ""
    for vacancy in known.vacancies:
        if label in vacancy.span:
            return State.VACANT, f"agreed by {', '.join(vacancy.providers)}"
    if label >= settled:
        return State.PENDING, ""
    for one in known.backfills:
        if label in one.span:
            state = {"queued": State.QUEUED, "running": State.RUNNING}.get(one.status, State.FAILED)
            return state, f"backfill {one.id}" + (f": {one.last_error}" if one.last_error else "")
    return State.QUEUED, NOT_FOUND_YET


def _joined(found: Sequence[Run]) -> list[Run]:
    """Adjoining runs of one state and reason as one."""
    joined: list[Run] = []
    for one in found:
        last = joined[-1] if joined else None
        if last is not None and (last.state, last.why) == (one.state, one.why):
            joined[-1] = Run(Span(last.span.start, one.span.end), one.state, one.why)
        else:
            joined.append(one)
    return joined
