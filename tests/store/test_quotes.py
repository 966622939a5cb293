"""The newest price that a provider told."""

from dataclasses import replace

import msgspec
import pytest

from market_data.market.bar import Quote
from market_data.market.span import moment
from market_data.store import quotes
from market_data.store.connect import Database

from .conftest import TEN

pytestmark = pytest.mark.anyio

TRADE = Quote("AAPL", TEN, 230.5, bid=230.0, ask=231.0, bid_size=3.0, ask_size=4.0, volume=1e6)


async def _rows(database: Database) -> int:
    return len(await database.fetch("SELECT * FROM quotes_l1"))


async def test_a_quote_is_returned_and_found_as_it_was_told(database: Database) -> None:
    told = await quotes.write(database, TRADE, "finnhub", TEN + 1.5)
    assert msgspec.structs.asdict(told) == {
        "symbol": "AAPL",
        "price": 230.5,
        "ts": moment(TEN),
        "provider": "finnhub",
        "as_of": moment(TEN + 1.5),
        "bid": 230.0,
        "ask": 231.0,
        "bid_size": 3.0,
        "ask_size": 4.0,
        "volume": 1e6,
    }
    assert await quotes.newest(database, "AAPL") == told
    assert await quotes.newest(database, "MSFT") is None


async def test_what_a_provider_does_not_say_stays_unknown(database: Database) -> None:
    told = await quotes.write(database, Quote("AAPL", TEN, 230.5), "finnhub", TEN + 1)
    assert (told.bid, told.ask, told.bid_size, told.ask_size, told.volume) == (None,) * 5
    assert await quotes.newest(database, "AAPL") == told


async def test_the_same_trade_told_again_only_moves_as_of(database: Database) -> None:
    first = await quotes.write(database, TRADE, "finnhub", TEN + 1)
    await quotes.write(database, TRADE, "finnhub", TEN + 6)
    again = await quotes.newest(database, "AAPL")
    assert again == msgspec.structs.replace(first, as_of=moment(TEN + 6))
    assert await _rows(database) == 1


async def test_the_newest_trade_counts_whenever_it_was_told(database: Database) -> None:
    newer = await quotes.write(database, replace(TRADE, ts=TEN + 60, price=231.0), "finnhub", TEN + 61)
    await quotes.write(database, TRADE, "yahoo", TEN + 90)
    assert await quotes.newest(database, "AAPL") == newer
    assert await _rows(database) == 2


async def test_of_one_trade_told_by_two_the_later_word_counts(database: Database) -> None:
    later = await quotes.write(database, replace(TRADE, price=231.0), "finnhub", TEN + 9)
    await quotes.write(database, TRADE, "yahoo", TEN + 1)
    assert await quotes.newest(database, "AAPL") == later
