"""A tape at the split-adjusted level, as some providers send it: prices before a split are divided by it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from market_data.errors import BadQuestion
from market_data.market.bar import Bars, Split
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.market.split import effects, session_day, session_days
from market_data.simulate.tape import Listing, Tape, canonical


@dataclass(frozen=True, slots=True)
class AdjustedTape:
    """`tape` with its prices divided, and its volumes multiplied, by the splits between a bar and now."""

    tape: Tape

    def listing(self, symbol: str) -> Listing | None:
        """What the tape knows."""
        return self.tape.listing(symbol)

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        """The bars as they are adjusted at `now`."""
        bars, listing = self.tape.bars(symbol, interval, span, now), self.tape.listing(symbol)
        if listing is None or not listing.splits or not len(bars):
            return bars
        days = bars.ts if interval is Interval.D1 else session_days(listing.hours, bars.ts)
        by = effects(days, session_day(listing.hours, now), listing.splits)
        prices = {name: getattr(bars, name) / by for name in ("open", "high", "low", "close")}
        return replace(bars, **prices, volume=bars.volume * by)


def split_events(listing: Listing, begin: int, end: int, now: float) -> list[tuple[int, Split]]:
    """The splits that have taken effect, each with when its session opens, within [begin, end]."""
    hours, today = listing.hours, session_day(listing.hours, now)
    opens = dict(zip(hours.regular.days.tolist(), hours.regular.opens.tolist(), strict=True))
    stamped = [
        (opens.get(split.effective, split.effective), split)
        for split in listing.splits
        if split.effective <= today
    ]
    return [(at, one) for at, one in stamped if begin <= at <= end]


def read_split(told: Mapping[str, object]) -> tuple[str, Split]:
    """The symbol and the split of {"symbol", "date", "ratio"}; BadQuestion says what would be right."""
    symbol, day, ratio = told.get("symbol"), told.get("date"), told.get("ratio")
    if not isinstance(symbol, str) or not symbol.strip():
        raise BadQuestion("symbol: name one, as in {'symbol': 'AAPL', 'date': '2024-06-10', 'ratio': 10}")
    try:
        label = datetime.combine(date.fromisoformat(str(day)), datetime.min.time(), UTC)
    except ValueError:
        raise BadQuestion(f"date: {str(day)[:40]!r} is not a date: write 2024-06-10") from None
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1e6:
        raise BadQuestion(f"ratio: {str(ratio)[:40]!r} is not a number above 0: write 10 for a 10:1 split")
    return canonical(symbol), Split(int(label.timestamp()), float(ratio))
