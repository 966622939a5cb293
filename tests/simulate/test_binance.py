"""Binance's protocol: candles, tickers, weights and codes as the real one's."""

import json

import pytest

from market_data.simulate import Plan

from .conftest import Rigged, at

NOW = "2024-06-30T12:00:30Z"
MINUTE = 60_000
pytestmark = pytest.mark.anyio


async def test_candles_are_arrays_of_twelve_and_the_last_one_is_forming(rig: Rigged) -> None:
    it = await rig(NOW)
    begin = at("2024-06-30T11:58:00Z") * 1000
    asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(begin)}
    rows = (await it.binance("klines", **asked)).json
    assert [row[0] for row in rows] == [begin + n * MINUTE for n in range(3)]
    assert {len(row) for row in rows} == {12}
    assert all(row[6] == row[0] + MINUTE - 1 for row in rows)
    assert [type(cell) for cell in rows[0]] == [int, *[str] * 5, int, str, int, str, str, str]
    it.clock.now += 20
    later = (await it.binance("klines", **asked)).json
    assert later[:2] == rows[:2]
    assert float(later[2][5]) > float(rows[2][5])


async def test_candles_are_those_of_the_dollar(rig: Rigged) -> None:
    it = await rig(NOW)
    begin, end = at("2024-06-30T11:00:00Z"), at("2024-06-30T11:10:00Z")
    window = {"startTime": begin * 1000, "endTime": end * 1000 - 1}
    rows = (await it.binance("klines", symbol="BTCUSDT", interval="1m", **window)).json
    truth = (await it.get("/sim/bars/BTC-USD", start=begin, end=end)).json
    assert [[float(cell) for cell in row[1:6]] for row in rows] == [row[1:] for row in truth["rows"]]


async def test_both_ends_of_a_window_belong_to_it(rig: Rigged) -> None:
    it = await rig(NOW)
    window = {"startTime": at("2024-06-30T11:00:00Z") * 1000, "endTime": at("2024-06-30T11:01:00Z") * 1000}
    rows = (await it.binance("klines", symbol="BTCUSDT", interval="1m", **window)).json
    assert [row[0] for row in rows] == list(window.values())


async def test_with_a_beginning_the_oldest_rows_come_and_without_the_newest(rig: Rigged) -> None:
    it = await rig(NOW)
    begin = at("2024-06-30T00:00:00Z") * 1000
    asked = {"symbol": "BTCUSDT", "interval": "1m"}
    rows = (await it.binance("klines", **asked, startTime=begin)).json
    assert (rows[0][0], len(rows)) == (begin, 500)
    rows = (await it.binance("klines", **asked, limit=3)).json
    assert [row[0] for row in rows] == [
        at(f"2024-06-30T{one}:00Z") * 1000 for one in ("11:58", "11:59", "12:00")
    ]
    long = (await it.binance("klines", **asked, startTime=begin - 86_400_000, limit=5000)).json
    assert len(long) == 1000


async def test_days_are_those_of_utc(rig: Rigged) -> None:
    it = await rig(NOW)
    rows = (await it.binance("klines", symbol="BTCUSDT", interval="1d", limit=2)).json
    assert [row[0] for row in rows] == [at("2024-06-29T00:00:00Z") * 1000, at("2024-06-30T00:00:00Z") * 1000]
    assert rows[0][6] == rows[1][0] - 1


async def test_a_window_without_rows_is_an_empty_array(rig: Rigged) -> None:
    it = await rig(NOW)
    got = await it.binance("klines", symbol="BTCUSDT", interval="1m", startTime=0, endTime=MINUTE)
    assert (got.status, got.json) == (200, [])


async def test_tickers_tell_of_one_symbol_or_of_several(rig: Rigged) -> None:
    it = await rig(NOW)
    day = (await it.binance("ticker/24hr", symbol="BTCUSDT")).json
    assert float(day["lowPrice"]) <= float(day["lastPrice"]) <= float(day["highPrice"])
    assert float(day["bidPrice"]) < float(day["askPrice"])
    assert day["closeTime"] == at(NOW) * 1000
    book = (await it.binance("ticker/bookTicker", symbols=json.dumps(["BTCUSDT", "ETHUSDT"]))).json
    assert [one["symbol"] for one in book] == ["BTCUSDT", "ETHUSDT"]
    assert set(book[0]) == {"symbol", "bidPrice", "bidQty", "askPrice", "askQty"}
    price = (await it.binance("ticker/price", symbol="BTCUSDT")).json
    assert price == {"symbol": "BTCUSDT", "price": day["lastPrice"]}
    assert (await it.binance("time")).json == {"serverTime": at(NOW) * 1000}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"symbol": "AAPL"}, -1121),
        ({"symbol": "BTC-USD"}, -1121),
        ({"symbol": "BTC/USDT"}, -1100),
        ({"symbol": ""}, -1102),
        ({"interval": ""}, -1102),
        ({"interval": "7m"}, -1120),
        ({"startTime": "x"}, -1100),
    ],
)
async def test_bad_parameters_have_their_codes(rig: Rigged, wrong: dict[str, str], code: int) -> None:
    it = await rig(NOW)
    got = await it.binance("klines", **{"symbol": "BTCUSDT", "interval": "1m", **wrong})
    assert (got.status, got.json["code"]) == (400, code)
    assert set(got.json) == {"code", "msg"}


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.PREMIUM])
async def test_weights_are_told_and_more_than_the_minutes_is_refused(rig: Rigged, plan: Plan) -> None:
    it = await rig(NOW, plans={"binance": plan})
    limits = it.running.simulator.protocols["binance"].facts.limits[plan]
    meter = it.running.simulator.meters["binance"]
    for _ in range(2999):
        meter.spend(it.clock.now, limits)
    assert (await it.binance("time")).headers["x-mbx-used-weight-1m"] == "6000"
    it.clock.now += 20
    refused = await it.binance("time")
    assert (refused.status, refused.json["code"]) == (429, -1003)
    assert refused.headers["retry-after"] == "40"
    it.clock.now += 40
    assert (await it.binance("time")).status == 200


async def test_a_path_that_is_not_there_is_a_page(rig: Rigged) -> None:
    it = await rig(NOW)
    for path in ("/binance/api/v3/depth", "/binance/klines"):
        got = await it.ask("GET", path)
        assert (got.status, got.headers["content-type"][:9]) == (404, "text/html")
