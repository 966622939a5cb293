"""Plays a history as one provider alone sends it: which bars are served unmarked the same evening?"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from extreme import History, Session
from market_data.calendar import hours_of
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, Row
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import quarantine, universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import Stream

OVERLAP = 5
"""Bars that a live fetch asks for again."""
FETCHED_AFTER = 4 * 3600
"""Seconds after the close at which days are asked for."""
EVENING = 4 * 3600
"""Seconds after that in which a bar has to be served unmarked."""


@dataclass
class Evening:
    """What became of the bars of a history. `waits`: seconds until each marked bar was served unmarked."""

    bars: int = 0
    marked: int = 0
    late: list[int] = field(default_factory=list)  # labels not served unmarked the same evening
    waits: list[float] = field(default_factory=list)

    def __iadd__(self, other: "Evening") -> "Evening":
        self.bars += other.bars
        self.marked += other.marked
        self.late += other.late
        self.waits += other.waits
        return self


@dataclass
class Player:
    """One provider's answers, taken in at the times at which the service asks."""

    database: Database
    ingest: Ingest
    symbol: str = ""
    rows: Sequence[Row] = ()
    interval: Interval = Interval.D1
    adjusted: bool = True
    kind: AssetType = AssetType.EQUITY
    exchange: str = "NASDAQ"
    now: float = 0.0

    async def days(self, symbol: str, history: History) -> Evening:
        """Each evening the newest day, with those before it; then what is due to be asked for again."""
        await self._begin(symbol, history.rows(), Interval.D1, history)
        grid = hours_of(self.exchange, self.kind).regular
        found, waiting = Evening(bars=len(self.rows)), dict[int, float]()
        for at, (label, *_) in enumerate(self.rows):
            (end,) = grid.ends(Bars.of([self.rows[at]]).ts, Interval.D1).tolist()
            self.now = end + FETCHED_AFTER
            await self._send(self.rows[max(at - OVERLAP, 0)][0], label + 86_400)
            await self._wait(found, waiting, [label])
        return found

    async def minutes(self, symbol: str, session: Session) -> Evening:
        """Each minute the newest one, with those before it; then what is due to be asked for again."""
        await self._begin(symbol, session.rows(), Interval.M1, session)
        found, waiting = Evening(bars=len(self.rows)), dict[int, float]()
        for at, (label, *_) in enumerate(self.rows):
            self.now = label + 62.0
            await self._send(self.rows[max(at - OVERLAP, 0)][0], label + 60)
            if at % 5 == 0:
                await self._again()
            await self._look(found, waiting, [row[0] for row in self.rows[: at + 1]])
        await self._wait(found, waiting, [row[0] for row in self.rows])
        return found

    async def _begin(
        self, symbol: str, rows: Sequence[Row], interval: Interval, of: History | Session
    ) -> None:
        self.symbol, self.rows, self.interval = symbol, rows, interval
        self.adjusted = of.adjusted if isinstance(of, History) else True
        self.kind, self.exchange = of.kind, of.exchange
        await universe.put(self.database, [Instrument(symbol, self.exchange, self.kind, Tier.T0)])

    async def _send(self, start: int, end: int) -> None:
        known = [row for row in self.rows if start <= row[0] < end and row[0] < self.now]
        reach = Reach(
            "chart", frozenset(AssetType), adjustment=Adjustment.SPLIT if self.adjusted else Adjustment.RAW
        )
        await self.ingest(
            Delivery(
                self.symbol,
                self.interval,
                Span(start, end),
                hours_of(self.exchange, self.kind),
                "alone",
                reach,
                Bars.of(known),
                self.now,
            )
        )

    async def _wait(self, found: Evening, waiting: dict[int, float], labels: Sequence[int]) -> None:
        """The rest of the evening: every five minutes what is due is asked for again."""
        until = self.now + EVENING
        while True:
            await self._look(found, waiting, labels)
            if self.now >= until or not waiting:
                break
            self.now += 300
            await self._again()
        found.late += sorted(waiting)
        waiting.clear()

    async def _again(self) -> None:
        for due in await quarantine.due(self.database, self.now, 100):
            await self._send(due.span.start, due.span.end)

    async def _look(self, found: Evening, waiting: dict[int, float], labels: Sequence[int]) -> None:
        table = "candles_daily" if self.interval is Interval.D1 else "candles_intraday"
        rows = await self.database.fetch(
            f"SELECT extract(epoch FROM ts)::bigint AS ts FROM {table} "  # noqa: S608 - one of two names
            "WHERE symbol = $1 AND status <> 'partial'",
            self.symbol,
        )
        served = {row["ts"] for row in rows}
        for label in labels:
            if label not in served and label not in waiting:
                waiting[label] = self.now
                found.marked += 1
            elif label in served and label in waiting:
                found.waits.append(self.now - waiting.pop(label))


@asynccontextmanager
async def player(database: Database, redis_url: str) -> AsyncIterator[Player]:
    """A player of histories on a database."""
    async with open_redis(redis_url) as redis:
        publisher = Publisher(database, Stream(redis), lambda: found.now)
        found = Player(database, Ingest(database, publisher, lambda _: None, lambda: found.now))
        yield found
