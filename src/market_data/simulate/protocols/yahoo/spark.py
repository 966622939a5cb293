"""Sparks: closes of many symbols in one answer, nested (v7) or flat (v8)."""

from market_data.simulate.protocol import Ask, Reply
from market_data.simulate.protocols.yahoo.chart import CACHED, chart_rows
from market_data.simulate.protocols.yahoo.meta import meta
from market_data.simulate.protocols.yahoo.window import Window, read_window

MOST_SYMBOLS = 20

_TOO_MANY = f"Number of symbols needs to be less than or equal to {MOST_SYMBOLS}"


def spark(ask: Ask, symbols: tuple[str, ...], *, flat: bool) -> Reply:
    """The answer to a request for several symbols; those that are unknown are left out without a word."""
    if len(symbols) > MOST_SYMBOLS:
        error = {"code": "Bad Request", "description": _TOO_MANY}
        return Reply(400, {"spark": {"result": None, "error": error}})
    found = [one for symbol in symbols if (one := _one(ask, symbol, flat=flat))]
    if flat:
        return Reply(200, {str(one["symbol"]): one for one in found}, CACHED)
    return Reply(200, {"spark": {"result": found, "error": None}}, CACHED)


def _one(ask: Ask, symbol: str, *, flat: bool) -> dict[str, object] | None:
    listing = ask.tape.listing(symbol)
    if listing is None:
        return None
    window = read_window({"interval": "5m", **ask.params}, listing, ask.now)
    if not isinstance(window, Window):
        return None
    about, rows = meta(ask, listing, window), chart_rows(ask, listing, window)
    kept = [at for at, close in enumerate(rows.columns["close"]) if close is not None]
    times, closes = [rows.times[at] for at in kept], [rows.columns["close"][at] for at in kept]
    if flat:
        return {
            "timestamp": times, "symbol": listing.label, "end": None, "close": closes, "start": None,
            "previousClose": about.get("previousClose"),
            "chartPreviousClose": about.get("chartPreviousClose"),
            "dataGranularity": window.interval.seconds,
        }  # fmt: skip
    return {
        "symbol": listing.label,
        "response": [{"meta": about, "timestamp": times, "indicators": {"quote": [{"close": closes}]}}],
    }
