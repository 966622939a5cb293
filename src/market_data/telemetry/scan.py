"""The scan behind the gauges of continuity: once an interval for all replicas, however many are scraped."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import msgspec
from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.loops import shared
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.store.redis import reachable

KEY = "market:slo:{scan}"
LEASE = "market:slo:{scan}:lease"
LEASE_SECONDS = 30.0
"""How long a scan may take; then another replica scans."""
LOOK_SECONDS = 0.1
"""How often it is looked whether the scan of another replica is there."""
WAIT_SECONDS = 2.0
"""How long Redis, and the scan of another replica, are waited for; then this one scans itself."""


class Scan(msgspec.Struct, frozen=True):
    """The lag of ingestion (s), and by tier and interval the share that violates the service level."""

    lag: float
    rates: list[tuple[Tier, Interval, float]]


class SharedScan:
    """The newest scan of any replica; while Redis is out, of this one.

    A scan counts for `seconds()`, the interval at which Prometheus asks each replica (0: no scan is shared).
    The first replica that finds none in Redis scans, under a lease; the others wait for it.
    """

    def __init__(
        self, redis: Redis, look: Callable[[], Awaitable[Scan]], seconds: Callable[[], float]
    ) -> None:
        self._redis = redis
        self._look = look
        self._seconds = seconds
        self._found: Scan | None = None
        self._until = 0.0  # monotonic seconds
        self._scanning: asyncio.Task[Scan] | None = None

    async def newest(self) -> Scan:
        """What was found at most `seconds()` ago; StoreUnavailable if the database cannot be reached.

        A caller who leaves lets the scan go on: the next one has it.
        """
        if self._found is not None and monotonic() < self._until:
            return self._found
        if self._scanning is None or self._scanning.done():
            self._scanning = shared(self._scanned(self._seconds()))
        return await asyncio.shield(self._scanning)

    async def _scanned(self, seconds: float) -> Scan:
        if seconds <= 0:
            return await self._look()
        known, leads = await self._of_others()
        if known is not None:
            return known
        try:
            found = self._keep(await self._look(), seconds)
            await self._share(found, seconds)
        finally:
            if leads:
                await self._release()
        return found

    async def _of_others(self) -> tuple[Scan | None, bool]:
        """The scan that counts; without one, whether the lease is ours: it is not where Redis is out."""
        with suppress(StoreUnavailable, TimeoutError):  # then each replica scans for itself
            async with asyncio.timeout(WAIT_SECONDS):
                with reachable(self._redis):
                    while True:
                        body, left = await self._redis.get(KEY), await self._redis.pttl(KEY)
                        if body is not None and left > 0:
                            return self._keep(msgspec.json.decode(body, type=Scan), left / 1000), False
                        if await self._redis.set(LEASE, b"", nx=True, px=int(LEASE_SECONDS * 1000)):
                            return None, True
                        await asyncio.sleep(LOOK_SECONDS)
        return None, False

    async def _share(self, found: Scan, seconds: float) -> None:
        with suppress(StoreUnavailable, TimeoutError):  # the others scan for themselves
            async with asyncio.timeout(WAIT_SECONDS):
                with reachable(self._redis):
                    await self._redis.set(KEY, msgspec.json.encode(found), px=int(seconds * 1000))

    async def _release(self) -> None:
        with suppress(StoreUnavailable, TimeoutError):  # it runs out
            async with asyncio.timeout(WAIT_SECONDS):
                with reachable(self._redis):
                    await self._redis.delete(LEASE)

    def _keep(self, found: Scan, seconds: float) -> Scan:
        self._found, self._until = found, monotonic() + seconds
        return found
