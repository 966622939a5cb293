"""The one way in for bars: judged, written with the cursor, published."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import nan
from pathlib import Path

import msgspec
import pytest

from market_data.calendar import hours_of
from market_data.events import BarsWritten, Event, Unpublished
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, KnownBar, Row, VolumeScope
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import bars, cursor, universe
from market_data.store.connect import Database
from market_data.store.cursor import Cursor
from market_data.store.redis import open_redis
from market_data.stream import KEPT, Publication, Series, Stream
from market_data.universe import rename

pytestmark = pytest.mark.anyio


def at(text: str) -> int:
    return epoch(datetime.fromisoformat(text))


OPEN = at("2024-07-03T13:30:00Z")
"""New York opens; on this half day it closes at 17:00Z."""
CLOSE = at("2024-07-03T17:00:00Z")
DAY = at("2024-07-03T00:00:00Z")
REACH = Reach(
    "candles", frozenset(AssetType), adjustment=Adjustment.SPLIT, volume_scope=VolumeScope.CONSOLIDATED
)
STOCK = hours_of("NASDAQ", AssetType.EQUITY)
COIN = hours_of("CRYPTO", AssetType.CRYPTO)


def row(ts: int, close: float = 100.0) -> Row:
    return (ts, close, close + 0.5, close - 0.5, close, 10.0)


def minutes(count: int, first: int = OPEN) -> list[Row]:
    return [row(first + 60 * i, 100.0 + i) for i in range(count)]


def delivery(rows: list[Row], asked_at: float, span: Span | None = None) -> Delivery:
    """Minutes of AAPL from yahoo."""
    return Delivery(
        symbol="AAPL",
        interval=Interval.M1,
        span=span or Span(OPEN, OPEN + 600),
        hours=STOCK,
        provider="yahoo",
        reach=REACH,
        bars=Bars.of(rows),
        asked_at=asked_at,
    )


@dataclass
class Way:
    """The way in, and where it leads to."""

    database: Database
    stream: Stream
    ingest: Ingest
    now: float = float(CLOSE)
    told: list[Event] = field(default_factory=list)

    async def stored(self, interval: Interval = Interval.M1) -> list[KnownBar]:
        return await bars.last(self.database, "AAPL", interval, 1000)

    async def statuses(self, interval: Interval = Interval.M1) -> list[str]:
        return [bar.status.value for bar in await self.stored(interval)]

    async def cursor(self, interval: str = "1m") -> Cursor:
        return (await cursor.all_cursors(self.database))["AAPL", interval]

    async def published(self) -> list[Publication]:
        """All that has been published, oldest first."""
        return await self.stream.back(KEPT)


@pytest.fixture
async def way(database: Database, redis_url: str) -> AsyncIterator[Way]:
    async with open_redis(redis_url) as redis:
        yield await _way(database, Stream(redis))


async def _way(database: Database, stream: Stream) -> Way:
    events: list[Event] = []
    found = Way(
        database,
        stream,
        Ingest(database, Publisher(database, stream, lambda: found.now), events.append, lambda: found.now),
        told=events,
    )
    await universe.put(database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
    return found


async def test_a_delivery_is_written_published_and_told(way: Way) -> None:
    way.now = OPEN + 601.5
    done = await way.ingest(delivery(minutes(10), OPEN + 600.5))
    assert (done.changed, done.rejected, done.completeness) == (10, 0, 1.0)
    first = (await way.stored())[0]
    assert (first.close, first.provider, first.status, first.revision) == (100.0, "yahoo", "final", 0)
    assert (first.adjustment, first.volume_scope) == ("raw", "consolidated"), "of the running session"
    assert first.as_of.timestamp() == OPEN + 601.5
    published = await way.published()
    assert [(one.series, int(one.bar)) for one in published] == [
        (Series("AAPL", "1m"), ts) for ts, *_ in minutes(10)
    ]
    assert msgspec.json.decode(published[0].body, type=KnownBar, strict=False) == first
    (event,) = way.told
    assert isinstance(event, BarsWritten)
    assert (event.symbol, event.interval, event.source) == ("AAPL", "1m", "yahoo")
    assert (event.told, event.changed, event.rejected) == (10, 10, 0)


async def test_the_same_again_is_neither_written_nor_published(way: Way) -> None:
    await way.ingest(delivery(minutes(10), OPEN + 600))
    first = await way.stored()
    way.now += 60
    again = await way.ingest(delivery(minutes(10), OPEN + 660))
    assert (again.changed, again.completeness) == (0, 1.0)
    assert await way.stored() == first
    assert len(await way.published()) == 10


async def test_of_an_answer_only_what_changed_is_published(way: Way) -> None:
    await way.ingest(delivery(minutes(10), OPEN + 600))
    changed = [row(OPEN + 60, 107.0), *minutes(12)[2:]]
    await way.ingest(delivery(changed, OPEN + 720, Span(OPEN, OPEN + 720)))
    assert [(int(one.bar), _revision(one)) for one in (await way.published())[10:]] == [
        (OPEN + 60, 1),
        (OPEN + 600, 0),
        (OPEN + 660, 0),
    ]


async def test_rows_out_of_order_or_told_twice_are_put_right(way: Way) -> None:
    rows = [*reversed(minutes(5)), minutes(5)[2]]
    done = await way.ingest(delivery(rows, CLOSE))
    assert [bar.close for bar in await way.stored()] == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert done.rejected == 0


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ((OPEN + 60, 1.0, nan, 1.0, 1.0, 1.0), "not_finite"),
        ((OPEN + 60, 1.0, 1.0, 2.0, 1.0, 1.0), "high_low"),
        ((OPEN + 60, 0.0, 1.0, 0.0, 1.0, 1.0), "not_positive"),
        (row(OPEN + 61), "off_grid"),
        (row(at("2024-07-04T14:00:00Z")), "off_grid"),  # a holiday
        (row(CLOSE - 60), "future"),
    ],
)
async def test_a_bad_bar_is_kept_aside_and_the_good_ones_are_written(way: Way, bad: Row, reason: str) -> None:
    way.now = OPEN + 1200.0
    done = await way.ingest(delivery([row(OPEN), bad], OPEN + 600))
    assert (done.changed, done.rejected) == (1, 1)
    assert [one["reason"] for one in await way.database.fetch("SELECT reason FROM rejected_bars")] == [reason]
    assert len(await way.published()) == 1


async def test_bars_before_the_open_and_after_the_close_are_taken_but_not_expected(way: Way) -> None:
    rows = [row(OPEN - 60), *minutes(5), row(CLOSE + 60)]
    way.now = CLOSE + 600.0
    done = await way.ingest(delivery(rows, CLOSE + 600, Span(OPEN - 3600, CLOSE + 600)))
    assert done.changed == 7
    assert done.completeness == pytest.approx(5 / 210)


@pytest.mark.parametrize(
    ("delay", "asked_at", "expected"),
    [
        (0, OPEN + 180, ["final"] * 3),
        (0, OPEN + 179.9, ["final", "final", "partial"]),
        (60, OPEN + 180, ["final", "final", "partial"]),
        (3600, OPEN + 180, ["partial"] * 3),
    ],
)
async def test_a_minute_is_partial_until_its_provider_has_settled_it(
    way: Way, delay: int, asked_at: float, expected: list[str]
) -> None:
    await way.ingest(replace(delivery(minutes(3), asked_at), reach=replace(REACH, delay=delay)))
    assert await way.statuses() == expected


@pytest.mark.parametrize(
    ("vendor_time", "expected"),
    [
        (OPEN + 179.0, ["final", "final", "partial"]),  # our clock is ahead
        (OPEN + 180.0, ["final"] * 3),
        (OPEN + 3600.0, ["final"] * 3),  # ours is behind
        (OPEN - 18_000.0, ["partial"] * 3),
        (None, ["final"] * 3),
    ],
)
async def test_nothing_later_than_the_providers_own_time_is_final(
    way: Way, vendor_time: float | None, expected: list[str]
) -> None:
    await way.ingest(replace(delivery(minutes(3), OPEN + 180.5), vendor_time=vendor_time))
    assert await way.statuses() == expected
    known = await cursor.of(way.database, "AAPL", Interval.M1)
    assert known is not None
    assert known.through == OPEN + 60 * expected.count("final")
    assert known.asked_at == min(OPEN + 180.5, vendor_time or OPEN + 180.5)


async def test_what_was_asked_for_by_a_former_name_is_written_and_published_under_the_new_one(
    way: Way,
) -> None:
    await universe.put(way.database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
    await way.ingest(delivery(minutes(2), OPEN + 120))
    await rename(way.database, "AAPL", "PEAR")
    await way.ingest(delivery(minutes(4), OPEN + 240))
    assert [len(await bars.last(way.database, one, Interval.M1, 9)) for one in ("AAPL", "PEAR")] == [0, 4]
    written = [one.symbol for one in way.told if isinstance(one, BarsWritten)]
    assert written == ["AAPL", "PEAR"]
    told = [str(one.series) for one in await way.published()]
    assert (told[0], told[-1]) == (str(Series("AAPL", Interval.M1)), str(Series("PEAR", Interval.M1)))


async def test_whether_a_bar_is_partial_is_decided_by_when_it_was_asked_for(way: Way) -> None:
    way.now = CLOSE + 86_400.0  # the answer took its time
    await way.ingest(delivery([row(OPEN)], OPEN + 30))
    assert await way.statuses() == ["partial"]


@pytest.mark.parametrize(
    ("asked_at", "delay", "status", "through"),
    [
        (CLOSE - 1, 0, "partial", DAY),
        (CLOSE, 0, "final", DAY + 86_400),
        (CLOSE, 900, "partial", DAY),
        (CLOSE + 900, 900, "final", DAY + 86_400),
    ],
)
async def test_a_day_is_final_when_its_session_is_over(
    way: Way, asked_at: float, delay: int, status: str, through: int
) -> None:
    asked = replace(
        delivery([row(DAY - 86_400), row(DAY)], asked_at, Span(DAY - 86_400, DAY + 86_400)),
        interval=Interval.D1,
        reach=replace(REACH, delay=delay),
    )
    done = await way.ingest(asked)
    assert await way.statuses(Interval.D1) == ["final", status]
    assert (await way.cursor("1d")).through == through
    assert done.completeness == 1.0
    newest = await cursor.newest_bars(way.database, Interval.D1)
    assert newest == {"AAPL": DAY if status == "final" else DAY - 86_400}


@pytest.mark.parametrize(
    ("rows", "asked_at", "completeness"),
    [
        (minutes(10), OPEN + 600, 1.0),
        (minutes(5), OPEN + 600, 0.5),
        (minutes(5), OPEN + 300, 1.0),
        (minutes(6), OPEN + 359.0, 1.0),  # the running minute counts neither way
        ([], OPEN + 600, 0.0),
        ([], OPEN + 59, None),
    ],
    ids=["whole", "half", "whole so far", "running", "nothing", "nothing yet"],
)
async def test_completeness_is_the_share_of_the_settled_bars_that_came(
    way: Way, rows: list[Row], asked_at: float, completeness: float | None
) -> None:
    assert (await way.ingest(delivery(rows, asked_at))).completeness == completeness


async def test_completeness_expects_nothing_while_the_market_is_closed(way: Way) -> None:
    holiday = at("2024-07-04T14:00:00Z")
    way.now = holiday + 3600.0
    done = await way.ingest(delivery([], way.now, Span(holiday, holiday + 600)))
    assert done.completeness is None


async def test_crypto_is_expected_at_any_hour(way: Way) -> None:
    sunday = at("2024-07-07T03:00:00Z")
    way.now = sunday + 600.0
    asked = replace(delivery(minutes(9, sunday), way.now, Span(sunday, sunday + 600)), hours=COIN)
    assert (await way.ingest(asked)).completeness == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("rows", "asked_at", "delay", "through", "newest"),
    [
        (minutes(10), OPEN + 3600, 0, OPEN + 600, {"AAPL": OPEN + 540}),
        (minutes(5), OPEN + 290, 0, OPEN + 240, {"AAPL": OPEN + 180}),
        (minutes(5), OPEN + 290, 120, OPEN + 120, {"AAPL": OPEN + 60}),
        ([], OPEN + 300, 0, OPEN + 300, {}),
        (minutes(1), OPEN + 30, 0, OPEN, {}),
        (minutes(1), OPEN + 30, 3600, OPEN, {}),
    ],
    ids=["all of it", "a running minute", "a delay", "nothing", "too early", "long before"],
)
async def test_the_cursor_goes_to_where_all_was_settled(
    way: Way, rows: list[Row], asked_at: float, delay: int, through: int, newest: dict[str, int]
) -> None:
    await way.ingest(replace(delivery(rows, asked_at), reach=replace(REACH, delay=delay)))
    assert await way.cursor() == Cursor(through, asked_at)
    assert await cursor.newest_bars(way.database, Interval.M1) == newest


async def test_an_older_question_does_not_move_the_cursor_back(way: Way) -> None:
    await way.ingest(delivery(minutes(10), OPEN + 600))
    await way.ingest(delivery(minutes(3), OPEN + 180))
    assert await way.cursor() == Cursor(OPEN + 600, OPEN + 600)


async def test_without_redis_the_bars_are_written_and_asking_again_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with open_redis(f"unix://{tmp_path}/none.sock") as redis:
        way = await _way(database, Stream(redis))
        assert (await way.ingest(delivery(minutes(10), OPEN + 600))).changed == 10
        before = await way.stored()
        assert len(before) == 10
        assert (await way.cursor()).through == OPEN + 600
        assert [type(one) for one in way.told] == [BarsWritten, Unpublished]
        way.now += 60
        again = await way.ingest(delivery(minutes(10), OPEN + 600))
        assert again.changed == 0
        assert await way.stored() == before


async def test_what_cannot_be_written_is_not_published_and_moves_no_cursor(way: Way) -> None:
    await way.database.run("ALTER TABLE ingestion_cursor RENAME TO elsewhere")
    with pytest.raises(Exception, match='relation "ingestion_cursor" does not exist'):
        await way.ingest(delivery(minutes(10), OPEN + 600))
    assert await way.stored() == []
    assert await way.published() == []
    assert way.told == []


async def test_deliveries_of_one_series_at_once_publish_each_change_once(way: Way) -> None:
    span = Span(OPEN, OPEN + 1200)
    many = [delivery(minutes(count), OPEN + 1200, span) for count in (5, 10, 15, 20) for _ in range(3)]
    done = await asyncio.gather(*map(way.ingest, many))
    assert sum(one.changed for one in done) == 20
    assert sorted(int(one.bar) for one in await way.published()) == [ts for ts, *_ in minutes(20)]
    assert await way.statuses() == ["final"] * 20


def _revision(publication: Publication) -> int:
    revision: int = msgspec.json.decode(publication.body)["revision"]
    return revision
