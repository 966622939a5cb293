"""Every alert and every recorded ratio in one table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from watch.dashboards import INGESTION, PERFORMANCE, PROVIDERS, WEBSOCKET

SERVICE = 'job="market-data-service"'
HEALTH_PROBE = 'job="blackbox-http-market-data-health"'
WEBSOCKET_PROBE = 'job="blackbox-ws-market-data"'

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: it fires once `expr` has held for `lasting`. Its runbook has its name."""

    name: str
    expr: str
    lasting: str
    severity: Severity
    summary: str
    description: str
    dashboard: str  # the uid of the dashboard to open first
    slo: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A ratio that is computed once for all who ask."""

    record: str
    expr: str


# Replicas read the same ledger and the same bars: of the gauges made of them the worst answer counts.
_VIOLATION = 'max by (tier, interval) (slo_gap_violation_rate{{tier="{tier}"}}) >= {limit}'
_P99_PUBLISH = "histogram_quantile(0.99, sum by (le) (rate(ws_publish_latency_ms_bucket[5m])))"
_P95_WRITE = "histogram_quantile(0.95, sum by (le) (rate(write_batch_ms_bucket[5m])))"
# a provider that throttles, or lacks a symbol, does nothing wrong
_FAULTS = 'sum by (provider) (rate(provider_errors_total{code!~"throttled|unsupported"}[5m]))'
_CALLS = "sum by (provider) (rate(provider_selected_total[5m]))"

WINDOWS = ("5m", "30m", "1h", "6h")
RATIOS = {
    "availability": f"1 - avg(avg_over_time(probe_success{{{HEALTH_PROBE}}}[WINDOW]))",
    "latency": '1 - sum(rate(ws_publish_latency_ms_bucket{le="250.0"}[WINDOW]))'
    " / sum(rate(ws_publish_latency_ms_count[WINDOW]))",
    "continuity": 'max(avg_over_time(slo_gap_violation_rate{tier="T0",interval="1m"}[WINDOW]))',
}
"""For each service level the share of what was promised that was not kept."""
BUDGETS = {"availability": 0.001, "latency": 0.01, "continuity": 0.005}
"""For each service level the share that may be missed: 99.9 %, p99 < 250 ms, a gap of T0 in 0.5 %."""
BURNED_BY = {"availability": PERFORMANCE, "latency": WEBSOCKET, "continuity": INGESTION}


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast a month's budget may burn. The short window lets an alert end soon after its cause."""

    name: str
    factor: float
    long: str
    short: str
    lasting: str
    gone: str


BURNS = (
    Burn("Fast", 14.4, "1h", "5m", "2m", "2 % of the month's budget in an hour"),
    Burn("Slow", 6.0, "6h", "30m", "15m", "5 % of the month's budget in six hours"),
)


def recorded() -> Iterator[Recorded]:
    """The ratio of each service level over each window."""
    for slo, expr in RATIOS.items():
        for window in WINDOWS:
            yield Recorded(f"slo:{slo}_errors:ratio_{window}", expr.replace("WINDOW", window))


def _burning() -> Iterator[Alert]:
    for slo, budget in BUDGETS.items():
        for burn in BURNS:
            limit = f"{burn.factor * budget:g}"
            yield Alert(
                f"SLO{slo.capitalize()}Burn{burn.name}",
                f"slo:{slo}_errors:ratio_{burn.long} > {limit} and slo:{slo}_errors:ratio_{burn.short} > {limit}",
                burn.lasting,
                "critical" if (slo, burn.name) == ("availability", "Fast") else "warning",
                f"The budget of {slo} burns {burn.factor:g} times as fast as it may",
                f"{{{{ $value | humanizePercentage }}}} missed the service level over {burn.long}: {burn.gone}.",
                BURNED_BY[slo],
                slo,
            )


