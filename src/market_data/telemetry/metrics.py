"""Every metric in one table, and how events move them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from market_data.events import (
    BackfillEnded,
    BackfillsQueued,
    BarsDoubted,
    BarsWritten,
    Event,
    GapsFound,
    JobFinished,
    LoopFailed,
    LoopStalled,
    MessagesDropped,
    ProviderAsked,
    Published,
)

# else each counter brings a series of creation times that nobody asks for
disable_created_metrics()  # type: ignore[no-untyped-call]

BUCKETS_MS = (1, 2.5, 5, 10, 25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 2500, 5000, 10_000)
"""Upper bounds in ms; 50 and 250 are bounds, so that p95 < 50 ms and p99 < 250 ms can be read off."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its kind, name, labels and what it says."""

    make: Callable[..., Counter | Gauge | Histogram]
    name: str
    labels: tuple[str, ...]
    help: str


METRICS = (
    Metric(Counter, "provider_selected_total", ("capability", "provider"), "Calls made to a provider."),
    Metric(
        Counter, "provider_errors_total", ("provider", "endpoint", "code"), "Calls that ended in a fault."
    ),
    Metric(Histogram, "provider_latency_ms", ("provider", "endpoint"), "How long a call took, in ms."),
    Metric(
        Gauge,
        "provider_health_score",
        ("provider",),
        "Health of a provider, 0 to 1; absent while it is DISABLED.",
    ),
    Metric(Gauge, "circuit_state", ("provider",), "0 open, 0.5 half open, 1 closed."),
    Metric(Counter, "jobs_processed_total", ("type", "provider"), "Fetch jobs that were served."),
    Metric(Gauge, "fetch_queue_depth", ("tier",), "Fetch jobs that wait or run."),
    Metric(Counter, "bars_written_total", ("interval", "source"), "Bars that were new or changed."),
    Metric(
        Counter,
        "bars_rejected_total",
        ("interval", "source", "reason"),
        "Bars that were impossible, or that an operator rejected.",
    ),
    Metric(
        Counter,
        "bars_doubted_total",
        ("interval", "source", "doubt", "outcome"),
        "Bars that were doubted, and what became of them.",
    ),
    Metric(Gauge, "quarantined_bars", ("reason",), "Doubted bars that nothing has settled yet."),
    Metric(
        Gauge,
        "ingestion_lag_seconds",
        ("interval",),
        "Seconds since the end of the newest final bar, of the symbol farthest behind whose market is open.",
    ),
    Metric(Counter, "gaps_found_total", ("interval",), "Gaps that no backfill covered yet."),
    Metric(Counter, "backfill_jobs_enqueued_total", ("tier",), "Backfills added to the ledger."),
    Metric(
        Counter,
        "backfill_jobs_completed_total",
        ("tier", "status"),
        "Attempts of backfills that ended: done, queued (tried again) or dead.",
    ),
    Metric(Gauge, "backfill_queue_depth", ("tier",), "Backfills that wait or run."),
    Metric(Gauge, "backfill_oldest_age_seconds", ("tier",), "Age of the oldest backfill that waits or runs."),
    Metric(
        Gauge,
        "slo_gap_violation_rate",
        ("tier", "interval"),
        "Share of active symbols whose newest bar is late, or whose running session has an unexplained hole.",
    ),
    Metric(
        Gauge,
        "table_bytes",
        ("table",),
        "Bytes of a table or aggregate with its indexes; measured once a minute at most.",
    ),
    Metric(Gauge, "table_rows", ("table",), "Rows of a table or aggregate, as PostgreSQL estimates them."),
    Metric(Gauge, "store_up", ("store",), "1 while the store can be reached."),
    Metric(
        Gauge,
        "clock_offset_seconds",
        (),
        "Seconds that our clock is ahead of the providers' (less than 0: behind); 0 while none sends it.",
    ),
    Metric(
        Counter,
        "loop_failures_total",
        ("loop", "error"),
        "Errors that ended a background task or a step of the shutdown, by the kind of error.",
    ),
    Metric(
        Histogram,
        "event_loop_stall_ms",
        (),
        "How long the event loop was held up, looked at every 5 ms, less waiting for a CPU, in ms.",
    ),
    Metric(Counter, "event_loop_stalls_total", (), "Times that the event loop was held up for over 20 ms."),
    Metric(Gauge, "market_open", ("exchange",), "1 while the exchange's regular session is open."),
    Metric(Histogram, "write_batch_ms", (), "How long writing one answer took, in ms."),
    Metric(Gauge, "ws_clients_gauge", (), "WebSocket clients at present."),
    Metric(
        Histogram,
        "ws_publish_latency_ms",
        (),
        "From publication until the bar has gone out, in ms.",
    ),
    Metric(Counter, "ws_dropped_messages_total", (), "Messages that slow clients lost."),
    Metric(Gauge, "ws_replay_buffer_bars", (), "Bars kept for clients that come back."),
)


