"""Alpaca on the wire: bars in pages, snapshots and the latest of each, for stocks by feed and for crypto."""

import math
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import cast
from zoneinfo import ZoneInfo

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.provider import Limit
from market_data.simulate.protocol import INVALID_KEY, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing, canonical

_STOCKS, _CRYPTO = "v2/stocks", "v1beta3/crypto/us"
_LATEST = ("trades", "quotes", "bars")
FACTS = Facts(
    name="alpaca",
    title="Alpaca",
    base_path="",
    limits={Plan.FREE: (Limit(200, 60),), Plan.PREMIUM: (Limit(10_000, 60),), Plan.UNLIMITED: ()},
    endpoints=frozenset(
        {f"{market}/{kind}" for market in (_STOCKS, _CRYPTO) for kind in ("bars", "snapshots")}
        | {f"{_STOCKS}/{kind}/latest" for kind in _LATEST}
        | {f"{_CRYPTO}/latest/{kind}" for kind in _LATEST}
    ),
)

USUAL_ROWS = 1000
"""Rows of a page, of all symbols together, if no `limit` is asked for."""
MOST_ROWS = 10_000
HELD_BACK = 900
"""Seconds: of all exchanges a free key sees nothing newer."""
LOOK_BACK = 5 * 86_400
"""Seconds in which there has been a session, whatever the holidays."""
JUST_NOW = 900
"""Seconds in which a market that is open has had a trade, most likely."""

_NEW_YORK = ZoneInfo("America/New_York")
_TIMEFRAMES = {
    **dict.fromkeys(("1Min", "1T"), Interval.M1), **dict.fromkeys(("5Min", "5T"), Interval.M5),
    **dict.fromkeys(("15Min", "15T"), Interval.M15), **dict.fromkeys(("1Day", "1D"), Interval.D1),
}  # fmt: skip
_FEEDS = frozenset({"iex", "sip", "delayed_sip"})
"""All tell the same bars here: a tape has one volume. The real IEX has 2 to 3 % of it, and fewer minutes."""
_RECENT = "subscription does not permit querying recent SIP data"
_PAIR = re.compile(r"([A-Z0-9]+)[/-]([A-Z]+)")


@dataclass(frozen=True, slots=True)
class _Window:
    """Both ends belong to it."""

    interval: Interval
    begin: int
    end: int
    limit: int
    ascending: bool
    after: tuple[str, int] | None  # the last row of the page before, by symbol and label


class _Wrong(Exception):
    """A parameter that cannot be."""


def endpoint_of(ask: Ask) -> str:
    """The path."""
    return ask.path.strip("/")


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The `symbols` parameter; BTC/USD is BTC-USD."""
    listed = (one.strip().upper() for one in ask.params.get("symbols", "").split(","))
    return tuple(sorted({canonical(_PAIR.sub(r"\1-\2", one)) for one in listed if one}))


def render(ask: Ask) -> Reply:
    """The answer to any request; crypto needs no key."""
    endpoint = endpoint_of(ask)
    key, secret = (ask.headers.get(f"apca-api-{name}", "") for name in ("key-id", "secret-key"))
    crypto = endpoint.startswith(_CRYPTO)
    if INVALID_KEY in {key, secret}:
        return _error(ask, 403, "forbidden.")
    if not (key and secret) and not crypto:
        return _error(ask, 401, "unauthorized.")
    if ask.allowance.over:
        return throttled(ask)
    if endpoint not in FACTS.endpoints:
        return _error(ask, 404, "endpoint not found.")
    try:
        return _bars(ask, crypto) if endpoint.endswith("us/bars") or endpoint == f"{_STOCKS}/bars" else (
            _newest(ask, endpoint, crypto)
        )  # fmt: skip
    except _Wrong as wrong:
        return _error(ask, 400, str(wrong))


def throttled(ask: Ask) -> Reply:
    """429, with the same headers as any answer and no Retry-After."""
    reply = _error(ask, 429, "too many requests.")
    return Reply(reply.status, reply.body, {**reply.headers, "X-Ratelimit-Remaining": "0"})


def uneven(body: object) -> object:
    """Bars the last of which has no close: there are no columns here."""
    match body:
        case {"bars": {**told}, **rest}:
            return {"bars": {symbol: _short(rows) for symbol, rows in told.items()}, **rest}
    return body


def _short(rows: object) -> object:
    told = cast("list[Mapping[str, object]]", rows)
    return [*told[:-1], *({name: one for name, one in row.items() if name != "c"} for row in told[-1:])]


def _bars(ask: Ask, crypto: bool) -> Reply:
    window = _window(ask, crypto)
    if _is_recent(ask, crypto, window.end):
        return _error(ask, 403, _RECENT)
    found: dict[str, list[dict[str, object]]] = {}
    room, token = window.limit, None
    for listing in _listings(ask, crypto):
        label = _spelled(listing)
        rows = [row for row in _rows(ask, listing, window) if _follows((label, row[0]), window)]
        if rows and not room:
            token = token or _last_of(found)
            break
        if rows:
            found[label] = [_bar(row) for row in rows[:room]]
            token = _last_of(found) if len(rows) > room else None
            room -= len(found[label])
    return _ok(ask, {"bars": found, "next_page_token": token})


def _rows(ask: Ask, listing: Listing, window: _Window) -> list[Row]:
    """The rows of a window: daily ones stamped with New York's midnight; no minute before it is over."""
    earlier = Interval.D1.seconds if window.interval is Interval.D1 else 0  # the label is before the stamp
    span = Span(window.begin - earlier, window.end + 1)
    bars = ask.tape.bars(listing.symbol, window.interval, span, ask.now)
    if window.interval is not Interval.D1:
        bars = bars.take(bars.ts + window.interval.seconds <= ask.now)
    rows = bars.rows()
    if window.interval is Interval.D1:
        rows = [(_midnight(row[0]), *row[1:]) for row in rows]
    rows = [row for row in rows if window.begin <= row[0] <= window.end]
    return rows if window.ascending else rows[::-1]


