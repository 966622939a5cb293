"""The guide's section 6: whether what was deployed works."""

import json
from typing import Any

from guide.acts import SETTLE_SECONDS
from guide.errors import Broken
from guide.sees import Labels, answers, counted, documents, samples, short
from guide.step import Part, Seen, Step, Target

KEYED = ("finnhub", "yahoo", "alphavantage")
"""The providers of the guide."""
WATCHING = "tests/deploy/test_watching.py"


def _health(body: Any, _: Target) -> str:
    if body["status"] != "ok":
        raise Broken(short(json.dumps(body)))
    detail = body["database"]["detail"]
    return f"ok: PostgreSQL {detail['postgresql']}, TimescaleDB {detail['timescaledb'] or 'none'}, Redis, collector"


def _scores(found: list[Any], _: Target) -> str:
    scores = {one["provider"]: one["health"] for one in found}
    if missing := [one for one in KEYED if one not in scores]:
        raise Broken(f"no {', '.join(missing)} among {', '.join(scores)}")
    known = {name: health for name, health in scores.items() if health is not None}
    if wrong := [one for one, health in known.items() if not 0 <= health <= 1]:
        raise Broken(f"no score from 0 to 1: {', '.join(wrong)}")
    if disabled := [one for one in KEYED if one not in known]:
        raise Broken(f"DISABLED: {', '.join(disabled)}")
    told = [f"{name} {health:.2f}" for name, health in known.items()]
    return ", ".join([*told, f"null for {len(scores) - len(known)} that are DISABLED"])


def _cadences(body: Any, _: Target) -> str:
    lines = {(one["tier"], one["capability"]): one for one in body["cadences"]}
    if {tier for tier, _ in lines} != {"T0", "T1", "T2"}:
        raise Broken(f"tiers {sorted({tier for tier, _ in lines})}")
    bars = lines["T0", "bars_1m"]
    return (
        f"{len(lines)} cadences; 1m bars of T0: asked for every {bars['asked_for_seconds']:g} s, "
        f"achievable {bars['achievable_seconds']:g} s, {bars['symbols']} symbols"
    )


def _price(body: Any, _: Target) -> str:
    if not (body["symbol"] == "AAPL" and body["price"] > 0):
        raise Broken(short(json.dumps(body)))
    return (
        f"{body['price']:g} at {body['ts']} from {body['provider']}, learned {body['age_seconds']:.1f} s ago"
    )


def _lag(found: list[tuple[Labels, float]], _: Target) -> str:
    if any(value > 180 for _, value in found):  # two bars and the minute that runs
        raise Broken(f"{found}")
    return ", ".join(f"{labels['interval']} {value:.0f} s" for labels, value in found)


def _first_lines(seen: Seen, _: Target) -> str:
    lines = seen.out.splitlines()
    if seen.code or len(lines) != 50 or not lines[0].startswith("# HELP "):
        raise Broken(f"exit code {seen.code}, {len(lines)} lines: {short(seen.out)}")
    return f"50 lines of the Prometheus text format, the first: {lines[0]}"


VERIFYING = Part(
    "6. Verify Deployment",
    (
        Step(
            guide="kubectl port-forward -n trading svc/market-data-service 8001:8001",
            promise="Port-forward for local access",
            skip="needs a cluster; here the service itself is on this machine",
        ),
        Step(
            guide="curl http://localhost:8001/health",
            promise="Health check",
            judge=answers(_health),
            within=SETTLE_SECONDS,
        ),
        Step(
            guide="curl http://localhost:8001/stats/providers | jq '.providers[] | {provider: .provider, health: .health_score}'",
            promise="Provider status",
            judge=documents(_scores),
        ),
        Step(
            guide="curl http://localhost:8001/stats/cadence",
            promise="Cadence configuration",
            judge=answers(_cadences),
        ),
        Step(
            guide="curl http://localhost:8001/metrics | head -50",
            promise="Metrics",
            judge=_first_lines,
        ),
        Step(
            guide="kubectl port-forward -n monitoring svc/prometheus 9090:9090",
            promise="Verify these targets are UP: market-data-service, blackbox-http-market-data-health, "
            "blackbox-http-market-data-metrics, blackbox-ws-market-data",
            skip=f"needs a cluster; {WATCHING} sees them UP in a real Prometheus",
        ),
        Step(
            guide="curl http://localhost:8001/stocks/AAPL/price",
            promise="Fetch stock price",
            judge=answers(_price),
            within=SETTLE_SECONDS,
        ),
        Step(
            guide='psql -U trading_user -d trading_db -c "SELECT COUNT(*) FROM candles_intraday;"',
            promise="Check database",
            judge=counted(lambda count, _: count > 0),
            within=SETTLE_SECONDS,
        ),
        Step(
            guide="curl http://localhost:8001/metrics | grep ingestion_lag_seconds",
            promise="Check ingestion lag",
            judge=samples("ingestion_lag_seconds", _lag),
            within=SETTLE_SECONDS,
        ),
    ),
)
