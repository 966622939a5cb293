"""Twelve Data's protocol: rows of texts, zones and orders, credits, and errors in answers that are 200."""

import pytest

from market_data.simulate import Plan

from .conftest import Got, Rig, Rigged, at

NOW = "2024-07-02T14:00:30Z"
KEY = {"Authorization": "apikey k"}
pytestmark = pytest.mark.anyio


async def ask(it: Rig, endpoint: str = "time_series", **params: str) -> Got:
    asked = {"symbol": "AAPL", **params}
    return await it.ask("GET", f"/twelvedata/{endpoint}", params=asked, headers=KEY)


async def test_rows_are_texts_in_the_zone_and_the_order_that_are_asked_for(rig: Rigged) -> None:
    it = await rig(NOW, plans={"twelvedata": Plan.UNLIMITED})
    window = {"start_date": "2024-07-02 13:58:00", "end_date": "2024-07-02 14:00:00"}
    body = (await ask(it, interval="1min", timezone="UTC", order="ASC", **window)).json
    assert body["status"] == "ok"
    assert (body["meta"]["symbol"], body["meta"]["interval"]) == ("AAPL", "1min")
    rows = body["values"]
    assert [row["datetime"][11:] for row in rows] == ["13:58:00", "13:59:00", "14:00:00"]
    assert {type(cell) for row in rows for cell in row.values()} == {str}
    truth = (await it.get("/sim/bars/AAPL", start=at("2024-07-02T13:58:00Z"), end=at(NOW))).json["rows"]
    told = [[float(row[name]) for name in ("open", "high", "low", "close", "volume")] for row in rows]
    assert told == [row[1:] for row in truth]
    local = {"start_date": "2024-07-02 09:58:00", "end_date": "2024-07-02 10:00:00"}
    usual = (await ask(it, interval="1min", **local)).json["values"]
    assert [row["datetime"][11:] for row in usual] == ["10:00:00", "09:59:00", "09:58:00"]
    assert usual[::-1] == [
        {**row, "datetime": one["datetime"]} for row, one in zip(rows, usual[::-1], strict=True)
    ]


async def test_thirty_rows_come_if_nothing_is_asked_for_and_early_ones_never(rig: Rigged) -> None:
    it = await rig("2024-07-02T13:45:30Z")
    rows = (await ask(it, interval="1min", timezone="UTC", order="asc")).json["values"]
    assert len(rows) == 30
    assert [row["datetime"] for row in rows[13:15]] == ["2024-07-01 19:59:00", "2024-07-02 13:30:00"]


async def test_the_end_of_a_window_of_days_does_not_belong_to_it(rig: Rigged) -> None:
    it = await rig(NOW)
    window = {"start_date": "2024-06-27", "end_date": "2024-07-01"}
    for zone in ({}, {"timezone": "UTC"}):
        rows = (await ask(it, interval="1day", order="ASC", **window, **zone)).json["values"]
        assert [row["datetime"] for row in rows] == ["2024-06-27", "2024-06-28"]


async def test_no_more_rows_than_asked_for_the_newest_of_them(rig: Rigged) -> None:
    it = await rig(NOW)
    window = {"start_date": "2024-07-02 13:30:00", "end_date": "2024-07-02 14:00:00", "outputsize": "2"}
    rows = (await ask(it, interval="1min", timezone="UTC", order="ASC", **window)).json["values"]
    assert [row["datetime"][11:] for row in rows] == ["13:59:00", "14:00:00"]


async def test_rows_of_crypto_have_no_volume(rig: Rigged) -> None:
    it = await rig(NOW)
    body = (await ask(it, symbol="BTC/USD", interval="1min")).json
    assert body["meta"]["symbol"] == "BTC/USD"
    assert set(body["values"][0]) == {"datetime", "open", "high", "low", "close"}


async def test_quotes_tell_when_they_were_made(rig: Rigged) -> None:
    it = await rig(NOW)
    quote = (await ask(it, "quote", symbol="BRK.B")).json
    assert quote["symbol"] == "BRK.B"
    assert quote["timestamp"] == at("2024-07-02T13:30:00Z")
    assert quote["last_quote_at"] == at(NOW)
    assert float(quote["low"]) <= float(quote["close"]) <= float(quote["high"])
    assert (await ask(it, "price", symbol="BRK.B")).json == {"price": quote["close"]}


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        ({"symbol": "NOSUCH"}, 400, "**symbol** not found: NOSUCH."),
        ({"symbol": "BTC-USD"}, 400, "**symbol** not found: BTC-USD."),
        ({"symbol": ""}, 400, "**symbol** parameter is missing"),
        ({"interval": "7min"}, 400, "Invalid **interval**"),
        ({"start_date": "soon"}, 400, "Invalid **start_date** provided: soon."),
        ({"outputsize": "5001"}, 400, "**outputsize** must be between 1 and 5000."),
        ({"start_date": "2024-06-29", "end_date": "2024-06-30"}, 400, "No data is available"),
    ],
)
async def test_errors_of_the_question_come_with_http_200(
    rig: Rigged, wrong: dict[str, str], code: int, says: str
) -> None:
    it = await rig(NOW)
    got = await ask(it, **{"interval": "1min", **wrong})
    assert (got.status, got.json["code"], got.json["status"]) == (200, code, "error")
    assert got.json["message"].startswith(says)


async def test_keys_are_looked_at(rig: Rigged) -> None:
    it = await rig(NOW)
    for params in ({}, {"apikey": "invalid"}):
        got = await it.get("/twelvedata/price", symbol="AAPL", **params)
        assert (got.status, got.json["code"]) == (401, 401)
    assert (await it.get("/twelvedata/price", symbol="AAPL", apikey="k")).status == 200


async def test_credits_are_told_and_more_than_the_minutes_is_refused_with_http_200(rig: Rigged) -> None:
    it = await rig(NOW)
    first = await ask(it, "price")
    assert (first.headers["api-credits-used"], first.headers["api-credits-left"]) == ("1", "799")
    for _ in range(7):
        assert "price" in (await ask(it, "price")).json
    refused = await ask(it, "price")
    assert (refused.status, refused.json["code"]) == (200, 429)
    assert "for the current minute. 9 API credits were used, with the current limit being 8." in refused.text
    it.clock.now += 60
    assert "price" in (await ask(it, "price")).json


async def test_a_path_that_is_not_there_is_a_page(rig: Rigged) -> None:
    it = await rig(NOW)
    got = await ask(it, "rsi")
    assert (got.status, got.headers["content-type"][:9]) == (404, "text/html")
