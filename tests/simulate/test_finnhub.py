"""Finnhub's protocol: bodies, headers and refusals as the real one's."""

import pytest

from market_data.simulate import Plan

from .conftest import DATA, Rigged, at

OPEN = "2024-07-01T15:00:30Z"
PREMIUM = {"finnhub": Plan.PREMIUM}
pytestmark = pytest.mark.anyio


async def test_a_quote_has_exactly_the_real_fields(rig: Rigged) -> None:
    it = await rig(OPEN)
    quote = (await it.finnhub("quote", symbol="AAPL")).json
    assert set(quote) == {"c", "d", "dp", "h", "l", "o", "pc", "t"}
    assert quote["l"] <= quote["c"] <= quote["h"]
    assert quote["d"] == pytest.approx(quote["c"] - quote["pc"])
    assert 18 <= at(OPEN) - quote["t"] <= 29


async def test_a_quote_at_night_is_of_the_close(rig: Rigged) -> None:
    it = await rig("2024-07-02T03:00:00Z")
    assert (await it.finnhub("quote", symbol="AAPL")).json["t"] == at("2024-07-01T20:00:00Z")


async def test_an_unknown_symbol_is_a_quote_of_zeros(rig: Rigged) -> None:
    it = await rig(OPEN)
    got = await it.finnhub("quote", symbol="NOSUCH")
    assert got.status == 200
    assert got.json == {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}


async def test_candles_are_refused_to_a_free_key_in_the_real_words(rig: Rigged) -> None:
    it = await rig(OPEN)
    got = await it.finnhub("stock/candle", symbol="AAPL", resolution="1", **{"from": 0, "to": 1})
    assert got.status == 403
    assert got.json == {"error": "You don't have access to this resource."}


async def test_candles_are_parallel_columns_and_the_last_one_is_forming(rig: Rigged) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    window = {"from": at("2024-07-01T14:58:00Z"), "to": at(OPEN)}
    body = (await it.finnhub("stock/candle", symbol="AAPL", resolution="1", **window)).json
    assert set(body) == {"c", "h", "l", "o", "s", "t", "v"}
    assert body["s"] == "ok"
    assert body["t"] == [at(f"2024-07-01T{time}:00Z") for time in ("14:58", "14:59", "15:00")]
    it.clock.now += 20
    later = (await it.finnhub("stock/candle", symbol="AAPL", resolution="1", **window)).json
    assert later["v"][:2] == body["v"][:2]
    assert later["v"][2] > body["v"][2]


async def test_both_ends_of_a_candle_window_belong_to_it(rig: Rigged) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    window = {"from": at("2024-07-01T14:00:00Z"), "to": at("2024-07-01T14:01:00Z")}
    body = (await it.finnhub("stock/candle", symbol="AAPL", resolution="1", **window)).json
    assert body["t"] == [window["from"], window["to"]]


async def test_no_more_than_a_month_of_minutes_comes_back(rig: Rigged) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    window = {"from": at("2024-01-01T00:00:00Z"), "to": at(OPEN)}
    body = (await it.finnhub("stock/candle", symbol="AAPL", resolution="1", **window)).json
    assert body["t"][0] >= at(OPEN) - 30 * 86_400


async def test_days_are_labelled_midnight_utc(rig: Rigged) -> None:
    it = await rig("2024-07-04T12:00:00Z", plans=PREMIUM, recorded={"DEMO": DATA / "half_day.csv"})
    window = {"from": at("2024-07-03T00:00:00Z"), "to": at("2024-07-04T00:00:00Z")}
    body = (await it.finnhub("stock/candle", symbol="DEMO", resolution="D", **window)).json
    assert body == {
        "o": [50.0], "h": [51.1], "l": [49.9], "c": [51.0], "v": [7400],
        "t": [at("2024-07-03T00:00:00Z")], "s": "ok",
    }  # fmt: skip


@pytest.mark.parametrize("symbol", ["AAPL", "NOSUCH"])
async def test_where_nothing_is_there_is_only_no_data(rig: Rigged, symbol: str) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    window = {"from": at("2024-06-30T12:00:00Z"), "to": at("2024-06-30T13:00:00Z")}
    got = await it.finnhub("stock/candle", symbol=symbol, resolution="1", **window)
    assert (got.status, got.json) == (200, {"s": "no_data"})


