"""One question for bars, from the ranking to the table: the way that live fetches and backfills share."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from market_data.calendar import hours_of, loaded
from market_data.ingest import Delivery, Ingest, Ingested
from market_data.market.bar import Adjustment, Bars
from market_data.market.capability import CAPABILITIES
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.provider import Query
from market_data.route.router import Answered, Router
from market_data.split_check import SplitCheck
from market_data.witness import Witnesses


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a provider answered, and what came of it."""

    answered: Answered
    bars: int  # in the answer
    taken: Ingested


Look = Callable[[Query, str, Adjustment, Bars], Awaitable[None]]
"""Shown what a provider tells, before it is taken in."""


class Gather:
    """Asks for bars and takes them in."""

    def __init__(
        self, router: Router, ingest: Ingest, clock: Callable[[], float], look: Look | None = None
    ) -> None:
        self.router = router
        self._ingest = ingest
        self._clock = clock
        self._look = look
        self._witnesses = Witnesses(router, clock)
        self._split_check = SplitCheck(router, ingest.database, clock)

    async def bars(
        self,
        query: Query,
        exchange: str,
        seconds: float,
        *,
        hint: str | None = None,
        without: Iterable[str] = (),
        trust_empty: bool = False,
        rows: int | None = None,
        restates: bool = False,
    ) -> Gathered:
        """Ask for the bars of `query` within so many seconds, write and publish them.

        `rows` is how many are written at once, at most; LIVE_BATCH_SIZE if nothing else is said. What
        `restates` counts before what others told.

        Raises NoProvider if nobody could serve it, StoreUnavailable if it could not be written.
        """
        deadline = self._clock() + seconds
        answered = await self.router.ask(query, deadline, hint=hint, without=without, trust_empty=trust_empty)
        interval = query.capability.interval
        assert interval is not None  # noqa: S101 - a quote is no bars
        assert isinstance(answered.answer, Bars)  # noqa: S101 - the contract of a provider
        if self._look is not None and not restates:
            await self._look(query, answered.provider, answered.reach.adjustment, answered.answer)
        await loaded([(exchange, query.asset_type)])
        hours = hours_of(exchange, query.asset_type)
        self._learn(answered, hours, interval)
        delivery = Delivery(
            symbol=query.symbol,
            interval=interval,
            span=answered.span,
            hours=hours,
            provider=answered.provider,
            reach=answered.reach,
            bars=answered.answer,
            asked_at=answered.asked_at,
            delay=self.router.roster.delay(answered.provider, query.capability, hours.regular.name),
            vendor_time=answered.vendor_time,
            rows=rows or self.router.settings.live_batch_size,
            restates=restates,
        )
        await self._split_check(query, delivery.sent, deadline)
        taken = await self._ingest(
            delivery,
            lambda spans: self._witnesses.ask(query, answered.provider, spans, deadline),
        )
        # that it has no bars at all may be the truth: thin symbols must not cost a provider its good name
        if taken.completeness is not None and len(answered.answer):
            self.router.completed(answered.provider, query.capability, taken.completeness)
        return Gathered(answered, len(answered.answer), taken)

    def _learn(self, answered: Answered, hours: MarketHours, interval: Interval) -> None:
        """Note how new the newest bar of an answer is, of one that was asked for the newest there are."""
        assert isinstance(answered.answer, Bars)  # noqa: S101 - the contract of a provider
        before = answered.asked_at - interval.seconds
        over = answered.answer.ts[answered.answer.ts <= before]
        if len(over) and answered.span.end > before:
            newest = int(over.max())
            self.router.roster.delays.heard(
                answered.provider, hours, interval, newest=newest, at=answered.asked_at
            )

    def query(self, symbol: str, asset_type: AssetType, interval: Interval, span: Span) -> Query:
        """The question for a span of a series, asked now."""
        return Query(CAPABILITIES[interval], symbol, asset_type, span, self._clock())
