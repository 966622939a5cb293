"""Coinbase Exchange's protocol: candles, tickers and refusals as the real one's."""

import pytest

from market_data.simulate import Plan

from .conftest import BROWSER, Rigged, at

NOW = "2024-06-30T12:00:30Z"
CANDLES = "products/BTC-USD/candles"
pytestmark = pytest.mark.anyio


async def test_candles_are_arrays_of_six_newest_first_and_the_first_one_is_forming(rig: Rigged) -> None:
    it = await rig(NOW)
    window = {"start": "2024-06-30T11:58:00Z", "end": "2024-06-30T12:00:59Z"}
    rows = (await it.coinbase(CANDLES, granularity=60, **window)).json
    assert [row[0] for row in rows] == [at(f"2024-06-30T{time}:00Z") for time in ("12:00", "11:59", "11:58")]
    assert {len(row) for row in rows} == {6}
    assert all(low <= min(opened, close) <= high for _, low, high, opened, close, _ in rows)
    truth = (await it.get("/sim/bars/BTC-USD", start=rows[2][0], end=rows[1][0] + 60)).json["rows"]
    told = [
        [label, opened, high, low, close, volume] for label, low, high, opened, close, volume in rows[:0:-1]
    ]
    assert told == truth
    it.clock.now += 20
    later = (await it.coinbase(CANDLES, granularity=60, **window)).json
    assert later[1:] == rows[1:]
    assert later[0][5] > rows[0][5]


async def test_both_ends_of_a_window_belong_to_it(rig: Rigged) -> None:
    it = await rig(NOW)
    window = {"start": "2024-06-30T11:00:00Z", "end": "2024-06-30T11:01:00Z"}
    rows = (await it.coinbase(CANDLES, granularity=60, **window)).json
    assert [row[0] for row in rows] == [at(window["end"]), at(window["start"])]


async def test_a_window_of_more_than_300_is_refused_in_the_real_words(rig: Rigged) -> None:
    it = await rig(NOW)
    start = "2024-06-30T00:00:00Z"
    whole = await it.coinbase(CANDLES, granularity=60, start=start, end="2024-06-30T05:00:00Z")
    assert (whole.status, len(whole.json)) == (200, 301)
    long = await it.coinbase(CANDLES, granularity=60, start=start, end="2024-06-30T05:00:01Z")
    assert long.status == 400
    text = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"
    assert long.json == {"message": text}


async def test_without_both_ends_the_newest_candles_come(rig: Rigged) -> None:
    it = await rig(NOW)
    rows = (await it.coinbase(CANDLES, granularity=60, start="2024-06-30T00:00:00Z")).json
    assert (len(rows), rows[0][0]) == (350, at("2024-06-30T12:00:00Z"))


async def test_days_are_those_of_utc(rig: Rigged) -> None:
    it = await rig(NOW)
    window = {"start": "2024-06-29T00:00:00Z", "end": "2024-06-30T23:59:59Z"}
    rows = (await it.coinbase(CANDLES, granularity=86_400, **window)).json
    assert [row[0] for row in rows] == [at("2024-06-30T00:00:00Z"), at("2024-06-29T00:00:00Z")]


async def test_a_window_without_candles_is_an_empty_array(rig: Rigged) -> None:
    it = await rig(NOW)
    got = await it.coinbase(CANDLES, granularity=60, start="2000-01-01T00:00:00Z", end="2000-01-01T01:00:00Z")
    assert (got.status, got.json) == (200, [])


async def test_a_ticker_is_of_texts(rig: Rigged) -> None:
    it = await rig(NOW)
    told = (await it.coinbase("products/BTC-USD/ticker")).json
    assert set(told) == {"trade_id", "price", "size", "time", "bid", "ask", "volume"}
    assert float(told["bid"]) < float(told["ask"])
    assert told["time"] == "2024-06-30T12:00:29.500000Z"
    assert (await it.coinbase("time")).json == {"iso": "2024-06-30T12:00:30.000Z", "epoch": at(NOW)}


@pytest.mark.parametrize(
    "path", ["products/NOSUCH/candles", "products/AAPL/ticker", "products/BTC-USD/book", "candles"]
)
async def test_what_is_not_there_is_not_found(rig: Rigged, path: str) -> None:
    it = await rig(NOW)
    got = await it.coinbase(path)
    assert (got.status, got.json) == (404, {"message": "NotFound"})


@pytest.mark.parametrize(
    "wrong", [{"granularity": "61"}, {"start": "x"}, {"end": "x"}, {"end": "2024-06-29T00:00:00Z"}]
)
async def test_bad_parameters_are_the_callers_fault(rig: Rigged, wrong: dict[str, str]) -> None:
    it = await rig(NOW)
    good = {"granularity": "60", "start": "2024-06-30T11:00:00Z", "end": "1719748800"}
    assert (await it.coinbase(CANDLES, **good)).status == 200
    got = await it.coinbase(CANDLES, **{**good, **wrong})
    assert got.status == 400
    assert set(got.json) == {"message"}


async def test_callers_without_a_name_are_refused(rig: Rigged) -> None:
    it = await rig(NOW)
    assert (await it.ask("GET", f"/coinbase/{CANDLES}", headers={"User-Agent": ""})).status == 400
    assert (await it.ask("GET", f"/coinbase/{CANDLES}", headers={"User-Agent": BROWSER})).status == 200


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.PREMIUM])
async def test_the_16th_call_of_a_second_is_refused(rig: Rigged, plan: Plan) -> None:
    it = await rig(NOW, plans={"coinbase": plan})
    assert [(await it.coinbase("time")).status for _ in range(15)] == [200] * 15
    refused = await it.coinbase("time")
    assert (refused.status, refused.json) == (429, {"message": "Public rate limit exceeded"})
    assert "retry-after" not in refused.headers
    it.clock.now += 1
    assert (await it.coinbase("time")).status == 200
