"""Alpaca's protocol: feeds, pages, stamps and refusals as the real one's."""

from datetime import datetime
from typing import Any

import pytest

from market_data.simulate import Plan

from .conftest import DATA, Rig, Rigged, at

OPEN = "2024-07-01T15:00:30Z"
MINUTES = {"timeframe": "1Min", "start": "2024-07-01T14:58:00Z", "end": "2024-07-01T15:00:59Z"}
PREMIUM = {"alpaca": Plan.PREMIUM}
STOCKS, CRYPTO = "v2/stocks", "v1beta3/crypto/us"
pytestmark = pytest.mark.anyio


async def test_bars_have_the_real_fields_and_the_running_minute_is_not_told(rig: Rigged) -> None:
    it = await rig(OPEN)
    body = (await it.alpaca(f"{STOCKS}/bars", symbols="AAPL", **MINUTES)).json
    assert set(body) == {"bars", "next_page_token"}
    assert body["next_page_token"] is None
    rows = body["bars"]["AAPL"]
    assert [row["t"] for row in rows] == ["2024-07-01T14:58:00Z", "2024-07-01T14:59:00Z"]
    assert set(rows[0]) == {"t", "o", "h", "l", "c", "v", "n", "vw"}
    truth = (await it.get("/sim/bars/AAPL", start=at(rows[0]["t"]), end=at(rows[1]["t"]) + 60)).json
    assert [[row[name] for name in "ohlcv"] for row in rows] == [row[1:] for row in truth["rows"]]


async def test_both_ends_of_a_window_belong_to_it(rig: Rigged) -> None:
    it = await rig(OPEN)
    window = {"start": "2024-07-01T14:00:00Z", "end": "2024-07-01T14:01:00Z"}
    body = (await it.alpaca(f"{STOCKS}/bars", symbols="AAPL", timeframe="1Min", **window)).json
    assert [row["t"] for row in body["bars"]["AAPL"]] == list(window.values())


async def test_pages_fill_with_one_symbol_after_the_other(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"symbols": "MSFT,AAPL", "timeframe": "1Min", "limit": 5}
    asked |= {"start": "2024-07-01T14:00:00Z", "end": "2024-07-01T14:03:00Z"}
    pages = await _pages(it, asked)
    assert [{symbol: len(rows) for symbol, rows in page.items()} for page in pages] == [
        {"AAPL": 4, "MSFT": 1},
        {"MSFT": 3},
    ]
    assert [len(page) for page in await _pages(it, asked | {"limit": 4})] == [1, 1]
    whole = (await it.alpaca(f"{STOCKS}/bars", **(asked | {"limit": 100}))).json["bars"]
    assert pages[0]["MSFT"] + pages[1]["MSFT"] == whole["MSFT"]


async def test_pages_of_descending_rows_go_on_where_they_ended(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"symbols": "AAPL", "timeframe": "1Min", "limit": 3, "sort": "desc"}
    asked |= {"start": "2024-07-01T14:00:00Z", "end": "2024-07-01T14:04:00Z"}
    minutes = [row["t"][14:16] for page in await _pages(it, asked) for row in page["AAPL"]]
    assert minutes == ["04", "03", "02", "01", "00"]


async def test_a_thousand_rows_come_if_no_number_is_asked_for(rig: Rigged) -> None:
    it = await rig(OPEN)
    window = {"start": "2024-06-24T00:00:00Z", "end": "2024-06-29T00:00:00Z"}
    body = (await it.alpaca(f"{STOCKS}/bars", symbols="AAPL", timeframe="1Min", **window)).json
    assert len(body["bars"]["AAPL"]) == 1000
    assert body["next_page_token"]


async def test_a_free_key_sees_no_quarter_of_an_hour_of_all_exchanges(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"symbols": "AAPL", "timeframe": "1Min", "start": "2024-07-01T14:40:00Z", "feed": "sip"}
    got = await it.alpaca(f"{STOCKS}/bars", **asked, end="2024-07-01T14:50:00Z")
    assert got.status == 403
    assert got.json == {"message": "subscription does not permit querying recent SIP data"}
    assert (await it.alpaca(f"{STOCKS}/bars", **asked, end="2024-07-01T14:45:00Z")).status == 200
    usual = (await it.alpaca(f"{STOCKS}/bars", **asked)).json["bars"]["AAPL"]
    assert usual[-1]["t"] == "2024-07-01T14:45:00Z"
    assert (await it.alpaca(f"{STOCKS}/snapshots", symbols="AAPL", feed="sip")).status == 403


async def test_a_paying_one_sees_all(rig: Rigged) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    body = (await it.alpaca(f"{STOCKS}/bars", symbols="AAPL", feed="sip", **MINUTES)).json
    assert len(body["bars"]["AAPL"]) == 2


async def test_days_are_stamped_with_midnight_in_new_york(rig: Rigged) -> None:
    it = await rig("2024-07-04T12:00:00Z", recorded={"DEMO": DATA / "half_day.csv"})
    asked = {"symbols": "DEMO", "timeframe": "1Day", "feed": "sip"}
    body = (await it.alpaca(f"{STOCKS}/bars", **asked, start="2024-07-03", end="2024-07-04")).json
    [row] = body["bars"]["DEMO"]
    assert {name: row[name] for name in "tohlcv"} == {
        "t": "2024-07-03T04:00:00Z", "o": 50.0, "h": 51.1, "l": 49.9, "c": 51.0, "v": 7400,
    }  # fmt: skip


