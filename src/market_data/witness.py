"""Asks other providers what they tell of a time in which bars are doubted."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from market_data.errors import NoProvider, StoreUnavailable
from market_data.market.bar import Bars
from market_data.market.noted import holds
from market_data.market.outcome import Evidence
from market_data.market.quality import judge
from market_data.market.span import Span
from market_data.provider import Query
from market_data.route.router import Router

WITNESS_SECONDS = 5.0
"""How long one question to another provider may take, budgets included."""
MOST_A_MINUTE = 60
"""Such questions of one process; past it bars are decided without: a bad feed must not spend all budgets."""


class Witnesses:
    """The other providers, asked within their budgets."""

    def __init__(self, router: Router, clock: Callable[[], float]) -> None:
        self._router = router
        self._clock = clock
        self._asked: deque[float] = deque(maxlen=MOST_A_MINUTE)

    async def ask(self, query: Query, told_by: str, spans: Sequence[Span], deadline: float) -> list[Evidence]:
        """What others than `told_by` and its venue send for each of the spans, until the deadline (epoch s).

        Where nobody can, nothing: no budget is waited for longer than WITNESS_SECONDS.
        """
        found: list[Evidence] = []
        for span in spans:
            now = self._clock()
            if not self._has_room(now):
                break
            question = replace(query.of(span), now=now)
            try:
                answered = await self._router.ask(
                    question,
                    min(deadline, now + WITNESS_SECONDS),
                    trials=False,
                    without=self._router.roster.of_venue(told_by, query),
                    trust_empty=True,
                )
            except (NoProvider, StoreUnavailable):  # then what is doubted is decided without
                break
            if isinstance(answered.answer, Bars) and query.capability.interval is not None:
                bars, known = answered.answer, np.ones(len(answered.answer), np.bool_)
                verdict = judge(bars, interval=query.capability.interval, in_session=known, now=now)
                reach = answered.reach
                found.append(
                    Evidence(
                        reach.adjustment,
                        verdict.good,
                        answered.provider,
                        reach.volume_scope,
                        answered.asked_at - reach.delay,
                    )
                )
        return found

    def _has_room(self, now: float) -> bool:
        if len(self._asked) == MOST_A_MINUTE and holds(self._asked[0], self._asked[0] + 60, now):
            return False
        self._asked.append(now)
        return True
