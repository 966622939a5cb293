"""What is known of each minute or day of a window: runs that add up to the window exactly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from market_data.backfill.completeness import FOREVER, delay_of, settled_before
from market_data.backfill.find import Finder
from market_data.calendar import hours_of
from market_data.loops import beside
from market_data.market.bar import Times
from market_data.market.closure import Shut, reasons
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.session import SessionGrid
from market_data.market.span import Span, moment
from market_data.store import bars as bars_table
from market_data.store import cursor, gaps, ledger, vacancies
from market_data.store.ledger import Open
from market_data.store.vacancies import Vacancy


class State(StrEnum):
    """What is known of a stretch."""

    FILLED = "filled"
    QUARANTINED = "quarantined"  # a bar was sent, but it is doubted
    VACANT = "vacant"  # nothing traded, as far as it is proven: see `certainty`
    QUEUED = "queued"  # a backfill waits for it, or will once it is found
    RUNNING = "running"  # a backfill is under way
    FAILED = "failed"  # a dead letter, with why
    PENDING = "pending"  # not final yet, or no provider knows yet
    UNKNOWN = "unknown"  # no provider has ever sent a bar of the symbol
    MISSING = "missing"  # it is not there, and no scan looks so far back
    CLOSED = "closed"  # no session, or not listed


class Condition(StrEnum):
    """A day in one word."""

    AVAILABLE = "available"  # every bar is there, or its vacancy is proven
    DEGRADED = "degraded"  # some are missing
    PENDING = "pending"  # what is settled is there, the rest is not settled yet
    MISSING = "missing"  # none is there


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one state, and why; of a vacancy also how sure it is."""

    span: Span
    state: State
    why: str = ""
    vacancy: Vacancy | None = None

    @property
    def explained(self) -> bool:
        """Whether nothing is missing of it."""
        if self.state is State.VACANT:
            return self.vacancy is not None and self.vacancy.proven
        return self.state is State.FILLED


@dataclass(frozen=True, slots=True)
class Known:
    """What the stores hold of a series in a window."""

    bars: Times  # the labels of final bars
    quarantined: Times  # the labels of doubted ones
    vacancies: Sequence[Vacancy]
    backfills: Sequence[Open]
    settled: int  # the end of what can be missing
    since: int  # since when a scan looks for bars
    unknown: bool  # no provider has ever sent a bar


LONGEST_NOTE_SECONDS = 31 * 86_400
"""Windows up to this length are looked at for why nothing is missing."""
SCANNED = "the scans queue it"
NOT_SCANNED = (
    "older than what is looked for (HISTORY_1M_DAYS, HISTORY_1D_YEARS): a backfill by hand asks for it"
)
NEVER_SENT = "no provider has ever sent a bar of this symbol: see whether it is spelled right"

_Told = tuple[State, str, Vacancy | None]


def runs(
    window: Span,
    interval: Interval,
    *,
    grid: SessionGrid,
    listed: Span,
    known: Known,
    shut: Sequence[Shut] = (),
    most: int | None = None,
) -> list[Run]:
    """The runs of `window`, oldest first, adjoining, together exactly the window; or its first `most`.

    `listed` is when the instrument traded. Each label that the calendar expects stands for the time to its
    bar's end. `shut` is what was announced to be closed.
    """
    labels = grid.labels(window, interval)
    labels = labels[(labels >= listed.start) & (labels < listed.end)]
    ends = labels + interval.seconds if interval is Interval.D1 else grid.ends(labels, interval)
    told, places = _painted(labels, known)
    found: list[Run] = []
    at = window.start
    for first, last in _stretches(labels, ends, places):
        start, end = int(labels[first]), min(int(ends[last]), window.end)
        if start > at:
            found += _closed(Span(at, start), interval, shut)
        found.append(Run(Span(start, end), *told[places[first]]))
        at = end
        if most is not None and len(found) >= most:
            return found[:most]
    if at < window.end:
        found += _closed(Span(at, window.end), interval, shut)
    return found[:most]


async def coverage_of(
    finder: Finder, instrument: Instrument, interval: Interval, window: Span, *, most: int | None = None
) -> list[Run]:
    """The runs of a window of one series, as the stores know them now: see `runs`.

    Raises StoreUnavailable.
    """
    database, now, settings = finder.database, finder.clock(), finder.in_force.settings
    hours = hours_of(instrument.exchange, instrument.asset_type)
    unfinished = await ledger.unfinished(database, [instrument.symbol], interval)
    since = await finder.horizon.since([instrument], interval, settings)
    known = Known(
        bars=await bars_table.final_labels(database, instrument.symbol, interval, window),
        quarantined=await gaps.quarantined(database, instrument.symbol, interval, window),
        vacancies=await vacancies.load(database, instrument.symbol, interval, window),
        backfills=unfinished.get(instrument.symbol, []),
        settled=settled_before(interval, hours, now, delay_of(finder.roster, interval, hours)),
        since=since[instrument.symbol],
        unknown=bool(await cursor.unknown(database, [instrument.symbol])),
    )
    listed = Span(instrument.listed or 0, instrument.delisted or FOREVER)
    grid = hours.grid(extended=settings.gap_extended_hours)
    return await beside(
        lambda: runs(window, interval, grid=grid, listed=listed, known=known, shut=hours.shut, most=most)
    )


