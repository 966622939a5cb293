"""/intraday, /history and /batch: windows, pages, built intervals and what was known when."""

from typing import Any

import pytest

from market_data.market.bar import Row
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.queue import Job

from .conftest import Served, at, minutes

pytestmark = pytest.mark.anyio

INTRADAY = "/stocks/AAPL/intraday"
OPEN = "2024-07-03T13:30:00Z"


@pytest.fixture
async def filled(served: Served) -> Served:
    """With the first 90 minutes of a session, closing at 100, 101, 102 …"""
    await served.write(minutes(OPEN, 90))
    return served


def _closes(body: Any) -> list[float]:
    return [bar["close"] for bar in body["bars"]]


async def test_without_a_window_the_newest_session_is_given(filled: Served) -> None:
    got = await filled.get(INTRADAY)
    assert got.status == 200
    assert (got.json["start"], got.json["interval"]) == (OPEN, "1m")
    assert _closes(got.json) == [100.0 + i for i in range(90)]
    bar = got.json["bars"][0]
    assert (bar["provider"], bar["status"], bar["revision"]) == ("yahoo", "final", 0)


async def test_without_a_start_the_session_before_the_end_is_given(filled: Served) -> None:
    filled.clock.now = at("2024-07-05T15:00:00Z")
    got = await filled.get(INTRADAY, end="2024-07-03T13:35:00Z")
    assert _closes(got.json) == [100.0, 101.0, 102.0, 103.0, 104.0]


async def test_a_window_has_its_start_and_not_its_end(filled: Served) -> None:
    got = await filled.get(INTRADAY, start="2024-07-03T13:31:00Z", end="2024-07-03T13:33:00Z")
    assert _closes(got.json) == [101.0, 102.0]


@pytest.mark.parametrize("start", ["2024-07-03T15:31:00 02:00", "2024-07-03T09:31:00-04:00"])
async def test_a_time_in_any_zone_is_understood_even_with_a_plus_that_became_a_blank(
    filled: Served, start: str
) -> None:
    got = await filled.get(INTRADAY, start=start, limit=1)
    assert _closes(got.json) == [101.0]


async def test_a_fraction_of_a_second_keeps_its_meaning(filled: Served) -> None:
    got = await filled.get(INTRADAY, start="2024-07-03T13:31:00.5Z", end="2024-07-03T13:32:00.5Z")
    assert _closes(got.json) == [102.0]


@pytest.mark.parametrize(("interval", "limit"), [("1m", 7), ("1m", 45), ("5m", 4), ("7m", 3), ("1h", 1)])
async def test_paging_by_next_visits_each_bar_once(filled: Served, interval: str, limit: int) -> None:
    whole = (await filled.get(INTRADAY, interval=interval)).json["bars"]
    seen: list[Any] = []
    params: dict[str, object] = {"interval": interval, "limit": limit}
    while True:
        page = (await filled.get(INTRADAY, **params)).json
        assert len(page["bars"]) <= limit
        seen += page["bars"]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == whole


async def test_longer_bars_are_built_from_minutes_and_anchored_at_the_open(filled: Served) -> None:
    got = (await filled.get(INTRADAY, interval="1h")).json
    assert [bar["ts"] for bar in got["bars"]] == [OPEN, "2024-07-03T14:30:00Z"]
    first = got["bars"][0]
    assert [first[name] for name in ("open", "high", "low", "close", "volume")] == [
        100,
        159.5,
        99.5,
        159,
        600,
    ]


async def test_a_built_bar_that_opens_in_the_window_is_whole(filled: Served) -> None:
    window = {"start": "2024-07-03T13:31:00Z", "end": "2024-07-03T13:41:00Z"}
    got = (await filled.get(INTRADAY, interval="5m", **window)).json
    assert [bar["ts"] for bar in got["bars"]] == ["2024-07-03T13:35:00Z", "2024-07-03T13:40:00Z"]
    assert [bar["volume"] for bar in got["bars"]] == [50.0, 50.0]


async def test_as_of_answers_with_what_was_known_then(filled: Served) -> None:
    filled.clock.now += 600
    changed: list[Row] = [(at(OPEN), 100.0, 110.0, 90.0, 105.0, 99.0)]
    await filled.write(changed)
    window = {"start": OPEN, "end": "2024-07-03T13:31:00Z"}
    now = (await filled.get(INTRADAY, **window)).json["bars"][0]
    then = (await filled.get(INTRADAY, **window, as_of="2024-07-03T15:05:00Z")).json["bars"][0]
    before = (await filled.get(INTRADAY, **window, as_of="2024-07-03T15:00:00Z")).json["bars"]
    assert (now["close"], now["status"], now["revision"]) == (105.0, "corrected", 1)
    assert (then["close"], then["status"], then["revision"]) == (100.0, "final", 0)
    assert before == []


