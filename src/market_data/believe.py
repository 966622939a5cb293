"""Decides which judged bars of an answer are stored and which are quarantined."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from market_data.events import BarsDoubted, Tell
from market_data.market.bar import Bars, Mask
from market_data.market.decide import decide
from market_data.market.doubt import is_plain
from market_data.market.interval import Interval
from market_data.market.outcome import Evidence, Finding, Outcome
from market_data.market.quality import Verdict
from market_data.market.quarantined import NO_CHANGE, Entry, QuarantineChange
from market_data.market.sequence import Around, Laid, Received, lay
from market_data.market.session import MarketHours
from market_data.market.settle import Settled, settle
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.store import closes, quarantine
from market_data.store.closes import Beside, Stored
from market_data.store.connect import Database

MOST_KNOWN = 20_000
"""Series whose newest close is remembered; past it the oldest is forgotten, which costs a query."""
WITHIN = {Interval.D1: 30 * 86_400}
"""By interval, how many seconds away a bar may be for its close to say something."""
WITHIN_OF_MINUTES = 10 * 86_400
BARS_AROUND = 6
"""Stored bars before and after an answer with something strange that it is compared with."""
WINDOW_BARS = 300
"""Bars of one query to another provider: what all of them answer in one call."""
MOST_ASKED = 5
"""Queries to others about one answer; what is left over is decided without."""
REFRESH_SECONDS = 10.0
"""How long a replica may not know of bars that another one has quarantined."""

Ask = Callable[[Sequence[Span]], Awaitable[Sequence[Evidence]]]
"""What others send for each of some spans, as far as any can."""


@dataclass(frozen=True, slots=True)
class Told:
    """Judged bars of a series, the provider that sent them, and when it was asked (epoch seconds)."""

    symbol: str
    interval: Interval
    provider: str
    reach: Reach
    hours: MarketHours
    verdict: Verdict
    asked_at: float = 0.0
    anew: bool = False  # the provider sends its whole history again: what is stored of it says nothing


@dataclass(frozen=True, slots=True)
class Believed:
    """What is left of a verdict, what changes in the quarantine, and what others sent in place of its bars.

    `doubted` are the labels (epoch seconds) of bars that are quarantined and that nobody contradicts.
    """

    verdict: Verdict
    change: QuarantineChange = NO_CHANGE
    instead: Sequence[Evidence] = ()
    doubted: tuple[int, ...] = ()


class _Newest(NamedTuple):
    """The newest believed bar of a series."""

    label: int
    close: float
    provider: str


class Believer:
    """Remembers the newest close of each series, and where bars are quarantined, to compare answers with."""

    def __init__(self, database: Database, tell: Tell) -> None:
        self._database = database
        self._tell = tell
        self._known: OrderedDict[tuple[str, str, str], _Newest] = OrderedDict()
        self._quarantined: dict[tuple[str, str], Span] = {}
        self._refreshed: float | None = None

    async def __call__(self, told: Told, ask: Ask | None) -> Believed:
        """The good bars of an answer as far as they can be believed; the others are quarantined.

        Another provider is asked only where something is strange. Raises StoreUnavailable.
        """
        bars = told.verdict.good
        if not len(bars):
            return Believed(told.verdict)
        beside = await self._beside(told)
        entries = await self._entries(told)
        believed = Believed(told.verdict)
        trades = told.reach.trades_alone
        plain = is_plain(bars, told.interval, moves_have_volume=trades, before=beside.before)
        if not plain or entries or beside.others:
            believed = await self._closely(told, entries, ask)
        self._remember(told, believed)
        return believed

    async def _beside(self, told: Told) -> Beside:
        """What is known beside an answer: nearly always from memory."""
        bars = told.verdict.good
        first, last = int(bars.ts[0]), int(bars.ts[-1])
        within = WITHIN.get(told.interval, WITHIN_OF_MINUTES)
        known = self._known.get(_key(told))
        if told.anew:
            return Beside(None, others=False)
        if known is not None and known.provider == told.provider and first - within <= known.label <= last:
            return Beside(known.close, others=False)
        return await closes.beside(
            self._database,
            told.symbol,
            told.interval,
            told.reach.adjustment,
            _span(told),
            provider=told.provider,
            within=within,
        )

    async def _entries(self, told: Told) -> Sequence[Entry]:
        """What the quarantine has of the time of an answer."""
        if self._refreshed is None or abs(told.asked_at - self._refreshed) >= REFRESH_SECONDS:
            self._quarantined = await quarantine.series(self._database)
            self._refreshed = told.asked_at
        where = self._quarantined.get((told.symbol, told.interval.value))
        if where is None or where.overlap(_span(told)) is None:
            return ()
        return await quarantine.within(self._database, told.symbol, told.interval, _span(told))

    async def _closely(self, told: Told, entries: Sequence[Entry], ask: Ask | None) -> Believed:
        """Judge an answer against what is stored and quarantined around it, and against other providers."""
        stored = await self._stored(told)
        received = Received(
            told.interval,
            told.provider,
            told.reach.adjustment,
            told.reach.trades_alone,
            told.asked_at,
            told.verdict.good,
            _opens_session(told),
        )
        around = Around(stored.bars, stored.providers, entries)
        laid = lay(received, around, quarantine.repeats_after(told.interval))
        findings = decide(laid.bars, laid.context, laid.evidence)
        strange = [
            finding
            for finding in findings
            if finding.witness is None and finding.outcome is not Outcome.REJECTED
        ]
        if strange and ask is not None:
            asked = await ask(_windows(laid, strange, told.interval))
            findings = decide(laid.bars, laid.context, [*laid.evidence, *asked])
        return self._applied(told, settle(laid, findings))

    async def _stored(self, told: Told) -> Stored:
        if told.anew:
            return Stored(Bars.none(), ())
        return await closes.around(
            self._database,
            told.symbol,
            told.interval,
            told.reach.adjustment,
            _span(told),
            bars=BARS_AROUND,
            within=WITHIN.get(told.interval, WITHIN_OF_MINUTES),
        )

    def _applied(self, told: Told, settled: Settled) -> Believed:
        """State what was found, and note where bars are quarantined now."""
        for (doubt, outcome), count in sorted(settled.counts.items()):
            self._tell(BarsDoubted(told.symbol, told.interval, told.provider, doubt, outcome, count))
        if settled.change.put:
            key, span = (told.symbol, told.interval.value), _span(told)
            where = self._quarantined.get(key, span)
            self._quarantined[key] = Span(min(where.start, span.start), max(where.end, span.end))
        verdict = Verdict(told.verdict.good.take(settled.kept), told.verdict.rejected + settled.rejected)
        return Believed(verdict, settled.change, settled.instead, settled.doubted)

    def _remember(self, told: Told, believed: Believed) -> None:
        key, good = _key(told), believed.verdict.good
        known = self._known.get(key)
        if len(good) and (known is None or int(good.ts[-1]) >= known.label):
            self._known[key] = _Newest(int(good.ts[-1]), float(good.close[-1]), told.provider)
            self._known.move_to_end(key)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)


def _key(told: Told) -> tuple[str, str, str]:
    kind = told.reach.adjustment.value if told.interval is Interval.D1 else ""  # of days each has its rows
    return told.symbol, told.interval.value, kind


def _span(told: Told) -> Span:
    bars = told.verdict.good
    return Span(int(bars.ts[0]), int(bars.ts[-1]) + told.interval.seconds)


def _opens_session(told: Told) -> Mask:
    """Which bars are the first after a break of the market: the first bar of an answer is supposed to be."""
    ts = told.verdict.good.ts
    grid = told.hours.regular if told.interval is Interval.D1 else told.hours.kept
    starts = grid.days if told.interval is Interval.D1 else grid.opens
    session = np.maximum(np.searchsorted(starts, ts, side="right") - 1, 0)
    before = np.concatenate((np.maximum(session[:1] - 1, 0), session[:-1]))
    opens: Mask = (session != before) & (grid.opens[session] > grid.closes[np.maximum(session - 1, 0)])
    return opens


def _windows(laid: Laid, findings: Sequence[Finding], interval: Interval) -> list[Span]:
    """Where others have to be asked: all doubted bars, near ones in one query."""
    labels = sorted({int(laid.bars.ts[place]) for finding in findings for place in finding.places.tolist()})
    windows: list[Span] = []
    for label in labels:
        end = label + interval.seconds
        if windows and end - windows[-1].start <= WINDOW_BARS * interval.seconds:
            windows[-1] = Span(windows[-1].start, end)
        elif len(windows) < MOST_ASKED:
            windows.append(Span(label, end))
    return windows
