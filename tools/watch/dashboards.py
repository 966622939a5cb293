"""Every dashboard and every panel in one table."""

from dataclasses import dataclass
from typing import Literal

from market_data.stream import KEPT

PROVIDERS = "market-data-providers"
INGESTION = "market-data-ingestion"
PERFORMANCE = "market-data-performance"
WEBSOCKET = "market-data-websocket"

Colour = Literal["green", "yellow", "red"]


@dataclass(frozen=True, slots=True)
class Query:
    """One query and how its series are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `steps` colour the values from each bound on, `names` give values words instead of a line."""

    title: str
    about: str
    unit: str
    queries: tuple[Query, ...]
    steps: tuple[tuple[float, Colour], ...] = ()
    alerts: tuple[str, ...] = ()  # whose runbooks it links to
    names: tuple[tuple[float, str], ...] = ()
    top: float | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; a variable is a label and the metric that has its values."""

    uid: str
    title: str
    about: str
    variables: tuple[tuple[str, str], ...]
    panels: tuple[Panel, ...]


_OF_PROVIDER = '{provider=~"$provider"}'
_CALLS = f"sum by (provider) (rate(provider_selected_total{_OF_PROVIDER}[$__rate_interval]))"
_WRITTEN = 'sum by (interval) (rate(bars_written_total{interval=~"$interval"}[$__rate_interval]))'
_OURS = '{job="market-data-service"}'


def _quantile(share: float, metric: str, by: str = "", labels: str = "") -> str:
    return f"histogram_quantile({share}, sum by ({by}le) (rate({metric}_bucket{labels}[$__rate_interval])))"


def _budget(slo: str, share: float) -> Panel:
    return Panel(
        "Error budget burn",
        f"1 spends the month's budget of {slo} in a month; 14.4 for an hour or 6 for six hours is an alert.",
        "none",
        tuple(
            Query(f"slo:{slo}_errors:ratio_{window} / {share}", f"over {window}")
            for window in ("5m", "1h", "6h")
        ),
        ((0, "green"), (6, "yellow"), (14.4, "red")),
        (f"SLO{slo.capitalize()}BurnFast", f"SLO{slo.capitalize()}BurnSlow"),
    )


BOARDS = (
    Board(
        PROVIDERS,
        "Market data · Provider health",
        "Who is asked, who answers, and who is left alone.",
        (("provider", "circuit_state"),),
        (
            Panel(
                "Circuit breaker states",
                "The worst replica's view: CLOSED is asked, HALF_OPEN on trial, OPEN left alone.",
                "none",
                (Query(f"min by (provider) (circuit_state{_OF_PROVIDER})", "{{provider}}"),),
                ((0, "red"), (0.5, "yellow"), (1, "green")),
                ("ProviderCircuitBreakerOpen",),
                names=((0, "OPEN"), (0.5, "HALF_OPEN"), (1, "CLOSED")),
            ),
            Panel(
                "Health score history",
                "H = 0.45 breaker + 0.25 latency + 0.20 errors + 0.10 completeness; out below 0.55, back above 0.70.",
                "none",
                (Query(f"min by (provider) (provider_health_score{_OF_PROVIDER})", "{{provider}}"),),
                ((0, "red"), (0.55, "yellow"), (0.7, "green")),
                ("ProviderCircuitBreakerOpen",),
                top=1,
            ),
            Panel(
                "Error rates by provider",
                "Share of calls that ended in a fault, throttling included.",
                "percentunit",
                (
                    Query(
                        f"(sum by (provider) (rate(provider_errors_total{_OF_PROVIDER}[$__rate_interval]))"
                        f" or 0 * {_CALLS}) / ({_CALLS} > 0)",
                        "{{provider}}",
                    ),
                ),
                ((0, "green"), (0.1, "red")),
                ("ProviderErrorSpike",),
                top=1,
            ),
            Panel(
                "Latency p95/p99",
                "How long calls take.",
                "ms",
                tuple(
                    Query(
                        _quantile(share, "provider_latency_ms", "provider, ", _OF_PROVIDER),
                        f"{{{{provider}}}} p{share * 100:.0f}",
                    )
                    for share in (0.95, 0.99)
                ),
            ),
            Panel(
                "Calls by provider",
                "Where the traffic goes: it moves when a provider fails.",
                "reqps",
                (
                    Query(
                        "sum by (provider, capability) "
                        f"(rate(provider_selected_total{_OF_PROVIDER}[$__rate_interval]))",
                        "{{provider}} {{capability}}",
                    ),
                ),
            ),
            Panel(
                "Faults by kind",
                "What providers answered instead of data.",
                "reqps",
                (
                    Query(
                        "sum by (provider, code) "
                        f"(rate(provider_errors_total{_OF_PROVIDER}[$__rate_interval]))",
                        "{{provider}} {{code}}",
                    ),
                ),
                alerts=("ProviderErrorSpike",),
            ),
        ),
    ),
    Board(
        INGESTION,
        "Market data · Ingestion quality",
        "What is missing, what is late, and what is done about it.",
        (("tier", "backfill_queue_depth"), ("interval", "slo_gap_violation_rate")),
        (
            Panel(
                "Gap violation rate",
                "Share of active symbols that are late or have an unexplained hole. Targets: T0 0.5 %, T1 2 %, T2 5 %.",
                "percentunit",
                (
                    Query(
                        'max by (tier, interval) (slo_gap_violation_rate{tier=~"$tier", interval=~"$interval"})',
                        "{{tier}} {{interval}}",
                    ),
                ),
                ((0, "green"), (0.005, "yellow"), (0.05, "red")),
                ("SLOGapViolationHighT0", "SLOGapViolationHighT1", "SLOGapViolationHighT2"),
            ),
            Panel(
                "Ingestion lag",
                "Open-market time since the newest final bar of the symbol that is farthest behind.",
                "s",
                (Query('max by (interval) (ingestion_lag_seconds{interval=~"$interval"})', "{{interval}}"),),
                ((0, "green"), (300, "yellow"), (600, "red")),
                ("IngestionLagHigh",),
            ),
            Panel(
                "Jobs processed rate",
                "Fetch jobs that were served.",
                "ops",
                (
                    Query(
                        "sum by (type, provider) (rate(jobs_processed_total[$__rate_interval]))",
                        "{{type}} {{provider}}",
                    ),
                ),
                alerts=("IngestionLagHigh",),
            ),
            Panel(
                "Backfill queue depth",
                "Backfills that wait or run.",
                "short",
                (Query('max by (tier) (backfill_queue_depth{tier=~"$tier"})', "{{tier}}"),),
                ((0, "green"), (10_000, "red")),
                ("BackfillQueueDepthHigh",),
            ),
            Panel(
                "Oldest backfill",
                "How long the oldest one waits; T0 should be below 15 minutes.",
                "s",
                (Query('max by (tier) (backfill_oldest_age_seconds{tier=~"$tier"})', "{{tier}}"),),
                ((0, "green"), (900, "red")),
                ("BackfillOldestTooOldT0",),
            ),
            Panel(
                "Gaps and backfills",
                "Gaps found, backfills queued, and how their attempts ended.",
                "ops",
                (
                    Query(
                        'sum by (interval) (rate(gaps_found_total{interval=~"$interval"}[$__rate_interval]))',
                        "gaps {{interval}}",
                    ),
                    Query(
                        'sum by (tier) (rate(backfill_jobs_enqueued_total{tier=~"$tier"}[$__rate_interval]))',
                        "queued {{tier}}",
                    ),
                    Query(
                        "sum by (tier, status) "
                        '(rate(backfill_jobs_completed_total{tier=~"$tier"}[$__rate_interval]))',
                        "{{status}} {{tier}}",
                    ),
                ),
                alerts=("BackfillQueueDepthHigh",),
            ),
            Panel(
                "Fetch queue depth",
                "Live fetches that wait or run.",
                "short",
                (Query('max by (tier) (fetch_queue_depth{tier=~"$tier"})', "{{tier}}"),),
                alerts=("IngestionLagHigh",),
            ),
            Panel(
                "Bars rejected",
                "Bars that providers told and that were not believed.",
                "ops",
                (
                    Query(
                        'sum by (interval) (rate(bars_rejected_total{interval=~"$interval"}[$__rate_interval]))'
                        f" or 0 * {_WRITTEN}",
                        "{{interval}}",
                    ),
                ),
            ),
            Panel(
                "Bars doubted",
                "Strange bars that were held against another provider, by what became of them.",
                "ops",
                (
                    Query(
                        'sum by (outcome) (rate(bars_doubted_total{interval=~"$interval"}[$__rate_interval]))'
                        f" or 0 * sum({_WRITTEN})",
                        "{{outcome}}",
                    ),
                ),
            ),
            _budget("continuity", 0.005),
        ),
    ),
    Board(
        PERFORMANCE,
        "Market data · Performance",
        "Whether it is there, and how fast it is.",
        (("interval", "bars_written_total"),),
        (
            Panel(
                "DB write latency",
                "How long writing one answer takes; p95 should be below 50 ms, p99 below 250 ms.",
                "ms",
                tuple(
                    Query(_quantile(share, "write_batch_ms"), f"p{share * 100:.0f}")
                    for share in (0.5, 0.95, 0.99)
                ),
                ((0, "green"), (50, "yellow"), (250, "red")),
                ("DBWriteLatencyHigh",),
            ),
            Panel(
                "Throughput (bars/sec)",
                "Bars that were new or changed.",
                "ops",
                (Query(_WRITTEN, "{{interval}}"),),
            ),
            Panel(
                "Memory usage",
                "Resident memory of each replica.",
                "bytes",
                (Query(f"process_resident_memory_bytes{_OURS}", "{{instance}}"),),
            ),
            Panel(
                "CPU usage",
                "Cores that each replica keeps busy.",
                "none",
                (Query(f"rate(process_cpu_seconds_total{_OURS}[$__rate_interval])", "{{instance}}"),),
            ),
            Panel(
                "Availability",
                "Whether replicas can be read, and what /health says from outside.",
                "none",
                (
                    Query(f"up{_OURS}", "{{instance}}"),
                    Query('probe_success{job=~"blackbox-.*market-data.*"}', "{{job}}"),
                ),
                ((0, "red"), (1, "green")),
                ("MarketDataServiceDown", "HealthEndpointFailing", "WebSocketProbeFailing"),
                names=((0, "DOWN"), (1, "UP")),
            ),
            Panel(
                "Stores",
                "Whether PostgreSQL and Redis answer.",
                "none",
                (Query("min by (store) (store_up)", "{{store}}"),),
                ((0, "red"), (1, "green")),
                ("StoreUnreachable",),
                names=((0, "OUT"), (1, "UP")),
            ),
            Panel(
                "Event loop",
                "How long one turn holds the event loop up, less waiting for a CPU; all clients wait meanwhile.",
                "ms",
                (
                    Query(
                        "histogram_quantile(0.999, sum by (le, instance) (rate(event_loop_stall_ms_bucket[5m])))",
                        "p99.9 {{instance}}",
                    ),
                    Query(
                        "sum by (instance) (increase(event_loop_stalls_total[5m]))", "over 20 ms {{instance}}"
                    ),
                ),
                alerts=("EventLoopStalled",),
            ),
            Panel(
                "Failures of background tasks",
                "Loops that ended with an error and were started again, and steps of a shutdown that failed.",
                "short",
                (
                    Query(
                        "sum by (instance, loop, error) (increase(loop_failures_total[10m])) or vector(0)",
                        "{{loop}} {{error}} {{instance}}",
                    ),
                ),
                alerts=("LoopFailing",),
            ),
            Panel(
                "Clock",
                "How far each machine's clock is ahead of the providers' clocks; beyond 2 s it is wrong.",
                "s",
                (Query("clock_offset_seconds", "{{instance}}"),),
                alerts=("ClockWrong",),
            ),
            _budget("availability", 0.001),
        ),
    ),
    Board(
        WEBSOCKET,
        "Market data · WebSocket",
        "Who listens, and how soon they are told.",
        (),
        (
            Panel(
                "Active clients",
                "Clients connected to each replica.",
                "short",
                (Query("sum by (instance) (ws_clients_gauge)", "{{instance}}"),),
                alerts=("NoWSClientsDuringRTH", "WebSocketProbeFailing"),
            ),
            Panel(
                "Publish latency",
                "From publication until the bar has gone out; p99 should be below 250 ms.",
                "ms",
                tuple(
                    Query(_quantile(share, "ws_publish_latency_ms"), f"p{share * 100:.0f}")
                    for share in (0.5, 0.95, 0.99)
                ),
                ((0, "green"), (100, "yellow"), (250, "red")),
                ("WSPublishLatencyHigh",),
            ),
            Panel(
                "Dropped messages",
                "Messages that slow clients lost: conflated to newer ones, or with their connection.",
                "ops",
                (
                    Query(
                        "sum by (instance) (rate(ws_dropped_messages_total[$__rate_interval]))",
                        "{{instance}}",
                    ),
                ),
                ((0, "green"), (1, "yellow")),
                ("WSPublishLatencyHigh",),
            ),
            Panel(
                "Replay buffer usage",
                f"Bars kept for clients that come back; at most {KEPT:,} a replica.",
                "short",
                (Query("max by (instance) (ws_replay_buffer_bars)", "{{instance}}"),),
                top=KEPT,
            ),
            _budget("latency", 0.01),
        ),
    ),
)