def _follows(row: tuple[str, int], window: _Window) -> bool:
    if window.after is None or row[0] != window.after[0]:
        return window.after is None or row[0] > window.after[0]
    return row[1] > window.after[1] if window.ascending else row[1] < window.after[1]


def _newest(ask: Ask, endpoint: str, crypto: bool) -> Reply:
    if _is_recent(ask, crypto, int(ask.now)):
        return _error(ask, 403, _RECENT)
    found: dict[str, object] = {}
    kind = next((one for one in _LATEST if one in endpoint), "snapshots")
    for listing in _listings(ask, crypto):
        snapshot = _snapshot(ask, listing)
        if snapshot is None:
            continue
        name = {"trades": "latestTrade", "quotes": "latestQuote", "bars": "minuteBar"}.get(kind)
        found[_spelled(listing)] = snapshot[name] if name else snapshot
    # alone of all, snapshots of stocks stand at the top
    return _ok(ask, found if kind == "snapshots" and not crypto else {kind: found})


def _snapshot(ask: Ask, listing: Listing) -> dict[str, object] | None:
    """What is newest of a symbol; None where it never traded."""
    days = _back(ask, listing, Interval.D1, LOOK_BACK)
    minutes = _back(ask, listing, Interval.M1, JUST_NOW)
    if len(minutes) < 2:  # one that runs, and none that is over
        minutes = _back(ask, listing, Interval.M1, LOOK_BACK)
    if not minutes:
        return None
    newest = minutes[-1]
    price = newest[4]
    # a trade is told some milliseconds after it happened
    at = min(ask.now - 0.1, newest[0] + Interval.M1.seconds - 0.1)
    stamp = f"{moment(at):%Y-%m-%dT%H:%M:%S.%f}789Z"
    over = [row for row in minutes if row[0] + Interval.M1.seconds <= ask.now]
    stamped = [(_midnight(row[0]), *row[1:]) for row in days]
    return {
        "latestTrade": {"t": stamp, "x": "V", "p": price, "s": 100, "c": ["@"], "i": int(at), "z": "C"},
        "latestQuote": {
            "t": stamp, "ax": "V", "ap": _offer(price, 0.01), "as": 1, "bx": "V", "bp": _offer(price, -0.01),
            "bs": 3, "c": ["R"], "z": "C",
        },
        "minuteBar": _bar(over[-1]) if over else None,
        "dailyBar": _bar(stamped[-1]) if stamped else None,
        "prevDailyBar": _bar(stamped[-2]) if len(stamped) > 1 else None,
    }  # fmt: skip


def _back(ask: Ask, listing: Listing, interval: Interval, seconds: int) -> list[Row]:
    span = Span(int(ask.now) - seconds, int(ask.now) + 1)
    return sorted(ask.tape.bars(listing.symbol, interval, span, ask.now).rows())


def _offer(price: float, off: float) -> float:
    return round(price + off, 2)


