"""Each alert fires on its condition, not before its time, and stays quiet otherwise: promtool says so."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from watch.alerts import ALERTS, Alert

from .programs import DEPLOY, said

STEP = 30
"""Seconds between two samples and two evaluations."""
Series = Mapping[str, str]
"""By series its values, in promtool's notation: `0+10x5` is 0, 10, … 50."""

UP = 'up{job="market-data-service",instance="a:8001"}'
HEALTH = 'probe_success{job="blackbox-http-market-data-health"}'
WEBSOCKET = 'probe_success{job="blackbox-ws-market-data"}'
CALLS = 'provider_selected_total{provider="yahoo",capability="bars_1m"}'
FAULTS = 'provider_errors_total{provider="yahoo",endpoint="chart",code="%s"}'
FAILURES = 'loop_failures_total{loop="backfill",error="%s",instance="a"}'
DAY = "x2000"


@dataclass(frozen=True)
class Case:
    """What makes an alert fire, its condition holding from `since` (seconds) on, and what does not."""

    fires: Series
    quiet: tuple[Series, ...]
    since: int = 0


def histogram(name: str, bounds: Mapping[str, int]) -> Series:
    """A histogram that grows by so many observations a step, by upper bound."""
    return {f'{name}_bucket{{le="{bound}"}}': f"0+{count}{DAY}" for bound, count in bounds.items()} | {
        f"{name}_count": f"0+{bounds['+Inf']}{DAY}"
    }


def violation(tier: str, rate: float) -> Series:
    return {f'slo_gap_violation_rate{{tier="{tier}",interval="1m",instance="a"}}': f"{rate}+0{DAY}"}


def published(in_time: int, count: int = 100) -> Series:
    return histogram(
        "ws_publish_latency_ms", {"200.0": in_time, "250.0": in_time, "300.0": count, "+Inf": count}
    )


def probed(dips: str) -> Series:
    """An hour of health, then what comes."""
    return {HEALTH: f"1+0x119 {dips}"}


def circuit(values: str) -> Series:
    return {
        'circuit_state{provider="finnhub",instance="a"}': values,
        'circuit_state{provider="finnhub",instance="b"}': f"1+0{DAY}",
    }


def clients(count: int, market_open: int) -> Series:
    return {
        'ws_clients_gauge{instance="a"}': f"0+0{DAY}",
        'ws_clients_gauge{instance="b"}': f"{count}+0{DAY}",
        'market_open{exchange="XNYS",instance="a"}': f"{market_open}+0{DAY}",
        'market_open{exchange="XNYS",instance="b"}': f"{market_open}+0{DAY}",
    }


def faults(code: str, each_step: int, calls: int = 10) -> Series:
    return {CALLS: f"0+{calls}{DAY}", FAULTS % code: f"0+{each_step}{DAY}"}


