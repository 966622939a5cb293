"""The service level of continuity: which symbols are late or have an unexplained hole at this moment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

from market_data.backfill.completeness import (
    FOREVER,
    SETTLED_SECONDS,
    SLACK_SECONDS,
    by_hours,
    delay_of,
    missing,
    patience,
    places,
    settled_before,
)
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.route.roster import Roster
from market_data.settings import Settings
from market_data.store import gaps
from market_data.store.connect import Database

LATE_INTERVALS = 2
"""Intervals that the newest bar may be late, or a hole long; cadences, where these are longer."""

Rates = dict[tuple[Tier, Interval], float]


async def violation_rates(
    database: Database,
    roster: Roster,
    instruments: Sequence[Instrument],
    settings: Settings,
    now: float,
) -> Rates:
    """By tier and interval the share of active instruments that violate it; of closed markets nobody does."""
    intervals = {tier: _intervals(tier, settings) for tier in Tier}
    held: Counter[tuple[Tier, Interval]] = Counter()
    violating: Counter[tuple[Tier, Interval]] = Counter()
    markets = await by_hours(instruments)
    for hours, members in markets.items():
        for tier, count in Counter(member.tier for member in members).items():
            held.update({(tier, interval): count for interval in intervals[tier]})
        minutely = [one for one in members if Interval.M1 in intervals[one.tier]]
        for tier, count in (
            await _minutes_violated(
                database, hours, minutely, settings, now, delay=delay_of(roster, Interval.M1, hours)
            )
        ).items():
            violating[tier, Interval.M1] += count
        daily = [one for one in members if Interval.D1 in intervals[one.tier]]
        for tier, count in (await _days_violated(database, roster, hours, daily, now)).items():
            violating[tier, Interval.D1] += count
    return {key: violating[key] / count for key, count in held.items()}


def _intervals(tier: Tier, settings: Settings) -> list[Interval]:
    return [one.interval for one in settings.cadence(tier) if one.interval is not None]


async def _minutes_violated(
    database: Database,
    hours: MarketHours,
    members: list[Instrument],
    settings: Settings,
    now: float,
    *,
    delay: float,
) -> dict[Tier, int]:
    """By tier, how many have a newest bar, or a hole, that is too old or too long."""
    session = hours.regular.session_at(now)
    if session is None:
        return {}
    late = {tier: patience(settings, tier, Interval.M1) for tier in {one.tier for one in members}}
    settled = {
        tier: session.overlap(Span(0, settled_before(Interval.M1, hours, now - wait, delay)))
        for tier, wait in late.items()
    }
    lacking = await _lacking(database, members, settled)
    found: dict[Tier, int] = {}
    for tier, seconds in late.items():
        known = {one.symbol: one for one in members if one.tier is tier}
        limit = LATE_INTERVALS * (Interval.M1.seconds + seconds)
        behind = await _behind(database, list(known), session, now - limit - _beyond_usual(delay))
        short = [known[symbol] for symbol in lacking & known.keys()]
        wanted = await places(short, Interval.M1, session, now - seconds, extended=False, delay=delay)
        holes = await missing(database, Interval.M1, wanted, None)
        holed = {symbol for symbol, spans in holes.items() if any(span.seconds > limit for span in spans)}
        vacant = {symbol for symbol in behind if symbol in lacking and symbol not in holes}
        found[tier] = len((behind - vacant) | holed)
    return found


def _beyond_usual(delay: float) -> float:
    """Seconds by which the fastest provider is later than is usual: nobody can have the bars sooner."""
    return max(delay + SLACK_SECONDS[Interval.M1] - SETTLED_SECONDS[Interval.M1], 0.0)


async def _lacking(
    database: Database, members: list[Instrument], settled: Mapping[Tier, Span | None]
) -> set[str]:
    """Those who have fewer bars than minutes in what is settled of their tier.

    What is settled of all tiers is most of the session: it is gone through once, and then each one's rest.
    """
    spans = [span for span in settled.values() if span is not None]
    if not spans:
        return set()
    common = min(spans, key=lambda span: span.end) if len(spans) == len(settled) else None
    found = await _short(database, members, common) if common else set()
    for tier, span in settled.items():
        rest = span.overlap(Span(common.end, FOREVER)) if span and common else span
        if rest is not None:
            found |= await _short(database, [one for one in members if one.tier is tier], rest)
    return found


async def _short(database: Database, members: list[Instrument], span: Span) -> set[str]:
    minutes = span.seconds // Interval.M1.seconds
    return set(await gaps.short(database, [one.symbol for one in members], span, minutes))


async def _behind(database: Database, symbols: list[str], session: Span, since: float) -> set[str]:
    """Those of whom no bar of the session ends at `since` or later."""
    if since <= session.start:
        return set()
    oldest = ceil(since) - Interval.M1.seconds
    return set(symbols) - await gaps.fresh(database, symbols, Span(oldest, session.end))


async def _days_violated(
    database: Database, roster: Roster, hours: MarketHours, members: list[Instrument], now: float
) -> dict[Tier, int]:
    delay = delay_of(roster, Interval.D1, hours)
    cutoff = settled_before(Interval.D1, hours, now, delay)
    labels = hours.regular.last_labels(cutoff, Interval.D1, LATE_INTERVALS).tolist()
    if len(labels) < LATE_INTERVALS or not members or hours.regular.session_at(now) is None:
        return {}
    known = {one.symbol: one for one in members}
    span = Span(labels[0], labels[-1] + Interval.D1.seconds)
    # who has one of them violates nothing
    lacking = await gaps.short_of_days(database, list(known), span, 1)
    short = [known[symbol] for symbol in lacking]
    wanted = await places(short, Interval.D1, span, now, extended=False, delay=delay)
    holes = await missing(database, Interval.D1, wanted, None)
    return Counter(known[symbol].tier for symbol, spans in holes.items() if len(spans) >= LATE_INTERVALS)
