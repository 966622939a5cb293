"""The metrics by name and label, how events move them, and the text that Prometheus reads."""

import re
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from market_data.events import (
    BackfillEnded,
    BackfillsQueued,
    BarsDoubted,
    BarsWritten,
    Event,
    GapsFound,
    JobDropped,
    JobFinished,
    LoopFailed,
    LoopStalled,
    MessagesDropped,
    ProviderAsked,
    Published,
    Skipped,
    Swept,
    UniverseEmpty,
)
from market_data.telemetry.metrics import METRICS, Metrics

CONTRACT = Path(__file__).parents[3] / "shared" / "reference" / "contract.md"

Sample = tuple[str, ...]
"""A sample's name, then its label values in the order of the labels' names."""

EXPECTED = {
    "provider_selected_total": (Counter, ("capability", "provider")),
    "provider_errors_total": (Counter, ("provider", "endpoint", "code")),
    "provider_latency_ms": (Histogram, ("provider", "endpoint")),
    "provider_health_score": (Gauge, ("provider",)),
    "circuit_state": (Gauge, ("provider",)),
    "jobs_processed_total": (Counter, ("type", "provider")),
    "bars_written_total": (Counter, ("interval", "source")),
    "ingestion_lag_seconds": (Gauge, ("interval",)),
    "write_batch_ms": (Histogram, ()),
    "gaps_found_total": (Counter, ("interval",)),
    "backfill_jobs_enqueued_total": (Counter, ("tier",)),
    "backfill_jobs_completed_total": (Counter, ("tier", "status")),
    "backfill_queue_depth": (Gauge, ("tier",)),
    "backfill_oldest_age_seconds": (Gauge, ("tier",)),
    "slo_gap_violation_rate": (Gauge, ("tier", "interval")),
    "ws_clients_gauge": (Gauge, ()),
    "ws_publish_latency_ms": (Histogram, ()),
    "ws_dropped_messages_total": (Counter, ()),
    "ws_replay_buffer_bars": (Gauge, ()),
    # beyond the contract
    "bars_rejected_total": (Counter, ("interval", "source", "reason")),
    "bars_doubted_total": (Counter, ("interval", "source", "doubt", "outcome")),
    "quarantined_bars": (Gauge, ("reason",)),
    "table_bytes": (Gauge, ("table",)),
    "table_rows": (Gauge, ("table",)),
    "fetch_queue_depth": (Gauge, ("tier",)),
    "store_up": (Gauge, ("store",)),
    "market_open": (Gauge, ("exchange",)),
    "clock_offset_seconds": (Gauge, ()),
    "loop_failures_total": (Counter, ("loop", "error")),
    "event_loop_stall_ms": (Histogram, ()),
    "event_loop_stalls_total": (Counter, ()),
}


def samples(metrics: Metrics) -> dict[Sample, float]:
    """All samples of ours but the buckets."""
    found: dict[Sample, float] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for one in family.samples:
            if not one.name.startswith(("process_", "python_")) and not one.name.endswith("_bucket"):
                found[one.name, *(value for _, value in sorted(one.labels.items()))] = one.value
    return found


def test_the_metrics_are_these_with_these_labels() -> None:
    assert {one.name: (one.make, one.labels) for one in METRICS} == EXPECTED
    assert len(METRICS) == len(EXPECTED)


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract page is not part of this repository")
def test_labels_and_kinds_are_those_of_the_contract() -> None:
    section = CONTRACT.read_text(encoding="utf-8").partition("## 3.")[2].partition("## 4.")[0]
    listed = re.findall(r"`(\w+)(?:\{([\w,]+)\})?`( \(histogram\))?", section.partition("Both batch")[0])
    contract = {name: (bool(histogram), set(labels.split(",")) - {""}) for name, labels, histogram in listed}
    ours = {one.name: (one.make is Histogram, set(one.labels)) for one in METRICS if one.name in contract}
    assert len(ours) == len(contract) == 19
    assert ours == {name: contract[name] for name in ours}


def test_every_metric_says_what_it_is() -> None:
    assert [one.name for one in METRICS if not one.help.endswith(".")] == []


def asked(code: str) -> ProviderAsked:
    return ProviderAsked("yahoo", "chart", "bars_1m", code, 12.5)


ASKED: dict[Sample, float] = {
    ("provider_selected_total", "bars_1m", "yahoo"): 1,
    ("provider_latency_ms_count", "chart", "yahoo"): 1,
    ("provider_latency_ms_sum", "chart", "yahoo"): 12.5,
}


