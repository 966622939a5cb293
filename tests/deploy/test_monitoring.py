"""What Prometheus, its operator, Alertmanager and the Blackbox exporter read."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

from watch.alerts import ALERTS

from .programs import DEPLOY, document, documents, said
from .watchers import appended

MONITORING = DEPLOY / "monitoring"
TARGETS = (
    "market-data-service",
    "blackbox-http-market-data-health",
    "blackbox-http-market-data-metrics",
    "blackbox-ws-market-data",
)
"""The guide's."""
AS_SHIPPED = """\
global:
  scrape_interval: 15s
alerting:
  alertmanagers:
    - static_configs:
        - targets:
          # - alertmanager:9093
rule_files:
  # - "first_rules.yml"
scrape_configs:
  - job_name: "prometheus"
    static_configs:
      - targets: ["localhost:9090"]
        labels:
          app: "prometheus\""""
"""Prometheus' own prometheus.yml, with no line end at its end, as an editor may leave it."""
KINDS: dict[str, Any] = {"ServiceMonitor": ServiceMonitor, "PrometheusRule": PrometheusRule}


@pytest.mark.parametrize("before", [AS_SHIPPED, (MONITORING / "prometheus.yml").read_text(encoding="utf-8")])
def test_scrape_configurations_can_be_appended_as_the_guide_says(before: str, tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(before + (MONITORING / "prometheus-config.yaml").read_text(encoding="utf-8"))
    shutil.copy(MONITORING / "rules.yaml", tmp_path)
    assert "SUCCESS" in said("promtool", "check", "config", config)
    jobs = [one["job_name"] for one in yaml.safe_load(config.read_text())["scrape_configs"]]
    assert jobs == ["prometheus", *TARGETS]


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "SUCCESS" in said("promtool", "check", "rules", MONITORING / "rules.yaml")


def test_the_blackbox_exporter_takes_its_modules() -> None:
    config = DEPLOY / "blackbox-exporter" / "blackbox.yml"
    said("prometheus-blackbox-exporter", f"--config.file={config}", "--config.check")


def test_the_probes_of_the_operator_are_those_of_prometheus() -> None:
    jobs = {one["job_name"]: one for one in yaml.safe_load(appended())["scrape_configs"]}
    modules = set(document("blackbox-exporter/values.yaml")["config"]["modules"])
    for monitor in documents("monitoring/servicemonitor-blackbox.yaml"):
        [endpoint] = monitor["spec"]["endpoints"]
        name, job = monitor["metadata"]["name"], jobs[monitor["metadata"]["name"]]
        relabelled = {one["targetLabel"]: one["replacement"] for one in endpoint["relabelings"]}
        [target] = endpoint["params"]["target"]
        assert name in TARGETS
        assert relabelled == {"job": name, "instance": target}
        assert job["static_configs"] == [{"targets": [target]}]
        assert job["params"]["module"] == endpoint["params"]["module"]
        assert job["scrape_interval"] == endpoint["interval"]
        assert set(endpoint["params"]["module"]) <= modules
    assert len(documents("monitoring/servicemonitor-blackbox.yaml")) == len(modules) == 3


def test_the_service_is_found_by_the_name_of_its_services() -> None:
    services = {one["metadata"]["name"]: one for one in documents("k8s/service.yaml")}
    monitor = document("monitoring/servicemonitor-market-data.yaml")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [name for name, one in services.items() if wanted <= one["metadata"]["labels"].items()]
    assert found == ["market-data-service"]  # by which the operator calls the job, which alerts ask for
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {one["name"] for one in services["market-data-service"]["spec"]["ports"]}
    [job] = [one for one in yaml.safe_load(appended())["scrape_configs"] if one["job_name"] == TARGETS[0]]
    [looked_up] = job["dns_sd_configs"]
    assert looked_up["names"] == ["market-data-service-replicas.trading.svc"]
    assert services["market-data-service-replicas"]["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("name", sorted(path.name for path in MONITORING.glob("*.yaml")))
def test_custom_resources_have_no_field_that_their_schema_lacks(name: str) -> None:
    if name in {"rules.yaml", "alertmanager.yaml", "prometheus-config.yaml"}:
        return  # no resources: the tests above have them read by their programs
    for one in documents(f"monitoring/{name}"):
        told = KINDS[one["kind"]].model_validate(one)
        assert told.model_dump(by_alias=True, exclude_unset=True, mode="json") == one
        assert one["metadata"]["namespace"] == "monitoring"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one.name)
def test_alerts_go_where_their_severity_says(alert: Any) -> None:
    config = f"--config.file={MONITORING / 'alertmanager.yaml'}"
    labels = (f"alertname={alert.name}", f"severity={alert.severity}", "service=market-data-service")
    receiver = said("amtool", "config", "routes", "test", config, *labels).strip()
    assert receiver == {"critical": "page", "warning": "review"}[alert.severity]


def test_an_alert_of_somebody_else_is_reviewed_too() -> None:
    config = f"--config.file={MONITORING / 'alertmanager.yaml'}"
    assert said("amtool", "config", "routes", "test", config, "alertname=Other").strip() == "review"
    assert "SUCCESS" in said("amtool", "check-config", MONITORING / "alertmanager.yaml")
