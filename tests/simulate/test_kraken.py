"""Kraken's protocol: candles, tickers and errors as the real one's."""

import pytest

from market_data.simulate import Plan

from .conftest import Got, Rig, Rigged, at

NOW = "2024-06-30T12:00:30Z"
pytestmark = pytest.mark.anyio


async def ohlc(it: Rig, **params: object) -> Got:
    return await it.get("/kraken/0/public/OHLC", **{"pair": "XBTUSD", **params})


async def test_candles_are_arrays_of_eight_and_the_last_one_is_forming(rig: Rigged) -> None:
    it = await rig(NOW)
    body = (await ohlc(it, interval=1, since=at("2024-06-30T11:57:00Z"))).json
    assert body["error"] == []
    rows = body["result"]["XXBTZUSD"]
    assert [row[0] for row in rows] == [at(f"2024-06-30T{time}:00Z") for time in ("11:58", "11:59", "12:00")]
    assert [type(cell) for cell in rows[0]] == [int, *[str] * 6, int]
    assert body["result"]["last"] == rows[1][0]
    truth = (await it.get("/sim/bars/BTC-USD", start=rows[0][0], end=rows[2][0])).json["rows"]
    told = [[row[0], *(float(cell) for cell in (*row[1:5], row[6]))] for row in rows[:2]]
    assert told == truth
    it.clock.now += 20
    later = (await ohlc(it, since=at("2024-06-30T11:57:00Z"))).json["result"]["XXBTZUSD"]
    assert later[:2] == rows[:2]
    assert float(later[2][6]) > float(rows[2][6])


async def test_only_the_newest_720_are_told_whatever_is_asked_for(rig: Rigged) -> None:
    it = await rig(NOW)
    for since in (None, 0, at("2024-06-29T00:00:00Z")):
        rows = (await ohlc(it, **{} if since is None else {"since": since})).json["result"]["XXBTZUSD"]
        assert len(rows) == 720
        assert (rows[0][0], rows[-1][0]) == (at("2024-06-30T00:01:00Z"), at("2024-06-30T12:00:00Z"))


async def test_the_running_candle_is_told_whatever_is_asked_for(rig: Rigged) -> None:
    it = await rig(NOW)
    rows = (await ohlc(it, since=at("2024-07-30T00:00:00Z"))).json["result"]["XXBTZUSD"]
    assert [row[0] for row in rows] == [at("2024-06-30T12:00:00Z")]


async def test_days_are_those_of_utc(rig: Rigged) -> None:
    it = await rig(NOW)
    rows = (await ohlc(it, interval=1440, since=at("2024-06-28T00:00:00Z"))).json["result"]["XXBTZUSD"]
    assert [row[0] for row in rows] == [at("2024-06-29T00:00:00Z"), at("2024-06-30T00:00:00Z")]


@pytest.mark.parametrize(
    ("pair", "label"),
    [
        ("XBTUSD", "XXBTZUSD"),
        ("XXBTZUSD", "XXBTZUSD"),
        ("BTC/USD", "XXBTZUSD"),
        ("ETHUSD", "XETHZUSD"),
        ("SOLUSD", "SOLUSD"),
        ("XDGUSD", "XDGUSD"),
    ],
)
async def test_pairs_are_told_under_names_of_its_own(rig: Rigged, pair: str, label: str) -> None:
    it = await rig(NOW)
    assert set((await ohlc(it, pair=pair)).json["result"]) == {label, "last"}


async def test_tickers_tell_of_one_pair_or_of_several(rig: Rigged) -> None:
    it = await rig(NOW)
    told = (await it.get("/kraken/0/public/Ticker", pair="XBTUSD,ETHUSD")).json["result"]
    assert list(told) == ["XXBTZUSD", "XETHZUSD"]
    ticker = told["XXBTZUSD"]
    assert set(ticker) == set("abcvptlho")
    assert float(ticker["b"][0]) < float(ticker["a"][0])
    assert float(ticker["l"][1]) <= float(ticker["c"][0]) <= float(ticker["h"][1])
    assert float(ticker["v"][0]) < float(ticker["v"][1])
    assert (await it.get("/kraken/0/public/Time")).json["result"]["unixtime"] == at(NOW)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        ({"pair": "AAPL"}, "EQuery:Unknown asset pair"),
        ({"pair": "BTC-USD"}, "EQuery:Unknown asset pair"),
        ({"pair": ""}, "EGeneral:Invalid arguments"),
        ({"interval": "7"}, "EGeneral:Invalid arguments"),
        ({"since": "yesterday"}, "EGeneral:Invalid arguments"),
    ],
)
async def test_errors_come_with_http_200(rig: Rigged, wrong: dict[str, str], error: str) -> None:
    it = await rig(NOW)
    got = await ohlc(it, **wrong)
    assert (got.status, got.json) == (200, {"error": [error]})


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.PREMIUM])
async def test_more_than_some_calls_a_second_are_refused(rig: Rigged, plan: Plan) -> None:
    it = await rig(NOW, plans={"kraken": plan})
    errors = [(await it.get("/kraken/0/public/Time")).json["error"] for _ in range(6)]
    assert errors == [[]] * 5 + [["EGeneral:Too many requests"]]
    it.clock.now += 1
    assert (await it.get("/kraken/0/public/Time")).json["error"] == []


async def test_a_path_that_is_not_there_is_an_error_too(rig: Rigged) -> None:
    it = await rig(NOW)
    for path in ("/kraken/0/public/Depth", "/kraken/OHLC"):
        assert (await it.get(path)).json == {"error": ["EGeneral:Unknown method"]}