@pytest.mark.parametrize("symbol", ["AAPL", "NOSUCH", "BTC-USD"])
async def test_where_nothing_is_there_is_no_symbol(rig: Rigged, symbol: str) -> None:
    it = await rig(OPEN)
    window = {"start": "2024-06-30T12:00:00Z", "end": "2024-06-30T13:00:00Z"}
    got = await it.alpaca(f"{STOCKS}/bars", symbols=symbol, timeframe="1Min", **window)
    assert (got.status, got.json) == (200, {"bars": {}, "next_page_token": None})


async def test_crypto_has_a_path_of_its_own_and_needs_no_key(rig: Rigged) -> None:
    it = await rig("2024-06-30T12:00:30Z")
    path = f"/alpaca/{CRYPTO}/bars?symbols=BTC%2FUSD&timeframe=1Min&start=2024-06-30T11:00:00Z&limit=60"
    body = (await it.ask("GET", path)).json
    assert len(body["bars"]["BTC/USD"]) == 60
    snapshots = (await it.ask("GET", f"/alpaca/{CRYPTO}/snapshots?symbols=BTC/USD")).json
    assert set(snapshots) == {"snapshots"}
    assert set(snapshots["snapshots"]) == {"BTC/USD"}
    assert (await it.ask("GET", f"/alpaca/{STOCKS}/bars?symbols=AAPL")).status == 401


async def test_snapshots_of_stocks_stand_at_the_top(rig: Rigged) -> None:
    it = await rig(OPEN)
    body = (await it.alpaca(f"{STOCKS}/snapshots", symbols="AAPL,BRK.B")).json
    assert list(body) == ["AAPL", "BRK.B"]
    told = body["AAPL"]
    assert set(told) == {"latestTrade", "latestQuote", "minuteBar", "dailyBar", "prevDailyBar"}
    assert told["latestQuote"]["bp"] < told["latestTrade"]["p"] < told["latestQuote"]["ap"]
    assert told["minuteBar"]["t"] == "2024-07-01T14:59:00Z"
    assert told["dailyBar"]["t"] == "2024-07-01T04:00:00Z"
    assert told["prevDailyBar"]["t"] == "2024-06-28T04:00:00Z"
    assert 0 <= at(OPEN) - datetime.fromisoformat(told["latestTrade"]["t"]).timestamp() < 60


@pytest.mark.parametrize(
    ("endpoint", "kind", "name"),
    [
        (f"{STOCKS}/trades/latest", "trades", "latestTrade"),
        (f"{STOCKS}/quotes/latest", "quotes", "latestQuote"),
        (f"{STOCKS}/bars/latest", "bars", "minuteBar"),
    ],
)
async def test_the_latest_of_each_kind_is_that_of_the_snapshot(
    rig: Rigged, endpoint: str, kind: str, name: str
) -> None:
    it = await rig(OPEN)
    snapshot = (await it.alpaca(f"{STOCKS}/snapshots", symbols="AAPL")).json["AAPL"]
    assert (await it.alpaca(endpoint, symbols="AAPL")).json == {kind: {"AAPL": snapshot[name]}}


async def test_keys_are_checked(rig: Rigged) -> None:
    it = await rig(OPEN)
    path = f"/alpaca/{STOCKS}/snapshots?symbols=AAPL"
    assert (await it.ask("GET", path)).status == 401
    keys = {"APCA-API-KEY-ID": "invalid", "APCA-API-SECRET-KEY": "s"}
    got = await it.ask("GET", path, headers=keys)
    assert (got.status, got.json) == (403, {"message": "forbidden."})


async def test_the_201st_call_of_a_minute_is_refused_with_the_rate_headers(rig: Rigged) -> None:
    it = await rig(OPEN)
    for call in range(200):
        got = await it.alpaca(f"{STOCKS}/snapshots", symbols="NOSUCH")
        assert got.status == 200
        assert got.headers["x-ratelimit-limit"] == "200"
        assert got.headers["x-ratelimit-remaining"] == str(199 - call)
    refused = await it.alpaca(f"{STOCKS}/snapshots", symbols="NOSUCH")
    assert (refused.status, refused.json) == (429, {"message": "too many requests."})
    assert "retry-after" not in refused.headers
    it.clock.now = float(refused.headers["x-ratelimit-reset"])
    assert (await it.alpaca(f"{STOCKS}/snapshots", symbols="NOSUCH")).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        *({"timeframe": "7Min"}, {"start": "x"}, {"end": "2024-06-30"}, {"symbols": ""}, {"symbols": "A$B"}),
        *({"limit": "0"}, {"limit": "10001"}, {"feed": "cnn"}, {"adjustment": "some"}, {"page_token": "?"}),
    ],
)
async def test_bad_parameters_are_the_callers_fault(rig: Rigged, wrong: dict[str, str]) -> None:
    it = await rig(OPEN)
    got = await it.alpaca(f"{STOCKS}/bars", **{"symbols": "AAPL", **MINUTES, **wrong})
    assert got.status == 400
    assert set(got.json) == {"message"}


async def test_a_path_that_is_not_there_is_404(rig: Rigged) -> None:
    it = await rig(OPEN)
    assert (await it.alpaca("v2/stocks/nothing")).status == 404


async def _pages(it: Rig, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The bars of every page."""
    pages: list[dict[str, Any]] = []
    token: str | None = ""
    while token is not None:
        more = {"page_token": token} if token else {}
        body = (await it.alpaca(f"{STOCKS}/bars", **asked, **more)).json
        pages.append(body["bars"])
        token = body["next_page_token"]
    return pages
