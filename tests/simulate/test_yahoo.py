"""Yahoo's protocol: charts and sparks, their nulls and noise, and who is turned away."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from .conftest import DATA, Rigged, at

OPEN = "2024-07-01T15:00:30Z"
RECORDINGS = Path(__file__).parents[3] / "shared/data/yahoo_finance2_fixtures"
pytestmark = pytest.mark.anyio


def result(body: Any) -> Any:
    assert body["chart"]["error"] is None
    [only] = body["chart"]["result"]
    return only


async def test_minutes_end_with_a_null_row_and_the_last_trade_off_the_grid(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"period1": at("2024-07-01T14:58:00Z"), "period2": at(OPEN), "interval": "1m"}
    chart = result((await it.yahoo("AAPL", **asked)).json)
    slot = at("2024-07-01T15:00:00Z")
    assert chart["timestamp"] == [slot - 120, slot - 60, slot, at(OPEN) - 1]
    [quote] = chart["indicators"]["quote"]
    assert set(quote) == {"open", "high", "low", "close", "volume"}
    assert {name: column[2] for name, column in quote.items()} == dict.fromkeys(quote)
    last = {name: column[3] for name, column in quote.items()}
    assert last["open"] == last["high"] == last["low"] == last["close"]
    assert last["volume"] == 0
    assert chart["meta"]["regularMarketTime"] == chart["timestamp"][-1]


async def test_the_forming_price_moves_and_becomes_the_bar(rig: Rigged) -> None:
    it = await rig(OPEN)
    slot = at("2024-07-01T15:00:00Z")
    seen = set()
    for second in (10, 25, 40, 55):
        it.clock.now = slot + second
        asked = {"period1": slot, "period2": slot + 60, "interval": "1m"}
        seen.add(result((await it.yahoo("AAPL", **asked)).json)["indicators"]["quote"][0]["close"][-1])
    assert len(seen) > 1
    it.clock.now = slot + 60
    chart = result((await it.yahoo("AAPL", period1=slot, period2=slot + 59, interval="1m")).json)
    assert chart["timestamp"] == [slot]


async def test_prices_carry_the_noise_of_single_precision(rig: Rigged) -> None:
    it = await rig("2024-07-04T12:00:00Z", recorded={"DEMO": DATA / "half_day.csv"})
    asked = {"period1": at("2024-07-03T13:30:00Z"), "period2": at("2024-07-03T13:31:00Z"), "interval": "1m"}
    [quote] = result((await it.yahoo("DEMO", **asked)).json)["indicators"]["quote"]
    assert quote["close"] == [float(np.float32(50.10)), float(np.float32(50.05))]
    assert quote["close"][0] != 50.10
    assert quote["volume"] == [1200, 800]


async def test_period2_belongs_to_the_window(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"period1": at("2024-07-01T14:00:00Z"), "period2": at("2024-07-01T14:02:00Z"), "interval": "1m"}
    chart = result((await it.yahoo("AAPL", **asked)).json)
    assert chart["timestamp"][-1] == asked["period2"]


async def test_early_and_late_trading_comes_when_asked_for_without_volume(rig: Rigged) -> None:
    it = await rig("2024-07-05T12:00:00Z")
    day = {"period1": at("2024-07-03T04:00:00Z"), "period2": at("2024-07-04T03:00:00Z"), "interval": "1m"}
    regular = result((await it.yahoo("AAPL", **day)).json)
    assert len(regular["timestamp"]) == 210
    whole = result((await it.yahoo("AAPL", includePrePost="True", **day)).json)
    assert len(whole["timestamp"]) > 250
    told = dict(zip(whole["timestamp"], whole["indicators"]["quote"][0]["volume"], strict=True))
    assert {told[time] for time in set(told) - set(regular["timestamp"])} == {0}
    assert min(told[time] for time in regular["timestamp"]) > 0
    assert whole["timestamp"][-1] < at("2024-07-03T21:00:00Z")


async def test_trading_periods_are_a_list_or_with_early_and_late_ones_a_dict(rig: Rigged) -> None:
    it = await rig("2024-07-05T12:00:00Z")
    days = {"period1": at("2024-07-02T13:30:00Z"), "period2": at("2024-07-03T16:00:00Z"), "interval": "1m"}
    regular = result((await it.yahoo("AAPL", **days)).json)["meta"]["tradingPeriods"]
    half = {
        "timezone": "EDT",
        "start": at("2024-07-03T13:30:00Z"),
        "end": at("2024-07-03T17:00:00Z"),
        "gmtoffset": -14400,
    }
    assert [len(day) for day in regular] == [1, 1]
    assert regular[1] == [half]
    parts = result((await it.yahoo("AAPL", includePrePost="true", **days)).json)["meta"]["tradingPeriods"]
    assert set(parts) == {"pre", "post", "regular"}
    assert parts["regular"] == regular
    assert parts["post"][1][0]["end"] == at("2024-07-03T21:00:00Z")


async def test_no_trading_in_the_window_is_an_empty_quote_without_timestamps(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"period1": at("2024-06-29T12:00:00Z"), "period2": at("2024-06-30T12:00:00Z"), "interval": "1m"}
    chart = result((await it.yahoo("AAPL", **asked)).json)
    assert set(chart) == {"meta", "indicators"}
    assert chart["indicators"] == {"quote": [{}]}
    assert "tradingPeriods" not in chart["meta"]


async def test_days_are_stamped_with_the_open_and_the_running_one_grows(rig: Rigged) -> None:
    it = await rig(OPEN)
    asked = {"period1": at("2024-06-27T00:00:00Z"), "period2": at(OPEN), "interval": "1d"}
    chart = result((await it.yahoo("AAPL", **asked)).json)
    assert chart["timestamp"] == [at(f"2024-{day}T13:30:00Z") for day in ("06-27", "06-28", "07-01")]
    assert chart["indicators"]["adjclose"] == [{"adjclose": chart["indicators"]["quote"][0]["close"]}]
    assert "previousClose" not in chart["meta"]
    it.clock.now += 3600
    later = result((await it.yahoo("AAPL", **{**asked, "period2": at(OPEN) + 3600})).json)
    volumes, grown = (one["indicators"]["quote"][0]["volume"] for one in (chart, later))
    assert volumes[:2] == grown[:2]
    assert grown[2] > volumes[2]


async def test_days_of_crypto_are_stamped_midnight_and_run_on_sundays(rig: Rigged) -> None:
    it = await rig("2024-06-30T12:00:00Z")
    asked = {"period1": at("2024-06-29T00:00:00Z"), "period2": at("2024-06-30T00:00:00Z"), "interval": "1d"}
    chart = result((await it.yahoo("BTC-USD", **asked)).json)
    assert chart["timestamp"] == [asked["period1"], asked["period2"]]
    assert chart["meta"]["exchangeTimezoneName"] == "UTC"
    minutes = result((await it.yahoo("BTC-USD", range="1d", interval="1m")).json)
    assert len(minutes["timestamp"]) >= 720


@pytest.mark.parametrize(("month", "opening"), [("03", ("14:30", "13:30")), ("11", ("13:30", "14:30"))])
async def test_a_week_with_a_change_of_clocks_keeps_the_wall_time(
    rig: Rigged, month: str, opening: tuple[str, str]
) -> None:
    friday, monday = {"03": ("08", "11"), "11": ("01", "04")}[month]
    it = await rig(f"2024-{month}-{monday}T22:00:00Z")
    asked = {"period1": at(f"2024-{month}-{friday}T00:00:00Z"), "period2": it.clock.now, "interval": "1d"}
    chart = result((await it.yahoo("AAPL", **{**asked, "period2": int(it.clock.now)})).json)
    assert chart["timestamp"] == [
        at(f"2024-{month}-{friday}T{opening[0]}:00Z"),
        at(f"2024-{month}-{monday}T{opening[1]}:00Z"),
    ]


@pytest.mark.parametrize(
    ("symbol", "params", "status", "text"),
    [
        ("NOSUCH", {"range": "1d"}, 404, "No data found, symbol may be delisted"),
        ("AAPL", {"interval": "10m"}, 422, "interval=10m is not supported. Valid intervals: [1m, 2m, 5m,"),
        ("AAPL", {"period1": "x"}, 400, "cannot be read"),
        ("AAPL", {"period1": "9", "period2": "5"}, 400, "cannot be read"),
        (
            "AAPL",
            {"period1": "-1000", "period2": "0", "interval": "1d"},
            400,
            "Data doesn't exist for startDate = -1000, endDate = 0",
        ),
    ],
)
async def test_errors_come_in_the_charts_envelope(
    rig: Rigged, symbol: str, params: dict[str, str], status: int, text: str
) -> None:
    it = await rig(OPEN)
    got = await it.yahoo(symbol, **params)
    assert got.status == status
    assert got.json["chart"]["result"] is None
    assert text in got.json["chart"]["error"]["description"]


async def test_minutes_reach_8_days_a_request_and_30_days_back_by_its_own_clock(rig: Rigged) -> None:
    it = await rig(OPEN)
    now, day = at(OPEN), 86_400

    async def ask(begin: int, end: int) -> tuple[int, str]:
        got = await it.yahoo("AAPL", period1=begin, period2=end, interval="1m")
        error = got.json["chart"]["error"]
        return got.status, error["description"] if error else ""

    assert await ask(now - 8 * day, now) == (200, "")
    assert await ask(now - 29 * day, now - 25 * day) == (200, "")
    subject = "1m data not available for startTime={} and endTime={}."
    limit = "Only 8 days worth of 1m granularity data are allowed to be fetched per request."
    wide = (now - 8 * day - 1, now)
    assert await ask(*wide) == (422, f"{subject.format(*wide)} {limit}")
    limit = "The requested range must be within the last 30 days."
    old = (now - 30 * day, now - 25 * day)
    assert await ask(*old) == (422, f"{subject.format(*old)} {limit}")


@pytest.mark.parametrize("agent", ["", "python-requests/2.32", "curl/8.5.0", "Python/3.11 aiohttp/3.14.5"])
async def test_default_agents_of_libraries_are_turned_away_with_plain_text(rig: Rigged, agent: str) -> None:
    it = await rig(OPEN)
    got = await it.ask("GET", "/yahoo/v8/finance/chart/AAPL", headers={"User-Agent": agent})
    assert got.status == 429
    assert got.text.strip() == "Too Many Requests"
    assert got.headers["content-type"].startswith("text/plain")
    assert "retry-after" not in got.headers


async def test_an_agent_that_says_nothing_of_itself_is_turned_away(rig: Rigged) -> None:
    it = await rig(OPEN)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{it.running.base_urls['yahoo']}/v8/finance/chart/AAPL") as reply,
    ):
        assert reply.status == 429


async def test_more_than_360_calls_an_hour_are_refused(rig: Rigged) -> None:
    it = await rig(OPEN)
    statuses = [(await it.yahoo("AAPL", range="1d", interval="1d")).status for _ in range(361)]
    assert statuses == [200] * 360 + [429]
    it.clock.now += 3600
    assert (await it.yahoo("AAPL", range="1d", interval="1d")).status == 200


async def test_symbols_in_the_path_may_be_encoded(rig: Rigged) -> None:
    it = await rig(OPEN)
    encoded = "/yahoo/v8/finance/chart/%5EGSPC?range=1d&interval=1m"
    meta = result((await it.ask("GET", encoded)).json)["meta"]
    assert (meta["symbol"], meta["instrumentType"]) == ("^GSPC", "INDEX")


async def test_the_nested_spark_leaves_unknown_symbols_out(rig: Rigged) -> None:
    it = await rig(OPEN)
    got = await it.get("/yahoo/v7/finance/spark", symbols="AAPL,NOSUCH,BTC-USD", range="1d", interval="5m")
    sparks = got.json["spark"]["result"]
    assert [one["symbol"] for one in sparks] == ["AAPL", "BTC-USD"]
    [response] = sparks[0]["response"]
    assert set(response) == {"meta", "timestamp", "indicators"}
    assert set(response["indicators"]["quote"][0]) == {"close"}
    assert response["meta"]["regularMarketPrice"] > 0


async def test_the_flat_spark_has_closes_only(rig: Rigged) -> None:
    it = await rig(OPEN)
    body = (await it.get("/yahoo/v8/finance/spark", symbols="AAPL,NOSUCH")).json
    assert set(body) == {"AAPL"}
    assert set(body["AAPL"]) == {
        "timestamp", "symbol", "end", "close", "start",
        "previousClose", "chartPreviousClose", "dataGranularity",
    }  # fmt: skip
    assert body["AAPL"]["dataGranularity"] == 300


async def test_a_spark_takes_20_symbols(rig: Rigged) -> None:
    it = await rig(OPEN)
    names = [f"A{chr(65 + at)}" for at in range(21)]
    assert (await it.get("/yahoo/v7/finance/spark", symbols=",".join(names[:20]))).status == 200
    got = await it.get("/yahoo/v7/finance/spark", symbols=",".join(names))
    assert got.status == 400
    assert (
        got.json["spark"]["error"]["description"] == "Number of symbols needs to be less than or equal to 20"
    )


async def test_quotes_want_a_crumb(rig: Rigged) -> None:
    it = await rig(OPEN)
    got = await it.get("/yahoo/v7/finance/quote", symbols="AAPL")
    assert got.status == 401
    assert got.json["finance"]["error"]["description"] == "Invalid Crumb"


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded exchanges are not beside this checkout")
async def test_a_chart_has_every_key_of_the_recorded_ones(rig: Rigged) -> None:
    recording = json.loads((RECORDINGS / "chart-AAPL-2020-01-01-to-2020-01-03.json").read_text())
    real = result(recording["response"]["bodyJson"])
    it = await rig("2020-02-20T12:00:00Z")
    ours = result((await it.yahoo("AAPL", period1=1577836800, period2=1578009600, interval="1d")).json)
    assert set(ours) == set(real)
    assert set(ours["meta"]) == set(real["meta"])
    assert ours["timestamp"] == real["timestamp"]
    assert ours["meta"]["currentTradingPeriod"].keys() == real["meta"]["currentTradingPeriod"].keys()
    assert {type(one) for one in ours["meta"].values()} == {type(one) for one in real["meta"].values()}


async def test_rows_are_in_order(rig: Rigged) -> None:
    it = await rig(OPEN)
    times = result((await it.yahoo("AAPL", range="5d", interval="5m")).json)["timestamp"]
    assert all(before < after for before, after in pairwise(times))