@dataclass(slots=True)
class Metrics:
    """The metrics of one process, on a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _by_name: dict[str, Counter | Gauge | Histogram] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in METRICS:
            extra = {"buckets": BUCKETS_MS} if one.make is Histogram else {}
            self._by_name[one.name] = one.make(
                one.name, one.help, one.labels, registry=self.registry, **extra
            )
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def counter(self, name: str, *labels: str) -> Counter:
        """The counter of METRICS with these label values."""
        metric = self._by_name[name]
        assert isinstance(metric, Counter)  # noqa: S101 - METRICS is ours
        return metric.labels(*labels) if labels else metric

    def histogram(self, name: str, *labels: str) -> Histogram:
        """The histogram of METRICS with these label values."""
        metric = self._by_name[name]
        assert isinstance(metric, Histogram)  # noqa: S101 - METRICS is ours
        return metric.labels(*labels) if labels else metric

    def set_gauge(self, name: str, values: Iterable[tuple[tuple[str, ...], float]]) -> None:
        """Replace all values of a gauge, by label values; what is not named any more disappears."""
        metric = self._by_name[name]
        assert isinstance(metric, Gauge)  # noqa: S101 - METRICS is ours
        if METRIC_LABELS[name]:
            metric.clear()
        for labels, value in values:
            (metric.labels(*labels) if labels else metric).set(value)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)

    def tell(self, event: Event) -> None:
        """Count an event; most events move no metric."""
        count = _COUNTED.get(type(event))
        if count is not None:
            count(self, event)

    def _provider_asked(self, event: ProviderAsked) -> None:
        self.counter("provider_selected_total", event.capability, event.provider).inc()
        if event.code != "ok":
            self.counter("provider_errors_total", event.provider, event.endpoint, event.code).inc()
        self.histogram("provider_latency_ms", event.provider, event.endpoint).observe(event.milliseconds)

    def _bars_written(self, event: BarsWritten) -> None:
        self.histogram("write_batch_ms").observe(event.milliseconds)
        self.counter("bars_written_total", event.interval, event.source).inc(event.changed)
        for reason, count in event.reasons:
            self.counter("bars_rejected_total", event.interval, event.source, reason).inc(count)

    def _bars_doubted(self, event: BarsDoubted) -> None:
        told = (event.interval, event.source, event.doubt, event.outcome)
        self.counter("bars_doubted_total", *told).inc(event.bars)

    def _job_finished(self, event: JobFinished) -> None:
        if event.outcome == "done":
            self.counter("jobs_processed_total", event.type, event.provider).inc()

    def _published(self, event: Published) -> None:
        if event.clients:
            latency = self.histogram("ws_publish_latency_ms")
            for age in event.ages:
                latency.observe(age)

    def _gaps_found(self, event: GapsFound) -> None:
        self.counter("gaps_found_total", event.interval).inc(event.count)

    def _backfills_queued(self, event: BackfillsQueued) -> None:
        self.counter("backfill_jobs_enqueued_total", event.tier).inc(event.count)

    def _backfill_ended(self, event: BackfillEnded) -> None:
        self.counter("backfill_jobs_completed_total", event.tier, event.status).inc()

    def _loop_failed(self, event: LoopFailed) -> None:
        self.counter("loop_failures_total", event.loop, event.kind).inc()

    def _loop_stalled(self, event: LoopStalled) -> None:
        self.counter("event_loop_stalls_total").inc(event.stalls)

    def _messages_dropped(self, event: MessagesDropped) -> None:
        self.counter("ws_dropped_messages_total").inc(event.count)


_COUNTED: dict[type[Event], Callable[[Metrics, Any], None]] = {
    ProviderAsked: Metrics._provider_asked,
    BarsWritten: Metrics._bars_written,
    BarsDoubted: Metrics._bars_doubted,
    JobFinished: Metrics._job_finished,
    Published: Metrics._published,
    GapsFound: Metrics._gaps_found,
    BackfillsQueued: Metrics._backfills_queued,
    BackfillEnded: Metrics._backfill_ended,
    LoopFailed: Metrics._loop_failed,
    LoopStalled: Metrics._loop_stalled,
    MessagesDropped: Metrics._messages_dropped,
}
"""By the kind of event, what counts it; a table, since it is looked into several times a bar."""
METRIC_LABELS = {one.name: one.labels for one in METRICS}
