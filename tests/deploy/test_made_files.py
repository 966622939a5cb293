"""What is made from the tables is what the tables say, and what the contract asks for."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import make_deploy
from market_data.telemetry.metrics import METRICS
from watch.alerts import ALERTS
from watch.dashboards import BOARDS
from watch.links import Links

from .programs import DEPLOY, ROOT, document

CONTRACT = ROOT.parent / "shared" / "reference" / "contract.md"
WITH_THE_CONTRACT = pytest.mark.skipif(not CONTRACT.exists(), reason="the contract page is not part of it")
OTHERS_METRICS = {
    "up",
    "probe_success",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}
"""Of Prometheus, the Blackbox exporter and the process itself."""
WORDS = {
    *("abs", "increase", "vector"),
    *("sum", "by", "le", "max", "min", "avg", "rate", "or", "and", "on", "absent", "histogram_quantile"),
    *("avg_over_time", "min_over_time"),
}
"""PromQL's own."""


@pytest.mark.parametrize("name", make_deploy.files(Links()))
def test_a_made_file_is_up_to_date(name: str) -> None:
    written = (DEPLOY / name).read_text(encoding="utf-8")
    assert written == make_deploy.files(Links())[name], "run `make docs`"


def test_your_own_addresses_reach_alerts_and_dashboards() -> None:
    files = make_deploy.files(Links("https://wiki.example.org/runbooks", "https://grafana.example.org"))
    text = "".join(files.values())
    assert "https://wiki.example.org/runbooks/MarketDataServiceDown.md" in text
    assert "https://grafana.example.org/d/market-data-performance" in text
    assert "git.example.com" not in text
    assert "localhost:3000" not in text


def test_the_operator_and_prometheus_read_the_same_rules() -> None:
    resource = document("monitoring/alerts-slo.yaml")
    assert resource["spec"] == document("monitoring/rules.yaml")


@WITH_THE_CONTRACT
def test_every_alert_of_the_contract_is_there() -> None:
    section = CONTRACT.read_text(encoding="utf-8").partition("\nAlerts: ")[2].partition("; severity")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert len(named) == 11
    assert named <= {one.name for one in ALERTS}


def test_every_alert_says_how_bad_it_is_and_where_to_look() -> None:
    boards = {one.uid for one in BOARDS}
    for rule in _rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["runbook_url"].endswith(f"/{rule['alert']}.md")
        assert rule["annotations"]["dashboard_url"].rpartition("/")[2] in boards
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
    # the guide: critical is a service that is down, or whose health endpoint fails
    critical = {one.name for one in ALERTS if one.severity == "critical"}
    assert critical == {"MarketDataServiceDown", "HealthEndpointFailing", "SLOAvailabilityBurnFast"}
    assert max(Counter(one.name for one in ALERTS).values()) == 1


def test_alerts_and_dashboards_ask_only_for_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in _rules("record")}
    known = {one.name for one in METRICS} | OTHERS_METRICS | recorded
    exprs = [rule["expr"] for kind in ("alert", "record") for rule in _rules(kind)]
    exprs += [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]
    for expr in exprs:
        bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|(by|on) \([^)]*\)", "", expr)
        names = {re.sub(r"_(bucket|count|sum)$", "", one) for one in re.findall(r"[a-z_][\w:]*", bare)}
        assert names - WORDS <= known, expr


def _rules(kind: str = "alert") -> list[Any]:
    groups = document("monitoring/rules.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def test_nothing_else_lies_among_the_made_files() -> None:
    made = {path.name for path in (DEPLOY / "grafana" / "dashboards").iterdir()}
    assert made == {Path(name).name for name in make_deploy.files(Links()) if name.endswith(".json")}