CASES = {
    "MarketDataServiceDown": Case(
        {UP: f"0+0{DAY}", UP.replace("a:", "b:"): f"1+0{DAY}"},
        ({UP: f"1+0{DAY}"}, {UP: f"1 1 0 0 0 1+0{DAY}"}),
    ),
    "HealthEndpointFailing": Case(
        {HEALTH: f"0+0{DAY}"}, ({HEALTH: f"1+0{DAY}"}, {HEALTH: f"1 0 0 1+0{DAY}"})
    ),
    "WebSocketProbeFailing": Case({WEBSOCKET: f"0+0{DAY}"}, ({WEBSOCKET: f"1+0{DAY}"},)),
    "StoreUnreachable": Case(
        {
            'store_up{store="redis",instance="a"}': f"0+0{DAY}",
            'store_up{store="redis",instance="b"}': f"1+0{DAY}",
        },
        ({'store_up{store="redis",instance="a"}': f"1+0{DAY}"},),
    ),
    "LoopFailing": Case(
        {FAILURES % "KeyError": "0+10" + DAY},
        ({FAILURES % "StoreUnavailable": "0+1" + DAY}, {FAILURES % "KeyError": "0 1 2 2+0" + DAY}),
        since=STEP,
    ),
    "EventLoopStalled": Case(
        {'event_loop_stalls_total{instance="a"}': "0+50" + DAY},
        ({'event_loop_stalls_total{instance="a"}': "0 4 8+0" + DAY},),
        since=STEP,
    ),
    "ClockWrong": Case(
        {
            'clock_offset_seconds{instance="a"}': f"-2.1+0{DAY}",
            'clock_offset_seconds{instance="b"}': f"0.4+0{DAY}",
        },
        (
            {'clock_offset_seconds{instance="a"}': f"1.9+0{DAY}"},
            {'clock_offset_seconds{instance="a"}': "9 9 0+0" + DAY},
        ),
    ),
    "SLOGapViolationHighT0": Case(violation("T0", 0.005), (violation("T0", 0.0049), violation("T1", 0.5))),
    "SLOGapViolationHighT1": Case(violation("T1", 0.02), (violation("T1", 0.019), violation("T0", 0.5))),
    "SLOGapViolationHighT2": Case(violation("T2", 0.05), (violation("T2", 0.049), violation("T0", 0.5))),
    "IngestionLagHigh": Case(
        {'ingestion_lag_seconds{interval="1m"}': f"601+0{DAY}"},
        ({'ingestion_lag_seconds{interval="1m"}': f"600+0{DAY}"},),
    ),
    "BackfillOldestTooOldT0": Case(
        {'backfill_oldest_age_seconds{tier="T0"}': f"901+0{DAY}"},
        (
            {'backfill_oldest_age_seconds{tier="T0"}': f"900+0{DAY}"},
            {'backfill_oldest_age_seconds{tier="T2"}': f"90000+0{DAY}"},
        ),
    ),
    "BackfillQueueDepthHigh": Case(
        {'backfill_queue_depth{tier="T1"}': f"10001+0{DAY}"},
        ({'backfill_queue_depth{tier="T1"}': f"10000+0{DAY}"},),
    ),
    "ProviderErrorSpike": Case(
        faults("unavailable", 2),
        (
            faults("unavailable", 1, calls=11),
            faults("throttled", 9),
            faults("unsupported", 9),
            {CALLS: "0 1 2 3+0" + DAY, FAULTS % "malformed": "0 1 2 3+0" + DAY},  # three calls in all
        ),
        since=STEP,
    ),
    "ProviderCircuitBreakerOpen": Case(
        circuit("0 0 0.5 0 0 0.5 0 0 0.5 0 0 0.5 0 0 0.5 0 0 0.5"),
        (
            circuit(f"1+0{DAY}"),
            circuit(f"0 1+0{DAY}"),
        ),
    ),
    "DBWriteLatencyHigh": Case(
        histogram("write_batch_ms", {"25.0": 90, "50.0": 94, "75.0": 100, "+Inf": 100}),
        (histogram("write_batch_ms", {"25.0": 90, "50.0": 96, "75.0": 100, "+Inf": 100}),),
        since=STEP,
    ),
    "WSPublishLatencyHigh": Case(published(98), (published(100),), since=STEP),
    "NoWSClientsDuringRTH": Case(clients(0, 1), (clients(1, 1), clients(0, 0))),
    "SLOAvailabilityBurnFast": Case(
        probed(f"0+0{DAY}"), (probed(f"1+0{DAY}"), probed(f"0 1+0{DAY}")), since=121 * STEP
    ),
    "SLOAvailabilityBurnSlow": Case(
        {HEALTH: f"1+0x719 0+0x5 1+0{DAY}"},
        ({HEALTH: f"1+0{DAY}"}, {HEALTH: f"1+0x719 0 1+0{DAY}"}),
        since=724 * STEP,
    ),
    "SLOLatencyBurnFast": Case(published(80), (published(95), published(100)), since=STEP),
    "SLOLatencyBurnSlow": Case(published(93), (published(95), published(100)), since=STEP),
    "SLOContinuityBurnFast": Case(violation("T0", 0.08), (violation("T0", 0.07), violation("T1", 0.5))),
    "SLOContinuityBurnSlow": Case(violation("T0", 0.04), (violation("T0", 0.02), violation("T1", 0.5))),
}


def seconds(lasting: str) -> int:
    found = re.fullmatch(r"(\d+)([smh])", lasting)
    assert found is not None
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def test_every_alert_has_a_case() -> None:
    assert [one.name for one in ALERTS if one.name not in CASES] == []
    assert len(CASES) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one.name)
def test_it_fires_on_its_condition_and_stays_quiet_otherwise(alert: Alert, tmp_path: Path) -> None:
    case = CASES[alert.name]
    due = case.since + seconds(alert.lasting)
    tests = [
        _test(case.fires, [(alert.name, due - STEP, False), (alert.name, due + STEP, True)]),
        *(
            _test(series, [(alert.name, at, False) for at in range(0, due + 1200, 60)])
            for series in case.quiet
        ),
    ]
    _promtool(tests, tmp_path)


@pytest.mark.parametrize("name", ["MarketDataServiceDown", "HealthEndpointFailing"])
def test_nobody_to_be_asked_is_as_bad_as_no_answer(name: str, tmp_path: Path) -> None:
    _promtool(
        [_test({'up{job="prometheus"}': f"1+0{DAY}"}, [(name, 60, False), (name, 180, True)])], tmp_path
    )


def test_a_breaker_that_closes_ends_its_alert_at_once(tmp_path: Path) -> None:
    series, name = circuit("0 0 0 0 0 0 0 0 1+0" + DAY), "ProviderCircuitBreakerOpen"
    _promtool([_test(series, [(name, 7 * STEP, True), (name, 8 * STEP, False)])], tmp_path)


def test_a_breaker_that_waits_for_somebody_to_ask_ends_its_alert_too(tmp_path: Path) -> None:
    series, name = circuit(f"0 0.5+0{DAY}"), "ProviderCircuitBreakerOpen"
    _promtool([_test(series, [(name, 120, True), (name, 360, False)])], tmp_path)


def _test(series: Series, expected: list[tuple[str, int, bool]]) -> object:
    """A test of promtool: which alert fires at which second, and which does not."""
    return {
        "interval": f"{STEP}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'max(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": f"{at}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for name, at, fires in expected
        ],
    }


def _promtool(tests: list[object], folder: Path) -> None:
    path = folder / "tests.yaml"
    rules = str(DEPLOY / "monitoring" / "rules.yaml")
    path.write_text(json.dumps({"rule_files": [rules], "evaluation_interval": f"{STEP}s", "tests": tests}))
    said("promtool", "test", "rules", path)
