"""Strange bars on their way in: held back, rejected with a reason, confirmed; and what it costs to know."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from market_data.believe import MOST_ASKED, MOST_HELD, MOST_KNOWN, Believer, Told
from market_data.calendar import hours_of
from market_data.events import BarsDoubted, Event
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, Row
from market_data.market.doubt import Evidence
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.quality import judge
from market_data.market.span import Span, epoch
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import cursor, universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import Stream

pytestmark = pytest.mark.anyio

OPEN = epoch(datetime(2024, 7, 2, 13, 30, tzinfo=UTC))
NEXT = OPEN + 86_400
KINDS = frozenset(AssetType)
RAW = Reach("bars", KINDS, adjustment=Adjustment.RAW, trades_alone=True)
ADJUSTED = Reach("chart", KINDS, adjustment=Adjustment.SPLIT)
STOCK = hours_of("NASDAQ", AssetType.EQUITY)


def row(ts: int, price: float = 100.0) -> Row:
    return (ts, price, price + 0.25, price - 0.25, price, 10.0)


def minutes(count: int, first: int = OPEN, price: float = 100.0) -> list[Row]:
    return [row(first + 60 * at, price) for at in range(count)]


@dataclass
class Others:
    """Another provider, that notes what it is asked."""

    rows: Sequence[Row] = ()
    adjustment: Adjustment = Adjustment.RAW
    asked: list[Span] = field(default_factory=list)

    async def __call__(self, spans: Sequence[Span]) -> list[Evidence]:
        self.asked += spans
        found = [Bars.of(one for one in self.rows if one[0] in span) for span in spans]
        return [Evidence(self.adjustment, bars) for bars in found]


@dataclass
class Way:
    database: Database
    ingest: Ingest
    events: list[Event]
    now: float = float(OPEN + 3600)

    async def tell(
        self, rows: Sequence[Row], others: Others | None = None, reach: Reach = RAW
    ) -> tuple[int, int]:
        """Take an answer in; how many of its bars were rejected, and held back."""
        last = rows[-1][0] + 60
        delivery = Delivery(
            "AAPL", Interval.M1, Span(rows[0][0], last), STOCK, "a", reach, Bars.of(rows), last + 9.0
        )
        self.now = max(self.now, last + 9.0)
        done = await self.ingest(delivery, others)
        return done.rejected, done.held

    async def stored(self) -> dict[int, float]:
        rows = await self.database.fetch("SELECT ts, close FROM candles_intraday ORDER BY ts")
        return {epoch(one["ts"]): one["close"] for one in rows}

    async def rejected(self) -> list[tuple[int, str]]:
        rows = await self.database.fetch("SELECT ts, reason FROM rejected_bars ORDER BY ts")
        return [(epoch(one["ts"]), one["reason"]) for one in rows]

    async def through(self) -> int:
        return (await cursor.all_cursors(self.database))["AAPL", "1m"].through

    @property
    def doubted(self) -> list[tuple[str, str, int]]:
        return [(one.doubt, one.outcome, one.bars) for one in self.events if isinstance(one, BarsDoubted)]


@pytest.fixture
async def way(database: Database, redis_url: str) -> AsyncIterator[Way]:
    async with open_redis(redis_url) as redis:
        events: list[Event] = []
        publisher = Publisher(database, Stream(redis), lambda: found.now)
        found = Way(database, Ingest(database, publisher, events.append, lambda: found.now), events)
        await universe.put(database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
        yield found


async def test_nobody_is_asked_where_nothing_is_strange(way: Way) -> None:
    others = Others()
    assert await way.tell(minutes(30), others) == (0, 0)
    assert others.asked == []
    assert way.doubted == []


async def test_what_another_denies_is_kept_apart_with_its_reason_and_asked_for_once(way: Way) -> None:
    rows, others = minutes(30), Others(minutes(30))
    rows[7] = row(OPEN + 420, 1000.0)
    rows[9] = row(OPEN + 540, 50.0)
    assert await way.tell(rows, others) == (2, 0)
    assert others.asked == [Span(OPEN + 420, OPEN + 600)]
    assert await way.rejected() == [(OPEN + 420, "jump"), (OPEN + 540, "jump")]
    assert set(await way.stored()) == {one[0] for one in minutes(30)} - {OPEN + 420, OPEN + 540}
    assert way.doubted == [("jump", "denied", 2)]


async def test_what_another_confirms_is_taken_in(way: Way) -> None:
    rows = minutes(30)
    rows[7] = row(OPEN + 420, 1000.0)
    assert await way.tell(rows, Others(rows)) == (0, 0)
    assert (await way.stored())[OPEN + 420] == 1000.0
    assert way.doubted == [("jump", "accepted", 22), ("jump", "confirmed", 1)], "and so is the way back"


async def test_a_strange_last_bar_is_waited_for_and_the_cursor_does_not_pass_it(way: Way) -> None:
    await way.tell(minutes(10))
    assert await way.tell([*minutes(10), row(OPEN + 600, 1000.0)]) == (0, 1)
    assert OPEN + 600 not in await way.stored()
    assert await way.through() == OPEN + 600
    assert await way.rejected() == []
    assert way.doubted == [("jump", "held", 1)]
    back = [*minutes(10), row(OPEN + 600, 1000.0), row(OPEN + 660)]
    assert await way.tell(back) == (1, 0)
    assert await way.rejected() == [(OPEN + 600, "jump")]
    assert await way.through() == OPEN + 720


async def test_if_what_follows_bears_it_out_it_is_taken_in(way: Way) -> None:
    await way.tell(minutes(10))
    high = minutes(3, OPEN + 600, 1000.0)
    assert await way.tell([*minutes(10), *high[:2]]) == (0, 2)
    assert await way.tell([*minutes(10), *high]) == (0, 0)
    assert (await way.stored())[OPEN + 600] == 1000.0
    assert await way.through() == OPEN + 780


async def test_a_bar_is_waited_for_only_so_often(way: Way) -> None:
    await way.tell(minutes(10))
    for _ in range(MOST_HELD):
        assert await way.tell([*minutes(10), row(OPEN + 600, 1000.0)]) == (0, 1)
    assert await way.tell([*minutes(10), row(OPEN + 600, 1000.0)]) == (0, 0)
    assert (await way.stored())[OPEN + 600] == 1000.0


async def test_an_answer_wholly_at_another_level_is_held_against_what_is_known(
    way: Way, database: Database
) -> None:
    await way.tell(minutes(10))
    rows = minutes(10, OPEN + 600, 10_000.0)
    fresh = Ingest(database, way.ingest._publish, way.events.append, lambda: way.now)
    for ingest in (way.ingest, fresh):
        way.ingest = ingest
        others = Others(minutes(20))
        assert await way.tell(rows, others) == (10, 0)
        assert others.asked == [Span(OPEN + 600, OPEN + 780)], "its first bars are enough"


async def test_a_gap_that_is_filled_is_held_against_what_is_on_both_sides(way: Way) -> None:
    await way.tell([*minutes(10), *minutes(10, OPEN + 660)])
    assert await way.tell([row(OPEN + 600, 1000.0)]) == (1, 0)
    assert await way.tell([row(OPEN + 600, 101.0)]) == (0, 0)


async def test_a_split_over_night_is_taken_in_and_the_days_after_are_not_strange(way: Way) -> None:
    await way.tell(minutes(10))
    others = Others()
    assert await way.tell(minutes(1, NEXT, 25.0), others) == (0, 0)
    assert len(others.asked) == 1
    assert await way.tell(minutes(10, NEXT, 25.0), others) == (0, 0)
    assert len(others.asked) == 1


async def test_minutes_of_a_provider_that_adjusts_are_raw_before_and_after_a_split(way: Way) -> None:
    """The overlap, at the new level, is not written; the new session opens at the ratio of a split."""
    await way.tell(minutes(10), reach=ADJUSTED)
    others = Others(minutes(20))
    assert await way.tell([*minutes(5, OPEN + 300, 25.0), *minutes(10, NEXT, 25.0)], others, ADJUSTED) == (
        0,
        0,
    )
    assert others.asked == [Span(NEXT, NEXT + 180)]
    assert set((await way.stored()).items()) == {
        *((ts, 100.0) for ts, *_ in minutes(10)),
        *((ts, 25.0) for ts, *_ in minutes(10, NEXT)),
    }


async def test_questions_about_one_answer_are_bounded(way: Way) -> None:
    rows = [row(ts, 1000.0 if at % 20 == 7 else 100.0) for at, (ts, *_) in enumerate(minutes(390))]
    far = [*rows, *minutes(390, NEXT)]
    far += [row(NEXT + 60 * 389 + 86_400 * day, 1000.0) for day in (1, 6, 7, 8, 9)]
    others = Others()
    await way.tell(far, others)
    assert len(others.asked) <= MOST_ASKED
    assert all(span.seconds <= 300 * 60 for span in others.asked)


async def test_what_is_remembered_is_bounded(database: Database) -> None:
    believe = Believer(database, lambda _: None)
    bars = Bars.of(minutes(3))
    verdict = judge(bars, interval=Interval.M1, in_session=np.ones(3, np.bool_), now=float(NEXT))
    for number in range(MOST_KNOWN + 10):
        told = Told(f"S{number}", Interval.M1, "a", RAW, STOCK, verdict, anew=True)
        await believe(told, None)
    assert len(believe._known) == MOST_KNOWN
