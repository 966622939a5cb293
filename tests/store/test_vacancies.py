"""Vacancies are merged, taken back, and looked at again when it is time."""

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.store import gaps, ledger, universe, vacancies
from market_data.store.connect import Database
from market_data.store.ledger import New
from market_data.store.vacancies import Vacancy

pytestmark = pytest.mark.anyio

OPEN = 1_718_199_000


def span(first: int, last: int) -> Span:
    return Span(OPEN + 60 * first, OPEN + 60 * last)


def vacant(
    first: int,
    last: int,
    *providers: str,
    look_at: float | None = 2e9,
    newer: bool = True,
    confirmed: bool = False,
) -> Vacancy:
    names = providers or ("yahoo",)
    return Vacancy(span(first, last), names, confirmed, newer, 0, look_at, 100.0, 100.0)


async def put(database: Database, asked: list[Span], *found: Vacancy) -> list[tuple[Span, tuple[str, ...]]]:
    async with database.transaction() as connection:
        await vacancies.replace_within(connection, "AAPL", Interval.M1, asked, found)
    known = await vacancies.load(database, "AAPL", Interval.M1, span(-500, 500))
    return [(one.span, one.providers) for one in known]


async def test_neighbours_that_are_alike_are_one_row(database: Database) -> None:
    await put(database, [span(0, 5)], vacant(0, 5))
    assert await put(database, [span(5, 9)], vacant(5, 9)) == [(span(0, 9), ("yahoo",))]
    assert await put(database, [span(9, 10)], vacant(9, 10, "alpaca")) == [
        (span(0, 9), ("yahoo",)),
        (span(9, 10), ("alpaca",)),
    ]


async def test_what_was_asked_and_is_vacant_no_more_is_taken_back(database: Database) -> None:
    await put(database, [span(0, 10)], vacant(0, 10))
    assert await put(database, [span(3, 6)], vacant(5, 6, "alpaca")) == [
        (span(0, 3), ("yahoo",)),
        (span(5, 6), ("alpaca",)),
        (span(6, 10), ("yahoo",)),
    ]


async def test_another_series_is_left_alone(database: Database) -> None:
    await put(database, [span(0, 10)], vacant(0, 10))
    async with database.transaction() as connection:
        await vacancies.replace_within(connection, "MSFT", Interval.M1, [span(0, 10)], [])
        await vacancies.replace_within(connection, "AAPL", Interval.D1, [span(0, 10)], [])
    assert len(await vacancies.load(database, "AAPL", Interval.M1, span(0, 10))) == 1


async def test_until_it_is_looked_at_again_it_is_not_asked_for(database: Database) -> None:
    await put(database, [span(0, 4)], vacant(0, 2, look_at=1000.0), vacant(2, 4, look_at=None))
    wanted = [("AAPL", span(0, 4))]
    assert await gaps.minutes(database, wanted, 999.0) == []
    assert await gaps.minutes(database, wanted, 1000.0) == [("AAPL", span(0, 2))]


async def test_what_is_not_proven_is_a_gap(database: Database) -> None:
    await put(
        database,
        [span(0, 6)],
        vacant(0, 2, newer=False),
        vacant(2, 4, "alpaca"),
        vacant(4, 6, newer=False, confirmed=True),
    )
    assert await gaps.minutes(database, [("AAPL", span(0, 6))], None) == [("AAPL", span(0, 2))]


async def test_those_that_are_due_are_found_newest_first(database: Database) -> None:
    await universe.put(database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
    await put(database, [span(0, 9)], vacant(0, 2, look_at=1000.0), vacant(4, 6, look_at=900.0), vacant(7, 9))
    assert await vacancies.due(database, 1000.0, 10) == {("AAPL", Interval.M1): [span(4, 6), span(0, 2)]}
    async with database.transaction() as connection:
        await ledger.add(connection, Interval.M1, [New("AAPL", span(3, 9), Tier.T0)])
    assert await vacancies.due(database, 1000.0, 10) == {("AAPL", Interval.M1): [span(0, 2)]}
