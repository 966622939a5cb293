"""Believes a judged answer, or not: what is strange is held against what is known and what others tell."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from market_data.events import BarsDoubted, Tell
from market_data.market.bar import Bars, Mask
from market_data.market.doubt import LASTS, Context, Doubt, Evidence, Finding, Outcome, decide, is_plain
from market_data.market.interval import Interval
from market_data.market.quality import Reason, Rejected, Verdict
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.store import closes
from market_data.store.connect import Database

MOST_KNOWN = 20_000
"""Series whose newest close is remembered; past it the oldest is forgotten, which costs a question."""
MOST_HELD = 10
"""How often a bar is held back in a row for what comes after it; then it is taken in as it is."""
WITHIN = {Interval.D1: 30 * 86_400}
"""By interval, how many seconds away a bar may be for its close to say something."""
WITHIN_OF_MINUTES = 10 * 86_400
WINDOW_BARS = 300
"""Bars of one question to another provider: what all of them answer in one call."""
MOST_ASKED = 5
"""Questions to others about one answer; what is left over is decided without."""

Ask = Callable[[Sequence[Span]], Awaitable[Sequence[Evidence]]]
"""What others tell of each of some spans, as far as somebody can tell."""

_REASONS = {Doubt.JUMP: Reason.JUMP, Doubt.SPREAD: Reason.SPREAD, Doubt.VOLUME: Reason.VOLUME}
_LEFT_OUT = {Outcome.DENIED, Outcome.REJECTED, Outcome.HELD}


@dataclass(frozen=True, slots=True)
class Told:
    """Judged bars of a series, who told them, and when."""

    symbol: str
    interval: Interval
    provider: str
    reach: Reach
    hours: MarketHours
    verdict: Verdict
    anew: bool = False  # the provider tells its history anew: what is known of it says nothing


@dataclass(frozen=True, slots=True)
class Believed:
    """What is left of a verdict, and the labels (epoch seconds) of the bars that are waited for, in order."""

    verdict: Verdict
    held: tuple[int, ...] = ()


class Believer:
    """Remembers the newest close of each series, to hold the next answer against it."""

    def __init__(self, database: Database, tell: Tell) -> None:
        self._database = database
        self._tell = tell
        self._known: OrderedDict[tuple[str, str, str], tuple[int, float]] = OrderedDict()
        self._held: OrderedDict[tuple[str, str, str], dict[int, int]] = OrderedDict()
        """By series the labels that were held back the last time, and how often in a row."""

    async def __call__(self, told: Told, ask: Ask | None) -> Believed:
        """The good bars of an answer as far as they can be believed; the others are rejected, or held back.

        Another provider is asked only where something is strange. Raises StoreUnavailable.
        """
        bars = told.verdict.good
        if not len(bars):
            return Believed(told.verdict)
        context = await self._context(told)
        believed = Believed(told.verdict)
        if not is_plain(bars, context):
            context = replace(context, opens_session=_opens_session(told))
            findings = decide(bars, context)
            if findings and ask is not None:
                findings = decide(bars, context, await ask(_windows(bars, findings, told.interval)))
            believed = self._sorted_out(told, findings)
        self._remember(told, believed)
        return believed

    async def _context(self, told: Told) -> Context:
        bars = told.verdict.good
        first, last = int(bars.ts[0]), int(bars.ts[-1])
        within = WITHIN.get(told.interval, WITHIN_OF_MINUTES)
        at, close = self._known.get(_key(told), (0, 0.0))
        beside = closes.Beside(None, None)
        if first - within <= at <= last:  # as with nearly all live answers
            beside = closes.Beside(close, None)
        elif not told.anew:
            span = Span(first, last + told.interval.seconds)
            beside = await closes.beside(
                self._database, told.symbol, told.interval, told.reach.adjustment, span, within=within
            )
        return Context(
            interval=told.interval,
            adjustment=told.reach.adjustment,
            moves_have_volume=told.reach.trades_alone,
            before=None if told.anew else beside.before,
            after=None if told.anew else beside.after,
            waited_for=self._waited_for(told),
        )

    def _sorted_out(self, told: Told, findings: Sequence[Finding]) -> Believed:
        """The verdict without what is not believed."""
        counts = Counter[tuple[str, str]]()
        reasons: dict[int, Reason] = {}
        held: list[int] = []
        for one in findings:
            counts[one.doubt.value, one.outcome.value] += len(one.places)
            if one.outcome is Outcome.HELD:
                held += one.places.tolist()
            elif one.outcome in _LEFT_OUT:
                reasons |= dict.fromkeys(one.places.tolist(), _REASONS[one.doubt])
        for (doubt, outcome), count in sorted(counts.items()):
            self._tell(BarsDoubted(told.symbol, told.interval, told.provider, doubt, outcome, count))
        good, rows = told.verdict.good, told.verdict.good.rows() if reasons else []
        kept: Mask = np.ones(len(good), np.bool_)
        kept[[*reasons, *held]] = False
        rejected = tuple(Rejected(rows[place], reason) for place, reason in sorted(reasons.items()))
        verdict = Verdict(good.take(kept), told.verdict.rejected + rejected)
        return Believed(verdict, tuple(good.ts[sorted(held)].tolist()))

    def _waited_for(self, told: Told) -> frozenset[int]:
        held = self._held.get(_key(told), {})
        return frozenset(label for label, times in held.items() if times >= MOST_HELD)

    def _remember(self, told: Told, believed: Believed) -> None:
        key, good = _key(told), believed.verdict.good
        before = self._held.pop(key, {})
        if believed.held:
            self._held[key] = {label: before.get(label, 0) + 1 for label in believed.held}
        if len(good) and int(good.ts[-1]) >= self._known.get(key, (0, 0.0))[0]:
            self._known[key] = (int(good.ts[-1]), float(good.close[-1]))
            self._known.move_to_end(key)
        for kept in (self._known, self._held):
            if len(kept) > MOST_KNOWN:
                kept.popitem(last=False)


def _key(told: Told) -> tuple[str, str, str]:
    kind = told.reach.adjustment.value if told.interval is Interval.D1 else ""  # of days each has its rows
    return told.symbol, told.interval.value, kind


def _opens_session(told: Told) -> Mask:
    """Which bars are the first after a break of the market: of the first bar that is supposed."""
    ts = told.verdict.good.ts
    grid = told.hours.regular if told.interval is Interval.D1 else told.hours.kept
    starts = grid.days if told.interval is Interval.D1 else grid.opens
    session = np.maximum(np.searchsorted(starts, ts, side="right") - 1, 0)
    before = np.concatenate((np.maximum(session[:1] - 1, 0), session[:-1]))
    opens: Mask = (session != before) & (grid.opens[session] > grid.closes[np.maximum(session - 1, 0)])
    return opens


def _windows(bars: Bars, findings: Sequence[Finding], interval: Interval) -> list[Span]:
    """Where others have to be asked: the first bars of each finding, near ones in one question."""
    labels = sorted({int(bars.ts[place]) for one in findings for place in one.places[:LASTS].tolist()})
    windows: list[Span] = []
    for label in labels:
        end = label + interval.seconds
        if windows and end - windows[-1].start <= WINDOW_BARS * interval.seconds:
            windows[-1] = Span(windows[-1].start, end)
        elif len(windows) < MOST_ASKED:
            windows.append(Span(label, end))
    return windows
