"""Built bars over HTTP: on the clock, with pages and as_of, and of minutes of different volume scopes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from market_data.market.span import epoch

from .conftest import Served, at, minutes

pytestmark = pytest.mark.anyio

INTRADAY = "/stocks/AAPL/intraday"
OPEN = "2024-07-03T13:30:00Z"
HOURS = "SELECT ts, open, high, low, close, volume, volume_scope FROM candles_1h ORDER BY ts"


@pytest.fixture
async def filled(served: Served) -> Served:
    """With the first 90 minutes of a session, closing at 100, 101, 102 …"""
    await served.write(minutes(OPEN, 90))
    return served


def _hours(bars: Any) -> list[str]:
    return [bar["ts"][11:16] for bar in bars]


async def test_hours_of_the_clock_are_those_of_sql(filled: Served) -> None:
    got = (await filled.get(INTRADAY, interval="1h", anchor="clock")).json
    assert _hours(got["bars"]) == ["13:00", "14:00"]
    assert got["start"] == "2024-07-03T13:00:00Z"
    names = ("open", "high", "low", "close", "volume", "volume_scope")
    assert [
        (epoch(datetime.fromisoformat(bar["ts"])), *(bar[name] for name in names)) for bar in got["bars"]
    ] == [
        (epoch(one["ts"].astimezone(UTC)), *tuple(one)[1:])
        for one in await filled.parts.database.fetch(HOURS)
    ]
    by_session = (await filled.get(INTRADAY, interval="1h", anchor="session")).json
    assert _hours(by_session["bars"]) == ["13:30", "14:30"]


@pytest.mark.parametrize("session", ["regular", "extended", "all"])
async def test_pages_of_the_clock_visit_each_bar_once_also_as_of(filled: Served, session: str) -> None:
    filled.clock.now += 600
    asked: dict[str, object] = {"interval": "10m", "anchor": "clock", "session": session}
    asked["as_of"] = datetime.fromtimestamp(filled.clock.now, UTC).isoformat()
    await filled.write(
        [(at(OPEN), 1.0, 1.0, 1.0, 1.0, 1.0)]
    )  # a correction at that very moment is known then
    whole = (await filled.get(INTRADAY, **asked)).json["bars"]
    seen, page = [], (await filled.get(INTRADAY, **asked, limit=4)).json
    while True:
        seen += page["bars"]
        if page["next"] is None:
            break
        page = (await filled.get(INTRADAY, **asked, limit=4, cursor=page["next"])).json
    assert seen == whole
    assert len(whole) == 9


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"interval": "7m", "anchor": "clock"}, "7m does not divide a day"),
        ({"interval": "1h", "anchor": "noon"}, "one of session, clock"),
    ],
)
async def test_what_has_no_place_on_the_clock_is_refused(
    served: Served, params: dict[str, object], named: str
) -> None:
    got = await served.get(INTRADAY, **params)
    assert got.status == 422
    assert named in got.problem["detail"]


async def test_days_have_no_place_on_the_clock(served: Served) -> None:
    got = await served.get("/stocks/AAPL/history", anchor="clock")
    assert (got.status, "anchor=session" in got.problem["detail"]) == (422, True)


async def test_a_cursor_is_of_its_anchor(filled: Served) -> None:
    page = (await filled.get(INTRADAY, interval="10m", limit=2)).json
    got = await filled.get(INTRADAY, interval="10m", limit=2, cursor=page["next"], anchor="clock")
    assert (got.status, "anchor" in got.problem["detail"]) == (422, True)


async def test_a_bar_of_minutes_of_different_scopes_has_no_volume(filled: Served) -> None:
    await filled.parts.database.run(
        "UPDATE candles_intraday SET volume_scope = 'venue' WHERE ts = '2024-07-03 13:37Z'"
    )
    for interval, path in (("5m", INTRADAY), ("1h", INTRADAY), ("1d", "/stocks/AAPL/history")):
        asked = {"interval": interval, "session": "regular", "start": "2024-07-03T00:00:00Z"}
        got = (await filled.get(path, **asked)).json["bars"]
        mixed = [(bar["volume"], bar["volume_scope"]) for bar in got if bar["volume_scope"] == "mixed"]
        assert mixed == [(None, "mixed")], interval
        lines = (await filled.get(path, **asked, format="csv")).text.splitlines()
        assert [line.split(",")[5] for line in lines if line.endswith("mixed")] == [""]