@pytest.mark.parametrize(
    ("event", "moved"),
    [
        (asked("ok"), ASKED),
        (asked("throttled"), {**ASKED, ("provider_errors_total", "throttled", "chart", "yahoo"): 1}),
        (GapsFound("1m", 3), {("gaps_found_total", "1m"): 3}),
        (BackfillsQueued("T1", 2), {("backfill_jobs_enqueued_total", "T1"): 2}),
        (
            BackfillEnded(7, "T0", "AAPL", "dead", 5, 0, 12.0, "nobody has it"),
            {("backfill_jobs_completed_total", "dead", "T0"): 1},
        ),
        (
            BarsWritten("AAPL", "1m", "yahoo", 9, 5, 3, 40.0, (("high_low", 2), ("jump", 1))),
            {
                ("write_batch_ms_count",): 1,
                ("write_batch_ms_sum",): 40.0,
                ("bars_written_total", "1m", "yahoo"): 5,
                ("bars_rejected_total", "1m", "high_low", "yahoo"): 2,
                ("bars_rejected_total", "1m", "jump", "yahoo"): 1,
            },
        ),
        (
            BarsDoubted("AAPL", "1m", "yahoo", "jump", "denied", 2),
            {("bars_doubted_total", "jump", "1m", "denied", "yahoo"): 2},
        ),
        (
            BarsWritten("AAPL", "1d", "yahoo", told=1, changed=0, rejected=0, milliseconds=40.0),
            {
                ("write_batch_ms_count",): 1,
                ("write_batch_ms_sum",): 40.0,
                ("bars_written_total", "1d", "yahoo"): 0,  # there from the first answer on
            },
        ),
        (JobFinished("eod", "AAPL", "yahoo", "done", 9.0), {("jobs_processed_total", "yahoo", "eod"): 1}),
        *(
            (JobFinished("eod", "AAPL", "none", outcome, 9.0), {})
            for outcome in ("waiting", "expired", "failed")
        ),
        (
            Published(3, (0.75,)),
            {("ws_publish_latency_ms_count",): 1, ("ws_publish_latency_ms_sum",): 0.75},
        ),
        (Published(0, (0.75,)), {}),
        (MessagesDropped(7), {("ws_dropped_messages_total",): 7}),
        (JobDropped("market:fetch:{T0} 1-0", "truncated"), {}),
        (Swept(10, 5, 3.0), {}),
        (UniverseEmpty("add AAPL"), {}),
        (Skipped("ODD", "no calendar"), {}),
        (LoopStalled(3, 41.5, 39.0, "market_data.serve.bars.intraday:10"), {("event_loop_stalls_total",): 3}),
        (
            LoopFailed("push", "Redis cannot be reached", "StoreUnavailable"),
            {("loop_failures_total", "StoreUnavailable", "push"): 1},
        ),
    ],
    ids=repr,
)
def test_an_event_moves_exactly_its_metrics_each_time(event: Event, moved: dict[Sample, float]) -> None:
    metrics = Metrics()
    for times in (1, 2):
        before = samples(metrics)
        metrics.tell(event)
        after = samples(metrics)
        assert set(before) <= set(after)
        changes = {
            key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key)
        }
        expected = {key: value for key, value in moved.items() if value or times == 1}
        assert changes == expected


def test_the_text_is_what_prometheus_reads_with_name_kind_and_help() -> None:
    metrics = Metrics()
    kinds = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
    found = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    for one in METRICS:
        family = found[one.name.removesuffix("_total") if one.make is Counter else one.name]
        assert (family.type, family.documentation) == (kinds[one.make], one.help)  # type: ignore[index]


def test_there_are_no_series_of_creation_times() -> None:
    metrics = Metrics()
    metrics.tell(asked("throttled"))
    metrics.tell(MessagesDropped(1))
    assert b"_created" not in metrics.text()


def test_the_process_tells_its_cpu_and_memory() -> None:
    text = Metrics().text().decode()
    found = {one.name: one.value for family in text_string_to_metric_families(text) for one in family.samples}
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_resident_memory_bytes"] > 0


@pytest.mark.parametrize("name", [one.name for one in METRICS if one.make is Histogram])
def test_p95_of_50_ms_and_p99_of_250_ms_can_be_read_off(name: str) -> None:
    metrics = Metrics()
    labels = ["x"] * len(EXPECTED[name][1])
    for milliseconds in (50.0, 50.1, 250.0, 250.1):
        metrics.histogram(name, *labels).observe(milliseconds)
    text = metrics.text().decode()
    families = text_string_to_metric_families(text)
    buckets = {
        float(one.labels["le"]): one.value
        for family in families
        for one in family.samples
        if one.name == f"{name}_bucket"
    }
    assert (buckets[50.0], buckets[250.0], buckets[float("inf")]) == (1, 3, 4)


def test_values_of_a_gauge_that_are_not_named_any_more_disappear() -> None:
    metrics = Metrics()
    metrics.set_gauge("circuit_state", [(("yahoo",), 1.0), (("finnhub",), 0.5)])
    metrics.set_gauge("circuit_state", [(("yahoo",), 0.0)])
    metrics.set_gauge("ws_clients_gauge", [((), 3)])
    found = samples(metrics)
    assert [key for key in found if key[0] == "circuit_state"] == [("circuit_state", "yahoo")]
    assert found["circuit_state", "yahoo"] == 0.0
    assert found["ws_clients_gauge",] == 3
    metrics.set_gauge("circuit_state", ())
    assert b"\ncircuit_state{" not in metrics.text()


def test_the_metrics_of_two_services_in_one_process_are_apart() -> None:
    one, other = Metrics(), Metrics()
    one.tell(MessagesDropped(1))
    assert samples(other)["ws_dropped_messages_total",] == 0


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "é"])
def test_a_label_may_have_any_text(value: str) -> None:
    metrics = Metrics()
    metrics.tell(JobFinished(value, "AAPL", "yahoo", "done", 1.0))
    assert samples(metrics)["jobs_processed_total", "yahoo", value] == 1
