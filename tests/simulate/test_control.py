"""The control API: state, switches, plans, the truth; and clear words for what it cannot take."""

import pytest

from market_data.simulate import FAULTS, discover, paced
from market_data.simulate.control import LARGEST_REQUEST
from market_data.simulate.switchboard import MOST_FAULTS

from .conftest import DATA, Rigged, at

NOW = "2024-07-03T15:00:00Z"
pytestmark = pytest.mark.anyio


async def test_the_state_tells_clock_plans_faults_and_calls(rig: Rigged) -> None:
    it = await rig(NOW, seed=9, recorded={"DEMO": DATA / "half_day.csv"})
    await it.finnhub("quote", symbol="AAPL")
    await it.finnhub("stock/candle", symbol="AAPL")
    await it.get("/finnhub/api/v1/strange/path")
    await it.switch(provider="yahoo", fault="latency", symbol="AAPL", times=3)
    state = (await it.get("/sim/state")).json
    assert (state["now"], state["now_utc"], state["seed"]) == (at(NOW), NOW, 9)
    assert state["recorded"] == ["DEMO"]
    finnhub = state["providers"]["finnhub"]
    assert finnhub["base_url"] == it.running.base_urls["finnhub"] == f"{it.running.url}/finnhub/api/v1"
    assert finnhub["plan"] == "free"
    assert finnhub["calls"] == {
        "asked": 3,
        "over_plan": 0,
        "endpoints": {"quote": 1, "stock/candle": 1, "other": 1},
        "statuses": {"200": 1, "403": 1, "302": 1},
        "faults": {},
    }
    assert state["faults"] == [
        {
            "provider": "yahoo",
            "fault": "latency",
            "symbol": "AAPL",
            "value": 1000,
            "probability": 1.0,
            "times": 3,
            "left": 3,
        }
    ]


async def test_faults_are_switched_on_replaced_and_switched_off(rig: Rigged) -> None:
    it = await rig(NOW)
    assert (await it.switch(provider="yahoo", fault="latency")).status == 201
    again = (await it.switch(provider="yahoo", fault="latency", value=5)).json["faults"]
    assert [one["value"] for one in again] == [5]
    await it.switch(provider="yahoo", fault="http_500")
    await it.switch(provider="finnhub", fault="http_500")
    assert (await it.ask("DELETE", "/sim/faults?fault=latency")).json["switched_off"] == 1
    assert (await it.ask("DELETE", "/sim/faults?provider=finnhub")).json["switched_off"] == 1
    rest = await it.ask("DELETE", "/sim/faults")
    assert rest.json == {"switched_off": 1, "faults": []}


async def test_a_plan_can_be_changed_while_it_runs(rig: Rigged) -> None:
    it = await rig(NOW)
    asked = {"symbol": "AAPL", "resolution": "1", "from": at(NOW) - 600, "to": at(NOW)}
    assert (await it.finnhub("stock/candle", **asked)).status == 403
    got = await it.ask("POST", "/sim/plans", json={"provider": "finnhub", "plan": "premium"})
    assert got.json["plans"]["finnhub"] == "premium"
    assert (await it.finnhub("stock/candle", **asked)).status == 200


