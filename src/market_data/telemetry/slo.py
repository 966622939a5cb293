"""The service level of continuity: which symbols are late or have an unexplained hole at this moment."""

from collections import Counter
from collections.abc import Iterable, Mapping

from market_data.backfill.find import expected, missing, settled_before
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
"""Intervals that the newest bar may be late, or a hole long."""

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
        minutely = [one for one in members if Interval.M1 in _intervals(one, settings)]
        for one in await _minutes_violated(database, hours, minutely, now):
            violating[one.tier, Interval.M1] += 1
        daily = [one for one in members if Interval.D1 in _intervals(one, settings)]
        for one in await _days_violated(database, hours, daily, now):
            violating[one.tier, Interval.D1] += 1
    return {key: violating[key] / count for key, count in held.items()}


def _intervals(one: Instrument, settings: Settings) -> list[Interval]:
    cadences: Mapping[Capability, int] = settings.cadence(one.tier)
    return [capability.interval for capability in cadences if capability.interval is not None]


async def _minutes_violated(
    database: Database, hours: MarketHours, members: list[Instrument], now: float
) -> list[Instrument]:
    session = hours.regular.session_at(now)
    if session is None or not members:
        return []
    limit = LATE_INTERVALS * Interval.M1.seconds
    known = {one.symbol: one for one in members}
    newest = await gaps.newest(database, list(known), session)
    late = {
        symbol
        for symbol in known
        if now - (newest.get(symbol, session.start - 60) + Interval.M1.seconds) > limit
    }
    cutoff = settled_before(Interval.M1, hours, now)
    settled = session.overlap(Span(0, cutoff))
    if settled is None:
        return [known[symbol] for symbol in sorted(late)]
    lacking = await gaps.short(database, list(known), settled, settled.seconds // Interval.M1.seconds)
    places = [
        (symbol, one) for symbol in lacking for one in expected(known[symbol], Interval.M1, settled, now)
    ]
    holes = await missing(database, Interval.M1, places)
    holed = {symbol for symbol, spans in holes.items() if any(span.seconds > limit for span in spans)}
    vacant = {symbol for symbol in late if symbol in lacking and symbol not in holes}
    return [known[symbol] for symbol in sorted((late - vacant) | holed)]


async def _days_violated(
    database: Database, hours: MarketHours, members: list[Instrument], now: float
) -> list[Instrument]:
    cutoff = settled_before(Interval.D1, hours, now)
    labels = hours.regular.last_labels(cutoff, Interval.D1, LATE_INTERVALS).tolist()
    if len(labels) < LATE_INTERVALS or not members or hours.regular.session_at(now) is None:
        return []
    known = {one.symbol: one for one in members}
    span = Span(labels[0], labels[-1] + Interval.D1.seconds)
    places = [(one.symbol, day) for one in members for day in expected(one, Interval.D1, span, now)]
    holes = await missing(database, Interval.D1, places)
    return [known[symbol] for symbol, spans in holes.items() if len(spans) >= LATE_INTERVALS]
