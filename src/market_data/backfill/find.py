"""Finds gaps: sessions less bars less vacancies. Nothing is remembered but the bars themselves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from market_data.backfill.completeness import (
    FOREVER,
    Missing,
    by_hours,
    delay_of,
    has_minutes,
    missing,
    missing_days,
    patience,
    places,
    settled_before,
)
from market_data.backfill.horizon import DAYS_AT_ONCE, Horizon, turn
from market_data.backfill.letters import Letters
from market_data.backfill.plan import chunks, longest_chunk
from market_data.backfill.recheck import Rechecker
from market_data.calendar import hours_of
from market_data.events import BackfillsQueued, GapsFound, Tell
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.route.delays import Learned
from market_data.route.roster import Roster
from market_data.settings import InForce, Settings
from market_data.store import cursor, delays, gaps, ledger, quarantine, universe, vacancies
from market_data.store.connect import Connection, Database
from market_data.store.ledger import Backfill, Depth, New

THIN_PAUSE = 600.0
"""Seconds that a gap waits where nothing had traded just before: a thin symbol has few calls a day."""
SERIES_AT_ONCE = 200
"""Series whose gaps are queued in one transaction: each may lack a hundred days."""
DOUBTS_AT_ONCE = 100
"""Series whose quarantined bars are queued to be asked for again in one scan."""
LOOKS_AT_ONCE = 500
"""Vacancies that are queued to be looked at again in one scan."""

Look = Callable[[Connection, float | None], Awaitable[Missing]]
"""What is missing; the moment decides which vacancies count: see `completeness.missing`."""


@dataclass(slots=True)
class Finder:
    """Looks for gaps and queues a backfill for each."""

    database: Database
    roster: Roster
    in_force: InForce
    tell: Tell
    clock: Callable[[], float]
    horizon: Horizon = field(init=False)
    letters: Letters = field(init=False)
    recheck: Rechecker = field(init=False)
    _walk: int = field(default=0)

    def __post_init__(self) -> None:
        self.horizon = Horizon(self.database, self.roster, self.clock)
        self.letters = Letters(self.database, self.roster, self.in_force)
        self.recheck = Rechecker(self.database, self.in_force)

    async def run(self) -> None:
        """Look for gaps at once, then again and again, while sweeping is enabled; until cancelled."""
        while True:
            if self.in_force.settings.local_sweep_enabled:
                await self.scan()
            await asyncio.sleep(self.in_force.settings.gap_scan_sec)

    async def scan(self) -> int:
        """Look at the running session of every series, and at an older part of it, another one at each call.

        Vacancies that are due are looked at again, whatever their age. Returns how many backfills were
        queued. Raises StoreUnavailable.
        """
        now = self.clock()
        await self.share_delays(now)
        markets = await by_hours(await universe.load(self.database))
        self._walk += 1
        await self.letters.look()
        made = 0
        for hours, members in markets.items():
            for tier in Tier:
                made += await self._scan_minutes(hours, [one for one in members if one.tier is tier], now)
            daily = [one for one in members if Capability.EOD in self._cadence(one)]
            made += await self._scan_days(hours, daily, now)
        made += await self._look_again(now) + await self._settle_doubts(now)
        return made + await self.recheck.look(markets, now)

    async def look(self, symbol: str, interval: Interval, span: Span) -> None:
        """Look at a series in whose span bars were missing from an answer."""
        instrument = await universe.find(self.database, symbol)
        if instrument is not None:
            await self.series(instrument, interval, span)

    async def series(
        self,
        instrument: Instrument,
        interval: Interval,
        span: Span,
        *,
        asked_for: Tier | None = None,
        force: bool = False,
    ) -> list[Backfill]:
        """Look at one series; returns the backfills that were queued.

        `asked_for` is the tier in which an operator wants them; their wishes wait for no cap and no pause.
        With `force` all of the span is asked for again, filled or not.
        """
        whole = Span(interval.floor(span.start), interval.floor(span.end - 1) + interval.seconds)
        hours = hours_of(instrument.exchange, instrument.asset_type)
        delay = delay_of(self.roster, interval, hours)
        wanted = await places(
            [instrument], interval, whole, self.clock(), extended=self._extended, delay=delay
        )
        if not wanted:
            return []
        if force:
            return await self._force(interval, instrument, [one for _, one in wanted], asked_for)
        look = _lacking(interval, wanted)
        return await self._queue(interval, [instrument], look, asked_for)

    @property
    def _extended(self) -> bool:
        return self.in_force.settings.gap_extended_hours

    def _cadence(self, one: Instrument) -> Mapping[Capability, int]:
        return self.in_force.settings.cadence(one.tier)

    async def share_delays(self, now: float) -> None:
        """Keep what was learned of the providers' delays, and learn what other replicas have."""
        learned = {key: (one.seconds, one.newest) for key, one in self.roster.delays.taken().items()}
        await delays.save(self.database, learned, now)
        others = await delays.load(self.database)
        self.roster.delays.adopt({key: Learned(*one) for key, one in others.items()})

    async def _scan_minutes(self, hours: MarketHours, members: Sequence[Instrument], now: float) -> int:
        """Look at series of one tier: the newest session as far as it is settled, and an older one."""
        settings = self.in_force.settings
        known = {member.symbol: member for member in members if has_minutes(settings, member.tier)}
        if not known:
            return 0
        asked = now - patience(settings, members[0].tier, Interval.M1)
        delay = delay_of(self.roster, Interval.M1, hours)
        cutoff = settled_before(Interval.M1, hours, asked, delay)
        since = await self.horizon.since(list(known.values()), Interval.M1, settings)
        newest, older = self._sessions(hours, min(since.values()), cutoff)
        made = 0
        for session in (newest, older):
            if session is None:
                continue
            symbols = [one for one in known if since[one] < (FOREVER if session is newest else session.end)]
            full = session.seconds // Interval.M1.seconds
            lacking = await gaps.short(self.database, symbols, session, full) if symbols else []
            for some in await self._pieces(Interval.M1, [known[one] for one in lacking]):
                wanted = await places(some, Interval.M1, session, asked, extended=self._extended, delay=delay)
                made += len(await self._queue(Interval.M1, some, _lacking(Interval.M1, wanted)))
        return made

    def _sessions(self, hours: MarketHours, since: int, cutoff: int) -> tuple[Span | None, Span | None]:
        """The newest session as far as it is settled, and the older one whose turn it is."""
        grid = hours.grid(extended=self._extended)
        running = grid.session_before(cutoff - 1)
        if running is None:
            return None, None
        newest = running.overlap(Span(0, cutoff))
        before = Span(since, running.start) if since < running.start else None
        older = grid.sessions(before)[::-1] if before else []
        return newest, turn([one for one in older if one.end <= cutoff], self._walk)

    async def _scan_days(self, hours: MarketHours, members: Sequence[Instrument], now: float) -> int:
        """Look at the newest hundred days of series, at every second scan at older ones if there are any."""
        if not members:
            return 0
        known = {one.symbol: one for one in members}
        cutoff = settled_before(Interval.D1, hours, now, delay_of(self.roster, Interval.D1, hours))
        step, made = DAYS_AT_ONCE * Interval.D1.seconds, 0
        newest = Span(cutoff - step, cutoff)
        since = await self.horizon.since(list(known.values()), Interval.D1, self.in_force.settings)
        first = min(since.values())
        older = Span(first, newest.start).split(step)[::-1] if first < newest.start else []
        back = older[self._walk // 2 % len(older)] if older and self._walk % 2 == 0 else newest
        symbols = [one for one in known if since[one] < (FOREVER if back is newest else back.end)]
        labels = hours.regular.labels(back, Interval.D1).tolist()
        lacking = await gaps.short_of_days(self.database, symbols, back, len(labels))
        for some in await self._pieces(Interval.D1, [known[one] for one in lacking]):
            made += len(await self._queue(Interval.D1, some, _days_lacking(some, labels, cutoff)))
        return made

    async def _look_again(self, now: float) -> int:
        """Queue the vacancies that are due and that no other part of the scan has come to.

        Where bars have come meanwhile nothing is vacant any more.
        """
        found = await vacancies.due(self.database, now, LOOKS_AT_ONCE)
        made = 0
        for (symbol, interval), spans in found.items():
            instrument = await universe.find(self.database, symbol)
            if instrument is not None:
                async with self.database.transaction() as connection:
                    await vacancies.take_back(connection, symbol, interval, spans)
                look = _lacking(interval, [(symbol, label) for label in _labels(interval, spans)])
                made += len(await self._queue(interval, [instrument], look))
        return made

    async def _settle_doubts(self, now: float) -> int:
        """Ask again for quarantined bars: their provider may repeat, correct or withdraw them."""
        found: dict[tuple[str, Interval], list[Span]] = {}
        for one in await quarantine.due(self.database, now, DOUBTS_AT_ONCE):
            found.setdefault((one.symbol, one.interval), []).append(one.span)
        made = 0
        for (symbol, interval), spans in found.items():
            instrument = await universe.find(self.database, symbol)
            if instrument is not None:
                made += len(await self._force(interval, instrument, spans, None, reason="look"))
        return made

    async def _pieces(
        self, interval: Interval, lacking: Sequence[Instrument]
    ) -> Iterable[Sequence[Instrument]]:
        """Some at a time. What nobody has been asked for is no gap yet: the sweep asks for it, at once."""
        asked = await cursor.asked(self.database, [one.symbol for one in lacking], interval)
        members = [one for one in lacking if one.symbol in asked]
        return (members[at : at + SERIES_AT_ONCE] for at in range(0, len(members), SERIES_AT_ONCE))

    async def _queue(
        self,
        interval: Interval,
        members: Sequence[Instrument],
        look: Look,
        asked_for: Tier | None = None,
    ) -> list[Backfill]:
        """Queue what these lack, in the transaction that finds it missing."""
        tiers = {one.symbol: asked_for or one.tier for one in members}
        settings, now = self.in_force.settings, self.clock()
        longest = longest_chunk(interval, settings.backfill_chunk_minutes)
        async with self.database.transaction() as connection:
            await ledger.lock(connection)
            lacking = await look(connection, now)
            if not lacking:
                return []
            gaps_ = await look(connection, None)
            unfinished = await ledger.unfinished(connection, sorted(lacking), interval)
            thin = await vacancies.recent(connection, sorted(lacking), interval, now - THIN_PAUSE)
            new: list[New] = []
            wider: list[tuple[int, Span]] = []
            unknown = await cursor.unknown(connection, sorted(lacking))
            for symbol, spans in lacking.items():
                if symbol in unknown and unfinished.get(symbol) and asked_for is None:
                    continue  # one backfill asks for a symbol that nobody has ever had
                found = chunks(spans, unfinished.get(symbol, ()), interval, longest)
                wait = THIN_PAUSE if symbol in thin and asked_for is None else 0.0
                new += [
                    New(
                        symbol,
                        span,
                        tiers[symbol],
                        wait,
                        reason=_reason(span, gaps_.get(symbol, ()), asked_for),
                    )
                    for span in found.new
                ]
                wider += found.wider
            if asked_for is None:
                new = _within_caps(new, await ledger.depths(connection), settings)
            if wider:
                await ledger.widen(connection, wider)
            added = await ledger.add(connection, interval, new) if new else []
        self._say(interval, new, sum(one.reason != "look" for one in new) + len(wider))
        return added

    async def _force(
        self,
        interval: Interval,
        instrument: Instrument,
        spans: Sequence[Span],
        asked_for: Tier | None,
        *,
        reason: ledger.Why = "operator",
    ) -> list[Backfill]:
        """Queue all of these spans, but for what is queued to be asked for whole already."""
        longest = longest_chunk(interval, self.in_force.settings.backfill_chunk_minutes)
        tier, symbol = asked_for or instrument.tier, instrument.symbol
        async with self.database.transaction() as connection:
            await ledger.lock(connection)
            unfinished = (await ledger.unfinished(connection, [symbol], interval)).get(symbol, [])
            forced = [one for one in unfinished if one.forced and one.status == "queued"]
            pieces = chunks(spans, forced, interval, longest)
            new = [New(symbol, one, tier, reason=reason, forced=True) for one in pieces.new]
            if pieces.wider:
                await ledger.widen(connection, pieces.wider)
            added = await ledger.add(connection, interval, new) if new else []
        self._say(interval, new, 0)
        return added

    def _say(self, interval: Interval, new: Sequence[New], found: int) -> None:
        self.tell(GapsFound(interval, found))
        for tier in {one.tier for one in new}:
            self.tell(BackfillsQueued(tier, sum(one.tier is tier for one in new)))


def _lacking(interval: Interval, wanted: gaps.Places) -> Look:
    """What is missing of these places."""
    return lambda connection, now: missing(connection, interval, wanted, now)


def _days_lacking(members: Sequence[Instrument], labels: Sequence[int], before: int) -> Look:
    """Which of these days are missing, of each as long as it is listed."""
    return lambda connection, now: missing_days(connection, members, labels, before, now)


def _labels(interval: Interval, spans: Sequence[Span]) -> list[Span]:
    """The spans of minutes as they are; of days each day by itself."""
    if interval is not Interval.D1:
        return list(spans)
    return [day for span in spans for day in span.split(interval.seconds)]


def _reason(span: Span, gaps_: Iterable[Span], asked_for: Tier | None) -> ledger.Why:
    if asked_for is not None:
        return "operator"
    return "gap" if any(gap.overlap(span) for gap in gaps_) else "look"


def _within_caps(new: Sequence[New], depths: Mapping[Tier, Depth], settings: Settings) -> list[New]:
    """As many as the queue of each tier may still take, newest first; the others are found again later."""
    room = {tier: settings.backfill_max_queue(tier) - depths[tier].queued for tier in Tier}
    taken: list[New] = []
    for one in sorted(new, key=lambda one: -one.span.end):
        if room[one.tier] > 0:
            room[one.tier] -= 1
            taken.append(one)
    return taken