async def test_the_truth_comes_as_rows(rig: Rigged) -> None:
    it = await rig(NOW, recorded={"DEMO": DATA / "half_day.csv"})
    got = await it.get("/sim/bars/demo", start="2024-07-03T13:30:00Z", end="2024-07-03T13:32:00+00:00")
    assert got.json == {
        "symbol": "DEMO",
        "interval": "1m",
        "columns": ["ts", "open", "high", "low", "close", "volume"],
        "rows": [
            [at("2024-07-03T13:30:00Z"), 50.0, 50.25, 49.9, 50.1, 1200.0],
            [at("2024-07-03T13:31:00Z"), 50.1, 50.15, 50.0, 50.05, 800.0],
        ],
    }
    days = await it.get("/sim/bars/AAPL", start="2024-06-01T00:00:00Z", end=at(NOW), interval="1d")
    assert len(days.json["rows"]) == 22


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        ("{", 400, "the body is not JSON"),
        ("[]", 400, "not a JSON object"),
        ("[" * 30_000, 400, "the body is not JSON"),
        ("{}", 422, "provider is missing"),
        ('{"provider":"yahoo"}', 422, "fault is missing"),
        ('{"provider":"bing","fault":"nan"}', 422, f"use one of {', '.join(discover())}, *"),
        ('{"provider":["yahoo"],"fault":"nan"}', 422, "unknown provider"),
        ('{"provider":"yahoo","fault":"lag"}', 422, "use one of latency, hang"),
        ('{"provider":"yahoo","fault":"nan","often":1}', 422, "unknown field 'often': use provider, fault"),
        ('{"provider":"yahoo","fault":"nan","value":"5"}', 422, "value: a number"),
        ('{"provider":"yahoo","fault":"nan","value":NaN}', 422, "more than 0 and at most 100"),
        ('{"provider":"yahoo","fault":"nan","value":true}', 422, "value: a number"),
        ('{"provider":"yahoo","fault":"nan","probability":0}', 422, "more than 0 and at most 1"),
        ('{"provider":"yahoo","fault":"nan","times":1.5}', 422, "times: a whole number"),
        ('{"provider":"yahoo","fault":"nan","times":0}', 422, "times 0: 1 or more"),
        ('{"provider":"yahoo","fault":"nan","symbol":5}', 422, "symbol: a text"),
        ('{"provider":"alphavantage","fault":"duplicate_rows"}', 422, "keys of a JSON object"),
    ],
)
async def test_a_bad_fault_is_refused_with_what_would_be_right(
    rig: Rigged, body: str, status: int, what: str
) -> None:
    it = await rig(NOW)
    got = await it.ask("POST", "/sim/faults", data=body)
    assert got.status == status
    assert what in got.json["error"]
    assert it.running.switchboard.active() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "what"),
    [
        ("DELETE", "/sim/faults?provider=bing", 422, "unknown provider 'bing'"),
        ("DELETE", "/sim/faults?fault=lag", 422, "unknown fault 'lag'"),
        ("GET", "/sim/bars/NOSUCH?start=0&end=9", 404, "neither recorded nor generated"),
        ("GET", "/sim/bars/AAPL", 422, "start=: write 2019-11-05T14:30:00Z or epoch seconds"),
        ("GET", "/sim/bars/AAPL?start=2024-07-01&end=9", 422, "start=2024-07-01: write"),
        ("GET", "/sim/bars/AAPL?start=9&end=9", 422, "a span must end after it starts"),
        ("GET", "/sim/bars/AAPL?start=0&end=9&interval=7m", 422, "use one of 1m, 5m"),
        ("GET", "/sim/bars/AAPL?start=0&end=1720018800", 422, "at most 31 days of 1m bars"),
        ("PUT", "/sim/state", 405, "/sim/state takes GET"),
        ("GET", "/bing/quote", 404, "GET / lists what does"),
    ],
)
async def test_a_bad_question_is_refused_with_what_would_be_right(
    rig: Rigged, method: str, path: str, status: int, what: str
) -> None:
    it = await rig(NOW)
    got = await it.ask(method, path)
    assert got.status == status
    assert what in got.json["error"]


@pytest.mark.parametrize(
    "body", ['{"provider":"*","plan":"free"}', '{"provider":"yahoo","plan":"gold"}', "{}"]
)
async def test_a_bad_plan_is_refused(rig: Rigged, body: str) -> None:
    it = await rig(NOW)
    got = await it.ask("POST", "/sim/plans", data=body)
    assert got.status == 422
    assert "use one of" in got.json["error"]


async def test_a_body_that_is_too_large_is_refused(rig: Rigged) -> None:
    it = await rig(NOW)
    got = await it.ask("POST", "/sim/faults", data=b" " * (LARGEST_REQUEST + 1))
    assert got.status == 413
    assert str(LARGEST_REQUEST) in got.json["error"]


async def test_only_so_many_faults_can_be_on(rig: Rigged) -> None:
    it = await rig(NOW)
    for number in range(MOST_FAULTS):
        assert (await it.switch(provider="yahoo", fault="nan", symbol=f"S{number}")).status == 201
    got = await it.switch(provider="yahoo", fault="nan", symbol="ONE")
    assert got.status == 422
    assert "switch some off first" in got.json["error"]


async def test_the_page_lists_providers_calls_and_every_fault(rig: Rigged) -> None:
    it = await rig(NOW)
    page = (await it.get("/")).text
    assert all(url in page for url in it.running.base_urls.values())
    assert all(f"<td>{fault}<td>" in page for fault in FAULTS)
    assert "/sim/faults" in page


async def test_nobody_elses_machine_is_served_by_default(rig: Rigged) -> None:
    it = await rig(NOW)
    assert it.running.url.startswith("http://127.0.0.1:")


async def test_a_clock_begins_where_it_is_told_and_may_stand_still_or_run_fast() -> None:
    still = paced(100.0, 0)
    assert still() == still() == 100.0
    fast = paced(100.0, 1_000_000)
    first = fast()
    assert fast() > first >= 100.0
    with pytest.raises(ValueError, match="backwards"):
        paced(0, -1)
