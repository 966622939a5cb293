"""What really traded, and what each provider has of it: a tape per provider, under the simulator's clock."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from market_data.calendar import hours_of
from market_data.market.bar import Adjustment, Bars, Row
from market_data.market.capability import Capability
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.providers import discover
from market_data.simulate.rollup import by_interval, by_session, so_far, until
from market_data.simulate.tape import Listing, Tape, asset_type_of, canonical, trading_hours

from .adapter import SIMULATOR_ADJUSTS, with_splits

DAY = Interval.D1.seconds

Edit = Callable[[Bars, float], Bars]
"""What a provider has of some minutes at a moment, made of what others have."""


@dataclass(frozen=True, slots=True)
class Split:
    """From `effective` on (epoch seconds), one share of before is `ratio` shares."""

    effective: int
    ratio: float


@dataclass(slots=True)
class Story:
    """One symbol: raw minutes, or days where it has no minutes; its splits; and how its providers differ."""

    symbol: str
    hours: MarketHours
    minutes: Bars = field(default_factory=Bars.none)
    days: Bars = field(default_factory=Bars.none)
    splits: list[Split] = field(default_factory=list)
    edits: dict[str, list[Edit]] = field(default_factory=dict)  # by provider; "*" is every provider
    own_minutes: dict[str, Bars] = field(default_factory=dict)  # by provider: instead of all others
    own_days: dict[str, Bars] = field(default_factory=dict)
    unknown_at: set[str] = field(default_factory=set)  # providers that have never heard of it

    def listing(self) -> Listing:
        """What the simulator says of it."""
        first = min((int(bars.ts[0]) for bars in (self.minutes, self.days) if len(bars)), default=0)
        listing = Listing(self.symbol, self.symbol, asset_type_of(self.symbol), self.hours, first)
        return with_splits(listing, [(split.effective, split.ratio) for split in self.splits])

    def minutes_of(self, provider: str, span: Span, now: float, *, adjusted: bool) -> Bars:
        """The minutes that a provider has at `now`, at its price level."""
        bars = _within(self.own_minutes.get(provider, self.minutes), span)
        for edit in (*self.edits.get("*", ()), *self.edits.get(provider, ())):
            bars = edit(bars, now)
        bars = until(bars, Interval.M1.seconds, now)
        return self.level(bars, now) if adjusted else bars

    def days_of(self, provider: str, span: Span, now: float, *, adjusted: bool) -> Bars:
        """The days that a provider has at `now`; the running one as far as it has come."""
        told = self.own_days.get(provider, self.days)
        if len(told):
            bars = _within(_begun(told, self.hours, now), span)
        else:
            around = _within(self.minutes, Span(span.start - DAY, span.end + DAY))
            bars = _within(by_session(until(around, Interval.M1.seconds, now), self.hours), span)
        return self.level(bars, now) if adjusted else bars

    def level(self, bars: Bars, now: float) -> Bars:
        """Raw bars as one who adjusts for splits reports them at `now`."""
        for split in self.splits:
            if split.effective <= now:
                before = bars.ts < split.effective
                bars = _scaled(bars, np.where(before, split.ratio, 1.0))
        return bars


@dataclass(slots=True)
class Truth:
    """Every symbol's story. Symbols without one are unknown everywhere."""

    stories: dict[str, Story] = field(default_factory=dict)

    def story(self, symbol: str, exchange: str | None = None) -> Story:
        """The story of a symbol, begun if there is none; `exchange` says when it trades."""
        name = canonical(symbol)
        kind = asset_type_of(name)
        found = self.stories.get(name)
        if found is None:
            hours = hours_of(exchange, kind) if exchange else trading_hours(kind)
            found = self.stories[name] = Story(name, hours)
        return found

    def tapes(self) -> dict[str, Tape]:
        """By provider, what it plays."""
        return {name: ProviderTape(self, name) for name in discover()}


