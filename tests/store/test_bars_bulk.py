"""Many bars are compared here and copied, few in one statement: the two ways must not be told apart."""

import random
from dataclasses import replace

import pytest

from market_data.market.bar import Adjustment
from market_data.market.interval import Interval
from market_data.store import bulk, few, write
from market_data.store.change import Change, Told
from market_data.store.connect import Database
from market_data.store.cursor import Mark

from .conftest import TEN, Saying, row, told

pytestmark = pytest.mark.anyio

BARS = 30
WRITES = 40
DAY = 86_400


def _history(seed: int, interval: Interval) -> list[Told]:
    """Answers that overlap, contradict each other, and come from several providers in any order."""
    dice = random.Random(seed)
    step, start = (DAY, TEN - TEN % DAY) if interval is Interval.D1 else (60, TEN)
    answers = []
    for number in range(WRITES):
        first = dice.randrange(BARS)
        labels = [start + step * i for i in range(first, min(BARS, first + dice.randint(1, 12)))]
        labels = dice.sample(labels, dice.randint(1, len(labels)))
        said = Saying(
            interval=interval,
            provider=dice.choice(["yahoo", "finnhub"]),
            at=TEN + dice.choice([0.0, 600.0 + number, 600.0 - number]),
            partial=[dice.random() < 0.3 for _ in labels],
            adjustment=dice.choice([Adjustment.RAW, Adjustment.SPLIT]),
        )
        asked_at = said.at - dice.choice([0.0, 0.4, 30.0, 300.0])
        answer = told([row(ts, dice.choice([100.0, 101.0])) for ts in labels], said)
        mark = Mark(max(labels) + step, max(labels), asked_at) if dice.random() < 0.7 else None
        factor = 10.0 if interval is Interval.M1 and dice.random() < 0.3 else None
        asked = asked_at if dice.random() < 0.8 else None
        answers.append(replace(answer, mark=mark, factor=factor, asked_at=asked))
    return answers


async def _rows(database: Database, table: str, symbol: str) -> list[tuple[object, ...]]:
    found = await database.fetch(f"SELECT * FROM {table} WHERE symbol = $1", symbol)  # noqa: S608
    return sorted(tuple(one)[1:] for one in found)


def _said(change: Change) -> tuple[object, ...]:
    when = change.as_of if len(change) else None
    return change.places.tolist(), change.statuses, change.revisions, change.before, when


@pytest.mark.parametrize("interval", [Interval.M1, Interval.D1])
@pytest.mark.parametrize("seed", range(12))
async def test_both_ways_leave_the_same_rows_revisions_and_changes(
    database: Database, seed: int, interval: Interval
) -> None:
    for one in _history(seed, interval):
        async with database.transaction() as connection:
            in_one = await write.write(connection, replace(one, symbol="FEW"), trusting=False)
            many = await bulk.write(connection, replace(one, symbol="MANY"))
        assert _said(many) == _said(in_one)
    daily = interval is Interval.D1
    for table in ("candles_daily" if daily else "candles_intraday", "candle_revisions", "series_heads"):
        kept = await _rows(database, table, "MANY")
        assert kept == await _rows(database, table, "FEW")
        assert kept


async def test_what_cannot_be_superseded_is_done_again_in_one_statement(database: Database) -> None:
    """Somebody who writes by SQL has been in the way of one row: nothing is lost or doubled."""
    labels = [TEN + 60 * i for i in range(few.MOST + 10)]
    await write.keep(database, told([row(ts) for ts in labels], Saying()))
    await database.run(
        "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER stays BEFORE DELETE ON candles_intraday"
        f" FOR EACH ROW WHEN (OLD.ts = to_timestamp({labels[5]})) EXECUTE FUNCTION stays()"
    )
    change = await write.keep(database, told([row(ts, 101.0) for ts in labels], Saying()))
    count = len(labels)
    assert (change.places.tolist(), change.statuses) == (list(range(count)), ["corrected"] * count)
    assert change.revisions == [1] * count
    for table in ("candles_intraday", "candle_revisions"):
        counted = await database.fetch_one(f"SELECT count(*), count(DISTINCT ts), min(close) FROM {table}")  # noqa: S608
        assert counted is not None
        assert tuple(counted) == (len(labels), len(labels), 101.0 if table == "candles_intraday" else 100.0)
