"""Collection without Redis: each replica does its share of what is due, without a queue."""

import asyncio
from collections.abc import Callable

from market_data.collect.fetch import Fetcher
from market_data.collect.quotes import QuoteSweeper
from market_data.collect.sweep import Sweeper
from market_data.loops import task_group
from market_data.market.noted import holds
from market_data.queue import Job
from market_data.replicas import Replicas
from market_data.settings import InForce

LOOK_SECONDS = 1.0
"""How often it is looked whether Redis is out."""


class Alone:
    """Keeps this replica's share of the universe fresh while Redis is out.

    The shares are those of the replicas that were alive when Redis was last seen. What one that dies
    meanwhile would have collected is a gap, and healed as one.
    """

    def __init__(
        self,
        *,
        replicas: Replicas,
        sweeper: Sweeper,
        quotes: QuoteSweeper,
        fetcher: Fetcher,
        in_force: InForce,
        clock: Callable[[], float],
    ) -> None:
        self._replicas = replicas
        self._sweeper = sweeper
        self._quotes = quotes
        self._fetcher = fetcher
        self._in_force = in_force
        self._clock = clock
        self._asked: dict[str, Job] = {}
        """By key; until it expires a quote is fresh: nothing else keeps its cadence."""

    async def run(self) -> None:
        """Collect whenever Redis is out, until cancelled; StoreUnavailable without the database."""
        while True:
            if self._replicas.out:
                await self.collect()
                await asyncio.sleep(self._in_force.settings.local_sweep_tick_sec)
            else:
                self._asked.clear()
                await asyncio.sleep(LOOK_SECONDS)

    async def collect(self) -> int:
        """Do what is due of our share, as long as Redis is out; returns how many jobs that were."""
        now = self._clock()
        _, due = await self._sweeper.due(now)
        due += await self._quotes.due(now)
        mine = [job for job in due if self._replicas.mine(job.symbol) and not self._fresh(job.key, now)]
        self._asked.update((job.key, job) for job in mine if job.capability.interval is None)
        gate = asyncio.Semaphore(self._in_force.settings.fetch_concurrency)

        async def one(job: Job) -> None:
            async with gate:
                if self._replicas.out:
                    await self._fetcher.do(job)

        async with task_group() as group:
            for job in mine:
                group.create_task(one(job))
        return len(mine)

    def _fresh(self, key: str, now: float) -> bool:
        asked = self._asked.get(key)
        return asked is not None and holds(asked.made_at, asked.expires_at, now)