def _closed(span: Span, interval: Interval, shut: Sequence[Shut]) -> list[Run]:
    return [Run(piece, State.CLOSED, why) for piece, why in reasons(span, interval, shut)]


async def why_nothing(finder: Finder, instrument: Instrument, interval: Interval, window: Span) -> str:
    """Why a backfill of a window asks for nothing, in one sentence."""
    whole = Span(interval.floor(window.start), interval.floor(window.end - 1) + interval.seconds)
    if whole.seconds > LONGEST_NOTE_SECONDS:
        return "nothing is missing in this window"
    states = {one.state for one in await coverage_of(finder, instrument, interval, whole)}
    names = ", ".join(sorted(states))
    hint = ""
    if states == {State.CLOSED} and not finder.in_force.settings.gap_extended_hours:
        hint = "; early and late trading counts only with GAP_EXTENDED_HOURS=true"
    elif states & {State.FILLED, State.VACANT}:
        hint = "; with `force` it is asked for again"
    return f"nothing is missing in this window: it is {names}{hint}"


def condition(states: Iterable[Run]) -> Condition | None:
    """The condition of a day; None if the market was closed on it."""
    open_runs = [one for one in states if one.state is not State.CLOSED]
    if not open_runs:
        return None
    left = {run.state for run in open_runs if not run.explained}
    if not left:
        return Condition.AVAILABLE
    if left == {State.PENDING}:
        return Condition.PENDING
    some = any(run.state is State.FILLED for run in open_runs)
    return Condition.DEGRADED if some else Condition.MISSING


def _painted(labels: Times, known: Known) -> tuple[list[_Told], NDArray[np.intp]]:
    """What is known of each label, as an index into a list; what is painted later counts first."""
    told: list[_Told] = [(State.MISSING, NOT_SCANNED, None)]
    places = np.zeros(len(labels), np.intp)
    numbers: dict[tuple[State, str], int] = {}

    def number(what: _Told) -> int:
        if what[:2] not in numbers:
            numbers[what[:2]] = len(told)
            told.append(what)
        return numbers[what[:2]]

    def paint(start: float, end: float, what: _Told) -> None:
        first, last = np.searchsorted(labels, (start, end))
        if first < last:
            places[first:last] = number(what)

    paint(known.since, FOREVER, (State.QUEUED, SCANNED, None))
    if known.unknown:
        paint(0, FOREVER, (State.UNKNOWN, NEVER_SENT, None))
    for one in known.backfills:
        state = {"queued": State.QUEUED, "running": State.RUNNING}.get(one.status, State.FAILED)
        why = f"backfill {one.id}" + (f": {one.last_error}" if one.last_error else "")
        paint(one.span.start, one.span.end, (State.UNKNOWN if known.unknown else state, why, None))
    paint(known.settled, FOREVER, (State.PENDING, "", None))
    for vacancy in known.vacancies:
        paint(vacancy.span.start, vacancy.span.end, (State.VACANT, certainty(vacancy), vacancy))
    for kept, what in (
        (
            known.quarantined,
            (State.QUARANTINED, "a bar was sent, but it is doubted: see quarantined=include", None),
        ),
        (known.bars, (State.FILLED, "", None)),
    ):
        places[np.isin(labels, kept)] = number(what)
    return told, places


def certainty(vacancy: Vacancy) -> str:
    """How sure a vacancy is, by whom, and since when."""
    who = ", ".join(vacancy.providers)
    when = f"{moment(vacancy.as_of):%Y-%m-%dT%H:%MZ}"
    if vacancy.confirmed:
        one = " one:" if len(vacancy.providers) == 1 else ""
        return f"confirmed by{one} {who} at {when}"
    again = "not again" if vacancy.look_at is None else f"again at {moment(vacancy.look_at):%Y-%m-%dT%H:%MZ}"
    return f"provisional: {who} sent nothing at {when}; asked {again}"


def _stretches(labels: Times, ends: Times, places: NDArray[np.intp]) -> Iterable[tuple[int, int]]:
    """The first and the last label of each stretch of adjoining bars of which the same is known."""
    if not len(labels):
        return []
    breaks = (places[1:] != places[:-1]) | (labels[1:] != ends[:-1])
    firsts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    lasts = np.concatenate((firsts[1:] - 1, [len(labels) - 1]))
    return zip(firsts.tolist(), lasts.tolist(), strict=True)
