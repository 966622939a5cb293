"""What should be there by now, and what of it is missing: the calendar less the bars less the vacancies."""

from collections.abc import Iterable, Sequence

from market_data.calendar import hours_of, with_hours
from market_data.loops import beside
from market_data.market.capability import CAPABILITIES, Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.route.roster import Roster
from market_data.settings import Settings
from market_data.store import gaps
from market_data.store.connect import Connection, Database
from market_data.store.gaps import Places

SETTLED_SECONDS = {Interval.M1: 120, Interval.D1: 5 * 3600}
"""Seconds after its end at which a bar that is not there is missing, at the earliest."""
SLACK_SECONDS = {Interval.M1: 60, Interval.D1: 3600}
"""Seconds after the delay of the fastest provider at which it is missing: then it has been asked for."""
FOREVER = 2**40
"""Epoch seconds after every bar."""

Missing = dict[str, list[Span]]
"""By symbol the spans that are missing; a symbol that lacks nothing is left out."""


def settled_before(interval: Interval, hours: MarketHours, now: float, delay: float = 0.0) -> int:
    """The end of what can be missing at `now`: bars that open before it are over and settled.

    `delay` is how many seconds after a bar's end the fastest provider has it: see `delay_of`.
    """
    wait = max(SETTLED_SECONDS[interval], delay + SLACK_SECONDS[interval])
    if interval is Interval.M1:
        return interval.floor(now - wait)
    labels = hours.regular.last_labels(now, interval, 10)
    over = labels[hours.regular.ends(labels, interval) + wait <= now]
    return int(over[-1]) + interval.seconds if len(over) else 0


def delay_of(roster: Roster, interval: Interval, hours: MarketHours) -> float:
    """Seconds after a bar's end at which the fastest provider has it, as stated or as learned."""
    return roster.settled_after(CAPABILITIES[interval], hours.regular.name)


def patience(settings: Settings, tier: Tier, interval: Interval) -> int:
    """Seconds for which nothing is missing yet, because the bars of a tier are asked for no sooner."""
    cadences = settings.cadence(tier)
    cadence = max((cadences[one] for one in cadences if one.interval is interval), default=interval.seconds)
    return max(cadence - interval.seconds, 0)


def expected(
    instrument: Instrument,
    interval: Interval,
    span: Span,
    now: float,
    *,
    extended: bool = False,
    delay: float = 0.0,
) -> list[Span]:
    """Where `span` should be full by now: the settled part of each session, while the instrument is listed.

    Of 1d bars, the days. `extended`: early and late trading too.
    """
    hours = hours_of(instrument.exchange, instrument.asset_type)
    listed = listed_before(instrument, settled_before(interval, hours, now, delay))
    if listed is None:
        return []
    if interval is Interval.D1:
        days = (Span(day, day + interval.seconds) for day in hours.regular.labels(span, interval).tolist())
        return [one for one in days if one.overlap(listed) == one]
    parts = (session.overlap(span) for session in hours.grid(extended=extended).sessions(span))
    clipped = (part.overlap(listed) for part in parts if part is not None)
    return [one for one in clipped if one is not None]


async def by_hours(instruments: Sequence[Instrument]) -> dict[MarketHours, list[Instrument]]:
    """The instruments by the hours in which they trade, without those whose exchange has no calendar."""

    def grouped() -> dict[MarketHours, list[Instrument]]:
        found: dict[MarketHours, list[Instrument]] = {}
        placed, _ = with_hours(instruments)  # of the others the sweeper says so
        for instrument, hours in placed:
            found.setdefault(hours, []).append(instrument)
        return found

    return await beside(grouped)


async def places(
    members: Iterable[Instrument],
    interval: Interval,
    span: Span,
    now: float,
    *,
    extended: bool,
    delay: float,
) -> Places:
    """Where these instruments should be full."""
    return await beside(
        lambda: [
            (member.symbol, place)
            for member in members
            for place in expected(member, interval, span, now, extended=extended, delay=delay)
        ]
    )


def listed_before(instrument: Instrument, before: int) -> Span | None:
    """While the instrument is listed, at most up to `before`; None: not yet."""
    start, end = instrument.listed or 0, min(before, instrument.delisted or FOREVER)
    return Span(start, end) if start < end else None


async def missing(
    connection: Connection | Database, interval: Interval, wanted: Places, now: float | None
) -> Missing:
    """What is missing of these places.

    With `now` a vacancy explains a bar until it is to be looked at again: the rest is to be asked for. With
    None it explains one if it is proven: the rest is a gap.
    """
    if interval is Interval.D1:
        days = await gaps.days(connection, [(symbol, span.start) for symbol, span in wanted], now)
        return await _whole_days(days)
    found = await gaps.minutes(connection, wanted, now)
    return await beside(lambda: by_symbol(found))


async def missing_days(
    connection: Connection | Database,
    members: Sequence[Instrument],
    labels: Sequence[int],
    before: int,
    now: float | None,
) -> Missing:
    """Which of these days are missing, of each instrument while it is listed; `now` as of `missing`."""
    listed = [(member.symbol, span) for member in members if (span := listed_before(member, before))]
    days = await gaps.days_of(connection, listed, labels, now)
    return await _whole_days(days)


async def _whole_days(days: Sequence[tuple[str, int]]) -> Missing:
    """The days of each symbol as spans."""
    return await beside(
        lambda: by_symbol((symbol, Span(day, day + Interval.D1.seconds)) for symbol, day in days)
    )


def by_symbol(found: Iterable[tuple[str, Span]]) -> Missing:
    """The spans of each symbol."""
    missed: Missing = {}
    for symbol, span in found:
        missed.setdefault(symbol, []).append(span)
    return missed


def has_minutes(settings: Settings, tier: Tier) -> bool:
    """Whether the minutes of a tier are collected."""
    return Capability.BARS_1M in settings.cadence(tier)