def _bar(row: Row) -> dict[str, object]:
    at, opened, high, low, close, volume = row
    return {
        "c": close, "h": high, "l": low, "n": 1 + int(volume) // 100 if math.isfinite(volume) else 0,
        "o": opened, "t": f"{moment(at):%Y-%m-%dT%H:%M:%SZ}",
        "v": int(volume) if math.isfinite(volume) else volume, "vw": (high + low + close) / 3,
    }  # fmt: skip


def _listings(ask: Ask, crypto: bool) -> list[Listing]:
    """What is played of the symbols; those that are unknown are left out without a word."""
    symbols = symbols_of(ask)
    if not symbols:
        raise _Wrong("symbols parameter is required")
    if wrong := [one for one in symbols if not re.fullmatch(r"[\^A-Z0-9.\-]{1,20}", one)]:
        raise _Wrong(f"invalid symbol: {wrong[0][:40]}")
    found = [listing for one in symbols if (listing := ask.tape.listing(one))]
    return [one for one in found if (one.asset_type is AssetType.CRYPTO) == crypto]


def _window(ask: Ask, crypto: bool) -> _Window:
    spelled = ask.params.get("timeframe", "1Min")
    interval = _TIMEFRAMES.get(spelled)
    if interval is None or (crypto and interval is Interval.D1):
        raise _Wrong(f"invalid timeframe: {spelled[:20]} (this simulator has {', '.join(_TIMEFRAMES)})")
    if ask.params.get("adjustment", "raw") not in {"raw", "split", "dividend", "spin-off", "all"}:
        raise _Wrong("invalid adjustment")
    limit = ask.params.get("limit", str(USUAL_ROWS))
    if not re.fullmatch(r"\d{1,6}", limit) or not 1 <= int(limit) <= MOST_ROWS:
        raise _Wrong("invalid limit")
    recent = ask.free and _feed(ask) == "sip" and not crypto
    begin = _moment(ask, "start", int(ask.now) - int(ask.now) % Interval.D1.seconds)
    end = _moment(ask, "end", int(ask.now) - (HELD_BACK if recent else 0))
    if begin > end:
        raise _Wrong("end should not be before start")
    ascending = ask.params.get("sort", "asc") != "desc"
    return _Window(interval, begin, end, int(limit), ascending, _page_after(ask))


def _feed(ask: Ask) -> str:
    feed = ask.params.get("feed", "iex" if ask.free else "sip")
    if feed not in _FEEDS:
        raise _Wrong(f"invalid feed: {feed[:20]}")
    return feed


def _is_recent(ask: Ask, crypto: bool, end: int) -> bool:
    return not crypto and _feed(ask) == "sip" and ask.free and end > ask.now - HELD_BACK


def _moment(ask: Ask, name: str, usual: int) -> int:
    text = ask.params.get(name)
    if text is None:
        return usual
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong(f"invalid {name}: {text[:40]}") from None
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp())


def _last_of(found: Mapping[str, list[dict[str, object]]]) -> str:
    """A token for what comes after the last row that was told."""
    symbol = list(found)[-1]
    return b64encode(f"{symbol}|M|{found[symbol][-1]['t']}".encode()).decode()


def _page_after(ask: Ask) -> tuple[str, int] | None:
    token = ask.params.get("page_token")
    if not token:
        return None
    try:
        symbol, _, stamp = b64decode(token, validate=True).decode().split("|")
        return symbol, int(datetime.fromisoformat(stamp).timestamp())
    except (NotBase64, ValueError):
        raise _Wrong("invalid page_token") from None


def _midnight(label: int) -> int:
    """Midnight in New York of the date that a daily bar is labelled with."""
    return int(datetime.combine(moment(label).date(), time(), _NEW_YORK).timestamp())


def _spelled(listing: Listing) -> str:
    """Pairs with a slash, class shares with a dot."""
    if listing.asset_type is AssetType.CRYPTO:
        return listing.label.replace("-", "/")
    return re.sub(r"^([A-Z]+)-([A-Z])$", r"\1.\2", listing.label)


def _ok(ask: Ask, body: object) -> Reply:
    return Reply(200, body, _rate_headers(ask))


def _error(ask: Ask, status: int, text: str) -> Reply:
    return Reply(status, {"message": text}, _rate_headers(ask))


def _rate_headers(ask: Ask) -> dict[str, str]:
    if ask.allowance.limit is None:
        return {}
    return {
        "X-Ratelimit-Limit": str(ask.allowance.limit.calls),
        "X-Ratelimit-Remaining": str(ask.allowance.remaining),
        "X-Ratelimit-Reset": str(math.ceil(ask.allowance.reset)),
    }
