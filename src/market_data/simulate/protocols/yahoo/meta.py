"""The `meta` of a chart: what the instrument is, its last price and its trading periods."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate.protocol import Ask
from market_data.simulate.protocols.yahoo.window import RANGES, Window, zone_of
from market_data.simulate.tape import Listing

LOOK_BACK = 15 * 86_400
"""Seconds in which there has been a session, whatever the holidays."""

_KINDS = {
    AssetType.EQUITY: ("EQUITY", "NMS", "NasdaqGS"),
    AssetType.ETF: ("ETF", "PCX", "NYSEArca"),
    AssetType.INDEX: ("INDEX", "SNP", "SNP"),
    AssetType.CRYPTO: ("CRYPTOCURRENCY", "CCC", "CCC"),
}


def meta(ask: Ask, listing: Listing, window: Window) -> dict[str, object]:
    """Every key that real answers have; without those of prices where there never was one."""
    zone = zone_of(listing)
    offset, name = _offset(int(ask.now), zone)
    kind, exchange, full_exchange = _KINDS[listing.asset_type]
    intraday = window.interval is not Interval.D1
    return {
        "currency": "USD", "symbol": listing.label, "exchangeName": exchange,
        "fullExchangeName": full_exchange, "instrumentType": kind, "firstTradeDate": listing.first,
        "hasPrePostMarketData": not listing.one_session, "gmtoffset": offset, "timezone": name,
        "exchangeTimezoneName": zone.key, "longName": f"{listing.label} (simulated)",
        "shortName": listing.label, **_prices(ask, listing, window, intraday=intraday), "priceHint": 2,
        "currentTradingPeriod": _current(listing, ask.now, zone),
        **(_trading_periods(listing, window, zone) if intraday else {}),
        "dataGranularity": window.spelled, "range": window.range, "validRanges": list(RANGES),
    }  # fmt: skip


def _prices(ask: Ask, listing: Listing, window: Window, *, intraday: bool) -> dict[str, object]:
    days = _days(ask, listing, int(ask.now) - LOOK_BACK, int(ask.now) + 1)
    if not days:
        return {}
    day, _, high, low, price, volume = days[-1]
    before = _days(ask, listing, window.begin - LOOK_BACK, window.begin - window.begin % Interval.D1.seconds)
    found: dict[str, object] = {
        "regularMarketTime": market_time(listing, day, ask.now), "regularMarketPrice": price,
        # of the day alone: a year of days for each answer would cost more than all the rest
        "fiftyTwoWeekHigh": high, "fiftyTwoWeekLow": low,
        "regularMarketDayHigh": high, "regularMarketDayLow": low, "regularMarketVolume": whole(volume),
        "chartPreviousClose": before[-1][4] if before else price,
    }  # fmt: skip
    if intraday:
        found |= {"previousClose": days[-2][4] if len(days) > 1 else price, "scale": 3}
    return found


def market_time(listing: Listing, day: int, now: float) -> int:
    """When the last regular trade was: a second ago in the session, at the close after it."""
    sessions = listing.hours.regular.sessions(Span(day, day + Interval.D1.seconds))
    return max(min(int(now) - 1, sessions[0].end), sessions[0].start) if sessions else day


def whole(volume: float) -> float:
    """A volume as an integer, as volumes are told."""
    return int(volume) if math.isfinite(volume) else volume


def _days(ask: Ask, listing: Listing, begin: int, end: int) -> list[Row]:
    if begin >= end:
        return []
    return sorted(ask.tape.bars(listing.symbol, Interval.D1, Span(begin, end), ask.now).rows())


def _current(listing: Listing, now: float, zone: ZoneInfo) -> dict[str, object]:
    """The periods of the session that is running or comes next."""
    hours = listing.hours
    at = hours.extended.session_at(now)
    start = at.start if at else hours.extended.next_open(now)
    session = hours.extended.session_at(now if start is None else start) or Span(int(now), int(now) + 1)
    regular = hours.regular.sessions(session)[0]
    if listing.asset_type is AssetType.CRYPTO:  # its last minute is left out, as recorded
        regular = Span(regular.start, regular.end - Interval.M1.seconds)
        session = regular
    return {name: periods[0] for name, periods in _parts(session, regular, zone).items()}


def _trading_periods(listing: Listing, window: Window, zone: ZoneInfo) -> dict[str, object]:
    """A list of days, each a list; with early and late trading a dict of three such lists; or no such key."""
    span = Span(window.begin, window.end + 1)
    days = [
        _parts(session, listing.hours.regular.sessions(session)[0], zone)
        for session in listing.hours.extended.sessions(span)
    ]
    parts = {name: [day[name] for day in days] for name in ("pre", "post", "regular")}
    return {"tradingPeriods": parts if window.early_and_late else parts["regular"]} if days else {}


def _parts(session: Span, regular: Span, zone: ZoneInfo) -> dict[str, list[dict[str, object]]]:
    offset, name = _offset(regular.start, zone)
    edges = {
        "pre": (session.start, regular.start),
        "regular": (regular.start, regular.end),
        "post": (regular.end, session.end),
    }
    return {
        part: [{"timezone": name, "start": start, "end": end, "gmtoffset": offset}]
        for part, (start, end) in edges.items()
    }


def _offset(at: int, zone: ZoneInfo) -> tuple[int, str]:
    local = datetime.fromtimestamp(at, zone)
    offset = local.utcoffset()
    return int(offset.total_seconds()) if offset else 0, local.strftime("%Z")
