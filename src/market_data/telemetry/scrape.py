"""Gauges that are computed when somebody asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import ceil

from redis.asyncio import Redis

from market_data.calendar import hours_of, with_hours
from market_data.errors import StoreUnavailable
from market_data.loops import beside, task_group
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import SessionGrid
from market_data.market.span import Span
from market_data.push.hub import Hub
from market_data.queue import Queue
from market_data.route.router import Router
from market_data.settings import InForce, Settings
from market_data.store import cursor, ledger, quarantine, universe
from market_data.store.connect import Database
from market_data.telemetry.metrics import Metrics
from market_data.telemetry.scan import Scan, SharedScan
from market_data.telemetry.sizes import Sizes
from market_data.telemetry.slo import violation_rates

US_EQUITIES = "XNYS"
"""The exchange whose hours are told: alerts know nothing of holidays and half days."""
ANSWER_SECONDS = 5.0
"""A store that does not answer within this time is out: a scrape has 10 s, and other metrics to bring.

To count the minutes of a session of thousands of symbols takes a second where PostgreSQL is busy."""


class Scrape:
    """Fills the gauges of `metrics` from the parts of the service."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        database: Database,
        redis: Redis,
        queue: Queue,
        router: Router,
        hub: Hub,
        in_force: InForce,
        clock: Callable[[], float],
    ) -> None:
        self._metrics = metrics
        self._database = database
        self._sizes = Sizes(database)
        self._queue = queue
        self._router = router
        self._hub = hub
        self._in_force = in_force
        self._clock = clock
        self._scan = SharedScan(redis, self._look, lambda: in_force.settings.slo_scan_sec)

    async def text(self) -> bytes:
        """All metrics in the Prometheus text format.

        While a store cannot be reached, the gauges made of it are absent and `store_up` is 0.
        """
        metrics, now = self._metrics, self._clock()
        roster = self._router.roster
        standings = roster.standings.items()
        metrics.set_gauge("circuit_state", [((name,), one.state(now).part) for name, one in standings])
        metrics.set_gauge(
            "provider_health_score",
            [((name,), one.score(now).value) for name, one in standings if not roster.disabled(name)],
        )
        session = hours_of(US_EQUITIES, AssetType.EQUITY).regular.session_at(now)
        metrics.set_gauge("market_open", [((US_EQUITIES,), float(session is not None))])
        metrics.set_gauge("clock_offset_seconds", [((), self._router.caller.vendor_time.offset().seconds)])
        metrics.set_gauge("ws_clients_gauge", [((), len(self._hub.clients))])
        metrics.set_gauge("ws_replay_buffer_bars", [((), self._hub.kept)])
        async with task_group() as group:
            looks = [group.create_task(_within_time(look)) for look in (self._of_redis, self._of_database)]
        redis, postgresql = (look.result() for look in looks)
        for name in (*OF_REDIS, *OF_DATABASE):
            metrics.set_gauge(name, {**(redis or {}), **(postgresql or {})}.get(name, ()))
        up = (("redis", redis), ("postgresql", postgresql))
        metrics.set_gauge("store_up", [((store,), float(values is not None)) for store, values in up])
        return metrics.text()

    async def _look(self) -> Scan:
        now, settings = self._clock(), self._in_force.settings
        instruments = await universe.load(self._database)
        newest = await cursor.newest_bars(self._database, Interval.M1)
        rates = await violation_rates(self._database, self._router.roster, instruments, settings, now)
        lag = await beside(lambda: ingestion_lag(instruments, newest, settings, now))
        return Scan(lag, [(tier, interval, rate) for (tier, interval), rate in rates.items()])

    async def _of_redis(self) -> "_Gauges":
        depth = await self._queue.depth()
        return {"fetch_queue_depth": [((tier.value,), count) for tier, count in depth.items()]}

    async def _of_database(self) -> "_Gauges":
        async with task_group() as group:
            scan = group.create_task(self._scan.newest())
            depths = group.create_task(ledger.depths(self._database))
            doubted = group.create_task(quarantine.counts(self._database))
            sizes = group.create_task(self._sizes.now())
        return {
            "ingestion_lag_seconds": [((Interval.M1.value,), scan.result().lag)],
            "backfill_queue_depth": [
                ((tier.value,), one.queued + one.running) for tier, one in depths.result().items()
            ],
            "backfill_oldest_age_seconds": [
                ((tier.value,), one.oldest_age) for tier, one in depths.result().items()
            ],
            "quarantined_bars": [((reason,), count) for reason, count in doubted.result().items()],
            "table_bytes": [((size.table,), size.bytes) for size in sizes.result()],
            "table_rows": [((size.table,), size.rows) for size in sizes.result()],
            "slo_gap_violation_rate": [
                ((tier.value, interval.value), rate) for tier, interval, rate in scan.result().rates
            ],
        }


OF_REDIS = ("fetch_queue_depth",)
"""Gauges made of Redis; absent while it cannot be reached."""
OF_DATABASE = (
    "ingestion_lag_seconds",
    "backfill_queue_depth",
    "backfill_oldest_age_seconds",
    "quarantined_bars",
    "table_bytes",
    "table_rows",
    "slo_gap_violation_rate",
)
"""Gauges made of the database; absent while it cannot be reached."""

_Gauges = dict[str, list[tuple[tuple[str, ...], float]]]


async def _within_time(look: Callable[[], Awaitable[_Gauges]]) -> _Gauges | None:
    """The values that a store gives; None if it cannot be reached within ANSWER_SECONDS."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await look()
    except (StoreUnavailable, TimeoutError):
        return None


def ingestion_lag(
    instruments: Sequence[Instrument], newest: Mapping[str, int], settings: Settings, now: float
) -> float:
    """Seconds since the end of the newest final 1m bar, of the instrument that is farthest behind.

    Counts only instruments that are collected by the minute and whose market is open, and of the time only
    that in which it was. One without any bar is behind since the session's open.
    """
    worst, tiers = 0.0, {tier for tier in Tier if Capability.BARS_1M in settings.cadence(tier)}
    placed, _ = with_hours(
        one for one in instruments if one.tier in tiers
    )  # of the others the sweeper says so
    for instrument, hours in placed:
        session = hours.regular.session_at(now)
        if session is not None:
            label = newest.get(instrument.symbol)
            since = session.start if label is None else label + Interval.M1.seconds
            worst = max(worst, _open_seconds(hours.regular, since, now))
    return worst


def _open_seconds(grid: SessionGrid, since: int, now: float) -> float:
    """How long the market was open between two moments."""
    if since >= now:
        return 0.0
    sessions = grid.sessions(Span(since, ceil(now)))
    return sum(min(one.end, now) - max(one.start, since) for one in sessions)
