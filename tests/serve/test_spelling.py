"""Every call takes any spelling of a symbol, a slash in the path too, and answers for the one instrument."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe

from .conftest import Served, Serving, minutes, told

pytestmark = pytest.mark.anyio

BERKSHIRE = Instrument("BRK.B", "NYSE", AssetType.EQUITY, Tier.T0)
BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
SPELLED = {
    "BRK.B": ["BRK.B", "BRK-B", "brk-b", "BRK%2FB", "BRK/B"],
    "BTC-USD": ["BTC-USD", "btc-usd", "BTC%2FUSD", "BTC/USD", "btcusd"],
}
WRITTEN = [(spelling, symbol) for symbol, spellings in SPELLED.items() for spelling in spellings]


@pytest.fixture
async def both(serving: Serving) -> Served:
    served = await serving()
    await universe.put(served.parts.database, [BERKSHIRE, BITCOIN])
    for symbol in SPELLED:
        await served.write(minutes("2024-07-03T14:00:00Z", 3), symbol=symbol)
    return served


async def got(served: Served, path: str, **options: Any) -> Any:
    answer = await served.ask("GET", path, **options)
    assert answer.status == 200, (path, answer.text)
    return answer.json


@pytest.mark.parametrize(("written", "symbol"), WRITTEN)
async def test_every_call_answers_for_the_canonical_symbol(both: Served, written: str, symbol: str) -> None:
    price = await got(both, f"/stocks/{written}/price")
    assert (price["symbol"], price["price"] > 0) == (symbol, True)
    page = await got(both, f"/stocks/{written}/intraday?start=2024-07-03T14:00:00Z&limit=2")
    assert (page["symbol"], len(page["bars"])) == (symbol, 2)
    more = await got(both, f"/stocks/{written}/intraday?start=2024-07-03T14:00:00Z&cursor={page['next']}")
    assert [bar["ts"] for bar in more["bars"]] == ["2024-07-03T14:02:00Z"]
    assert (await got(both, f"/stocks/{written}/history"))["symbol"] == symbol
    assert (await got(both, f"/stats/coverage/{written}"))["symbol"] == symbol
    cursor = await got(both, f"/ops/cursor/{written}/1m/yahoo")
    assert cursor["symbol"] == symbol


@pytest.mark.parametrize(("written", "symbol"), WRITTEN)
async def test_a_websocket_is_opened_and_left_by_any_spelling(
    both: Served, written: str, symbol: str
) -> None:
    async with both.follow(written) as client:
        assert (await told(client))["symbol"] == symbol
        assert (await told(client))["symbol"] == symbol
        await both.write(minutes("2024-07-03T14:03:00Z", 1, 103.0), symbol=symbol)
        assert (await told(client))["symbol"] == symbol


async def test_what_is_followed_is_left_by_another_spelling(both: Served) -> None:
    async with both.follow() as client:
        await client.send('{"type": "subscribe", "symbols": ["BRK/B", "btc/usd"]}')
        while (await told(client))["type"] != "subscribed":
            pass
        await client.send('{"type": "unsubscribe", "symbols": ["brk-b"]}')
        assert (await told(client))["type"] == "unsubscribed"
        for symbol in ("BRK.B", "BTC-USD"):
            await both.write(minutes("2024-07-03T14:03:00Z", 1, 103.0), symbol=symbol)
        bar = await told(client)
        assert (bar["type"], bar["symbol"]) == ("bar", "BTC-USD")


async def test_a_batch_answers_for_canonical_symbols(both: Served) -> None:
    answer = await both.ask("POST", "/stocks/batch", json={"symbols": ["brk/b", "BRK-B", "BTC/USD", "VOD.L"]})
    assert set(answer.json["bars"]) == {"BRK.B", "BTC-USD"}
    assert answer.json["errors"] == {"VOD.L": "not in the universe"}


async def test_a_member_of_before_is_read_by_every_spelling(serving: Serving) -> None:
    served = await serving()
    await universe.put(served.parts.database, [Instrument("BRK-B", "NYSE", AssetType.EQUITY, Tier.T0)])
    await served.write(minutes("2024-07-03T14:00:00Z", 3), symbol="BRK-B")
    for written in SPELLED["BRK.B"]:
        page = await got(served, f"/stocks/{written}/intraday?start=2024-07-03T14:00:00Z")
        assert (page["symbol"], len(page["bars"])) == ("BRK-B", 3)
    answer = await served.ask("POST", "/stocks/batch", json={"symbols": ["BRK/B"]})
    assert list(answer.json["bars"]) == ["BRK-B"]


async def test_the_universe_takes_any_spelling_and_says_what_is_held_otherwise(serving: Serving) -> None:
    served = await serving()
    await universe.put(served.parts.database, [Instrument("BRK-B", "NYSE", AssetType.EQUITY, Tier.T0)])
    csv = {"data": "symbol\nBRK/B\nBTC/USD\n", "headers": {"Content-Type": "text/csv"}}
    answer = await served.ask("POST", "/ops/universe", **csv)
    assert answer.json["difference"]["added"] == ["BTC-USD"]
    assert answer.json["notes"] == [
        "BRK-B is BRK.B: `market-data universe rename BRK-B BRK.B` gives it that name"
    ]
    refused = await served.ask(
        "POST", "/ops/universe", data="symbol\nVOD.L\n7203.T\nES=F\n", headers={"Content-Type": "text/csv"}
    )
    assert refused.status == 422
    for sentence in (
        "VOD.L trades on XLON: add it with exchange XLON",
        "7203.T trades on XTKS: add it with exchange XTKS",
        "ES=F is a future",
        "nothing was written",
    ):
        assert sentence in refused.problem["detail"]


async def test_what_is_no_symbol_of_the_universe_is_said_to_be_none(both: Served) -> None:
    missing = await both.ask("GET", "/stocks/BRK/C/price")
    assert missing.status == 404
    assert "BRK.C is not in the universe" in missing.problem["detail"]
    abroad = await both.ask("GET", "/stocks/VOD.L/price")
    assert "`market-data universe add VOD.L --exchange XLON` adds it" in abroad.problem["detail"]
    assert (await both.ask("GET", "/stocks/A/B/C/price")).status == 404
    with pytest.raises(InvalidStatus, match="404"):
        async with both.follow("A/B/C"):
            pass
