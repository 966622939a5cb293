"""The chart: columns with gaps, the minute that has only begun, and the trade that is off the grid."""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from market_data.market.bar import Bars, Numbers, Split
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate.adjust import split_events
from market_data.simulate.protocol import Ask, Reply
from market_data.simulate.protocols.yahoo.meta import meta, whole
from market_data.simulate.protocols.yahoo.window import Window, problem, read_window
from market_data.simulate.rollup import by_interval
from market_data.simulate.tape import Listing

CACHED = {"Cache-Control": "public, max-age=10, stale-while-revalidate=20"}

_UNKNOWN = "No data found, symbol may be delisted"


@dataclass(frozen=True, slots=True)
class Rows:
    """A chart's columns; None where Yahoo tells null."""

    times: list[int]
    columns: dict[str, list[float | None]]  # open, high, low, close, volume

    def add(self, time: int, price: float | None, volume: float | None) -> None:
        """One more row, whose four prices are one."""
        self.times.append(time)
        for name, column in self.columns.items():
            column.append(volume if name == "volume" else price)


def chart(ask: Ask, symbol: str) -> Reply:
    """The answer to a request for one symbol's chart."""
    listing = ask.tape.listing(symbol)
    if listing is None:
        return problem(404, "Not Found", _UNKNOWN)
    window = read_window(ask.params, listing, ask.now)
    if isinstance(window, Reply):
        return window
    rows = chart_rows(ask, listing, window)
    result: dict[str, object] = {"meta": meta(ask, listing, window)}
    if events := _events(ask, listing, window):
        result["events"] = {"splits": events}
    indicators: dict[str, object] = {"quote": [{}]}
    if rows.times:
        result["timestamp"] = rows.times
        indicators = {"quote": [rows.columns]}
        if window.interval is Interval.D1:
            indicators["adjclose"] = [{"adjclose": rows.columns["close"]}]
    result["indicators"] = indicators
    return Reply(200, {"chart": {"result": [result], "error": None}}, CACHED)


def _events(ask: Ask, listing: Listing, window: Window) -> dict[str, object]:
    """The splits of the window, if they are asked for, by when their sessions open."""
    if not re.search(r"\bsplits?\b", ask.params.get("events", "")):
        return {}
    return {str(at): _split(at, one) for at, one in split_events(listing, window.begin, window.end, ask.now)}


def _split(at: int, one: Split) -> dict[str, object]:
    ratio = Fraction(one.ratio).limit_denominator(1000)
    shares = {"numerator": ratio.numerator, "denominator": ratio.denominator}
    return {"date": at, **shares, "splitRatio": f"{ratio.numerator}:{ratio.denominator}"}


def chart_rows(ask: Ask, listing: Listing, window: Window) -> Rows:
    """The rows of a window: daily ones stamped with their session's open, the running day's included."""
    if window.interval is Interval.D1:
        return _rows(_stamped_days(ask, listing, window))
    bars = ask.tape.bars(listing.symbol, window.interval, Span(window.begin, window.end + 1), ask.now)
    regular = listing.hours.regular.holds(bars.ts)
    if window.early_and_late:
        volume = np.where(regular, bars.volume, 0.0)
        bars = Bars(bars.ts, bars.open, bars.high, bars.low, bars.close, volume)
    elif not listing.one_session:
        bars = bars.take(regular)
    grid = listing.hours.extended if window.early_and_late else listing.hours.regular
    if not grid.is_open(ask.now):
        return _rows(bars)
    return _with_live_row(bars, _slot(listing, window.interval, ask.now), window, ask.now)


def _with_live_row(bars: Bars, slot: int, window: Window, now: float) -> Rows:
    """The finished bars, nulls for the slot that is running, and its last trade at the second it happened."""
    forming = bars.take(bars.ts == slot)
    rows = _rows(bars.take(bars.ts != slot))
    if not window.begin <= slot <= window.end:
        return rows
    rows.add(slot, None, None)
    traded = int(now) - 1
    if len(forming) and slot < traded <= window.end:
        rows.add(traded, float(np.float32(forming.close[-1])), 0)
    return rows


def _slot(listing: Listing, interval: Interval, now: float) -> int:
    minute = Bars.of([(Interval.M1.floor(now), 1.0, 1.0, 1.0, 1.0, 0.0)])
    return int(by_interval(minute, interval, listing.hours).ts[0])


def _stamped_days(ask: Ask, listing: Listing, window: Window) -> Bars:
    day = Interval.D1.seconds
    span = Span(window.begin - day, window.end + day)
    bars = ask.tape.bars(listing.symbol, Interval.D1, span, ask.now)
    opens = {one.start - one.start % day: one.start for one in listing.hours.regular.sessions(span)}
    stamps = np.array([opens.get(label, label) for label in bars.ts.tolist()], np.int64)
    stamped = Bars(stamps, *bars.columns()[1:])
    return stamped.take((stamps >= window.begin) & (stamps <= window.end))


def _rows(bars: Bars) -> Rows:
    names = ("open", "high", "low", "close")
    columns = {name: _noisy(column) for name, column in zip(names, bars.columns()[1:5], strict=True)}
    volume: list[float | None] = [whole(one) for one in bars.volume.tolist()]
    return Rows(bars.ts.tolist(), {**columns, "volume": volume})


def _noisy(prices: Numbers) -> list[float | None]:
    """Prices as Yahoo tells them: single precision, written out as double."""
    noisy: list[float | None] = prices.astype(np.float32).astype(np.float64).tolist()
    return noisy
