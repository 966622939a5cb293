"""Tiingo's protocol: whole days of minutes, raw and adjusted days, tops of the book and refusals."""

import pytest

from market_data.simulate import Plan

from .conftest import Got, Rig, Rigged, at

NOW = "2024-07-02T14:00:30Z"
KEY = {"Authorization": "Token k"}
IEX = "iex/AAPL/prices"
pytestmark = pytest.mark.anyio


async def ask(it: Rig, path: str, **params: str) -> Got:
    return await it.ask("GET", f"/tiingo/{path}", params=params, headers=KEY)


async def test_minutes_are_those_of_whole_days_of_new_york_and_both_days_belong_to_them(rig: Rigged) -> None:
    it = await rig(NOW)
    asked = {"resampleFreq": "1min", "columns": "open,high,low,close,volume"}
    rows = (await ask(it, IEX, startDate="2024-07-01", endDate="2024-07-02", **asked)).json
    stamps = [row["date"] for row in rows]
    assert (stamps[0], stamps[-1]) == ("2024-07-01T13:30:00.000Z", "2024-07-02T14:00:00.000Z")
    assert "2024-07-01T19:59:00.000Z" in stamps
    assert set(rows[0]) == {"date", "open", "high", "low", "close", "volume"}
    truth = (await it.get("/sim/bars/AAPL", start=at(stamps[0]), end=at(stamps[0]) + 390 * 60)).json["rows"]
    assert [list(row.values())[1:] for row in rows[:390]] == [row[1:] for row in truth]


async def test_volume_and_early_trading_come_only_if_they_are_asked_for(rig: Rigged) -> None:
    it = await rig(NOW)
    usual = (await ask(it, IEX, startDate="2024-07-01", endDate="2024-07-01", resampleFreq="1min")).json
    assert set(usual[0]) == {"date", "open", "high", "low", "close"}
    assert len(usual) == 390
    asked = {"startDate": "2024-07-01", "endDate": "2024-07-01", "afterHours": "true"}
    early = (await ask(it, IEX, resampleFreq="1min", **asked)).json
    assert early[0]["date"] < "2024-07-01T13:30:00.000Z"
    assert early[-1]["date"] > "2024-07-01T20:00:00.000Z"


async def test_days_have_raw_and_adjusted_prices_in_one_row(rig: Rigged) -> None:
    it = await rig(NOW)
    path = "tiingo/daily/AAPL/prices"
    rows = (await ask(it, path, startDate="2024-06-28", endDate="2024-07-01", resampleFreq="daily")).json
    assert [row["date"] for row in rows] == ["2024-06-28T00:00:00+00:00", "2024-07-01T00:00:00+00:00"]
    assert rows[0]["adjClose"] == rows[0]["close"]
    assert (rows[0]["divCash"], rows[0]["splitFactor"]) == (0.0, 1.0)
    truth = await it.get(
        "/sim/bars/AAPL", start=at(rows[0]["date"]), end=at(rows[1]["date"]) + 1, interval="1d"
    )
    told = [[row[name] for name in ("open", "high", "low", "close", "volume")] for row in rows]
    assert told == [row[1:] for row in truth.json["rows"]]


async def test_without_an_agreement_there_is_a_reference_price_alone(rig: Rigged) -> None:
    it = await rig(NOW)
    told = (await ask(it, "iex/", tickers="AAPL,NOSUCH,BRK-B")).json
    assert [one["ticker"] for one in told] == ["AAPL", "BRK-B"]
    assert told[0]["tngoLast"] > 0
    assert told[0]["last"] is told[0]["bidPrice"] is told[0]["askPrice"] is None
    assert told[0]["timestamp"] == "2024-07-02T14:00:29.000000000+00:00"


async def test_an_unknown_range_is_an_empty_array(rig: Rigged) -> None:
    it = await rig(NOW)
    for dates in (("2024-06-29", "2024-06-30"), ("2024-07-05", "2024-07-01")):
        got = await ask(it, IEX, startDate=dates[0], endDate=dates[1], resampleFreq="1min")
        assert (got.status, got.json) == (200, [])


@pytest.mark.parametrize(
    ("path", "params", "status", "detail"),
    [
        ("iex/NOSUCH/prices", {}, 404, "Error: Ticker 'NOSUCH' not found"),
        ("iex/BTC-USD/prices", {}, 404, "Error: Ticker 'BTC-USD' not found"),
        ("iex/AAPL", {}, 404, "Not found."),
        (IEX, {"resampleFreq": "7min"}, 400, "Error: resampleFreq or columns: "),
        (IEX, {"startDate": "soon"}, 400, "Error: startDate is not a date: soon"),
    ],
)
async def test_what_is_wrong_is_told_as_a_detail(
    rig: Rigged, path: str, params: dict[str, str], status: int, detail: str
) -> None:
    it = await rig(NOW)
    got = await ask(it, path, **params)
    assert got.status == status
    assert got.json["detail"].startswith(detail)


async def test_keys_are_looked_at(rig: Rigged) -> None:
    it = await rig(NOW)
    bare = await it.get(f"/tiingo/{IEX}")
    assert (bare.status, bare.json) == (401, {"detail": "Please supply a token"})
    wrong = await it.get(f"/tiingo/{IEX}", token="invalid")  # noqa: S106 - not one
    assert (wrong.status, wrong.json) == (403, {"detail": "Invalid token."})
    assert (await it.get(f"/tiingo/{IEX}", token="k")).status == 200  # noqa: S106 - nor this


async def test_more_than_the_hours_calls_are_refused_until_some_are_an_hour_old(rig: Rigged) -> None:
    it = await rig(NOW)
    assert [(await ask(it, "iex/", tickers="AAPL")).status for _ in range(51)] == [200] * 50 + [429]
    refused = await ask(it, "iex/", tickers="AAPL")
    assert "hourly request allocation" in refused.json["detail"]
    assert "retry-after" not in refused.headers
    it.clock.now += 3600
    assert (await ask(it, "iex/", tickers="AAPL")).status == 200


async def test_who_pays_has_more(rig: Rigged) -> None:
    it = await rig(NOW, plans={"tiingo": Plan.PREMIUM})
    assert {(await ask(it, "iex/", tickers="AAPL")).status for _ in range(60)} == {200}
