"""Alpha Vantage's protocol: its shapes, and every error in a 200."""

from itertools import pairwise
from typing import Any

import pytest

from market_data.simulate import Plan

from .conftest import DATA, Rig, Rigged

EVENING = "2024-07-04T12:00:00Z"
PREMIUM = {"alphavantage": Plan.PREMIUM}
pytestmark = pytest.mark.anyio


async def recorded(rig: Rigged, now: str = EVENING) -> Rig:
    return await rig(now, plans=PREMIUM, recorded={"DEMO": DATA / "half_day.csv"})


async def minutes(it: Rig, **params: object) -> dict[str, Any]:
    got = await it.alpha_vantage("TIME_SERIES_INTRADAY", symbol="DEMO", interval="1min", **params)
    assert got.status == 200
    body: dict[str, Any] = got.json
    return body


async def test_minutes_are_strings_under_naive_new_york_times_newest_first(rig: Rigged) -> None:
    it = await recorded(rig)
    body = await minutes(it, outputsize="full", month="2024-07")
    assert body["Meta Data"] == {
        "1. Information": "Intraday (1min) open, high, low, close prices and volume",
        "2. Symbol": "DEMO",
        "3. Last Refreshed": "2024-07-03 13:00:00",
        "4. Interval": "1min",
        "5. Output Size": "Full size",
        "6. Time Zone": "US/Eastern",
    }
    rows = body["Time Series (1min)"]
    assert list(rows) == [f"2024-07-03 {time}:00" for time in ("13:00", "12:59", "09:33", "09:31", "09:30")]
    assert rows["2024-07-03 09:30:00"] == {
        "1. open": "50.0000",
        "2. high": "50.2500",
        "3. low": "49.9000",
        "4. close": "50.1000",
        "5. volume": "1200",
    }


async def test_extended_hours_can_be_left_out(rig: Rigged) -> None:
    it = await recorded(rig)
    body = await minutes(it, extended_hours="false")
    assert "2024-07-03 13:00:00" not in body["Time Series (1min)"]
    assert body["Meta Data"]["5. Output Size"] == "Compact"


async def test_compact_is_the_newest_hundred(rig: Rigged) -> None:
    it = await rig(EVENING, plans=PREMIUM)
    got = await it.alpha_vantage("TIME_SERIES_INTRADAY", symbol="IBM", interval="1min")
    rows = got.json["Time Series (1min)"]
    assert len(rows) == 100
    assert next(iter(rows)) > "2024-07-03 16:00:00"


@pytest.mark.parametrize(
    ("entitlement", "newest"),
    [("", "2024-07-02 19:"), ("delayed", "2024-07-03 10:44:00"), ("realtime", "2024-07-03 11:00:00")],
)
async def test_how_new_the_newest_minute_is_depends_on_the_entitlement(
    rig: Rigged, entitlement: str, newest: str
) -> None:
    it = await rig("2024-07-03T15:00:30Z", plans=PREMIUM)
    asked = {"entitlement": entitlement} if entitlement else {}
    got = await it.alpha_vantage("TIME_SERIES_INTRADAY", symbol="IBM", interval="1min", **asked)
    assert got.json["Meta Data"]["3. Last Refreshed"].startswith(newest)


@pytest.mark.parametrize(("month", "shifted"), [("2024-03", "2024-03-10"), ("2024-11", "2024-11-03")])
async def test_a_month_with_a_change_of_clocks_stays_on_wall_time(
    rig: Rigged, month: str, shifted: str
) -> None:
    it = await rig("2024-12-31T23:00:00Z", plans=PREMIUM)
    asked = {"symbol": "IBM", "interval": "60min", "month": month, "outputsize": "full"}
    got = await it.alpha_vantage("TIME_SERIES_INTRADAY", extended_hours="false", **asked)
    labels = list(got.json["Time Series (60min)"])
    assert {label[11:] for label in labels} == {
        f"{hour}:30:00" for hour in ("09", "10", "11", "12", "13", "14", "15")
    }
    assert all(label.startswith(month) for label in labels)
    assert min(labels)[:10] < shifted < max(labels)[:10]


async def test_days_end_with_the_last_session_that_is_over(rig: Rigged) -> None:
    it = await rig("2024-07-03T15:00:00Z")
    got = await it.alpha_vantage("TIME_SERIES_DAILY", symbol="IBM")
    body = got.json
    assert body["Meta Data"]["5. Time Zone"] == "US/Eastern"
    assert body["Meta Data"]["3. Last Refreshed"] == "2024-07-02"
    rows = list(body["Time Series (Daily)"])
    assert len(rows) == 100
    assert all(after < before for before, after in pairwise(rows))


