"""Massive's protocol: aggregates in pages, snapshots, and what free keys are refused."""

import pytest

from market_data.simulate import Plan

from .conftest import Got, Rig, Rigged, at

NOW = "2024-07-02T14:00:30Z"
KEY = {"Authorization": "Bearer k"}
SNAPSHOTS = "v2/snapshot/locale/us/markets/stocks/tickers"
PAID = {"plans": {"massive": Plan.PREMIUM}}
pytestmark = pytest.mark.anyio


async def ask(it: Rig, path: str, **params: str) -> Got:
    return await it.ask("GET", f"/massive/{path}", params=params, headers=KEY)


async def aggs(it: Rig, window: str, symbol: str = "AAPL", timespan: str = "minute", **params: str) -> Got:
    return await ask(it, f"v2/aggs/ticker/{symbol}/range/1/{timespan}/{window}", **params)


async def test_aggregates_of_dates_are_whole_days_of_new_york(rig: Rigged) -> None:
    it = await rig(NOW)
    body = (await aggs(it, "2024-06-28/2024-07-01", limit="50000")).json
    assert (body["ticker"], body["status"], body["adjusted"]) == ("AAPL", "OK", True)
    assert body["resultsCount"] == body["queryCount"] == body["count"] == len(body["results"])
    begin, end = at("2024-06-28T08:00:00Z"), at("2024-07-02T00:00:00Z")
    assert all(begin * 1000 <= row["t"] < end * 1000 for row in body["results"])
    truth = (await it.get("/sim/bars/AAPL", start=begin, end=end)).json["rows"]
    assert [[row["t"] // 1000, *(row[name] for name in "ohlcv")] for row in body["results"]] == truth
    assert set(body["results"][0]) == {"v", "vw", "o", "c", "h", "l", "t", "n"}


async def test_both_ends_in_milliseconds_belong_to_the_window(rig: Rigged) -> None:
    it = await rig(NOW)
    begin, end = at("2024-07-01T14:00:00Z") * 1000, at("2024-07-01T14:02:00Z") * 1000
    rows = (await aggs(it, f"{begin}/{end}")).json["results"]
    assert [row["t"] for row in rows] == [begin, begin + 60_000, end]
    newest = (await aggs(it, f"{begin}/{end}", sort="desc")).json["results"]
    assert newest == rows[::-1]


async def test_days_are_stamped_with_new_yorks_midnight(rig: Rigged) -> None:
    it = await rig("2024-11-06T12:00:00Z")
    rows = (await aggs(it, "2024-11-01/2024-11-04", timespan="day")).json["results"]
    assert [row["t"] // 1000 for row in rows] == [at("2024-11-01T04:00:00Z"), at("2024-11-04T05:00:00Z")]


async def test_what_does_not_fit_into_a_page_is_continued(rig: Rigged) -> None:
    it = await rig(NOW)
    window = f"{at('2024-07-01T14:00:00Z') * 1000}/{at('2024-07-01T14:04:00Z') * 1000}"
    whole = (await aggs(it, window)).json
    assert "next_url" not in whole
    first = (await aggs(it, window, limit="3")).json
    assert first["results"] == whole["results"][:3]
    path, _, cursor = first["next_url"].removeprefix("https://api.massive.com/").partition("?cursor=")
    rest = (await ask(it, path, limit="3", cursor=cursor)).json
    assert rest["results"] == whole["results"][3:]
    assert "next_url" not in rest


async def test_where_there_are_no_rows_there_are_no_results(rig: Rigged) -> None:
    it = await rig(NOW)
    for got in (await aggs(it, "2024-06-29/2024-06-30"), await aggs(it, "2024-06-28/2024-06-28", "NOSUCH")):
        assert (got.status, got.json["resultsCount"], "results" in got.json) == (200, 0, False)


@pytest.mark.parametrize(
    "window", ["2024-07-01/2024-07-02", "2024-07-02/2024-07-02", "2022-07-01/2024-07-01"]
)
async def test_a_free_key_is_refused_the_running_day_and_what_is_older_than_two_years(
    rig: Rigged, window: str
) -> None:
    it = await rig(NOW)
    refused = await aggs(it, window)
    assert (refused.status, refused.json["status"]) == (403, "NOT_AUTHORIZED")
    assert refused.json["message"].startswith("Your plan doesn't include this data timeframe.")
    assert (await aggs(await rig(NOW, **PAID), window)).status == 200


async def test_the_running_day_is_over_at_midnight_of_new_york(rig: Rigged) -> None:
    it = await rig("2024-07-03T03:59:59Z")
    assert (await aggs(it, "2024-07-02/2024-07-02")).status == 403
    it.clock.now += 1
    assert (await aggs(it, "2024-07-02/2024-07-02")).status == 200


async def test_snapshots_are_of_paid_plans(rig: Rigged) -> None:
    it = await rig(NOW)
    refused = await ask(it, SNAPSHOTS, tickers="AAPL")
    assert (refused.status, refused.json["status"]) == (403, "NOT_AUTHORIZED")
    it = await rig(NOW, **PAID)
    body = (await ask(it, SNAPSHOTS, tickers="AAPL,NOSUCH,BRK.B")).json
    assert body["status"] == "OK"
    assert [one["ticker"] for one in body["tickers"]] == ["AAPL", "BRK.B"]
    one = body["tickers"][0]
    assert one["lastQuote"]["p"] < one["lastQuote"]["P"]
    assert one["lastTrade"]["t"] // 10**9 == at(NOW) - 1
    assert one["min"]["t"] == at("2024-07-02T14:00:00Z") * 1000


@pytest.mark.parametrize(
    ("window", "params", "says"),
    [
        ("soon/2024-07-01", {}, "Could not parse the time parameter: soon"),
        ("2024-07-01/2024-06-28", {}, "The 'to' time cannot be before the 'from' time"),
        ("2024-06-28/2024-07-01", {"limit": "50001"}, "limit must be from 1 to 50000"),
    ],
)
async def test_what_is_wrong_is_told_as_an_error(
    rig: Rigged, window: str, params: dict[str, str], says: str
) -> None:
    it = await rig(NOW)
    got = await aggs(it, window, **params)
    assert (got.status, got.json["status"], got.json["error"]) == (400, "ERROR", says)


async def test_keys_are_looked_at(rig: Rigged) -> None:
    it = await rig(NOW)
    path = f"/massive/{SNAPSHOTS}"
    assert (await it.get(path)).json["error"] == "API Key was not provided"
    wrong = await it.get(path, apiKey="invalid")
    assert (wrong.status, wrong.json["error"]) == (401, "Unknown API Key")


async def test_the_sixth_call_of_a_minute_is_refused(rig: Rigged) -> None:
    it = await rig(NOW)
    statuses = [(await aggs(it, "2024-06-28/2024-06-28", timespan="day")).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    refused = await aggs(it, "2024-06-28/2024-06-28")
    assert refused.json["error"].startswith("You've exceeded the maximum requests per minute")
    assert "retry-after" not in refused.headers
    it.clock.now += 60
    assert (await aggs(it, "2024-06-28/2024-06-28")).status == 200
