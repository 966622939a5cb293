"""The rules as Prometheus reads them, and as the Prometheus Operator does."""

from typing import Any

from watch.alerts import ALERTS, Alert, recorded
from watch.links import Links

EVALUATED_EVERY = "30s"


def groups(links: Links) -> dict[str, Any]:
    """A file of rules for Prometheus."""
    ratios = [{"record": one.record, "expr": one.expr} for one in recorded()]
    return {
        "groups": [
            {"name": "market-data-slo", "interval": EVALUATED_EVERY, "rules": ratios},
            {
                "name": "market-data-alerts",
                "interval": EVALUATED_EVERY,
                "rules": [_rule(one, links) for one in ALERTS],
            },
        ]
    }


def resource(links: Links) -> dict[str, Any]:
    """The same rules as a PrometheusRule."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "market-data-slo",
            "namespace": "monitoring",
            "labels": {"app": "market-data-service", "release": "prometheus"},
        },
        "spec": groups(links),
    }


def _rule(one: Alert, links: Links) -> dict[str, Any]:
    return {
        "alert": one.name,
        "expr": one.expr,
        "for": one.lasting,
        "labels": {
            "severity": one.severity,
            "service": "market-data-service",
            **({"slo": one.slo} if one.slo else {}),
        },
        "annotations": {
            "summary": one.summary,
            "description": one.description,
            "runbook_url": links.runbook(one.name),
            "dashboard_url": links.dashboard(one.dashboard),
        },
    }
