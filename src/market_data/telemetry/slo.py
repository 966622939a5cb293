"""The service level of continuity: which symbols are late or have an unexplained hole at this moment."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil

from market_data.backfill.find import expected, missing, patience, settled_before
from market_data.calendar import hours_of
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.settings import Settings
from market_data.store import gaps
from market_data.store.connect import Database

LATE_INTERVALS = 2
"""Intervals that the newest bar may be late, or a hole long; cadences, where these are longer."""

Rates = dict[tuple[Tier, Interval], float]


async def violation_rates(
    database: Database, instruments: Iterable[Instrument], settings: Settings, now: float
) -> Rates:
    """By tier and interval the share of active instruments that violate it; of closed markets nobody does."""
    held: Counter[tuple[Tier, Interval]] = Counter()
    violating: Counter[tuple[Tier, Interval]] = Counter()
    by_hours: dict[MarketHours, list[Instrument]] = {}
    for one in instruments:
        try:
            hours = hours_of(one.exchange, one.asset_type)
        except ValueError:  # no calendar: the sweeper says so for each of them
            continue
        by_hours.setdefault(hours, []).append(one)
        for interval in _intervals(one, settings):
            held[one.tier, interval] += 1
    for hours, members in by_hours.items():
        for tier in Tier:
            of_tier = [one for one in members if one.tier is tier]
            late = patience(settings, tier, Interval.M1)
            minutely = [one for one in of_tier if Interval.M1 in _intervals(one, settings)]
            violating[tier, Interval.M1] += await _minutes_violated(database, hours, minutely, now, late)
            daily = [one for one in of_tier if Interval.D1 in _intervals(one, settings)]
            violating[tier, Interval.D1] += await _days_violated(database, hours, daily, now)
    return {key: violating[key] / count for key, count in held.items()}


def _intervals(one: Instrument, settings: Settings) -> list[Interval]:
    cadences: Mapping[Capability, int] = settings.cadence(one.tier)
    return [capability.interval for capability in cadences if capability.interval is not None]


async def _minutes_violated(
    database: Database, hours: MarketHours, members: list[Instrument], now: float, late: int
) -> int:
    """How many of them have a newest bar, or a hole, that is too old or too long; `late`: see patience."""
    session = hours.regular.session_at(now)
    if session is None or not members:
        return 0
    limit = LATE_INTERVALS * (Interval.M1.seconds + late)
    known = {one.symbol: one for one in members}
    behind = await _behind(database, list(known), session, now - limit)
    settled = session.overlap(Span(0, settled_before(Interval.M1, hours, now - late)))
    if settled is None:
        return len(behind)
    lacking = await gaps.short(database, list(known), settled, settled.seconds // Interval.M1.seconds)
    places = [
        (symbol, one)
        for symbol in lacking
        for one in expected(known[symbol], Interval.M1, settled, now - late)
    ]
    holes = await missing(database, Interval.M1, places)
    holed = {symbol for symbol, spans in holes.items() if any(span.seconds > limit for span in spans)}
    vacant = {symbol for symbol in behind if symbol in lacking and symbol not in holes}
    return len((behind - vacant) | holed)


async def _behind(database: Database, symbols: list[str], session: Span, since: float) -> set[str]:
    """Those of whom no bar of the session ends at `since` or later."""
    if since <= session.start:
        return set()
    oldest = ceil(since) - Interval.M1.seconds
    return set(symbols) - await gaps.fresh(database, symbols, Span(oldest, session.end))


async def _days_violated(
    database: Database, hours: MarketHours, members: list[Instrument], now: float
) -> int:
    cutoff = settled_before(Interval.D1, hours, now)
    labels = hours.regular.last_labels(cutoff, Interval.D1, LATE_INTERVALS).tolist()
    if len(labels) < LATE_INTERVALS or not members or hours.regular.session_at(now) is None:
        return 0
    known = {one.symbol: one for one in members}
    span = Span(labels[0], labels[-1] + Interval.D1.seconds)
    # who has one of them violates nothing
    lacking = await gaps.short_of_days(database, list(known), span, 1)
    places = [(one, day) for one in lacking for day in expected(known[one], Interval.D1, span, now)]
    holes = await missing(database, Interval.D1, places)
    return sum(len(spans) >= LATE_INTERVALS for spans in holes.values())