ALERTS = (
    Alert(
        "MarketDataServiceDown",
        f"up{{{SERVICE}}} == 0 or absent(up{{{SERVICE}}})",
        "2m",
        "critical",
        "A replica of the market data service cannot be reached",
        "Prometheus cannot read /metrics of {{ if $labels.instance }}{{ $labels.instance }}"
        "{{ else }}any replica{{ end }}.",
        PERFORMANCE,
        "availability",
    ),
    Alert(
        "HealthEndpointFailing",
        f"probe_success{{{HEALTH_PROBE}}} == 0 or absent(probe_success{{{HEALTH_PROBE}}})",
        "2m",
        "critical",
        "/health fails, or nobody looks at it",
        "The service says that it cannot do its job, or does not answer, or the probe itself is gone.",
        PERFORMANCE,
        "availability",
    ),
    Alert(
        "WebSocketProbeFailing",
        f"probe_success{{{WEBSOCKET_PROBE}}} == 0",
        "5m",
        "warning",
        "No WebSocket can be opened",
        "The probe of ws://…/ws is refused or gets no answer, while HTTP may well work.",
        WEBSOCKET,
    ),
    Alert(
        "StoreUnreachable",
        "min by (store) (store_up) == 0",
        "2m",
        "warning",
        "{{ $labels.store }} cannot be reached",
        "At least one replica has had no answer from {{ $labels.store }}.",
        PERFORMANCE,
    ),
    Alert(
        "LoopFailing",
        'sum by (instance, loop, error) (increase(loop_failures_total{error!="StoreUnavailable"}[10m])) > 3',
        "5m",
        "warning",
        "{{ $labels.loop }} fails again and again",
        "{{ $labels.loop }} of {{ $labels.instance }} ended with {{ $labels.error }} more than three times in ten "
        "minutes, and was started again.",
        PERFORMANCE,
    ),
    Alert(
        "EventLoopStalled",
        "sum by (instance) (increase(event_loop_stalls_total[5m])) > 10",
        "5m",
        "warning",
        "The event loop is held up",
        "{{ $labels.instance }} was held up for over 20 ms {{ $value | humanize }} times in five minutes: all clients "
        "waited.",
        PERFORMANCE,
    ),
    Alert(
        "ClockWrong",
        "max by (instance) (abs(clock_offset_seconds)) > 2",
        "5m",
        "warning",
        "The clock of a machine is wrong",
        "The clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} off those of the providers.",
        PERFORMANCE,
    ),
    Alert(
        "SLOGapViolationHighT0",
        _VIOLATION.format(tier="T0", limit="0.005"),
        "5m",
        "warning",
        "T0 has gaps",
        "{{ $value | humanizePercentage }} of T0's symbols are late or have a hole ({{ $labels.interval }}).",
        INGESTION,
        "continuity",
    ),
    Alert(
        "SLOGapViolationHighT1",
        _VIOLATION.format(tier="T1", limit="0.02"),
        "5m",
        "warning",
        "T1 has gaps",
        "{{ $value | humanizePercentage }} of T1's symbols are late or have a hole ({{ $labels.interval }}).",
        INGESTION,
        "continuity",
    ),
    Alert(
        "SLOGapViolationHighT2",
        _VIOLATION.format(tier="T2", limit="0.05"),
        "5m",
        "warning",
        "T2 has gaps",
        "{{ $value | humanizePercentage }} of T2's symbols are late or have a hole ({{ $labels.interval }}).",
        INGESTION,
        "continuity",
    ),
    Alert(
        "IngestionLagHigh",
        "max by (interval) (ingestion_lag_seconds) > 600",
        "5m",
        "warning",
        "Bars arrive late",
        "The symbol farthest behind has had no final bar for {{ $value | humanizeDuration }} of open market: "
        "twice the cadence of T1.",
        INGESTION,
        "continuity",
    ),
    Alert(
        "BackfillOldestTooOldT0",
        'max by (tier) (backfill_oldest_age_seconds{tier="T0"}) > 900',
        "1m",
        "warning",
        "Backfills of T0 do not drain",
        "The oldest one waits for {{ $value | humanizeDuration }}.",
        INGESTION,
        "backfill",
    ),
    Alert(
        "BackfillQueueDepthHigh",
        "max by (tier) (backfill_queue_depth) > 10000",
        "10m",
        "warning",
        "Many backfills of {{ $labels.tier }} wait",
        "{{ $value }} wait or run: half of what T0 and T1 may queue, a quarter of T2's.",
        INGESTION,
        "backfill",
    ),
    Alert(
        "ProviderErrorSpike",
        f"{_FAULTS} / {_CALLS} > 0.1 and {_CALLS} * 300 >= 10",
        "5m",
        "warning",
        "{{ $labels.provider }} fails",
        "{{ $value | humanizePercentage }} of the calls to {{ $labels.provider }} failed in five minutes.",
        PROVIDERS,
    ),
    Alert(
        # one that nobody asks stays half open: only one that was open lately, and is not closed again, is out
        "ProviderCircuitBreakerOpen",
        "min by (provider) (min_over_time(circuit_state[5m])) == 0 and min by (provider) (circuit_state) < 1",
        "1m",
        "warning",
        "{{ $labels.provider }} is out",
        "The circuit of {{ $labels.provider }} is open: it failed, or it refused the key. Others are asked instead.",
        PROVIDERS,
    ),
    Alert(
        "DBWriteLatencyHigh",
        f"{_P95_WRITE} > 50",
        "10m",
        "warning",
        "Writing bars is slow",
        "p95 of a write is {{ $value | humanize }} ms; 50 ms are allowed.",
        PERFORMANCE,
    ),
    Alert(
        "WSPublishLatencyHigh",
        f"{_P99_PUBLISH} >= 250",
        "1m",
        "warning",
        "The stream is slow",
        "p99 from publication to the socket is {{ $value | humanize }} ms over five minutes; it should be below 250.",
        WEBSOCKET,
        "latency",
    ),
    Alert(
        "NoWSClientsDuringRTH",
        'sum(ws_clients_gauge) == 0 and on () max(market_open{exchange="XNYS"}) == 1',
        "10m",
        "warning",
        "Nobody listens while the market is open",
        "No WebSocket client is connected to any replica during regular trading hours.",
        WEBSOCKET,
    ),
    *_burning(),
)
