"""Reading bars: the newest, windows, and intervals built from minutes against a plain model."""

from dataclasses import replace

import pytest

from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store import bars
from market_data.store.connect import Database
from stored import window

from .conftest import TEN, Saying, closes, row, tell

pytestmark = pytest.mark.anyio

TENTHS = [(TEN + 60 * i, 100.0 + i) for i in range(10)]
"""Label and close of ten minutes."""


@pytest.fixture
async def filled(database: Database) -> Database:
    """With ten minutes of AAPL, three of MSFT, and some 5m bars that are not minutes."""
    await tell(database, [row(*one) for one in TENTHS])
    await tell(database, [row(*one) for one in TENTHS[:3]], Saying(symbol="MSFT"))
    await tell(database, [row(TEN, 7.0)], Saying(interval=Interval.M5))
    return database


@pytest.mark.parametrize("count", [1, 3, 10, 50])
async def test_the_newest_bars_come_oldest_first(filled: Database, count: int) -> None:
    assert closes(await bars.last(filled, "AAPL", Interval.M1, count)) == TENTHS[-count:]


async def test_the_newest_bars_of_many_leave_out_whom_nobody_knows(filled: Database) -> None:
    found = await bars.last_of_many(filled, ["MSFT", "NONE", "AAPL"], Interval.M1, 2)
    assert {symbol: closes(its) for symbol, its in found.items()} == {
        "AAPL": TENTHS[-2:],
        "MSFT": TENTHS[1:3],
    }


async def test_the_newest_bars_of_none_are_none(filled: Database) -> None:
    assert await bars.last_of_many(filled, [], Interval.M1, 2) == {}


@pytest.mark.parametrize(
    ("start", "end", "limit", "expected"),
    [
        (TEN, TEN + 600, 100, TENTHS),
        (TEN + 60, TEN + 180, 100, TENTHS[1:3]),
        (TEN + 1, TEN + 121, 100, TENTHS[1:3]),
        (TEN - 3600, TEN, 100, []),
        (TEN + 600, TEN + 1200, 100, []),
        (TEN + 120, TEN + 600, 3, TENTHS[2:5]),
    ],
    ids=["all", "half-open", "between labels", "before", "after", "limit"],
)
async def test_a_window_holds_the_first_bars_that_open_in_it(
    filled: Database, start: int, end: int, limit: int, expected: list[tuple[int, float]]
) -> None:
    found = await window(filled, "AAPL", Interval.M1, Span(start, end), limit=limit, as_of=None)
    assert closes(found) == expected


async def test_the_limit_of_a_window_counts_each_bar_once_however_often_it_changed(filled: Database) -> None:
    said = Saying()
    for later in range(1, 4):
        await tell(filled, [row(TEN, 200.0 + later)], replace(said, at=said.at + later))
    for later in range(4):
        found = await window(
            filled, "AAPL", Interval.M1, Span(TEN, TEN + 600), limit=2, as_of=moment(said.at + later)
        )
        assert closes(found) == [(TEN, 200.0 + later if later else 100.0), TENTHS[1]]
