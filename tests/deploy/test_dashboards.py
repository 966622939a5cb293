"""The four dashboards have what the guide lists, in a form that Grafana takes."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from watch.alerts import ALERTS

from .programs import DEPLOY, ROOT, document

GRAFANA = DEPLOY / "grafana"
OF_THE_GUIDE = {
    "market-data-providers": {
        "Circuit breaker states",
        "Error rates by provider",
        "Latency p95/p99",
        "Health score history",
    },
    "market-data-ingestion": {
        "Gap violation rate",
        "Ingestion lag",
        "Jobs processed rate",
        "Backfill queue depth",
    },
    "market-data-performance": {
        "DB write latency",
        "Throughput (bars/sec)",
        "Memory usage",
        "CPU usage",
    },
    "market-data-websocket": {
        "Active clients",
        "Publish latency",
        "Dropped messages",
        "Replay buffer usage",
    },
}
"""By dashboard the panels that the guide lists."""
AT_THE_SLO = {
    "Gap violation rate": 0.005,
    "Backfill queue depth": 10_000,
    "Oldest backfill": 900,
    "Ingestion lag": 600,
    "DB write latency": 50,
    "Publish latency": 250,
    "Health score history": 0.55,
    "Error rates by provider": 0.1,
}
"""By panel a threshold at which its alert, or its service level, is."""
COLUMNS = 24
SCHEMA_VERSION = 39
"""Of the JSON: Grafana 11's, or newer."""


def _board(uid: str) -> Any:
    return json.loads((GRAFANA / "dashboards" / f"{uid}.json").read_text(encoding="utf-8"))


@pytest.fixture(params=OF_THE_GUIDE)
def board(request: pytest.FixtureRequest) -> Any:
    return _board(request.param)


@pytest.mark.parametrize("uid", OF_THE_GUIDE)
def test_it_has_the_panels_of_the_guide(uid: str) -> None:
    board = _board(uid)
    assert board["uid"] == uid
    assert {panel["title"] for panel in board["panels"]} >= OF_THE_GUIDE[uid]
    assert board["schemaVersion"] >= SCHEMA_VERSION


def test_its_panels_are_apart_and_within_the_page(board: Any) -> None:
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS for panel in panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_every_panel_says_what_it_shows_and_asks_the_chosen_data_source(board: Any) -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in board["panels"]:
        assert panel["type"] in {"timeseries", "statetimeline", "state-timeline"}
        assert panel["description"]
        assert panel["datasource"] == source
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"]) > 0
        assert all(one["datasource"] == source and one["expr"] for one in panel["targets"])


def test_every_variable_is_used_and_every_used_one_is_there(board: Any) -> None:
    variables = {one["name"] for one in board["templating"]["list"]}
    queries = {one["name"]: one for one in board["templating"]["list"] if one["type"] == "query"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__rate_interval"}
    assert used == variables
    assert all(one["datasource"]["uid"] == "${datasource}" for one in queries.values())
    assert all(one["includeAll"] and one["allValue"] == ".*" for one in queries.values())


def test_tiers_providers_and_intervals_can_be_chosen() -> None:
    chosen = {one["name"] for uid in OF_THE_GUIDE for one in _board(uid)["templating"]["list"]}
    assert chosen == {"datasource", "provider", "tier", "interval"}


@pytest.mark.parametrize("title", AT_THE_SLO)
def test_its_colour_changes_at_the_service_level(title: str) -> None:
    [panel] = [one for uid in OF_THE_GUIDE for one in _board(uid)["panels"] if one["title"] == title]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert AT_THE_SLO[title] in {one["value"] for one in steps}
    assert steps[0]["value"] is None


def test_every_alert_is_linked_by_a_panel_of_its_dashboard_to_its_runbook() -> None:
    for alert in ALERTS:
        panels = _board(alert.dashboard)["panels"]
        links = {link["url"] for panel in panels for link in panel.get("links", ())}
        [url] = [one for one in links if one.endswith(f"/{alert.name}.md")]
        assert (ROOT / "docs" / "runbooks" / url.rpartition("/")[2]).exists()


def test_provisioning_finds_dashboards_and_data_source() -> None:
    sources = document("grafana/provisioning/datasources/prometheus.yaml")
    providers = document("grafana/provisioning/dashboards/market-data.yaml")
    compose = document("../docker-compose.yml")["services"]
    mounted = dict(one.split(":")[:2] for one in compose["grafana"]["volumes"])
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert providers["providers"][0]["options"]["path"] == mounted["./deploy/grafana/dashboards"]
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    assert "prometheus" in compose
