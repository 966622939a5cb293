"""Asks an adjusting provider for its splits where its older minutes need them: one call per symbol and day.

The chart of minutes states the splits of its own window alone. Whether one lies between older minutes and
now, the daily bars of the same provider say, from the oldest bar in question to today.
"""

from collections.abc import Callable
from dataclasses import replace

from market_data.errors import NoProvider
from market_data.level import Sent, known_to
from market_data.market.bar import Adjustment, Bars
from market_data.market.capability import Capability
from market_data.market.interval import Interval
from market_data.market.level import level_of, unsure
from market_data.market.span import Span
from market_data.market.split import checked
from market_data.provider import Query
from market_data.route.router import Router
from market_data.store import splits
from market_data.store.connect import Database

SPLITS_SECONDS = 30.0
"""How long the question may take, budgets included; after that the bars wait in quarantine."""


class SplitCheck:
    """Learns what lies between an answer's bars and now, before they are taken in."""

    def __init__(self, router: Router, database: Database, clock: Callable[[], float]) -> None:
        self._router = router
        self._database = database
        self._clock = clock

    async def __call__(self, query: Query, sent: Sent, deadline: float) -> None:
        """Ask for what is not known, until `deadline` (epoch seconds) at most; StoreUnavailable."""
        if sent.interval is Interval.D1 or sent.reach.adjustment is Adjustment.RAW or not len(sent.bars):
            return
        known = await known_to(self._database, sent) if self._has_old(sent) else None
        missing = unsure(sent.bars, level_of(sent.hours, sent.asked_at, known), known)
        if not missing.any():
            return
        now = self._clock()
        since = int(sent.bars.ts[missing].min())
        asked = replace(
            query, capability=Capability.EOD, span=Span(Interval.D1.floor(since), int(now) + 1), now=now
        )
        others = [provider for provider in self._router.roster.providers if provider != sent.provider]
        try:
            answered = await self._router.ask(
                asked, min(deadline, now + SPLITS_SECONDS), without=others, trust_empty=True
            )
        except NoProvider:  # then they are quarantined, with the reason
            return
        if isinstance(answered.answer, Bars) and answered.answer.splits is not None:
            stated = checked(answered.answer.splits, sent.hours, answered.asked_at)
            await splits.check(self._database, sent.symbol, sent.provider, stated, now)

    @staticmethod
    def _has_old(sent: Sent) -> bool:
        return bool(unsure(sent.bars, level_of(sent.hours, sent.asked_at, None), None).any())
