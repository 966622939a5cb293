"""Doubted bars on their way in: quarantined, confirmed, contradicted, settled; and what it costs to know."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from market_data.believe import MOST_ASKED, MOST_KNOWN, Believer, Told
from market_data.calendar import hours_of
from market_data.errors import BadQuestion
from market_data.events import BarsDoubted, Event
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, Row
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.outcome import Evidence
from market_data.market.quality import judge
from market_data.market.span import Span, epoch
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import bars as bars_table
from market_data.store import cursor, decisions, quarantine, universe
from market_data.store.connect import Database
from market_data.store.decisions import Decision
from market_data.store.quarantine import Listed
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
        return [Evidence(self.adjustment, bars, "other", settled_before=2.0**40) for bars in found]


@dataclass
class Way:
    database: Database
    ingest: Ingest
    events: list[Event]
    now: float = float(OPEN + 3600)

    async def tell(
        self,
        rows: Sequence[Row],
        others: Others | None = None,
        reach: Reach = RAW,
        *,
        provider: str = "a",
        after: float = 0.0,
    ) -> tuple[int, int]:
        """Take in an answer, asked so long after its last bar; how many were rejected, and quarantined."""
        last = rows[-1][0] + 60
        asked_at = last + 9.0 + after
        delivery = Delivery(
            "AAPL", Interval.M1, Span(rows[0][0], last), STOCK, provider, reach, Bars.of(rows), asked_at
        )
        self.now = max(self.now, asked_at)
        done = await self.ingest(delivery, others)
        return done.rejected, done.quarantined

    async def stored(self) -> dict[int, float]:
        rows = await self.database.fetch("SELECT ts, close FROM candles_intraday ORDER BY ts")
        return {epoch(one["ts"]): one["close"] for one in rows}

    async def rejected(self) -> list[tuple[int, str]]:
        rows = await self.database.fetch("SELECT ts, reason FROM rejected_bars ORDER BY ts")
        return [(epoch(one["ts"]), one["reason"]) for one in rows]

    async def quarantined(self) -> list[Listed]:
        return (await quarantine.listed(self.database))[::-1]

    async def marked(self) -> list[tuple[int, str, bool]]:
        return [(epoch(one.ts), one.reason, one.contradicted) for one in await self.quarantined()]

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


SPIKE = OPEN + 600


def spiked(after: int = 0, price: float = 1000.0) -> list[Row]:
    """Ten minutes at 100, a spike, and so many minutes after it."""
    return [*minutes(10), row(SPIKE, price), *minutes(after, SPIKE + 60)]


async def test_what_another_contradicts_is_marked_and_its_value_is_stored_instead(way: Way) -> None:
    rows, others = minutes(30), Others([row(ts, 100.5) for ts, *_ in minutes(30)])
    rows[7] = row(OPEN + 420, 1000.0)
    rows[9] = row(OPEN + 540, 50.0)
    assert await way.tell(rows, others) == (0, 0)
    assert others.asked == [Span(OPEN + 420, OPEN + 600)]
    assert await way.marked() == [(OPEN + 420, "jump", True), (OPEN + 540, "jump", True)]
    stored = await way.stored()
    assert len(stored) == 30
    assert (stored[OPEN + 420], stored[OPEN + 540]) == (100.5, 100.5)
    assert way.doubted == [("jump", "contradicted", 2)]
    assert (await way.quarantined())[0].evidence == "close 1000 after 100: other sent 100.5"
    assert await way.tell(rows, others, after=3600.0) == (0, 0)
    assert (await way.stored())[OPEN + 420] == 100.5, "repeated, it stays contradicted"
    assert await quarantine.due(way.database, way.now + 86_400, 10) == [], "nothing is to be asked again"


async def test_what_another_confirms_is_stored(way: Way) -> None:
    rows = minutes(30)
    rows[7] = row(OPEN + 420, 1000.0)
    assert await way.tell(rows, Others(rows)) == (0, 0)
    assert (await way.stored())[OPEN + 420] == 1000.0
    assert way.doubted == [("jump", "confirmed", 1)]


async def test_a_strange_last_bar_is_quarantined_at_once_and_the_cursor_passes_it(way: Way) -> None:
    await way.tell(minutes(10))
    assert await way.tell(spiked()) == (0, 1)
    assert SPIKE not in await way.stored()
    assert await way.marked() == [(SPIKE, "jump", False)]
    assert await way.through() == SPIKE + 60
    assert await way.tell(spiked(1)) == (0, 1)
    (one,) = await way.quarantined()
    assert (one.times, one.look_at is not None) == (2, True)
    assert way.doubted == [("jump", "quarantined", 1)], "it is counted once"


async def test_if_the_bars_after_it_bear_it_out_it_is_stored(way: Way) -> None:
    await way.tell(minutes(10))
    high = minutes(3, SPIKE, 1000.0)
    assert await way.tell([*minutes(10), *high[:2]]) == (0, 2)
    assert await way.tell([*minutes(10), *high]) == (0, 0)
    assert (await way.stored())[SPIKE] == 1000.0
    assert await way.marked() == []


async def test_a_move_that_gives_some_back_loses_no_minute(way: Way) -> None:
    await way.tell(minutes(10, price=10.0))
    later = [row(SPIKE + 60 * at, 13.0) for at in range(1, 4)]
    rows = [*minutes(10, price=10.0), row(SPIKE, 15.2), *later]
    assert await way.tell(rows[:11]) == (0, 1)
    assert await way.tell(rows[:12]) == (0, 1)
    assert SPIKE + 60 in await way.stored(), "13.0 after 10.0 is no jump"
    assert await way.tell(rows[:13]) == (0, 0)
    assert (await way.stored())[SPIKE] == 15.2


async def test_what_its_provider_repeats_long_enough_after_is_stored(way: Way) -> None:
    await way.tell(spiked(10))
    assert await way.marked() == [(SPIKE, "jump", False)]
    (due,) = await quarantine.due(way.database, way.now + 900, 10)
    assert due.symbol == "AAPL"
    assert SPIKE in due.span
    assert await quarantine.due(way.database, way.now + 900, 10) == [], "each look is taken once"
    assert await way.tell(spiked(10), after=800.0) == (0, 1)
    assert await way.tell(spiked(10), after=900.0) == (0, 0)
    assert (await way.stored())[SPIKE] == 1000.0
    assert await way.marked() == []
    assert way.doubted[-1] == ("jump", "repeated", 1)
    others = Others(minutes(30))
    assert await way.tell(spiked(10), others, after=1800.0) == (0, 0)
    assert others.asked == [], "what is stored is not doubted again"


async def test_what_its_provider_corrects_was_never_served(way: Way) -> None:
    await way.tell(spiked(10))
    assert await way.tell(minutes(21), after=900.0) == (0, 0)
    assert (await way.stored())[SPIKE] == 100.0
    assert await way.marked() == []
    revisions = await way.database.fetch_one("SELECT count(*) AS n FROM candle_revisions")
    assert revisions is not None
    assert revisions["n"] == 0


async def test_another_value_starts_its_time_anew(way: Way) -> None:
    await way.tell(spiked(10))
    assert await way.tell(spiked(10, 1010.0), after=900.0) == (0, 1)
    assert await way.tell(spiked(10, 1010.0), after=1700.0) == (0, 1)
    assert await way.tell(spiked(10, 1010.0), after=1800.0) == (0, 0)


async def test_what_its_provider_withdraws_leaves_the_quarantine(way: Way) -> None:
    await way.tell(spiked(10))
    rest = [one for one in spiked(10) if one[0] != SPIKE]
    await way.tell(rest, after=60.0)
    assert await way.marked() == [(SPIKE, "jump", False)]
    await way.tell(rest, after=900.0)
    assert await way.marked() == []
    assert way.doubted[-1] == ("jump", "withdrawn", 1)


async def test_a_second_provider_s_answer_settles_what_is_quarantined(way: Way) -> None:
    await way.tell(spiked(10))
    await way.tell(spiked(10, 1001.0), provider="b", after=60.0)
    assert (await way.stored())[SPIKE] == 1001.0
    assert await way.marked() == []


async def test_a_second_provider_s_answer_contradicts_what_is_quarantined(way: Way) -> None:
    await way.tell(spiked(10))
    await way.tell(minutes(21), provider="b", after=60.0)
    assert (await way.stored())[SPIKE] == 100.0
    assert await way.marked() == [(SPIKE, "jump", True)]
    assert (await way.quarantined())[0].evidence == "close 1000: b sent 100"


async def test_what_differs_from_another_s_stored_bar_leaves_a_trace_and_changes_nothing(way: Way) -> None:
    wrong = [row(ts, 112.0 if ts == SPIKE else 100.0) for ts, *_ in minutes(30)]
    await way.tell(wrong)
    for provider in ("b", "c", "b"):
        await way.tell(minutes(30), provider=provider, after=60.0)
    assert (await way.stored())[SPIKE] == 112.0
    found = await way.quarantined()
    assert [(one.provider, one.close, one.reason, one.stored_close, one.times) for one in found] == [
        ("b", 100.0, "differs", 112.0, 1),
        ("c", 100.0, "differs", 112.0, 1),
    ]
    assert found[0].evidence == "close 100: stored is 112 of a"


async def test_an_operator_accepts_and_the_bar_is_stored_in_place_of_the_other(way: Way) -> None:
    await way.tell(spiked(10), Others(minutes(30)))
    (one,) = await way.quarantined()
    name = await decisions.accept(way.database, one.id, Decision("jane", "it is on the tape", way.now))
    assert name == "AAPL 1m 2024-07-02T13:40:00Z of a"
    assert (await way.stored())[SPIKE] == 1000.0
    (kept,) = await quarantine.listed(way.database, decided=True)
    assert (kept.decision, kept.decided_by, kept.decided_why) == ("accepted", "jane", "it is on the tape")
    assert await way.quarantined() == []
    assert await way.tell(spiked(10), Others(minutes(30)), after=60.0) == (0, 0)
    with pytest.raises(BadQuestion, match="no open quarantined bar"):
        await decisions.accept(way.database, one.id, Decision("jane", "again", way.now))


async def test_what_an_operator_rejects_stays_rejected_and_another_value_is_stored(way: Way) -> None:
    await way.tell(spiked(10))
    (one,) = await way.quarantined()
    await decisions.reject(way.database, one.id, Decision("jane", "a misprint", way.now))
    assert await way.rejected() == [(SPIKE, "operator")]
    assert await way.tell(spiked(10), after=3600.0) == (1, 0)
    assert await way.tell(spiked(10), Others(spiked(10)), after=3600.0) == (1, 0), "whoever confirms it"
    assert SPIKE not in await way.stored()
    assert await way.quarantined() == []
    assert await way.tell(minutes(21), after=3600.0) == (0, 0)
    assert (await way.stored())[SPIKE] == 100.0


async def test_quarantined_bars_are_read_on_request_where_no_other_is_stored(way: Way) -> None:
    await way.tell(spiked(2))
    for include, first in ((False, (100.0, "final")), (True, (1000.0, "quarantined"))):
        found = await bars_table.last_of_many(way.database, ["AAPL"], Interval.M1, 3, quarantined=include)
        marks = [(bar.close, bar.status.value) for bar in found["AAPL"]]
        assert marks == [first, (100.0, "final"), (100.0, "final")]


async def test_an_answer_wholly_at_another_level_is_compared_with_what_is_known(
    way: Way, database: Database
) -> None:
    await way.tell(minutes(10))
    rows = minutes(10, OPEN + 600, 10_000.0)
    fresh = Ingest(database, way.ingest._publish, way.events.append, lambda: way.now)
    for ingest in (way.ingest, fresh):
        way.ingest = ingest
        others = Others(minutes(20))
        assert await way.tell(rows, others) == (0, 0)
        assert (await way.stored())[OPEN + 600] == 100.0
        assert others.asked == [Span(OPEN + 600, OPEN + 1200)] or ingest is fresh


async def test_a_gap_that_is_filled_is_compared_with_both_sides(way: Way) -> None:
    await way.tell([*minutes(10), *minutes(10, OPEN + 660)])
    assert await way.tell([row(OPEN + 600, 1000.0)]) == (0, 1)
    assert await way.tell([row(OPEN + 600, 101.0)]) == (0, 0)
    assert await way.marked() == []


async def test_a_split_over_night_is_stored_and_the_days_after_are_not_strange(way: Way) -> None:
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
    assert others.asked == [Span(NEXT, NEXT + 600)]
    assert set((await way.stored()).items()) == {
        *((ts, 100.0) for ts, *_ in minutes(10)),
        *((ts, 25.0) for ts, *_ in minutes(10, NEXT)),
    }


async def test_the_quarantine_of_a_series_is_bounded_and_expires(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_OF_SERIES", 3)
    rows = [row(ts, 1000.0 if at % 10 == 5 else 100.0) for at, (ts, *_) in enumerate(minutes(60))]
    await way.tell(rows)
    assert [ts for ts, *_ in await way.marked()] == [OPEN + 60 * at for at in (35, 45, 55)]
    assert await quarantine.expire(way.database, way.now) == 0
    assert await quarantine.expire(way.database, way.now + quarantine.EXPIRES_SECONDS + 60) == 3


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
