"""One write: new, unchanged, partial, final, corrected; whose word counts; what is kept."""

import asyncio
import random
from dataclasses import replace

import pytest

from market_data.market.bar import Adjustment, Bars, BarStatus, KnownBar, VolumeScope
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.store import bars, write
from market_data.store.connect import Database

from .conftest import TEN, Saying, closes, row, tell, told

pytestmark = pytest.mark.anyio

PARTIAL = Saying(partial=True)
FINAL = Saying()


async def _stored(database: Database, interval: Interval = Interval.M1) -> list[KnownBar]:
    return await bars.last(database, "AAPL", interval, 100)


async def _revisions(database: Database) -> list[tuple[int, float, str, float, float]]:
    """revision, close, status, as_of and superseded_at of every value that has been replaced."""
    rows = await database.fetch(
        "SELECT revision, close, status, extract(epoch FROM as_of)::float8 AS known_from,"
        " extract(epoch FROM superseded_at)::float8 AS known_until FROM candle_revisions ORDER BY revision"
    )
    return [tuple(one) for one in rows]


async def test_a_new_bar_is_returned_as_it_is_stored(database: Database) -> None:
    said = Saying(
        at=TEN + 61.25,
        provider="finnhub",
        adjustment=Adjustment.SPLIT,
        volume_scope=VolumeScope.CONSOLIDATED,
    )
    written = await tell(database, [row(TEN)], said)
    assert written == [
        KnownBar(
            ts=moment(TEN),
            open=100.0,
            high=100.5,
            low=99.5,
            close=100.0,
            volume=1000.0,
            provider="finnhub",
            as_of=moment(TEN + 61.25),
            status=BarStatus.FINAL,
            revision=0,
            adjustment="split",
            volume_scope="consolidated",
        )
    ]
    assert await _stored(database) == written


@pytest.mark.parametrize("saying", [PARTIAL, FINAL], ids=["partial", "final"])
async def test_what_says_nothing_new_writes_and_returns_nothing(database: Database, saying: Saying) -> None:
    rows = [row(TEN), row(TEN + 60)]
    before = await tell(database, rows, saying)
    assert await tell(database, rows, replace(saying, at=saying.at + 60)) == []
    assert await _stored(database) == before
    assert await _revisions(database) == []


async def test_only_the_bars_of_an_answer_that_changed_are_returned_oldest_first(database: Database) -> None:
    await tell(database, [row(TEN + 60 * i) for i in range(3)])
    changed = await tell(database, [row(TEN + 180), row(TEN + 120), row(TEN, 7.0), row(TEN + 60)])
    assert closes(changed) == [(TEN, 7.0), (TEN + 180, 100.0)]


@pytest.mark.parametrize("keeps", [True, False], ids=["partial values kept", "not kept"])
@pytest.mark.parametrize("beside", [0, 70], ids=["one bar", "many"])
async def test_a_bar_from_partial_to_corrected_keeps_the_values_that_it_had(
    database: Database, beside: int, keeps: bool
) -> None:
    others = [row(TEN + 60 * minute) for minute in range(1, 1 + beside)]
    values = [
        await tell(
            database,
            [row(TEN, close), *others],
            replace(
                saying,
                at=TEN + after,
                partial=[saying.partial is True, *[False] * beside],
                keeps_partials=keeps,
            ),
        )
        for close, saying, after in [
            (1.0, PARTIAL, 10),
            (2.0, PARTIAL, 20),
            (2.0, FINAL, 70),  # the same values, but they are final now
            (3.0, FINAL, 80),
            (4.0, FINAL, 90),
        ]
    ]
    assert [(bar.close, bar.status, bar.revision) for (bar, *_) in values] == [
        (1.0, "partial", 0),
        (2.0, "partial", 1),
        (2.0, "final", 2),
        (3.0, "corrected", 3),
        (4.0, "corrected", 4),
    ]
    assert [bar for bar in await _stored(database) if bar.ts == moment(TEN)] == values[-1]
    partial = [(0, 1.0, "partial", TEN + 10, TEN + 20), (1, 2.0, "partial", TEN + 20, TEN + 70)]
    assert await _revisions(database) == [
        *(partial if keeps else []),
        (2, 2.0, "final", TEN + 70, TEN + 80),
        (3, 3.0, "corrected", TEN + 80, TEN + 90),
    ]


@pytest.mark.parametrize("column", range(1, 6))
async def test_a_change_of_any_one_value_is_a_correction(database: Database, column: int) -> None:
    bar = Bars.of([row(TEN)])
    await tell(database, bar.rows())
    bar.columns()[column][0] += 1e-9
    (changed,) = await tell(database, bar.rows())
    assert (changed.status, changed.revision) == ("corrected", 1)