async def test_history_has_the_daily_bars_that_the_collector_fetched(served: Served) -> None:
    job = Job(
        symbol="AAPL",
        exchange="NASDAQ",
        asset_type=AssetType.EQUITY,
        tier=Tier.T0,
        capability=Capability.EOD,
        start=at("2024-06-24T00:00:00Z"),
        end=at("2024-06-29T00:00:00Z"),
        made_at=served.clock.now,
        expires_at=served.clock.now + 60,
    )
    assert await served.parts.fetcher.fetch(job) == "yahoo"
    got = (await served.get("/stocks/AAPL/history")).json
    assert [bar["ts"][:10] for bar in got["bars"]] == [f"2024-06-{day}" for day in range(24, 29)]
    within = (await served.get("/stocks/AAPL/history", start="2024-06-28T15:00:00Z")).json
    assert [bar["ts"][:10] for bar in within["bars"]] == ["2024-06-28"]


async def test_a_batch_has_the_newest_bars_and_names_those_it_lacks(filled: Served) -> None:
    question = {"symbols": ["aapl", "BTC-USD", "MSFT", "no symbol"], "bars": 2}
    got = await filled.ask("POST", "/stocks/batch", json=question)
    assert got.status == 200
    assert [bar["close"] for bar in got.json["bars"]["AAPL"]] == [188.0, 189.0]
    errors = got.json["errors"]
    assert (errors["BTC-USD"], errors["MSFT"]) == ("no bars yet", "not in the universe")
    assert "is not a symbol" in errors["no symbol"]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ({"symbols": []}, "symbols"),
        ({"symbols": ["AAPL"] * 501}, "symbols"),
        ({"symbols": ["AAPL"], "bars": 0}, "bars"),
        ({"symbols": ["AAPL"], "bars": 501}, "bars"),
        ({"symbols": ["AAPL"] * 500, "bars": 500}, "50000"),
        ({"symbols": ["AAPL"], "interval": "5m"}, "interval"),
        ({"symbols": ["AAPL"], "wrong": 1}, "wrong"),
        ({}, "symbols"),
        (["AAPL"], "object"),
    ],
)
async def test_a_batch_beyond_its_bounds_is_refused_and_the_bound_named(
    served: Served, question: object, named: str
) -> None:
    got = await served.ask("POST", "/stocks/batch", json=question)
    assert got.status == 422
    assert named in got.problem["detail"]


@pytest.mark.parametrize("path", [INTRADAY, "/stocks/AAPL/history"])
@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"interval": "2s"}, "use one of 1m, 5m, 15m, 1h, 1d, or any other number of minutes"),
        ({"interval": "24h"}, "below a day"),
        ({"interval": "0m"}, "such as 3m or 2h"),
        ({"start": "2024-07-03T13:30:00"}, "with its zone"),
        ({"start": "yesterday"}, "2025-10-08T14:00:00Z"),
        ({"end": "2024-13-03T13:30:00Z"}, "end"),
        ({"as_of": "2024-07-03T13:30:00"}, "as_of"),
        ({"as_of": "0001-01-01T00:00:00+14:00"}, "as_of"),
        ({"start": "2024-07-03T14:00:00Z", "end": "2024-07-03T14:00:00Z"}, "before end"),
        ({"start": "1969-12-31T23:59:59Z"}, "1970"),
        ({"start": "9999-12-31T23:00:00Z", "end": "9999-12-31T23:59:59Z"}, "2100"),
        ({"start": "1990-01-01T00:00:00Z", "interval": "1m"}, "416 days"),
        ({"limit": 0}, "10000"),
        ({"limit": 10_001}, "10000"),
        ({"limit": "many"}, "limit"),
        ({"limit": 2**70}, "limit"),
    ],
)
async def test_a_window_that_cannot_be_is_refused_and_the_detail_says_what_would_be_right(
    served: Served, path: str, params: dict[str, object], named: str
) -> None:
    got = await served.get(path, **params)
    assert got.status == 422
    assert named in got.problem["detail"]


async def test_days_are_not_asked_for_as_intraday(served: Served) -> None:
    got = await served.get(INTRADAY, interval="1d")
    assert (got.status, "/history" in got.problem["detail"]) == (422, True)


@pytest.mark.parametrize("path", ["intraday", "history"])
async def test_a_symbol_that_is_not_in_the_universe_is_404(served: Served, path: str) -> None:
    assert (await served.get(f"/stocks/MSFT/{path}")).problem["status"] == 404
