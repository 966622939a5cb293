"""Bars from CSV files: any symbol and day."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from market_data.market.bar import Bars
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate.csv_file import CsvBars, read_csv
from market_data.simulate.rollup import by_interval, by_session, so_far, until
from market_data.simulate.tape import Listing, asset_type_of, canonical, trading_hours


@dataclass(frozen=True, slots=True)
class _Reel:
    listing: Listing
    minutes: Bars  # none if the file has days
    days: Bars


class RecordedTape:
    """The bars of `files` (symbol → CSV), value for value; naive times in them are times of `zone`.

    Days are made of the regular session's minutes, unless the file has days: then there are no minutes.
    Raises BadConfig where a file cannot be read.
    """

    def __init__(self, files: Mapping[str, Path], zone: ZoneInfo) -> None:
        self._reels = {
            canonical(symbol): _reel(canonical(symbol), read_csv(path, zone))
            for symbol, path in files.items()
        }

    def listing(self, symbol: str) -> Listing | None:
        """What was recorded of `symbol`; None if nothing was."""
        reel = self._reels.get(symbol)
        return reel.listing if reel else None

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        """See Tape."""
        reel = self._reels.get(symbol)
        if reel is None:
            return Bars.none()
        if interval is Interval.D1:
            return _within(_days(reel, now), span)
        wide = Span(span.start, span.end + interval.seconds)
        minutes = until(_within(reel.minutes, wide), Interval.M1.seconds, now)
        return _within(by_interval(minutes, interval, reel.listing.hours), span)


def _reel(symbol: str, told: CsvBars) -> _Reel:
    asset_type = asset_type_of(symbol)
    hours = trading_hours(asset_type)
    length = Interval.D1 if told.daily else Interval.M1
    first, last = int(told.bars.ts[0]), int(told.bars.ts[-1]) + length.seconds
    listing = Listing(symbol, symbol, asset_type, hours, first, last, told.splits)
    if told.daily:
        return _Reel(listing, Bars.none(), told.bars)
    return _Reel(listing, told.bars, by_session(told.bars, hours))


def _within(bars: Bars, span: Span) -> Bars:
    first, last = np.searchsorted(bars.ts, (span.start, span.end))
    return bars.take(np.arange(first, last))


def _days(reel: _Reel, now: float) -> Bars:
    """The days that had begun before `now`; of the running one what there was to see."""
    hours = reel.listing.hours
    running = hours.regular.session_before(now)
    if running is None:
        return Bars.none()
    today = running.start - running.start % Interval.D1.seconds
    past = reel.days.take(reel.days.ts < today)
    if len(reel.minutes):
        minutes = until(_within(reel.minutes, running), Interval.M1.seconds, now)
        seen = by_session(minutes, hours)
    else:
        fraction = (now - running.start) / running.seconds
        rows = reel.days.take(reel.days.ts == today).rows() if fraction > 0 else []
        seen = Bars.of([(row[0], *so_far(row[1:], fraction)) for row in rows])
    return Bars.joined([past, seen])
