"""One instrument has one name, whatever it is called, and one series, whatever happens to its name."""

import asyncio

import pytest

from market_data.errors import BadQuestion

from .conftest import Lab
from .market import MINUTES_ONLY, Market, equity
from .rows import minutes, session

pytestmark = pytest.mark.anyio

CSV = {"Content-Type": "text/csv"}
DAY = "2024-06-12"


async def adds(market: Market, *rows: str, header: str = "symbol,exchange,tier") -> int:
    text = "\n".join([header, *rows, ""])
    return (await market.ask("POST", "/ops/universe", data=text, headers=CSV)).status


async def by_symbol(market: Market) -> dict[str, int]:
    rows = await market.sql("SELECT symbol, count(*) AS n FROM candles_intraday GROUP BY 1")
    return {row["symbol"]: row["n"] for row in rows}


async def test_a_renamed_instrument_keeps_its_series(lab: Lab) -> None:
    market = await lab("2022-06-08 20:10", only=("alpaca",), **MINUTES_ONLY)
    former = session("2022-06-08", 195.0)
    market.trades("FB", former)
    market.trades("META", [*former, *session("2022-06-09", 190.0)])
    await market.follows(equity("FB"))
    await market.turn()
    known = await by_symbol(market)
    await market.at("2022-06-09 08:00")
    await market.inside.rename("FB", "META")
    await market.at("2022-06-09 13:45")
    await market.turn()
    assert (await by_symbol(market)).keys() == {"META"}
    gone = await market.get("/stocks/FB/intraday")
    assert gone.status == 404
    assert "META" in gone.detail
    told = await market.bars("META", start="2022-06-08 13:30", end="2022-06-08 20:00",
                             as_of="2022-06-08T23:00:00Z", limit=1000)  # fmt: skip
    assert len(told) == 390 <= known["FB"]
    assert await market.lost("META", "2022-06-08 13:30", "2022-06-09 13:44") == []


async def test_a_name_that_is_taken_is_refused(lab: Lab) -> None:
    market = await lab("2022-06-09 08:00", only=("alpaca",), **MINUTES_ONLY)
    await market.follows(equity("FB"), equity("META"))
    with pytest.raises(BadQuestion, match="nothing was changed"):
        await market.inside.rename("FB", "META")
    await market.inside.rename("META", "METV")
    await market.inside.rename("FB", "META")


async def test_a_rename_while_a_fetch_is_under_way_leaves_no_bar_under_the_old_name(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("alpaca",), **MINUTES_ONLY)
    market.trades("FB", session(DAY, step=0.01))
    market.trades("META", session(DAY, step=0.01))
    await market.follows(equity("FB"))
    await market.turn()
    await market.later(120)
    market.provider("alpaca").suffers("latency", 800)
    fetch = asyncio.create_task(market.inside.sweep())
    await asyncio.sleep(0.3)
    await market.inside.rename("FB", "META")
    await fetch
    market.provider("alpaca").is_well()
    for table in ("candles_intraday", "ingestion_cursor", "series_heads", "vacancies"):
        names = {row["symbol"] for row in await market.sql(f"SELECT DISTINCT symbol FROM {table}")}  # noqa: S608
        assert names <= {"META"}, table
    await market.settle(120, 120)
    assert (await by_symbol(market)).keys() == {"META"}
    assert await market.lost("META", f"{DAY} 13:30", f"{DAY} 15:05") == []


async def test_a_rollback_over_a_rename_keeps_the_series_whole(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("alpaca",), **MINUTES_ONLY)
    for name in ("FB", "META", "AAPL"):
        market.trades(name, session(DAY, step=0.01))
    await market.ask("POST", "/ops/universe", params={"tag": "v1"}, headers=CSV,
                     data="symbol,exchange,tier\nFB,NASDAQ,T0\nAAPL,NASDAQ,T0\n")  # fmt: skip
    await market.turn()
    await market.later(60)
    await market.inside.rename("FB", "META")
    await market.later(60)
    got = await market.ask("POST", "/ops/universe/rollback/v1")
    await market.settle(120, 120)
    active = {row["symbol"] for row in await market.sql("SELECT symbol FROM symbol_universe WHERE active")}
    series = set(await by_symbol(market))
    assert len(active & {"FB", "META"}) == 1, got.body
    assert series == active
    assert await market.lost(next(iter(active & {"FB", "META"})), f"{DAY} 13:30", f"{DAY} 15:00") == []


async def test_a_class_share_is_one_instrument_however_it_is_written(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("alpaca",), **MINUTES_ONLY)
    market.trades("BRK-B", session(DAY, 400.0))
    for spelling in ("BRK.B", "BRK-B", "BRK/B", "brk.b"):
        assert await adds(market, f"{spelling},NYSE,T0") == 200
    names = [row["symbol"] for row in await market.sql("SELECT symbol FROM symbol_universe")]
    assert len(names) == 1
    await market.turn()
    for path in ("BRK.B", "BRK-B", "BRK%2FB"):
        got = await market.get(f"/stocks/{path}/intraday", interval="1m", start=f"{DAY}T13:30:00Z")
        assert (got.status, len(got.body.get("bars", []))) == (200, 90), (path, got.body)


async def test_a_crypto_pair_with_a_slash_can_be_read(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("binance",), **MINUTES_ONLY)
    market.trades("BTC-USD", minutes(f"{DAY} 00:00", 1440, 60_000.0, 2.0))
    assert await adds(market, "BTC/USD,CRYPTO,crypto,T0", header="symbol,exchange,asset_type,tier") == 200
    await market.turn()
    for path in ("BTC%2FUSD", "BTC-USD", "btc-usd"):
        got = await market.get(f"/stocks/{path}/intraday", interval="1m", start=f"{DAY}T14:00:00Z")
        assert got.status == 200, (path, got.body)
        assert len(got.body["bars"]) >= 59


@pytest.mark.parametrize(("symbol", "exchange"), [("VOD.L", "XLON"), ("7203.T", "XTKS"), ("BHP.AX", "XASX")])
async def test_what_is_no_us_symbol_is_refused_with_the_right_exchange(
    lab: Lab, symbol: str, exchange: str
) -> None:
    market = await lab(f"{DAY} 15:00", only=("yahoo",), **MINUTES_ONLY)
    got = await market.ask("POST", "/ops/universe", data=f"symbol\n{symbol}\n", headers=CSV)
    assert got.status in (400, 422), got.body
    assert exchange in got.detail
    assert await market.sql("SELECT * FROM symbol_universe") == []


async def test_tickers_that_look_like_words_and_numbers_come_back_as_they_are(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("alpaca",), **MINUTES_ONLY)
    names = ["NA", "NAN", "TRUE", "NULL", "ON", "INF", "NONE", "CON"]
    assert await adds(market, *(f"{name},NASDAQ,T0" for name in names)) == 200
    assert {row["symbol"] for row in await market.sql("SELECT symbol FROM symbol_universe")} == set(names)
    text = (await market.get("/universe", format="csv", all="true")).body
    got = await market.ask("POST", "/ops/universe", data=text, headers=CSV)
    assert (got.status, got.body["version"]) == (200, None)