@pytest.mark.parametrize(
    "opinion",
    [
        Saying(provider="finnhub"),
        Saying(provider="finnhub", partial=True),
        Saying(partial=True),
        Saying(adjustment=Adjustment.SPLIT),
    ],
    ids=["another provider", "another provider's partial", "a partial", "another adjustment"],
)
@pytest.mark.parametrize("corrected", [False, True], ids=["final", "corrected"])
async def test_what_is_settled_is_not_changed_by(
    database: Database, opinion: Saying, corrected: bool
) -> None:
    before = await tell(database, [row(TEN, 90.0)])
    if corrected:
        before = await tell(database, [row(TEN, 91.0)])
    assert await tell(database, [row(TEN, 7.0)], opinion) == []
    assert await _stored(database) == before


async def test_a_partial_bar_gives_way_to_another_provider(database: Database) -> None:
    await tell(database, [row(TEN)], PARTIAL)
    said = Saying(provider="finnhub", adjustment=Adjustment.SPLIT, volume_scope=VolumeScope.VENUE)
    (bar,) = await tell(database, [row(TEN, 7.0)], said)
    assert (bar.provider, bar.status, bar.adjustment, bar.volume_scope) == (
        "finnhub",
        "final",
        "split",
        "venue",
    )
    assert await _stored(database) == [bar]


async def test_raw_and_split_days_live_side_by_side(database: Database) -> None:
    day = TEN // 86_400 * 86_400
    raw = Saying(interval=Interval.D1)
    split = replace(raw, adjustment=Adjustment.SPLIT)
    await tell(database, [row(day, 400.0)], raw)
    await tell(database, [row(day, 100.0)], split)
    (changed,) = await tell(database, [row(day, 101.0)], split)
    assert (changed.adjustment, changed.revision) == ("split", 1)
    rows = await database.fetch("SELECT adjustment, close, status FROM candles_daily")
    found = {row["adjustment"]: (row["close"], row["status"]) for row in rows}
    assert found == {"raw": (400.0, "final"), "split": (101.0, "corrected")}
    assert len(await _stored(database, Interval.D1)) == 1, "days that are read are of one level"
    assert await _revisions(database) == [(0, 100.0, "final", raw.at + 1e-6, raw.at + 2e-6)]


async def test_days_and_minutes_do_not_meet(database: Database) -> None:
    day = TEN // 86_400 * 86_400
    await tell(database, [row(day, 1.0)], Saying(interval=Interval.D1))
    await tell(database, [row(day, 2.0)], Saying(interval=Interval.M1))
    await tell(database, [row(day, 3.0)], Saying(interval=Interval.H1))
    found = [closes(await _stored(database, one)) for one in (Interval.D1, Interval.M1, Interval.H1)]
    assert found == [[(day, 1.0)], [(day, 2.0)], [(day, 3.0)]]


async def test_writers_of_one_series_at_once_lose_no_value_and_never_wait_for_each_other(
    database: Database,
) -> None:
    order = random.Random(1)
    labels = [TEN + 60 * i for i in range(20)]

    async def one(close: float) -> list[KnownBar]:
        rows = [row(ts, close) for ts in order.sample(labels, len(labels))]
        return await tell(database, rows, Saying(at=TEN + close))

    values = [float(i) for i in range(1, 25)]
    changed = await asyncio.gather(*map(one, values))
    assert all(len(bars_of_one) == len(labels) for bars_of_one in changed)
    kept = await database.fetch(
        "SELECT ts, array_agg(close) AS closes, array_agg(revision ORDER BY revision) AS revisions FROM"
        " (SELECT ts, close, revision FROM candle_revisions UNION ALL"
        " SELECT ts, close, revision FROM candles_intraday) AS every GROUP BY ts"
    )
    assert len(kept) == len(labels)
    for one_bar in kept:
        assert sorted(one_bar["closes"]) == values
        assert one_bar["revisions"] == list(range(len(values)))


async def test_a_series_has_one_writer_at_a_time_and_others_do_not_wait_for_it(database: Database) -> None:
    await tell(
        database, [row(TEN - 60)]
    )  # on TimescaleDB the first bar of a day makes its chunk: all wait for that
    async with asyncio.timeout(30), database.transaction() as connection:
        await write.write(connection, told([row(TEN)], Saying()))
        waiting = asyncio.create_task(tell(database, [row(TEN + 60)]))
        assert await tell(database, [row(TEN)], Saying(symbol="MSFT"))
        assert await tell(database, [row(TEN)], Saying(interval=Interval.M5))
        assert not waiting.done()
    assert await waiting
