"""A final bar is corrected by the newest answer of its provider, whenever that arrives."""

from dataclasses import replace

import pytest

from market_data.store import bulk, write
from market_data.store.change import Change, Told
from market_data.store.connect import Connection, Database
from market_data.store.cursor import Mark

from .conftest import TEN, Saying, row, told

pytestmark = pytest.mark.anyio

LABEL = TEN
EARLY, LATE = TEN + 600.0, TEN + 700.0


def _answer(close: float, asked_at: float, arrived: float, *, partial: bool = False) -> Told:
    said = told([row(LABEL, close)], Saying(at=arrived, partial=partial))
    return replace(said, asked_at=asked_at, mark=Mark(LABEL + 60, LABEL, asked_at))


async def _one_way(connection: Connection, answer: Told) -> Change:
    return await write.write(connection, answer, trusting=False)


WAYS = pytest.mark.parametrize("way", [_one_way, bulk.write], ids=["few", "many"])


async def _written(database: Database, way: object, *answers: Told) -> tuple[float, str, int]:
    for answer in answers:
        async with database.transaction() as connection:
            await way(connection, answer)  # type: ignore[operator]
    row_ = await database.fetch_one("SELECT close, status, revision FROM candles_intraday")
    assert row_ is not None
    return tuple(row_)


@WAYS
async def test_an_older_answer_that_comes_late_corrects_nothing(database: Database, way: object) -> None:
    first = _answer(100.0, EARLY - 300, EARLY - 300)
    newer, older = _answer(101.0, LATE, LATE + 1), _answer(100.0, EARLY, LATE + 2)
    assert await _written(database, way, first, newer, older) == (101.0, "corrected", 1)


@WAYS
async def test_the_newest_answer_corrects_though_the_one_before_was_slow(
    database: Database, way: object
) -> None:
    """Asked for after the other one, but before that had arrived."""
    slow, newer = _answer(100.0, EARLY, LATE + 1), _answer(101.0, LATE, LATE + 2)
    assert await _written(database, way, slow, newer) == (101.0, "corrected", 1)


@WAYS
async def test_a_partial_bar_gives_way_to_a_final_one_whenever_that_was_asked_for(
    database: Database, way: object
) -> None:
    running, final = _answer(100.0, LATE, LATE + 1, partial=True), _answer(101.0, EARLY, LATE + 2)
    assert await _written(database, way, running, final) == (101.0, "final", 1)


@WAYS
async def test_a_bar_from_the_future_was_learned_by_a_wrong_clock(database: Database, way: object) -> None:
    ahead = _answer(100.0, LATE + 18_000, LATE + 18_000)
    assert await _written(database, way, ahead, _answer(101.0, LATE, LATE)) == (101.0, "corrected", 1)


async def test_a_clock_that_stands_still_corrects_again_and_again(database: Database) -> None:
    answers = [_answer(100.0 + i, EARLY, EARLY) for i in range(5)]
    assert await _written(database, _one_way, *answers) == (104.0, "corrected", 4)
    kept = await database.fetch("SELECT close FROM candle_revisions ORDER BY revision")
    assert [one["close"] for one in kept] == [100.0, 101.0, 102.0, 103.0]
