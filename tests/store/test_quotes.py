"""The newest price that a provider told."""

from dataclasses import replace

import msgspec
import pytest

from market_data.market.bar import Quote
from market_data.market.span import moment
from market_data.store import quotes
from market_data.store.connect import Database
from market_data.store.quotes import KnownQuote

from .conftest import TEN

pytestmark = pytest.mark.anyio

TRADE = Quote("AAPL", TEN, 230.5, bid=230.0, ask=231.0, bid_size=3.0, ask_size=4.0, volume=1e6)


async def _written(database: Database, quote: Quote, provider: str, as_of: float) -> KnownQuote:
    told = quotes.known(quote, provider, as_of)
    await quotes.write(database, [told])
    return told


async def _rows(database: Database) -> int:
    return len(await database.fetch("SELECT * FROM quotes_l1"))


async def test_a_quote_is_returned_and_found_as_it_was_told(database: Database) -> None:
    told = await _written(database, TRADE, "finnhub", TEN + 1.5)
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
    told = await _written(database, Quote("AAPL", TEN, 230.5), "finnhub", TEN + 1)
    assert (told.bid, told.ask, told.bid_size, told.ask_size, told.volume) == (None,) * 5
    assert await quotes.newest(database, "AAPL") == told


async def test_the_same_trade_told_again_only_moves_as_of(database: Database) -> None:
    first = await _written(database, TRADE, "finnhub", TEN + 1)
    await _written(database, TRADE, "finnhub", TEN + 6)
    again = await quotes.newest(database, "AAPL")
    assert again == msgspec.structs.replace(first, as_of=moment(TEN + 6))
    assert await _rows(database) == 1


async def test_the_newest_trade_counts_whenever_it_was_told(database: Database) -> None:
    newer = await _written(database, replace(TRADE, ts=TEN + 60, price=231.0), "finnhub", TEN + 61)
    await _written(database, TRADE, "yahoo", TEN + 90)
    assert await quotes.newest(database, "AAPL") == newer
    assert await _rows(database) == 2


async def test_of_one_trade_told_by_two_the_later_word_counts(database: Database) -> None:
    later = await _written(database, replace(TRADE, price=231.0), "finnhub", TEN + 9)
    await _written(database, TRADE, "yahoo", TEN + 1)
    assert await quotes.newest(database, "AAPL") == later


async def test_many_are_stored_at_once_and_those_that_say_something_new_are_told(database: Database) -> None:
    others = [quotes.known(replace(TRADE, symbol=name), "yahoo", TEN + 2) for name in ("KO", "MSFT", "XOM")]
    assert await quotes.write(database, others) == others
    moved = msgspec.structs.replace(others[1], price=231.0)
    unsaid = [msgspec.structs.replace(one, as_of=moment(TEN + 9)) for one in (others[0], others[2])]
    assert await quotes.write(database, [unsaid[0], moved, unsaid[1]]) == [moved]
    assert await _rows(database) == 3
    assert await quotes.newest(database, "KO") == unsaid[0]
