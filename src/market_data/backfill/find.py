"""Finds gaps: sessions less bars less vacancies. Nothing is remembered but the bars themselves."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from market_data.backfill.plan import chunks, longest_chunk
from market_data.calendar import hours_of
from market_data.events import BackfillsQueued, GapsFound, Tell
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.settings import InForce, Settings
from market_data.store import cursor, gaps, ledger, universe, vacancies
from market_data.store.connect import Connection, Database
from market_data.store.gaps import Places
from market_data.store.ledger import Backfill, Depth, New

SETTLED_SECONDS = {Interval.M1: 120, Interval.D1: 5 * 3600}
"""Seconds after its end at which a bar that is not there is missing: settled everywhere, and fetched for."""
HISTORY_DAYS = {Interval.M1: 5, Interval.D1: 100}
"""How far back a scan looks, in days."""

THIN_PAUSE = 600.0
"""Seconds that a gap waits where nothing had traded just before: a thin symbol has few calls a day."""
SERIES_AT_ONCE = 200
"""Series whose gaps are queued in one transaction: each may lack a hundred days."""
FOREVER = 2**40
"""Epoch seconds after every bar."""


@dataclass(slots=True)
class Finder:
    """Looks for gaps and queues a backfill for each."""

    database: Database
    in_force: InForce
    tell: Tell
    clock: Callable[[], float]
    _walk: int = field(default=0)

    async def scan(self) -> int:
        """Look at the running session of every series, and at one older one, a different one at each call.

        Returns how many backfills were queued. Raises StoreUnavailable.
        """
        now = self.clock()
        instruments = await universe.load(self.database)
        self._walk += 1
        made = 0
        for hours, members in _by_hours(instruments).items():
            for tier in Tier:
                made += await self._scan_minutes(hours, [one for one in members if one.tier is tier], now)
            daily = [one for one in members if Capability.EOD in self._cadence(one)]
            made += await self._scan_days(hours, daily, now)
        return made

    async def look(self, symbol: str, interval: Interval, span: Span) -> None:
        """Look at a series in whose span bars were missing from an answer."""
        instrument = await universe.find(self.database, symbol)
        if instrument is not None:
            await self.series(instrument, interval, span)

    async def series(
        self, instrument: Instrument, interval: Interval, span: Span, *, asked_for: Tier | None = None
    ) -> list[Backfill]:
        """Look at one series; returns the backfills that were queued.

        `asked_for` is the tier in which an operator wants them; their wishes wait for no cap and no pause.
        """
        whole = Span(interval.floor(span.start), interval.floor(span.end - 1) + interval.seconds)
        places = _places([instrument], interval, whole, self.clock(), extended=self._extended)
        return (
            await self._queue(interval, [instrument], _lacking(interval, places), asked_for) if places else []
        )

    @property
    def _extended(self) -> bool:
        return self.in_force.settings.gap_extended_hours

    def _cadence(self, one: Instrument) -> Mapping[Capability, int]:
        return self.in_force.settings.cadence(one.tier)

    def _sessions(self, hours: MarketHours, now: float) -> list[Span]:
        """The newest session as far as it is settled, and one older one."""
        cutoff = settled_before(Interval.M1, hours, now)
        back = Span(cutoff - HISTORY_DAYS[Interval.M1] * 86_400, cutoff)
        settled = [one.overlap(back) for one in hours.grid(extended=self._extended).sessions(back)]
        sessions = [one for one in settled if one is not None][::-1]
        return sessions[:1] + sessions[1:][self._walk % max(len(sessions) - 1, 1) :][:1]

    async def _scan_minutes(self, hours: MarketHours, members: Sequence[Instrument], now: float) -> int:
        """Look at series that are asked for at the same cadence."""
        known = {one.symbol: one for one in members if Capability.BARS_1M in self._cadence(one)}
        if not known:
            return 0
        asked, made = now - patience(self.in_force.settings, members[0].tier, Interval.M1), 0
        for session in self._sessions(hours, asked):
            full = session.seconds // Interval.M1.seconds
            lacking = await gaps.short(self.database, list(known), session, full)
            for some in await self._pieces(Interval.M1, [known[one] for one in lacking]):
                places = _places(some, Interval.M1, session, asked, extended=self._extended)
                made += len(await self._queue(Interval.M1, some, _lacking(Interval.M1, places)))
        return made

    async def _scan_days(self, hours: MarketHours, members: Sequence[Instrument], now: float) -> int:
        known = {one.symbol: one for one in members}
        cutoff, made = settled_before(Interval.D1, hours, now), 0
        back = Span(cutoff - HISTORY_DAYS[Interval.D1] * 86_400, cutoff)
        labels = hours.regular.labels(back, Interval.D1).tolist()
        lacking = await gaps.short_of_days(self.database, list(known), back, len(labels))
        for some in await self._pieces(Interval.D1, [known[one] for one in lacking]):
            made += len(await self._queue(Interval.D1, some, _days_lacking(some, labels, cutoff)))
        return made

    async def _pieces(
        self, interval: Interval, lacking: Sequence[Instrument]
    ) -> Iterator[Sequence[Instrument]]:
        """Some at a time. What nobody has been asked for is no gap yet: the sweep asks for it, at once."""
        asked = await cursor.asked(self.database, [one.symbol for one in lacking], interval)
        members = [one for one in lacking if one.symbol in asked]
        return (members[at : at + SERIES_AT_ONCE] for at in range(0, len(members), SERIES_AT_ONCE))

    async def _queue(
        self,
        interval: Interval,
        members: Sequence[Instrument],
        look: "_Look",
        asked_for: Tier | None = None,
    ) -> list[Backfill]:
        """Queue what these lack, in the transaction that finds it missing."""
        tiers = {one.symbol: asked_for or one.tier for one in members}
        longest = longest_chunk(interval, self.in_force.settings.backfill_chunk_minutes)
        async with self.database.transaction() as connection:
            await ledger.lock(connection)
            lacking = await look(connection)
            if not lacking:
                return []
            unfinished = await ledger.unfinished(connection, sorted(lacking), interval)
            thin = await vacancies.recent(connection, sorted(lacking), interval, self.clock() - THIN_PAUSE)
            new: list[New] = []
            wider: list[tuple[int, Span]] = []
            for symbol, spans in lacking.items():
                found = chunks(spans, unfinished.get(symbol, ()), interval, longest)
                wait = THIN_PAUSE if symbol in thin and asked_for is None else 0.0
                new += [New(symbol, span, tiers[symbol], wait) for span in found.new]
                wider += found.wider
            if asked_for is None:
                new = _within_caps(new, await ledger.depths(connection), self.in_force.settings)
            if wider:
                await ledger.widen(connection, wider)
            added = await ledger.add(connection, interval, new) if new else []
        self.tell(GapsFound(interval, len(new) + len(wider)))
        for tier in {one.tier for one in new}:
            self.tell(BackfillsQueued(tier, sum(one.tier is tier for one in new)))
        return added


def expected(
    instrument: Instrument, interval: Interval, span: Span, now: float, *, extended: bool = False
) -> list[Span]:
    """Where `span` should be full by now: the settled part of each session, while the instrument is listed.

    Of 1d bars, the days. `extended`: early and late trading too.
    """
    hours = hours_of(instrument.exchange, instrument.asset_type)
    listed = _listed(instrument, settled_before(interval, hours, now))
    if listed is None:
        return []
    if interval is Interval.D1:
        days = (Span(day, day + interval.seconds) for day in hours.regular.labels(span, interval).tolist())
        return [one for one in days if one.overlap(listed) == one]
    parts = (session.overlap(span) for session in hours.grid(extended=extended).sessions(span))
    clipped = (one.overlap(listed) for one in parts if one is not None)
    return [one for one in clipped if one is not None]


def _places(
    members: Sequence[Instrument], interval: Interval, span: Span, now: float, *, extended: bool
) -> Places:
    """Where these should be full."""
    return [
        (one.symbol, place)
        for one in members
        for place in expected(one, interval, span, now, extended=extended)
    ]


def _listed(instrument: Instrument, before: int) -> Span | None:
    """While the instrument is listed, at most up to `before`; None: not yet."""
    start, end = instrument.listed or 0, min(before, instrument.delisted or FOREVER)
    return Span(start, end) if start < end else None


def patience(settings: Settings, tier: Tier, interval: Interval) -> int:
    """Seconds for which nothing is missing yet, for the bars of a tier are asked for no sooner."""
    cadences = settings.cadence(tier)
    cadence = max((cadences[one] for one in cadences if one.interval is interval), default=interval.seconds)
    return max(cadence - interval.seconds, 0)


def settled_before(interval: Interval, hours: MarketHours, now: float) -> int:
    """The end of what can be missing at `now`: bars that open before it are over and settled."""
    if interval is Interval.M1:
        return interval.floor(now - SETTLED_SECONDS[interval])
    labels = hours.regular.last_labels(now, interval, 10)
    over = labels[hours.regular.ends(labels, interval) + SETTLED_SECONDS[interval] <= now]
    return int(over[-1]) + interval.seconds if len(over) else 0


_Look = Callable[[Connection], Awaitable[dict[str, list[Span]]]]
"""Looks what is missing, by symbol."""


def _lacking(interval: Interval, places: Places) -> _Look:
    """What is missing of these places."""
    return lambda connection: missing(connection, interval, places)


def _days_lacking(members: Sequence[Instrument], labels: Sequence[int], before: int) -> _Look:
    """Which of these days are missing, of each as long as it is listed."""
    listed = [(one.symbol, span) for one in members if (span := _listed(one, before))]

    async def look(connection: Connection) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for symbol, day in await gaps.days_of(connection, listed, labels):
            found.setdefault(symbol, []).append(Span(day, day + Interval.D1.seconds))
        return found

    return look


async def missing(
    connection: Connection | Database, interval: Interval, places: Places
) -> dict[str, list[Span]]:
    """By symbol, what is missing of these places; a symbol that lacks nothing is left out."""
    found: dict[str, list[Span]] = {}
    if interval is Interval.D1:
        days = await gaps.days(connection, [(symbol, span.start) for symbol, span in places])
        spans = [(symbol, Span(day, day + interval.seconds)) for symbol, day in days]
    else:
        spans = await gaps.minutes(connection, places)
    for symbol, span in spans:
        found.setdefault(symbol, []).append(span)
    return found


def _by_hours(instruments: Iterable[Instrument]) -> dict[MarketHours, list[Instrument]]:
    found: dict[MarketHours, list[Instrument]] = {}
    for one in instruments:
        try:
            found.setdefault(hours_of(one.exchange, one.asset_type), []).append(one)
        except ValueError:  # no calendar: the sweeper says so for each of them
            continue
    return found


def _within_caps(new: Sequence[New], depths: Mapping[Tier, Depth], settings: Settings) -> list[New]:
    """As many as the queue of each tier may still take, newest first; the others are found again later."""
    room = {tier: settings.backfill_max_queue(tier) - depths[tier].queued for tier in Tier}
    taken: list[New] = []
    for one in sorted(new, key=lambda one: -one.span.end):
        if room[one.tier] > 0:
            room[one.tier] -= 1
            taken.append(one)
    return taken
