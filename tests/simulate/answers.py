"""One question put to any of the providers, and its rows in one form."""

from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.simulate import Plan

from .conftest import Got, Rig, at
from .voice import Rows
from .voices import discover

NOW = "2024-07-04T00:10:00Z"
"""The end of the window of crypto: some tell all up to the running minute, but nothing of long ago."""
VOICES = discover()
OPEN_TO_ALL = {"plans": dict.fromkeys(VOICES, Plan.UNLIMITED)}


def window(provider: str) -> Span:
    """The first ten minutes of the session: a session of crypto begins at midnight."""
    crypto = VOICES[provider].asset_type is AssetType.CRYPTO
    begin = at("2024-07-04T00:00:00Z" if crypto else "2024-07-03T13:30:00Z")
    return Span(begin, begin + 600)


async def minutes(it: Rig, provider: str, symbol: str = "") -> Got:
    """The minutes of `window`, as a provider tells them."""
    voice = VOICES[provider]
    return await voice.minutes(it, symbol or voice.symbol, window(provider))


def rows(provider: str, got: Got) -> Rows:
    """The rows of an answer within `window`, in the order in which they were told."""
    return [row for row in VOICES[provider].rows(got.json) if row[0] in window(provider)]


async def told(it: Rig, provider: str) -> Rows:
    """The rows that a provider tells of `window`."""
    return rows(provider, await minutes(it, provider))


async def truth(it: Rig, provider: str) -> Rows:
    """The rows that the market really had, of what a provider is asked for."""
    span, symbol = window(provider), VOICES[provider].symbol
    got = await it.get(f"/sim/bars/{symbol}", start=span.start, end=span.end)
    return [tuple(row) for row in got.json["rows"]]