async def test_a_quote_is_of_the_last_session_that_is_over(rig: Rigged) -> None:
    it = await rig("2024-07-03T15:00:00Z")
    [(top, quote)] = (await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM")).json.items()
    assert top == "Global Quote"
    assert list(quote) == [
        "01. symbol", "02. open", "03. high", "04. low", "05. price", "06. volume", "07. latest trading day",
        "08. previous close", "09. change", "10. change percent",
    ]  # fmt: skip
    assert quote["07. latest trading day"] == "2024-07-02"
    assert quote["10. change percent"].endswith("%")


async def test_a_delayed_quote_says_so_in_its_key(rig: Rigged) -> None:
    it = await rig("2024-07-03T15:00:00Z", plans=PREMIUM)
    body = (await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM", entitlement="delayed")).json
    [(top, quote)] = body.items()
    assert top == "Global Quote - DATA DELAYED BY 15 MINUTES"
    assert quote["07. latest trading day"] == "2024-07-03"


async def test_an_unknown_symbol_is_an_empty_quote_and_an_invalid_call(rig: Rigged) -> None:
    it = await rig(EVENING, plans=PREMIUM)
    assert (await it.alpha_vantage("GLOBAL_QUOTE", symbol="NOSUCH")).json == {"Global Quote": {}}
    got = await it.alpha_vantage("TIME_SERIES_DAILY", symbol="NOSUCH")
    assert got.status == 200
    assert got.json == {
        "Error Message": "Invalid API call. Please retry or visit the documentation"
        " (https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY."
    }


@pytest.mark.parametrize(
    ("function", "params", "text"),
    [
        ("TIME_SERIES_INTRADAY", {"interval": "1min"}, "This is a premium endpoint."),
        ("TIME_SERIES_DAILY_ADJUSTED", {}, "This is a premium endpoint."),
        ("GLOBAL_QUOTE", {"entitlement": "realtime"}, "This is a premium endpoint."),
        ("TIME_SERIES_DAILY", {"outputsize": "full"}, "The outputsize=full parameter value is a premium"),
        ("GLOBAL_QUOTE", {"apikey": "demo"}, "The **demo** API key is for demo purposes only."),
    ],
)
async def test_what_a_free_key_may_not_is_told_in_a_200(
    rig: Rigged, function: str, params: dict[str, str], text: str
) -> None:
    it = await rig(EVENING)
    got = await it.alpha_vantage(function, **{"symbol": "IBM", **params})
    assert got.status == 200
    assert text in got.json["Information"]


@pytest.mark.parametrize("key", ["", "invalid"])
async def test_a_bad_key_is_told_in_a_200(rig: Rigged, key: str) -> None:
    it = await rig(EVENING)
    got = await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM", apikey=key)
    assert got.status == 200
    assert got.json["Error Message"].startswith("the parameter apikey is invalid or missing.")


async def test_an_unknown_function_does_not_exist(rig: Rigged) -> None:
    it = await rig(EVENING)
    got = await it.alpha_vantage("NO_SUCH", symbol="IBM")
    assert got.json == {"Error Message": "This API function (NO_SUCH) does not exist."}


async def test_two_calls_in_a_second_are_a_burst_and_it_passes(rig: Rigged) -> None:
    it = await rig(EVENING)
    await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM")
    text = (await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM")).json["Information"]
    assert "spreading out" in text
    assert "(1 request per second)" in text
    assert "(25 requests per day)" in text
    it.clock.now += 1.1
    assert "Global Quote" in (await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM")).json


async def test_the_26th_call_of_a_day_is_refused_with_the_key_in_the_text(rig: Rigged) -> None:
    it = await rig(EVENING)
    for _ in range(25):
        it.clock.now += 2
        assert "Global Quote" in (await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM")).json
    it.clock.now += 2
    text = (await it.alpha_vantage("GLOBAL_QUOTE", symbol="IBM", apikey="SECRET")).json["Information"]
    assert "We have detected your API key as SECRET and our standard API rate limit is 25" in text
    assert it.running.calls["alphavantage"].over_plan == 1


async def test_csv_comes_newest_first_but_its_errors_are_json(rig: Rigged) -> None:
    it = await recorded(rig)
    asked = {"symbol": "DEMO", "interval": "1min", "datatype": "csv"}
    text = (await it.alpha_vantage("TIME_SERIES_INTRADAY", **asked)).text
    assert text.splitlines()[:2] == [
        "timestamp,open,high,low,close,volume",
        "2024-07-03 13:00:00,51.0000,51.0200,51.0000,51.0200,90",
    ]
    unknown = await it.alpha_vantage("TIME_SERIES_INTRADAY", **{**asked, "symbol": "NOSUCH"})
    assert "Error Message" in unknown.json


@pytest.mark.parametrize("wrong", [{"interval": "7min"}, {"month": "2024-13"}, {"symbol": "BTC-USD"}])
async def test_bad_parameters_are_an_invalid_call(rig: Rigged, wrong: dict[str, str]) -> None:
    it = await rig(EVENING, plans=PREMIUM)
    good = {"symbol": "IBM", "interval": "1min"}
    got = await it.alpha_vantage("TIME_SERIES_INTRADAY", **{**good, **wrong})
    assert got.json["Error Message"].startswith("Invalid API call.")


async def test_a_month_before_the_first_bar_is_an_invalid_call(rig: Rigged) -> None:
    it = await recorded(rig)
    assert (await minutes(it, month="2023-01"))["Error Message"].startswith("Invalid API call.")


async def test_a_time_without_bars_is_an_empty_object(rig: Rigged) -> None:
    it = await recorded(rig, "2024-12-01T12:00:00Z")
    assert await minutes(it) == {}
