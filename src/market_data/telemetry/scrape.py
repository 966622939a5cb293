"""Gauges that are computed when somebody asks."""

from collections.abc import Awaitable, Callable, Sequence

from market_data.calendar import hours_of
from market_data.errors import StoreUnavailable
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.push.hub import Hub
from market_data.queue import Queue
from market_data.route.router import Router
from market_data.settings import Settings
from market_data.store import cursor, universe
from market_data.store.connect import Database
from market_data.telemetry.metrics import Metrics


class Scrape:
    """Fills the gauges of `metrics` from the parts of the service."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        database: Database,
        queue: Queue,
        router: Router,
        hub: Hub,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._metrics = metrics
        self._database = database
        self._queue = queue
        self._router = router
        self._hub = hub
        self._settings = settings
        self._clock = clock

    async def text(self) -> bytes:
        """All metrics in the Prometheus text format.

        While a store cannot be reached, the gauges made of it are absent and `store_up` is 0.
        """
        now = self._clock()
        standings = self._router.standings.items()
        self._metrics.set_gauge(
            "provider_health_score", (((name,), one.score.value) for name, one in standings)
        )
        self._metrics.set_gauge(
            "circuit_state", (((name,), one.breaker_at(now).state.part) for name, one in standings)
        )
        self._metrics.set_gauge("ws_clients_gauge", [((), self._hub.clients)])
        self._metrics.set_gauge("ws_replay_buffer_bars", [((), self._settings.ws_replay_max_bars)])
        up = {"redis": await self._filled(self._queue_depth), "postgresql": await self._filled(self._lag)}
        self._metrics.set_gauge("store_up", (((store,), float(ok)) for store, ok in up.items()))
        return self._metrics.text()

    async def _filled(self, fill: Callable[[], Awaitable[None]]) -> bool:
        try:
            await fill()
        except StoreUnavailable:
            return False
        return True

    async def _queue_depth(self) -> None:
        self._metrics.set_gauge("fetch_queue_depth", ())
        depth = await self._queue.depth()
        self._metrics.set_gauge("fetch_queue_depth", (((tier,), count) for tier, count in depth.items()))

    async def _lag(self) -> None:
        self._metrics.set_gauge("ingestion_lag_seconds", ())
        newest = await cursor.newest_bars(self._database, Interval.M1)
        lag = ingestion_lag(await universe.load(self._database), newest, self._settings, self._clock())
        self._metrics.set_gauge("ingestion_lag_seconds", [((Interval.M1.value,), lag)])


def ingestion_lag(
    instruments: Sequence[Instrument], newest: dict[str, int], settings: Settings, now: float
) -> float:
    """Seconds since the end of the newest final 1m bar, of the instrument that is farthest behind.

    Counts only instruments that are collected by the minute and only time in which their market is open.
    """
    worst = 0.0
    for one in instruments:
        if Capability.BARS_1M not in settings.cadence(one.tier):
            continue
        try:
            session = hours_of(one.exchange, one.asset_type).regular.session_at(now)
        except ValueError:  # no calendar: the sweeper says so for each of them
            continue
        if session is not None:
            since = newest.get(one.symbol, session.start - Interval.M1.seconds) + Interval.M1.seconds
            worst = max(worst, now - max(since, session.start))
    return worst