async def test_crypto_has_an_endpoint_and_symbols_of_its_own(rig: Rigged) -> None:
    it = await rig("2024-06-30T12:00:30Z", plans=PREMIUM)
    window = {"from": at("2024-06-30T11:00:00Z"), "to": at("2024-06-30T11:59:00Z")}
    body = (await it.finnhub("crypto/candle", symbol="BINANCE:BTCUSDT", resolution="1", **window)).json
    assert len(body["t"]) == 60
    truth = (await it.get("/sim/bars/BTC-USD", start=window["from"], end=window["to"] + 1)).json
    assert body["c"] == [row[4] for row in truth["rows"]]
    stock = await it.finnhub("stock/candle", symbol="BTC-USD", resolution="1", **window)
    assert stock.json == {"s": "no_data"}


@pytest.mark.parametrize(("key", "text"), [("", "Please use an API key."), ("invalid", "Invalid API key.")])
async def test_keys_are_checked(rig: Rigged, key: str, text: str) -> None:
    it = await rig(OPEN)
    got = await it.finnhub("quote", symbol="AAPL", token=key)
    assert (got.status, got.json) == (401, {"error": text})


async def test_a_key_may_come_in_the_header(rig: Rigged) -> None:
    it = await rig(OPEN)
    path = "/finnhub/api/v1/quote?symbol=AAPL"
    assert (await it.ask("GET", path, headers={"X-Finnhub-Token": "k"})).status == 200
    assert (await it.ask("GET", path, headers={"X-Finnhub-Token": "invalid"})).status == 401


async def test_the_61st_call_of_a_minute_is_refused_with_the_rate_headers(rig: Rigged) -> None:
    it = await rig(OPEN)
    for second in range(60):
        it.clock.now = at(OPEN) + second / 2
        got = await it.finnhub("quote", symbol="AAPL")
        assert got.status == 200
        assert got.headers["x-ratelimit-limit"] == "60"
        assert got.headers["x-ratelimit-remaining"] == str(59 - second)
    refused = await it.finnhub("quote", symbol="AAPL")
    assert refused.status == 429
    assert refused.json == {"error": "API limit reached. Please try again later. Remaining Limit: 0"}
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert "retry-after" not in refused.headers
    assert refused.headers["date"] == "Mon, 01 Jul 2024 15:00:59 GMT"
    it.clock.now = float(refused.headers["x-ratelimit-reset"])
    assert (await it.finnhub("quote", symbol="AAPL")).status == 200
    assert it.running.calls["finnhub"].over_plan == 1
    assert it.running.calls["finnhub"].asked == 62


async def test_more_than_30_calls_in_a_second_are_refused_on_every_plan(rig: Rigged) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    statuses = [(await it.finnhub("quote", symbol="AAPL")).status for _ in range(31)]
    assert statuses == [200] * 30 + [429]


@pytest.mark.parametrize("wrong", [{"resolution": "7"}, {"from": "x"}, {"to": "0"}, {"symbol": ""}])
async def test_bad_parameters_are_the_callers_fault(rig: Rigged, wrong: dict[str, str]) -> None:
    it = await rig(OPEN, plans=PREMIUM)
    good = {"symbol": "AAPL", "resolution": "1", "from": "5", "to": "9"}
    got = await it.finnhub("stock/candle", **{**good, **wrong})
    assert got.status == 422
    assert set(got.json) == {"error"}


@pytest.mark.parametrize(
    ("method", "endpoint"), [("HEAD", "api/v1/quote"), ("GET", "api/v1/nothing/here"), ("GET", "quote")]
)
async def test_head_and_wrong_paths_are_redirected(rig: Rigged, method: str, endpoint: str) -> None:
    it = await rig(OPEN)
    got = await it.ask(method, f"/finnhub/{endpoint}?token=k")
    assert got.status == 302
    assert got.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("now", "is_open", "session"),
    [
        ("2024-07-03T13:00:00Z", False, "pre-market"),
        ("2024-07-03T16:00:00Z", True, "regular"),
        ("2024-07-03T18:00:00Z", False, "post-market"),
        ("2024-07-03T22:00:00Z", False, None),
    ],
)
async def test_the_markets_status_knows_the_half_day(
    rig: Rigged, now: str, is_open: bool, session: str | None
) -> None:
    it = await rig(now)
    body = (await it.finnhub("stock/market-status", exchange="US")).json
    assert (body["isOpen"], body["session"], body["t"]) == (is_open, session, at(now))