@dataclass(frozen=True, slots=True)
class ProviderTape:
    """What one provider has; see market_data.simulate.tape.Tape."""

    truth: Truth
    provider: str

    def listing(self, symbol: str) -> Listing | None:
        story = self.truth.stories.get(symbol)
        if story is None or self.provider in story.unknown_at:
            return None
        known = len(story.minutes) or len(story.days) or self.provider in story.own_minutes
        return story.listing() if known else None

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        story = self.truth.stories.get(symbol)
        if story is None or self.provider in story.unknown_at:
            return Bars.none()
        if interval is Interval.D1:
            return story.days_of(self.provider, span, now, adjusted=self._adjusts(Capability.EOD))
        adjusted = self._adjusts(Capability.BARS_1M)
        wide = Span(span.start, span.end + interval.seconds)
        found = story.minutes_of(self.provider, wide, now, adjusted=adjusted)
        return _within(by_interval(found, interval, story.hours), span)

    def _adjusts(self, capability: Capability) -> bool:
        if SIMULATOR_ADJUSTS:
            return False
        reach = discover()[self.provider].facts.reach.get(capability)
        return reach is not None and reach.adjustment is not Adjustment.RAW


def missing(labels: Collection[int]) -> Edit:
    """Never has the minutes with these labels."""
    gone = np.array(sorted(labels), np.int64)
    return lambda bars, _: bars.take(~np.isin(bars.ts, gone))


def every(count: int, offset: int = 0) -> Edit:
    """Never has every `count`th minute."""
    return lambda bars, _: bars.take((bars.ts // 60) % count != offset % count)


def late(seconds: float) -> Edit:
    """Has each minute only so long after its end."""
    return lambda bars, now: bars.take(bars.ts + 60 + seconds <= now)


def hidden(labels: Collection[int], until_: float) -> Edit:
    """Has these minutes only from `until_` on."""
    gone = np.array(sorted(labels), np.int64)
    return lambda bars, now: bars if now >= until_ else bars.take(~np.isin(bars.ts, gone))


def silent(since: float, until_: float) -> Edit:
    """Has nothing at all while a phase lasts."""
    return lambda bars, now: Bars.none() if since <= now < until_ else bars


def late_while(seconds: float, until_: float) -> Edit:
    """Is late until a moment, and then is not."""
    hold = late(seconds)
    return lambda bars, now: hold(bars, now) if now < until_ else bars


def revised(label: int, since: float, **values: float) -> Edit:
    """Reports other values of a minute from `since` on."""

    def edit(bars: Bars, now: float) -> Bars:
        if now < since or label not in bars.ts:
            return bars
        return _changed(bars, label, values)

    return edit


def _changed(bars: Bars, label: int, values: dict[str, float]) -> Bars:
    hit = bars.ts == label
    columns: dict[str, Any] = {name: np.where(hit, one, getattr(bars, name)) for name, one in values.items()}
    told = replace(bars, **columns)
    high = np.maximum(told.high, np.maximum(told.open, told.close))
    low = np.minimum(told.low, np.minimum(told.open, told.close))
    return replace(told, high=high, low=low)


def bars_of(rows: Iterable[Row]) -> Bars:
    """Rows as bars, in order of time."""
    return Bars.of(sorted(rows))


def _scaled(bars: Bars, ratio: "np.typing.NDArray[np.float64]") -> Bars:
    return Bars(
        bars.ts,
        np.round(bars.open / ratio, 6),
        np.round(bars.high / ratio, 6),
        np.round(bars.low / ratio, 6),
        np.round(bars.close / ratio, 6),
        np.round(bars.volume * ratio, 6),
    )


def _begun(days: Bars, hours: MarketHours, now: float) -> Bars:
    """The days that have begun; of the running one what there was to see."""
    session = hours.regular.session_before(now)
    if session is None:
        return Bars.none()
    today = session.start - session.start % DAY
    past = days.take(days.ts < today)
    share = (now - session.start) / session.seconds
    running = Bars.of([(row[0], *so_far(row[1:], share)) for row in days.take(days.ts == today).rows()])
    return Bars(*(np.concatenate(pair) for pair in zip(past.columns(), running.columns(), strict=True)))


def _within(bars: Bars, span: Span) -> Bars:
    first, last = np.searchsorted(bars.ts, (span.start, span.end))
    return bars.take(slice(int(first), int(last)))
