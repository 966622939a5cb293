"""docker-compose.yml: valid, bound to this machine, and made of files that are there."""

import re
import subprocess
import sys
from typing import Any

import pytest

from market_data.settings import Settings

from .programs import DEPLOY, ROOT, document, documents, said

SERVICES = {
    "postgres",
    "redis",
    "migrate",
    "market-data-service",
    "prometheus",
    "alertmanager",
    "blackbox-exporter",
    "grafana",
}


@pytest.fixture
def services() -> Any:
    return document("../docker-compose.yml")["services"]


def test_it_is_what_the_compose_specification_says() -> None:
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    ran = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_everything_is_there_with_a_version_and_waits_for_what_it_needs(services: Any) -> None:
    assert set(services) == SERVICES
    for name, one in services.items():
        assert re.search(r":v?\d", one["image"]), f"{name}: which version?"
        assert set(one.get("depends_on", ())) <= SERVICES
    waits = services["market-data-service"]["depends_on"]
    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert services["postgres"]["image"] == _backup_image()  # a pg_dump of another version may refuse


def test_nothing_listens_on_the_outside(services: Any) -> None:
    for one in services.values():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ()))


def test_every_mounted_file_is_there_and_every_volume_is_named(services: Any) -> None:
    volumes = document("../docker-compose.yml")["volumes"]
    for one in services.values():
        for mount in one.get("volumes", ()):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in volumes, mount


def test_the_service_is_configured_by_settings_that_exist(services: Any) -> None:
    known = {name.upper() for name in Settings.model_fields}
    settings = services["market-data-service"]["environment"]
    ours = {name for name in settings if not re.search(r"_(API_KEY|SECRET)$", name)}
    assert ours <= known
    assert settings == services["migrate"]["environment"]
    assert services["market-data-service"]["read_only"] is True


def test_the_names_by_which_prometheus_looks_are_given(services: Any) -> None:
    aliases = {
        alias
        for one in services.values()
        for alias in one.get("networks", {}).get("default", {}).get("aliases", ())
    }
    text = "".join(
        (DEPLOY / "monitoring" / name).read_text() for name in ("prometheus.yml", "prometheus-config.yaml")
    )
    assert set(re.findall(r"[\w-]+\.(?:trading|monitoring)\.svc", text)) == aliases


def test_prometheus_starts_on_what_it_is_told_to_put_together(services: Any, tmp_path: Any) -> None:
    [script] = services["prometheus"]["command"]
    making, starting = script.split("exec ")
    places = {"/config/": f"{DEPLOY}/monitoring/", "/tmp/": f"{tmp_path}/"}  # noqa: S108 - the container's
    making = re.sub("|".join(places), lambda found: places[found[0]], making)
    subprocess.run(["/bin/sh", "-ec", making], check=True)
    assert "--config.file=/tmp/prometheus.yml" in starting
    assert "SUCCESS" in said("promtool", "check", "config", tmp_path / "prometheus.yml")


def _backup_image() -> Any:
    job, _ = documents("k8s/backup-cronjob.yaml")
    return job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"]
